//! What is left of transactions whose coordinator died: carried out, or aborted.

use std::collections::HashMap;
use std::sync::Arc;

use super::shard::Locked;
use super::store::FAILED;
use super::transaction::{State, Transaction};
use super::{Partitions, Transactions};
use crate::broker::{self, Error, Result};
use crate::log::{EndMarker, PartitionLog, ProducerInfo, TransactionVersion};
use crate::protocol::ErrorCode;
use crate::protocol::transaction_records::UnsyncedMarker;
use crate::record::Outcome;

/// A transaction that is open in a partition.
struct Open {
    log: Arc<PartitionLog>,
    producer: ProducerInfo,
}

impl Open {
    /// The same as it is by now; `None` if it has ended.
    fn as_it_is_now(&self, now_ms: i64) -> Option<Self> {
        let open = self.log.open_transactions(now_ms).unwrap_or_default();
        let is_it = |it: &ProducerInfo| it.producer_id == self.producer.producer_id;
        let producer = open.into_iter().find(is_it)?;
        Some(Self { log: Arc::clone(&self.log), producer })
    }

    /// What aborts it, in an epoch.
    fn abort(&self, producer_epoch: i16) -> EndMarker {
        EndMarker {
            producer_id: self.producer.producer_id,
            producer_epoch,
            coordinator_epoch: self.producer.coordinator_epoch.max(0),
            outcome: Outcome::Abort,
            version: TransactionVersion::V1,
        }
    }
}

impl Transactions {
    /// Puts everything in order at the start of a server: reads all ids, carries out what was decided,
    /// and aborts transactions that no id knows to be going on. Those that one does go on.
    ///
    /// # Errors
    /// As the file system says. What can't be written is tried again by [`Transactions::tick`].
    pub fn recover(self: &Arc<Self>) -> Result<()> {
        for shard in &self.shards {
            // What went wrong was noted; whoever asks for an id of it finds out.
            let _ = self.locked(shard);
        }
        let broker = &self.store.broker;
        if broker.home().was_clean() {
            // All was durable when the last who wrote here stopped: nothing can be missing.
            return Ok(());
        }
        let mut logs = Vec::new();
        for topic in broker.all_topics()? {
            for partition in 0..topic.partitions {
                logs.push(broker.log(&topic, partition)?);
            }
        }
        self.settle(&logs)
    }

    /// Aborts the transactions that are open in a partition and that nobody is left to end: no id
    /// knows of them, or the command died that began them.
    ///
    /// # Errors
    /// As the file system says.
    pub fn settle(self: &Arc<Self>, logs: &[Arc<PartitionLog>]) -> Result<()> {
        let mut open = Vec::new();
        for log in logs {
            let found = match log.open_transactions(self.store.now_ms()) {
                Err(crate::log::Error::Gone) => continue,
                found => found.map_err(|error| Error::of_log("read", log, error))?,
            };
            open.extend(found.into_iter().map(|producer| Open { log: Arc::clone(log), producer }));
        }
        if open.is_empty() {
            return Ok(());
        }
        let owners = self.owners();
        let mut of_ids: HashMap<Arc<str>, Vec<Open>> = HashMap::new();
        for open in open {
            match owners.get(&open.producer.producer_id) {
                Some(id) => of_ids.entry(Arc::clone(id)).or_default().push(open),
                None => self.abort_unknown(&open)?,
            }
        }
        for (id, open) in of_ids {
            self.abort_lost(&id, &open);
        }
        Ok(())
    }

    /// The ids by their producers.
    fn owners(&self) -> HashMap<i64, Arc<str>> {
        let mut owners = HashMap::new();
        for shard in &self.shards {
            if let Ok(locked) = self.locked(shard) {
                let all = locked.all();
                let all = all.map(|(id, it)| (it.transaction.producer.producer_id, Arc::clone(id)));
                owners.extend(all);
            }
        }
        owners
    }

    /// Aborts a transaction whose id is not known any more. The epoch rises, so that whoever began
    /// it hears of that.
    fn abort_unknown(&self, open: &Open) -> Result<()> {
        let epoch = open.producer.producer_epoch.saturating_add(1);
        let tp = open.log.partition();
        self.tell(&tp.topic, tp.partition, open.abort(epoch)).map(drop)
    }

    /// Aborts the transaction of an id if partitions have it open that it does not have, or if the
    /// command died that began it. A client that goes on with the rest would commit half of it; so it is
    /// fenced, unless it was before.
    fn abort_lost(&self, id: &str, open: &[Open]) {
        let Ok(mut locked) = self.lock(id) else { return };
        let Ok((id, transaction)) = locked.ready(id) else { return };
        let mut left = Partitions::default();
        // While the lock was waited for its owner may have ended it, or begun the next.
        for open in open.iter().filter_map(|open| open.as_it_is_now(self.store.now_ms())) {
            let (tp, epoch) = (open.log.partition(), transaction.producer.producer_epoch);
            let marker = match self.lost_marker(transaction, &open) {
                Some(lost) => marker_of(lost),
                // Whoever began it has no epoch any more to go on with.
                None if open.producer.producer_epoch < epoch => open.abort(epoch),
                None => {
                    left.insert(&tp.topic, tp.partition);
                    continue;
                }
            };
            if let Err(error) = self.tell(&tp.topic, tp.partition, marker) {
                self.store.failures.note(&error);
            }
        }
        let is_known =
            transaction.state == State::Ongoing && left.is_within(&transaction.partitions);
        let is_over = transaction.state != State::Ongoing && left.iter().next().is_none();
        if is_over || is_known && !self.is_abandoned(&id) {
            return;
        }
        let next = transaction.fenced(&left, self.store.now_ms());
        // What went wrong was noted, and is tried again when somebody meets it.
        let _ = self.decide_here(&mut locked, &id, next);
    }

    /// The marker that a crash has taken from a partition that has something open. What follows a
    /// marker is lost with it: so what is open in a log that ends before one is what that one ended.
    fn lost_marker<'t>(
        &self,
        transaction: &'t Transaction,
        open: &Open,
    ) -> Option<&'t UnsyncedMarker> {
        let end = open.log.view().map_or(i64::MAX, |view| view.end().0);
        let tp = open.log.partition();
        let is_lost = |marker: &&UnsyncedMarker| {
            (&*marker.topic, marker.partition) == (tp.topic.as_str(), tp.partition)
                && end <= marker.offset
        };
        transaction.unsynced.iter().filter(is_lost).min_by_key(|marker| marker.offset)
    }

    /// Carries out what was decided, where who decided it died.
    pub(super) fn finish_prepared(&self, locked: &mut Locked<'_>) {
        let is_left = |entry: &super::shard::Entry| {
            entry.transaction.state.is_prepared() && !entry.is_pending
        };
        let left: Vec<_> = locked.all().filter(|(_, entry)| is_left(entry)).collect();
        let left = left.into_iter().map(|(id, it)| (Arc::clone(id), it.transaction.clone()));
        for (id, transaction) in left.collect::<Vec<_>>() {
            // It may not be durable: whoever wrote it died, perhaps before the sync.
            let _ = self.decide_here(locked, &id, transaction);
        }
    }

    /// Makes a decision durable and carries it out, with the lock held all the while.
    pub(super) fn decide_here(
        &self,
        locked: &mut Locked<'_>,
        id: &Arc<str>,
        mut next: Transaction,
    ) -> std::result::Result<(), ErrorCode> {
        let is_durable = self.store.commit.is_some();
        if is_durable {
            for marker in &next.unsynced {
                if let Some(log) = self.log_of(&marker.topic, marker.partition) {
                    self.sync(&log)?;
                }
            }
            self.forget_synced(&mut next);
        }
        let log = locked.write(id, Some(&next))?;
        if is_durable {
            self.sync(&log)?;
        }
        locked.put(id, next);
        self.carry_out(locked, id);
        Ok(())
    }

    fn sync(&self, log: &PartitionLog) -> std::result::Result<(), ErrorCode> {
        self.store.broker.sync(log).map_err(|error: broker::Error| {
            self.store.failures.note(&error);
            FAILED
        })
    }
}

/// A marker that was lost, to be written anew. Its transaction is known to be the one that is open, so
/// that its epoch need not tell.
fn marker_of(lost: &UnsyncedMarker) -> EndMarker {
    EndMarker {
        producer_id: lost.producer_id,
        producer_epoch: lost.producer_epoch,
        coordinator_epoch: 0,
        outcome: if lost.is_commit { Outcome::Commit } else { Outcome::Abort },
        version: TransactionVersion::V1,
    }
}
