//! Making topics of a backup.
//!
//! In the order in which it is durable: the topics are entered as deleted ones, so that whatever is
//! left of their directories is known for what it is; the directories; the checkpoints; what groups
//! have committed; and last, in one step, the topics themselves, and the jobs: their state is made anew of the topics.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::read::{BackupContents, Take, read};
use super::{BackupHead, BackupJob, Commit, PartitionHead, commits};
use crate::broker::catalog::{DeletedTopic, Topic};
use crate::broker::error::{Error, Result};
use crate::broker::home::{self, LOG_DIR};
use crate::broker::{Broker, Job, NewTopic, TopicInfo};
use crate::log::epochs::LeaderEpochs;
use crate::log::{Import, checkpoint, names};
use crate::model::{Offset, TopicName, TopicPartition};
use crate::record::Batch;
use crate::storage::{self, LockKind, Wait};

/// What is to be restored.
#[derive(Debug, Clone, Copy)]
pub struct Restoring<'a> {
    /// These topics; all of the backup where none is named.
    pub only: &'a [TopicName],
    /// What an error calls the file.
    pub name: &'a str,
}

impl Broker {
    /// Makes the topics of a backup, in a directory that this process has alone. They are there, with
    /// all that is theirs and durable, when this returns; after an error none is. `progress` is told
    /// how many bytes of the backup are done.
    ///
    /// # Errors
    /// [`Error::TopicExists`] and others of [`Broker::create_topic`], before anything is written;
    /// [`Error::NoSuchTopic`] of one that the backup has not; [`Error::Backup`] where it is damaged.
    pub fn restore(
        self: &Arc<Self>,
        input: &mut dyn Read,
        restoring: Restoring<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BackupContents> {
        if !self.home.is_exclusive() {
            return Err(Error::ReadOnly(self.storage().display("")));
        }
        self.finish_deletions()?;
        let mut restore = Restore {
            broker: self,
            only: restoring.only,
            topics: BTreeMap::new(),
            jobs: Vec::new(),
            entered: false,
            open: None,
            ends: checkpoint::Offsets::new(),
            starts: checkpoint::Offsets::new(),
            commits: Vec::new(),
            last_producer: -1,
        };
        let contents = read(input, restoring.name, &mut restore, progress)
            .and_then(|contents| restore.finish().map(|()| contents));
        if contents.is_err() && restore.entered {
            // What can't be removed now the next change of topics removes.
            let _ = self.finish_deletions();
        }
        contents
    }
}

/// A restore under way.
struct Restore<'b> {
    broker: &'b Arc<Broker>,
    only: &'b [TopicName],
    /// The topics as they are to be.
    topics: BTreeMap<TopicName, TopicInfo>,
    jobs: Vec<BackupJob>,
    /// The catalog knows of them.
    entered: bool,
    /// The partition that is being written; `None` in it is passed over.
    open: Option<(PartitionHead, Option<Import>)>,
    ends: checkpoint::Offsets,
    starts: checkpoint::Offsets,
    commits: Vec<Commit>,
    last_producer: i64,
}

impl Restore<'_> {
    fn is_wanted(&self, topic: &TopicName) -> bool {
        self.only.is_empty() || self.only.contains(topic)
    }

    /// Refuses jobs whose names are taken.
    fn check_jobs(&self, jobs: &[BackupJob]) -> Result<()> {
        let (topics, known) = (self.broker.topics()?, self.broker.jobs()?);
        for BackupJob { name, .. } in jobs {
            if topics.contains_key(name) || self.topics.contains_key(name) {
                return Err(Error::TopicExists(name.clone()));
            }
            if known.contains_key(name) {
                return Err(Error::JobExists(name.clone()));
            }
        }
        Ok(())
    }

    /// Makes what was written a part of the directory.
    fn finish(&mut self) -> Result<()> {
        let broker = self.broker;
        broker.storage().sync_dir(LOG_DIR)?;
        self.write_checkpoints()?;
        if self.last_producer >= 0 {
            broker.producer_id_in_use(self.last_producer)?;
        }
        commits::write(broker, &self.commits, &self.topics)?;
        broker.catalog.change(&broker.home, |catalog| {
            for (name, topic) in &self.topics {
                catalog.deleting.retain(|deleted| deleted.id != topic.id);
                let configs = topic.overrides.clone();
                catalog
                    .topics
                    .insert(name.clone(), Topic::new(topic.id, topic.partitions, configs));
            }
            for BackupJob { name, id, created_ms, definition } in std::mem::take(&mut self.jobs) {
                catalog.jobs.insert(name, Job::new(id, created_ms, definition));
            }
            Ok(())
        })
    }

    fn write_checkpoints(&self) -> Result<()> {
        let broker = self.broker;
        let locks = broker.home.require_write()?;
        let _lock = locks.acquire(home::CHECKPOINT_LOCK, LockKind::Exclusive, Wait::Yes)?;
        for (file, offsets) in
            [(checkpoint::RECOVERY_POINTS, &self.ends), (checkpoint::LOG_STARTS, &self.starts)]
        {
            let path = format!("{LOG_DIR}/{file}");
            let mut all = checkpoint::read_offsets(broker.storage(), &path)?;
            all.extend(offsets.iter().map(|(partition, offset)| (partition.clone(), *offset)));
            checkpoint::write_offsets(broker.storage(), &path, &all)?;
        }
        Ok(())
    }
}

impl Take for Restore<'_> {
    fn head(&mut self, head: &BackupHead) -> Result<()> {
        let broker = self.broker;
        if let Some(missing) =
            self.only.iter().find(|name| head.topics.iter().all(|topic| topic.name != **name))
        {
            return Err(Error::NoSuchTopic(missing.clone()));
        }
        let wanted = head.topics.iter().filter(|topic| self.is_wanted(&topic.name));
        let new: Vec<_> = wanted
            .map(|topic| NewTopic {
                name: topic.name.clone(),
                partitions: topic.partitions,
                configs: topic.configs.clone(),
            })
            .collect();
        for topic in broker.check_topics(&new)? {
            let topic = topic?;
            self.topics.insert(topic.name.clone(), topic);
        }
        if self.only.is_empty() {
            self.check_jobs(&head.jobs)?;
            self.jobs.clone_from(&head.jobs);
        }
        let names: Vec<_> = self.topics.keys().collect();
        broker.catalog.change(&broker.home, |catalog| {
            broker.forget_checkpoints(&names)?;
            for (name, topic) in &self.topics {
                let (id, partitions) = (topic.id, topic.partitions);
                catalog.deleting.push(DeletedTopic { name: name.clone(), id, partitions });
            }
            Ok(())
        })?;
        self.entered = true;
        Ok(())
    }

    fn partition(&mut self, head: &PartitionHead) -> Result<()> {
        let Some(topic) = self.topics.get(&head.topic) else {
            self.open = Some((head.clone(), None));
            return Ok(());
        };
        let storage = self.broker.home.storage();
        let partition = TopicPartition::new(head.topic.clone(), head.partition);
        let dir = home::partition_dir(&partition);
        // Somebody may have left one of that name, without records.
        remove_empty(&**storage, &dir)?;
        storage.create_dir(&dir)?;
        let metadata = format!("version: 0\ntopic_id: {}", topic.id);
        let path = format!("{dir}/{}", names::PARTITION_METADATA);
        storage::replace_file(&**storage, &path, metadata.as_bytes())?;
        let now_ms = self.broker.clock.now_ms();
        let import = Import::begin(Arc::clone(storage), dir, &topic.config, now_ms);
        self.open = Some((head.clone(), Some(import)));
        Ok(())
    }

    fn batch(&mut self, batch: &Batch<'_>) -> Result<()> {
        let Some((head, Some(import))) = &mut self.open else {
            return Ok(());
        };
        self.last_producer = self.last_producer.max(batch.producer_id());
        import.push(batch).map_err(|source| failed(head, source))
    }

    fn partition_end(&mut self) -> Result<()> {
        let Some((head, Some(import))) = self.open.take() else {
            return Ok(());
        };
        let mut epochs = LeaderEpochs::default();
        for (epoch, start) in &head.leader_epochs {
            epochs.begin((*epoch).max(0), Offset((*start).max(0)));
        }
        let (log_start, end) = (Offset(head.log_start), Offset(head.end));
        epochs.truncate_to(end);
        let end = import.finish(log_start, end, &epochs).map_err(|source| failed(&head, source))?;
        let partition = TopicPartition::new(head.topic, head.partition);
        if log_start > Offset::ZERO {
            self.starts.insert(partition.clone(), log_start.min(end));
        }
        self.ends.insert(partition, end);
        Ok(())
    }

    fn commits(&mut self, commits: Vec<Commit>) -> Result<()> {
        let wanted = commits.into_iter().filter(|commit| self.topics.contains_key(&commit.topic));
        self.commits.extend(wanted);
        Ok(())
    }
}

fn failed(head: &PartitionHead, source: crate::log::Error) -> Error {
    let partition = TopicPartition::new(head.topic.clone(), head.partition);
    Error::Log { action: "restore", partition, source }
}

/// Removes a directory that a stopped creation left. One with records is a topic, and refused before.
fn remove_empty(storage: &dyn storage::Storage, dir: &str) -> Result<()> {
    for entry in storage::found(storage.list(dir))?.unwrap_or_default() {
        storage.remove_file(&format!("{dir}/{}", entry.name))?;
    }
    storage::found(storage.remove_dir(dir))?;
    Ok(())
}
