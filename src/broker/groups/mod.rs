//! The group coordinator: which members a group has, what each is to do, how far it has come.
//! Kafka's classic protocol.
//!
//! Groups are kept in `__consumer_offsets`, each in the partition that its id's hash says, in
//! Kafka's own records. A partition is read when one of its groups is first asked for.
//!
//! What is on disk when an answer goes out: a commit, a deletion and the members of a generation
//! are durable, and so is whatever an OffsetFetch tells.
//!
//! Nothing in here waits. An answer that has to goes through a [`Reply`]; timers are looked at by
//! [`Groups::tick`], which must be called at [`Groups::next_deadline_ms`].
//!
//! Timers: a partition says when it is to be looked at next, then the alarm is set no later than that; a tick clears the alarm,
//! then looks at what the partitions say. In one order for all threads (`SeqCst`), so that one of the two always sees the other.
//!
//! Locks: one a partition; with it held, the log's.

mod admin;
mod answer;
mod classic;
mod command;
mod commit;
mod fetch;
mod group;
mod listing;
mod load;
mod members;
mod offsets;
mod pending;
mod replay;
mod shard;
mod snapshot;
mod store;
mod transactional;
mod transfer;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

pub use answer::{Now, Reply};
pub use classic::Client;
pub use command::{CommittedOffset, GroupOffsets};
pub use listing::{GroupKind, ListedGroup, list_groups};
pub(super) use transfer::{CommitRecord, each_commit, write_commits};

use super::internal::partition_of;
use super::{Broker, GroupCommit, Result};
use crate::protocol::ErrorCode;
use shard::{Locked, Shard};
use store::{Store, WriteError};

/// Is told when [`Groups::next_deadline_ms`] has become sooner.
pub type Waker = Box<dyn Fn() + Send + Sync>;

/// All groups.
pub struct Groups {
    store: Store,
    shards: Vec<Shard>,
    /// When [`Groups::tick`] is due.
    alarm_ms: AtomicI64,
    waker: Mutex<Option<Arc<Waker>>>,
    began: Instant,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").field("shards", &self.shards).finish_non_exhaustive()
    }
}

impl Groups {
    /// The coordinator of a directory's groups; without `commit`, nothing waits for the disk.
    /// Nothing is read yet.
    ///
    /// # Errors
    /// As the file system says.
    pub fn new(broker: Arc<Broker>, commit: Option<Arc<GroupCommit>>) -> Result<Self> {
        let store = Store::new(broker, commit);
        let shards = (0..store.partitions()?).map(Shard::new).collect();
        Ok(Self {
            store,
            shards,
            alarm_ms: AtomicI64::new(i64::MAX),
            waker: Mutex::default(),
            began: Instant::now(),
        })
    }

    /// What time it is, for the calls that want to know.
    #[must_use]
    pub fn now(&self) -> Now {
        let steady_ms = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now { wall_ms: self.store.broker.clock().now_ms(), steady_ms }
    }

    /// Whom to tell when the next deadline has become sooner.
    pub fn set_waker(&self, waker: Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(waker));
    }

    /// When [`Groups::tick`] is to be called, by [`Now::steady_ms`]; `None` if there is no need.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        Some(self.alarm_ms.load(Ordering::SeqCst)).filter(|at| *at < i64::MAX)
    }

    /// Does what the timers that have ended ask for.
    pub fn tick(&self, now: Now) {
        self.alarm_ms.store(i64::MAX, Ordering::SeqCst);
        for shard in &self.shards {
            if shard.next_ms() <= now.steady_ms
                && let Ok(mut locked) = self.locked(shard, now)
            {
                let answers = locked.tick();
                drop(locked);
                answers.into_iter().for_each(answer::Answer::send);
            }
            self.alarm_ms.fetch_min(shard.next_ms(), Ordering::SeqCst);
        }
    }

    /// What went wrong since the last call, in sentences, for a person.
    #[must_use]
    pub fn take_failures(&self) -> Vec<String> {
        self.store.failures.take()
    }

    /// The partition of a group, locked and read.
    fn lock(&self, group: &str, now: Now) -> std::result::Result<Locked<'_>, ErrorCode> {
        let count = i32::try_from(self.shards.len()).unwrap_or(i32::MAX);
        let partition = usize::try_from(partition_of(group, count)).unwrap_or_default();
        let shard = self.shards.get(partition).ok_or(ErrorCode::NotCoordinator)?;
        self.locked(shard, now)
    }

    fn locked<'a>(
        &'a self,
        shard: &'a Shard,
        now: Now,
    ) -> std::result::Result<Locked<'a>, ErrorCode> {
        shard.lock(&self.store, now).map_err(|error| {
            self.store.failures.note(&error);
            WriteError::Failed.code()
        })
    }

    /// Lets a partition go, and has its next deadline heard of.
    fn release(&self, locked: Locked<'_>) {
        let shard = locked.shard();
        drop(locked);
        let next_ms = shard.next_ms();
        if self.alarm_ms.fetch_min(next_ms, Ordering::SeqCst) > next_ms {
            let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(waker) = waker {
                waker();
            }
        }
    }
}

/// Refuses an id of a group that has members.
fn check_group_id(id: &str) -> std::result::Result<(), ErrorCode> {
    match id.is_empty() || is_too_long(id) {
        true => Err(ErrorCode::InvalidGroupId),
        false => Ok(()),
    }
}

/// Whether a string does not fit into a record.
pub(super) const fn is_too_long(text: &str) -> bool {
    text.len() > crate::model::limits::GROUP_STRING_BYTES_MAX
}
