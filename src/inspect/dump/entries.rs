//! Dumping files of equal entries: the indexes of a segment, and snapshots of producers.

use super::{Each, Flow, Item};
use crate::inspect::finding::{Finding, Severity};
use crate::inspect::pieces::{crc_of, end_of_used, read_up_to};
use crate::inspect::problem::Problem;
use crate::log::index::{OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use crate::log::snapshot::{CRC_FROM, ENTRY_BYTES, HEADER_BYTES, SnapshotEntry};
use crate::log::{AbortedTransaction, Result};
use crate::model::Offset;
use crate::storage::File;

/// Entries read at a time.
const READ_ENTRIES: usize = 4096;

/// A kind of entry.
pub(super) trait Entries {
    /// Bytes of one.
    const BYTES: usize;
    /// Whether a file of them may end in zeros that are none: Kafka makes room ahead.
    const MAY_END_IN_ZEROS: bool;

    /// An entry as an item, and a number that rises from each entry to the next.
    fn item(&self, position: u64, bytes: &[u8]) -> Option<(Item<'static>, i64)>;
}

/// Those of `.index`.
pub(super) struct OffsetEntries(pub(super) Offset);
/// Those of `.timeindex`.
pub(super) struct TimeEntries(pub(super) Offset);
/// Those of `.txnindex`.
pub(super) struct TransactionEntries;

impl Entries for OffsetEntries {
    const BYTES: usize = OFFSET_ENTRY_BYTES as usize;
    const MAY_END_IN_ZEROS: bool = true;

    fn item(&self, position: u64, bytes: &[u8]) -> Option<(Item<'static>, i64)> {
        let entry = OffsetEntry::from_bytes(*bytes.first_chunk()?);
        let offset = self.0 + i64::from(entry.relative_offset);
        Some((Item::OffsetEntry { position, offset, log_position: entry.position }, offset.0))
    }
}

impl Entries for TimeEntries {
    const BYTES: usize = TIME_ENTRY_BYTES as usize;
    const MAY_END_IN_ZEROS: bool = true;

    fn item(&self, position: u64, bytes: &[u8]) -> Option<(Item<'static>, i64)> {
        let TimeEntry { timestamp, relative_offset } = TimeEntry::from_bytes(*bytes.first_chunk()?);
        let offset = self.0 + i64::from(relative_offset);
        Some((Item::TimeEntry { position, timestamp, offset }, timestamp))
    }
}

impl Entries for TransactionEntries {
    const BYTES: usize = AbortedTransaction::BYTES;
    const MAY_END_IN_ZEROS: bool = false;

    fn item(&self, position: u64, bytes: &[u8]) -> Option<(Item<'static>, i64)> {
        let entry = AbortedTransaction::parse(bytes.first_chunk()?)?;
        let item = Item::Aborted {
            position,
            producer_id: entry.producer_id,
            first_offset: entry.first_offset,
            last_offset: entry.last_offset,
            last_stable_offset: entry.last_stable,
        };
        Some((item, entry.last_offset.0))
    }
}

fn tell(file: &dyn File, position: u64, severity: Severity, what: Problem, each: Each<'_>) -> Flow {
    let (path, position) = (file.display().to_owned(), Some(position));
    each(Item::Finding(Finding { path, position, severity, what }))
}

/// Dumps a file of entries.
pub(super) fn dump<E: Entries>(file: &dyn File, entries: &E, each: Each<'_>) -> Result<Flow> {
    let len = file.metadata()?.len;
    let size = E::BYTES as u64;
    let mut end = len - len % size;
    if E::MAY_END_IN_ZEROS {
        // A first entry of zeros is one.
        let used = end_of_used(file, 0, end)?;
        end = used.next_multiple_of(size).min(end);
    }
    let mut piece = vec![0; READ_ENTRIES * E::BYTES];
    let (mut position, mut last) = (0, None);
    while position < end {
        let wanted = usize::try_from(end - position).unwrap_or(usize::MAX).min(piece.len());
        let count = read_up_to(file, &mut piece[..wanted], position)?;
        if count < E::BYTES {
            break;
        }
        for bytes in piece[..count].chunks_exact(E::BYTES) {
            if entry(file, entries, position, bytes, &mut last, each).is_break() {
                return Ok(Flow::Break(()));
            }
            position += size;
        }
    }
    if len % size != 0 {
        let what = Problem::OddLength { bytes: len, entry: size };
        return Ok(tell(file, len - len % size, Severity::Damage, what, each));
    }
    Ok(Flow::Continue(()))
}

fn entry<E: Entries>(
    file: &dyn File,
    entries: &E,
    position: u64,
    bytes: &[u8],
    last: &mut Option<i64>,
    each: Each<'_>,
) -> Flow {
    let Some((item, key)) = entries.item(position, bytes) else {
        let what = Problem::Malformed("the entry's version is not 0");
        return tell(file, position, Severity::Damage, what, each);
    };
    each(item)?;
    if last.replace(key).is_some_and(|last| key <= last) {
        tell(file, position, Severity::Damage, Problem::NotRising, each)?;
    }
    Flow::Continue(())
}

/// Dumps a snapshot: its entries, whatever its crc says.
pub(super) fn dump_snapshot(file: &dyn File, each: Each<'_>) -> Result<Flow> {
    let len = file.metadata()?.len;
    let mut header = [0; HEADER_BYTES];
    if read_up_to(file, &mut header, 0)? < header.len() {
        let what = Problem::Malformed("it is shorter than a snapshot's header");
        return Ok(tell(file, 0, Severity::Damage, what, each));
    }
    let [v0, v1, c0, c1, c2, c3, ..] = header;
    if i16::from_be_bytes([v0, v1]) != 1 {
        let what = Problem::Malformed("its version is not 1");
        return Ok(tell(file, 0, Severity::Damage, what, each));
    }
    let (found, expected) =
        (crc_of(file, CRC_FROM as u64, len)?, u32::from_be_bytes([c0, c1, c2, c3]));
    if found != expected {
        let what = Problem::SnapshotCrc { expected, found };
        if tell(file, 2, Severity::Damage, what, each).is_break() {
            return Ok(Flow::Break(()));
        }
    }
    let mut piece = vec![0; READ_ENTRIES * ENTRY_BYTES];
    let mut position = HEADER_BYTES as u64;
    loop {
        let count = read_up_to(file, &mut piece, position)?;
        let (entries, rest) = piece[..count].as_chunks::<ENTRY_BYTES>();
        for bytes in entries {
            if each(Item::Producer(SnapshotEntry::from_bytes(bytes))).is_break() {
                return Ok(Flow::Break(()));
            }
            position += ENTRY_BYTES as u64;
        }
        if !rest.is_empty() {
            let what = Problem::Malformed("it has not as many entries as it says");
            return Ok(tell(file, position, Severity::Damage, what, each));
        }
        if count < piece.len() {
            return Ok(Flow::Continue(()));
        }
    }
}
