//! EndTxn, and how a decision is carried out.
//!
//! 1. Before a commit: all that the transaction wrote is made durable, its partitions beside each other;
//!    before any end the markers of the one before.
//! 2. The decision is written down and made durable. From here on it stands, whatever happens.
//! 3. A marker is written to each partition, and then down that this was done. A crash may take a
//!    marker and leave that note; so the records of the id say where the markers are, until the next
//!    end makes them durable.
//!
//! Between 1 and 3 the lock is let go while the disk works, and the id is *pending*: nothing else
//! happens to it. What can't be carried out, since a disk is full, is tried again by
//! [`Transactions::tick`].

use std::sync::Arc;
use std::time::Duration;

use super::shard::{Held, Locked};
use super::store::FAILED;
use super::transaction::{End, State, Transaction};
use super::{Partitions, ProducerIdAndEpoch, Sender, Transactions};
use crate::broker::gate::Gate;
use crate::broker::{self, InternalTopic, Reply};
use crate::log::{self, Appended, EndMarker, PartitionLog, TransactionVersion};
use crate::model::Offset;
use crate::protocol::ErrorCode;
use crate::protocol::transaction_records::UnsyncedMarker;
use crate::record::Outcome;

/// Between two looks whether a decision is carried out.
const PAUSE: Duration = Duration::from_millis(1);

/// Is told what came of a decision: the id and epoch that the producer goes on with.
pub(super) type Done = Reply<Result<ProducerIdAndEpoch, ErrorCode>>;

/// A decision on its way.
struct Decision {
    partition: i32,
    id: Arc<str>,
    next: Transaction,
    done: Done,
}

impl Transactions {
    /// Ends a transaction. The answer comes when that is durable and the next one may begin; it has
    /// the id and epoch to go on with, where `version` says that they change.
    pub fn end(
        self: &Arc<Self>,
        sender: Sender<'_>,
        outcome: Outcome,
        version: TransactionVersion,
        reply: Done,
    ) {
        let locked = match self.lock(sender.transactional_id) {
            Ok(locked) => locked,
            Err(error) => return reply(Err(error)),
        };
        let now_ms = self.store.now_ms();
        let mut new_id = || self.new_producer_id();
        let end = locked.ready(sender.transactional_id).and_then(|(id, transaction)| {
            let end = transaction.end(sender.producer, outcome, version, &mut new_id, now_ms)?;
            Ok((id, transaction.producer, end))
        });
        match end {
            Ok((_, producer, End::Done)) => reply(Ok(producer)),
            Ok((id, _, End::Prepare(next))) => self.decide(locked, id, next, reply),
            Err(error) => reply(Err(error)),
        }
    }

    /// Waits until no decision is on its way: for who has stopped to ask for any, and is about to close
    /// the logs.
    pub fn settle_down(&self) {
        for shard in &self.shards {
            while shard.lock_held(&self.store, None).all().any(|(_, entry)| entry.is_pending) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Makes a decision durable and carries it out.
    pub(super) fn decide(
        self: &Arc<Self>,
        mut locked: Locked<'_>,
        id: Arc<str>,
        next: Transaction,
        done: Done,
    ) {
        locked.set_pending(&id, true);
        let partition = locked.shard.partition;
        let held = locked.keep_others_out();
        let gate = Gate::default();
        if self.store.commit.is_some() {
            for log in self.logs_to_sync(&next) {
                let gate = gate.add();
                self.when_durable(&log, move |durable| gate.pass(durable));
            }
        }
        let this = Arc::clone(self);
        let decision = Decision { partition, id, next, done };
        gate.open(move |durable| this.write_down(decision, held, durable));
    }

    /// What must be durable before a decision is.
    pub(super) fn logs_to_sync(&self, next: &Transaction) -> Vec<Arc<PartitionLog>> {
        let mut partitions = match next.state {
            State::PrepareCommit => next.partitions.clone(),
            _ => Partitions::default(),
        };
        for marker in &next.unsynced {
            partitions.insert(&marker.topic, marker.partition);
        }
        partitions.iter().filter_map(|(topic, partition)| self.log_of(topic, partition)).collect()
    }

    /// The log of a partition that is still there.
    pub(super) fn log_of(&self, topic: &str, partition: i32) -> Option<Arc<PartitionLog>> {
        let topic = self.store.broker.topic_named(topic).ok()??;
        self.store.broker.log(&topic, partition).ok()
    }

    /// Forgets the markers that are durable by now.
    pub(super) fn forget_synced(&self, next: &mut Transaction) {
        next.unsynced.retain(|marker| {
            let Some(log) = self.log_of(&marker.topic, marker.partition) else { return false };
            match log.view() {
                Ok(view) => view.synced().0 <= marker.offset,
                Err(error) => !matches!(error, log::Error::Gone),
            }
        });
    }

    fn write_down(self: Arc<Self>, mut decision: Decision, held: Held, is_durable: bool) {
        self.forget_synced(&mut decision.next);
        let written = self.relock(decision.partition, held).and_then(|mut locked| {
            let written = match is_durable {
                true => locked.write(&decision.id, Some(&decision.next)),
                false => Err(FAILED),
            };
            if written.is_err() {
                locked.set_pending(&decision.id, false);
            }
            Ok((written?, locked.keep_others_out()))
        });
        match written {
            Ok((log, held)) => {
                let this = Arc::clone(&self);
                self.when_durable(&log, move |durable| this.conclude(decision, held, durable));
            }
            Err(error) => (decision.done)(Err(error)),
        }
    }

    fn conclude(&self, decision: Decision, held: Held, is_durable: bool) {
        let Decision { partition, id, next, done } = decision;
        let producer = next.completed(next.updated_ms).producer;
        let concluded = self.relock(partition, held).and_then(|mut locked| {
            locked.set_pending(&id, false);
            if !is_durable {
                return Err(FAILED);
            }
            locked.put(&id, next);
            self.carry_out(&mut locked, &id);
            Ok(producer)
        });
        done(concluded);
    }

    /// Writes the markers of a decision that is durable, and down that this was done.
    pub(super) fn carry_out(&self, locked: &mut Locked<'_>, id: &Arc<str>) {
        let Some(entry) = locked.get(id).filter(|entry| entry.transaction.state.is_prepared())
        else {
            return;
        };
        let transaction = entry.transaction.clone();
        let marker = EndMarker {
            producer_id: transaction.producer.producer_id,
            producer_epoch: transaction.producer.producer_epoch,
            coordinator_epoch: locked.coordinator_epoch(),
            outcome: match transaction.state {
                State::PrepareCommit => Outcome::Commit,
                _ => Outcome::Abort,
            },
            version: transaction.version,
        };
        let mut is_told = true;
        let mut completed = transaction.completed(self.store.now_ms());
        for (topic, partition) in transaction.partitions.iter() {
            match self.tell(topic, partition, marker) {
                Ok(Some(offset)) if self.store.commit.is_some() => {
                    completed.unsynced.push(UnsyncedMarker {
                        topic: topic.to_owned(),
                        partition,
                        offset: offset.0,
                        producer_id: marker.producer_id,
                        producer_epoch: marker.producer_epoch,
                        is_commit: marker.outcome == Outcome::Commit,
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    self.store.failures.note(&error);
                    is_told = false;
                }
            }
        }
        let is_over = is_told && locked.write(id, Some(&completed)).is_ok();
        // Otherwise it is due again in a moment.
        locked.put(id, if is_over { completed } else { transaction });
    }

    /// Ends a transaction in a partition; gives the offset of the marker. One that is gone, or that has
    /// heard of a later epoch, has no need of it.
    pub(super) fn tell(
        &self,
        topic: &str,
        partition: i32,
        marker: EndMarker,
    ) -> broker::Result<Option<Offset>> {
        let ended = match self.end_in(topic, partition, marker) {
            Err(broker::Error::Log {
                source: log::Error::CoordinatorFenced { current, .. },
                ..
            }) => {
                // The log was another directory's: its markers tell of a coordinator of there.
                let marker = EndMarker { coordinator_epoch: current, ..marker };
                self.end_in(topic, partition, marker)
            }
            ended => ended,
        };
        match ended {
            Err(
                broker::Error::NoSuchTopic(_)
                | broker::Error::NoSuchPartition { .. }
                | broker::Error::Log {
                    source:
                        log::Error::Gone
                        | log::Error::InvalidProducerEpoch { .. }
                        | log::Error::InvalidTxnState { .. },
                    ..
                },
            ) => Ok(None),
            ended => ended.map(|appended| Some(appended.base_offset)),
        }
    }

    /// Writes a marker to a partition. Offsets that were committed in the transaction count from here
    /// on, or are forgotten.
    pub(super) fn end_in(
        &self,
        topic: &str,
        partition: i32,
        marker: EndMarker,
    ) -> broker::Result<Appended> {
        let broker = &self.store.broker;
        let topic = broker.topic(&topic.parse()?)?;
        topic.require_partition(partition)?;
        if topic.name.as_str() == InternalTopic::ConsumerOffsets.name()
            && let Some(groups) = &self.groups
        {
            return groups.end_transaction(partition, &marker);
        }
        let log = broker.log(&topic, partition)?;
        let ended = log.end_transaction(&marker, self.store.now_ms());
        ended.map_err(|error| broker::Error::of_log("end a transaction in", &log, error))
    }
}
