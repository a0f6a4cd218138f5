//! Batches with some of their records left out, as compaction leaves them.
//!
//! What a batch says of its place and its producer stays: base offset, last offset, leader epoch,
//! producer, sequence, codec and flags. Records keep offset and time. So readers find gaps among
//! the offsets, and whoever follows producers finds the same as before.
//!
//! Source: Kafka's `MemoryRecords.filterTo` and `DefaultRecordBatch.writeEmptyHeader`.

use super::attributes::Attributes;
use super::batch::Batch;
use super::builder::{BuildError, headers_bytes, nullable_bytes, put_headers, put_nullable};
use super::compression::Compressor;
use super::header::{FRAME_PREFIX_BYTES, HEADER_BYTES, at, put, seal};
use super::types::Record;
use super::varint::{len_i64, put_i64};
use crate::model::{Compression, TimestampType, limits};

/// Writes batches anew with the records that are pushed, in one buffer for all of them.
#[derive(Debug, Default)]
pub struct BatchRewriter {
    /// Room for the header, then the records as they are.
    plain: Vec<u8>,
    /// The header, then the records compressed.
    packed: Vec<u8>,
    compressor: Option<Compressor>,
    count: i32,
    base_offset: i64,
    base_timestamp: i64,
    max_timestamp: i64,
    /// Timestamp deltas count from another time than in the batch as it was.
    is_rebased: bool,
}

impl BatchRewriter {
    /// Begins with a batch. Its tombstones or marker may go at `delete_horizon_ms`, where that is
    /// given; otherwise what it says of that stays.
    pub fn begin(&mut self, batch: &Batch<'_>, delete_horizon_ms: Option<i64>) {
        self.plain.clear();
        self.plain.extend_from_slice(&batch.as_bytes()[..HEADER_BYTES]);
        self.count = 0;
        self.base_offset = batch.base_offset().0;
        self.is_rebased = delete_horizon_ms.is_some();
        self.base_timestamp = delete_horizon_ms.unwrap_or_else(|| batch.base_timestamp());
        self.max_timestamp = match batch.attributes().timestamp_type() {
            TimestampType::CreateTime => -1,
            TimestampType::LogAppendTime => batch.max_timestamp(),
        };
        if let Some(horizon_ms) = delete_horizon_ms {
            let attributes = batch.attributes().0 | Attributes::DELETE_HORIZON;
            put(&mut self.plain, at::ATTRIBUTES, attributes.to_be_bytes());
            put(&mut self.plain, at::BASE_TIMESTAMP, horizon_ms.to_be_bytes());
        }
    }

    /// Adds a record of the batch, which stands there as `bytes`.
    pub fn push(&mut self, record: &Record<'_>, bytes: &[u8]) {
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        if self.is_rebased {
            self.encode(record);
        } else {
            self.plain.extend_from_slice(bytes);
        }
    }

    /// The batch with what was pushed. `level` is that of its codec, if there is one to choose.
    ///
    /// # Errors
    /// [`BuildError`]: no records, a codec out of memory, or one that makes them larger than a
    /// batch can be.
    pub fn finish(&mut self, codec: Compression, level: Option<i32>) -> Result<&[u8], BuildError> {
        if self.count == 0 {
            return Err(BuildError::Empty);
        }
        let (count, max_timestamp) = (self.count, self.max_timestamp);
        let batch = if codec == Compression::None {
            &mut self.plain
        } else {
            let compressor = match &mut self.compressor {
                Some(compressor) if compressor.codec() == codec => compressor,
                other => other.insert(Compressor::new(codec, level)),
            };
            self.packed.clear();
            self.packed.extend_from_slice(&self.plain[..HEADER_BYTES]);
            compressor
                .compress(&self.plain[HEADER_BYTES..], &mut self.packed)
                .map_err(BuildError::Compression)?;
            &mut self.packed
        };
        let (size, max) = (batch.len(), limits::BATCH_BYTES_MAX);
        if size > max {
            return Err(BuildError::TooLarge { size, max });
        }
        put(batch, at::BATCH_LENGTH, ((size - FRAME_PREFIX_BYTES) as i32).to_be_bytes());
        put(batch, at::MAX_TIMESTAMP, max_timestamp.to_be_bytes());
        put(batch, at::RECORDS_COUNT, count.to_be_bytes());
        seal(batch);
        Ok(batch)
    }

    fn encode(&mut self, record: &Record<'_>) {
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = record.offset.wrapping_sub(self.base_offset);
        let body_bytes = 1
            + len_i64(timestamp_delta)
            + len_i64(offset_delta)
            + nullable_bytes(record.key)
            + nullable_bytes(record.value)
            + headers_bytes(&record.headers);
        let out = &mut self.plain;
        put_i64(out, body_bytes as i64);
        out.push(0);
        put_i64(out, timestamp_delta);
        put_i64(out, offset_delta);
        put_nullable(out, record.key);
        put_nullable(out, record.value);
        put_headers(out, &record.headers);
    }
}

/// The header of a batch that has no records any more, for what it says of offsets and producer.
#[must_use]
pub fn emptied(batch: &Batch<'_>) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header.copy_from_slice(&batch.as_bytes()[..HEADER_BYTES]);
    let attributes = batch.attributes().0 & Attributes::OF_EMPTY_BATCH;
    put(&mut header, at::BATCH_LENGTH, ((HEADER_BYTES - FRAME_PREFIX_BYTES) as i32).to_be_bytes());
    put(&mut header, at::ATTRIBUTES, attributes.to_be_bytes());
    put(&mut header, at::BASE_TIMESTAMP, (-1_i64).to_be_bytes());
    put(&mut header, at::RECORDS_COUNT, 0_i32.to_be_bytes());
    seal(&mut header);
    header
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, Decompressor, Frame, Header, Headers};
    use super::*;
    use crate::model::Offset;

    fn built(codec: Compression) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec, None);
        let header = [Header { key: b"h", value: None }, Header { key: b"i", value: Some(b"v") }];
        for number in 0..5_i64 {
            let value = (number != 3).then_some(&b"value"[..]);
            let headers = Headers::List(&header[..(number % 3) as usize]);
            let timestamp = 1000 - number * 7;
            let key = Some(&b"key"[..]);
            builder.push(&Record { offset: 0, timestamp, key, value, headers });
        }
        let bytes = builder.with_producer(7, 2, 40, true).finish().expect("a batch");
        super::super::set_base_offset(bytes, Offset(100));
        super::super::set_leader_epoch(bytes, 3);
        bytes.to_vec()
    }

    fn whole(bytes: &[u8]) -> Batch<'_> {
        match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) if batch.size_in_bytes() == bytes.len() => batch,
            other => panic!("{other:?}"),
        }
    }

    /// The records with these numbers, and the batch as it is then.
    fn rewritten(codec: Compression, kept: &[i64], horizon_ms: Option<i64>) -> Vec<u8> {
        let bytes = built(codec);
        let batch = whole(&bytes);
        let mut scratch = Decompressor::default();
        let mut records = batch.records(&mut scratch).expect("records");
        let mut rewriter = BatchRewriter::default();
        // What was pushed before another batch was begun is forgotten.
        rewriter.begin(&batch, Some(1));
        rewriter.push(&records.clone().next().expect("one").expect("sound"), b"x");
        rewriter.begin(&batch, horizon_ms);
        while let Some(record) = records.next_with_bytes() {
            let (record, bytes) = record.expect("sound");
            if kept.contains(&(record.offset - 100)) {
                rewriter.push(&record, bytes);
            }
        }
        rewriter.finish(codec, None).expect("a batch").to_vec()
    }

    #[test]
    fn what_stays_is_as_it_was() {
        for codec in Compression::ALL {
            for horizon_ms in [None, Some(77_777_777_777)] {
                let (before, after) = (built(codec), rewritten(codec, &[1, 3, 4], horizon_ms));
                let (before, after) = (whole(&before), whole(&after));
                assert_eq!(after.check(), Ok(()), "{codec}");
                let place = |b: &Batch<'_>| (b.base_offset(), b.last_offset(), b.leader_epoch());
                let producer = |b: &Batch<'_>| {
                    (b.producer_id(), b.producer_epoch(), b.base_sequence(), b.last_sequence())
                };
                assert_eq!(place(&after), place(&before));
                assert_eq!(producer(&after), producer(&before));
                assert_eq!((after.records_count(), after.max_timestamp()), (3, 993));
                let attributes = after.attributes();
                assert_eq!(attributes.compression(), Ok(codec));
                assert!(attributes.is_transactional());
                assert_eq!(attributes.has_delete_horizon(), horizon_ms.is_some());
                assert_eq!(after.base_timestamp(), horizon_ms.unwrap_or(1000));
                let (mut a, mut b) = (Decompressor::default(), Decompressor::default());
                let before = before.records(&mut a).expect("records").map(|r| r.expect("sound"));
                let kept: Vec<_> = before.filter(|r| [101, 103, 104].contains(&r.offset)).collect();
                let after = after.records(&mut b).expect("records").map(|r| r.expect("sound"));
                assert_eq!(after.collect::<Vec<_>>(), kept, "{codec} {horizon_ms:?}");
            }
        }
    }

    #[test]
    fn a_batch_without_records_keeps_its_place() {
        let bytes = built(Compression::Gzip);
        let before = whole(&bytes);
        let header = emptied(&before);
        let batch = whole(&header);
        assert_eq!(batch.check(), Ok(()));
        assert_eq!((batch.base_offset(), batch.last_offset()), (Offset(100), Offset(104)));
        assert_eq!((batch.records_count(), batch.base_timestamp()), (0, -1));
        assert_eq!((batch.max_timestamp(), batch.leader_epoch()), (1000, 3));
        assert_eq!((batch.base_sequence(), batch.last_sequence()), (40, 44));
        assert!(batch.attributes().is_transactional());
        assert_eq!(batch.attributes().compression(), Ok(Compression::None));
        assert!(!batch.attributes().has_delete_horizon());
    }
}
