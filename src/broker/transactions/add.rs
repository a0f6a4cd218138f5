//! What a transaction writes to: added by AddPartitionsToTxn, or by the first batch itself.

use std::sync::Arc;

use super::store::FAILED;
use super::transaction::State;
use super::{Partitions, Sender, Transactions};
use crate::broker::Reply;
use crate::log::TransactionVersion;
use crate::model::TopicPartition;
use crate::protocol::ErrorCode;

impl Transactions {
    /// Adds partitions to a transaction of a client that does so before it writes to them, with the
    /// first of which the transaction begins. The answer comes when that beginning is durable.
    pub fn add_partitions(
        self: &Arc<Self>,
        sender: Sender<'_>,
        partitions: &Partitions,
        reply: Reply<Result<(), ErrorCode>>,
    ) {
        let (id, version) = (sender.transactional_id, TransactionVersion::V1);
        let mut locked = match self.lock(id) {
            Ok(locked) => locked,
            Err(error) => return reply(Err(error)),
        };
        let now_ms = self.store.now_ms();
        let next = locked.ready(id).and_then(|(id, before)| {
            let begins = before.state != State::Ongoing;
            let next = before.add(sender.producer, partitions, version, now_ms)?;
            Ok(next.map(|next| (id, next, begins)))
        });
        let (id, next, begins) = match next {
            Ok(Some(next)) => next,
            Ok(None) => return reply(Ok(())),
            Err(error) => return reply(Err(error)),
        };
        let log = match locked.write(&id, Some(&next)) {
            Ok(log) => log,
            Err(error) => return reply(Err(error)),
        };
        if !begins {
            locked.put(&id, next);
            return reply(Ok(()));
        }
        locked.set_pending(&id, true);
        let (this, partition) = (Arc::clone(self), locked.shard.partition);
        let held = locked.keep_others_out();
        self.when_durable(&log, move |durable| {
            let result = this.relock(partition, held).and_then(|mut locked| {
                locked.set_pending(&id, false);
                if durable {
                    locked.put(&id, next);
                }
                durable.then_some(()).ok_or(FAILED)
            });
            reply(result);
        });
    }

    /// Whether a partition is in a transaction that is going on.
    ///
    /// # Errors
    /// [`ErrorCode::TransactionAbortable`] if not, and why the sender may not ask.
    pub fn verify(&self, sender: Sender<'_>, partition: &TopicPartition) -> Result<(), ErrorCode> {
        let locked = self.lock(sender.transactional_id)?;
        let (_, transaction) = locked.ready(sender.transactional_id)?;
        transaction.verify(sender.producer, &partition.topic, partition.partition)
    }

    /// Appends the first batch of a transaction in a partition, while nothing can end it. By version
    /// 2 the partition is added to the transaction, by version 1 it must be in it.
    ///
    /// # Errors
    /// Why there is no such transaction; then `append` was not called.
    pub fn append_first<T>(
        &self,
        sender: Sender<'_>,
        partition: &TopicPartition,
        version: TransactionVersion,
        append: impl FnOnce() -> T,
    ) -> Result<T, ErrorCode> {
        let mut locked = self.lock(sender.transactional_id)?;
        let (id, transaction) = locked.ready(sender.transactional_id)?;
        let (topic, number) = (partition.topic.as_str(), partition.partition);
        match version {
            TransactionVersion::V1 => transaction.verify(sender.producer, topic, number)?,
            TransactionVersion::V2 => {
                let added = Partitions::of(topic, number);
                let now_ms = self.store.now_ms();
                if let Some(next) = transaction.add(sender.producer, &added, version, now_ms)? {
                    locked.write(&id, Some(&next))?;
                    locked.put(&id, next);
                }
            }
        }
        Ok(append())
    }
}
