//! Topics: made, found, changed, deleted, described.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalog::{Catalog, DeletedTopic, Topic};
use super::error::{Error, Result};
use super::home::{self, LOG_DIR};
use super::{Broker, home::make_dir};
use crate::log::checkpoint;
use crate::log::epochs::LeaderEpochs;
use crate::log::{list_segments, names};
use crate::model::{Offset, TopicConfig, TopicName, TopicPartition, Uuid, config, limits};
use crate::storage::{self, Kind, LockKind, Open, Storage, Wait};

/// A topic to be made.
#[derive(Debug, Clone)]
pub struct NewTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions, 1 to [`limits::PARTITIONS_MAX`].
    pub partitions: i32,
    /// Configs in Kafka's names.
    pub configs: BTreeMap<String, String>,
}

/// A topic as it is.
#[derive(Debug, Clone)]
pub struct TopicInfo {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// Configs that differ from the defaults.
    pub overrides: BTreeMap<String, String>,
    /// All of its configuration.
    pub config: Arc<TopicConfig>,
}

impl TopicInfo {
    /// Refuses a partition that the topic does not have.
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`].
    pub fn require_partition(&self, partition: i32) -> Result<()> {
        if (0..self.partitions).contains(&partition) {
            return Ok(());
        }
        let (topic, partitions) = (self.name.clone(), self.partitions);
        Err(Error::NoSuchPartition { topic, partition, partitions })
    }
}

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

/// Stands for the id of a topic whose directories don't tell it.
const NO_ID: Uuid = Uuid([0; 16]);

/// Configs of a topic that was found as directories without an entry in the catalog: nothing of
/// it is ever removed unless somebody says so.
fn adopted_configs() -> BTreeMap<String, String> {
    [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

impl Broker {
    /// The topics by name, those included that only their directories tell of.
    ///
    /// # Errors
    /// As the file system says; [`Error::Damaged`] for a catalog that can't be read.
    pub fn topics(&self) -> Result<BTreeMap<TopicName, Topic>> {
        let catalog = self.catalog.read(self.storage())?;
        let mut topics = catalog.topics.clone();
        let mut found: BTreeMap<TopicName, i32> = BTreeMap::new();
        for entry in storage::found(self.storage().list(LOG_DIR))?.unwrap_or_default() {
            let Some(tp) = TopicPartition::from_directory_name(&entry.name) else {
                continue;
            };
            if entry.kind == Kind::Directory && !topics.contains_key(&tp.topic) {
                let partitions = found.entry(tp.topic).or_default();
                *partitions = (*partitions).max(tp.partition.saturating_add(1));
            }
        }
        for (name, partitions) in found {
            if let Some(topic) = self.adoptable(&catalog, &name, partitions)? {
                topics.insert(name, topic);
            }
        }
        Ok(topics)
    }

    /// A topic.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`], and as for [`Broker::topics`].
    pub fn topic(&self, name: &TopicName) -> Result<TopicInfo> {
        let catalog = self.catalog.read(self.storage())?;
        let topic = match catalog.topics.get(name) {
            Some(topic) => topic.clone(),
            None => self.topics()?.remove(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?,
        };
        info(name.clone(), topic)
    }

    /// What a topic would be in the catalog that has directories there and no entry. `None` for
    /// remains of a deletion, and of a creation that was stopped: those hold no records.
    fn adoptable(
        &self,
        catalog: &Catalog,
        name: &TopicName,
        partitions: i32,
    ) -> Result<Option<Topic>> {
        if partitions > limits::PARTITIONS_MAX {
            return Ok(None);
        }
        let storage = self.storage();
        let mut id = None;
        let mut has_records = false;
        for partition in 0..partitions {
            let dir = home::partition_dir(&TopicPartition::new(name.clone(), partition));
            let Some(segments) = storage::found(list_segments(storage, &dir))? else {
                continue;
            };
            id = id.or(read_topic_id(storage, &dir)?);
            has_records |= segments.len() > 1
                || match segments.first() {
                    Some(base) => {
                        let path = format!("{dir}/{}", names::segment_file(*base, names::LOG));
                        storage::found(storage.metadata(&path))?.is_some_and(|file| file.len > 0)
                    }
                    None => false,
                };
        }
        let id = id.unwrap_or(NO_ID);
        if !has_records || catalog.deleting.iter().any(|deleted| deleted.id == id) {
            return Ok(None);
        }
        Ok(Some(Topic::new(id, partitions, adopted_configs())))
    }

    /// Makes a topic. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::TopicExists`], [`Error::Collides`], [`Error::Config`], [`Error::Partitions`].
    pub fn create_topic(&self, new: &NewTopic) -> Result<TopicInfo> {
        check_partitions(new.partitions)?;
        TopicConfig::from_overrides(&new.configs)?;
        if let Err(error) = self.finish_deletions() {
            // What is left of another topic is in nobody's way.
            let catalog = self.catalog.read(self.storage())?;
            if catalog.deleting.iter().any(|deleted| deleted.name == new.name) {
                return Err(error);
            }
        }
        self.catalog.change(&self.home, |catalog| {
            let name = &new.name;
            if catalog.topics.contains_key(name) || self.topics()?.contains_key(name) {
                return Err(Error::TopicExists(name.clone()));
            }
            if let Some(other) = catalog.topics.keys().find(|other| other.collides_with(name)) {
                return Err(Error::Collides { name: name.clone(), other: other.clone() });
            }
            // Somebody may have removed a topic of this name by hand.
            self.forget_checkpoints(&[name])?;
            let topic = Topic::new(random_id()?, new.partitions, new.configs.clone());
            self.enter_topic(catalog, name, topic)
        })
    }

    /// Takes a topic into the catalog that only its directories tell of, so that it may be
    /// written; gives any other as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`], and as the file system says.
    pub fn topic_to_write(&self, name: &TopicName) -> Result<TopicInfo> {
        let found = self.topic(name)?;
        if self.catalog.read(self.storage())?.topics.contains_key(name) {
            return Ok(found);
        }
        self.catalog.change(&self.home, |catalog| {
            // As it is by now: another process may have taken it in, or deleted it.
            let mut topic =
                self.topics()?.remove(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
            if topic.id == NO_ID {
                topic.id = random_id()?;
            }
            self.enter_topic(catalog, name, topic)
        })
    }

    /// Makes what is missing of a topic's directories, and then its entry.
    fn enter_topic(
        &self,
        catalog: &mut Catalog,
        name: &TopicName,
        topic: Topic,
    ) -> Result<TopicInfo> {
        for partition in 0..topic.partitions {
            self.make_partition(name, topic.id, partition)?;
        }
        self.storage().sync_dir(LOG_DIR)?;
        catalog.topics.insert(name.clone(), topic.clone());
        info(name.clone(), topic)
    }

    /// Changes a topic's configs and adds partitions.
    ///
    /// # Errors
    /// [`Error::Partitions`] where there would be no more than there are; [`Error::Config`].
    pub fn alter_topic(
        &self,
        name: &TopicName,
        partitions: Option<i32>,
        set: &BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<TopicInfo> {
        for key in unset.iter().filter(|key| !set.contains_key(*key)) {
            config::find(key)?;
        }
        self.topic_to_write(name)?;
        self.catalog.change(&self.home, |catalog| {
            let topic =
                catalog.topics.get_mut(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
            if let Some(partitions) = partitions {
                check_partitions(partitions)?;
                if partitions <= topic.partitions {
                    let has = topic.partitions;
                    let text = format!(
                        "topic {name} has {has} partitions already: their number can only grow"
                    );
                    return Err(Error::Partitions(text));
                }
                for partition in topic.partitions..partitions {
                    self.make_partition(name, topic.id, partition)?;
                }
                self.storage().sync_dir(LOG_DIR)?;
                topic.partitions = partitions;
            }
            topic.configs.retain(|key, _| !unset.contains(key));
            topic.configs.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
            info(name.clone(), topic.clone())
        })
    }

    /// Deletes a topic and all that is in it.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`]. After any other error the topic is gone, and the next change of
    /// topics removes what is left of its files.
    pub fn delete_topic(&self, name: &TopicName) -> Result<()> {
        self.topic_to_write(name)?;
        self.catalog.change(&self.home, |catalog| {
            let topic =
                catalog.topics.remove(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
            let (id, partitions) = (topic.id, topic.partitions);
            catalog.deleting.push(DeletedTopic { name: name.clone(), id, partitions });
            Ok(())
        })?;
        let doomed: Vec<_> = self.logs().extract_if(|tp, _| tp.topic == *name).collect();
        for (_, opened) in &doomed {
            opened.log.retire();
        }
        self.finish_deletions()
    }

    /// Removes what is left of deleted topics.
    fn finish_deletions(&self) -> Result<()> {
        if self.catalog.read(self.storage())?.deleting.is_empty() {
            return Ok(());
        }
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
    fn forget_checkpoints(&self, names: &[&TopicName]) -> Result<()> {
        let locks = self.home.require_write()?;
        let _lock = locks.acquire(home::CHECKPOINT_LOCK, LockKind::Exclusive, Wait::Yes)?;
        for file in [checkpoint::RECOVERY_POINTS, checkpoint::LOG_STARTS] {
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

    /// Makes a partition's directory with its first files, all of them durable but for the name
    /// of the directory itself. One that is there stays as it is.
    fn make_partition(&self, name: &TopicName, id: Uuid, partition: i32) -> Result<()> {
        let storage = self.storage();
        let dir = home::partition_dir(&TopicPartition::new(name.clone(), partition));
        make_dir(storage, &dir)?;
        if read_topic_id(storage, &dir)? != Some(id) {
            let path = format!("{dir}/{}", names::PARTITION_METADATA);
            let text = format!("version: 0\ntopic_id: {id}");
            storage::replace_file(storage, &path, text.as_bytes())?;
        }
        if list_segments(storage, &dir)?.is_empty() {
            LeaderEpochs::fresh().write(storage, &dir)?;
            for suffix in [names::LOG, names::INDEX, names::TIME_INDEX] {
                let path = format!("{dir}/{}", names::segment_file(Offset::ZERO, suffix));
                storage.open(&path, Open::Create)?;
            }
            storage.sync_dir(&dir)?;
        }
        Ok(())
    }

    /// What there is in each partition of a topic.
    ///
    /// # Errors
    /// As the file system says.
    pub fn describe(&self, topic: &TopicInfo) -> Result<Vec<PartitionFacts>> {
        (0..topic.partitions).map(|partition| self.describe_partition(topic, partition)).collect()
    }

    fn describe_partition(&self, topic: &TopicInfo, partition: i32) -> Result<PartitionFacts> {
        let log = self.log(topic, partition)?;
        let view = log.view().map_err(|error| Error::of_log("read", &log, error))?;
        let bytes = log.size_in_bytes(&view).map_err(|error| Error::of_log("read", &log, error))?;
        let (log_start, end, segments) = (view.log_start(), view.end(), view.segments().len());
        Ok(PartitionFacts { partition, log_start, end, bytes, segments })
    }
}

pub(super) fn info(name: TopicName, topic: Topic) -> Result<TopicInfo> {
    let config = Arc::new(TopicConfig::from_overrides(&topic.configs)?);
    let Topic { id, partitions, configs, .. } = topic;
    Ok(TopicInfo { name, id, partitions, overrides: configs, config })
}

fn check_partitions(partitions: i32) -> Result<()> {
    if (1..=limits::PARTITIONS_MAX).contains(&partitions) {
        return Ok(());
    }
    let max = limits::PARTITIONS_MAX;
    Err(Error::Partitions(format!("a topic has 1 to {max} partitions, not {partitions}")))
}

fn random_id() -> Result<Uuid> {
    Ok(Uuid::random().map_err(|source| storage::Error::new("make an id for", "a topic", source))?)
}

/// The topic's id as its partition directory has it; `None` where it doesn't say.
fn read_topic_id(storage: &dyn Storage, dir: &str) -> Result<Option<Uuid>> {
    let path = format!("{dir}/{}", names::PARTITION_METADATA);
    let text = storage::read_text(storage, &path, limits::SMALL_FILE_BYTES_MAX)
        .ok()
        .flatten()
        .unwrap_or_default();
    Ok(text.lines().find_map(|line| line.strip_prefix("topic_id: ")?.trim().parse().ok()))
}

/// The name that Kafka gives the directory of a deleted partition: it ends in the id and
/// `-delete`, and has at most 255 characters. Source: Kafka's `LocalLog.logDeleteDirName`.
fn deleted_directory_name(tp: &TopicPartition, id: Uuid) -> String {
    let suffix = format!("-{}.{}-delete", tp.partition, id.to_hex());
    let kept = tp.topic.len().min(255 - suffix.len());
    format!("{}{suffix}", &tp.topic[..kept])
}
