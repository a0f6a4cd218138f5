//! Walking a segment for what it holds: where its sound batches end, and what belongs in its indexes.

use super::error::{Fault, Result};
use super::index::{self, OffsetEntry, TimeEntry};
use super::scan::{Check, Found, Scanner};
use crate::model::Offset;
use crate::record::Batch;
use crate::storage::File;

/// What a walk over one segment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentFacts {
    /// What offsets in the indexes are relative to.
    base: Offset,
    /// The offset after the last sound batch.
    pub(super) end_offset: Offset,
    /// The position after it.
    pub(super) end_position: u64,
    /// Largest timestamp in milliseconds, -1 if there is none.
    pub(super) max_timestamp: i64,
    /// Last offset of the batch that has it.
    pub(super) max_timestamp_offset: Offset,
    /// Largest timestamp of the file's first batch; -1 where the walk began after it.
    pub(super) first_timestamp: i64,
    /// Highest leader epoch of the batches, -1 if there is none.
    pub(super) leader_epoch: i32,
    /// A batch was of a producer with an id.
    pub(super) has_producers: bool,
    /// A batch was of a transaction.
    pub(super) has_transactions: bool,
    /// Bytes of batches since the last index entry.
    pub(super) bytes_since_index: u64,
    /// What `.index` must hold.
    pub(super) offsets: Vec<OffsetEntry>,
    /// What `.timeindex` must hold.
    pub(super) times: Vec<TimeEntry>,
    /// What stands after the last sound batch, if anything does.
    pub(super) fault: Option<Fault>,
}

impl SegmentFacts {
    /// Of a segment without batches.
    pub(super) fn begin(base: Offset, position: u64) -> Self {
        Self {
            base,
            end_offset: base,
            end_position: position,
            max_timestamp: -1,
            max_timestamp_offset: base,
            first_timestamp: -1,
            leader_epoch: -1,
            has_producers: false,
            has_transactions: false,
            bytes_since_index: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            fault: None,
        }
    }

    /// What `.index` must hold, as it stands there.
    pub(super) fn index_bytes(&self) -> Vec<u8> {
        self.offsets.iter().flat_map(|entry| entry.to_bytes()).collect()
    }

    /// What `.timeindex` must hold, as it stands there.
    pub(super) fn time_index_bytes(&self) -> Vec<u8> {
        self.times.iter().flat_map(|entry| entry.to_bytes()).collect()
    }

    /// Adds the batch that follows; an error, and nothing changed, where its offsets can't follow.
    pub(super) fn add(
        &mut self,
        position: u64,
        batch: &Batch<'_>,
        index_interval_bytes: u64,
    ) -> std::result::Result<(), Fault> {
        let (found, expected) = (batch.base_offset(), self.end_offset);
        let relative = index::relative(batch.last_offset(), self.base);
        let Some(relative_offset) = relative.filter(|_| found >= expected) else {
            return Err(Fault::Misplaced { found, expected });
        };
        if position == 0 {
            self.first_timestamp = batch.max_timestamp();
        }
        if batch.max_timestamp() > self.max_timestamp {
            self.max_timestamp = batch.max_timestamp();
            self.max_timestamp_offset = batch.last_offset();
        }
        self.leader_epoch = self.leader_epoch.max(batch.leader_epoch());
        self.has_producers |= batch.producer_id() >= 0;
        self.has_transactions |= batch.attributes().is_transactional();
        if self.bytes_since_index > index_interval_bytes {
            self.offsets.push(OffsetEntry { relative_offset, position: position as u32 });
            self.push_time();
            self.bytes_since_index = 0;
        }
        let size = batch.size_in_bytes() as u64;
        self.bytes_since_index += size;
        self.end_offset = batch.next_offset();
        self.end_position = position + size;
        Ok(())
    }

    /// Notes the largest timestamp so far, if it has risen since it was noted last.
    pub(super) fn push_time(&mut self) {
        let timestamp = self.max_timestamp;
        let rises = self.times.last().is_none_or(|last| last.timestamp < timestamp);
        let relative = index::relative(self.max_timestamp_offset, self.base);
        if let Some(relative_offset) = relative.filter(|_| rises) {
            self.times.push(TimeEntry { timestamp, relative_offset });
        }
    }

    /// Timestamp of the last entry of `.timeindex`, -1 if there is none.
    pub(super) fn last_indexed_timestamp(&self) -> i64 {
        self.times.last().map_or(-1, |entry| entry.timestamp)
    }
}

/// Walks a segment's batches from a position to its end or its first fault, every crc checked,
/// and notes what its indexes must hold. `base` is the lowest offset that the first batch may have.
///
/// # Errors
/// As the file system says. A fault is none: the facts tell of it.
pub(super) fn walk_segment(
    file: &dyn File,
    base: Offset,
    position: u64,
    index_interval_bytes: u64,
) -> Result<SegmentFacts> {
    let mut facts = SegmentFacts::begin(base, position);
    let end = file.metadata()?.len;
    let mut scanner = Scanner::new(file, position, end, Check::Crc);
    while let Some(found) = scanner.next()? {
        let added = match found {
            Found::Batch { position, batch } => facts.add(position, &batch, index_interval_bytes),
            Found::Fault { fault, .. } => Err(fault),
        };
        if let Err(fault) = added {
            facts.fault = Some(fault);
            break;
        }
    }
    Ok(facts)
}

/// What the indexes of a segment of these batches hold; `is_finished` where another follows it. A
/// fault ends them.
///
/// # Errors
/// As the file system says.
pub fn index_entries(
    file: &dyn File,
    base: Offset,
    index_interval_bytes: u64,
    is_finished: bool,
) -> Result<(Vec<OffsetEntry>, Vec<TimeEntry>)> {
    let mut facts = walk_segment(file, base, 0, index_interval_bytes)?;
    if is_finished {
        facts.push_time();
    }
    Ok((facts.offsets, facts.times))
}
