//! Where groups are kept: the partitions of `__consumer_offsets`.

use std::sync::Arc;

use super::snapshot::{self, Snapshot};
use crate::broker::failures::Failures;
use crate::broker::{self, Broker, GroupCommit, InternalTopic, TopicInfo};
use crate::log::{self, PartitionLog, TransactionCheck, View};
use crate::model::{Compression, TopicName};
use crate::protocol::ErrorCode;
use crate::protocol::group_records::{GroupMetadataValue, GroupRecordKey, OffsetCommitValue};
use crate::record::{BatchBuilder, Headers, Record};

/// The topic of groups.
const OFFSETS_TOPIC: InternalTopic = InternalTopic::ConsumerOffsets;

/// The name of the topic.
pub(super) fn topic_name() -> broker::Result<TopicName> {
    Ok(TopicName::new(OFFSETS_TOPIC.name())?)
}

/// Records of one batch: a record has some hundred bytes, and two names at most.
pub(super) const BATCH_RECORDS: usize = 500;

/// What a batch says whose producer has no id.
const NO_PRODUCER: i64 = -1;
const NO_EPOCH: i16 = -1;
const NO_SEQUENCE: i32 = -1;

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
        self.broker.internal_topic_found(OFFSETS_TOPIC)
    }

    /// How many partitions the topic has, or will have once it is made.
    pub(super) fn partitions(&self) -> broker::Result<i32> {
        self.broker.internal_partitions(OFFSETS_TOPIC)
    }

    /// A partition to read, if its topic is there. Its directory may not be, then it is empty.
    pub(super) fn to_read(&self, partition: i32) -> broker::Result<Option<Arc<PartitionLog>>> {
        self.broker.internal_log_to_read(OFFSETS_TOPIC, partition)
    }

    /// A snapshot of a partition that is true of its log; a new one where this process may write.
    pub(super) fn snapshot(&self, log: &PartitionLog, view: &View) -> Option<Snapshot> {
        let (topic, home) = (self.found().ok().flatten()?, self.broker.home());
        match home.locks() {
            Some(_) => snapshot::renewed(&**home.storage(), topic.id, log, view),
            None => Snapshot::read(&**home.storage(), topic.id, log, view),
        }
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

    /// Appends the batch as one of a producer's transaction; gives the offset of its first record.
    pub(super) fn append_transactional(
        &mut self,
        store: &Store,
        log: &PartitionLog,
        (producer_id, producer_epoch): (i64, i16),
        check: TransactionCheck,
    ) -> log::Result<i64> {
        let max = bytes_max(log);
        let too_large = |size| log::Error::LargerThanSegment {
            size,
            max: u64::try_from(max).unwrap_or(u64::MAX),
        };
        // Offsets have no sequence: a commit that is sent again does no harm.
        self.builder.with_producer(producer_id, producer_epoch, NO_SEQUENCE, true);
        let built = self.builder.finish();
        let appended = match built {
            Ok(batch) if batch.len() <= max => {
                log.append_checked(batch, check, store.broker.clock().now_ms())
            }
            Ok(batch) => Err(too_large(batch.len())),
            Err(_) => Err(too_large(usize::MAX)),
        };
        self.builder.with_producer(NO_PRODUCER, NO_EPOCH, NO_SEQUENCE, false);
        if let Err(error @ log::Error::Storage(_)) = &appended {
            store.failures.note(error);
        }
        Ok(appended?.base_offset.0)
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
        let max = bytes_max(log);
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

/// Bytes that a batch may have.
fn bytes_max(log: &PartitionLog) -> usize {
    usize::try_from(log.config().max_message_bytes).unwrap_or(usize::MAX)
}
