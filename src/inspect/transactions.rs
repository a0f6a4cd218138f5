//! A segment's `.txnindex`, held to its own order and to the abort markers in the segment.
//!
//! An entry without a marker would hide committed records; a marker without an entry would show
//! records that were aborted. An entry need not be there where compaction has removed all records
//! of its transaction, or they lie below the log start.

use super::finding::{Findings, Problem, Severity};
use super::pieces::read_up_to;
use super::replay::Aborted;
use crate::log::AbortedTransaction;
use crate::model::Offset;
use crate::storage::{File, Result};

/// Bytes read at a time, a whole number of entries.
const READ_BYTES: usize = AbortedTransaction::BYTES * 2048;

/// What is known of the transactions that end in a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'r> {
    /// The aborted ones, in order.
    pub(super) aborted: &'r [Aborted],
    /// Base offset of the segment.
    pub(super) base: Offset,
    /// Of the one after it.
    pub(super) next_base: Option<Offset>,
    /// The offset after the last batch of the segment that was met.
    pub(super) end: Offset,
    /// Damage hides batches of the segment: what was not met may be there.
    pub(super) is_damaged: bool,
    /// Every batch of the log was met up to here.
    pub(super) is_complete: bool,
    /// Whether what lies past the end is what a crash of the machine left.
    pub(super) may_have_lost: bool,
}

/// Checks the index of a segment; `path` is where it is or should be.
pub(super) fn verify(
    file: Option<&dyn File>,
    path: &str,
    ended: &Ended<'_>,
    findings: &mut Findings,
) -> Result<()> {
    let mut expected = ended.aborted.iter();
    if let Some(file) = file {
        let (bytes, entry) = (file.metadata()?.len, AbortedTransaction::BYTES as u64);
        if bytes % entry != 0 {
            let is_last = ended.next_base.is_none();
            let severity = if is_last { Severity::Note } else { Severity::Damage };
            findings.whole(path, severity, Problem::OddLength { bytes, entry });
        }
        each_entry(file, ended, &mut expected, findings)?;
    }
    // Damage may hide that a marker is of another transaction.
    for missing in expected {
        tell_missing(path, missing, findings);
    }
    Ok(())
}

fn tell_missing(path: &str, missing: &Aborted, findings: &mut Findings) {
    if missing.has_records {
        let AbortedTransaction { producer_id, last_offset: marker, .. } = missing.entry;
        findings.whole(path, Severity::Damage, Problem::NoAbortedEntry { producer_id, marker });
    }
}

fn each_entry(
    file: &dyn File,
    ended: &Ended<'_>,
    expected: &mut std::slice::Iter<'_, Aborted>,
    findings: &mut Findings,
) -> Result<()> {
    let path = file.display();
    let (mut position, mut last) = (0, ended.base + -1);
    let mut piece = vec![0; READ_BYTES];
    loop {
        let count = read_up_to(file, &mut piece, position)?;
        for bytes in piece[..count].as_chunks::<{ AbortedTransaction::BYTES }>().0 {
            let entry = AbortedTransaction::parse(bytes);
            let is_past = entry.is_some_and(|entry| entry.last_offset >= ended.end);
            if ended.next_base.is_none() && is_past && !ended.is_damaged {
                // A writer goes on meanwhile, or the machine stopped before its records were on disk.
                if ended.may_have_lost {
                    findings.note(path, position, Problem::EntriesPastEnd);
                }
                return Ok(());
            }
            match check(entry, last, ended.next_base) {
                Ok(entry) => {
                    last = entry.last_offset;
                    compare(&entry, ended, expected, (path, position), findings);
                }
                Err(problem) => {
                    findings.damage(path, position, Problem::Malformed(problem));
                    // Its slot is that of the next marker: told once.
                    expected.next();
                }
            }
            position += AbortedTransaction::BYTES as u64;
        }
        if count < READ_BYTES {
            return Ok(());
        }
    }
}

/// Whether an entry can follow one with the last offset `after`.
fn check(
    entry: Option<AbortedTransaction>,
    after: Offset,
    next_base: Option<Offset>,
) -> std::result::Result<AbortedTransaction, &'static str> {
    let entry = entry.ok_or("the entry's version is not 0")?;
    let AbortedTransaction { first_offset: first, last_offset: last, last_stable, .. } = entry;
    if first < Offset::ZERO || first > last || last_stable > last.next() {
        return Err("the entry's offsets are out of order");
    }
    if last <= after || next_base.is_some_and(|next| last >= next) {
        return Err("the entry's last offset does not rise, or is not in the segment");
    }
    Ok(entry)
}

/// Holds an entry to the marker that it is of.
fn compare(
    entry: &AbortedTransaction,
    ended: &Ended<'_>,
    expected: &mut std::slice::Iter<'_, Aborted>,
    (path, position): (&str, u64),
    findings: &mut Findings,
) {
    while let Some(next) = expected.as_slice().first()
        && next.entry.last_offset < entry.last_offset
    {
        tell_missing(path, next, findings);
        expected.next();
    }
    let marker = entry.last_offset;
    let found = match expected.as_slice().first() {
        Some(next) if next.entry.last_offset == entry.last_offset => {
            expected.next();
            next
        }
        _ if ended.is_damaged => return,
        _ => return findings.damage(path, position, Problem::NoAbortMarker { marker }),
    };
    let is_same = match (ended.is_complete, found.was_begun) {
        (true, true) => *entry == found.entry,
        // Its first batch may lie before the walk, or have been compacted away.
        _ => {
            entry.producer_id == found.entry.producer_id
                && entry.first_offset <= found.entry.first_offset
        }
    };
    if !is_same {
        let Aborted { entry: AbortedTransaction { producer_id, first_offset, .. }, .. } = *found;
        let what = Problem::OtherTransaction { marker, producer_id, first_offset };
        findings.damage(path, position, what);
    }
}
