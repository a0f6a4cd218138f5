//! Which transactions are open or aborted, where no published state can be trusted.
//!
//! The newest snapshot of the producers at or below the recovery point, or the base of the first
//! segment, is believed, and so is what the indexes of aborted transactions say of all below it; whoever
//! wrote the snapshot made those durable before. What an index holds besides may never have been stored.
//! What follows is found out from the batches. A log that shows no producer, neither past the recovery
//! point nor in its newest snapshot, is not read for any: a writer takes a snapshot before it raises the
//! recovery point over a producer's first batch.
//!
//! Where damage ends the search, readers of committed records still come to it, and tell of it: what
//! is undecided there is left out, as if it were aborted.

use std::sync::Arc;

use super::aborted::{AbortedKnown, AbortedTransaction, entries_before};
use super::error::{Error, Result};
use super::names::TXN_INDEX;
use super::partition::{PartitionLog, Place};
use super::producers::Producers;
use super::recovery::{TailExamined, examine_tail};
use super::replay::Covered;
use super::segment::bases_of;
use super::snapshot;
use crate::model::Offset;

/// What was found out of transactions.
#[derive(Debug)]
pub(super) struct TransactionsFound {
    /// The first offset of the earliest that is open; `i64::MAX` if none is.
    pub(super) first_open: i64,
    /// Those that were aborted.
    pub(super) aborted: AbortedKnown,
}

impl PartitionLog {
    /// What the files tell of transactions. `all` are the segments that are there, `examined` is
    /// what was found past the recovery point of those that are read.
    pub(super) fn transactions_of_files(
        &self,
        all: &[Offset],
        examined: &TailExamined,
        recovery_point: Offset,
    ) -> Result<TransactionsFound> {
        let (place, storage) = (self.place(), &*self.place().storage);
        let whole;
        let examined = if place.only_segment.is_some() {
            // How its transactions ended stands in the segments after it.
            whole = examine_tail(storage, &place.dir, all.to_vec(), recovery_point)?;
            &whole
        } else {
            examined
        };
        let indexed = bases_of(&storage.list(&place.dir)?, TXN_INDEX);
        // By the checkpoint, which rises after the snapshots, and not by a control file.
        let checkpointed = place.recovery_point()?;
        let is_shown =
            examined.has_producers || checkpointed < recovery_point || !indexed.is_empty();
        // By a clock that stands still nobody has been idle.
        let newest = |end| snapshot::newest(storage, &place.dir, end, 0);
        // One past the end, of what a crash has lost, tells all the same that there are some.
        if !is_shown && newest(Offset(i64::MAX))?.is_none_or(|newest| newest.is_empty()) {
            let aborted = AbortedKnown::default();
            return Ok(TransactionsFound { first_open: i64::MAX, aborted });
        }
        // What it tells of below the first segment was deleted, and is nowhere else.
        let first = all.first().copied().unwrap_or_default();
        let believed = newest(examined.end_offset.min(checkpointed.max(first)))?;
        let believed = believed.unwrap_or_else(|| Producers::none(Offset::ZERO));
        transactions_since(place, all, indexed, believed, examined)
    }
}

/// What the files tell of transactions, with the producers that are believed as of some offset.
fn transactions_since(
    place: &Place,
    all: &[Offset],
    mut indexed: Vec<Offset>,
    mut producers: Producers,
    examined: &TailExamined,
) -> Result<TransactionsFound> {
    // The segment that the snapshot falls in, where it is not the beginning of one.
    let since = all.iter().copied().rfind(|base| *base < producers.end()).unwrap_or_default();
    indexed.retain(|base| *base < since);
    let mut found = entries_before(place, since, producers.end())?;
    let covered = Covered {
        place,
        active_base: examined.segments.last().copied().unwrap_or_default(),
        end: examined.end_offset,
        end_position: examined.end_position,
    };
    let first_open =
        match covered.replay(&mut producers, 0, &mut found) {
            Ok(()) => producers.first_open(),
            Err(Error::Corrupt(_)) => {
                let (last_offset, last_stable) = (Offset(i64::MAX), Offset(i64::MAX));
                found.extend(producers.open().map(|(first_offset, producer_id)| {
                    AbortedTransaction { producer_id, first_offset, last_offset, last_stable }
                }));
                i64::MAX
            }
            Err(error) => return Err(error),
        };
    let aborted = AbortedKnown { indexed: Arc::new(indexed), found: Arc::new(found) };
    Ok(TransactionsFound { first_open, aborted })
}
