//! What there is in the partitions of a topic.

use super::Broker;
use super::error::{Error, Result};
use super::topics::TopicInfo;
use crate::model::Offset;

/// What there is in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionFacts {
    /// The partition.
    pub partition: i32,
    /// The first offset that can be read.
    pub log_start: Offset,
    /// The offset after the last.
    pub end: Offset,
    /// Bytes of its `.log` files.
    pub bytes: u64,
    /// How many segments it has.
    pub segments: usize,
}

impl Broker {
    /// What there is in each partition of a topic.
    ///
    /// # Errors
    /// As the file system says.
    pub fn describe(&self, topic: &TopicInfo) -> Result<Vec<PartitionFacts>> {
        (0..topic.partitions).map(|partition| self.describe_partition(topic, partition)).collect()
    }

    /// What there is in one.
    ///
    /// # Errors
    /// As the file system says.
    pub fn describe_partition(&self, topic: &TopicInfo, partition: i32) -> Result<PartitionFacts> {
        let log = self.log(topic, partition)?;
        let view = log.view().map_err(|error| Error::of_log("read", &log, error))?;
        let bytes = log.size_in_bytes(&view).map_err(|error| Error::of_log("read", &log, error))?;
        let (log_start, end, segments) = (view.log_start(), view.end(), view.segments().len());
        Ok(PartitionFacts { partition, log_start, end, bytes, segments })
    }
}
