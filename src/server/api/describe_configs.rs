//! DescribeConfigs 1–4: every key of topics and brokers, with its value, where that comes from, its
//! type and what it does. Kafka's other resources have none here. Source: KIP-133, KIP-226, KIP-569.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use super::{Context, resource};
use crate::broker::ConfigOwner;
use crate::model::config::{
    BROKER_CONFIG_KEYS, BrokerConfigKey, ConfigKey, ConfigSource, Layers, Synonym,
    TOPIC_CONFIG_KEYS,
};
use crate::model::each_once;
use crate::protocol::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let (synonyms, docs) = (request.include_synonyms, request.include_documentation);
    let describe = |resource: DescribeConfigsResource| {
        let (error_code, error_message, configs) = match entries(context, &resource) {
            Ok(entries) => (0, None, entries),
            Err(refusal) => {
                let (error_code, error_message) = Refusal::fields::<()>(Err(refusal));
                (error_code, error_message, Vec::new())
            }
        };
        let wanted = resource.configuration_keys.filter(|keys| !keys.is_empty());
        let is_wanted = |entry: &Entry| {
            wanted.as_ref().is_none_or(|keys| keys.iter().any(|key| key == entry.name))
        };
        let configs = configs.into_iter().filter(is_wanted);
        DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs: configs.map(|entry| entry.into_message(synonyms, docs)).collect(),
        }
    };
    let results =
        each_once(request.resources, |asked| (asked.resource_type, asked.resource_name.clone()))
            .map(describe);
    DescribeConfigsResponse { results: results.collect(), ..Default::default() }
}

/// One key.
struct Entry {
    name: &'static str,
    value: Option<String>,
    is_read_only: bool,
    is_sensitive: bool,
    source: ConfigSource,
    synonyms: Vec<Synonym>,
    config_type: i8,
    doc: &'static str,
}

impl Entry {
    fn of_topic(
        row: &'static ConfigKey,
        overrides: &BTreeMap<String, String>,
        layers: &Layers,
    ) -> Self {
        let (value, source) = layers.topic_value(row, overrides);
        Self {
            name: row.name,
            value: Some(value),
            is_read_only: false,
            is_sensitive: false,
            source,
            synonyms: layers.topic_synonyms(row, overrides),
            config_type: row.kind as i8,
            doc: row.doc,
        }
    }

    /// A key of a broker, whose synonyms are all the values that it has.
    fn of_broker(row: &'static BrokerConfigKey, synonyms: Vec<Synonym>) -> Self {
        let first = synonyms.first();
        Self {
            name: row.name,
            value: first.filter(|first| first.name == row.name).map(|first| first.value.clone()),
            is_read_only: !row.dynamic,
            is_sensitive: row.is_sensitive(),
            source: first.map_or(ConfigSource::Default, |first| first.source),
            synonyms,
            config_type: row.kind as i8,
            doc: row.doc,
        }
    }

    fn into_message(self, synonyms: bool, docs: bool) -> DescribeConfigsResourceResult {
        let is_sensitive = self.is_sensitive;
        let shown = |value: String| (!is_sensitive).then_some(value);
        let synonym = |synonym: Synonym| DescribeConfigsSynonym {
            name: synonym.name.to_owned(),
            value: shown(synonym.value),
            source: synonym.source as i8,
        };
        DescribeConfigsResourceResult {
            name: self.name.to_owned(),
            value: self.value.and_then(shown),
            read_only: self.is_read_only,
            config_source: self.source as i8,
            is_sensitive,
            synonyms: match synonyms {
                true => self.synonyms.into_iter().map(synonym).collect(),
                false => Vec::new(),
            },
            config_type: self.config_type,
            documentation: docs.then(|| self.doc.to_owned()),
        }
    }
}

fn entries(
    context: &Context<'_>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<Entry>, Refusal> {
    let broker = &context.node.broker;
    let owner = resource::owner(context, resource.resource_type, &resource.resource_name)?;
    let layers = broker.config_layers()?;
    Ok(match owner {
        ConfigOwner::Topic(name) => {
            let topic = broker.topic_named(&name)?.ok_or_else(Refusal::unknown_topic)?;
            let entry = |row| Entry::of_topic(row, &topic.overrides, &layers);
            TOPIC_CONFIG_KEYS.iter().map(entry).collect()
        }
        ConfigOwner::Broker => {
            let facts = facts_of_node(context);
            let entry = |row: &'static BrokerConfigKey| {
                Entry::of_broker(
                    row,
                    match facts.get(row.name) {
                        Some(value) => vec![Synonym {
                            name: row.name,
                            value: value.clone(),
                            source: ConfigSource::StaticBroker,
                        }],
                        None => layers.broker_synonyms(row),
                    },
                )
            };
            BROKER_CONFIG_KEYS.iter().map(entry).collect()
        }
        // Only what was set for all of them.
        ConfigOwner::AllBrokers => {
            let all =
                Layers { dynamic_default: layers.dynamic_default.clone(), ..Default::default() };
            let set = |row: &&BrokerConfigKey| all.dynamic_default.contains_key(row.name);
            let rows = BROKER_CONFIG_KEYS.iter().filter(set);
            rows.map(|row| Entry::of_broker(row, all.broker_synonyms(row))).collect()
        }
    })
}

/// What follows from how this node runs, whatever it was told.
fn facts_of_node(context: &Context<'_>) -> BTreeMap<&'static str, String> {
    let node = context.node;
    let log_dir = node.broker.log_dir();
    let address = format!("PLAINTEXT://{}:{}", context.advertised.host, context.advertised.port);
    [
        ("advertised.listeners", address.clone()),
        ("broker.id", node.node_id.to_string()),
        ("listeners", address),
        ("log.dir", log_dir.clone()),
        ("log.dirs", log_dir),
        ("node.id", node.node_id.to_string()),
    ]
    .into()
}
