//! The segment that a compaction writes: `.cleaned` files, indexes and all, durable once finished.

use std::sync::Arc;

use super::groups::Sizes;
use super::swap::{self, FILES};
use crate::log::AbortedTransaction;
use crate::log::aborted::entries_bytes;
use crate::log::error::{Error, Fault, Result};
use crate::log::index::{OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES};
use crate::log::names::{CLEANED, INDEX, LOG, TIME_INDEX, TXN_INDEX};
use crate::log::partition::Place;
use crate::log::walk::SegmentFacts;
use crate::model::Offset;
use crate::record::{Batch, Frame};
use crate::storage::{self, File, FileId, Open};

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;
/// Bytes handed to the disk at a time, ahead of the sync.
const WRITEBACK_BYTES: u64 = 8 << 20;
/// Positions in an index have 31 bits, as Kafka reads them.
const SEGMENT_BYTES_MAX: u64 = i32::MAX as u64;

/// A segment that is being written.
#[derive(Debug)]
pub(super) struct CleanedSegment<'p> {
    place: &'p Place,
    base: Offset,
    log: Arc<dyn File>,
    facts: SegmentFacts,
    index_interval_bytes: u64,
    buffer: Vec<u8>,
    /// Bytes that are in the file.
    written: u64,
}

/// A segment that is written, and durable under its names.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) base: Offset,
    pub(super) bytes: u64,
    /// Which file its log is.
    pub(super) log_id: FileId,
}

impl Finished {
    /// Whether it has its names still: recovery by another process removes what is not in place.
    pub(super) fn is_there(&self, place: &Place) -> Result<bool> {
        let path = swap::path(&place.dir, self.base, LOG, CLEANED);
        let named = storage::found(place.storage.metadata(&path))?;
        Ok(named.is_some_and(|named| named.id == self.log_id))
    }
}

impl<'p> CleanedSegment<'p> {
    pub(super) fn create(
        place: &'p Place,
        base: Offset,
        index_interval_bytes: u64,
    ) -> Result<Self> {
        remove(place, base)?;
        let path = swap::path(&place.dir, base, LOG, CLEANED);
        let log = place.storage.open(&path, Open::CreateNew)?;
        let (facts, buffer) = (SegmentFacts::begin(base, 0), Vec::with_capacity(WRITE_BYTES));
        Ok(Self { place, base, log, facts, index_interval_bytes, buffer, written: 0 })
    }

    /// Bytes of what was added, and of its indexes.
    pub(super) fn sizes(&self) -> Sizes {
        let SegmentFacts { offsets, times, end_position, .. } = &self.facts;
        let index_bytes = offsets.len() as u64 * OFFSET_ENTRY_BYTES;
        // One more comes at the end.
        [*end_position, index_bytes, (times.len() as u64 + 1) * TIME_ENTRY_BYTES]
    }

    /// Adds a batch.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let position = self.facts.end_position;
        let added = match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) => self.facts.add(position, &batch, self.index_interval_bytes),
            Ok(Frame::Incomplete { .. }) => Err(Fault::Incomplete),
            Err(cause) => Err(cause.into()),
        };
        added.map_err(|fault| fault.at(&*self.log, position))?;
        if self.facts.end_position > SEGMENT_BYTES_MAX {
            // Compressed anew it takes more than it did.
            let (size, max) = (bytes.len(), SEGMENT_BYTES_MAX);
            return Err(Error::LargerThanSegment { size, max });
        }
        if self.buffer.len() + bytes.len() > WRITE_BYTES {
            self.flush()?;
        }
        if bytes.len() > WRITE_BYTES {
            return self.write(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.log.write_all_at(bytes, self.written)?;
        let before = self.written / WRITEBACK_BYTES;
        self.written += bytes.len() as u64;
        if self.written / WRITEBACK_BYTES > before {
            self.log.start_writeback(before * WRITEBACK_BYTES, WRITEBACK_BYTES);
        }
        Ok(())
    }

    /// Writes what is left, and the indexes, and makes all of it durable, names too. The file of
    /// the log is as old as what it was made from: retention goes by that where there are no times.
    pub(super) fn finish(
        mut self,
        aborted: &[AbortedTransaction],
        modified_ms: i64,
    ) -> Result<Finished> {
        self.flush()?;
        if self.written > 0 {
            self.facts.push_time();
        }
        self.write_index(INDEX, &self.facts.index_bytes(), modified_ms)?;
        self.write_index(TIME_INDEX, &self.facts.time_index_bytes(), modified_ms)?;
        if !aborted.is_empty() {
            self.write_index(TXN_INDEX, &entries_bytes(aborted), modified_ms)?;
        }
        self.log.set_modified(modified_ms);
        self.log.sync_data()?;
        self.place.storage.sync_dir(&self.place.dir)?;
        let log_id = self.log.metadata()?.id;
        Ok(Finished { base: self.base, bytes: self.written, log_id })
    }

    fn write_index(&self, suffix: &str, bytes: &[u8], modified_ms: i64) -> Result<()> {
        let path = swap::path(&self.place.dir, self.base, suffix, CLEANED);
        let file = self.place.storage.open(&path, Open::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.set_modified(modified_ms);
        Ok(file.sync_data()?)
    }
}

/// Removes the files of a segment that was not finished, or is not wanted. Not once one of them is
/// called `.swap`: those that are left tell that it is not to be believed.
pub(super) fn remove(place: &Place, base: Offset) -> Result<()> {
    for suffix in FILES {
        let path = swap::path(&place.dir, base, suffix, CLEANED);
        storage::found(place.storage.remove_file(&path))?;
    }
    Ok(())
}
