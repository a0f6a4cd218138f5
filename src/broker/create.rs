//! Making topics and partitions.
//!
//! The directories come first, all of them durable; the entry in the catalog is what makes a topic
//! exist. However many topics are made at once, the catalog is written once. A disk takes many
//! syncs at a time for little more than the cost of one, so directories are made beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::Broker;
use super::catalog::{Catalog, Topic};
use super::error::{Error, Result};
use super::home::{self, LOG_DIR};
use super::topics::{TopicInfo, info, random_id, read_topic_id};
use crate::log::epochs::LeaderEpochs;
use crate::log::{list_segments, names};
use crate::model::config::Layers;
use crate::model::{Offset, TopicName, TopicPartition, Uuid, limits};
use crate::storage::{self, Open, Storage};

/// Directories that are made at the same time. Measured: 8 threads do 300 syncs in the time in
/// which one does 16; more gain nothing.
const THREADS: usize = 8;

/// Fewer than these are made one after the other.
const PARALLEL_MIN: usize = 4;

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

/// A partition whose directory is to be made.
struct NewPartition<'a> {
    topic: &'a TopicName,
    id: Uuid,
    partition: i32,
}

impl Broker {
    /// Makes a topic. It is durable when this returns.
    ///
    /// # Errors
    /// [`Error::TopicExists`], [`Error::JobExists`], [`Error::Collides`], [`Error::Config`], [`Error::Partitions`].
    pub fn create_topic(&self, new: &NewTopic) -> Result<TopicInfo> {
        self.create_topics(std::slice::from_ref(new))?.remove(0)
    }

    /// Makes topics, and tells of each what became of it. They are durable when this returns.
    ///
    /// # Errors
    /// As the file system says; then none was made. Those of one topic are
    /// [`Broker::create_topic`]'s.
    pub fn create_topics(&self, new: &[NewTopic]) -> Result<Vec<Result<TopicInfo>>> {
        if let Err(error) = self.finish_deletions() {
            // What is left of another topic is in nobody's way.
            let catalog = self.catalog.read(&self.home)?;
            let is_wanted = |name: &TopicName| new.iter().any(|new| new.name == *name);
            if catalog.deleting.iter().any(|deleted| is_wanted(&deleted.name)) {
                return Err(error);
            }
        }
        self.catalog.change(&self.home, |catalog| {
            let layers = self.layers_of(catalog);
            let admitted = self.admit(catalog, &layers, new)?;
            let topics: BTreeMap<_, _> = new
                .iter()
                .zip(&admitted)
                .filter_map(|(new, topic)| Some((new.name.clone(), topic.as_ref().ok()?.clone())))
                .collect();
            if !topics.is_empty() {
                // Somebody may have removed topics of these names by hand.
                self.forget_checkpoints(&topics.keys().collect::<Vec<_>>())?;
                self.enter_topics(catalog, topics)?;
            }
            let made = |(new, topic): (&NewTopic, Result<Topic>)| {
                topic.and_then(|topic| info(new.name.clone(), topic, &layers))
            };
            Ok(new.iter().zip(admitted).map(made).collect())
        })
    }

    /// Tells of each topic whether it could be made, and as what, and makes none.
    ///
    /// # Errors
    /// As for [`Broker::create_topics`].
    pub fn check_topics(&self, new: &[NewTopic]) -> Result<Vec<Result<TopicInfo>>> {
        let catalog = self.catalog.read(&self.home)?;
        let layers = self.layers_of(&catalog);
        let admitted = self.admit(&catalog, &layers, new)?;
        let made = |(new, topic): (&NewTopic, Result<Topic>)| {
            topic.and_then(|topic| info(new.name.clone(), topic, &layers))
        };
        Ok(new.iter().zip(admitted).map(made).collect())
    }

    /// The entries of new topics, those that may have one.
    fn admit(
        &self,
        catalog: &Catalog,
        layers: &Layers,
        new: &[NewTopic],
    ) -> Result<Vec<Result<Topic>>> {
        let found = self.adoptable_topics(catalog)?;
        let mut names: BTreeSet<&TopicName> = catalog.topics.keys().collect();
        let mut by_metric: BTreeMap<String, &TopicName> =
            names.iter().map(|name| (metric_name(name), *name)).collect();
        let mut admit = |new| -> Result<Topic> {
            let NewTopic { name, partitions, configs }: &NewTopic = new;
            check_partitions(*partitions)?;
            layers.topic_config(configs)?;
            if names.contains(name) || found.contains_key(name) {
                return Err(Error::TopicExists(name.clone()));
            }
            if catalog.jobs.contains_key(name) {
                return Err(Error::JobExists(name.clone()));
            }
            if let Some(other) = by_metric.get(&metric_name(name)) {
                return Err(Error::Collides { name: name.clone(), other: (*other).clone() });
            }
            names.insert(name);
            by_metric.insert(metric_name(name), name);
            Ok(Topic::new(random_id()?, *partitions, configs.clone()))
        };
        Ok(new.iter().map(&mut admit).collect())
    }

    /// Makes what is missing of the directories of topics, and then their entries.
    pub(super) fn enter_topics(
        &self,
        catalog: &mut Catalog,
        topics: BTreeMap<TopicName, Topic>,
    ) -> Result<()> {
        let partitions = topics.iter().flat_map(|(name, topic)| {
            let id = topic.id;
            (0..topic.partitions).map(move |partition| NewPartition { topic: name, id, partition })
        });
        self.make_partitions(&partitions.collect::<Vec<_>>())?;
        catalog.topics.extend(topics);
        Ok(())
    }

    /// Gives topics more partitions, and tells of each what became of it.
    ///
    /// # Errors
    /// As the file system says; then none got any. Those of one topic are [`Error::NoSuchTopic`]
    /// and [`Error::Partitions`].
    pub fn add_partitions(
        &self,
        wanted: &[(TopicName, i32)],
        validate_only: bool,
    ) -> Result<Vec<Result<()>>> {
        for (name, _) in wanted {
            // One that only its directories tell of is taken in.
            let _ = self.topic_to_write(name);
        }
        if validate_only {
            let catalog = self.catalog.read(&self.home)?;
            return Ok(wanted.iter().map(|(name, to)| check_growth(&catalog, name, *to)).collect());
        }
        self.catalog.change(&self.home, |catalog| {
            let results: Vec<_> =
                wanted.iter().map(|(name, to)| check_growth(catalog, name, *to)).collect();
            let granted = wanted.iter().zip(&results).filter(|(_, result)| result.is_ok());
            for ((name, to), _) in granted {
                self.grow(catalog, name, *to)?;
            }
            Ok(results)
        })
    }

    /// Makes the new directories of a topic whose growth was checked, and changes its entry.
    pub(super) fn grow(&self, catalog: &mut Catalog, name: &TopicName, to: i32) -> Result<()> {
        let topic = catalog.topics.get_mut(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
        let id = topic.id;
        let new =
            (topic.partitions..to).map(|partition| NewPartition { topic: name, id, partition });
        self.make_partitions(&new.collect::<Vec<_>>())?;
        topic.partitions = to;
        Ok(())
    }

    /// Makes the directory of one partition, if it is not there yet.
    pub(super) fn make_one(&self, topic: &TopicInfo, partition: i32) -> Result<()> {
        self.make_partitions(&[NewPartition { topic: &topic.name, id: topic.id, partition }])
    }

    /// Makes directories with their first files, all of them durable. Those that are there stay as
    /// they are.
    fn make_partitions(&self, partitions: &[NewPartition<'_>]) -> Result<()> {
        let storage = self.storage();
        if partitions.len() < PARALLEL_MIN {
            partitions.iter().try_for_each(|partition| make_partition(storage, partition))?;
        } else {
            let next = Mutex::new(partitions.iter());
            let work = || loop {
                let partition = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                match partition.map(|partition| make_partition(storage, partition)) {
                    None => break Ok(()),
                    Some(Ok(())) => {}
                    Some(Err(error)) => break Err(error),
                }
            };
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
                threads.into_iter().try_for_each(|thread| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
            })?;
        }
        Ok(storage.sync_dir(LOG_DIR)?)
    }
}

/// Makes a partition's directory with its first files, all of them durable but for the name of the
/// directory itself.
fn make_partition(storage: &dyn Storage, new: &NewPartition<'_>) -> Result<()> {
    let dir = home::partition_dir(&TopicPartition::new(new.topic.clone(), new.partition));
    let metadata = format!("version: 0\ntopic_id: {}", new.id);
    let path = format!("{dir}/{}", names::PARTITION_METADATA);
    let is_new = match storage.create_dir(&dir) {
        Ok(()) => true,
        Err(error) if error.already_exists() => false,
        Err(error) => return Err(error.into()),
    };
    if is_new {
        // Nothing of it is used before the names in it are durable too.
        let file = storage.open(&path, Open::CreateNew)?;
        file.write_all_at(metadata.as_bytes(), 0)?;
        file.sync_data()?;
    } else if read_topic_id(storage, &dir)? != Some(new.id) {
        storage::replace_file(storage, &path, metadata.as_bytes())?;
    }
    if is_new || list_segments(storage, &dir)?.is_empty() {
        match is_new {
            true => LeaderEpochs::fresh().write_new(storage, &dir)?,
            false => LeaderEpochs::fresh().write(storage, &dir)?,
        }
        for suffix in [names::LOG, names::INDEX, names::TIME_INDEX] {
            let path = format!("{dir}/{}", names::segment_file(Offset::ZERO, suffix));
            storage.open(&path, Open::Create)?;
        }
        storage.sync_dir(&dir)?;
    }
    Ok(())
}

fn check_growth(catalog: &Catalog, name: &TopicName, to: i32) -> Result<()> {
    let topic = catalog.topics.get(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
    check_grown(name, topic, to)
}

/// Refuses a number of partitions that is none, or no more than there are.
pub(super) fn check_grown(name: &TopicName, topic: &Topic, to: i32) -> Result<()> {
    check_partitions(to)?;
    if to > topic.partitions {
        return Ok(());
    }
    let has = topic.partitions;
    let text = format!("topic {name} has {has} partitions already: their number can only grow");
    Err(Error::Partitions(text))
}

fn check_partitions(partitions: i32) -> Result<()> {
    if (1..=limits::PARTITIONS_MAX).contains(&partitions) {
        return Ok(());
    }
    let max = limits::PARTITIONS_MAX;
    Err(Error::Partitions(format!("a topic has 1 to {max} partitions, not {partitions}")))
}

/// A topic's name as metrics have it: two that are one there can't be told apart.
fn metric_name(name: &TopicName) -> String {
    name.as_str().replace('.', "_")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::broker::{Access, Home};
    use crate::clock::SystemClock;

    #[test]
    fn many_are_made_and_deleted_at_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let broker = Broker::new(home, Arc::new(SystemClock));
        let new = |name: &str, partitions| NewTopic {
            name: name.parse().expect("a name"),
            partitions,
            configs: BTreeMap::new(),
        };
        let wanted = [new("a", 20), new("b.c", 1), new("b_c", 1), new("a", 1), new("d", 0)];
        let made = broker.create_topics(&wanted).expect("makes");
        assert!(matches!(
            made.as_slice(),
            [
                Ok(_),
                Ok(_),
                Err(Error::Collides { .. }),
                Err(Error::TopicExists(_)),
                Err(Error::Partitions(_))
            ]
        ));
        let topic = broker.topic(&wanted[0].name).expect("is there");
        let facts = broker.describe(&topic).expect("describes");
        assert_eq!(facts.iter().map(|facts| facts.segments).sum::<usize>(), 20);
        let names: Vec<_> = wanted.iter().take(3).map(|new| new.name.clone()).collect();
        let deleted = broker.delete_topics(&names).expect("deletes");
        assert!(deleted.files.is_ok());
        assert!(matches!(deleted.topics.as_slice(), [Ok(()), Ok(()), Err(Error::NoSuchTopic(_))]));
        assert!(broker.topics().expect("reads").is_empty());
    }
}
