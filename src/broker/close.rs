//! A clean stop, as Kafka makes it: every log closed, recovery points written, and last of all the
//! file that says so.

use std::collections::HashSet;

use super::Broker;
use super::error::{Error, Result};
use super::home::{self, KAFKA_CLEAN_SHUTDOWN, LOG_DIR};
use crate::log::checkpoint;
use crate::model::TopicPartition;
use crate::storage::{self, LockKind, Wait};

/// What Kafka writes there; it looks only whether the file is there. Source: `CleanShutdownFile`.
const CLEAN_SHUTDOWN: &[u8] = br#"{"version":0,"brokerEpoch":-1}"#;

impl Broker {
    /// Makes all durable and leaves the directory as a broker does that stops: only of a process
    /// that is alone in it. Nothing is to be appended from here on.
    ///
    /// Kafka's clean-shutdown file is written only if no log can be in need of recovery: each was
    /// closed here, or was left so by a clean stop before this process and not touched since.
    ///
    /// # Errors
    /// The first log that could not be closed; the others were.
    pub fn close(&self) -> Result<()> {
        if !self.home.is_exclusive() {
            return Err(Error::ReadOnly(self.storage().display("")));
        }
        let now_ms = self.clock.now_ms();
        self.recovery_points.begin();
        let mut failed = None;
        let logs = self.open_logs();
        for log in &logs {
            // A partition of Kafka's own topics that was only looked at has no files to close.
            let is_used = self.has_directory(log.partition())?;
            if let Err(error) = if is_used { log.close(now_ms) } else { Ok(()) } {
                failed.get_or_insert_with(|| Error::of_log("close", log, error));
            }
        }
        self.write_recovery_points()?;
        if let Some(error) = failed {
            return Err(error);
        }
        let closed: HashSet<_> = logs.iter().map(|log| log.partition().clone()).collect();
        if self.home.was_clean() || self.are_all(&closed)? {
            let file = storage::replace_file(self.storage(), KAFKA_CLEAN_SHUTDOWN, CLEAN_SHUTDOWN);
            file?;
        }
        Ok(())
    }

    fn write_recovery_points(&self) -> Result<()> {
        let gathered = self.recovery_points.end();
        if gathered.is_empty() {
            return Ok(());
        }
        let locks = self.home.require_write()?;
        let _lock = locks.acquire(home::CHECKPOINT_LOCK, LockKind::Exclusive, Wait::Yes)?;
        let path = format!("{LOG_DIR}/{}", checkpoint::RECOVERY_POINTS);
        let mut offsets = checkpoint::read_offsets(self.storage(), &path)?;
        offsets.extend(gathered);
        Ok(checkpoint::write_offsets(self.storage(), &path, &offsets)?)
    }

    /// Whether these are all the partitions that have files.
    fn are_all(&self, closed: &HashSet<TopicPartition>) -> Result<bool> {
        for topic in self.all_topics()? {
            for partition in 0..topic.partitions {
                let partition = TopicPartition::new(topic.name.clone(), partition);
                if !closed.contains(&partition) && self.has_directory(&partition)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn has_directory(&self, partition: &TopicPartition) -> Result<bool> {
        let dir = home::partition_dir(partition);
        Ok(storage::found(self.storage().metadata(&dir))?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::broker::{Access, Home, NewTopic};
    use crate::clock::SystemClock;

    #[test]
    fn the_mark_of_a_clean_stop_is_set_only_where_all_is_clean() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = || {
            let home = Home::open_path(dir.path(), Access::Serve, true, "test").expect("opens");
            Broker::new(home, Arc::new(SystemClock))
        };
        let is_marked = || dir.path().join(KAFKA_CLEAN_SHUTDOWN).exists();
        let first = open();
        let name = "a".parse().expect("a name");
        let new = NewTopic { name, partitions: 2, configs: BTreeMap::new() };
        let topic = first.create_topic(&new).expect("is made");
        first.log(&topic, 0).expect("opens").open_to_append(0).expect("opens");
        first.close().expect("closes");
        assert!(!is_marked(), "the other partition may need recovery, for all that is known");
        drop(first);
        let second = open();
        for partition in 0..2 {
            second.log(&topic, partition).expect("opens").open_to_append(0).expect("opens");
        }
        second.close().expect("closes");
        assert!(is_marked());
        drop(second);
        let third = open();
        assert!(!is_marked(), "who writes takes it away");
        third.close().expect("closes");
        assert!(is_marked(), "nothing was touched since");
    }
}
