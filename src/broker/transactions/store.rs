//! Where transactional ids are kept: the partitions of `__transaction_state`.

use std::sync::{Arc, Mutex, PoisonError};

use super::transaction::Transaction;
use crate::broker::failures::Failures;
use crate::broker::{self, Broker, GroupCommit, InternalTopic};
use crate::log::PartitionLog;
use crate::model::Compression;
use crate::protocol::ErrorCode;
use crate::protocol::transaction_records::TransactionLogKey;
use crate::record::{BatchBuilder, Headers, Record};

/// The topic of transactional ids.
const STATE_TOPIC: InternalTopic = InternalTopic::TransactionState;

/// Is told when something is due sooner than before.
type Waker = Arc<dyn Fn() + Send + Sync>;

/// The topic, and what makes appends durable.
pub(super) struct Store {
    /// The engine.
    pub(super) broker: Arc<Broker>,
    /// Makes appends durable; `None` where nothing has to be.
    pub(super) commit: Option<Arc<GroupCommit>>,
    /// What went wrong.
    pub(super) failures: Arc<Failures>,
    waker: Mutex<Option<Waker>>,
}

impl Store {
    /// The store of a directory.
    pub(super) fn new(broker: Arc<Broker>, commit: Option<Arc<GroupCommit>>) -> Self {
        Self { broker, commit, failures: Arc::default(), waker: Mutex::default() }
    }

    /// How many partitions the topic has, or will have once it is made.
    pub(super) fn partitions(&self) -> broker::Result<i32> {
        self.broker.internal_partitions(STATE_TOPIC)
    }

    /// A partition to read, if its topic is there.
    pub(super) fn to_read(&self, partition: i32) -> broker::Result<Option<Arc<PartitionLog>>> {
        self.broker.internal_log_to_read(STATE_TOPIC, partition)
    }

    /// A partition to append to.
    pub(super) fn to_write(&self, partition: i32) -> broker::Result<Arc<PartitionLog>> {
        self.broker.internal_log(STATE_TOPIC, partition)
    }

    /// Writes down an id as it is now, or that it is forgotten.
    pub(super) fn write(
        &self,
        log: &PartitionLog,
        id: &str,
        transaction: Option<&Transaction>,
    ) -> Result<(), ErrorCode> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        TransactionLogKey { transactional_id: id.to_owned() }.encode(&mut key);
        if let Some(transaction) = transaction {
            transaction.value().encode(&mut value);
        }
        let mut batch = BatchBuilder::new(Compression::None, None);
        batch.push(&Record {
            offset: 0,
            timestamp: transaction.map_or_else(|| self.now_ms(), |it| it.updated_ms),
            key: Some(&key),
            value: transaction.is_some().then_some(&*value),
            headers: Headers::NONE,
        });
        let batch = batch.finish().map_err(|_| ErrorCode::UnknownServerError)?;
        let max = usize::try_from(log.config().max_message_bytes).unwrap_or(usize::MAX);
        if batch.len() > max {
            self.failures.note(&format!("transactional id {id} has too many partitions to keep"));
            return Err(ErrorCode::UnknownServerError);
        }
        self.broker.append(log, batch).map(drop).map_err(|error| {
            self.failures.note(&error);
            FAILED
        })
    }

    /// What time it is, in milliseconds since the Unix epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.broker.clock().now_ms()
    }

    pub(super) fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    pub(super) fn wake(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(waker) = waker {
            waker();
        }
    }
}

/// What a client is told where the log said no: it asks again. Kafka says the same where its storage
/// fails.
pub(super) const FAILED: ErrorCode = ErrorCode::NotCoordinator;
