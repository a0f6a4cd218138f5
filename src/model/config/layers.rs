//! Where a config's value comes from: layers of which the first that says something counts.
//!
//! | layer | source | changed by |
//! | --- | --- | --- |
//! | the topic's own | 1 | CreateTopics, AlterConfigs of the topic |
//! | dynamic, of this broker | 2 | AlterConfigs of the broker |
//! | dynamic, of all brokers | 3 | AlterConfigs of the broker named "" |
//! | static | 4 | a restart |
//! | default | 5 | – |
//!
//! A topic config goes by other names in the lower layers: its synonyms. Source: KIP-226.

use std::collections::BTreeMap;

use super::{BrokerConfigKey, ConfigError, ConfigKey, TOPIC_CONFIG_KEYS, TopicConfig, value};

/// Where a value comes from; the number is that of DescribeConfigs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// The topic's own.
    DynamicTopic = 1,
    /// This broker's, changed while it ran.
    DynamicBroker = 2,
    /// All brokers', changed while they ran.
    DynamicDefaultBroker = 3,
    /// What the broker was started with.
    StaticBroker = 4,
    /// Kafka's default.
    Default = 5,
    /// A group's own.
    Group = 8,
}

/// A value that a config has in one layer, under the name that it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    /// The key.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The layer.
    pub source: ConfigSource,
}

/// A broker's configs, by layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// Of this broker, changed while it ran.
    pub dynamic_broker: BTreeMap<String, String>,
    /// Of all brokers, changed while they ran.
    pub dynamic_default: BTreeMap<String, String>,
    /// What the broker was started with.
    pub static_broker: BTreeMap<String, String>,
}

impl Layers {
    fn in_order(&self) -> [(ConfigSource, &BTreeMap<String, String>); 3] {
        [
            (ConfigSource::DynamicBroker, &self.dynamic_broker),
            (ConfigSource::DynamicDefaultBroker, &self.dynamic_default),
            (ConfigSource::StaticBroker, &self.static_broker),
        ]
    }

    /// The value of a broker config; `None` where it has none, nor a default.
    #[must_use]
    pub fn broker_value(&self, key: &str) -> Option<&str> {
        let set = self.in_order().into_iter().find_map(|(_, layer)| layer.get(key));
        let default = || BrokerConfigKey::find(key).ok().and_then(|row| row.default);
        set.map(String::as_str).or_else(default)
    }

    /// The values of a broker config, that which counts first.
    #[must_use]
    pub fn broker_synonyms(&self, row: &'static BrokerConfigKey) -> Vec<Synonym> {
        self.synonyms_of(&broker_names(row.name))
    }

    /// The values of a topic config, that which counts first.
    #[must_use]
    pub fn topic_synonyms(
        &self,
        row: &'static ConfigKey,
        overrides: &BTreeMap<String, String>,
    ) -> Vec<Synonym> {
        let own = overrides.get(row.name).map(|value| Synonym {
            name: row.name,
            value: value.clone(),
            source: ConfigSource::DynamicTopic,
        });
        own.into_iter().chain(self.synonyms_of(row.synonyms)).collect()
    }

    fn synonyms_of(&self, names: &[&'static str]) -> Vec<Synonym> {
        let mut found = Vec::new();
        for (source, layer) in self.in_order() {
            for name in names {
                let value = layer.get(*name).cloned();
                found.extend(value.map(|value| Synonym { name, value, source }));
            }
        }
        for name in names {
            let default = BrokerConfigKey::find(name).ok().and_then(|row| row.default);
            found.extend(default.map(|value| Synonym {
                name,
                value: value.to_owned(),
                source: ConfigSource::Default,
            }));
        }
        found
    }

    /// The value of a topic config and the layer that it comes from.
    #[must_use]
    pub fn topic_value(
        &self,
        row: &'static ConfigKey,
        overrides: &BTreeMap<String, String>,
    ) -> (String, ConfigSource) {
        match self.topic_synonyms(row, overrides).into_iter().next() {
            Some(synonym) if synonym.source != ConfigSource::Default => {
                let value = in_milliseconds(synonym.name, &synonym.value);
                (value.unwrap_or(synonym.value), synonym.source)
            }
            _ => (row.default.to_owned(), ConfigSource::Default),
        }
    }

    /// A topic's whole configuration.
    ///
    /// # Errors
    /// As [`TopicConfig::from_overrides`] says.
    pub fn topic_config(
        &self,
        overrides: &BTreeMap<String, String>,
    ) -> Result<TopicConfig, ConfigError> {
        if self.in_order().iter().all(|(_, layer)| layer.is_empty()) {
            return TopicConfig::from_overrides(overrides);
        }
        let mut merged = overrides.clone();
        for row in TOPIC_CONFIG_KEYS {
            let (value, source) = self.topic_value(row, overrides);
            if !matches!(source, ConfigSource::Default | ConfigSource::DynamicTopic) {
                merged.insert(row.name.to_owned(), value);
            }
        }
        TopicConfig::from_overrides(&merged)
    }
}

/// Checks configs that a broker is started with.
///
/// # Errors
/// The first key that is unknown or has a bad value.
pub fn check_static(configs: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    configs
        .iter()
        .try_for_each(|(key, text)| value::read(BrokerConfigKey::find(key)?.rule(), text).map(drop))
}

/// Checks a broker config that is to be changed while the broker runs.
///
/// # Errors
/// [`ConfigError::ReadOnly`] for one that only a restart changes, and as [`check_static`] says.
pub fn check_dynamic(key: &str, value: &str) -> Result<(), ConfigError> {
    let row = BrokerConfigKey::find(key)?;
    if !row.dynamic {
        return Err(ConfigError::ReadOnly(row.name));
    }
    value::read(row.rule(), value).map(drop)
}

/// The names by which a broker config goes, the most specific first: of a time in several units,
/// the smallest wins.
fn broker_names(name: &'static str) -> Vec<&'static str> {
    let family = TOPIC_CONFIG_KEYS
        .iter()
        .map(|row| row.synonyms)
        .find(|names| names.len() > 1 && names.contains(&name) && !name.starts_with("log.flush"));
    match family {
        Some(names) => {
            let from = names.iter().position(|other| *other == name).unwrap_or_default();
            names[from..].to_vec()
        }
        None => vec![name],
    }
}

/// A broker's value of minutes or hours in the milliseconds of the topic's; negative is unlimited.
fn in_milliseconds(name: &str, value: &str) -> Option<String> {
    let unit_ms = match name.rsplit('.').next()? {
        "minutes" => 60_000,
        "hours" => 3_600_000,
        _ => return None,
    };
    let count: i64 = value.trim().parse().ok()?;
    let ms = if count < 0 { -1 } else { count.saturating_mul(unit_ms) };
    Some(ms.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn row(name: &str) -> &'static ConfigKey {
        ConfigKey::find(name).expect("a key")
    }

    #[test]
    fn the_first_layer_that_says_something_counts() {
        use ConfigSource as S;
        let mut layers =
            Layers { static_broker: map(&[("log.retention.hours", "2")]), ..Layers::default() };
        let key = row("retention.ms");
        let none = BTreeMap::new();
        assert_eq!(layers.topic_value(key, &none), ("7200000".to_owned(), S::StaticBroker));
        assert_eq!(layers.topic_config(&none).expect("legal").retention_ms, 7_200_000);
        layers.static_broker.extend(map(&[("log.retention.minutes", "3")]));
        assert_eq!(layers.topic_value(key, &none), ("180000".to_owned(), S::StaticBroker));
        layers.dynamic_default = map(&[("log.retention.ms", "4")]);
        assert_eq!(layers.topic_value(key, &none), ("4".to_owned(), S::DynamicDefaultBroker));
        layers.dynamic_broker = map(&[("log.retention.ms", "5")]);
        assert_eq!(layers.topic_value(key, &none), ("5".to_owned(), S::DynamicBroker));
        let own = map(&[("retention.ms", "6")]);
        assert_eq!(layers.topic_value(key, &own), ("6".to_owned(), S::DynamicTopic));
        assert_eq!(layers.topic_config(&own).expect("legal").retention_ms, 6);
        let sources: Vec<_> =
            layers.topic_synonyms(key, &own).iter().map(|s| (s.name, s.source)).collect();
        let expected = [
            ("retention.ms", S::DynamicTopic),
            ("log.retention.ms", S::DynamicBroker),
            ("log.retention.ms", S::DynamicDefaultBroker),
            ("log.retention.minutes", S::StaticBroker),
            ("log.retention.hours", S::StaticBroker),
            ("log.retention.hours", S::Default),
        ];
        assert_eq!(sources, expected);
    }

    #[test]
    fn defaults_in_all_layers_are_the_topics_own() {
        let layers = Layers::default();
        for row in TOPIC_CONFIG_KEYS {
            for synonym in layers.topic_synonyms(row, &BTreeMap::new()) {
                let ms = in_milliseconds(synonym.name, &synonym.value);
                assert_eq!(ms.unwrap_or(synonym.value), row.default, "{}", row.name);
            }
        }
        assert_eq!(layers.topic_config(&BTreeMap::new()), Ok(TopicConfig::default()));
    }

    #[test]
    fn what_may_be_changed_is_kafkas() {
        assert_eq!(check_dynamic("log.retention.ms", "1"), Ok(()));
        assert!(matches!(check_dynamic("log.retention.ms", "x"), Err(ConfigError::Invalid { .. })));
        let error = check_dynamic("num.partitions", "2").expect_err("fixed").to_string();
        assert_eq!(error, "broker config num.partitions cannot be changed while the broker runs");
        assert!(check_static(&map(&[("num.partitions", "2")])).is_ok());
        assert!(check_static(&map(&[("num.partitions", "0")])).is_err());
        assert!(check_static(&map(&[("no.such.key", "0")])).is_err());
    }
}
