//! Writing the index of aborted transactions of the active segment, and making indexes anew.
//!
//! The marker stands in the log before its entry stands in the index, and both before the state is
//! published that makes readers look at either. So who dies in between leaves an entry that is
//! missing, or one too many, never one that counts: the next writer takes the marker over with an
//! entry, from the batches, or writes another one in its slot.
//!
//! An index is not synced with the log. Before a [snapshot](super::snapshot) of the producers is
//! written, it is made durable, and no longer than it ought to be; what comes after the last snapshot
//! is found out from the batches, by recovery and by readers who have nothing published to trust.
//! Recovery makes the index of each segment that it walks anew. So does a writer that finds one
//! shorter than was published: a person may have removed it.
//!
//! The file is opened for each entry: aborted transactions are few, and another process, or a person,
//! may have made another file of that name.

use super::aborted::{AbortedTransaction, ENTRY_BYTES, entries_bytes, path_of};
use super::error::Result;
use super::partition::Place;
use super::producers::Producers;
use super::replay::replay_segment;
use super::segment::{Segment, first_needed, list_segments};
use super::snapshot;
use super::writer::Writer;
use crate::model::Offset;
use crate::storage::{self, Open};

impl Writer {
    /// Adds entries to the index of the active segment; to be published with what they tell of.
    pub(super) fn index_aborted(
        &mut self,
        place: &Place,
        aborted: &[AbortedTransaction],
    ) -> Result<()> {
        if aborted.is_empty() {
            return Ok(());
        }
        let path = path_of(place, self.active.base_offset);
        let file = place.storage.open(&path, Open::Create)?;
        let position = self.txn_index_bytes();
        if file.metadata()?.len < position {
            // The batches that these entries are of are in the log by now.
            return self.remake_txn_index(place);
        }
        file.write_all_at(&entries_bytes(aborted), position)?;
        self.state.txn_slots += aborted.len() as u64;
        Ok(())
    }

    /// Makes the index durable, with exactly the entries that were published.
    pub(super) fn settle_txn_index(&mut self, place: &Place) -> Result<()> {
        let path = path_of(place, self.active.base_offset);
        let len = self.txn_index_bytes();
        let file = storage::found(place.storage.open(&path, Open::Write))?;
        match file {
            Some(file) if file.metadata()?.len >= len => {
                if file.metadata()?.len > len {
                    file.set_len(len)?;
                }
                file.sync_data()?;
                Ok(place.storage.sync_dir(&place.dir)?)
            }
            None if len == 0 => Ok(()),
            _ => self.remake_txn_index(place),
        }
    }

    /// Makes the index anew where it lacks entries that were published.
    pub(super) fn complete_txn_index(&mut self, place: &Place) -> Result<()> {
        let path = path_of(place, self.active.base_offset);
        let len = self.txn_index_bytes();
        if len == 0 {
            return Ok(());
        }
        let file = storage::found(place.storage.metadata(&path))?;
        if file.is_none_or(|file| file.len < len) {
            self.remake_txn_index(place)?;
            self.publish()?;
        }
        Ok(())
    }

    /// Makes the index of the active segment anew, from the batches, and durable.
    pub(super) fn remake_txn_index(&mut self, place: &Place) -> Result<()> {
        let active = self.active.base_offset;
        let mut segments = list_segments(&*place.storage, &place.dir)?;
        segments.retain(|base| *base <= active);
        self.state.txn_slots = remake_txn_indexes(place, &segments, active)?;
        Ok(())
    }

    fn txn_index_bytes(&self) -> u64 {
        self.state.txn_slots.saturating_mul(ENTRY_BYTES as u64)
    }
}

/// Makes the indexes of all segments from `first` on anew, from the batches, and durable; the
/// segments hold nothing but sound batches. Gives the number of entries of the last.
pub(super) fn remake_txn_indexes(place: &Place, segments: &[Offset], first: Offset) -> Result<u64> {
    let storage = &*place.storage;
    // Idle producers have no transaction, so that the time does not matter.
    let now_ms = 0;
    let known = snapshot::newest(storage, &place.dir, first, now_ms)?;
    let mut producers = known.unwrap_or_else(|| Producers::none(Offset::ZERO));
    let from = producers.end();
    let mut slots = 0;
    for base in &segments[first_needed(segments, from)..] {
        let segment = Segment::open(storage, &place.dir, *base)?;
        let end = segment.log.metadata()?.len;
        let mut aborted = Vec::new();
        replay_segment(&segment, from, end, &mut producers, now_ms, &mut aborted)?;
        if *base >= first {
            put(place, *base, &aborted)?;
            slots = aborted.len() as u64;
        }
    }
    storage.sync_dir(&place.dir)?;
    Ok(slots)
}

/// Writes the index of a segment whole; none where there are no entries. What was published stands
/// there throughout, for who is reading it.
fn put(place: &Place, base: Offset, entries: &[AbortedTransaction]) -> Result<()> {
    let (storage, path) = (&*place.storage, path_of(place, base));
    if entries.is_empty() {
        storage::found(storage.remove_file(&path))?;
        return Ok(());
    }
    let file = storage.open(&path, Open::Create)?;
    let bytes = entries_bytes(entries);
    file.write_all_at(&bytes, 0)?;
    file.set_len(bytes.len() as u64)?;
    Ok(file.sync_data()?)
}
