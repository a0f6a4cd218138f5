//! Results that wait for the next commit, as bytes: what a job with a name sends to topics is kept with its state first, and
//! sent then. So one that dies in between sends what it kept, and nothing that it did not.
//!
//! A result, numbers little-endian:
//!
//! | field | bytes |
//! | --- | --- |
//! | place of the topic among those of the job | 4 |
//! | timestamp | 8 |
//! | lengths of key and value, all ones where null; of headers | 4 each |
//! | key, value, headers | the rest |

use crate::record::{Headers, Record};

const NULL: u32 = u32::MAX;

/// Bytes that wait at most before they are kept and sent.
pub(super) const OUTBOX_BYTES: usize = 8 << 20;

/// Results that wait.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
}

impl Outbox {
    /// Adds a result for a topic; headers as a record has them.
    pub(super) fn push(&mut self, topic: usize, record: &Record<'_>, headers: &[u8]) {
        let out = &mut self.bytes;
        let length = |bytes: Option<&[u8]>| {
            bytes.map_or(NULL, |it| u32::try_from(it.len()).expect("a record has a 31-bit length"))
        };
        let topic = u32::try_from(topic).expect("a job has fewer topics");
        out.extend_from_slice(&topic.to_le_bytes());
        out.extend_from_slice(&record.timestamp.to_le_bytes());
        for length in [length(record.key), length(record.value), length(Some(headers))] {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(record.key.unwrap_or_default());
        out.extend_from_slice(record.value.unwrap_or_default());
        out.extend_from_slice(headers);
    }

    pub(super) const fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// Takes the next result and the place of its topic; `None` at the end, and where there is no whole one.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(usize, Record<'a>)> {
    let mut rest = *bytes;
    let mut number = || {
        let (number, after) = rest.split_first_chunk()?;
        rest = after;
        Some(u32::from_le_bytes(*number))
    };
    let topic = usize::try_from(number()?).ok()?;
    let (low, high) = (number()?, number()?);
    let timestamp = (u64::from(high) << 32 | u64::from(low)).cast_signed();
    let lengths = [number()?, number()?, number()?];
    let mut part = |length: u32| {
        if length == NULL {
            return Some(None);
        }
        let (part, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        Some(Some(part))
    };
    let (key, value, headers) = (part(lengths[0])?, part(lengths[1])?, part(lengths[2])??);
    let headers = Headers::from_encoded(headers)?;
    *bytes = rest;
    Some((topic, Record { offset: 0, timestamp, key, value, headers }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_back_and_cut_ones_do_not() {
        let mut headers = Vec::new();
        crate::record::write_header(&mut headers, b"h", None);
        let list = Headers::from_encoded(&headers).expect("headers");
        let record = |key, value, headers| Record { offset: 0, timestamp: -1, key, value, headers };
        let records = [
            (0, record(Some(&b"k"[..]), None, list)),
            (70_000, record(None, Some(&b""[..]), Headers::NONE)),
        ];
        let mut outbox = Outbox::default();
        outbox.push(0, &records[0].1, &headers);
        outbox.push(70_000, &records[1].1, b"");
        let mut bytes = outbox.bytes();
        for expected in &records {
            let (topic, record) = take(&mut bytes).expect("a result");
            assert_eq!((topic, record.timestamp), (expected.0, -1));
            assert_eq!((record.key, record.value), (expected.1.key, expected.1.value));
            assert_eq!(record.headers.len(), expected.1.headers.len());
        }
        assert!(take(&mut bytes).is_none() && bytes.is_empty());
        let whole = outbox.bytes();
        for cut in 0..24 {
            assert!(take(&mut &whole[..cut]).is_none());
        }
    }
}
