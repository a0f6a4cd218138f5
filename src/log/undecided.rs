//! Which transactions are open or aborted, where no published state can be trusted.
//!
//! The newest snapshot of the producers at or below the recovery point is believed, and so are the
//! indexes of aborted transactions below it; whoever wrote the snapshot made those durable before.
//! What follows is found out from the batches. A log that shows no producer, neither past the recovery
//! point nor in its newest snapshot, is not read for any: a writer takes a snapshot before it raises the
//! recovery point over a producer's first batch.
//!
//! Where damage ends the search, readers of committed records still come to it, and tell of it: what
//! is undecided there is left out, as if it were aborted.

use std::sync::Arc;

use super::aborted::{AbortedKnown, AbortedTransaction};
use super::error::{Error, Result};
use super::names::TXN_INDEX;
use super::partition::PartitionLog;
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
        let (storage, dir) = (&*self.place().storage, &self.place().dir);
        let whole;
        let examined = if self.place().only_segment.is_some() {
            // How its transactions ended stands in the segments after it.
            whole = examine_tail(storage, dir, all.to_vec(), recovery_point)?;
            &whole
        } else {
            examined
        };
        let indexed = Arc::new(bases_of(&storage.list(dir)?, TXN_INDEX));
        let none = TransactionsFound {
            first_open: i64::MAX,
            aborted: AbortedKnown::by_files(Arc::clone(&indexed)),
        };
        let end = examined.end_offset;
        // By a clock that stands still nobody has been idle.
        let now_ms = 0;
        let newest = |end| snapshot::newest(storage, dir, end, now_ms);
        // By the checkpoint, which rises after the snapshots, and not by a control file.
        let checkpointed = self.place().recovery_point()?;
        let has_producers = examined.has_producers || checkpointed < recovery_point;
        // One past the end, of what a crash has lost, tells all the same that there are some.
        if !has_producers && newest(Offset(i64::MAX))?.is_none_or(|newest| newest.is_empty()) {
            return Ok(none);
        }
        let Some(active_base) = examined.segments.last().copied() else {
            return Ok(none);
        };
        let believed = newest(end.min(checkpointed))?;
        let mut producers = believed.unwrap_or_else(|| Producers::none(Offset::ZERO));
        let since = producers.end();
        let (place, end_position) = (self.place(), examined.end_position);
        let covered = Covered { place, active_base, end, end_position };
        let mut found = Vec::new();
        let first_open = match covered.replay(&mut producers, now_ms, &mut found) {
            Ok(()) => producers.first_open(),
            Err(Error::Corrupt(_)) => {
                found.extend(producers.open().map(|(first_offset, producer_id)| {
                    let (last_offset, last_stable) = (Offset(i64::MAX), Offset(i64::MAX));
                    AbortedTransaction { producer_id, first_offset, last_offset, last_stable }
                }));
                i64::MAX
            }
            Err(error) => return Err(error),
        };
        let aborted = AbortedKnown { indexed, found: Some((since, Arc::new(found))) };
        Ok(TransactionsFound { first_open, aborted })
    }
}
