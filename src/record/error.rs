//! What can be wrong with a batch's bytes.

use crate::model::Compression;

/// Bytes that are no sound record batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorruptBatch {
    /// A message of before record batches.
    #[error("magic {0} (message format of before Kafka 0.11) is not supported")]
    OldMagic(i8),
    /// No format that Kafka ever had.
    #[error("batch with magic {found}, expected 2")]
    BadMagic {
        /// What stands at byte 16.
        found: i8,
    },
    /// Less than a header or more than Kafka's largest batch.
    #[error("batch length {found} is out of range, expected at least {min}")]
    BatchLength {
        /// What stands at byte 8: bytes after that field.
        found: i32,
        /// Bytes of a header after that field.
        min: i32,
    },
    /// The bytes are not those that were written.
    #[error("crc of the batch is {found:#010x}, expected {expected:#010x}")]
    Crc {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// A negative offset, or a last offset past the largest.
    #[error("offsets of the batch are out of range: base {base}, last delta {last_delta}")]
    Offsets {
        /// The base offset.
        base: i64,
        /// The last offset delta.
        last_delta: i32,
    },
    /// Negative, or more than the bytes can hold.
    #[error("records count {found} is out of range, {bytes} bytes hold at most {max}")]
    RecordsCount {
        /// What the header says.
        found: i32,
        /// Bytes of the records, decompressed.
        bytes: usize,
        /// How many smallest records they hold.
        max: usize,
    },
    /// A codec that Kafka does not have.
    #[error("unknown compression codec {0}, expected 0 to 4")]
    Codec(u8),
    /// The codec cannot make sense of the bytes.
    #[error("cannot decompress {codec}: {reason}")]
    Decompression {
        /// The codec.
        codec: Compression,
        /// What it says.
        reason: String,
    },
    /// More than the reader takes, perhaps a bomb.
    #[error("the batch decompresses to more than {limit} bytes")]
    TooLarge {
        /// How many it may have.
        limit: usize,
    },
    /// A record's fields do not add up.
    #[error("record {index} of the batch: {reason}")]
    Record {
        /// Its place in the batch, from 0.
        index: usize,
        /// What does not add up.
        reason: &'static str,
    },
    /// Bytes after the last record.
    #[error("{found} bytes after the last record of the batch, expected none")]
    TrailingBytes {
        /// How many.
        found: usize,
    },
}
