//! Builds one record batch after another in one buffer.
//!
//! Records are encoded as they come, after room for the header; `finish` compresses and seals. A
//! batch comes out with base offset 0 and leader epoch -1, for the log to set.

use super::attributes::Attributes;
use super::compression::Compressor;
use super::header::{FRAME_PREFIX_BYTES, HEADER_BYTES, MAGIC, at, put, seal};
use super::types::{Headers, Record};
use super::varint::{I64_BYTES_MAX, len_i64, put_i64, zigzag};
use crate::model::{Compression, limits};

/// What a batch of a plain producer says of its producer.
const NO_PRODUCER: Producer =
    Producer { id: -1, epoch: -1, base_sequence: -1, is_transactional: false };

/// Encodes records into a batch.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records as they are.
    plain: Vec<u8>,
    /// Room for the header, then the records compressed.
    packed: Vec<u8>,
    compressor: Compressor,
    count: usize,
    base_timestamp: i64,
    max_timestamp: i64,
    producer: Producer,
}

#[derive(Debug, Clone, Copy)]
struct Producer {
    id: i64,
    epoch: i16,
    base_sequence: i32,
    is_transactional: bool,
}

/// Why there is no batch to finish.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Without records there is no batch.
    #[error("a batch needs at least one record")]
    Empty,
    /// Kafka's sizes have 31 bits.
    #[error("a batch of {size} bytes is too large, at most {max} can be")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The codec failed.
    #[error("cannot compress a batch")]
    Compression(#[source] std::io::Error),
}

/// The sizes and deltas of one record, which come before its bytes.
struct Layout {
    timestamp_delta: i64,
    offset_delta: i64,
    /// Bytes after the length field.
    body_bytes: usize,
}

/// Small integers on their way into a batch.
struct Prefix {
    bytes: [u8; 6 * I64_BYTES_MAX],
    len: usize,
}

impl Default for Prefix {
    #[inline(always)]
    fn default() -> Self {
        Self { bytes: [0; 6 * I64_BYTES_MAX], len: 0 }
    }
}

impl Prefix {
    #[inline(always)]
    fn put(&mut self, value: i64) {
        let mut raw = zigzag(value);
        while raw >= 0x80 {
            self.bytes[self.len] = raw as u8 | 0x80;
            self.len += 1;
            raw >>= 7;
        }
        self.bytes[self.len] = raw as u8;
        self.len += 1;
    }

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl BatchBuilder {
    /// A builder of batches with this codec; for levels see [`Compressor::new`].
    #[must_use]
    pub fn new(compression: Compression, level: Option<i32>) -> Self {
        Self {
            plain: vec![0; HEADER_BYTES],
            packed: Vec::new(),
            compressor: Compressor::new(compression, level),
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            producer: NO_PRODUCER,
        }
    }

    /// Says which idempotent producer the batches come from, from the next `finish` on.
    ///
    /// `base_sequence` is of the next batch's first record, and to be set anew for each batch.
    pub fn with_producer(
        &mut self,
        id: i64,
        epoch: i16,
        base_sequence: i32,
        transactional: bool,
    ) -> &mut Self {
        self.producer = Producer { id, epoch, base_sequence, is_transactional: transactional };
        self
    }

    /// Adds a record; its offset is not looked at.
    #[inline]
    pub fn push(&mut self, record: &Record<'_>) {
        self.push_within(record, usize::MAX);
    }

    /// Adds a record, unless there are some and the batch would be larger than `bytes_max` before
    /// compression. True if it was added.
    #[inline]
    pub fn push_within(&mut self, record: &Record<'_>, bytes_max: usize) -> bool {
        let layout = self.layout(record);
        let largest = layout.body_bytes + super::varint::I64_BYTES_MAX;
        let out = &mut self.plain;
        if self.count == 0 {
            self.base_timestamp = record.timestamp;
            self.max_timestamp = record.timestamp;
        } else if largest > bytes_max.saturating_sub(out.len()) {
            return false;
        }
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        out.reserve(largest);
        // What stands before the first bytes goes in at once: a check of room for each small
        // integer costs more than writing it.
        let mut prefix = Prefix::default();
        prefix.put(layout.body_bytes as i64);
        prefix.put(0);
        prefix.put(layout.timestamp_delta);
        prefix.put(layout.offset_delta);
        if let Some(key) = record.key {
            prefix.put(key.len() as i64);
            out.extend_from_slice(prefix.bytes());
            out.extend_from_slice(key);
            prefix = Prefix::default();
        } else {
            prefix.put(-1);
        }
        prefix.put(record.value.map_or(-1, |value| value.len() as i64));
        out.extend_from_slice(prefix.bytes());
        out.extend_from_slice(record.value.unwrap_or_default());
        put_headers(out, &record.headers);
        self.count += 1;
        true
    }

    /// Bytes of the batch before compression, header included.
    #[must_use]
    pub fn size_in_bytes(&self) -> usize {
        self.plain.len()
    }

    /// What [`BatchBuilder::size_in_bytes`] would be with `record` added.
    #[must_use]
    pub fn size_with(&self, record: &Record<'_>) -> usize {
        let body = self.layout(record).body_bytes;
        self.plain.len() + len_i64(body as i64) + body
    }

    /// Records so far.
    #[must_use]
    pub const fn records_count(&self) -> usize {
        self.count
    }

    /// Whether there are no records yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Makes the records a whole batch. They stay until [`BatchBuilder::clear`].
    ///
    /// # Errors
    /// [`BuildError`]: no records, more than 2 GiB of them, or a codec out of memory.
    pub fn finish(&mut self) -> Result<&mut [u8], BuildError> {
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        let max = limits::BATCH_BYTES_MAX;
        check_size(&self.plain, max)?;
        let codec = self.compressor.codec();
        let batch = if codec == Compression::None {
            &mut self.plain
        } else {
            self.packed.clear();
            self.packed.resize(HEADER_BYTES, 0);
            let records = &self.plain[HEADER_BYTES..];
            self.compressor.compress(records, &mut self.packed).map_err(BuildError::Compression)?;
            check_size(&self.packed, max)?;
            &mut self.packed
        };
        let producer = self.producer;
        // Both fit: a batch has at most 2^31 - 1 bytes, and a record at least 7.
        let (length, count) = ((batch.len() - FRAME_PREFIX_BYTES) as i32, self.count as i32);
        put(batch, at::BASE_OFFSET, 0_i64.to_be_bytes());
        put(batch, at::BATCH_LENGTH, length.to_be_bytes());
        put(batch, at::LEADER_EPOCH, (-1_i32).to_be_bytes());
        put(batch, at::MAGIC, MAGIC.to_be_bytes());
        let attributes = Attributes::new(codec, producer.is_transactional);
        put(batch, at::ATTRIBUTES, attributes.0.to_be_bytes());
        put(batch, at::LAST_OFFSET_DELTA, (count - 1).to_be_bytes());
        put(batch, at::BASE_TIMESTAMP, self.base_timestamp.to_be_bytes());
        put(batch, at::MAX_TIMESTAMP, self.max_timestamp.to_be_bytes());
        put(batch, at::PRODUCER_ID, producer.id.to_be_bytes());
        put(batch, at::PRODUCER_EPOCH, producer.epoch.to_be_bytes());
        put(batch, at::BASE_SEQUENCE, producer.base_sequence.to_be_bytes());
        put(batch, at::RECORDS_COUNT, count.to_be_bytes());
        seal(batch);
        Ok(batch)
    }

    /// Drops the records, and keeps the room that they had.
    pub fn clear(&mut self) {
        self.plain.truncate(HEADER_BYTES);
        self.count = 0;
    }

    #[inline]
    fn layout(&self, record: &Record<'_>) -> Layout {
        let base = if self.count == 0 { record.timestamp } else { self.base_timestamp };
        // Far timestamps wrap, as in Java; reading wraps them back.
        let timestamp_delta = record.timestamp.wrapping_sub(base);
        let offset_delta = self.count as i64;
        let body_bytes = 1
            + len_i64(timestamp_delta)
            + len_i64(offset_delta)
            + nullable_bytes(record.key)
            + nullable_bytes(record.value)
            + headers_bytes(&record.headers);
        Layout { timestamp_delta, offset_delta, body_bytes }
    }
}

/// At least what [`size_alone`] gives, and cheaper.
#[inline]
pub(super) fn size_alone_max(record: &Record<'_>) -> usize {
    const INTEGERS_BYTES_MAX: usize = 1 + 6 * I64_BYTES_MAX;
    let headers = if record.headers.is_empty() { 0 } else { headers_bytes(&record.headers) };
    let (key, value) = (record.key.unwrap_or_default(), record.value.unwrap_or_default());
    HEADER_BYTES + INTEGERS_BYTES_MAX + key.len() + value.len() + headers
}

/// Bytes of the smallest batch that holds `record`: what `max.message.bytes` measures.
#[inline]
pub(super) fn size_alone(record: &Record<'_>) -> usize {
    let body = 3
        + nullable_bytes(record.key)
        + nullable_bytes(record.value)
        + headers_bytes(&record.headers);
    HEADER_BYTES + len_i64(body as i64) + body
}

fn check_size(batch: &[u8], max: usize) -> Result<(), BuildError> {
    let size = batch.len();
    if size > max { Err(BuildError::TooLarge { size, max }) } else { Ok(()) }
}

#[inline]
pub(super) fn nullable_bytes(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| len_i64(bytes.len() as i64) + bytes.len())
}

/// Appends a header as a record has it.
pub fn write_header(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    put_nullable(out, Some(key));
    put_nullable(out, value);
}

#[inline]
pub(super) fn put_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put_i64(out, -1),
        Some(bytes) => {
            put_i64(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

#[inline]
pub(super) fn headers_bytes(headers: &Headers<'_>) -> usize {
    len_i64(headers.len() as i64)
        + match headers {
            Headers::Encoded { bytes, .. } => bytes.len(),
            Headers::List(list) => list
                .iter()
                .map(|header| nullable_bytes(Some(header.key)) + nullable_bytes(header.value))
                .sum(),
        }
}

#[inline]
pub(super) fn put_headers(out: &mut Vec<u8>, headers: &Headers<'_>) {
    put_i64(out, headers.len() as i64);
    match headers {
        Headers::Encoded { bytes, .. } => out.extend_from_slice(bytes),
        Headers::List(list) => {
            for header in *list {
                write_header(out, header.key, header.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Frame, Header};
    use super::*;

    const RECORD: Record<'static> = Record {
        offset: 0,
        timestamp: 1,
        key: Some(b"key"),
        value: None,
        headers: Headers::List(&[Header { key: b"h", value: None }]),
    };

    #[test]
    fn an_empty_batch_is_none() {
        let mut builder = BatchBuilder::new(Compression::Zstd, None);
        assert!(matches!(builder.finish(), Err(BuildError::Empty)));
        assert_eq!((builder.size_in_bytes(), builder.is_empty()), (HEADER_BYTES, true));
    }

    #[test]
    fn a_cleared_builder_is_as_new() {
        for codec in Compression::ALL {
            let mut builder = BatchBuilder::new(codec, None);
            builder.push(&RECORD);
            let first = builder.finish().expect("a batch").to_vec();
            assert_eq!(builder.finish().expect("again"), first);
            builder.clear();
            builder.push(&Record { timestamp: 99, ..RECORD });
            builder.push(&RECORD);
            assert_eq!(builder.records_count(), 2);
            builder.clear();
            builder.push(&RECORD);
            assert_eq!(builder.finish().expect("a batch"), first, "{codec}");
        }
    }

    #[test]
    fn the_size_alone_is_that_of_a_batch_of_one() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        assert_eq!(size_alone(&RECORD), builder.size_with(&RECORD));
        builder.push(&RECORD);
        assert_eq!(size_alone(&RECORD), builder.finish().expect("a batch").len());
    }

    #[test]
    fn producers_are_written_down() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.push(&RECORD);
        let bytes = builder.with_producer(7, 2, 40, true).finish().expect("a batch").to_vec();
        let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes) else { panic!("no batch") };
        assert_eq!((batch.producer_id(), batch.producer_epoch()), (7, 2));
        assert_eq!((batch.base_sequence(), batch.last_sequence()), (40, 40));
        assert!(batch.attributes().is_transactional());
    }
}
