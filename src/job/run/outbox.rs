//! Results that wait for the next commit, as bytes: what a job with a name sends to topics is kept with its state first, and
//! sent then. So one that dies in between sends what it kept, and nothing that it did not.
//!
//! A result, numbers little-endian:
//!
//! | field | bytes |
//! | --- | --- |
//! | timestamp | 8 |
//! | length of the topic's name | 4 |
//! | lengths of key and value, all ones where null; of headers | 4 each |
//! | topic, key, value, headers | the rest |

use crate::model::TopicName;
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
    pub(super) fn push(&mut self, topic: &TopicName, record: &Record<'_>, headers: &[u8]) {
        let out = &mut self.bytes;
        let length = |bytes: Option<&[u8]>| {
            bytes.map_or(NULL, |it| u32::try_from(it.len()).expect("a record has a 31-bit length"))
        };
        let topic = topic.as_bytes();
        out.extend_from_slice(&record.timestamp.to_le_bytes());
        for part in [Some(topic), record.key, record.value, Some(headers)] {
            out.extend_from_slice(&length(part).to_le_bytes());
        }
        out.extend_from_slice(topic);
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

/// Takes the next result and its topic; `None` at the end, and where there is no whole one.
pub(super) fn take<'a>(bytes: &mut &'a [u8]) -> Option<(&'a str, Record<'a>)> {
    let (timestamp, rest) = bytes.split_first_chunk()?;
    let (lengths, mut rest) = rest.split_at_checked(4 * 4)?;
    let (lengths, _) = lengths.as_chunks();
    let mut parts = lengths.iter().map(|length| {
        let length = u32::from_le_bytes(*length);
        if length == NULL {
            return Some(None);
        }
        let (part, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        Some(Some(part))
    });
    let mut part = || parts.next().flatten();
    let (topic, key, value, headers) = (part()??, part()?, part()?, part()??);
    let topic = str::from_utf8(topic).ok()?;
    let headers = Headers::from_encoded(headers)?;
    *bytes = rest;
    let timestamp = i64::from_le_bytes(*timestamp);
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
            ("a", record(Some(&b"k"[..]), None, list)),
            ("b", record(None, Some(&b""[..]), Headers::NONE)),
        ];
        let topics = ["a", "b"].map(|name| TopicName::new(name).expect("a name"));
        let mut outbox = Outbox::default();
        outbox.push(&topics[0], &records[0].1, &headers);
        outbox.push(&topics[1], &records[1].1, b"");
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
