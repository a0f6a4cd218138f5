//! The offsets that a group has committed.

use std::collections::BTreeMap;

use crate::model::Uuid;
use crate::protocol::group_records::OffsetCommitValue;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Committed {
    /// The offset of the next record to read.
    pub(super) offset: i64,
    /// The leader epoch of the last record that was read, -1 if not known.
    pub(super) leader_epoch: i32,
    /// What the member wants to be told with it.
    pub(super) metadata: Box<str>,
    /// When it was committed.
    pub(super) commit_ms: i64,
    /// When it is to be forgotten; -1 when the broker's rules say so.
    pub(super) expire_ms: i64,
    /// The topic's id; zero if not known.
    pub(super) topic_id: Uuid,
    /// Where in the log its record is.
    pub(super) record_offset: i64,
}

impl Committed {
    /// What a record says.
    pub(super) fn of(value: &OffsetCommitValue<'_>, record_offset: i64) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: value.leader_epoch,
            metadata: value.metadata.into(),
            commit_ms: value.commit_timestamp,
            expire_ms: value.expire_timestamp,
            topic_id: value.topic_id,
            record_offset,
        }
    }

    /// Whether it was committed for another topic of the same name.
    pub(super) fn is_of_another(&self, topic_id: Uuid) -> bool {
        let unknown = Uuid::default();
        self.topic_id != unknown && topic_id != unknown && self.topic_id != topic_id
    }
}

/// The offsets of a group, by topic and partition.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    topics: BTreeMap<Box<str>, BTreeMap<i32, Committed>>,
}

impl Offsets {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// That of a partition.
    pub(super) fn get(&self, topic: &str, partition: i32) -> Option<&Committed> {
        self.topics.get(topic)?.get(&partition)
    }

    /// Keeps one. Only a topic that is new to the group costs a name.
    pub(super) fn insert(&mut self, topic: &str, partition: i32, committed: Committed) {
        match self.topics.get_mut(topic) {
            Some(partitions) => {
                partitions.insert(partition, committed);
            }
            None => {
                self.topics.insert(topic.into(), BTreeMap::from([(partition, committed)]));
            }
        }
    }

    /// Takes those of another, but for what is older than what is here.
    pub(super) fn extend_newer(&mut self, other: Self) {
        for (topic, partitions) in other.topics {
            for (partition, committed) in partitions {
                let newer = |it: &Committed| it.record_offset > committed.record_offset;
                if !self.get(&topic, partition).is_some_and(newer) {
                    self.insert(&topic, partition, committed);
                }
            }
        }
    }

    /// Forgets that of a partition.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.topics.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// All of them.
    pub(super) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeMap<i32, Committed>)> {
        self.topics.iter().map(|(topic, partitions)| (&**topic, partitions))
    }

    /// The partitions that a condition holds for.
    pub(super) fn matching(
        &self,
        condition: impl Fn(&str, &Committed) -> bool,
    ) -> Vec<(String, i32)> {
        let all = self.topics().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, committed)| (topic, *partition, committed))
        });
        all.filter(|(topic, _, committed)| condition(topic, committed))
            .map(|(topic, partition, _)| (topic.to_owned(), partition))
            .collect()
    }
}
