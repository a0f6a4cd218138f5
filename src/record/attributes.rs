//! A batch's attributes.

use super::error::CorruptBatch;
use crate::model::{Compression, TimestampType};

/// The two bytes of flags in a batch's header.
///
/// | bits | meaning |
/// | --- | --- |
/// | 0–2 | codec |
/// | 3 | timestamps are the log's |
/// | 4 | transactional |
/// | 5 | control batch |
/// | 6 | base timestamp is a delete horizon |
/// | 7–15 | unused |
///
/// Source: Kafka's `DefaultRecordBatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub u16);

impl Attributes {
    const CODEC: u16 = 0b111;
    pub(super) const LOG_APPEND_TIME: u16 = 1 << 3;
    const TRANSACTIONAL: u16 = 1 << 4;
    pub(super) const CONTROL: u16 = 1 << 5;
    pub(super) const DELETE_HORIZON: u16 = 1 << 6;
    /// What a batch without records still says.
    pub(super) const OF_EMPTY_BATCH: u16 =
        Self::LOG_APPEND_TIME | Self::TRANSACTIONAL | Self::CONTROL;

    /// Attributes of a producer's batch.
    #[must_use]
    pub const fn new(codec: Compression, is_transactional: bool) -> Self {
        let transactional = if is_transactional { Self::TRANSACTIONAL } else { 0 };
        Self(codec.id() as u16 | transactional)
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// [`CorruptBatch::Codec`] for the numbers 5 to 7.
    pub fn compression(self) -> Result<Compression, CorruptBatch> {
        let id = (self.0 & Self::CODEC) as u8;
        Compression::from_id(id).ok_or(CorruptBatch::Codec(id))
    }

    /// Whose time the records bear.
    #[must_use]
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & Self::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction.
    #[must_use]
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether the batch holds a marker instead of records.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether the base timestamp says when compaction may drop the batch's tombstones.
    #[must_use]
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}
