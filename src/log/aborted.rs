//! Transactions that were aborted, by the `.txnindex` of the segments that their markers are in:
//! whose records readers of committed ones leave out.
//!
//! | bytes of an entry | what |
//! | --- | --- |
//! | 0..2 | version, 0 |
//! | 2..10 | producer id |
//! | 10..18 | offset of its first record |
//! | 18..26 | offset of its abort marker |
//! | 26..34 | last stable offset when that was written |
//!
//! Entries stand in the order of their markers; only transactions with records have one. Of the
//! active segment as many count as were [published](super::control). Where nothing that was published
//! can be trusted, the files are believed only of segments that a snapshot of the producers covers
//! [as a whole](super::undecided).
//!
//! Source: Kafka's `AbortedTxn` and `TransactionIndex`.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::error::Result;
use super::names::{self, TXN_INDEX};
use super::partition::{PartitionLog, Place};
use super::read::out_of_range;
use super::view::View;
use crate::model::Offset;
use crate::storage::{self, File, Open};

/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = AbortedTransaction::BYTES;
const VERSION: i16 = 0;
/// Entries read at a time.
const ENTRIES_READ: u64 = 512;

/// An aborted transaction with records in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of its abort marker; `i64::MAX` where damage hides how it ended.
    pub last_offset: Offset,
    /// The last stable offset once that was written.
    pub last_stable: Offset,
}

impl AbortedTransaction {
    /// Bytes of an entry.
    pub const BYTES: usize = 34;

    /// Reads what stands in the file; `None` of a version that is not known.
    #[must_use]
    pub fn parse(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let long = |at: usize| i64::from_be_bytes(std::array::from_fn(|index| bytes[at + index]));
        let version = i16::from_be_bytes([bytes[0], bytes[1]]);
        (version == VERSION).then(|| Self {
            producer_id: long(2),
            first_offset: Offset(long(10)),
            last_offset: Offset(long(18)),
            last_stable: Offset(long(26)),
        })
    }

    /// As it stands in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.first_offset.0.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.last_offset.0.to_be_bytes());
        bytes[26..].copy_from_slice(&self.last_stable.0.to_be_bytes());
        bytes
    }

    /// Whether it may have records from `from` on and before `to`.
    fn reaches_into(&self, from: Offset, to: Offset) -> bool {
        self.last_offset >= from && self.first_offset < to
    }
}

/// What a view knows of aborted transactions.
#[derive(Debug, Clone, Default)]
pub(super) struct AbortedKnown {
    /// Base offsets of the finished segments whose index is to be read, in order.
    pub(super) indexed: Arc<Vec<Offset>>,
    /// What was found out of the segments after them, where nothing is published; by marker.
    pub(super) found: Arc<Vec<AbortedTransaction>>,
}

impl AbortedKnown {
    /// By what the finished segments' files say.
    pub(super) fn by_files(indexed: Vec<Offset>) -> Self {
        Self { indexed: Arc::new(indexed), found: Arc::default() }
    }
}

impl PartitionLog {
    /// The aborted transactions with records from `from` on and before `to`, in the order of their
    /// markers. There may be some that have none in that range: who leaves out their records loses
    /// nothing. A log without aborted transactions is not touched for it.
    ///
    /// # Errors
    /// [`super::Error::OffsetOutOfRange`] where an index has gone with records that were deleted; as the
    /// file system says.
    pub fn aborted_transactions(
        &self,
        view: &View,
        from: Offset,
        to: Offset,
    ) -> Result<Vec<AbortedTransaction>> {
        // An index that was there may have gone with its segment.
        self.steadily(view, |view| self.aborted_by(view, from, to))
    }

    fn aborted_by(&self, view: &View, from: Offset, to: Offset) -> Result<Vec<AbortedTransaction>> {
        if view.is_narrowed() && from < view.log_start() {
            return Err(out_of_range(view, from));
        }
        let mut aborted = Vec::new();
        let known = view.aborted();
        let Some(first) = view.segment_of(from).filter(|_| view.may_have_aborted()) else {
            return Ok(aborted);
        };
        let state = view.state();
        let active =
            (state.txn_slots > 0).then_some((Offset(state.active_base), Some(state.txn_slots)));
        let finished = known.indexed.iter().map(|base| (*base, None));
        // The marker of a transaction may stand in a later segment than its records.
        for (base, slots) in finished.chain(active).filter(|(base, _)| *base >= first) {
            if self.read_aborted(base, slots, from..to, &mut aborted)? {
                return Ok(aborted);
            }
        }
        let skipped = known.found.partition_point(|entry| entry.last_offset < from);
        aborted.extend(known.found[skipped..].iter().filter(|entry| entry.reaches_into(from, to)));
        Ok(aborted)
    }

    /// The entries of a segment that are of a range; true where no later one can be. So many as
    /// `slots` says must be there: to do without one shows what was aborted.
    fn read_aborted(
        &self,
        base: Offset,
        slots: Option<u64>,
        range: Range<Offset>,
        aborted: &mut Vec<AbortedTransaction>,
    ) -> Result<bool> {
        let file = self.place().storage.open(&path_of(self.place(), base), Open::Read)?;
        let held = slots_of(&*file)?;
        let end = slots.unwrap_or(held);
        if end > held {
            // The error of who reads on tells of it.
            file.read_exact_at(&mut [0; ENTRY_BYTES], held * ENTRY_BYTES as u64)?;
        }
        let end = end.min(held);
        let first = first_ending_at(&*file, end, range.start)?;
        let flow = each_entry(&*file, first..end, |entry| {
            if entry.reaches_into(range.start, range.end) {
                aborted.push(entry);
            }
            match entry.last_stable >= range.end {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        Ok(flow.is_break())
    }
}

/// Visits entries of a file, until `each` breaks off; those of a version that is not known are
/// passed over.
fn each_entry(
    file: &dyn File,
    slots: Range<u64>,
    mut each: impl FnMut(AbortedTransaction) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut bytes = Vec::new();
    let mut slot = slots.start;
    while slot < slots.end {
        let count = (slots.end - slot).min(ENTRIES_READ);
        bytes.resize(count as usize * ENTRY_BYTES, 0);
        file.read_exact_at(&mut bytes, slot * ENTRY_BYTES as u64)?;
        for entry in bytes.as_chunks().0.iter().filter_map(AbortedTransaction::parse) {
            if each(entry).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        slot += count;
    }
    Ok(ControlFlow::Continue(()))
}

/// The entries of a segment's index whose markers stand before an offset, as far as they can be true:
/// what follows them may never have been stored.
pub(super) fn entries_before(
    place: &Place,
    base: Offset,
    end: Offset,
) -> Result<Vec<AbortedTransaction>> {
    let mut entries = Vec::new();
    let Some(file) = storage::found(place.storage.open(&path_of(place, base), Open::Read))? else {
        return Ok(entries);
    };
    let mut next = base;
    let _ = each_entry(&*file, 0..slots_of(&*file)?, |entry| {
        let AbortedTransaction { first_offset, last_offset, .. } = entry;
        if last_offset < next || last_offset >= end || first_offset > last_offset {
            return ControlFlow::Break(());
        }
        next = last_offset.next();
        entries.push(entry);
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

/// How many entries a file holds.
fn slots_of(file: &dyn File) -> Result<u64> {
    Ok(file.metadata()?.len / ENTRY_BYTES as u64)
}

/// The first slot before `end` whose transaction ended at or after an offset.
fn first_ending_at(file: &dyn File, end: u64, offset: Offset) -> Result<u64> {
    let (mut low, mut high) = (0, end);
    let mut bytes = [0; ENTRY_BYTES];
    while low < high {
        let middle = low + (high - low) / 2;
        file.read_exact_at(&mut bytes, middle * ENTRY_BYTES as u64)?;
        match AbortedTransaction::parse(&bytes) {
            Some(entry) if entry.last_offset < offset => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Entries as they stand in the file.
pub(super) fn entries_bytes(entries: &[AbortedTransaction]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

/// The path of a segment's index.
pub(super) fn path_of(place: &Place, base: Offset) -> String {
    place.path_of(&names::segment_file(base, TXN_INDEX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_kafkas() {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[9] = 7;
        bytes[16..18].copy_from_slice(&[1, 2]);
        bytes[24..26].copy_from_slice(&[1, 9]);
        bytes[33] = 10;
        let entry = AbortedTransaction::parse(&bytes).expect("version 0");
        assert_eq!((entry.producer_id, entry.first_offset), (7, Offset(258)));
        assert_eq!((entry.last_offset, entry.last_stable), (Offset(265), Offset(10)));
        assert_eq!(entry.to_bytes(), bytes);
        bytes[1] = 1;
        assert!(AbortedTransaction::parse(&bytes).is_none());
    }
}
