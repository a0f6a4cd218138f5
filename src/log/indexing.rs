//! What a writer notes in the indexes of the active segment.

use std::sync::Arc;

use super::error::Result;
use super::index::{self, OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use super::partition::Place;
use super::segment::Segment;
use super::walk::walk_segment;
use super::writer::{Writer, bytes_of};
use crate::model::{Offset, TopicConfig};
use crate::storage::{File, FileId, Open};

impl Writer {
    /// Notes where a batch begins.
    pub(super) fn index_offset(&mut self, last_offset: Offset, position: u64) -> Result<()> {
        let relative = index::relative(last_offset, Offset(self.state.active_base));
        if let (Some(relative_offset), Ok(position)) = (relative, u32::try_from(position)) {
            let entry = OffsetEntry { relative_offset, position };
            self.active.put_offset_entry(self.state.offset_slots, entry)?;
            self.state.offset_slots += 1;
        }
        Ok(())
    }

    /// Notes the largest timestamp so far, if it has risen since it was noted last.
    pub(super) fn index_time(&mut self) -> Result<()> {
        let state = &mut self.state;
        let offset = Offset(state.max_timestamp_offset);
        let relative = index::relative(offset, Offset(state.active_base));
        if let Some(relative_offset) =
            relative.filter(|_| state.max_timestamp > state.last_indexed_timestamp)
        {
            let entry = TimeEntry { timestamp: state.max_timestamp, relative_offset };
            self.active.put_time_entry(state.time_slots, entry)?;
            state.time_slots += 1;
            state.last_indexed_timestamp = state.max_timestamp;
        }
        Ok(())
    }

    /// Makes the active segment's indexes anew where other files have their names by now: a person
    /// may delete indexes at any time, and each process then writes to files of its own.
    pub(super) fn keep_indexes(&mut self, place: &Place, config: &TopicConfig) -> Result<()> {
        let (storage, base) = (&*place.storage, self.active.base_offset);
        let named = Segment::open(storage, &place.dir, base)?;
        let id = |file: &Option<Arc<dyn File>>| -> Result<Option<FileId>> {
            Ok(file.as_ref().map(|file| file.metadata()).transpose()?.map(|metadata| metadata.id))
        };
        let active = &mut self.active;
        if id(&named.index)? == id(&active.index)?
            && id(&named.time_index)? == id(&active.time_index)?
        {
            return Ok(());
        }
        let named = Segment::open_active(storage, &place.dir, base, Open::Write)?;
        (active.index, active.time_index) = (named.index, named.time_index);
        self.remake_indexes(bytes_of(config.index_interval_bytes))
    }

    /// Makes the active segment's indexes anew where they lack entries that were written to them.
    pub(super) fn complete_indexes(&mut self, interval: u64) -> Result<()> {
        let lacks = |file: &Option<Arc<dyn File>>, len| -> Result<bool> {
            Ok(file.as_ref().map(|file| file.metadata()).transpose()?.is_some_and(|m| m.len < len))
        };
        let Self { active, state, .. } = &*self;
        if lacks(&active.index, state.offset_slots * OFFSET_ENTRY_BYTES)?
            || lacks(&active.time_index, state.time_slots * TIME_ENTRY_BYTES)?
        {
            self.remake_indexes(interval)?;
            self.publish()?;
        }
        Ok(())
    }

    fn remake_indexes(&mut self, interval: u64) -> Result<()> {
        let active = &self.active;
        let facts = walk_segment(&*active.log, active.base_offset, 0, interval)?;
        active.rewrite_indexes(&facts.offsets, &facts.times)?;
        self.state.offset_slots = facts.offsets.len() as u64;
        self.state.time_slots = facts.times.len() as u64;
        self.state.last_indexed_timestamp = facts.last_indexed_timestamp();
        Ok(())
    }
}
