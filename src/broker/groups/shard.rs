//! One partition of `__consumer_offsets`, and the groups that are kept in it.
//!
//! One lock a partition gives each of its groups one serial order. It is held while records are
//! written to the file, never while the disk syncs: what tells of records that are not durable yet
//! is sent by the thread that syncs them.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::answer::{Answer, Now, Step};
use super::group::Group;
use super::load::{ById, load};
use super::store::{RecordBatch, Store, WriteError};
use crate::broker;
use crate::broker::gate::Gate;
use crate::log::{self, EndMarker, PartitionLog, TransactionCheck};
use crate::model::TopicName;
use crate::model::config::BrokerConfig;
use crate::model::limits;
use crate::protocol::ErrorCode;
use crate::protocol::group_records::GroupRecordKey;

/// Bytes of a batch of tombstones: far below any `max.message.bytes` that is in use.
const TOMBSTONES_BYTES: usize = 128 << 10;

/// A partition.
#[derive(Debug)]
pub(super) struct Shard {
    partition: i32,
    state: Mutex<Groups>,
    /// When it is to be looked at next, on the clock that never jumps.
    next_ms: AtomicI64,
    /// How many of the appends are known to be durable.
    durable: Arc<AtomicU64>,
}

/// The groups of a partition.
struct Groups {
    /// `None` before the log was read.
    by_id: Option<ById>,
    /// When which group is looked at, by time; an entry for each whose `scheduled_ms` says so.
    timers: BTreeSet<(i64, Arc<str>)>,
    next_expiry_ms: i64,
    log: Option<Arc<PartitionLog>>,
    /// Whether the log must be looked for again before the next append.
    reopen: bool,
    batch: RecordBatch,
    /// Which groups have offsets of a producer's transaction that is open.
    undecided: HashMap<i64, BTreeSet<Arc<str>>>,
    /// How many appends there were.
    appended: u64,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.by_id.as_ref().map(ById::len);
        f.debug_struct("Groups").field("count", &count).finish_non_exhaustive()
    }
}

impl Shard {
    /// A partition that was not read yet.
    pub(super) fn new(partition: i32) -> Self {
        let state = Groups {
            by_id: None,
            timers: BTreeSet::new(),
            next_expiry_ms: i64::MAX,
            log: None,
            reopen: true,
            batch: RecordBatch::default(),
            undecided: HashMap::new(),
            appended: 0,
        };
        Self {
            partition,
            state: Mutex::new(state),
            next_ms: AtomicI64::new(i64::MAX),
            durable: Arc::default(),
        }
    }

    /// When it is to be looked at next; `i64::MAX` if there is nothing to look at.
    pub(super) fn next_ms(&self) -> i64 {
        self.next_ms.load(Ordering::SeqCst)
    }

    /// Locks it, having read it if that was not done.
    pub(super) fn lock<'a>(&'a self, store: &'a Store, now: Now) -> broker::Result<Locked<'a>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let config = store.broker.config();
        let mut locked = Locked { shard: self, store, config, now, state };
        if locked.state.by_id.is_none() {
            locked.load()?;
        }
        Ok(locked)
    }
}

/// A locked partition.
pub(super) struct Locked<'a> {
    shard: &'a Shard,
    store: &'a Store,
    config: Arc<BrokerConfig>,
    now: Now,
    state: MutexGuard<'a, Groups>,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let first = self.state.timers.first().map_or(i64::MAX, |(at, _)| *at);
        self.shard.next_ms.store(first.min(self.state.next_expiry_ms), Ordering::SeqCst);
    }
}

impl<'a> Locked<'a> {
    fn load(&mut self) -> broker::Result<()> {
        let log = self.store.to_read(self.shard.partition)?;
        let groups = match &log {
            Some(log) => load(self.store, log, self.now)
                .map_err(|error| broker::Error::of_log("read the groups of", log, error))?,
            None => ById::new(),
        };
        let ids: Vec<Arc<str>> = groups.keys().map(Arc::clone).collect();
        for (id, group) in &groups {
            for producer in group.pending.producers() {
                self.state.undecided.entry(producer).or_default().insert(Arc::clone(id));
            }
        }
        self.state.by_id = Some(groups);
        self.state.log = log;
        let interval_ms = self.config.offsets_retention_check_interval_ms;
        self.state.next_expiry_ms = self.now.steady_ms.saturating_add(interval_ms);
        for id in ids {
            self.reschedule(&id);
        }
        Ok(())
    }

    /// Which partition it is.
    pub(super) const fn shard(&self) -> &'a Shard {
        self.shard
    }

    /// All its groups.
    pub(super) fn groups(&self) -> &ById {
        self.state.by_id.as_ref().expect("a locked partition was read")
    }

    fn groups_mut(&mut self) -> &mut ById {
        self.state.by_id.as_mut().expect("a locked partition was read")
    }

    /// A group.
    pub(super) fn group(&mut self, id: &str) -> Option<&mut Group> {
        self.groups_mut().get_mut(id)
    }

    /// A group, made if it is not there. Whoever makes one sees to it that it is
    /// [rescheduled](Self::reschedule), which forgets it if nothing came of it.
    pub(super) fn group_or_new(&mut self, id: &str) -> Result<&mut Group, ErrorCode> {
        let now = self.now;
        let groups = self.groups_mut();
        if !groups.contains_key(id) {
            if groups.len() >= limits::GROUPS_PER_PARTITION_MAX {
                return Err(ErrorCode::CoordinatorNotAvailable);
            }
            groups.insert(id.into(), Group::new(now));
        }
        Ok(groups.get_mut(id).expect("it was put there"))
    }

    /// A step of now.
    pub(super) fn step(&self) -> Step {
        Step::new(self.now, Arc::clone(&self.config))
    }

    /// Does what a step of a group asks for; gives the answers that are to be sent once the lock is
    /// let go. Those that tell of what is not durable yet are sent when it is.
    pub(super) fn settle(&mut self, id: &str, mut step: Step) -> Vec<Answer> {
        let persisted = !step.persist || self.persist(id).is_ok();
        if !persisted {
            let answers = step.answers.drain(..);
            let failed = |answer: Answer| answer.or_failed(WriteError::Failed.code());
            step.answers = answers.map(failed).collect();
            step.persist = false;
            if let Some(group) = self.group(id) {
                group.classic.not_persisted(&mut step);
            }
        }
        self.reschedule(id);
        let persisted = step.persist;
        let waits = |answer: &Answer| persisted || matches!(answer, Answer::Sync(..));
        if self.is_durable() || !step.answers.iter().any(waits) {
            return step.answers;
        }
        let (waiting, ready): (Vec<_>, Vec<_>) = step.answers.into_iter().partition(waits);
        self.when_durable(move |durable| {
            for answer in waiting {
                match durable {
                    true => answer.send(),
                    false => answer.or_failed(WriteError::Failed.code()).send(),
                }
            }
        });
        ready
    }

    /// Writes a group's members down.
    fn persist(&mut self, id: &str) -> Result<(), WriteError> {
        let now_ms = self.now.wall_ms;
        let record = self.group(id).map(|group| group.classic.to_record());
        if let Some(record) = record {
            self.append(|batch| batch.group(id, &record, now_ms))?;
        }
        if let Some(group) = self.group(id) {
            group.recorded = true;
        }
        Ok(())
    }

    /// Appends a batch; gives the offset of its first record.
    pub(super) fn append(&mut self, fill: impl Fn(&mut RecordBatch)) -> Result<i64, WriteError> {
        let log = self.log_to_write()?;
        self.state.batch.clear();
        fill(&mut self.state.batch);
        match self.state.batch.append(self.store, &log) {
            Ok(base_offset) => {
                self.state.appended += 1;
                Ok(base_offset)
            }
            Err(error) => {
                // The topic may have been deleted.
                self.state.reopen |= error == WriteError::Failed;
                Err(error)
            }
        }
    }

    /// Appends a batch of a producer's transaction; gives the offset of its first record.
    pub(super) fn append_transactional(
        &mut self,
        (producer_id, producer_epoch): (i64, i16),
        check: TransactionCheck,
        fill: impl Fn(&mut RecordBatch),
    ) -> log::Result<i64> {
        let log = self.log_to_write().map_err(|_| log::Error::Gone)?;
        self.state.batch.clear();
        fill(&mut self.state.batch);
        let batch = &mut self.state.batch;
        match batch.append_transactional(self.store, &log, (producer_id, producer_epoch), check) {
            Ok(base_offset) => {
                self.state.appended += 1;
                Ok(base_offset)
            }
            Err(error) => {
                self.state.reopen |= matches!(error, log::Error::Gone | log::Error::Storage(_));
                Err(error)
            }
        }
    }

    /// Appends the marker of a producer's transaction.
    pub(super) fn append_marker(&mut self, marker: &EndMarker) -> broker::Result<log::Appended> {
        let log = self.store.to_write(self.shard.partition)?;
        let ended = log.end_transaction(marker, self.now.wall_ms);
        let ended =
            ended.map_err(|error| broker::Error::of_log("end a transaction in", &log, error))?;
        self.state.appended += 1;
        self.state.log = Some(log);
        self.state.reopen = false;
        Ok(ended)
    }

    /// Remembers that a group has offsets of a producer's transaction.
    pub(super) fn note_producer(&mut self, producer: i64, group: &str) {
        let groups = self.state.by_id.as_ref().expect("a locked partition was read");
        if let Some((id, _)) = groups.get_key_value(group) {
            let id = Arc::clone(id);
            self.state.undecided.entry(producer).or_default().insert(id);
        }
    }

    /// The groups with offsets of a producer's transaction, which ends.
    pub(super) fn take_groups_of(&mut self, producer: i64) -> BTreeSet<Arc<str>> {
        self.state.undecided.remove(&producer).unwrap_or_default()
    }

    fn log_to_write(&mut self) -> Result<Arc<PartitionLog>, WriteError> {
        if !self.state.reopen
            && let Some(log) = &self.state.log
        {
            return Ok(Arc::clone(log));
        }
        let log = self.store.to_write(self.shard.partition).map_err(|error| {
            self.store.failures.note(&error);
            WriteError::Failed
        })?;
        self.state.log = Some(Arc::clone(&log));
        self.state.reopen = false;
        Ok(log)
    }

    /// Whether all that was appended is durable.
    pub(super) fn is_durable(&self) -> bool {
        self.store.commit.is_none()
            || self.shard.durable.load(Ordering::Acquire) >= self.state.appended
    }

    /// Calls back once all that was appended is durable, with false if it can't be made so.
    pub(super) fn when_durable(&self, done: impl FnOnce(bool) + Send + 'static) {
        let (Some(commit), Some(log)) = (&self.store.commit, &self.state.log) else {
            return done(true);
        };
        let (durable, appended) = (Arc::clone(&self.shard.durable), self.state.appended);
        let failures = Arc::clone(&self.store.failures);
        let done = move |result: Result<(), Arc<log::Error>>| {
            match &result {
                Ok(()) => {
                    durable.fetch_max(appended, Ordering::AcqRel);
                }
                Err(error) => failures.note(error),
            }
            done(result.is_ok());
        };
        commit.when_durable(log, Box::new(done));
    }

    /// Has a gate wait until all that was appended is durable.
    pub(super) fn hold(&self, gate: &Gate) {
        if !self.is_durable() {
            let gate = gate.add();
            self.when_durable(move |durable| gate.pass(durable));
        }
    }

    /// Sees to it that a group is looked at when its next timer ends; forgets one that is nothing.
    pub(super) fn reschedule(&mut self, id: &str) {
        let state = &mut *self.state;
        let groups = state.by_id.as_mut().expect("a locked partition was read");
        let Some((id, _)) = groups.get_key_value(id) else { return };
        let id = Arc::clone(id);
        let group = groups.get_mut(&id).expect("it is there");
        let earliest_ms = group.classic.earliest_ms();
        let is_nothing = group.is_nothing();
        if is_nothing || earliest_ms < group.scheduled_ms {
            state.timers.remove(&(group.scheduled_ms, Arc::clone(&id)));
            group.scheduled_ms = earliest_ms;
            if is_nothing {
                groups.remove(&id);
            } else {
                state.timers.insert((earliest_ms, id));
            }
        }
    }

    /// Looks at the groups whose timers have ended; gives the answers that are to be sent.
    pub(super) fn tick(&mut self) -> Vec<Answer> {
        let now_ms = self.now.steady_ms;
        let mut answers = Vec::new();
        while self.state.timers.first().is_some_and(|(at, _)| *at <= now_ms) {
            let Some((_, id)) = self.state.timers.pop_first() else { break };
            let mut step = self.step();
            if let Some(group) = self.group(&id) {
                group.scheduled_ms = i64::MAX;
                group.classic.tick(&mut step);
            }
            answers.extend(self.settle(&id, step));
        }
        if self.state.next_expiry_ms <= now_ms {
            let interval_ms = self.config.offsets_retention_check_interval_ms;
            self.state.next_expiry_ms = now_ms.saturating_add(interval_ms);
            self.expire_offsets();
        }
        answers
    }

    /// Forgets the offsets whose time is over, but those of jobs, and groups of which nothing is left then.
    fn expire_offsets(&mut self) {
        let (config, now_ms) = (Arc::clone(&self.config), self.now.wall_ms);
        // A table that is updated once a month is to go on where it stood.
        let Ok(jobs) = self.store.broker.jobs() else { return };
        let is_job = |id: &str| TopicName::new(id).is_ok_and(|name| jobs.contains_key(&name));
        let ids: Vec<Arc<str>> = self.groups().keys().map(Arc::clone).collect();
        for id in ids.into_iter().filter(|id| !is_job(id)) {
            let Some(group) = self.group(&id) else { continue };
            let expired = group.expired(&config, now_ms);
            // What can't be written stays, and is found again.
            if self.forget_offsets(&id, &expired).is_ok() {
                let _ = self.forget_if_done(&id);
            }
        }
    }

    fn forget_if_done(&mut self, id: &str) -> Result<(), WriteError> {
        match self.group(id) {
            Some(group) if group.has_no_offsets() && group.classic.is_idle() => {
                self.forget_group(id)
            }
            _ => Ok(()),
        }
    }

    /// Forgets offsets of a group.
    pub(super) fn forget_offsets(
        &mut self,
        id: &str,
        partitions: &[(String, i32)],
    ) -> Result<(), WriteError> {
        let now_ms = self.now.wall_ms;
        // A key has the two names and ten bytes besides; a record some twenty more.
        let key_bytes = |(topic, _): &(String, i32)| id.len() + topic.len() + 32;
        let mut rest = partitions;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |partition: &&(String, i32)| {
                bytes += key_bytes(partition);
                bytes <= TOMBSTONES_BYTES
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (now_gone, later) = rest.split_at(count);
            self.append(|batch| {
                for (topic, partition) in now_gone {
                    let partition = *partition;
                    batch
                        .tombstone(&GroupRecordKey::Offset { group: id, topic, partition }, now_ms);
                }
            })?;
            if let Some(group) = self.group(id) {
                for (topic, partition) in now_gone {
                    group.forget_offset(topic, *partition);
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// Forgets a group without members, and its offsets.
    pub(super) fn forget_group(&mut self, id: &str) -> Result<(), WriteError> {
        let Some(group) = self.group(id) else { return Ok(()) };
        let (recorded, all) = (group.recorded, group.all_offsets(|_| true));
        self.forget_offsets(id, &all)?;
        let now_ms = self.now.wall_ms;
        if recorded {
            self.append(|batch| batch.tombstone(&GroupRecordKey::Group { group: id }, now_ms))?;
        }
        if let Some((id, group)) = self.groups_mut().remove_entry(id) {
            self.state.timers.remove(&(group.scheduled_ms, id));
        }
        Ok(())
    }
}
