//! A clean stop, as Kafka makes it: every log closed, recovery points written, and last of all the
//! file that says so.

use std::sync::Arc;

use super::Broker;
use super::error::{Error, Result};
use super::home::{self, KAFKA_CLEAN_SHUTDOWN, LOG_DIR};
use crate::log::{PartitionLog, checkpoint};
use crate::model::TopicPartition;
use crate::storage::{self, LockKind, Wait};

/// What Kafka writes there; it looks only whether the file is there. Source: `CleanShutdownFile`.
const CLEAN_SHUTDOWN: &[u8] = br#"{"version":0,"brokerEpoch":-1}"#;

impl Broker {
    /// Makes all durable and leaves the directory as a broker does that stops: only of a process
    /// that is alone in it. Nothing is to be appended from here on.
    ///
    /// Kafka's clean-shutdown file says that no log needs recovery. What a clean stop left and this
    /// process has not touched is so; of anything else every log is opened, made whole and closed.
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
        for log in self.logs_to_close()? {
            if let Err(error) = log.close(now_ms) {
                failed.get_or_insert_with(|| Error::of_log("close", &log, error));
            }
        }
        self.write_recovery_points()?;
        match failed {
            Some(error) => Err(error),
            None => {
                Ok(storage::replace_file(self.storage(), KAFKA_CLEAN_SHUTDOWN, CLEAN_SHUTDOWN)?)
            }
        }
    }

    fn logs_to_close(&self) -> Result<Vec<Arc<PartitionLog>>> {
        let mut logs = match self.home.was_clean() {
            true => self.open_logs(),
            false => self.all_logs()?,
        };
        let mut failed = Ok(());
        // A partition of Kafka's own topics that was never used has no files to close.
        logs.retain(|log| {
            self.has_directory(log.partition()).unwrap_or_else(|error| {
                failed = Err(error);
                false
            })
        });
        failed.map(|()| logs)
    }

    fn all_logs(&self) -> Result<Vec<Arc<PartitionLog>>> {
        let mut logs = Vec::new();
        for topic in self.all_topics()? {
            for partition in 0..topic.partitions {
                logs.push(self.log(&topic, partition)?);
            }
        }
        Ok(logs)
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
    fn every_log_is_closed_before_the_mark_is_set() {
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
        // What a crash of the machine may leave of a log that nobody opened since.
        let unused = dir.path().join("log/a-1/00000000000000000000.log");
        std::fs::write(&unused, b"no batch").expect("writes");
        first.close().expect("closes");
        assert!(is_marked());
        assert_eq!(unused.metadata().expect("is there").len(), 0, "it was made whole");
        drop(first);
        let second = open();
        assert!(!is_marked(), "who writes takes it away");
        second.close().expect("closes");
        assert!(is_marked(), "nothing was touched since");
    }
}
