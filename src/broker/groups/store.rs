//! Where groups are kept: the partitions of `__consumer_offsets`.

use std::sync::Arc;

use crate::broker::{self, Broker, GroupCommit, NewTopic, TopicInfo};
use crate::log::{self, PartitionLog};
use crate::model::{Compression, TopicName};
use crate::protocol::ErrorCode;
use crate::protocol::group_records::{GroupMetadataValue, GroupRecordKey, OffsetCommitValue};
use crate::record::{BatchBuilder, Headers, Record};

use super::config::GroupConfig;
use super::failures::Failures;

/// The topic of groups.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The partition that a group is kept in. Source: Kafka's `Utils.abs(groupId.hashCode) % n`.
pub(super) fn partition_of(group: &str, partitions: i32) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % partitions.max(1)
}

/// The topic, and what makes appends to it durable.
#[derive(Debug)]
pub(super) struct Store {
    /// The engine.
    pub(super) broker: Arc<Broker>,
    /// Makes appends durable; `None` where nothing has to be.
    pub(super) commit: Option<Arc<GroupCommit>>,
    /// What went wrong.
    pub(super) failures: Arc<Failures>,
    name: TopicName,
    new: NewTopic,
}

impl Store {
    /// The store of a directory.
    pub(super) fn new(
        broker: Arc<Broker>,
        commit: Option<Arc<GroupCommit>>,
        config: &GroupConfig,
    ) -> Self {
        let name = TopicName::new(OFFSETS_TOPIC).expect("it is a legal name");
        let configs = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("segment.bytes", config.offsets_topic_segment_bytes.to_string()),
        ];
        let new = NewTopic {
            name: name.clone(),
            partitions: config.offsets_topic_partitions,
            configs: configs.map(|(key, value)| (key.to_owned(), value)).into(),
        };
        Self { broker, commit, failures: Arc::default(), name, new }
    }

    fn found(&self) -> broker::Result<Option<TopicInfo>> {
        match self.broker.topic(&self.name) {
            Ok(topic) => Ok(Some(topic)),
            Err(broker::Error::NoSuchTopic(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many partitions the topic has, or will have once it is made.
    pub(super) fn partitions(&self) -> broker::Result<i32> {
        Ok(self.found()?.map_or(self.new.partitions, |topic| topic.partitions))
    }

    /// A partition to read, if it is there.
    pub(super) fn to_read(&self, partition: i32) -> broker::Result<Option<Arc<PartitionLog>>> {
        let Some(topic) = self.found()?.filter(|topic| partition < topic.partitions) else {
            return Ok(None);
        };
        self.broker.log(&topic, partition).map(Some)
    }

    /// A partition to append to.
    pub(super) fn to_write(&self, partition: i32) -> broker::Result<Arc<PartitionLog>> {
        let topic = match self.broker.topic_to_write(&self.name) {
            Err(broker::Error::NoSuchTopic(_)) => match self.broker.create_topic(&self.new) {
                // Somebody else was quicker.
                Err(broker::Error::TopicExists(_)) => self.broker.topic_to_write(&self.name)?,
                topic => topic?,
            },
            topic => topic?,
        };
        self.broker.log(&topic, partition)
    }
}

/// Why records were not appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteError {
    /// They are more than a batch may be.
    TooLarge,
    /// The log said no.
    Failed,
}

impl WriteError {
    /// What a member is told; Kafka says the same where its storage fails.
    pub(super) const fn code(self) -> ErrorCode {
        match self {
            Self::TooLarge => ErrorCode::InvalidCommitOffsetSize,
            Self::Failed => ErrorCode::NotCoordinator,
        }
    }
}

/// The records of one append, in buffers that are used again for the next.
#[derive(Debug)]
pub(super) struct RecordBatch {
    builder: BatchBuilder,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Default for RecordBatch {
    fn default() -> Self {
        let builder = BatchBuilder::new(Compression::None, None);
        Self { builder, key: Vec::new(), value: Vec::new() }
    }
}

impl RecordBatch {
    /// Begins a batch.
    pub(super) fn clear(&mut self) {
        self.builder.clear();
    }

    /// Adds a committed offset.
    pub(super) fn offset(&mut self, key: &GroupRecordKey<'_>, value: &OffsetCommitValue<'_>) {
        self.value.clear();
        value.write(&mut self.value);
        self.push(key, true, value.commit_timestamp);
    }

    /// Adds a group.
    pub(super) fn group(&mut self, group: &str, value: &GroupMetadataValue, now_ms: i64) {
        self.value.clear();
        value.write(&mut self.value);
        self.push(&GroupRecordKey::Group { group }, true, now_ms);
    }

    /// Adds a tombstone.
    pub(super) fn tombstone(&mut self, key: &GroupRecordKey<'_>, now_ms: i64) {
        self.push(key, false, now_ms);
    }

    fn push(&mut self, key: &GroupRecordKey<'_>, has_value: bool, timestamp: i64) {
        self.key.clear();
        key.write(&mut self.key);
        let value = has_value.then_some(&*self.value);
        let (key, headers) = (Some(&*self.key), Headers::NONE);
        self.builder.push(&Record { offset: 0, timestamp, key, value, headers });
    }

    /// Appends the batch; gives the offset of its first record.
    pub(super) fn append(&mut self, store: &Store, log: &PartitionLog) -> Result<i64, WriteError> {
        let max = usize::try_from(log.config().max_message_bytes).unwrap_or(usize::MAX);
        let batch = self.builder.finish().map_err(|_| WriteError::TooLarge)?;
        if batch.len() > max {
            return Err(WriteError::TooLarge);
        }
        match store.broker.append(log, batch) {
            Ok(appended) => Ok(appended.base_offset.0),
            Err(broker::Error::Log { source: log::Error::LargerThanSegment { .. }, .. }) => {
                Err(WriteError::TooLarge)
            }
            Err(error) => {
                store.failures.note(&error);
                Err(WriteError::Failed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::partition_of;

    /// Java's `"...".hashCode()`.
    #[test]
    fn groups_are_where_kafka_looks_for_them() {
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("g1", 50), 3242 % 50);
        assert_eq!(partition_of("polygenelubricants", 50), 0, "its hash is the smallest integer");
        assert_eq!(partition_of("é\u{1f600}", i32::MAX), (0xe9 * 31 + 0xd83d) * 31 + 0xde00);
    }
}
