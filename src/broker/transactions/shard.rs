//! One partition of `__transaction_state`, and the transactional ids that are kept in it.
//!
//! One lock a partition gives the steps of its ids one serial order. It is held while records are
//! written, the batch that a transaction begins with in a partition and the markers that end it
//! among them; never while the disk syncs. Between commands, which share a directory, a range of
//! the lock file does the same, and what others wrote is read first; it is held through syncs too.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::load::read_on;
use super::store::{FAILED, Store};
use super::transaction::{NO_PRODUCER_ID, State, Transaction};
use crate::broker::{self, home};
use crate::log::{Cursor, PartitionLog};
use crate::model::limits;
use crate::protocol::ErrorCode;
use crate::storage::{LockGuard, LockKind, Wait};

/// How long to wait before an end is carried out again that could not be, in milliseconds.
const RETRY_MS: i64 = 1000;

/// A partition.
pub(super) struct Shard {
    pub(super) partition: i32,
    state: Mutex<Ids>,
    /// When it is to be looked at next, in milliseconds since the Unix epoch.
    next_ms: AtomicI64,
}

/// A transactional id.
pub(super) struct Entry {
    /// What is durable of it, or as durable as it has to be.
    pub(super) transaction: Transaction,
    /// Its next step is being made durable: nothing else may happen meanwhile.
    pub(super) is_pending: bool,
    /// When it is looked at next; `i64::MAX` if there is no need.
    due_ms: i64,
}

/// The ids of a partition.
#[derive(Default)]
struct Ids {
    by_id: HashMap<Arc<str>, Entry>,
    /// When which id is looked at; one for each whose `due_ms` says so.
    due: BTreeSet<(i64, Arc<str>)>,
    log: Option<Arc<PartitionLog>>,
    /// How far the log was read; `None` before it was.
    cursor: Option<Cursor>,
    is_read: bool,
    /// Whether the log must be looked for again before the next append.
    reopen: bool,
}

/// What keeps other processes out from one step to the next; nothing where there are none.
pub(super) type Held = Option<LockGuard>;

impl Shard {
    /// A partition that was not read yet.
    pub(super) fn new(partition: i32) -> Self {
        Self { partition, state: Mutex::default(), next_ms: AtomicI64::new(i64::MAX) }
    }

    /// When it is to be looked at next; `i64::MAX` if there is no need.
    pub(super) fn next_ms(&self) -> i64 {
        self.next_ms.load(Ordering::Acquire)
    }

    /// Locks it, and knows what others did.
    pub(super) fn lock<'a>(&'a self, store: &'a Store) -> broker::Result<Locked<'a>> {
        let home = store.broker.home();
        let held = match home.is_exclusive() {
            true => None,
            false => {
                let range = home::coordinator_lock(self.partition);
                home.require_write()?.acquire(range, LockKind::Exclusive, Wait::Yes)?
            }
        };
        let mut locked = self.lock_held(store, held);
        if !home.is_exclusive() || !locked.ids.is_read {
            locked.read()?;
        }
        Ok(locked)
    }

    /// Locks it for who kept other processes out since the last step.
    pub(super) fn lock_held<'a>(&'a self, store: &'a Store, held: Held) -> Locked<'a> {
        let ids = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { shard: self, store, was_read: false, held, ids }
    }
}

/// A locked partition.
pub(super) struct Locked<'a> {
    pub(super) shard: &'a Shard,
    pub(super) store: &'a Store,
    /// Whether something was read that this process did not write.
    pub(super) was_read: bool,
    held: Held,
    ids: MutexGuard<'a, Ids>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let next_ms = self.ids.due.first().map_or(i64::MAX, |(at_ms, _)| *at_ms);
        if self.shard.next_ms.swap(next_ms, Ordering::AcqRel) > next_ms {
            self.store.wake();
        }
    }
}

impl Locked<'_> {
    fn read(&mut self) -> broker::Result<()> {
        if self.ids.log.is_none() {
            self.ids.log = self.store.to_read(self.shard.partition)?;
            self.ids.reopen = true;
        }
        if let Some(log) = self.ids.log.clone() {
            let mut cursor = self.ids.cursor;
            let changes = read_on(&log, &mut cursor).map_err(|error| {
                broker::Error::of_log("read the transactional ids of", &log, error)
            })?;
            if !self.ids.is_read {
                // A broker of before may have given ids that nothing else tells of any more.
                let given = changes.values().flatten().map(Transaction::last_producer_id);
                self.store.broker.producer_id_in_use(given.max().unwrap_or(NO_PRODUCER_ID))?;
            }
            for (id, transaction) in changes {
                match transaction {
                    // This process has written it, and knows more of it than its record says.
                    Some(transaction) if self.is_known(&id, &transaction) => {}
                    Some(transaction) => self.put(&Arc::from(id), transaction),
                    None => self.forget(&id),
                }
            }
            self.ids.cursor = cursor;
        }
        self.ids.is_read = true;
        self.was_read = true;
        Ok(())
    }

    fn is_known(&self, id: &str, read: &Transaction) -> bool {
        self.get(id).is_some_and(|entry| entry.transaction.value() == read.value())
    }

    /// Lets it go, but for other processes.
    pub(super) fn keep_others_out(mut self) -> Held {
        self.held.take()
    }

    /// An id.
    pub(super) fn get(&self, id: &str) -> Option<&Entry> {
        self.ids.by_id.get(id)
    }

    /// An id that nothing is happening to.
    pub(super) fn ready(&self, id: &str) -> Result<(Arc<str>, &Transaction), ErrorCode> {
        match self.ids.by_id.get_key_value(id) {
            None => Err(ErrorCode::InvalidProducerIdMapping),
            Some((_, entry)) if entry.is_pending => Err(ErrorCode::ConcurrentTransactions),
            Some((id, entry)) => Ok((Arc::clone(id), &entry.transaction)),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Entry)> {
        self.ids.by_id.iter()
    }

    /// Whether one more id may be made.
    pub(super) fn has_room(&self) -> bool {
        self.ids.by_id.len() < limits::TRANSACTIONAL_IDS_PER_PARTITION_MAX
    }

    /// Says that a step of an id is being made durable, or is over.
    pub(super) fn set_pending(&mut self, id: &str, is_pending: bool) {
        if let Some(entry) = self.ids.by_id.get_mut(id) {
            entry.is_pending = is_pending;
        }
    }

    /// An id is so from now on.
    pub(super) fn put(&mut self, id: &Arc<str>, transaction: Transaction) {
        let due_ms = match transaction.state {
            State::PrepareCommit | State::PrepareAbort => {
                self.store.now_ms().saturating_add(RETRY_MS)
            }
            _ => transaction.times_out_at_ms().unwrap_or(i64::MAX),
        };
        let ids = &mut *self.ids;
        match ids.by_id.get_mut(id) {
            Some(entry) => {
                ids.due.remove(&(entry.due_ms, Arc::clone(id)));
                (entry.transaction, entry.due_ms) = (transaction, due_ms);
            }
            None => {
                let entry = Entry { transaction, is_pending: false, due_ms };
                ids.by_id.insert(Arc::clone(id), entry);
            }
        }
        if due_ms < i64::MAX {
            ids.due.insert((due_ms, Arc::clone(id)));
        }
    }

    /// An id is not known any more.
    pub(super) fn forget(&mut self, id: &str) {
        if let Some((id, entry)) = self.ids.by_id.remove_entry(id) {
            self.ids.due.remove(&(entry.due_ms, id));
        }
    }

    /// The ids that are due, each to be looked at again a moment later if nothing comes of it.
    pub(super) fn take_due(&mut self, now_ms: i64) -> Vec<Arc<str>> {
        let ids = &mut *self.ids;
        let mut due = Vec::new();
        while ids.due.first().is_some_and(|(at_ms, _)| *at_ms <= now_ms) {
            let Some((_, id)) = ids.due.pop_first() else { break };
            if let Some(entry) = ids.by_id.get_mut(&id) {
                entry.due_ms = now_ms.saturating_add(RETRY_MS);
                due.push((entry.due_ms, id));
            }
        }
        ids.due.extend(due.iter().cloned());
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Writes down what an id is to be. It is not so before that is as durable as it must be.
    pub(super) fn write(
        &mut self,
        id: &str,
        transaction: Option<&Transaction>,
    ) -> Result<Arc<PartitionLog>, ErrorCode> {
        let log = self.log_to_write()?;
        let written = self.store.write(&log, id, transaction);
        // The directory may have been made anew.
        self.ids.reopen |= written.is_err();
        written.map(|()| log)
    }

    fn log_to_write(&mut self) -> Result<Arc<PartitionLog>, ErrorCode> {
        if !self.ids.reopen
            && let Some(log) = &self.ids.log
        {
            return Ok(Arc::clone(log));
        }
        let log = self.store.to_write(self.shard.partition).map_err(|error| {
            self.store.failures.note(&error);
            FAILED
        })?;
        self.ids.log = Some(Arc::clone(&log));
        self.ids.reopen = false;
        Ok(log)
    }

    /// The epoch that markers carry: that of the partition's leader.
    pub(super) fn coordinator_epoch(&self) -> i32 {
        let log = self.ids.log.as_ref();
        log.and_then(|log| log.view().ok()).map_or(0, |view| view.leader_epoch())
    }
}
