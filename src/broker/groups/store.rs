//! Where groups are kept: the partitions of `__consumer_offsets`.

use std::sync::Arc;

use crate::broker::{self, Broker, GroupCommit, InternalTopic, TopicInfo};
use crate::log::{self, PartitionLog, View};
use crate::model::{Compression, TopicName};
use crate::protocol::ErrorCode;
use crate::protocol::group_records::{GroupMetadataValue, GroupRecordKey, OffsetCommitValue};
use crate::record::{BatchBuilder, Headers, Record};

use super::failures::Failures;
use super::snapshot::Snapshot;

/// The topic of groups.
const OFFSETS_TOPIC: InternalTopic = InternalTopic::ConsumerOffsets;

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
}

impl Store {
    /// The store of a directory.
    pub(super) fn new(broker: Arc<Broker>, commit: Option<Arc<GroupCommit>>) -> Self {
        Self { broker, commit, failures: Arc::default() }
    }

    /// The topic, if it is there.
    pub(super) fn found(&self) -> broker::Result<Option<TopicInfo>> {
        let name = TopicName::new(OFFSETS_TOPIC.name())?;
        match self.broker.topic(&name) {
            Ok(topic) => Ok(Some(topic)),
            Err(broker::Error::NoSuchTopic(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many partitions the topic has, or will have once it is made.
    pub(super) fn partitions(&self) -> broker::Result<i32> {
        let to_be = self.broker.config().offsets_topic_num_partitions;
        Ok(self.found()?.map_or(to_be, |topic| topic.partitions))
    }

    /// A partition to read, if its topic is there. Its directory may not be, then it is empty.
    pub(super) fn to_read(&self, partition: i32) -> broker::Result<Option<Arc<PartitionLog>>> {
        let Some(topic) = self.found()?.filter(|topic| partition < topic.partitions) else {
            return Ok(None);
        };
        self.broker.log(&topic, partition).map(Some)
    }

    /// A snapshot of a partition that is true of its log.
    pub(super) fn snapshot(&self, log: &PartitionLog, view: &View) -> Option<Snapshot> {
        let topic = self.found().ok().flatten()?;
        Snapshot::read(&**self.broker.home().storage(), topic.id, log, view)
    }

    /// A partition to append to.
    pub(super) fn to_write(&self, partition: i32) -> broker::Result<Arc<PartitionLog>> {
        self.broker.internal_log(OFFSETS_TOPIC, partition)
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

    /// Adds a tombstone of a key as it was read.
    pub(super) fn raw_tombstone(&mut self, key: &[u8], timestamp: i64) {
        let (key, headers) = (Some(key), Headers::NONE);
        self.builder.push(&Record { offset: 0, timestamp, key, value: None, headers });
    }

    /// Appends the batch for a command; gives the offset of its first record. Its caller keeps it
    /// far smaller than any batch may be.
    pub(super) fn append_plainly(
        &mut self,
        broker: &Broker,
        log: &PartitionLog,
    ) -> broker::Result<i64> {
        let failed = |error| {
            let source = std::io::Error::other(error);
            crate::storage::Error::new("make a batch for", log.partition(), source)
        };
        let batch = self.builder.finish().map_err(failed)?;
        Ok(broker.append(log, batch)?.base_offset.0)
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
