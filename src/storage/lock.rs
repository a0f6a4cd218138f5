//! Locks on byte ranges of one file that exclude processes *and* threads.
//!
//! The system's open-file-description locks belong to a handle, so two threads of one process
//! that share the handle are both let in; a table of what this process holds stands in front.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{File, Result};

/// A range of a lock file. Only its start tells ranges apart: ranges in use never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LockRange {
    /// The first byte.
    pub start: u64,
    /// How many bytes; 0 is "to the end, wherever that will be".
    pub len: u64,
}

impl LockRange {
    /// The whole file.
    pub const WHOLE_FILE: Self = Self { start: 0, len: 0 };

    /// A range of one byte.
    #[must_use]
    pub const fn byte(start: u64) -> Self {
        Self { start, len: 1 }
    }
}

/// Whether a lock suffers others beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKind {
    /// Beside other shared ones.
    Shared,
    /// Alone.
    Exclusive,
}

/// What to do where a lock is held by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Give up at once.
    No,
    /// Wait for it, however long.
    Yes,
}

/// What this process holds of one lock file.
#[derive(Debug)]
pub struct LockTable {
    file: Arc<dyn File>,
    held: Mutex<HashMap<u64, Holding>>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    /// A thread of this process is asking the system for it.
    Pending,
    Shared(usize),
    Exclusive,
}

/// A lock that is held; it ends when this is dropped.
#[derive(Debug)]
pub struct LockGuard {
    table: Arc<LockTable>,
    range: LockRange,
}

impl LockTable {
    /// A table over an open lock file. One table a handle.
    #[must_use]
    pub fn new(file: Arc<dyn File>) -> Arc<Self> {
        Arc::new(Self { file, held: Mutex::default(), changed: Condvar::new() })
    }

    /// Takes a lock; `None` if it is held elsewhere and `wait` says not to wait.
    ///
    /// # Errors
    /// As the system says.
    pub fn acquire(
        self: &Arc<Self>,
        range: LockRange,
        kind: LockKind,
        wait: Wait,
    ) -> Result<Option<LockGuard>> {
        let guard = || LockGuard { table: Arc::clone(self), range };
        let mut held = self.held();
        loop {
            match (held.get_mut(&range.start), kind) {
                (None, _) => break,
                (Some(Holding::Shared(count)), LockKind::Shared) => {
                    *count += 1;
                    return Ok(Some(guard()));
                }
                (Some(_), _) if wait == Wait::No => return Ok(None),
                (Some(_), _) => {
                    held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        // Other processes are waited for without the table's mutex.
        held.insert(range.start, Holding::Pending);
        drop(held);
        let locked = self.file.lock(range, kind, wait);
        let mut held = self.held();
        match (&locked, kind) {
            (Ok(true), LockKind::Shared) => held.insert(range.start, Holding::Shared(1)),
            (Ok(true), LockKind::Exclusive) => held.insert(range.start, Holding::Exclusive),
            (Ok(false) | Err(_), _) => held.remove(&range.start),
        };
        self.changed.notify_all();
        Ok(locked?.then(guard))
    }

    /// A lock that another handle has within a range; what this process holds does not count.
    ///
    /// # Errors
    /// As the system says.
    pub fn held_elsewhere(&self, range: LockRange) -> Result<Option<LockRange>> {
        self.file.locked_elsewhere(range)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Holding>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        // The system's lock goes first: once the table has forgotten the range, another thread
        // may lock it, and its lock must not be the one that is undone here.
        let mut held = self.table.held();
        if let Some(Holding::Shared(count @ 2..)) = held.get_mut(&self.range.start) {
            *count -= 1;
            return;
        }
        // A failing unlock leaves the lock to end with the handle: safe, and nobody to tell.
        let _ = self.table.file.unlock(self.range);
        held.remove(&self.range.start);
        self.table.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Directory, Open, Storage};

    fn table(storage: &dyn Storage) -> Arc<LockTable> {
        LockTable::new(storage.open("lock", Open::Create).expect("opens"))
    }

    #[test]
    fn excludes_threads_and_other_handles() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let (here, there) = (table(&storage), table(&storage));
        let range = LockRange::byte(7);
        let exclusive = |table: &Arc<LockTable>| {
            table.acquire(range, LockKind::Exclusive, Wait::No).expect("no system error")
        };
        let held = exclusive(&here).expect("free");
        assert!(exclusive(&here).is_none(), "another thread of this process");
        assert!(exclusive(&there).is_none(), "another process");
        drop(held);
        assert!(exclusive(&there).is_some());
    }

    #[test]
    fn shared_locks_suffer_each_other_until_the_last_is_gone() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let (here, there) = (table(&storage), table(&storage));
        let range = LockRange::byte(0);
        let take = |table: &Arc<LockTable>, kind| {
            table.acquire(range, kind, Wait::No).expect("no system error")
        };
        let first = take(&here, LockKind::Shared).expect("free");
        let second = take(&here, LockKind::Shared).expect("shared");
        assert!(take(&there, LockKind::Shared).is_some());
        drop(first);
        assert!(take(&there, LockKind::Exclusive).is_none());
        drop(second);
        assert!(take(&there, LockKind::Exclusive).is_some());
    }

    #[test]
    fn the_locks_of_others_can_be_looked_at() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let (here, there) = (table(&storage), table(&storage));
        let far = (1 << 62) + 5;
        let range = LockRange { start: far - 5, len: 10 };
        let held = here.acquire(LockRange::byte(far), LockKind::Shared, Wait::No).expect("asks");
        assert_eq!(here.held_elsewhere(range).expect("looks"), None, "its own");
        let seen = there.held_elsewhere(range).expect("looks");
        assert_eq!(seen, Some(LockRange::byte(far)));
        let reader = storage.open("lock", Open::Read).expect("opens");
        assert!(reader.locked_elsewhere(range).expect("looks").is_some(), "by who only reads");
        drop(held);
        assert_eq!(there.held_elsewhere(range).expect("looks"), None);
    }

    #[test]
    fn a_waiting_thread_gets_its_turn() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let table = table(&storage);
        let counter = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let range = LockRange::byte(3);
                        let guard = table.acquire(range, LockKind::Exclusive, Wait::Yes);
                        let seen = counter.load(std::sync::atomic::Ordering::Relaxed);
                        counter.store(seen + 1, std::sync::atomic::Ordering::Relaxed);
                        drop(guard.expect("no system error").expect("waited"));
                    }
                });
            }
        });
        assert_eq!(counter.into_inner(), 400);
    }
}
