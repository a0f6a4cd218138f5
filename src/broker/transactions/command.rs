//! Transactions of commands, which share a directory: each step waits until it is done, and whoever
//! uses a transactional id holds a lock for it, so that others can tell that it is alive.

use std::sync::{Arc, PoisonError, mpsc};

use super::{ProducerIdAndEpoch, Sender, Transactions};
use crate::broker::{Broker, Error, GroupCommit, Reply, Result, home};
use crate::log::{self, Appended, PartitionLog, TransactionCheck, TransactionVersion};
use crate::model::TimestampType;
use crate::protocol::ErrorCode;
use crate::record::{self, Outcome};
use crate::storage::{self, LockGuard, LockKind, Wait};

/// Commands don't time transactions out: whoever finds one and nobody alive behind it ends it. A
/// server that comes meanwhile does time them out, after this. Source: Kafka's default of `transaction.timeout.ms`.
const TIMEOUT_MS: i32 = 60_000;

/// Says that a command uses a transactional id, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lease {
    _lock: Option<LockGuard>,
}

/// The coordinator of transactions, until it is dropped.
#[derive(Debug)]
pub struct KeptCoordinator {
    _coordinator: Arc<Transactions>,
}

/// The use of a transactional id by a command, with one transaction after another.
#[derive(Debug)]
pub struct TransactionalId {
    coordinator: Arc<Transactions>,
    id: String,
    producer: ProducerIdAndEpoch,
    /// Where the transaction has written to.
    logs: Vec<Arc<PartitionLog>>,
    /// A commit may have been decided, though it failed.
    is_in_doubt: bool,
    _lease: Lease,
}

impl Broker {
    /// The coordinator for a command: one for all transactions that it has at a time, which reads on where it has read before.
    fn coordinator(self: &Arc<Self>) -> Result<Arc<Transactions>> {
        let mut known = self.coordinator.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(coordinator) = known.upgrade() {
            return Ok(coordinator);
        }
        let commit = GroupCommit::start(self.shared_clock())
            .map_err(|source| storage::Error::new("start a thread for", "transactions", source))?;
        let coordinator = Transactions::new(Arc::clone(self), Some(Arc::new(commit)), None)?;
        *known = Arc::downgrade(&coordinator);
        Ok(coordinator)
    }

    /// Keeps the coordinator from one transactional id that this process takes to the next: it need not read all that there is
    /// of them for each.
    ///
    /// # Errors
    /// As the file system says.
    pub fn keep_coordinator(self: &Arc<Self>) -> Result<KeptCoordinator> {
        Ok(KeptCoordinator { _coordinator: self.coordinator()? })
    }

    /// Takes a transactional id for this command. What another command or client has open with it is
    /// aborted, and whoever it was is fenced.
    ///
    /// # Errors
    /// [`Error::Transaction`], and as the file system says.
    pub fn transactional_id(self: &Arc<Self>, id: &str) -> Result<TransactionalId> {
        let coordinator = self.coordinator()?;
        let lease = coordinator.lease(id)?;
        let max_ms = self.config().transaction_max_timeout_ms;
        let begun = coordinator.begin(id, TIMEOUT_MS.min(max_ms));
        let producer = begun.map_err(|cause| coordinator.refused(id, cause))?;
        let (id, logs, is_in_doubt) = (id.to_owned(), Vec::new(), false);
        Ok(TransactionalId { coordinator, id, producer, logs, is_in_doubt, _lease: lease })
    }

    /// Opens a log to append to; ends what is open in it of transactions that nobody is left to end.
    ///
    /// # Errors
    /// As [`PartitionLog::open_to_append`] says, with the partition's name.
    pub fn open_to_append(self: &Arc<Self>, log: &Arc<PartitionLog>) -> Result<()> {
        let opened = log.open_to_append(self.clock().now_ms()).and_then(|()| log.view());
        let view = opened.map_err(|error| Error::of_log("append to", log, error))?;
        if view.has_open_transactions() {
            let coordinator = self.coordinator()?;
            coordinator.settle(std::slice::from_ref(log))?;
            coordinator.failure()?;
        }
        Ok(())
    }
}

impl TransactionalId {
    /// The id and epoch that batches are to have.
    #[must_use]
    pub const fn producer(&self) -> ProducerIdAndEpoch {
        self.producer
    }

    fn sender(&self) -> Sender<'_> {
        Sender { transactional_id: &self.id, producer: self.producer }
    }

    /// Appends a batch within the transaction, which begins with the first.
    ///
    /// # Errors
    /// [`Error::Transaction`] where another has taken the id; as [`Broker::append`] says.
    pub fn append(&mut self, log: &Arc<PartitionLog>, batch: &mut [u8]) -> Result<Appended> {
        let broker = &self.coordinator.store.broker;
        let now_ms = broker.clock().now_ms();
        if log.config().message_timestamp_type == TimestampType::LogAppendTime {
            record::stamp_append_time(batch, now_ms);
        }
        self.append_with(log, |check| log.append_checked(batch, check, now_ms))
    }

    /// Has something appended to a partition within the transaction, which it begins with the first.
    pub(in crate::broker) fn append_with<T>(
        &mut self,
        log: &Arc<PartitionLog>,
        mut append: impl FnMut(TransactionCheck) -> log::Result<T>,
    ) -> Result<T> {
        let mut appended = append(TransactionCheck::Unverified);
        if let Err(log::Error::TransactionNotVerified { .. }) = appended {
            let version = TransactionVersion::V2;
            let append = || append(TransactionCheck::Verified(version));
            let partition = log.partition();
            let verified = self.coordinator.append_first(self.sender(), partition, version, append);
            appended = verified.map_err(|cause| self.coordinator.refused(&self.id, cause))?;
            self.logs.push(Arc::clone(log));
        }
        appended.map_err(|error| match error {
            log::Error::InvalidProducerEpoch { .. } => {
                Error::Transaction { id: self.id.clone(), cause: ErrorCode::ProducerFenced }
            }
            error => Error::of_log("append to", log, error),
        })
    }

    /// Commits what was appended. That is durable when this returns. Where a marker could not be
    /// written, since the disk is full by then, readers have to wait for who writes to the partition
    /// next.
    ///
    /// # Errors
    /// Whether it is committed is not known then, unless it can be aborted.
    pub fn commit(&mut self) -> Result<()> {
        if self.logs.is_empty() {
            return Ok(());
        }
        self.end(Outcome::Commit).inspect_err(|error| self.is_in_doubt = !is_fenced(error))?;
        for log in std::mem::take(&mut self.logs) {
            // A crash would take a marker, and keep those waiting who only read.
            let _ = self.coordinator.store.broker.sync(&log);
        }
        Ok(())
    }

    /// Aborts what was appended: no reader of committed records ever sees it.
    ///
    /// # Errors
    /// [`Error::Transaction`]; then who comes next aborts it.
    pub fn abort(&mut self) -> Result<()> {
        if self.logs.is_empty() {
            return Ok(());
        }
        match self.end(Outcome::Abort) {
            // Whoever has the id by now has aborted it first.
            Err(error) if is_fenced(&error) && !self.is_in_doubt => {}
            ended => ended?,
        }
        self.logs.clear();
        Ok(())
    }

    fn end(&mut self, outcome: Outcome) -> Result<()> {
        let (coordinator, version) = (&self.coordinator, TransactionVersion::V2);
        let ended = wait(|reply| coordinator.end(self.sender(), outcome, version, reply));
        self.producer = ended.map_err(|cause| coordinator.refused(&self.id, cause))?;
        Ok(())
    }
}

impl Transactions {
    /// Tells other commands that this process uses an id. Several may at once; the last who came has
    /// it, and the others find themselves fenced.
    ///
    /// # Errors
    /// As the file system says.
    pub fn lease(&self, id: &str) -> Result<Lease> {
        let locks = self.store.broker.home().require_write()?;
        let range = home::transactional_id_lock(id);
        let lock = locks.acquire(range, LockKind::Shared, Wait::Yes)?;
        Ok(Lease { _lock: lock })
    }

    /// Whether no command that is alive uses an id. Of the clients of a server nothing is known.
    pub(super) fn is_abandoned(&self, id: &str) -> bool {
        let home = self.store.broker.home();
        let Ok(locks) = home.require_write() else { return false };
        let range = home::transactional_id_lock(id);
        !home.is_exclusive()
            && locks.acquire(range, LockKind::Exclusive, Wait::No).is_ok_and(|lock| lock.is_some())
    }

    /// Gives an id to this process; what another had open is aborted.
    ///
    /// # Errors
    /// Why not.
    pub fn begin(
        self: &Arc<Self>,
        id: &str,
        timeout_ms: i32,
    ) -> std::result::Result<ProducerIdAndEpoch, ErrorCode> {
        let init = |reply| self.init_producer_id(id, timeout_ms, None, reply);
        match wait(init) {
            // What was open is aborted when the answer comes.
            Err(ErrorCode::ConcurrentTransactions) => wait(init),
            answer => answer,
        }
    }

    /// Why something was refused: what went wrong with a file goes before a code that tells of it.
    fn refused(&self, id: &str, cause: ErrorCode) -> Error {
        let refused = Error::Transaction { id: id.to_owned(), cause };
        match self.failure() {
            // What others of this process met with is not why another one has the id.
            Err(error) if !is_fenced(&refused) => error,
            _ => refused,
        }
    }

    /// What went wrong since the last call, if anything did.
    fn failure(&self) -> Result<()> {
        match self.take_failures().into_iter().next() {
            Some(failure) => Err(Error::Coordinator(failure)),
            None => Ok(()),
        }
    }
}

/// Whether another has taken the id.
const fn is_fenced(error: &Error) -> bool {
    matches!(error, Error::Transaction { cause: ErrorCode::ProducerFenced, .. })
}

/// Waits for an answer.
fn wait<T: Send + 'static>(
    ask: impl FnOnce(Reply<std::result::Result<T, ErrorCode>>),
) -> std::result::Result<T, ErrorCode> {
    let (sender, answer) = mpsc::channel();
    ask(Box::new(move |result| drop(sender.send(result))));
    answer.recv().unwrap_or(Err(ErrorCode::UnknownServerError))
}
