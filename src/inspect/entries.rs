//! The entries of an index, read forward in step with a walk, and never kept.
//!
//! An entry that is out of order with its successor is held aside: whether it or the successor is
//! wrong shows when the walk comes to the successor.

use super::finding::{Findings, Problem, Severity};
use super::pieces::{end_of_used, read_up_to};
use crate::log::index::{OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use crate::storage::{File, Result};

/// Entries read at a time.
const READ_ENTRIES: usize = 4096;

/// An entry of either index.
pub(super) trait Entry: Copy + std::fmt::Debug {
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
pub(super) struct Slot<E> {
    pub(super) position: u64,
    pub(super) entry: E,
}

/// The entries of an index, in order as far as there is one.
#[derive(Debug)]
pub(super) struct Entries<'f, E> {
    file: &'f dyn File,
    /// Where the next bytes are read, and where the used entries end.
    position: u64,
    end: u64,
    /// Whether zeros at the end have been looked for.
    end_is_known: bool,
    buffer: Vec<u8>,
    taken: usize,
    pub(super) current: Option<Slot<E>>,
    pub(super) following: Option<Slot<E>>,
    held: Option<Slot<E>>,
}

impl<'f, E: Entry> Entries<'f, E> {
    /// The entries of a file; `slots` of them, where that is known. Where it is not, a file that
    /// is no whole number of entries is told of: as torn, if it may still be written to.
    pub(super) fn new(
        file: &'f dyn File,
        slots: Option<u64>,
        is_active: bool,
        findings: &mut Findings,
    ) -> Result<Self> {
        let len = file.metadata()?.len;
        if slots.is_none() && len % E::BYTES as u64 != 0 {
            let severity = if is_active { Severity::Note } else { Severity::Damage };
            let what = Problem::OddLength { bytes: len, entry: E::BYTES as u64 };
            findings.whole(file.display(), severity, what);
        }
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
    pub(super) fn advance(&mut self, findings: &mut Findings) -> Result<()> {
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
    pub(super) fn sound(&mut self, findings: &mut Findings) -> Result<()> {
        if let Some(held) = self.held.take() {
            findings.damage(self.file.display(), held.position, Problem::NotRising);
        }
        self.advance(findings)
    }

    /// Is done with an entry that is wrong, and for which reason.
    pub(super) fn wrong(
        &mut self,
        slot: Slot<E>,
        what: Problem,
        findings: &mut Findings,
    ) -> Result<()> {
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
    pub(super) fn finish(
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
