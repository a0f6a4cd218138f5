//! Retention over partitions: what is due, and the deed; and records deleted because somebody says so.

use std::sync::Arc;

use super::Broker;
use super::error::{Error, Result};
use super::topics::TopicInfo;
use crate::log::{PartitionLog, Retained};
use crate::model::{Offset, TopicName, TopicPartition};

/// Which partitions retention is to look at, and what to do there.
#[derive(Debug, Clone, Copy, Default)]
pub struct RetentionRound<'a> {
    /// Those of this topic alone.
    pub only: Option<&'a TopicName>,
    /// Only say what is due.
    pub dry_run: bool,
}

impl Broker {
    /// What retention would take out of a partition.
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`]; as [`PartitionLog::retention_due`] says, with the partition's name.
    pub fn retention_due(&self, topic: &TopicInfo, partition: i32) -> Result<Retained> {
        let log = self.log_to_look_at(topic, partition)?;
        let due = log.retention_due(self.clock.now_ms());
        due.map_err(|error| Error::of_log("look at", &log, error))
    }

    /// Takes out of a partition what its retention says, durably.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::NoSuchPartition`]; as [`PartitionLog::retain`] says, with the
    /// partition's name.
    pub fn retain(&self, topic: &TopicInfo, partition: i32) -> Result<Retained> {
        self.home.require_write()?;
        let due = self.retention_due(topic, partition)?;
        if due.is_nothing() {
            return Ok(due);
        }
        let log = self.log(topic, partition)?;
        self.home.with_room(|| {
            let retained = log.retain(self.clock.now_ms());
            retained.map_err(|error| Error::of_log("remove old segments of", &log, error))
        })
    }

    /// Goes over the partitions of the catalog's topics, until `stop` says so. `each` is told of
    /// those where something was, or is, due and of those that failed; the others go on. Topics
    /// that the catalog does not have keep all of their records.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`] for the one that is named; as [`Broker::all_topics`] says.
    pub fn retention_round(
        &self,
        round: RetentionRound<'_>,
        stop: &dyn Fn() -> bool,
        each: &mut dyn FnMut(TopicPartition, Result<Retained>),
    ) -> Result<()> {
        let topics = match round.only {
            None => self.all_topics()?,
            Some(name) => match self.topic_named(name)? {
                Some(topic) => vec![topic],
                None => return self.topic(name).map(drop),
            },
        };
        for topic in topics {
            for partition in 0..topic.partitions {
                if stop() {
                    return Ok(());
                }
                let result = match round.dry_run {
                    true => self.retention_due(&topic, partition),
                    false => self.retain(&topic, partition),
                };
                match result {
                    Ok(retained) if retained.is_nothing() => {}
                    // It was deleted since the topics were listed.
                    Err(error) if error.is_gone() && !self.is_still(&topic)? => break,
                    result => each(TopicPartition::new(topic.name.clone(), partition), result),
                }
            }
        }
        Ok(())
    }

    /// Refuses topics of which nobody deletes records by offset: Kafka's own, and those that are
    /// only compacted. Source: KIP-107.
    ///
    /// # Errors
    /// [`Error::KeepsRecords`].
    pub fn require_deletable(&self, topic: &TopicInfo) -> Result<()> {
        let policy = topic.config.cleanup_policy;
        let why = if topic.name.is_internal() {
            "it is Kafka's own"
        } else if policy.compact && !policy.delete {
            "its cleanup.policy is compact alone"
        } else {
            return Ok(());
        };
        Err(Error::KeepsRecords { topic: topic.name.clone(), why })
    }

    /// Deletes all records of a partition below an offset, durably; gives the log start as it is
    /// then.
    ///
    /// # Errors
    /// [`Error::KeepsRecords`], [`Error::NoSuchPartition`], [`Error::ReadOnly`]; as
    /// [`PartitionLog::delete_records`] says, with the partition's name.
    pub fn delete_records(
        &self,
        topic: &TopicInfo,
        partition: i32,
        before: Offset,
    ) -> Result<Offset> {
        self.home.require_write()?;
        self.require_deletable(topic)?;
        let log = self.log(topic, partition)?;
        self.home.with_room(|| {
            let start = log.delete_records(before, self.clock.now_ms());
            start.map_err(|error| Error::of_log("delete records of", &log, error))
        })
    }

    /// The log of a partition to be looked at once. A clean stop closes every log that is kept, so
    /// one that nobody uses is not kept for a look, unless all are to be closed anyway.
    pub(super) fn log_to_look_at(
        &self,
        topic: &TopicInfo,
        partition: i32,
    ) -> Result<Arc<PartitionLog>> {
        let tp = TopicPartition::new(topic.name.clone(), partition);
        let is_open = self.logs().get(&tp).is_some_and(|opened| opened.topic == topic.id);
        if is_open || !self.home.was_clean() {
            return self.log(topic, partition);
        }
        topic.require_partition(partition)?;
        Ok(Arc::new(PartitionLog::new(self.place(topic, tp), Arc::clone(&topic.config))))
    }

    pub(super) fn is_still(&self, topic: &TopicInfo) -> Result<bool> {
        Ok(self.topic_named(&topic.name)?.is_some_and(|now| now.id == topic.id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::broker::{Access, Home, NewTopic};
    use crate::clock::{Clock, SystemClock};
    use crate::record::{BatchBuilder, Compression, Headers, Record};

    fn open(dir: &Path, access: Access) -> Broker {
        let home = Home::open_path(dir, access, true, "test").expect("opens");
        Broker::new(home, Arc::new(SystemClock))
    }

    /// A topic with a record of an hour ago in each of its partitions.
    fn fill(broker: &Broker, name: &str, retention_ms: &str) {
        let configs = BTreeMap::from([("retention.ms".to_owned(), retention_ms.to_owned())]);
        let new = NewTopic { name: name.parse().expect("a name"), partitions: 3, configs };
        let topic = broker.create_topic(&new).expect("is made");
        for partition in 0..topic.partitions {
            let mut builder = BatchBuilder::new(Compression::None, None);
            let timestamp = SystemClock.now_ms() - 3_600_000;
            let headers = Headers::NONE;
            builder.push(&Record { offset: 0, timestamp, key: None, value: None, headers });
            let log = broker.log(&topic, partition).expect("opens");
            broker.append(&log, builder.finish().expect("a record")).expect("appends");
        }
    }

    fn round(broker: &Broker) -> Vec<(String, Option<i64>)> {
        let mut told = Vec::new();
        let mut tell = |partition: TopicPartition, result: Result<Retained>| {
            told.push((partition.to_string(), result.ok().map(|retained| retained.to.0)));
        };
        let round = RetentionRound::default();
        broker.retention_round(round, &|| false, &mut tell).expect("goes round");
        told
    }

    #[test]
    fn a_round_that_finds_nothing_keeps_nothing_open() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let first = open(dir.path(), Access::Serve);
        fill(&first, "old", "1000");
        fill(&first, "young", "86400000");
        first.close().expect("closes");
        drop(first);
        let second = open(dir.path(), Access::Serve);
        let expected: Vec<_> = (0..3).map(|number| (format!("old-{number}"), Some(1))).collect();
        assert_eq!(round(&second), expected);
        let mut kept: Vec<_> =
            second.open_logs().iter().map(|log| log.partition().to_string()).collect();
        kept.sort();
        assert_eq!(kept, ["old-0", "old-1", "old-2"], "where something went");
        assert!(round(&second).is_empty());
    }

    #[test]
    fn one_that_fails_is_told_of_and_the_others_go_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let broker = open(dir.path(), Access::Write);
        fill(&broker, "old", "1000");
        drop(broker);
        let broken = dir.path().join("log/old-1/00000000000000000000.log");
        std::fs::remove_file(&broken).expect("removes");
        std::fs::create_dir(&broken).expect("makes a directory");
        let broker = open(dir.path(), Access::Write);
        let expected = [("old-0", Some(1)), ("old-1", None), ("old-2", Some(1))]
            .map(|(n, to)| (n.to_owned(), to));
        assert_eq!(round(&broker), expected);
        let mut told = 0;
        broker
            .retention_round(RetentionRound::default(), &|| true, &mut |_, _| told += 1)
            .expect("goes round");
        assert_eq!(told, 0, "a round that is to stop stops");
    }
}
