//! The offsets of one group as a command sees them, without a coordinator.
//!
//! They are where the coordinator keeps them, in the same records: who serves the directory later
//! goes on from them, and the other way round. A group that commands make has no record of its own,
//! as in Kafka one has not that only ever committed: a *simple* group.
//!
//! Members that the log tells of were those of a server, and while a command writes there is none.
//! With its first commit a command puts them out: one that comes back joins anew, and reads the
//! commits. Otherwise it would go on where it stood, and commit that.
//!
//! What is on disk when a commit returns: the commit, durable. Who commits sees to it that the records
//! before it are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::offsets::{Committed, Offsets};
use super::replay::Replay;
use super::snapshot::Snapshot;
use super::store::{BATCH_RECORDS, RecordBatch, Store};
use crate::broker::internal::partition_of;
use crate::broker::{self, Broker, TopicInfo, TransactionalId};
use crate::log::{self, PartitionLog, View};
use crate::protocol::group_records::{
    GroupMetadataValue, GroupRecordKey, OffsetCommitValue, group_of,
};

/// An offset that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the last record that was read, -1 if not known.
    pub leader_epoch: i32,
    /// What the member wanted to be told with it.
    pub metadata: String,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub commit_ms: i64,
}

impl CommittedOffset {
    fn of(committed: &Committed) -> Self {
        Self {
            offset: committed.offset,
            leader_epoch: committed.leader_epoch,
            metadata: committed.metadata.to_string(),
            commit_ms: committed.commit_ms,
        }
    }
}

/// A group.
#[derive(Debug)]
pub struct GroupOffsets {
    store: Store,
    partition: i32,
    log: Option<Arc<PartitionLog>>,
    replay: Replay,
    known: Known,
    batch: RecordBatch,
}

/// What the log tells of a group.
#[derive(Debug, Default)]
struct Known {
    group: String,
    offsets: Offsets,
    classic: Option<GroupMetadataValue>,
    /// Keys of what else there is of it.
    others: BTreeSet<Box<[u8]>>,
}

impl Known {
    /// Takes a record, if it is one of this group. One that can't be read stays as it is.
    fn take(&mut self, offset: i64, key: &[u8], value: Option<&[u8]>) {
        // Every key begins with two bytes of version and two of the id's length.
        let id = key.get(4..4 + self.group.len());
        if id != Some(self.group.as_bytes()) || group_of(key) != Some(&self.group) {
            return;
        }
        match (GroupRecordKey::read(key), value) {
            (Ok(GroupRecordKey::Offset { topic, partition, .. }), value) => {
                self.take_offset(offset, (topic, partition), value);
            }
            (Ok(GroupRecordKey::Group { .. }), value) => {
                match value.map(GroupMetadataValue::read) {
                    Some(Ok(value)) => self.classic = Some(value),
                    Some(Err(_)) => {}
                    None => self.classic = None,
                }
            }
            (Ok(GroupRecordKey::Other { .. }), Some(_)) => {
                self.others.insert(key.into());
            }
            (Ok(GroupRecordKey::Other { .. }), None) => {
                self.others.remove(key);
            }
            (Err(_), _) => {}
        }
    }

    fn take_offset(&mut self, offset: i64, (topic, partition): (&str, i32), value: Option<&[u8]>) {
        let newer = |it: &Committed| it.record_offset > offset;
        if self.offsets.get(topic, partition).is_some_and(newer) {
            return;
        }
        match value.map(OffsetCommitValue::read) {
            Some(Ok(value)) => {
                self.offsets.insert(topic, partition, Committed::of(&value, offset));
            }
            Some(Err(_)) => {}
            None => self.offsets.remove(topic, partition),
        }
    }
}

impl GroupOffsets {
    /// Reads what there is of a group.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn open(broker: Arc<Broker>, group: &str) -> broker::Result<Self> {
        let store = Store::new(broker, None);
        let partition = partition_of(group, store.partitions()?);
        let known = Known { group: group.to_owned(), ..Known::default() };
        let mut opened = Self {
            log: store.to_read(partition)?,
            store,
            partition,
            replay: Replay::after(None),
            known,
            batch: RecordBatch::default(),
        };
        if let Some(log) = opened.log.clone() {
            opened.load(&log)?;
        }
        Ok(opened)
    }

    fn load(&mut self, log: &PartitionLog) -> broker::Result<()> {
        let Some(view) = view_of(log)? else { return Ok(()) };
        let snapshot = self.store.snapshot(log, &view);
        for (offset, key, value) in snapshot.iter().flat_map(Snapshot::records) {
            self.known.take(offset, key, Some(value));
        }
        self.replay = Replay::after(snapshot.as_ref());
        self.read(log, &view)
    }

    /// Takes what a view covers and was not taken yet.
    fn read(&mut self, log: &PartitionLog, view: &View) -> broker::Result<()> {
        let known = &mut self.known;
        let run = self.replay.run(log, view, |offset, key, value| known.take(offset, key, value));
        run.map_err(|error| reading(log, error))
    }

    /// Learns what was committed since.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn refresh(&mut self) -> broker::Result<()> {
        if self.log.is_none() {
            self.log = self.store.to_read(self.partition)?;
        }
        let Some(log) = self.log.clone() else { return Ok(()) };
        match view_of(&log)? {
            Some(view) => self.read(&log, &view),
            None => Ok(()),
        }
    }

    /// Whether there is such a group.
    #[must_use]
    pub fn is_known(&self) -> bool {
        let Known { offsets, classic, others, .. } = &self.known;
        !offsets.is_empty() || classic.is_some() || !others.is_empty()
    }

    /// What was committed of a partition of a topic, unless that was for another topic of its name.
    #[must_use]
    pub fn committed(&self, topic: &TopicInfo, partition: i32) -> Option<CommittedOffset> {
        let found = self.known.offsets.get(&topic.name, partition)?;
        (!found.is_of_another(topic.id)).then(|| CommittedOffset::of(found))
    }

    /// All that was committed.
    pub fn all(&self) -> impl Iterator<Item = CommittedOffset> {
        self.known.offsets.topics().flat_map(|(_, of)| of.values().map(CommittedOffset::of))
    }

    /// All that was committed, by topic: partition and offset.
    #[must_use]
    pub fn by_topic(&self) -> BTreeMap<String, Vec<(i32, CommittedOffset)>> {
        let one = |(partition, it): (&i32, &Committed)| (*partition, CommittedOffset::of(it));
        let topics = self.known.offsets.topics();
        topics.map(|(topic, of)| (topic.to_owned(), of.iter().map(one).collect())).collect()
    }

    /// How many members the log tells of: those of a server that ran last.
    #[must_use]
    pub fn recorded_members(&self) -> usize {
        self.known.classic.as_ref().map_or(0, |classic| classic.members.len())
    }

    /// Commits offsets within a transaction: they count once that is committed, and not before. What is noted with each of
    /// them is `metadata`.
    ///
    /// # Errors
    /// As [`TransactionalId::append`] says.
    pub fn commit_within(
        &mut self,
        transaction: &mut TransactionalId,
        commits: &[(&TopicInfo, i32, i64, i32)],
        metadata: &str,
        now_ms: i64,
    ) -> broker::Result<()> {
        let log = self.log_to_write()?;
        self.put_members_out(&log, now_ms)?;
        for commits in commits.chunks(BATCH_RECORDS) {
            self.gather(commits, metadata, now_ms);
            let Self { batch, store, .. } = &mut *self;
            let producer = transaction.producer();
            let producer = (producer.producer_id, producer.producer_epoch);
            transaction.append_with(&log, |check| {
                batch.append_transactional(store, &log, producer, check)
            })?;
        }
        Ok(())
    }

    /// Puts offsets into the batch.
    fn gather(&mut self, commits: &[(&TopicInfo, i32, i64, i32)], metadata: &str, now_ms: i64) {
        self.batch.clear();
        for (topic, partition, offset, leader_epoch) in commits {
            let (group, partition) = (&*self.known.group, *partition);
            let key = GroupRecordKey::Offset { group, topic: &topic.name, partition };
            let value = OffsetCommitValue {
                offset: *offset,
                leader_epoch: *leader_epoch,
                metadata,
                commit_timestamp: now_ms,
                expire_timestamp: -1,
                topic_id: topic.id,
            };
            self.batch.offset(&key, &value);
        }
    }

    /// Commits offsets: topic, partition, offset, leader epoch. They are durable when this returns.
    ///
    /// # Errors
    /// As the file system says; some may be committed then.
    pub fn commit(
        &mut self,
        commits: &[(&TopicInfo, i32, i64, i32)],
        now_ms: i64,
    ) -> broker::Result<()> {
        self.commit_with(commits, "", now_ms)
    }

    /// The same, with what is noted with each of them.
    ///
    /// # Errors
    /// As [`GroupOffsets::commit`] says.
    pub fn commit_with(
        &mut self,
        commits: &[(&TopicInfo, i32, i64, i32)],
        metadata: &str,
        now_ms: i64,
    ) -> broker::Result<()> {
        if commits.is_empty() {
            return Ok(());
        }
        let log = self.log_to_write()?;
        self.put_members_out(&log, now_ms)?;
        for commits in commits.chunks(BATCH_RECORDS) {
            self.gather(commits, metadata, now_ms);
            self.batch.append_plainly(&self.store.broker, &log)?;
        }
        self.store.broker.sync(&log)?;
        self.refresh()
    }

    /// Writes that the group has no members, where the log tells of some.
    fn put_members_out(&mut self, log: &PartitionLog, now_ms: i64) -> broker::Result<()> {
        let Some(classic) = &mut self.known.classic else { return Ok(()) };
        if classic.members.is_empty() {
            return Ok(());
        }
        let empty = GroupMetadataValue {
            protocol_type: std::mem::take(&mut classic.protocol_type),
            generation: classic.generation.saturating_add(1),
            protocol: None,
            leader: None,
            current_state_timestamp: now_ms,
            members: Vec::new(),
        };
        self.batch.clear();
        self.batch.group(&self.known.group, &empty, now_ms);
        self.batch.append_plainly(&self.store.broker, log)?;
        self.known.classic = Some(empty);
        Ok(())
    }

    /// Forgets the group and all that it has committed. That is durable when this returns.
    ///
    /// # Errors
    /// As the file system says; some may be forgotten then.
    pub fn delete(&mut self, now_ms: i64) -> broker::Result<()> {
        let log = self.log_to_write()?;
        let mut doomed: Vec<Box<[u8]>> = Vec::new();
        let mut add = |key: GroupRecordKey<'_>| {
            let mut bytes = Vec::new();
            key.write(&mut bytes);
            doomed.push(bytes.into());
        };
        let group = &*self.known.group;
        for (topic, partitions) in self.known.offsets.topics() {
            for partition in partitions.keys().copied() {
                add(GroupRecordKey::Offset { group, topic, partition });
            }
        }
        if self.known.classic.is_some() {
            add(GroupRecordKey::Group { group });
        }
        doomed.extend(self.known.others.iter().cloned());
        for doomed in doomed.chunks(BATCH_RECORDS) {
            self.batch.clear();
            doomed.iter().for_each(|key| self.batch.raw_tombstone(key, now_ms));
            self.batch.append_plainly(&self.store.broker, &log)?;
        }
        self.store.broker.sync(&log)?;
        self.refresh()
    }

    fn log_to_write(&mut self) -> broker::Result<Arc<PartitionLog>> {
        let log = self.store.to_write(self.partition)?;
        self.log = Some(Arc::clone(&log));
        Ok(log)
    }
}

/// A partition as it is; `None` where its directory was not made yet.
fn view_of(log: &PartitionLog) -> broker::Result<Option<View>> {
    match log.view() {
        Err(log::Error::Gone) => Ok(None),
        view => view.map(Some).map_err(|error| reading(log, error)),
    }
}

fn reading(log: &PartitionLog, error: log::Error) -> broker::Error {
    broker::Error::of_log("read the groups of", log, error)
}
