//! What there is in the partitions of a topic.

use super::Broker;
use super::error::{Error, Result};
use super::home;
use super::topics::TopicInfo;
use crate::log::names;
use crate::model::Offset;
use crate::storage;

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
        let dir = home::partition_dir(log.partition());
        let mut bytes = view.end_position();
        let (_, finished) = view.segments().split_last().unwrap_or((&Offset::ZERO, &[]));
        for base in finished {
            let path = format!("{dir}/{}", names::segment_file(*base, names::LOG));
            bytes += storage::found(self.storage().metadata(&path))?.map_or(0, |file| file.len);
        }
        let (log_start, end, segments) = (view.log_start(), view.end(), view.segments().len());
        Ok(PartitionFacts { partition, log_start, end, bytes, segments })
    }
}
