//! The transaction coordinator: which producer a transactional id belongs to, what its transaction has
//! written to, and how it ends. Kafka's protocol, in its first version and in that of KIP-890.
//!
//! Ids are kept in `__transaction_state`, each in the partition that its hash says, in Kafka's own
//! records. One coordinator serves both doors: a server, which is alone in its directory, and commands,
//! which share it and read what the others wrote before each step.
//!
//! What is on disk when an answer goes out:
//! - InitProducerId: the new epoch is durable.
//! - EndTxn: what the transaction wrote is durable, then the decision is. The markers are written,
//!   so that the next transaction finds none of this one; they are not durable, nor is the note that
//!   they are written. Whoever reads the decision alone, after a crash, carries it out again.
//! - AddPartitionsToTxn: a transaction that begins is durable. A client of version 1 keeps its epoch
//!   through many transactions, so that nothing but this record tells the next one from the last.
//! - What the first write to a partition adds to a transaction of version 2 is not: a crash may take
//!   it, and leave the batch. Nobody would end such a transaction; [`Transactions::recover`] does.
//!
//! Locks: one a partition, then that of a group's partition, then the log's.

mod add;
mod admin;
mod command;
mod end;
mod init;
mod load;
mod partitions;
mod record;
mod recover;
mod shard;
mod store;
#[cfg(test)]
mod tests;
mod timers;
mod transaction;

use std::sync::Arc;

pub use command::{KeptCoordinator, Lease, TransactionalId};
pub use partitions::Partitions;
pub use transaction::ProducerIdAndEpoch;

use super::internal::partition_of;
use super::{Broker, GroupCommit, Groups, Result};
use crate::protocol::ErrorCode;
use shard::{Held, Locked, Shard};
use store::{FAILED, Store};

/// All transactional ids.
pub struct Transactions {
    store: Store,
    shards: Vec<Shard>,
    /// Who must hear of what happens to offsets; `None` where nobody keeps any in memory.
    groups: Option<Arc<Groups>>,
    /// When idle ids were looked for last, in milliseconds since the Unix epoch.
    expired_ms: std::sync::atomic::AtomicI64,
}

/// Who sends something within a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// The transactional id.
    pub transactional_id: &'a str,
    /// The producer.
    pub producer: ProducerIdAndEpoch,
}

impl std::fmt::Debug for Transactions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transactions")
            .field("partitions", &self.shards.len())
            .finish_non_exhaustive()
    }
}

impl Transactions {
    /// The coordinator of a directory; without `commit`, nothing waits for the disk. Nothing is read
    /// yet.
    ///
    /// # Errors
    /// As the file system says.
    pub fn new(
        broker: Arc<Broker>,
        commit: Option<Arc<GroupCommit>>,
        groups: Option<Arc<Groups>>,
    ) -> Result<Arc<Self>> {
        let expired_ms = broker.clock().now_ms().into();
        let store = Store::new(broker, commit);
        let shards = (0..store.partitions()?).map(Shard::new).collect();
        Ok(Arc::new(Self { store, shards, groups, expired_ms }))
    }

    /// What went wrong since the last call, in sentences, for a person.
    #[must_use]
    pub fn take_failures(&self) -> Vec<String> {
        self.store.failures.take()
    }

    /// The partition of an id, locked.
    fn lock(&self, id: &str) -> std::result::Result<Locked<'_>, ErrorCode> {
        if id.is_empty() || super::groups::is_too_long(id) {
            return Err(ErrorCode::InvalidRequest);
        }
        let count = i32::try_from(self.shards.len()).unwrap_or(i32::MAX);
        self.locked(self.shard(partition_of(id, count))?)
    }

    fn shard(&self, partition: i32) -> std::result::Result<&Shard, ErrorCode> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        self.shards.get(index).ok_or(ErrorCode::NotCoordinator)
    }

    fn locked<'a>(&'a self, shard: &'a Shard) -> std::result::Result<Locked<'a>, ErrorCode> {
        let mut locked = shard.lock(&self.store).map_err(|error| {
            self.store.failures.note(&error);
            FAILED
        })?;
        if locked.was_read {
            self.finish_prepared(&mut locked);
        }
        Ok(locked)
    }

    /// Locks a partition again for who kept other processes out since.
    fn relock(&self, partition: i32, held: Held) -> std::result::Result<Locked<'_>, ErrorCode> {
        Ok(self.shard(partition)?.lock_held(&self.store, held))
    }

    /// Calls back once all that was appended to a log is durable, where anything has to be.
    fn when_durable(
        &self,
        log: &Arc<crate::log::PartitionLog>,
        done: impl FnOnce(bool) + Send + 'static,
    ) {
        match &self.store.commit {
            Some(commit) => {
                let failures = Arc::clone(&self.store.failures);
                commit.when_durable(
                    log,
                    Box::new(move |result| {
                        if let Err(error) = &result {
                            failures.note(error);
                        }
                        done(result.is_ok());
                    }),
                );
            }
            None => done(true),
        }
    }
}
