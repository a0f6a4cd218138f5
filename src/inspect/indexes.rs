//! Checking the indexes of a segment in step with a walk over its batches.
//!
//! Brokers of before 4.3 index what they append in one go, which may be several batches: an entry
//! of `.index` then has the position of the first and the last offset of the last. That is as
//! good for a search, and no finding.

use super::entries::{Entries, Slot};
use super::finding::{Findings, Problem};
use crate::log::index::{OffsetEntry, TimeEntry};
use crate::model::Offset;
use crate::storage::{File, Result};

/// What an index and a walk have to say to each other of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walked {
    pub(super) position: u64,
    pub(super) base_offset: Offset,
    pub(super) last_offset: Offset,
    /// Largest timestamp of the batch.
    pub(super) max_timestamp: i64,
}

/// Where a segment's walk ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct WalkEnd {
    pub(super) position: u64,
    pub(super) offset: Offset,
    /// From where on nothing is known of the batches, if there is such a place.
    pub(super) unknown_from: Option<Offset>,
    /// Whether entries may be of what the log lost when the machine stopped.
    pub(super) may_have_lost: bool,
}

/// A walk's look at `.index`.
#[derive(Debug)]
pub(super) struct OffsetCheck<'f> {
    base: Offset,
    entries: Entries<'f, OffsetEntry>,
    /// The last offset of the batch at the current entry's position, once the walk was there.
    begun: Option<Offset>,
    last_sound: Option<Offset>,
}

impl<'f> OffsetCheck<'f> {
    pub(super) fn new(
        file: &'f dyn File,
        base: Offset,
        slots: Option<u64>,
        is_active: bool,
        findings: &mut Findings,
    ) -> Result<Self> {
        let entries = Entries::new(file, slots, is_active, findings)?;
        Ok(Self { base, entries, begun: None, last_sound: None })
    }

    /// Compares with a batch.
    pub(super) fn batch(&mut self, batch: Walked, findings: &mut Findings) -> Result<()> {
        while let Some(slot) = self.entries.current {
            let offset = self.base + i64::from(slot.entry.relative_offset);
            let position = u64::from(slot.entry.position);
            if let Some(found) = self.begun {
                // Of several batches: this one must be among them, and belong to no other entry.
                let following = self.entries.following.map(|slot| u64::from(slot.entry.position));
                if batch.last_offset > offset || following == Some(batch.position) {
                    let what = Problem::OtherOffset { offset, position, found };
                    self.wrong(slot, what, findings)?;
                    continue;
                }
            } else if position > batch.position {
                return Ok(());
            } else if position < batch.position {
                self.wrong(slot, Problem::NoBatchThere { offset, position }, findings)?;
                continue;
            }
            if batch.last_offset < offset {
                self.begun = self.begun.or(Some(batch.last_offset));
                return Ok(());
            }
            if self.last_sound.is_some_and(|last| last >= offset) {
                self.wrong(slot, Problem::NotRising, findings)?;
            } else if batch.last_offset == offset {
                self.begun = None;
                self.last_sound = Some(offset);
                self.entries.sound(findings)?;
            } else {
                let what = Problem::OtherOffset { offset, position, found: batch.last_offset };
                self.wrong(slot, what, findings)?;
            }
        }
        Ok(())
    }

    fn wrong(
        &mut self,
        slot: Slot<OffsetEntry>,
        what: Problem,
        findings: &mut Findings,
    ) -> Result<()> {
        self.begun = None;
        self.entries.wrong(slot, what, findings)
    }

    /// Passes over entries of damaged bytes, up to where the walk goes on.
    pub(super) fn skip_to(&mut self, position: u64, findings: &mut Findings) -> Result<()> {
        self.begun = None;
        while let Some(slot) = self.entries.current
            && u64::from(slot.entry.position) < position
        {
            self.entries.advance(findings)?;
        }
        Ok(())
    }

    /// Deals with the entries that the walk did not come to.
    pub(super) fn finish(mut self, end: WalkEnd, findings: &mut Findings) -> Result<()> {
        let base = self.base;
        let offset_of = |entry: &OffsetEntry| base + i64::from(entry.relative_offset);
        if let (Some(slot), Some(found)) = (self.entries.current, self.begun)
            && end.unknown_from.is_none()
        {
            let (offset, position) = (offset_of(&slot.entry), slot.entry.position.into());
            self.wrong(slot, Problem::OtherOffset { offset, position, found }, findings)?;
        }
        let is_past = |entry: &OffsetEntry| u64::from(entry.position) >= end.position;
        self.entries.finish(
            |entry| end.may_have_lost && is_past(entry) && offset_of(entry) >= end.offset,
            |entry| match is_past(entry) {
                true if end.unknown_from.is_some() => None,
                true => Some(Problem::EntryPastEnd { offset: offset_of(entry) }),
                false => Some(Problem::NoBatchThere {
                    offset: offset_of(entry),
                    position: entry.position.into(),
                }),
            },
            findings,
        )
    }
}

/// A walk's look at `.timeindex`.
#[derive(Debug)]
pub(super) struct TimeCheck<'f> {
    base: Offset,
    entries: Entries<'f, TimeEntry>,
    /// Largest timestamp so far, -1 before the first.
    largest: i64,
    /// Whether damage hides timestamps that may be larger.
    is_floor: bool,
    last_sound: Option<i64>,
}

impl<'f> TimeCheck<'f> {
    pub(super) fn new(
        file: &'f dyn File,
        base: Offset,
        slots: Option<u64>,
        is_active: bool,
        findings: &mut Findings,
    ) -> Result<Self> {
        let entries = Entries::new(file, slots, is_active, findings)?;
        Ok(Self { base, entries, largest: -1, is_floor: false, last_sound: None })
    }

    /// Compares with a batch.
    pub(super) fn batch(&mut self, batch: Walked, findings: &mut Findings) -> Result<()> {
        self.judge_below(batch.base_offset, findings)?;
        self.largest = self.largest.max(batch.max_timestamp);
        self.judge_below(batch.last_offset.next(), findings)
    }

    /// Judges the entries below an offset by the largest timestamp so far.
    fn judge_below(&mut self, limit: Offset, findings: &mut Findings) -> Result<()> {
        while let Some(slot) = self.entries.current {
            let offset = self.base + i64::from(slot.entry.relative_offset);
            if offset >= limit {
                break;
            }
            let (timestamp, found) = (slot.entry.timestamp, self.largest);
            let is_true = timestamp == found || (self.is_floor && timestamp > found);
            if !is_true {
                let what = Problem::OtherTimestamp { timestamp, offset, found };
                self.entries.wrong(slot, what, findings)?;
            } else if self.last_sound.is_some_and(|last| last >= timestamp) {
                self.entries.wrong(slot, Problem::NotRising, findings)?;
            } else {
                self.last_sound = Some(timestamp);
                self.entries.sound(findings)?;
            }
        }
        Ok(())
    }

    /// From here on the largest timestamp may be one that damage hides.
    pub(super) const fn lose_track(&mut self) {
        self.is_floor = true;
    }

    /// Deals with the entries that the walk did not come to.
    pub(super) fn finish(mut self, end: WalkEnd, findings: &mut Findings) -> Result<()> {
        let (base, largest) = (self.base, self.largest);
        let offset_of = |entry: &TimeEntry| base + i64::from(entry.relative_offset);
        // What was noted after all that is there had a larger timestamp than all that is there.
        self.entries.finish(
            |entry| {
                end.may_have_lost && offset_of(entry) >= end.offset && entry.timestamp > largest
            },
            |entry| {
                let offset = offset_of(entry);
                let is_unknown = end.unknown_from.is_some_and(|from| offset >= from);
                (!is_unknown).then_some(Problem::EntryPastEnd { offset })
            },
            findings,
        )
    }
}
