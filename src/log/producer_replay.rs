//! The producers of a log as its batches alone have them, for who looks into logs and rebuilds
//! what stands beside them: no snapshot is read, and nobody is forgotten.

use super::aborted::AbortedTransaction;
use super::producers::{Producers, SentBatch};
use super::snapshot::SnapshotEntry;
use crate::model::Offset;
use crate::record::{Batch, EndTransactionMarker, Outcome};

/// The producers as of an offset, by the batches before it.
#[derive(Debug, Default)]
pub struct ProducerReplay(Producers);

/// A transaction that a marker has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedTransaction {
    /// Whether it was committed.
    pub is_committed: bool,
    /// What `.txnindex` has of it if it was aborted. Where none of its batches was met the first
    /// offset is that of the marker.
    pub entry: AbortedTransaction,
    /// Whether a batch of it was met.
    pub was_begun: bool,
}

impl ProducerReplay {
    /// Takes note of the next batch. A control batch whose marker can't be read ends nothing.
    pub fn follow(&mut self, batch: &Batch<'_>) -> Option<EndedTransaction> {
        let sent = SentBatch::of(batch)?;
        if self.outlived(batch).is_some() {
            self.0.end_unseen(sent.producer_id);
        }
        let marker = EndTransactionMarker::of(batch).unwrap_or_default();
        let open = self.0.get(sent.producer_id);
        let start = open.and_then(|producer| producer.transaction_start);
        self.0.follow(&sent, batch.base_offset(), marker, sent.max_timestamp);
        let (marker, last_offset) = (marker?, batch.last_offset());
        let entry = AbortedTransaction {
            producer_id: sent.producer_id,
            first_offset: start.unwrap_or(last_offset),
            last_offset,
            last_stable: Offset(self.0.first_open()).min(last_offset.next()),
        };
        let is_committed = marker.outcome == Outcome::Commit;
        Some(EndedTransaction { is_committed, entry, was_begun: start.is_some() })
    }

    /// Where a transaction begins whose producer goes on with this batch under a higher epoch: it has
    /// ended, and its marker was not met.
    #[must_use]
    pub fn outlived(&self, batch: &Batch<'_>) -> Option<Offset> {
        let sent = SentBatch::of(batch).filter(|sent| !sent.is_control)?;
        let producer = self.0.get(sent.producer_id)?;
        producer.transaction_start.filter(|_| producer.epoch < sent.producer_epoch)
    }

    /// A producer, as a snapshot has it.
    #[must_use]
    pub fn get(&self, producer_id: i64) -> Option<SnapshotEntry> {
        self.0.get(producer_id).map(|producer| SnapshotEntry::of(producer_id, producer))
    }

    /// All of them, as a snapshot has them.
    #[must_use]
    pub fn entries(&self) -> Vec<SnapshotEntry> {
        self.0.entries().iter().map(|(id, producer)| SnapshotEntry::of(*id, producer)).collect()
    }

    /// The first offset of each transaction that is open, with its producer.
    pub fn open(&self) -> impl Iterator<Item = (Offset, i64)> {
        self.0.open()
    }
}
