//! Topics: found, by name or by their directories. How they are made, changed and deleted is in
//! files of their own beside this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Broker;
use super::catalog::{Catalog, Topic};
use super::error::{Error, Result};
use super::home::{self, LOG_DIR};
use crate::log::{list_segments, names};
use crate::model::config::Layers;
use crate::model::{TopicConfig, TopicName, TopicPartition, Uuid, limits};
use crate::storage::{self, Kind, Storage};

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
        let catalog = self.catalog.read(&self.home)?;
        let mut topics = catalog.topics.clone();
        topics.extend(self.adoptable_topics(&catalog)?);
        Ok(topics)
    }

    /// What only its directories tell of.
    pub(super) fn adoptable_topics(&self, catalog: &Catalog) -> Result<BTreeMap<TopicName, Topic>> {
        let mut found: BTreeMap<TopicName, i32> = BTreeMap::new();
        for entry in storage::found(self.storage().list(LOG_DIR))?.unwrap_or_default() {
            let Some(tp) = TopicPartition::from_directory_name(&entry.name) else {
                continue;
            };
            if entry.kind == Kind::Directory && !catalog.topics.contains_key(&tp.topic) {
                let partitions = found.entry(tp.topic).or_default();
                *partitions = (*partitions).max(tp.partition.saturating_add(1));
            }
        }
        let mut topics = BTreeMap::new();
        for (name, partitions) in found {
            if let Some(topic) = self.adoptable(catalog, &name, partitions)? {
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
        if let Some(topic) = self.topic_named(name)? {
            return Ok(TopicInfo::clone(&topic));
        }
        let topic = self.topics()?.remove(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
        info(name.clone(), topic, &self.indexed()?.layers)
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

    /// Takes a topic into the catalog that only its directories tell of, so that it may be
    /// written; gives any other as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`], and as the file system says.
    pub fn topic_to_write(&self, name: &TopicName) -> Result<TopicInfo> {
        let found = self.topic(name)?;
        if self.topic_named(name)?.is_some() {
            return Ok(found);
        }
        self.adopt(Some(name))?;
        self.topic(name)
    }

    /// Takes all topics into the catalog that only their directories tell of.
    ///
    /// # Errors
    /// As the file system says.
    pub fn adopt_topics(&self) -> Result<()> {
        let catalog = self.catalog.read(&self.home)?;
        if self.adoptable_topics(&catalog)?.is_empty() {
            return Ok(());
        }
        self.adopt(None)
    }

    fn adopt(&self, only: Option<&TopicName>) -> Result<()> {
        let adopted = self.catalog.change(&self.home, |catalog| {
            // As it is by now: another process may have taken it in, or deleted it.
            let mut topics = self.adoptable_topics(catalog)?;
            topics.retain(|name, _| only.is_none_or(|only| only == name));
            for topic in topics.values_mut().filter(|topic| topic.id == NO_ID) {
                topic.id = random_id()?;
            }
            let adopted: Vec<TopicName> = topics.keys().cloned().collect();
            self.enter_topics(catalog, topics)?;
            Ok(adopted)
        })?;
        adopted.iter().try_for_each(|name| self.keep_producer_ids_of(name))
    }

    /// Keeps the ids that producers of a topic have from being given to others.
    fn keep_producer_ids_of(&self, name: &TopicName) -> Result<()> {
        let topic = self.topic(name)?;
        for partition in 0..topic.partitions {
            let log = self.log(&topic, partition)?;
            let producers = log.producers(self.clock.now_ms());
            let producers = producers.map_err(|error| Error::of_log("read", &log, error))?;
            if let Some(last) = producers.last() {
                self.producer_id_in_use(last.producer_id)?;
            }
        }
        Ok(())
    }
}

pub(super) fn info(name: TopicName, topic: Topic, layers: &Layers) -> Result<TopicInfo> {
    let config = Arc::new(layers.topic_config(&topic.configs)?);
    let Topic { id, partitions, configs, .. } = topic;
    Ok(TopicInfo { name, id, partitions, overrides: configs, config })
}

pub(super) fn random_id() -> Result<Uuid> {
    Ok(Uuid::random().map_err(|source| storage::Error::new("make an id for", "a topic", source))?)
}

/// The topic's id as its partition directory has it; `None` where it doesn't say.
pub(super) fn read_topic_id(storage: &dyn Storage, dir: &str) -> Result<Option<Uuid>> {
    let path = format!("{dir}/{}", names::PARTITION_METADATA);
    let text = storage::read_text(storage, &path, limits::SMALL_FILE_BYTES_MAX)
        .ok()
        .flatten()
        .unwrap_or_default();
    Ok(text.lines().find_map(|line| line.strip_prefix("topic_id: ")?.trim().parse().ok()))
}
