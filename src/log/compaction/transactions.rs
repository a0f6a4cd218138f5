//! What compaction knows of transactions as it goes through a log.
//!
//! Records of aborted transactions go at once. A marker stays until a compaction meets no batch of
//! its transaction any more; from then on its delete horizon counts. An entry of the index of aborted
//! transactions goes one compaction before the marker can: a reader that finds the entry always finds
//! the marker too.
//!
//! Source: Kafka's `CleanedTransactionMetadata`.

use std::collections::{HashMap, HashSet};

use crate::log::AbortedTransaction;
use crate::model::Offset;
use crate::record::{Batch, CorruptBatch, EndTransactionMarker, Outcome};

/// Transactions, as of the batch that was met last.
#[derive(Debug)]
pub(super) struct Transactions {
    /// Those that were aborted, by first offset, the last one first.
    to_come: Vec<AbortedTransaction>,
    /// Those that have begun and whose marker is to come, by producer.
    aborted: HashMap<i64, Aborted>,
    /// Producers of whose transaction a batch was met that is to be committed.
    committed: HashSet<i64>,
    /// What the index of the segment that is being written is to hold.
    indexed: Vec<AbortedTransaction>,
}

#[derive(Debug)]
struct Aborted {
    transaction: AbortedTransaction,
    has_batches: bool,
}

impl Transactions {
    /// The transactions of a range of a log in which these were aborted.
    pub(super) fn new(mut aborted: Vec<AbortedTransaction>) -> Self {
        aborted.sort_unstable_by_key(|transaction| std::cmp::Reverse(transaction.first_offset));
        Self {
            to_come: aborted,
            aborted: HashMap::new(),
            committed: HashSet::new(),
            indexed: Vec::new(),
        }
    }

    /// Takes in the next batch. True if it counts no more: it is of an aborted transaction, or the
    /// marker of one of which no batch was met.
    ///
    /// # Errors
    /// A control batch that cannot be read.
    pub(super) fn meet(&mut self, batch: &Batch<'_>) -> Result<bool, CorruptBatch> {
        self.begin_up_to(batch.last_offset());
        let id = batch.producer_id();
        if batch.attributes().is_control() {
            return self.meet_marker(batch);
        }
        if !batch.attributes().is_transactional() {
            return Ok(false);
        }
        match self.aborted.get_mut(&id) {
            Some(aborted) => {
                aborted.has_batches = true;
                Ok(true)
            }
            None => {
                self.committed.insert(id);
                Ok(false)
            }
        }
    }

    fn meet_marker(&mut self, batch: &Batch<'_>) -> Result<bool, CorruptBatch> {
        let id = batch.producer_id();
        let Some(marker) = EndTransactionMarker::of(batch)? else {
            // One that was emptied before counts no more; one of another kind is none of ours.
            return Ok(batch.records_count() == 0);
        };
        Ok(match marker.outcome {
            Outcome::Abort => match self.aborted.remove(&id) {
                Some(Aborted { transaction, has_batches: true }) => {
                    self.indexed.push(transaction);
                    false
                }
                _ => true,
            },
            Outcome::Commit => !self.committed.remove(&id),
        })
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(next) = self.to_come.last()
            && next.first_offset <= offset
        {
            let aborted = Aborted { transaction: *next, has_batches: false };
            self.aborted.entry(next.producer_id).or_insert(aborted);
            self.to_come.pop();
        }
    }

    /// What the index of the segment that was written since the last call is to hold.
    pub(super) fn take_indexed(&mut self) -> Vec<AbortedTransaction> {
        std::mem::take(&mut self.indexed)
    }
}
