//! Which neighbouring segments become one.
//!
//! Source: Kafka's `Cleaner.groupSegmentsBySize`.

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

/// Neighbours that fit into one segment, by their sizes, those of their indexes, and the distance of
/// offsets that an index can hold.
pub(super) fn grouped<'s>(sources: &'s [Source], config: &TopicConfig) -> Vec<&'s [Source]> {
    let (bytes_max, index_bytes_max) =
        (bytes_of(config.segment_bytes), bytes_of(config.segment_index_bytes));
    let (mut groups, mut rest) = (Vec::new(), sources);
    while let Some((first, others)) = rest.split_first() {
        let sizes = |source: &Source| [source.bytes, source.index_bytes, source.time_index_bytes];
        let mut sum = sizes(first);
        let fitting = others.iter().take_while(|source| {
            let with: [u64; 3] = std::array::from_fn(|which| sum[which] + sizes(source)[which]);
            let fits = with[0] <= bytes_max
                && with[1] <= index_bytes_max
                && with[2] <= index_bytes_max
                && source.next_base - first.base <= i64::from(i32::MAX);
            sum = with;
            fits
        });
        let (group, left) = rest.split_at(1 + fitting.count());
        groups.push(group);
        rest = left;
    }
    groups
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

    fn bases(sources: &[Source]) -> Vec<Vec<i64>> {
        let config =
            TopicConfig { segment_bytes: 100, segment_index_bytes: 20, ..TopicConfig::default() };
        let groups = grouped(sources, &config);
        groups.iter().map(|group| group.iter().map(|source| source.base.0).collect()).collect()
    }

    #[test]
    fn groups_keep_to_sizes_and_offsets() {
        assert_eq!(bases(&[]), [[0_i64; 0]; 0]);
        let by_bytes = [
            source(0, 10, 60, 1),
            source(10, 20, 40, 1),
            source(20, 30, 1, 1),
            source(30, 40, 100, 1),
            source(40, 50, 0, 0),
        ];
        assert_eq!(bases(&by_bytes), [vec![0, 10], vec![20], vec![30, 40]]);
        assert_eq!(
            bases(&[source(0, 9, 1, 11), source(9, 19, 1, 9), source(19, 29, 1, 1)]),
            [vec![0, 9], vec![19]]
        );
        let far = i64::from(i32::MAX);
        assert_eq!(bases(&[source(5, 10, 1, 1), source(10, far + 6, 1, 1)]), [[5], [10]]);
        assert_eq!(bases(&[source(5, 10, 1, 1), source(10, far + 5, 1, 1)]), [[5, 10]]);
        // One that is too large stays alone.
        assert_eq!(bases(&[source(0, 1, 500, 1), source(1, 2, 1, 1)]), [[0], [1]]);
    }
}
