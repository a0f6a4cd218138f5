//! Kafka's own topics. They are in the catalog with all their partitions from their first use on;
//! a partition's directory is made on its own first use. One without a directory is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::catalog::Topic;
use super::error::{Error, Result};
use super::home::partition_dir;
use super::topics::{TopicInfo, random_id};
use crate::log::{PartitionLog, list_segments};
use crate::model::config::BrokerConfig;
use crate::model::{TopicName, TopicPartition};
use crate::storage;

/// A topic in which Kafka itself keeps records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InternalTopic {
    /// `__consumer_offsets`: groups and their committed offsets.
    ConsumerOffsets,
    /// `__transaction_state`: transactional ids.
    TransactionState,
}

impl InternalTopic {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsumerOffsets => "__consumer_offsets",
            Self::TransactionState => "__transaction_state",
        }
    }

    const fn partitions(self, config: &BrokerConfig) -> i32 {
        match self {
            Self::ConsumerOffsets => config.offsets_topic_num_partitions,
            Self::TransactionState => config.transaction_state_log_num_partitions,
        }
    }

    /// Source: Kafka's `OffsetConfig`, `TransactionStateManager.transactionStateTopicConfigs`.
    fn configs(self, config: &BrokerConfig) -> BTreeMap<String, String> {
        let (compression, segment_bytes) = match self {
            Self::ConsumerOffsets => ("producer", config.offsets_topic_segment_bytes),
            Self::TransactionState => ("uncompressed", config.transaction_state_log_segment_bytes),
        };
        let configs = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", compression.to_owned()),
            ("segment.bytes", segment_bytes.to_string()),
        ];
        configs.map(|(key, value)| (key.to_owned(), value)).into()
    }
}

/// The partition that an id is kept in. Source: Kafka's `Utils.abs(id.hashCode) % n`.
pub(super) fn partition_of(id: &str, partitions: i32) -> i32 {
    let hash = id
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % partitions.max(1)
}

impl Broker {
    /// One of Kafka's own topics, if it is there.
    pub(super) fn internal_topic_found(&self, topic: InternalTopic) -> Result<Option<TopicInfo>> {
        match self.topic(&TopicName::new(topic.name())?) {
            Ok(topic) => Ok(Some(topic)),
            Err(Error::NoSuchTopic(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many partitions one of Kafka's own topics has, or will have once it is made.
    ///
    /// # Errors
    /// As the file system says.
    pub fn internal_partitions(&self, topic: InternalTopic) -> Result<i32> {
        let found = self.internal_topic_found(topic)?;
        Ok(found.map_or_else(|| topic.partitions(&self.config()), |found| found.partitions))
    }

    /// A partition of one of them to read, if it is there. Its directory may not be, then it
    /// is empty.
    ///
    /// # Errors
    /// As [`Broker::log`] says.
    pub fn internal_log_to_read(
        &self,
        topic: InternalTopic,
        partition: i32,
    ) -> Result<Option<Arc<PartitionLog>>> {
        let found = self.internal_topic_found(topic)?;
        let found = found.filter(|found| partition < found.partitions);
        found.map(|found| self.log(&found, partition)).transpose()
    }

    /// One of Kafka's own topics, which is entered in the catalog if it is not there yet.
    ///
    /// # Errors
    /// As the file system says.
    pub fn internal_topic(&self, topic: InternalTopic) -> Result<Arc<TopicInfo>> {
        if let Some(found) = self.topic_named(topic.name())? {
            return Ok(found);
        }
        let name = TopicName::new(topic.name())?;
        self.adopt_topics()?;
        let config = self.config();
        self.catalog.change(&self.home, |catalog| {
            if !catalog.topics.contains_key(&name) {
                let (partitions, configs) = (topic.partitions(&config), topic.configs(&config));
                let new = Topic::new(random_id()?, partitions, configs);
                self.forget_checkpoints(&[&name])?;
                catalog.topics.insert(name.clone(), new);
            }
            Ok(())
        })?;
        self.topic(&name).map(Arc::new)
    }

    /// The log of a partition of one of them, with its directory.
    ///
    /// # Errors
    /// [`super::Error::NoSuchPartition`], and as the file system says.
    pub fn internal_log(&self, topic: InternalTopic, partition: i32) -> Result<Arc<PartitionLog>> {
        let topic = self.internal_topic(topic)?;
        topic.require_partition(partition)?;
        let dir = partition_dir(&TopicPartition::new(topic.name.clone(), partition));
        // One without segments is not wholly made: whoever began it died.
        let segments = storage::found(list_segments(self.storage(), &dir))?;
        if segments.is_none_or(|segments| segments.is_empty()) {
            self.catalog.change(&self.home, |_| self.make_one(&topic, partition))?;
        }
        self.log(&topic, partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::{Access, Home};
    use crate::clock::SystemClock;

    /// Java's `"...".hashCode()`.
    #[test]
    fn ids_are_where_kafka_looks_for_them() {
        assert_eq!(partition_of("", 50), 0);
        assert_eq!(partition_of("g1", 50), 3242 % 50);
        assert_eq!(partition_of("polygenelubricants", 50), 0, "its hash is the smallest integer");
        assert_eq!(partition_of("é\u{1f600}", i32::MAX), (0xe9 * 31 + 0xd83d) * 31 + 0xde00);
    }

    /// Who makes a partition may be killed between any two files of it.
    #[test]
    fn what_was_half_made_is_made_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let broker = Broker::new(home, Arc::new(SystemClock));
        let topic = broker.internal_topic(InternalTopic::TransactionState).expect("is entered");
        let half = dir.path().join("log/__transaction_state-3");
        std::fs::create_dir(&half).expect("is made");
        for file in ["partition.metadata", "leader-epoch-checkpoint"] {
            std::fs::write(half.join(file), "").expect("is written");
        }
        broker.internal_log(InternalTopic::TransactionState, 3).expect("is made");
        let text = |file| std::fs::read_to_string(half.join(file)).expect("is there");
        assert_eq!(text("leader-epoch-checkpoint"), "0\n1\n0 0\n");
        assert_eq!(text("partition.metadata"), format!("version: 0\ntopic_id: {}", topic.id));
    }

    #[test]
    fn partitions_are_there_before_their_directories() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = |access| {
            let home = Home::open_path(dir.path(), access, true, "test").expect("opens");
            Broker::new(home, Arc::new(SystemClock))
        };
        let server = open(Access::Serve);
        let topic = server.internal_topic(InternalTopic::ConsumerOffsets).expect("is entered");
        assert_eq!((topic.partitions, topic.config.cleanup_policy.compact), (50, true));
        let read = |broker: &Broker| {
            let facts = broker.describe(&topic).expect("describes");
            (facts.len(), facts.iter().map(|facts| facts.segments).sum::<usize>())
        };
        assert_eq!(read(&server), (50, 0));
        let log = server.internal_log(InternalTopic::ConsumerOffsets, 7).expect("is made");
        log.open_to_append(0).expect("may be written");
        assert_eq!(read(&server), (50, 1));
        assert_eq!(read(&open(Access::Read)), (50, 1));
        let logs = dir.path().join("log");
        let directories = std::fs::read_dir(logs).expect("lists").flatten();
        let made = directories.filter(|entry| entry.path().is_dir()).count();
        assert_eq!(made, 1);
        server.close().expect("closes");
    }
}
