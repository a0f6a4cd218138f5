//! Records that wait to be taken in the order of their times.

use super::feed::Stored;
use crate::cluster::LocatedRecord;
use crate::job::programs::encoded_headers;
use crate::stream::Headers;

/// A record that owns its bytes: they stand one after the other.
#[derive(Debug, Default)]
pub(super) struct OwnedRecord {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    bytes: Vec<u8>,
    key: Option<usize>,
    value: Option<usize>,
    /// Why it can't be taken.
    pub(super) failure: Option<String>,
}

impl OwnedRecord {
    pub(super) fn copied(located: &LocatedRecord<'_>, scratch: &mut Vec<u8>) -> Self {
        let record = &located.record;
        let headers = encoded_headers(record.headers, scratch).0;
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let mut bytes =
            Vec::with_capacity(length(record.key) + length(record.value) + headers.len());
        bytes.extend_from_slice(record.key.unwrap_or_default());
        bytes.extend_from_slice(record.value.unwrap_or_default());
        bytes.extend_from_slice(headers);
        Self {
            partition: located.partition.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            bytes,
            key: record.key.map(<[u8]>::len),
            value: record.value.map(<[u8]>::len),
            failure: None,
        }
    }

    pub(super) fn stored(&self) -> Stored<'_> {
        Stored {
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            key: self.key(),
            value: self.value(),
            headers: self.headers(),
        }
    }

    /// Bytes that it takes, about.
    pub(super) const fn size_in_bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }

    fn key(&self) -> Option<&[u8]> {
        self.key.map(|length| &self.bytes[..length])
    }

    fn value(&self) -> Option<&[u8]> {
        let start = self.key.unwrap_or_default();
        self.value.map(|length| &self.bytes[start..start + length])
    }

    fn headers(&self) -> Headers<'_> {
        Headers(&self.bytes[self.key.unwrap_or_default() + self.value.unwrap_or_default()..])
    }
}
