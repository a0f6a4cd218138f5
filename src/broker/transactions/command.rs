//! Transactional ids of commands, which share a directory: who holds one is alive.

use std::sync::Arc;
use std::sync::mpsc;

use super::{ProducerIdAndEpoch, Sender, Transactions};
use crate::broker::{Result, home};
use crate::log::TransactionVersion;
use crate::protocol::ErrorCode;
use crate::record::Outcome;
use crate::storage::{LockGuard, LockKind, Wait};

/// Says that a command uses a transactional id, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lease {
    _lock: Option<LockGuard>,
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

    /// Ends the transaction of this process; what it decided is durable when this returns.
    ///
    /// # Errors
    /// Why not.
    pub fn end_now(
        self: &Arc<Self>,
        sender: Sender<'_>,
        outcome: Outcome,
    ) -> std::result::Result<ProducerIdAndEpoch, ErrorCode> {
        wait(|reply| self.end(sender, outcome, TransactionVersion::V2, reply))
    }
}

/// Waits for an answer.
fn wait<T: Send + 'static>(
    ask: impl FnOnce(crate::broker::Reply<std::result::Result<T, ErrorCode>>),
) -> std::result::Result<T, ErrorCode> {
    let (sender, answer) = mpsc::channel();
    ask(Box::new(move |result| drop(sender.send(result))));
    answer.recv().unwrap_or(Err(ErrorCode::UnknownServerError))
}
