//! Deleting topics.
//!
//! The entry in the catalog goes first: from then on the topic is gone, and what a crash leaves of
//! its directories is known for what it is. The next change of topics removes it.

use super::Broker;
use super::catalog::DeletedTopic;
use super::error::{Error, Result};
use super::home::{self, LOG_DIR};
use super::topics::read_topic_id;
use crate::log::checkpoint;
use crate::model::{TopicName, TopicPartition, Uuid};
use crate::storage::{self, LockKind, Wait};

/// What became of topics that were to be deleted.
#[derive(Debug)]
pub struct Deletions {
    /// Each topic: whether it is gone.
    pub topics: Vec<Result<()>>,
    /// Whether their files are; what is left of them is removed at the next change of topics.
    pub files: Result<()>,
}

impl Broker {
    /// Deletes a topic and all that is in it.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`]. After any other error the topic is gone, and the next change of
    /// topics removes what is left of its files.
    pub fn delete_topic(&self, name: &TopicName) -> Result<()> {
        let mut deletions = self.delete_topics(std::slice::from_ref(name))?;
        deletions.topics.remove(0)?;
        deletions.files
    }

    /// Deletes topics and all that is in them.
    ///
    /// # Errors
    /// As the file system says; then all of them are there still.
    pub fn delete_topics(&self, names: &[TopicName]) -> Result<Deletions> {
        let topics = self.home.with_room(|| self.forget_topics(names))?;
        let deleted: Vec<_> = names
            .iter()
            .zip(&topics)
            .filter(|(_, gone)| gone.is_ok())
            .map(|(name, _)| name)
            .collect();
        self.retire(&deleted);
        let files = self.finish_deletions();
        // Who had found a topic before it went may have opened its log in between.
        self.retire(&deleted);
        Ok(Deletions { topics, files })
    }

    /// Takes topics out of the catalog: whether each was there.
    fn forget_topics(&self, names: &[TopicName]) -> Result<Vec<Result<()>>> {
        let adopted: Vec<_> = names.iter().map(|name| self.topic_to_write(name)).collect();
        self.catalog.change(&self.home, |catalog| {
            let delete = |(name, found): (&TopicName, Result<_>)| {
                found?;
                let topic =
                    catalog.topics.remove(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
                let (id, partitions) = (topic.id, topic.partitions);
                catalog.deleting.push(DeletedTopic { name: name.clone(), id, partitions });
                Ok(())
            };
            Ok(names.iter().zip(adopted).map(delete).collect())
        })
    }

    /// Ends what this process does with the logs of deleted topics, and wakes who waits for them.
    fn retire(&self, names: &[&TopicName]) {
        let mut retired = Vec::new();
        self.logs().retain(|tp, opened| {
            let stays = !names.contains(&&tp.topic);
            if !stays {
                retired.push(std::sync::Arc::clone(&opened.log));
            }
            stays
        });
        for log in retired {
            log.retire();
        }
    }

    /// Removes what is left of deleted topics.
    pub(super) fn finish_deletions(&self) -> Result<()> {
        if self.catalog.read(&self.home)?.deleting.is_empty() {
            return Ok(());
        }
        self.home.with_room(|| self.remove_deleted())
    }

    fn remove_deleted(&self) -> Result<()> {
        self.catalog.change(&self.home, |catalog| {
            for deleted in &catalog.deleting {
                for partition in 0..deleted.partitions {
                    self.remove_partition(deleted, partition)?;
                }
            }
            self.storage().sync_dir(LOG_DIR)?;
            let names: Vec<_> = catalog.deleting.iter().map(|deleted| &deleted.name).collect();
            self.forget_checkpoints(&names)?;
            catalog.deleting.clear();
            Ok(())
        })
    }

    /// Takes topics out of the checkpoints, which know partitions by name: a topic made anew must
    /// not inherit what was true of another.
    pub(super) fn forget_checkpoints(&self, names: &[&TopicName]) -> Result<()> {
        let locks = self.home.require_write()?;
        let _lock = locks.acquire(home::CHECKPOINT_LOCK, LockKind::Exclusive, Wait::Yes)?;
        for file in
            [checkpoint::RECOVERY_POINTS, checkpoint::LOG_STARTS, checkpoint::CLEANER_OFFSETS]
        {
            let path = format!("{LOG_DIR}/{file}");
            let mut offsets = checkpoint::read_offsets(self.storage(), &path)?;
            let before = offsets.len();
            offsets.retain(|tp, _| !names.contains(&&tp.topic));
            if offsets.len() < before {
                checkpoint::write_offsets(self.storage(), &path, &offsets)?;
            }
        }
        Ok(())
    }

    /// Takes a partition's directory out of its name, so that no writer finds it any more, and
    /// then removes it.
    fn remove_partition(&self, deleted: &DeletedTopic, partition: i32) -> Result<()> {
        let storage = self.storage();
        let tp = TopicPartition::new(deleted.name.clone(), partition);
        let dir = home::partition_dir(&tp);
        let doomed = format!("{LOG_DIR}/{}", deleted_directory_name(&tp, deleted.id));
        let locks = self.home.require_write()?;
        let lock = home::partition_lock(deleted.id, partition);
        let _lock = locks.acquire(lock, LockKind::Exclusive, Wait::Yes)?;
        if read_topic_id(storage, &dir)? == Some(deleted.id) {
            storage.rename(&dir, &doomed)?;
        }
        for entry in storage::found(storage.list(&doomed))?.unwrap_or_default() {
            storage.remove_file(&format!("{doomed}/{}", entry.name))?;
        }
        storage::found(storage.remove_dir(&doomed))?;
        storage::found(storage.remove_file(&home::control_file(deleted.id, partition)))?;
        Ok(())
    }
}

/// The name that Kafka gives the directory of a deleted partition: it ends in the id and
/// `-delete`, and has at most 255 characters. Source: Kafka's `LocalLog.logDeleteDirName`.
fn deleted_directory_name(tp: &TopicPartition, id: Uuid) -> String {
    let suffix = format!("-{}.{}-delete", tp.partition, id.to_hex());
    let kept = tp.topic.len().min(255 - suffix.len());
    format!("{}{suffix}", &tp.topic[..kept])
}
