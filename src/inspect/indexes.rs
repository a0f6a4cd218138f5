//! Checking the indexes of a segment in step with a walk over its batches.
//!
//! An index is read forward, an entry ahead of the walk, and never kept. An entry that is out of
//! order with its successor is held aside: whether it or the successor is wrong shows when the
//! walk comes to the successor.
//!
//! Brokers of before 4.3 index what they append in one go, which may be several batches: an entry
//! of `.index` then has the position of the first and the last offset of the last. That is as
//! good for a search, and no finding.

use super::batches::{end_of_used, read_up_to};
use super::finding::{Findings, Problem, Severity};
use crate::log::index::{OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use crate::model::Offset;
use crate::storage::{File, Result};

/// Entries read at a time.
const READ_ENTRIES: usize = 4096;

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

/// An entry of either index.
trait Entry: Copy + std::fmt::Debug {
    const BYTES: usize;
    fn read(bytes: &[u8]) -> Option<Self>;
    /// Rises with the entries, as a walk comes to them.
    fn key(&self) -> u32;
}

impl Entry for OffsetEntry {
    const BYTES: usize = OFFSET_ENTRY_BYTES as usize;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|bytes| Self::from_bytes(*bytes))
    }
    fn key(&self) -> u32 {
        self.position
    }
}

impl Entry for TimeEntry {
    const BYTES: usize = TIME_ENTRY_BYTES as usize;
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk().map(|bytes| Self::from_bytes(*bytes))
    }
    fn key(&self) -> u32 {
        self.relative_offset
    }
}

/// An entry, and where in the file it is.
#[derive(Debug, Clone, Copy)]
struct Slot<E> {
    position: u64,
    entry: E,
}

/// The entries of an index, in order as far as there is one.
#[derive(Debug)]
struct Entries<'f, E> {
    file: &'f dyn File,
    /// Where the next bytes are read, and where the used entries end.
    position: u64,
    end: u64,
    /// Whether zeros at the end have been looked for.
    end_is_known: bool,
    buffer: Vec<u8>,
    taken: usize,
    current: Option<Slot<E>>,
    following: Option<Slot<E>>,
    held: Option<Slot<E>>,
}

impl<'f, E: Entry> Entries<'f, E> {
    /// The entries of a file; `slots` of them, where that is known.
    fn new(file: &'f dyn File, slots: Option<u64>, findings: &mut Findings) -> Result<Self> {
        let len = file.metadata()?.len;
        let whole = len / E::BYTES as u64;
        let mut entries = Self {
            file,
            position: 0,
            end: slots.map_or(whole, |slots| slots.min(whole)) * E::BYTES as u64,
            end_is_known: false,
            buffer: Vec::new(),
            taken: 0,
            current: None,
            following: None,
            held: None,
        };
        entries.following = entries.read()?;
        entries.advance(findings)?;
        Ok(entries)
    }

    /// The next entry of the file. Zeros up to the end are none: Kafka makes room ahead.
    fn read(&mut self) -> Result<Option<Slot<E>>> {
        if self.taken >= self.buffer.len() {
            let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
            self.buffer.resize(left.min(READ_ENTRIES * E::BYTES), 0);
            let count = read_up_to(self.file, &mut self.buffer, self.position)?;
            self.buffer.truncate(count - count % E::BYTES);
            self.position += self.buffer.len() as u64;
            self.taken = 0;
        }
        let bytes = &self.buffer[self.taken..];
        let Some(entry) = E::read(bytes) else {
            return Ok(None);
        };
        let position = self.position - bytes.len() as u64;
        if !self.end_is_known && bytes[..E::BYTES].iter().all(|byte| *byte == 0) {
            self.end_is_known = true;
            let used = end_of_used(self.file, position, self.end)?;
            self.end = used.next_multiple_of(E::BYTES as u64);
            let unused = self.position.saturating_sub(self.end) as usize;
            self.buffer.truncate(self.buffer.len().saturating_sub(unused));
            self.position = self.position.min(self.end);
            return self.read();
        }
        self.taken += E::BYTES;
        Ok(Some(Slot { position, entry }))
    }

    /// Goes to the next entry that can be the next.
    fn advance(&mut self, findings: &mut Findings) -> Result<()> {
        self.current = self.following.take();
        self.following = self.read()?;
        self.settle(findings)
    }

    /// Holds aside what is out of order with what follows it.
    fn settle(&mut self, findings: &mut Findings) -> Result<()> {
        while let (Some(current), Some(following)) = (self.current, self.following)
            && current.entry.key() > following.entry.key()
        {
            if let Some(held) = self.held.replace(current) {
                findings.damage(self.file.display(), held.position, Problem::NotRising);
            }
            self.current = self.following;
            self.following = self.read()?;
        }
        Ok(())
    }

    /// Is done with an entry that was found to be true.
    fn sound(&mut self, findings: &mut Findings) -> Result<()> {
        if let Some(held) = self.held.take() {
            findings.damage(self.file.display(), held.position, Problem::NotRising);
        }
        self.advance(findings)
    }

    /// Is done with an entry that is wrong, and for which reason.
    fn wrong(&mut self, slot: Slot<E>, what: Problem, findings: &mut Findings) -> Result<()> {
        findings.damage(self.file.display(), slot.position, what);
        match self.held.take() {
            Some(held) => {
                self.current = Some(held);
                self.settle(findings)
            }
            None => self.advance(findings),
        }
    }

    /// Deals with the entries that the walk did not come to.
    fn finish(
        &mut self,
        mut is_lost: impl FnMut(&E) -> bool,
        mut what: impl FnMut(&E) -> Option<Problem>,
        findings: &mut Findings,
    ) -> Result<()> {
        let mut told = false;
        while let Some(slot) = self.current.or_else(|| self.held.take()) {
            if is_lost(&slot.entry) {
                if !told {
                    findings.note(self.file.display(), slot.position, Problem::EntriesPastEnd);
                }
                told = true;
                self.advance(findings)?;
            } else if let Some(what) = what(&slot.entry) {
                self.wrong(slot, what, findings)?;
            } else {
                self.advance(findings)?;
            }
        }
        Ok(())
    }
}

/// Tells of a file that is no whole number of entries: torn where it may still be written to.
fn check_length<E: Entry>(file: &dyn File, is_active: bool, findings: &mut Findings) -> Result<()> {
    let (bytes, entry) = (file.metadata()?.len, E::BYTES as u64);
    if bytes % entry != 0 {
        let severity = if is_active { Severity::Note } else { Severity::Damage };
        findings.whole(file.display(), severity, Problem::OddLength { bytes, entry });
    }
    Ok(())
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
        if slots.is_none() {
            check_length::<OffsetEntry>(file, is_active, findings)?;
        }
        let entries = Entries::new(file, slots, findings)?;
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
        if slots.is_none() {
            check_length::<TimeEntry>(file, is_active, findings)?;
        }
        let entries = Entries::new(file, slots, findings)?;
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
