//! Snapshots of producers, held to their own crc and to their name: the offset before which they are.

use std::collections::HashSet;

use super::finding::{Findings, Problem, Severity};
use super::pieces::{crc_of, read_up_to};
use crate::log::snapshot::{CRC_FROM, ENTRY_BYTES, HEADER_BYTES, SnapshotEntry};
use crate::model::Offset;
use crate::storage::{File, Result};

/// Bytes read at a time, a whole number of entries.
const READ_BYTES: usize = ENTRY_BYTES * 2048;

/// Checks a snapshot of an offset. `log_end` is where the log was found to end, where nothing is published.
pub(super) fn verify_snapshot(
    file: &dyn File,
    offset: Offset,
    log_end: Option<Offset>,
    findings: &mut Findings,
) -> Result<()> {
    let (path, len) = (file.display(), file.metadata()?.len);
    let mut header = [0; HEADER_BYTES];
    if read_up_to(file, &mut header, 0)? < header.len() {
        findings.damage(path, 0, Problem::Malformed("it is shorter than a snapshot's header"));
        return Ok(());
    }
    let [v0, v1, c0, c1, c2, c3, n0, n1, n2, n3] = header;
    if i16::from_be_bytes([v0, v1]) != 1 {
        findings.damage(path, 0, Problem::Malformed("its version is not 1"));
        return Ok(());
    }
    let found = crc_of(file, CRC_FROM as u64, len)?;
    let expected = u32::from_be_bytes([c0, c1, c2, c3]);
    let count = i32::from_be_bytes([n0, n1, n2, n3]);
    let bytes = u64::try_from(count).ok().map(|count| count * ENTRY_BYTES as u64);
    if found != expected {
        findings.damage(path, 2, Problem::SnapshotCrc { expected, found });
    } else if bytes != Some(len - HEADER_BYTES as u64) {
        findings.damage(path, 6, Problem::Malformed("it has not as many entries as it says"));
    } else {
        verify_entries(file, offset, findings)?;
    }
    if let Some(end) = log_end.filter(|end| *end < offset) {
        findings.whole(path, Severity::Note, Problem::SnapshotPastEnd { end });
    }
    Ok(())
}

fn verify_entries(file: &dyn File, offset: Offset, findings: &mut Findings) -> Result<()> {
    let (mut position, mut seen) = (HEADER_BYTES as u64, HashSet::new());
    let mut piece = vec![0; READ_BYTES];
    loop {
        let count = read_up_to(file, &mut piece, position)?;
        let (entries, _) = piece[..count].as_chunks::<ENTRY_BYTES>();
        for bytes in entries {
            let entry = SnapshotEntry::from_bytes(bytes);
            let problem = match check_entry(&entry, offset) {
                Ok(()) if seen.insert(entry.producer_id) => None,
                Ok(()) => Some("an entry before it is of the same producer"),
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                findings.damage(file.display(), position, Problem::Malformed(problem));
            }
            position += ENTRY_BYTES as u64;
        }
        if count < READ_BYTES {
            return Ok(());
        }
    }
}

/// Whether entries can be those of a snapshot of an offset, whatever the log says.
pub(super) fn are_well_formed(entries: &[SnapshotEntry], offset: Offset) -> bool {
    let mut seen = HashSet::new();
    entries.iter().all(|entry| check_entry(entry, offset).is_ok() && seen.insert(entry.producer_id))
}

/// Whether an entry can be of a producer as it was before an offset.
fn check_entry(entry: &SnapshotEntry, offset: Offset) -> std::result::Result<(), &'static str> {
    if entry.producer_id < 0 || entry.producer_epoch < 0 {
        return Err("the entry has no producer id or epoch");
    }
    if entry.last_offset >= offset.0 || entry.transaction_start >= offset.0 {
        return Err("the entry's offset is not below that of the snapshot");
    }
    let delta = i64::from(entry.offset_delta);
    if delta < 0 || entry.last_offset >= 0 && delta > entry.last_offset {
        return Err("the entry's last batch would begin below offset 0");
    }
    Ok(())
}
