//! What a partition remembers of its idempotent producers: enough to take each batch once.
//!
//! A producer numbers its records in each partition and sends a batch again until it is answered.
//! The log keeps the last five batches of each, as many as a client has on the way at once; by them
//! it is [decided](super::admission) which are taken. All of it can be found out from the batches in
//! the log; a [snapshot](super::snapshot) saves the reading. Transactions are followed too: the
//! earliest that is open bounds what readers of committed records see.
//!
//! Source: KIP-98 and Kafka's `ProducerStateManager`, `ProducerStateEntry`, `ProducerAppendInfo`.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::aborted::AbortedTransaction;
use crate::model::{Offset, limits};
use crate::record::{Batch, EndTransactionMarker, Outcome};

/// Batches of a producer that are remembered. Source: Kafka's `ProducerStateEntry`.
const BATCHES_KEPT: usize = 5;
/// The sequence before the first.
const NO_SEQUENCE: i32 = -1;

/// A batch of an idempotent producer, without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SentBatch {
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) last_sequence: i32,
    /// Last offset minus base offset.
    pub(super) offset_delta: i32,
    /// Largest timestamp, in milliseconds.
    pub(super) max_timestamp: i64,
    pub(super) is_transactional: bool,
    pub(super) is_control: bool,
}

impl SentBatch {
    /// What a batch says of its producer; `None` if it has none.
    pub(super) fn of(batch: &Batch<'_>) -> Option<Self> {
        let attributes = batch.attributes();
        (batch.producer_id() >= 0).then(|| Self {
            producer_id: batch.producer_id(),
            producer_epoch: batch.producer_epoch(),
            base_sequence: batch.base_sequence(),
            last_sequence: batch.last_sequence(),
            offset_delta: batch.last_offset_delta(),
            max_timestamp: batch.max_timestamp(),
            is_transactional: attributes.is_transactional(),
            is_control: attributes.is_control(),
        })
    }

    const fn stored(&self, last_offset: Offset) -> StoredBatch {
        StoredBatch {
            last_sequence: self.last_sequence,
            last_offset,
            offset_delta: self.offset_delta,
            timestamp: self.max_timestamp,
        }
    }
}

/// A batch of a producer, as it stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredBatch {
    pub(super) last_sequence: i32,
    pub(super) last_offset: Offset,
    /// Last offset minus base offset.
    pub(super) offset_delta: i32,
    /// Largest timestamp, in milliseconds.
    pub(super) timestamp: i64,
}

impl StoredBatch {
    pub(super) fn base_offset(&self) -> Offset {
        self.last_offset + -i64::from(self.offset_delta)
    }

    /// Sequences wrap from `i32::MAX` to 0.
    fn base_sequence(&self) -> i32 {
        let wrapped = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        let first = if wrapped < 0 { wrapped + i64::from(i32::MAX) + 1 } else { wrapped };
        first as i32
    }
}

/// What is known of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) epoch: i16,
    /// Of the coordinator that wrote the last marker; -1 before one.
    pub(super) coordinator_epoch: i32,
    /// Largest timestamp of its last batch, in milliseconds.
    pub(super) last_timestamp: i64,
    /// The first offset of its transaction that is open.
    pub(super) transaction_start: Option<Offset>,
    /// The last ones, oldest first.
    batches: VecDeque<StoredBatch>,
    /// When it was last heard of, in milliseconds, by the clock.
    seen_ms: i64,
}

impl Producer {
    /// A producer of which one batch at most is known, as a snapshot has it.
    pub(super) fn of_snapshot(
        epoch: i16,
        coordinator_epoch: i32,
        last_timestamp: i64,
        transaction_start: Option<Offset>,
        last: Option<StoredBatch>,
    ) -> Self {
        let batches = last.into_iter().collect();
        let seen_ms = last_timestamp;
        Self { epoch, coordinator_epoch, last_timestamp, transaction_start, batches, seen_ms }
    }

    /// Its last batch, if any is remembered.
    pub(super) fn last(&self) -> Option<&StoredBatch> {
        self.batches.back()
    }

    pub(super) fn last_sequence(&self) -> i32 {
        self.last().map_or(NO_SEQUENCE, |batch| batch.last_sequence)
    }

    /// The batch that is there already, of those that are remembered.
    pub(super) fn duplicate(&self, sent: &SentBatch) -> Option<StoredBatch> {
        let same = |batch: &&StoredBatch| {
            (batch.base_sequence(), batch.last_sequence) == (sent.base_sequence, sent.last_sequence)
        };
        let batch = self.batches.iter().find(same).copied();
        batch.filter(|_| self.epoch == sent.producer_epoch)
    }

    /// Another epoch begins: what came before it counts no more.
    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.batches.clear();
            self.epoch = epoch;
        }
    }

    fn is_idle(&self, now_ms: i64) -> bool {
        let last_ms = self.last_timestamp.max(self.seen_ms);
        self.transaction_start.is_none()
            && now_ms.saturating_sub(last_ms) >= limits::PRODUCER_ID_EXPIRATION_MS
    }
}

/// One producer, as an administrator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerInfo {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Sequence of its last record; -1 if none is known.
    pub last_sequence: i32,
    /// Largest timestamp of its last batch, in milliseconds.
    pub last_timestamp: i64,
    /// Epoch of the coordinator that wrote its last marker; -1 before one.
    pub coordinator_epoch: i32,
    /// The first offset of its transaction that is open.
    pub transaction_start: Option<Offset>,
}

/// The producers of a partition, as of an offset.
#[derive(Debug, Default)]
pub(super) struct Producers {
    by_id: HashMap<i64, Producer>,
    /// Transactions that are open, by first offset.
    open: BTreeSet<(Offset, i64)>,
    /// Every batch below is in here.
    end: Offset,
    /// When idle ones were last forgotten, in milliseconds.
    swept_ms: i64,
}

impl Producers {
    /// None, as of an offset.
    pub(super) fn none(end: Offset) -> Self {
        Self { end, ..Self::default() }
    }

    /// Those of a snapshot that was written at `written_ms`, as of its offset.
    pub(super) fn of_snapshot(
        end: Offset,
        entries: Vec<(i64, Producer)>,
        written_ms: i64,
        now_ms: i64,
    ) -> Self {
        let mut producers = Self { swept_ms: now_ms, ..Self::none(end) };
        for (id, mut producer) in entries {
            // A record's timestamp is its producer's word; the file is no older than what it tells of.
            producer.seen_ms = producer.seen_ms.max(written_ms.min(now_ms));
            if !producer.is_idle(now_ms) {
                producers.open.extend(producer.transaction_start.map(|start| (start, id)));
                producers.by_id.insert(id, producer);
            }
        }
        producers
    }

    /// Every batch below is in here.
    pub(super) const fn end(&self) -> Offset {
        self.end
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// What is known of one.
    pub(super) fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.by_id.get(&producer_id)
    }

    /// The transactions that are open: the first offset of each, and its producer.
    pub(super) fn open(&self) -> impl Iterator<Item = (Offset, i64)> {
        self.open.iter().copied()
    }

    /// The first offset of the earliest transaction that is open; `i64::MAX` if none is.
    pub(super) fn first_open(&self) -> i64 {
        self.open.first().map_or(i64::MAX, |(start, _)| start.0)
    }

    /// Each with its id, in order of the ids.
    pub(super) fn entries(&self) -> Vec<(i64, &Producer)> {
        let mut entries: Vec<_> = self.by_id.iter().map(|(id, producer)| (*id, producer)).collect();
        entries.sort_unstable_by_key(|(id, _)| *id);
        entries
    }

    /// Each as an administrator sees it, in order of the ids.
    pub(super) fn infos(&self) -> Vec<ProducerInfo> {
        let info = |(producer_id, producer): (i64, &Producer)| ProducerInfo {
            producer_id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last_sequence(),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            transaction_start: producer.transaction_start,
        };
        self.entries().into_iter().map(info).collect()
    }

    /// Takes note of a batch that stands in the log from `base_offset` on, with the marker that it
    /// holds, if any. It is not checked: what is in the log is so. Where that aborts a transaction
    /// with records, what the index of aborted transactions is to say.
    pub(super) fn follow(
        &mut self,
        sent: &SentBatch,
        base_offset: Offset,
        marker: Option<EndTransactionMarker>,
        seen_ms: i64,
    ) -> Option<AbortedTransaction> {
        let id = sent.producer_id;
        let last_offset = base_offset + i64::from(sent.offset_delta);
        self.end = last_offset.next();
        if sent.is_control && marker.is_none() {
            // Compaction has removed the marker, and the whole transaction before it.
            return None;
        }
        let unknown = Producer::of_snapshot(sent.producer_epoch, -1, -1, None, None);
        let producer = self.by_id.entry(id).or_insert(unknown);
        producer.set_epoch(sent.producer_epoch);
        producer.last_timestamp = sent.max_timestamp;
        producer.seen_ms = seen_ms;
        if let Some(marker) = marker {
            producer.coordinator_epoch = marker.coordinator_epoch;
            let first_offset = producer.transaction_start.take()?;
            self.open.remove(&(first_offset, id));
            // Source: Kafka's `ProducerStateManager.lastStableOffset`.
            let last_stable = Offset(self.first_open().min(self.end.0));
            let ended =
                AbortedTransaction { producer_id: id, first_offset, last_offset, last_stable };
            return (marker.outcome == Outcome::Abort).then_some(ended);
        }
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        producer.batches.push_back(sent.stored(last_offset));
        if sent.is_transactional && producer.transaction_start.is_none() {
            producer.transaction_start = Some(base_offset);
            self.open.insert((base_offset, id));
        }
        None
    }

    /// Ends the transaction of a producer whose marker is not there.
    pub(super) fn end_unseen(&mut self, producer_id: i64) {
        let start = self.by_id.get_mut(&producer_id).and_then(|it| it.transaction_start.take());
        if let Some(start) = start {
            self.open.remove(&(start, producer_id));
        }
    }

    /// Remembers a batch of before the snapshot that these are of, which has only the last of each.
    /// They come in order.
    pub(super) fn recall(&mut self, sent: &SentBatch, base_offset: Offset) {
        let Some(producer) = self.by_id.get_mut(&sent.producer_id) else {
            return;
        };
        let last_offset = base_offset + i64::from(sent.offset_delta);
        let is_older = producer.last().is_some_and(|last| last_offset < last.last_offset);
        if !is_older || sent.producer_epoch != producer.epoch || sent.is_control {
            return;
        }
        if producer.batches.len() == BATCHES_KEPT {
            producer.batches.pop_front();
        }
        producer.batches.insert(producer.batches.len() - 1, sent.stored(last_offset));
    }

    /// Takes note of batches without a producer, up to an offset.
    pub(super) fn pass_to(&mut self, end: Offset) {
        self.end = end;
    }

    /// Forgets those that have been idle for too long, unless that was done not long ago.
    pub(super) fn sweep(&mut self, now_ms: i64) {
        if now_ms.saturating_sub(self.swept_ms) >= limits::PRODUCER_ID_SWEEP_MS {
            self.forget_idle(now_ms);
        }
    }

    /// Forgets those that have been idle for too long.
    pub(super) fn forget_idle(&mut self, now_ms: i64) {
        self.swept_ms = now_ms;
        self.by_id.retain(|_, producer| !producer.is_idle(now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::super::admission::testing::{control, marker, sent, transactional};
    use super::*;

    #[test]
    fn transactions_are_followed() {
        let mut producers = Producers::none(Offset(0));
        producers.follow(&transactional(1), Offset(10), None, 0);
        producers.follow(&transactional(2), Offset(12), None, 0);
        assert_eq!(producers.first_open(), 10);
        producers.forget_idle(i64::MAX);
        assert_eq!(producers.entries().len(), 2, "open transactions are not forgotten");
        let aborted = producers.follow(&control(1, 0), Offset(13), marker(Outcome::Abort), 0);
        let (first_offset, last_offset) = (Offset(10), Offset(13));
        let of_first = AbortedTransaction {
            producer_id: 1,
            first_offset,
            last_offset,
            last_stable: Offset(12),
        };
        assert_eq!(aborted, Some(of_first), "stable up to the other transaction");
        assert_eq!(producers.first_open(), 12);
        assert_eq!(producers.entries()[0].1.coordinator_epoch, 3);
        // A marker of a higher epoch fences what was sent before it.
        assert_eq!(producers.follow(&control(2, 1), Offset(14), marker(Outcome::Commit), 0), None);
        assert_eq!((producers.first_open(), producers.end()), (i64::MAX, Offset(15)));
        assert_eq!(producers.get(2).map(|producer| producer.epoch), Some(1));
        let aborted = producers.follow(&control(2, 2), Offset(15), marker(Outcome::Abort), 0);
        assert_eq!(aborted, None, "a transaction without records");
        producers.follow(&transactional(3), Offset(16), None, 0);
        let aborted = producers.follow(&control(3, 0), Offset(17), marker(Outcome::Abort), 0);
        assert_eq!(aborted.map(|aborted| aborted.last_stable), Some(Offset(18)), "up to the end");
    }

    #[test]
    fn the_idle_are_forgotten_by_the_clock_not_by_their_timestamps() {
        let day_ms = limits::PRODUCER_ID_EXPIRATION_MS;
        let mut producers = Producers::none(Offset(0));
        producers.follow(&sent(0, 0, 1), Offset(0), None, 50 * day_ms);
        producers.sweep(51 * day_ms - 1);
        assert!(!producers.is_empty());
        producers.sweep(51 * day_ms);
        assert!(!producers.is_empty(), "there was a look not long ago");
        producers.forget_idle(51 * day_ms);
        assert!(producers.is_empty());
    }
}
