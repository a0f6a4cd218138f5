//! A batch without records, which only says that its offsets were given away: what compaction leaves
//! where it must keep an offset, and what stands for records that are lost.

use super::attributes::Attributes;
use super::header::{HEADER_BYTES, MAGIC, at, put, seal};
use crate::model::Offset;

/// What a batch without records says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapBatch {
    /// Its first offset.
    pub base_offset: Offset,
    /// Last offset minus first.
    pub last_offset_delta: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// Both its timestamps, in milliseconds; -1 for none.
    pub timestamp: i64,
}

impl GapBatch {
    /// As it stands in a log.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut batch = [0; HEADER_BYTES];
        put(&mut batch, at::BASE_OFFSET, self.base_offset.0.to_be_bytes());
        let length = (HEADER_BYTES - super::header::FRAME_PREFIX_BYTES) as i32;
        put(&mut batch, at::BATCH_LENGTH, length.to_be_bytes());
        put(&mut batch, at::LEADER_EPOCH, self.leader_epoch.to_be_bytes());
        put(&mut batch, at::MAGIC, MAGIC.to_be_bytes());
        put(&mut batch, at::ATTRIBUTES, Attributes::default().0.to_be_bytes());
        put(&mut batch, at::LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(&mut batch, at::BASE_TIMESTAMP, self.timestamp.to_be_bytes());
        put(&mut batch, at::MAX_TIMESTAMP, self.timestamp.to_be_bytes());
        put(&mut batch, at::PRODUCER_ID, (-1_i64).to_be_bytes());
        put(&mut batch, at::PRODUCER_EPOCH, (-1_i16).to_be_bytes());
        put(&mut batch, at::BASE_SEQUENCE, (-1_i32).to_be_bytes());
        seal(&mut batch);
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Decompressor, Frame};
    use super::*;

    #[test]
    fn it_is_a_sound_batch_of_nothing() {
        let gap = GapBatch {
            base_offset: Offset(110),
            last_offset_delta: 104,
            leader_epoch: 3,
            timestamp: 1000,
        };
        let bytes = gap.to_bytes();
        let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes) else { panic!("no batch") };
        assert_eq!(batch.check(), Ok(()));
        assert_eq!((batch.base_offset(), batch.next_offset()), (Offset(110), Offset(215)));
        assert_eq!((batch.leader_epoch(), batch.max_timestamp()), (3, 1000));
        assert_eq!((batch.producer_id(), batch.records_count()), (-1, 0));
        let mut scratch = Decompressor::new(100);
        assert_eq!(batch.records(&mut scratch).expect("none").count(), 0);
    }
}
