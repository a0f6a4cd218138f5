//! Which neighbouring segments become one: those that fit beside what is left of the first.
//!
//! Source: Kafka's `Cleaner.groupSegmentsBySize`. Differs: Kafka goes by what the segments are before
//! they are compacted, and leaves many small ones for the next time.

use crate::log::error::Result;
use crate::log::names::{self, INDEX, LOG, TIME_INDEX, TXN_INDEX};
use crate::log::partition::Place;
use crate::log::writer::bytes_of;
use crate::model::{Offset, TopicConfig};
use crate::storage::{self, FileId};

/// A segment that is to be compacted, as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) base: Offset,
    /// The base offset of the segment after it.
    pub(super) next_base: Offset,
    /// Which file its log is.
    pub(super) log_id: FileId,
    pub(super) bytes: u64,
    pub(super) modified_ms: i64,
    index_bytes: u64,
    time_index_bytes: u64,
    /// It has an index of aborted transactions.
    pub(super) has_txn_index: bool,
}

impl Source {
    /// Finds a segment by its name.
    pub(super) fn find(place: &Place, base: Offset, next_base: Offset) -> Result<Self> {
        let storage = &*place.storage;
        let log = storage.metadata(&place.path_of(&names::segment_file(base, LOG)))?;
        let len_of = |suffix| {
            let path = place.path_of(&names::segment_file(base, suffix));
            storage::found(storage.metadata(&path)).map(|found| found.map_or(0, |file| file.len))
        };
        Ok(Self {
            base,
            next_base,
            log_id: log.id,
            bytes: log.len,
            modified_ms: log.modified_ms,
            index_bytes: len_of(INDEX)?,
            time_index_bytes: len_of(TIME_INDEX)?,
            has_txn_index: len_of(TXN_INDEX)? > 0,
        })
    }

    /// Whether the same file has the name still.
    pub(super) fn is_there(&self, place: &Place) -> Result<bool> {
        let path = place.path_of(&names::segment_file(self.base, LOG));
        let named = storage::found(place.storage.metadata(&path))?;
        Ok(named.is_some_and(|named| (named.id, named.len) == (self.log_id, self.bytes)))
    }
}

/// Bytes of a segment's log, offset index and time index.
pub(super) type Sizes = [u64; 3];

impl Source {
    /// Whether the segment can follow what was written of those from `first` on, by the sizes of log
    /// and indexes, and by the distance of offsets that an index can hold.
    pub(super) fn fits_beside(&self, first: &Self, written: Sizes, config: &TopicConfig) -> bool {
        let index_bytes = bytes_of(config.segment_index_bytes);
        let max = [bytes_of(config.segment_bytes), index_bytes, index_bytes];
        let own = [self.bytes, self.index_bytes, self.time_index_bytes];
        written.iter().zip(own).zip(max).all(|((written, own), max)| written + own <= max)
            && self.next_base - first.base <= i64::from(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(base: i64, next_base: i64, bytes: u64, index_bytes: u64) -> Source {
        Source {
            base: Offset(base),
            next_base: Offset(next_base),
            log_id: FileId::default(),
            bytes,
            modified_ms: 0,
            index_bytes,
            time_index_bytes: index_bytes,
            has_txn_index: false,
        }
    }

    #[test]
    fn groups_keep_to_sizes_and_offsets() {
        let config =
            TopicConfig { segment_bytes: 100, segment_index_bytes: 20, ..TopicConfig::default() };
        let first = source(5, 10, 500, 500);
        let far = i64::from(i32::MAX);
        for (next, written, fits) in [
            (source(10, 20, 40, 1), [60, 1, 1], true),
            (source(10, 20, 40, 1), [61, 1, 1], false),
            (source(10, 20, 1, 9), [1, 11, 11], true),
            (source(10, 20, 1, 9), [1, 12, 1], false),
            (source(10, 20, 1, 9), [1, 1, 12], false),
            (source(10, far + 5, 1, 1), [1, 1, 1], true),
            (source(10, far + 6, 1, 1), [1, 1, 1], false),
        ] {
            assert_eq!(next.fits_beside(&first, written, &config), fits, "{next:?} {written:?}");
        }
    }
}
