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

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;

use super::failure::RunError;
use crate::model::TopicName;
use crate::record::{Headers, Record};
use crate::storage;

const NULL: u32 = u32::MAX;

/// Bytes that wait, before they are kept and sent.
const FULL_BYTES: usize = 4 << 20;
/// Bytes in memory. One record can have any number of results, and the end of many windows has: what is beyond goes to a file.
const MEMORY_BYTES: usize = 8 << 20;

/// Results that wait.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Where there is room for more.
    directory: PathBuf,
    spilled: Option<Spilled>,
}

/// Results in a file: pieces of so many bytes, each of whole results.
#[derive(Debug)]
struct Spilled {
    file: File,
    pieces: Vec<usize>,
}

impl Outbox {
    /// An empty one, with room in a directory.
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self { bytes: Vec::new(), directory, spilled: None }
    }

    /// Adds a result for a topic; headers as a record has them.
    pub(super) fn push(
        &mut self,
        topic: &TopicName,
        record: &Record<'_>,
        headers: &[u8],
    ) -> io::Result<()> {
        if self.bytes.len() >= MEMORY_BYTES {
            self.spill()?;
        }
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
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            None => {
                let file = storage::scratch_file(&self.directory)?;
                self.spilled.insert(Spilled { file, pieces: Vec::new() })
            }
        };
        spilled.file.write_all(&self.bytes)?;
        spilled.pieces.push(self.bytes.len());
        self.bytes.clear();
        Ok(())
    }

    /// Gives what waits, in pieces of whole results.
    pub(super) fn each_piece(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        if let Some(Spilled { file, pieces }) = &mut self.spilled {
            let failed = |source| RunError::Scratch(self.directory.clone(), source);
            file.rewind().map_err(failed)?;
            let mut piece = Vec::new();
            for length in pieces {
                piece.resize(*length, 0);
                file.read_exact(&mut piece).map_err(failed)?;
                each(&piece)?;
            }
            file.seek(io::SeekFrom::End(0)).map_err(failed)?;
        }
        if self.bytes.is_empty() { Ok(()) } else { each(&self.bytes) }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.spilled.is_none()
    }

    /// Whether so much waits that it is to be kept and sent now.
    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() > FULL_BYTES || self.spilled.is_some()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spilled = None;
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
        let mut outbox = Outbox::new(PathBuf::new());
        outbox.push(&topics[0], &records[0].1, &headers).expect("has room");
        outbox.push(&topics[1], &records[1].1, b"").expect("has room");
        let whole = outbox.bytes.clone();
        let mut bytes = &whole[..];
        for expected in &records {
            let (topic, record) = take(&mut bytes).expect("a result");
            assert_eq!((topic, record.timestamp), (expected.0, -1));
            assert_eq!((record.key, record.value), (expected.1.key, expected.1.value));
            assert_eq!(record.headers.len(), expected.1.headers.len());
        }
        assert!(take(&mut bytes).is_none() && bytes.is_empty());
        for cut in 0..24 {
            assert!(take(&mut &whole[..cut]).is_none());
        }
    }

    #[test]
    fn more_than_fits_into_memory_comes_back_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut outbox = Outbox::new(directory.path().to_owned());
        let topic = TopicName::new("t").expect("a name");
        let value = vec![7; 1 << 20];
        let record = |timestamp| Record {
            offset: 0,
            timestamp,
            key: None,
            value: Some(&value),
            headers: Headers::NONE,
        };
        for round in 0..2 {
            for number in 0..30 {
                outbox.push(&topic, &record(number), b"").expect("is put");
                assert!(outbox.bytes.len() <= MEMORY_BYTES + (1 << 20) + 100);
            }
            assert!(outbox.is_full());
            for _ in 0..2 {
                let (mut next, mut pieces) = (0, 0);
                let given = outbox.each_piece(|mut piece| {
                    pieces += 1;
                    while let Some((topic, record)) = take(&mut piece) {
                        assert_eq!((topic, record.timestamp), ("t", next), "round {round}");
                        next += 1;
                    }
                    Ok(())
                });
                given.expect("is given");
                assert!(next == 30 && pieces > 2);
            }
            outbox.clear();
            assert!(outbox.is_empty());
        }
    }
}
