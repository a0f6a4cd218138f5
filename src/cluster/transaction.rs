//! Transactions over several topics, with the offsets of a group: all of it counts, or nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Cluster, PartitionReader};
use crate::broker::{
    CommittedOffset, GroupOffsets, ProducerIdAndEpoch, Result, TopicInfo, TransactionalId,
};
use crate::log::{Appended, PartitionLog};
use crate::model::Offset;

/// The transactions of an id, one after the other. Each begins with what is first sent in it. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Transaction {
    id: Arc<Mutex<TransactionalId>>,
}

/// What a group has committed, for who commits within transactions.
#[derive(Debug)]
pub struct TransactionalOffsets {
    offsets: GroupOffsets,
}

/// How far somebody has come in a partition.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The topic.
    pub topic: &'a TopicInfo,
    /// A reader of the partition.
    pub reader: &'a PartitionReader,
    /// The next offset.
    pub next: Offset,
}

impl Cluster {
    /// Takes a transactional id. What it has open is aborted, and who has it, fenced.
    ///
    /// # Errors
    /// As [`crate::broker::Broker::transactional_id`] says.
    pub fn transaction(&self, id: &str) -> Result<Transaction> {
        Ok(Transaction { id: Arc::new(Mutex::new(self.broker().transactional_id(id)?)) })
    }

    /// What a group has committed.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn transactional_offsets(&self, group: &str) -> Result<TransactionalOffsets> {
        Ok(TransactionalOffsets { offsets: GroupOffsets::open(Arc::clone(self.broker()), group)? })
    }
}

impl Transaction {
    fn lock(&self) -> MutexGuard<'_, TransactionalId> {
        self.id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id and epoch that batches have now.
    pub(super) fn producer(&self) -> ProducerIdAndEpoch {
        self.lock().producer()
    }

    /// Appends a batch.
    pub(super) fn append(&self, log: &Arc<PartitionLog>, batch: &mut [u8]) -> Result<Appended> {
        self.lock().append(log, batch)
    }

    /// Commits what was sent, after all producers in it have flushed. It is durable when this returns.
    ///
    /// # Errors
    /// As [`TransactionalId::commit`] says.
    pub fn commit(&self) -> Result<()> {
        self.lock().commit()
    }

    /// Aborts what was sent.
    ///
    /// # Errors
    /// As [`TransactionalId::abort`] says.
    pub fn abort(&self) -> Result<()> {
        self.lock().abort()
    }
}

impl TransactionalOffsets {
    /// What was committed of a partition.
    #[must_use]
    pub fn committed(&self, topic: &TopicInfo, partition: i32) -> Option<CommittedOffset> {
        self.offsets.committed(topic, partition)
    }

    /// Commits offsets by themselves, and a note with each. They are durable when this returns.
    ///
    /// # Errors
    /// As [`GroupOffsets::commit_with`] says.
    pub fn commit_alone(
        &mut self,
        progress: &[Progress<'_>],
        note: &str,
        now_ms: i64,
    ) -> Result<()> {
        self.offsets.commit_with(&commits(progress)?, note, now_ms)
    }

    /// Commits offsets with the transaction, and a note with each.
    ///
    /// # Errors
    /// As [`TransactionalId::append`] says.
    pub fn commit(
        &mut self,
        transaction: &Transaction,
        progress: &[Progress<'_>],
        note: &str,
        now_ms: i64,
    ) -> Result<()> {
        let commits = commits(progress)?;
        self.offsets.commit_within(&mut transaction.lock(), &commits, note, now_ms)
    }
}

/// Topic, partition, next offset, and the leader epoch before it.
fn commits<'a>(progress: &[Progress<'a>]) -> Result<Vec<(&'a TopicInfo, i32, i64, i32)>> {
    let commit = |it: &Progress<'a>| {
        let leader_epoch = it.reader.leader_epoch_before(it.next)?;
        Ok((it.topic, it.reader.partition().partition, it.next.0, leader_epoch))
    };
    progress.iter().map(commit).collect()
}
