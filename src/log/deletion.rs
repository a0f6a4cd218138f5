//! Taking records out of a log at its beginning.
//!
//! The log start is raised first, durably in Kafka's checkpoint; then it is published, under a new
//! generation; only then are the segments removed that lie below it as a whole, oldest first. So a
//! stop at any point leaves no hole, and what it leaves below the log start the next writer that
//! opens the log removes. The log start may lie within a batch: the batch stays, and what is below
//! is read no more. A disk that is too full for the checkpoint gets room by the oldest segments: the log
//! begins, durably, with the first that is there, and the checkpoint follows. Where all is deleted the active segment is rolled away first. A reader of another
//! process that comes to a segment that is gone finds the new log start in the next view.
//!
//! Source: Kafka's `UnifiedLog.maybeIncrementLogStartOffset` and `deleteLogStartOffsetBreachedSegments`.
//! Differs: Kafka keeps the active segment's file until retention rolls it.

use super::epochs::LeaderEpochs;
use super::error::{Error, Result};
use super::names::{self, INDEX, LOG, TIME_INDEX, TXN_INDEX};
use super::partition::{Owned, PartitionLog, Place};
use super::segment::{first_needed, list_segments};
use super::snapshot;
use super::writer::Writer;
use crate::model::Offset;
use crate::storage;

impl PartitionLog {
    /// Deletes all records below an offset, and gives the first offset that can be read then; it
    /// never falls. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`] past the end; as for [`PartitionLog::append`].
    pub fn delete_records(&self, before: Offset, now_ms: i64) -> Result<Offset> {
        let config = self.config();
        self.with_writer(now_ms, |place, owned, writer| {
            let (start, end) =
                (Offset(writer.state.log_start_offset), Offset(writer.state.end_offset));
            if before > end {
                return Err(Error::OffsetOutOfRange { offset: before, start, end });
            }
            if before > start {
                if before == end && writer.state.end_position > 0 {
                    writer.roll(place, owned, &config, now_ms)?;
                }
                writer.raise_log_start(place, owned, before)?;
            }
            Ok(start.max(before))
        })
    }
}

impl Writer {
    /// Lets the log begin where the checkpoint says, if that is later, and removes what lies below
    /// the log start: whoever was to do that may have died before.
    pub(super) fn honour_log_start(&mut self, place: &Place, owned: &Owned) -> Result<()> {
        let start = Offset(self.state.log_start_offset);
        match place.log_start()? {
            // It may not be durable yet.
            Some(noted) if noted > start && noted.0 <= self.state.end_offset => {
                self.raise_log_start(place, owned, noted)
            }
            noted if start > Offset::ZERO => {
                remove_below(place, start, self.active.base_offset)?;
                // A full disk had no room to note it, and the names may be gone for readers only.
                let is_noted = noted.is_some_and(|noted| noted >= start);
                if is_noted { Ok(()) } else { Ok(place.storage.sync_dir(&place.dir)?) }
            }
            _ => Ok(()),
        }
    }

    /// Raises the log start to an offset within the log, durably, and removes what lies below it.
    pub(super) fn raise_log_start(
        &mut self,
        place: &Place,
        owned: &Owned,
        start: Offset,
    ) -> Result<()> {
        self.note_log_start(place, owned, start)?;
        self.state.log_start_offset = start.0;
        self.state.generation += 1;
        self.publish()?;
        let storage = &*place.storage;
        let mut epochs = LeaderEpochs::read(storage, &place.dir)?;
        if epochs.forget_before(start) {
            epochs.write(storage, &place.dir)?;
        }
        remove_below(place, start, self.active.base_offset)
    }

    /// Notes a log start in the checkpoint. On a disk that has no room for that, segments go first that
    /// lie below it, one by one, until there is.
    fn note_log_start(&mut self, place: &Place, owned: &Owned, start: Offset) -> Result<()> {
        loop {
            match place.store_log_start(owned, start) {
                Err(Error::Storage(full)) if full.is_full() => {
                    if !self.drop_oldest(place, start)? {
                        return Err(full.into());
                    }
                }
                noted => return noted,
            }
        }
    }

    /// Removes the oldest segment, durably, if it lies below a new log start as a whole; false if it
    /// does not. The log then begins with the one after it, whatever the checkpoint says.
    fn drop_oldest(&mut self, place: &Place, start: Offset) -> Result<bool> {
        let next = list_segments(&*place.storage, &place.dir)?.get(1).copied();
        let Some(next) = next.filter(|next| *next <= start.min(self.active.base_offset)) else {
            return Ok(false);
        };
        self.state.log_start_offset = self.state.log_start_offset.max(next.0);
        self.state.generation += 1;
        self.publish()?;
        remove_below(place, next, self.active.base_offset)?;
        place.storage.sync_dir(&place.dir)?;
        Ok(true)
    }
}

/// Removes the segments that lie below the log start as a whole, with all their files.
pub(super) fn remove_below(place: &Place, log_start: Offset, active: Offset) -> Result<()> {
    let storage = &*place.storage;
    let bases = list_segments(storage, &place.dir)?;
    let Some(first) = bases.get(first_needed(&bases, log_start)) else {
        return Ok(());
    };
    let first = (*first).min(active);
    let base = |name: &str| {
        [LOG, INDEX, TIME_INDEX, TXN_INDEX]
            .iter()
            .find_map(|suffix| names::base_offset(name, suffix))
    };
    let names = storage.list(&place.dir)?.into_iter().map(|entry| entry.name);
    let mut doomed: Vec<_> = names
        .filter_map(|name| base(&name).map(|base| (base, !name.ends_with(LOG), name)))
        .filter(|(base, ..)| *base < first)
        .collect();
    // The oldest first, and of each the log: what is left never has a hole.
    doomed.sort_unstable();
    for (_, _, name) in &doomed {
        storage::found(storage.remove_file(&place.path_of(name)))?;
    }
    if !doomed.is_empty() {
        snapshot::remove_below(storage, &place.dir, first)?;
    }
    Ok(())
}
