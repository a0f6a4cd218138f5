//! The marker that ends a transaction: a control batch with one record.
//!
//! | part | field | bytes |
//! | --- | --- | --- |
//! | key | version, 0 | 2 |
//! | key | kind: 0 aborts, 1 commits | 2 |
//! | value | version, 0 | 2 |
//! | value | epoch of the coordinator that wrote it | 4 |
//!
//! Both integers may be followed by what later versions add. Source: KIP-98 and Kafka's
//! `EndTransactionMarker`.

use super::batch::Batch;
use super::builder::BatchBuilder;
use super::compression::Decompressor;
use super::error::CorruptBatch;
use super::header::as_control;
use super::types::{Headers, Record};
use crate::model::Compression;

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its records are never seen by readers of committed ones.
    Abort,
    /// Its records count.
    Commit,
}

/// What the marker of a transaction says; whose it is, its batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndTransactionMarker {
    /// How the transaction ended.
    pub outcome: Outcome,
    /// Epoch of the coordinator that wrote the marker.
    pub coordinator_epoch: i32,
}

const VERSION: i16 = 0;
const ABORT: i16 = 0;
const COMMIT: i16 = 1;
/// Bytes that the record of a marker may have: there are four small fields in it.
const RECORD_BYTES_MAX: usize = 1 << 10;

impl EndTransactionMarker {
    /// The marker in a batch; `None` where the batch is no control batch, or holds none any more,
    /// or one of another kind.
    ///
    /// # Errors
    /// As [`Batch::records`] says.
    pub fn of(batch: &Batch<'_>) -> Result<Option<Self>, CorruptBatch> {
        if !batch.attributes().is_control() {
            return Ok(None);
        }
        let mut scratch = Decompressor::new(RECORD_BYTES_MAX);
        let record = batch.records(&mut scratch)?.next().transpose()?;
        Ok(record.and_then(|record| Self::parse(record.key?, record.value?)))
    }

    fn parse(key: &[u8], value: &[u8]) -> Option<Self> {
        let [v0, v1, k0, k1] = *key.first_chunk()?;
        let [w0, w1, a, b, c, d] = *value.first_chunk()?;
        let outcome = match i16::from_be_bytes([k0, k1]) {
            ABORT => Outcome::Abort,
            COMMIT => Outcome::Commit,
            _ => return None,
        };
        let is_known =
            i16::from_be_bytes([v0, v1]) >= VERSION && i16::from_be_bytes([w0, w1]) >= VERSION;
        let coordinator_epoch = i32::from_be_bytes([a, b, c, d]);
        is_known.then_some(Self { outcome, coordinator_epoch })
    }

    /// The control batch with this marker, of a producer; a batch for the log to number.
    #[must_use]
    pub fn batch(&self, producer_id: i64, producer_epoch: i16, timestamp: i64) -> Vec<u8> {
        let kind = match self.outcome {
            Outcome::Abort => ABORT,
            Outcome::Commit => COMMIT,
        };
        let key = [VERSION.to_be_bytes(), kind.to_be_bytes()].concat();
        let value = [&VERSION.to_be_bytes()[..], &self.coordinator_epoch.to_be_bytes()].concat();
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(producer_id, producer_epoch, -1, true);
        let (key, value, headers) = (Some(&key[..]), Some(&value[..]), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp, key, value, headers });
        let batch = builder.finish().expect("one small record is a batch");
        as_control(batch);
        batch.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, set_base_offset, set_leader_epoch};
    use super::*;
    use crate::model::Offset;

    fn whole(bytes: &[u8]) -> Batch<'_> {
        match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_marker_comes_back() {
        for outcome in [Outcome::Abort, Outcome::Commit] {
            let marker = EndTransactionMarker { outcome, coordinator_epoch: 9 };
            let bytes = marker.batch(7, 3, 1000);
            let batch = whole(&bytes);
            assert_eq!(batch.check(), Ok(()));
            assert_eq!(EndTransactionMarker::of(&batch), Ok(Some(marker)));
            assert_eq!((batch.producer_id(), batch.producer_epoch()), (7, 3));
            assert_eq!((batch.base_sequence(), batch.last_sequence()), (-1, -1));
            assert!(batch.attributes().is_control() && batch.attributes().is_transactional());
        }
    }

    /// As a Kafka 4.3.0 broker wrote it.
    #[test]
    fn golden_bytes() {
        let marker = EndTransactionMarker { outcome: Outcome::Commit, coordinator_epoch: 0 };
        let mut bytes = marker.batch(0, 0, 0x01a2_02c1_ce5c);
        set_base_offset(&mut bytes, Offset(10));
        set_leader_epoch(&mut bytes, 0);
        #[rustfmt::skip]
        let after_the_crc: [u8; 57] = [
            0, 0x30, // attributes
            0, 0, 0, 0, // last offset delta
            0, 0, 1, 0xa2, 2, 0xc1, 0xce, 0x5c, // base timestamp
            0, 0, 1, 0xa2, 2, 0xc1, 0xce, 0x5c, // largest timestamp
            0, 0, 0, 0, 0, 0, 0, 0, // producer id
            0, 0, // its epoch
            0xff, 0xff, 0xff, 0xff, // no sequence
            0, 0, 0, 1, // one record
            0x20, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes[21..], after_the_crc);
    }

    #[test]
    fn another_kind_is_none() {
        let parse = EndTransactionMarker::parse;
        assert_eq!(parse(&[0, 0, 0, 2], &[0; 6]), None, "a snapshot's header");
        assert_eq!(parse(&[0, 0, 0], &[0; 6]), None);
        assert_eq!(parse(&[0, 0, 0, 1], &[0; 5]), None);
        assert_eq!(parse(&[0xff, 0xff, 0, 1], &[0; 6]), None);
        assert!(parse(&[0, 1, 0, 1, 9], &[0, 1, 0, 0, 0, 1, 9]).is_some(), "a later version");
    }
}
