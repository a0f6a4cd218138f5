//! The header of a record batch: where its fields are, and setting them.
//!
//! All integers are big-endian. The crc is CRC-32C over everything from `attributes` on, so that
//! the log can set `base_offset` and `leader_epoch` of a batch that it was given.
//!
//! | byte | bytes | field | | byte | bytes | field |
//! | --- | --- | --- | --- | --- | --- | --- |
//! | 0 | 8 | base offset | | 27 | 8 | base timestamp |
//! | 8 | 4 | batch length: bytes after it | | 35 | 8 | max timestamp |
//! | 12 | 4 | partition leader epoch | | 43 | 8 | producer id |
//! | 16 | 1 | magic, 2 | | 51 | 2 | producer epoch |
//! | 17 | 4 | crc | | 53 | 4 | base sequence |
//! | 21 | 2 | attributes | | 57 | 4 | records count |
//! | 23 | 4 | last offset delta | | 61 | | records, compressed as a whole |
//!
//! Source: KIP-98 and Kafka's `DefaultRecordBatch`.

use super::attributes::Attributes;
use crate::model::Offset;

/// Bytes of a batch before its records.
pub const HEADER_BYTES: usize = 61;
/// Bytes of a batch up to and including its length field: base offset and batch length.
pub const FRAME_PREFIX_BYTES: usize = 12;
/// The format of this module.
pub const MAGIC: i8 = 2;

/// Where the fields begin.
pub(super) mod at {
    pub(in crate::record) const BASE_OFFSET: usize = 0;
    pub(in crate::record) const BATCH_LENGTH: usize = 8;
    pub(in crate::record) const LEADER_EPOCH: usize = 12;
    pub(in crate::record) const MAGIC: usize = 16;
    pub(in crate::record) const CRC: usize = 17;
    pub(in crate::record) const ATTRIBUTES: usize = 21;
    pub(in crate::record) const LAST_OFFSET_DELTA: usize = 23;
    pub(in crate::record) const BASE_TIMESTAMP: usize = 27;
    pub(in crate::record) const MAX_TIMESTAMP: usize = 35;
    pub(in crate::record) const PRODUCER_ID: usize = 43;
    pub(in crate::record) const PRODUCER_EPOCH: usize = 51;
    pub(in crate::record) const BASE_SEQUENCE: usize = 53;
    pub(in crate::record) const RECORDS_COUNT: usize = 57;
}
const _: () = assert!(at::RECORDS_COUNT + 4 == HEADER_BYTES);

/// CRC-32C of what a batch's crc covers.
pub(super) fn crc_of(batch: &[u8]) -> u32 {
    crc32c::crc32c(batch.get(at::ATTRIBUTES..).unwrap_or_default())
}

/// Numbers a batch's records from `base_offset` on. The crc does not cover this field.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn set_base_offset(batch: &mut [u8], base_offset: Offset) {
    put(batch, at::BASE_OFFSET, base_offset.0.to_be_bytes());
}

/// Says under which leader a batch was appended. The crc does not cover this field.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn set_leader_epoch(batch: &mut [u8], leader_epoch: i32) {
    put(batch, at::LEADER_EPOCH, leader_epoch.to_be_bytes());
}

/// Gives every record of a batch the log's time, and the batch its new crc.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp_append_time(batch: &mut [u8], timestamp_ms: i64) {
    let low = batch[at::ATTRIBUTES + 1] | Attributes::LOG_APPEND_TIME as u8;
    batch[at::ATTRIBUTES + 1] = low;
    set_max_timestamp(batch, timestamp_ms);
}

/// Corrects a batch's largest timestamp, and the batch's crc.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn set_max_timestamp(batch: &mut [u8], timestamp_ms: i64) {
    put(batch, at::MAX_TIMESTAMP, timestamp_ms.to_be_bytes());
    seal(batch);
}

/// Makes a batch a control batch.
pub(super) fn as_control(batch: &mut [u8]) {
    batch[at::ATTRIBUTES + 1] |= Attributes::CONTROL as u8;
    seal(batch);
}

/// Computes and writes a batch's crc.
pub(super) fn seal(batch: &mut [u8]) {
    let crc = crc_of(batch);
    put(batch, at::CRC, crc.to_be_bytes());
}

pub(super) fn put<const BYTES: usize>(batch: &mut [u8], at: usize, field: [u8; BYTES]) {
    batch[at..at + BYTES].copy_from_slice(&field);
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, BatchBuilder, Compression, Decompressor, Frame, Headers, Record};
    use super::*;
    use crate::model::TimestampType;

    fn built() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (key, value, headers) = (None, Some(&b"v"[..]), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers });
        builder.finish().expect("a batch").to_vec()
    }

    fn whole(bytes: &[u8]) -> Batch<'_> {
        match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_log_sets_offset_and_epoch_without_the_crc() {
        let mut bytes = built();
        set_base_offset(&mut bytes, Offset(1 << 40));
        set_leader_epoch(&mut bytes, 9);
        let batch = whole(&bytes);
        assert_eq!(batch.check(), Ok(()));
        assert_eq!((batch.base_offset(), batch.leader_epoch()), (Offset(1 << 40), 9));
    }

    #[test]
    fn append_time_is_stamped() {
        let mut bytes = built();
        stamp_append_time(&mut bytes, 77);
        let batch = whole(&bytes);
        assert_eq!(batch.check(), Ok(()));
        assert_eq!(batch.attributes().timestamp_type(), TimestampType::LogAppendTime);
        let mut scratch = Decompressor::new(100);
        let mut records = batch.records(&mut scratch).expect("plain");
        assert_eq!(records.next().map(|record| record.map(|r| r.timestamp)), Some(Ok(77)));
    }
}
