//! Topics looked up by name or id, thousands of times a second: what the catalog says, made ready
//! once for each change of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Broker;
use super::catalog::Catalog;
use super::error::{Error, Result};
use super::topics::{TopicInfo, info};
use crate::model::config::{BrokerConfig, Layers};
use crate::model::{TopicName, Uuid};

/// The topics of the catalog as it was read last.
#[derive(Debug, Default)]
pub(super) struct TopicIndex {
    last: Mutex<Option<Arc<Indexed>>>,
}

#[derive(Debug)]
pub(super) struct Indexed {
    of: Arc<Catalog>,
    pub(super) layers: Arc<Layers>,
    pub(super) config: Arc<BrokerConfig>,
    by_name: HashMap<TopicName, Arc<TopicInfo>>,
    by_id: HashMap<Uuid, Arc<TopicInfo>>,
}

impl Indexed {
    pub(super) fn named(&self, name: &TopicName) -> Option<&Arc<TopicInfo>> {
        self.by_name.get(name)
    }
}

impl Broker {
    /// The topic of a name, if the catalog has it.
    ///
    /// # Errors
    /// As [`Broker::topics`] says.
    pub fn topic_named(&self, name: &str) -> Result<Option<Arc<TopicInfo>>> {
        Ok(self.indexed()?.by_name.get(name).map(Arc::clone))
    }

    /// The topic of an id, if the catalog has it.
    ///
    /// # Errors
    /// As [`Broker::topics`] says.
    pub fn topic_with_id(&self, id: Uuid) -> Result<Option<Arc<TopicInfo>>> {
        Ok(self.indexed()?.by_id.get(&id).map(Arc::clone))
    }

    /// The topics of the catalog, by name.
    ///
    /// # Errors
    /// As [`Broker::topics`] says.
    pub fn all_topics(&self) -> Result<Vec<Arc<TopicInfo>>> {
        let mut topics: Vec<_> = self.indexed()?.by_name.values().map(Arc::clone).collect();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// The epoch in which a partition's leader appends.
    ///
    /// # Errors
    /// As the file system says.
    pub fn leader_epoch(&self, topic: &TopicInfo, partition: i32) -> Result<i32> {
        let log = self.log(topic, partition)?;
        let view = log.view().map_err(|error| Error::of_log("read", &log, error))?;
        Ok(view.leader_epoch())
    }

    pub(super) fn indexed(&self) -> Result<Arc<Indexed>> {
        let catalog = self.catalog.read(&self.home)?;
        let mut last = self.index.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(indexed) = &*last
            && Arc::ptr_eq(&indexed.of, &catalog)
        {
            return Ok(Arc::clone(indexed));
        }
        let layers = Arc::new(self.layers_of(&catalog));
        let config = Arc::new(BrokerConfig::from_layers(&layers)?);
        let mut by_name = HashMap::with_capacity(catalog.topics.len());
        let mut by_id = HashMap::with_capacity(catalog.topics.len());
        for (name, topic) in &catalog.topics {
            let topic = Arc::new(info(name.clone(), topic.clone(), &layers)?);
            by_id.insert(topic.id, Arc::clone(&topic));
            by_name.insert(name.clone(), topic);
        }
        let indexed = Arc::new(Indexed { of: catalog, layers, config, by_name, by_id });
        *last = Some(Arc::clone(&indexed));
        Ok(indexed)
    }
}
