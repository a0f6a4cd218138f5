//! CreateTopics 2–7: topics with their partitions, ready when the answer goes out. `timeout_ms` is
//! ignored: they are made at once. -1 stands for `num.partitions` and `default.replication.factor`
//! in every version. Assignments by hand can only name this node. From version 5 on the answer has
//! all of a topic's configuration. Source: KIP-4, KIP-464, KIP-525.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::refusal::Refusal;
use super::{Context, replicas};
use crate::broker::{NewTopic, TopicInfo};
use crate::model::TopicName;
use crate::model::config::{Layers, TOPIC_CONFIG_KEYS};
use crate::protocol::ErrorCode;
use crate::protocol::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};

pub(super) fn handle(context: &Context<'_>, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    // Each name once, in the order of the request.
    let mut seen = HashSet::new();
    let asked: Vec<&CreatableTopic> =
        request.topics.iter().filter(|topic| seen.insert(topic.name.as_str())).collect();
    let planned: Vec<Result<NewTopic, Refusal>> = asked
        .iter()
        .map(|topic| match times[topic.name.as_str()] {
            1 => plan(context, topic),
            _ => Err(Refusal::duplicate_topic()),
        })
        .collect();
    let made = make(context, planned, request.validate_only);
    let layers = context.node.broker.config_layers().unwrap_or_default();
    let rows = asked.iter().zip(made).map(|(topic, made)| row(context, topic, made, &layers));
    CreateTopicsResponse { topics: rows.collect(), ..Default::default() }
}

/// Makes what can be made, all of it as one change.
fn make(
    context: &Context<'_>,
    planned: Vec<Result<NewTopic, Refusal>>,
    validate_only: bool,
) -> Vec<Result<TopicInfo, Refusal>> {
    let broker = &context.node.broker;
    let new: Vec<NewTopic> = planned.iter().flatten().cloned().collect();
    let made = match validate_only {
        true => broker.check_topics(&new),
        false => broker.create_topics(&new),
    };
    let (mut made, failed) = match made {
        Ok(made) => (made.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(Refusal::from(error))),
    };
    let result = |plan: Result<NewTopic, Refusal>| {
        plan.and_then(|_| match (&failed, made.next()) {
            (Some(refusal), _) => Err(refusal.clone()),
            (None, Some(Ok(topic))) => Ok(topic),
            (None, Some(Err(error))) => Err(in_kafkas_words(error)),
            (None, None) => unreachable!("each topic that was planned has a result"),
        })
    };
    planned.into_iter().map(result).collect()
}

fn in_kafkas_words(error: crate::broker::Error) -> Refusal {
    match &error {
        crate::broker::Error::TopicExists(name) => {
            Refusal::new(ErrorCode::TopicAlreadyExists, format!("Topic '{name}' already exists."))
        }
        _ => error.into(),
    }
}

/// What is asked for, as the engine makes it.
fn plan(context: &Context<'_>, topic: &CreatableTopic) -> Result<NewTopic, Refusal> {
    let name = TopicName::new(&topic.name)?;
    if name.is_internal() && !matches!(context.node.broker.topic_named(&name), Ok(Some(_))) {
        return Err(Refusal::internal_topic(&name));
    }
    let partitions = match topic.assignments.is_empty() {
        true => partition_count(context, topic)?,
        false => assigned_count(context, topic)?,
    };
    let mut configs = BTreeMap::new();
    for config in &topic.configs {
        let value = config.value.clone().ok_or_else(|| {
            let message = format!("Null value not supported for topic configs: {}", config.name);
            Refusal::new(ErrorCode::InvalidConfig, message)
        })?;
        replicas::check_min_insync(context, &config.name, &value)?;
        configs.insert(config.name.clone(), value);
    }
    Ok(NewTopic { name, partitions, configs })
}

fn partition_count(context: &Context<'_>, topic: &CreatableTopic) -> Result<i32, Refusal> {
    let partitions = match topic.num_partitions {
        -1 => context.node.broker.config().num_partitions,
        1.. => topic.num_partitions,
        _ => {
            let message = "Number of partitions was set to an invalid non-positive value.";
            return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
        }
    };
    replicas::check_factor(context, topic.replication_factor)?;
    Ok(partitions)
}

/// How many partitions were assigned by hand: 0, 1, 2 … each once.
fn assigned_count(context: &Context<'_>, topic: &CreatableTopic) -> Result<i32, Refusal> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let message = "A manual partition assignment was specified, but numPartitions and \
                       replicationFactor were not set to -1.";
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    let mut indexes: Vec<i32> =
        topic.assignments.iter().map(|assigned| assigned.partition_index).collect();
    indexes.sort_unstable();
    if indexes.iter().zip(0..).any(|(index, expected)| *index != expected) {
        let message = "partitions should be a consecutive 0-based integer sequence";
        return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    }
    for assigned in &topic.assignments {
        replicas::check_brokers(context, &assigned.broker_ids)?;
    }
    Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX))
}

fn row(
    context: &Context<'_>,
    topic: &CreatableTopic,
    made: Result<TopicInfo, Refusal>,
    layers: &Layers,
) -> CreatableTopicResult {
    let name = topic.name.clone();
    match made {
        Err(refusal) => {
            let (error_code, error_message) = Refusal::fields::<()>(Err(refusal));
            CreatableTopicResult { name, error_code, error_message, ..Default::default() }
        }
        Ok(made) => CreatableTopicResult {
            name,
            topic_id: made.id,
            num_partitions: made.partitions,
            replication_factor: 1,
            configs: Some(match context.version {
                5.. => configs(&made, layers),
                _ => Vec::new(),
            }),
            ..Default::default()
        },
    }
}

fn configs(topic: &TopicInfo, layers: &Layers) -> Vec<CreatableTopicConfigs> {
    let entry = |row| {
        let (value, source) = layers.topic_value(row, &topic.overrides);
        CreatableTopicConfigs {
            name: row.name.to_owned(),
            value: Some(value),
            read_only: false,
            config_source: source as i8,
            is_sensitive: false,
        }
    };
    TOPIC_CONFIG_KEYS.iter().map(entry).collect()
}
