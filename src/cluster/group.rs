//! Consumer groups: members that share the partitions of topics, and what groups have committed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Cluster, PartitionReader, RecordRange};
use crate::broker::{
    self, CommittedOffset, Error, GroupOffsets, ListedGroup, MemberNote, Membership, Owners,
    Rebalance, Result, TopicInfo, Unused,
};
use crate::model::{Offset, TopicName, TopicPartition};
use crate::record::Decompressor;

/// A member of a group: reads the partitions that it owns, and commits how far it has come.
/// Dropped, it leaves.
#[derive(Debug)]
pub struct GroupMember<'c> {
    cluster: &'c Cluster,
    membership: Membership,
    offsets: GroupOffsets,
    topics: BTreeMap<TopicName, TopicInfo>,
}

impl Cluster {
    /// Becomes a member of a group; of which topics, [`GroupMember::subscribe`] says.
    ///
    /// # Errors
    /// As the file system says, and damage of what groups have committed.
    pub fn join_group(&self, group: &str) -> Result<GroupMember<'_>> {
        let membership = Membership::join(self.broker().home(), group)?;
        let offsets = GroupOffsets::open(Arc::clone(self.broker()), group)?;
        Ok(GroupMember { cluster: self, membership, offsets, topics: BTreeMap::new() })
    }

    /// All groups, by id.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn groups(&self) -> Result<BTreeMap<String, ListedGroup>> {
        broker::list_groups(self.broker())
    }

    /// What a group has committed.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn commits(&self, group: &str) -> Result<Commits<'_>> {
        let offsets = GroupOffsets::open(Arc::clone(self.broker()), group)?;
        let now_ms = self.broker().clock().now_ms();
        let owners = Owners::of(self.broker().home(), group, now_ms)?;
        Ok(Commits { cluster: self, group: group.to_owned(), offsets, owners })
    }
}

impl GroupMember<'_> {
    /// Reads a topic too, or learns how many partitions it has by now.
    ///
    /// # Errors
    /// As the file system says.
    pub fn subscribe(&mut self, topic: &TopicInfo) -> Result<()> {
        self.membership.subscribe(topic)?;
        self.topics.insert(topic.name.clone(), topic.clone());
        Ok(())
    }

    /// Looks at the group; what it gives is this member's, or is to be given up. To be called
    /// every quarter of a second or so. Only wanted partitions are taken.
    ///
    /// # Errors
    /// As the file system says, and damage of what groups have committed.
    pub fn rebalance(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Result<Rebalance> {
        let rebalance = self.membership.rebalance(now, is_wanted)?;
        if !rebalance.taken.is_empty() {
            // What their last owners committed came before they let go.
            self.offsets.refresh()?;
        }
        Ok(rebalance)
    }

    /// What was committed of a partition, as of when this member took one last.
    #[must_use]
    pub fn committed(&self, partition: &TopicPartition) -> Option<CommittedOffset> {
        let topic = self.topics.get(&partition.topic)?;
        self.offsets.committed(topic, partition.partition)
    }

    /// Commits how far partitions were read that are this member's; what was read is made durable
    /// first, and so are the commits when this returns.
    ///
    /// # Errors
    /// As the file system says.
    pub fn commit(&mut self, progress: &[(&PartitionReader, Offset)]) -> Result<()> {
        let now_ms = self.cluster.broker().clock().now_ms();
        let mut commits = Vec::with_capacity(progress.len());
        for (reader, offset) in progress {
            let TopicPartition { topic, partition } = reader.partition();
            let Some(info) = self.topics.get(topic) else { continue };
            debug_assert!(self.membership.owns(reader.partition()), "only an owner commits");
            if self.membership.owns(reader.partition()) {
                reader.make_durable(*offset, now_ms)?;
                let leader_epoch = reader.leader_epoch_before(*offset)?;
                commits.push((info, *partition, offset.0, leader_epoch));
            }
        }
        self.offsets.commit(&commits, now_ms)
    }

    /// Gives a partition up, to whoever comes first.
    pub fn give_up(&mut self, partition: &TopicPartition) {
        self.membership.give_up(partition);
    }
}

/// How far a group is behind in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Where it goes on.
    pub next: Offset,
    /// The end of the log.
    pub end: Offset,
    /// Offsets from one to the other; 0 where it goes on past the end, in what is not committed yet.
    pub lag: i64,
    /// Milliseconds since the first record that it has not read was written; 0 if there is none.
    pub lag_ms: i64,
}

/// What a group has committed, and who reads for it.
#[derive(Debug)]
pub struct Commits<'c> {
    cluster: &'c Cluster,
    group: String,
    offsets: GroupOffsets,
    owners: Owners,
}

impl Commits<'_> {
    /// Whether there is such a group: it has committed something, or has members.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.offsets.is_known() || self.owners.topics().next().is_some()
    }

    /// All that it has committed, by topic: partition and offset. A topic that members read and
    /// have not committed anything of is there too.
    #[must_use]
    pub fn by_topic(&self) -> BTreeMap<String, Vec<(i32, CommittedOffset)>> {
        let mut topics = self.offsets.by_topic();
        for topic in self.owners.topics() {
            topics.entry(topic.to_owned()).or_default();
        }
        topics
    }

    /// What it has committed of a partition.
    #[must_use]
    pub fn committed(&self, topic: &TopicInfo, partition: i32) -> Option<CommittedOffset> {
        self.offsets.committed(topic, partition)
    }

    /// How many members the log tells of: those of a server.
    #[must_use]
    pub fn recorded_members(&self) -> usize {
        self.offsets.recorded_members()
    }

    /// Whether a command reads a partition for the group, and which one if it said so.
    ///
    /// # Errors
    /// As the file system says.
    pub fn owner(&self, topic: &TopicInfo, partition: i32) -> Result<Option<Option<&MemberNote>>> {
        self.owners.owner(topic.id, &topic.name, partition)
    }

    /// How far the group is behind in a partition; without a commit it stands at the beginning.
    ///
    /// # Errors
    /// As the file system says, and damage of the next record.
    pub fn behind(&self, topic: &TopicInfo, partition: i32) -> Result<Behind> {
        let mut reader = self.cluster.reader(topic, partition)?;
        if let Some(committed) = self.committed(topic, partition) {
            reader.resume(Offset(committed.offset), committed.leader_epoch)?;
        }
        let (next, end) = (reader.position(), reader.bounds().1);
        let now_ms = self.cluster.broker().clock().now_ms();
        let mut scratch = Decompressor::for_max_message_bytes(topic.config.max_message_bytes);
        let mut first_ms = None;
        while first_ms.is_none()
            && let Some(chunk) = reader.next_chunk()?
        {
            let _ = chunk.visit(RecordRange::default(), &mut scratch, |located| {
                first_ms = Some(located.record.timestamp);
                std::ops::ControlFlow::Break(())
            })?;
        }
        // A record without a timestamp is as old as can be told: not at all.
        let lag_ms =
            first_ms.filter(|at| *at >= 0).map_or(0, |at| now_ms.saturating_sub(at).max(0));
        Ok(Behind { next, end, lag: (end - next).max(0), lag_ms })
    }

    /// Sets where the group goes on in partitions of a topic. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::InUse`] where a member reads one of them; as the file system says.
    pub fn set(&mut self, topic: &TopicInfo, to: &[(i32, Offset)]) -> Result<()> {
        let home = self.cluster.broker().home();
        let partitions = to.iter().map(|(partition, _)| *partition);
        let unused = Unused::partitions(home, &self.group, topic.id, partitions)?;
        let _unused = unused.map_err(|partition| Error::InUse {
            group: self.group.clone(),
            partition: Some(TopicPartition::new(topic.name.clone(), partition)),
        })?;
        let now_ms = self.cluster.broker().clock().now_ms();
        let mut commits = Vec::with_capacity(to.len());
        for (partition, offset) in to {
            let reader = self.cluster.reader(topic, *partition)?;
            reader.make_durable(*offset, now_ms)?;
            commits.push((topic, *partition, offset.0, reader.leader_epoch_before(*offset)?));
        }
        // A job goes by what was committed in its name.
        let job = TopicName::new(&self.group).ok().map(|name| self.cluster.job(&name));
        let note = job.transpose()?.flatten().map(|job| job.note(None)).unwrap_or_default();
        self.offsets.commit_with(&commits, &note, now_ms)
    }

    /// Forgets the group. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::InUse`] where it has members; as the file system says.
    pub fn delete(&mut self) -> Result<()> {
        let unused = Unused::group(self.cluster.broker().home(), &self.group)?;
        let _unused =
            unused.ok_or_else(|| Error::InUse { group: self.group.clone(), partition: None })?;
        self.offsets.refresh()?;
        self.offsets.delete(self.cluster.broker().clock().now_ms())
    }
}
