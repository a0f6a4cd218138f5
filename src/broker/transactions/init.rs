//! InitProducerId of a transactional id.

use std::sync::Arc;

use super::shard::Locked;
use super::store::FAILED;
use super::transaction::{Init, Transaction};
use super::{ProducerIdAndEpoch, Transactions};
use crate::broker::Reply;
use crate::protocol::ErrorCode;

impl Transactions {
    /// Gives an id to a producer, with an epoch that nobody had; the answer comes when that is
    /// durable. A transaction that is open is aborted first, and the client asked to come again.
    /// `expected` is the id and epoch of a client that wants a new epoch of its own.
    pub fn init_producer_id(
        self: &Arc<Self>,
        id: &str,
        timeout_ms: i32,
        expected: Option<ProducerIdAndEpoch>,
        reply: Reply<Result<ProducerIdAndEpoch, ErrorCode>>,
    ) {
        let max_ms = self.store.broker.config().transaction_max_timeout_ms;
        if !(1..=max_ms).contains(&timeout_ms) && !id.is_empty() {
            return reply(Err(ErrorCode::InvalidTransactionTimeout));
        }
        let locked = match self.lock(id) {
            Ok(locked) => locked,
            Err(error) => return reply(Err(error)),
        };
        match self.next_of(&locked, id, timeout_ms, expected) {
            Ok((id, Init::Empty(next))) => self.begin_epoch(locked, id, next, reply),
            Ok((id, Init::Abort(next))) => self.decide(
                locked,
                id,
                next,
                Box::new(|aborted| {
                    reply(Err(aborted.err().unwrap_or(ErrorCode::ConcurrentTransactions)));
                }),
            ),
            Err(error) => reply(Err(error)),
        }
    }

    fn next_of(
        &self,
        locked: &Locked<'_>,
        id: &str,
        timeout_ms: i32,
        expected: Option<ProducerIdAndEpoch>,
    ) -> Result<(Arc<str>, Init), ErrorCode> {
        let now_ms = self.store.now_ms();
        let mut new_id = || self.new_producer_id();
        let known;
        let (id, before) = match locked.ready(id) {
            Ok(found) => found,
            Err(ErrorCode::InvalidProducerIdMapping) if locked.has_room() => {
                known = Transaction::new(new_id()?, timeout_ms, now_ms);
                (Arc::from(id), &known)
            }
            Err(ErrorCode::InvalidProducerIdMapping) => {
                return Err(ErrorCode::CoordinatorNotAvailable);
            }
            Err(error) => return Err(error),
        };
        Ok((id, before.init(timeout_ms, expected, &mut new_id, now_ms)?))
    }

    /// An id that no producer has.
    pub(super) fn new_producer_id(&self) -> Result<i64, ErrorCode> {
        self.store.broker.next_producer_id().map_err(|error| {
            self.store.failures.note(&error);
            FAILED
        })
    }

    fn begin_epoch(
        self: &Arc<Self>,
        mut locked: Locked<'_>,
        id: Arc<str>,
        next: Transaction,
        reply: Reply<Result<ProducerIdAndEpoch, ErrorCode>>,
    ) {
        let log = match locked.write(&id, Some(&next)) {
            Ok(log) => log,
            Err(error) => return reply(Err(error)),
        };
        let is_new = locked.get(&id).is_none();
        if is_new {
            // Nobody else may make it meanwhile.
            locked.put(&id, next.clone());
        }
        locked.set_pending(&id, true);
        let (this, partition) = (Arc::clone(self), locked.shard.partition);
        let held = locked.keep_others_out();
        self.when_durable(&log, move |durable| {
            let result = this.relock(partition, held).and_then(|mut locked| {
                locked.set_pending(&id, false);
                match durable {
                    true => {
                        let producer = next.producer;
                        locked.put(&id, next);
                        Ok(producer)
                    }
                    false => {
                        if is_new {
                            locked.forget(&id);
                        }
                        Err(FAILED)
                    }
                }
            });
            reply(result);
        });
    }
}
