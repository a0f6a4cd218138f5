//! Changing configs of topics and of the broker while it runs. What is changed is durable when a
//! call returns, and in force in every log that is open.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Broker;
use super::catalog::{Catalog, Topic};
use super::create::check_grown;
use super::error::{Error, Result};
use super::topics::{TopicInfo, info};
use crate::model::config::{
    self, BrokerConfig, BrokerConfigKey, ConfigKey, ConfigType, Layers, check_dynamic,
};
use crate::model::{ConfigError, TopicName};

/// Whose configs are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigOwner {
    /// A topic's own.
    Topic(TopicName),
    /// This broker's.
    Broker,
    /// Those of all brokers.
    AllBrokers,
}

/// How configs are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// These and no others are the owner's from now on.
    Replace(BTreeMap<String, String>),
    /// One key after the other, each at most once.
    Each(Vec<(String, KeyChange)>),
}

/// How one key is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// It gets this value.
    Set(String),
    /// The owner has it no more: a lower layer's counts.
    Unset,
    /// A list gets these members too, parted by commas.
    Append(String),
    /// A list loses these members.
    Subtract(String),
}

impl Broker {
    /// Changes configs; with `validate_only` tells only whether they could be.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::NoSuchTopic`], and as the file system says; nothing is changed
    /// then.
    pub fn alter_configs(
        &self,
        owner: &ConfigOwner,
        change: &ConfigChange,
        validate_only: bool,
    ) -> Result<()> {
        if validate_only {
            let mut catalog = Catalog::clone(&*self.catalog.read(&self.home)?);
            if let ConfigOwner::Topic(name) = owner
                && let Some(found) = self.topics()?.remove(name)
            {
                catalog.topics.insert(name.clone(), found);
            }
            return self.change_configs(&mut catalog, owner, change);
        }
        if let ConfigOwner::Topic(name) = owner {
            self.topic_to_write(name)?;
        }
        self.catalog.change(&self.home, |catalog| self.change_configs(catalog, owner, change))?;
        self.apply_configs()
    }

    fn change_configs(
        &self,
        catalog: &mut Catalog,
        owner: &ConfigOwner,
        change: &ConfigChange,
    ) -> Result<()> {
        let layers = self.layers_of(catalog);
        match owner {
            ConfigOwner::Topic(name) => {
                let topic =
                    catalog.topics.get_mut(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
                let inherited = |key: &str| {
                    let row = ConfigKey::find(key)?;
                    Ok((row.kind, layers.topic_value(row, &BTreeMap::new()).0))
                };
                topic.configs = changed(&topic.configs, change, inherited)?;
                layers.topic_config(&topic.configs)?;
            }
            ConfigOwner::Broker => {
                let old = std::mem::take(&mut catalog.broker_configs);
                catalog.broker_configs = changed_of_broker(&old, change, &layers)?;
                self.check_layers(catalog)?;
            }
            ConfigOwner::AllBrokers => {
                let old = std::mem::take(&mut catalog.default_broker_configs);
                catalog.default_broker_configs = changed_of_broker(&old, change, &layers)?;
                self.check_layers(catalog)?;
            }
        }
        Ok(())
    }

    /// Refuses broker configs with which the broker's or any topic's own would not go together.
    fn check_layers(&self, catalog: &Catalog) -> Result<()> {
        let layers = self.layers_of(catalog);
        BrokerConfig::from_layers(&layers)?;
        layers.topic_config(&BTreeMap::new())?;
        for topic in catalog.topics.values() {
            layers.topic_config(&topic.configs)?;
        }
        Ok(())
    }

    /// Puts the configs of topics in force in the logs that are open.
    pub(super) fn apply_configs(&self) -> Result<()> {
        let topics = self.indexed()?;
        for (tp, opened) in &*self.logs() {
            if let Some(topic) = topics.named(&tp.topic)
                && topic.id == opened.topic
            {
                opened.log.set_config(Arc::clone(&topic.config));
            }
        }
        Ok(())
    }

    /// Changes a topic's configs and adds partitions, as one.
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
        let altered = self.catalog.change(&self.home, |catalog| {
            let layers = self.layers_of(catalog);
            let topic =
                catalog.topics.get_mut(name).ok_or_else(|| Error::NoSuchTopic(name.clone()))?;
            topic.configs.retain(|key, _| !unset.contains(key));
            topic.configs.extend(set.iter().map(|(key, value)| (key.clone(), value.clone())));
            let altered =
                Topic { partitions: partitions.unwrap_or(topic.partitions), ..topic.clone() };
            let altered = info(name.clone(), altered, &layers)?;
            if let Some(to) = partitions {
                check_grown(name, topic, to)?;
                self.grow(catalog, name, to)?;
            }
            Ok(altered)
        })?;
        self.apply_configs()?;
        Ok(altered)
    }
}

/// An owner's configs after a change. `inherited` gives the type of a key, and the value that it
/// has where the owner has none.
fn changed(
    old: &BTreeMap<String, String>,
    change: &ConfigChange,
    inherited: impl Fn(&str) -> Result<(ConfigType, String)>,
) -> Result<BTreeMap<String, String>> {
    let changes = match change {
        ConfigChange::Replace(new) => return Ok(new.clone()),
        ConfigChange::Each(changes) => changes,
    };
    let mut new = old.clone();
    for (key, change) in changes {
        let list = || -> Result<Vec<String>> {
            let (kind, inherited) = inherited(key)?;
            if kind != ConfigType::List {
                return Err(ConfigError::NoList(key.clone()).into());
            }
            Ok(members(old.get(key).unwrap_or(&inherited)))
        };
        let value = match change {
            KeyChange::Set(value) => value.clone(),
            KeyChange::Unset => {
                new.remove(key);
                continue;
            }
            KeyChange::Append(more) => {
                let mut seen = HashSet::new();
                let mut list = [list()?, members(more)].concat();
                list.retain(|member| seen.insert(member.clone()));
                list.join(",")
            }
            KeyChange::Subtract(less) => {
                let (mut list, less) = (list()?, members(less));
                list.retain(|member| !less.contains(member));
                list.join(",")
            }
        };
        new.insert(key.clone(), value);
    }
    Ok(new)
}

fn changed_of_broker(
    old: &BTreeMap<String, String>,
    change: &ConfigChange,
    layers: &Layers,
) -> Result<BTreeMap<String, String>> {
    let new = changed(old, change, |key| {
        let row = BrokerConfigKey::find(key)?;
        Ok((row.kind, layers.broker_value(key).unwrap_or_default().to_owned()))
    })?;
    for (key, value) in &new {
        check_dynamic(key, value)?;
    }
    Ok(new)
}

fn members(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned).collect()
}
