//! Metadata 0–13: this node, and topics with the leaders of their partitions, which are all this
//! node. A topic that is asked for by name and is not there is made at once, with `num.partitions`,
//! where both the client and `auto.create.topics.enable` allow it. Source: KIP-516 for topic ids,
//! KIP-430 for authorized operations.
//!
//! The epoch of a partition's leader is that of its log: it never falls.

use std::sync::Arc;

use super::{Context, errors};
use crate::broker::{NewTopic, TopicInfo};
use crate::model::{TopicName, Uuid, each_once};
use crate::protocol::ErrorCode;
use crate::protocol::metadata::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataRequestTopic, MetadataResponse,
    MetadataTopic, OPERATIONS_UNKNOWN,
};

/// All that may be done with a topic: read, write, create, delete, alter, describe, describe and
/// alter configs, a bit for each. Source: Kafka's `AclEntry.supportedOperations`.
pub(super) const TOPIC_OPERATIONS: i32 = 3576;
/// All that may be done with a cluster.
pub(super) const CLUSTER_OPERATIONS: i32 = 8096;

pub(super) fn handle(context: &Context<'_>, request: &MetadataRequest) -> MetadataResponse {
    let node = context.node;
    let asks_for_all = match &request.topics {
        None => true,
        Some(topics) => topics.is_empty() && context.version == 0,
    };
    let topics = match &request.topics {
        Some(topics) if !asks_for_all => {
            let topics = each_once(topics, |topic| (&topic.name, topic.topic_id));
            topics.map(|topic| asked_for(context, request, topic)).collect()
        }
        _ => all(context, request),
    };
    let operations = match request.include_cluster_authorized_operations {
        true => CLUSTER_OPERATIONS,
        false => OPERATIONS_UNKNOWN,
    };
    MetadataResponse {
        brokers: vec![MetadataBroker {
            node_id: node.node_id,
            host: context.advertised.host.clone(),
            port: i32::from(context.advertised.port),
            rack: None,
        }],
        cluster_id: Some(node.cluster_id.clone()),
        controller_id: node.node_id,
        topics,
        cluster_authorized_operations: operations,
        ..Default::default()
    }
}

fn all(context: &Context<'_>, request: &MetadataRequest) -> Vec<MetadataTopic> {
    match context.node.broker.all_topics() {
        Ok(topics) => topics.iter().map(|topic| found(context, request, topic)).collect(),
        Err(error) => {
            tracing::error!(%error, "cannot list topics");
            Vec::new()
        }
    }
}

fn asked_for(
    context: &Context<'_>,
    request: &MetadataRequest,
    asked: &MetadataRequestTopic,
) -> MetadataTopic {
    let broker = &context.node.broker;
    let failed = |error: ErrorCode| MetadataTopic {
        error_code: error.code(),
        name: asked.name.clone(),
        topic_id: asked.topic_id,
        topic_authorized_operations: OPERATIONS_UNKNOWN,
        ..Default::default()
    };
    // Who asks by id leaves the name null, or empty as Kafka's own admin client does.
    let by_id =
        asked.name.is_none() || (context.version >= 12 && asked.topic_id != Uuid::default());
    let topic = match asked.name.as_deref() {
        Some(name) if !by_id => match broker.topic_named(name) {
            Ok(None) => auto_create(context, request, name),
            topic => topic,
        },
        _ => broker.topic_with_id(asked.topic_id),
    };
    match topic {
        Ok(Some(topic)) => found(context, request, &topic),
        Ok(None) if by_id => failed(ErrorCode::UnknownTopicId),
        Ok(None) => failed(ErrorCode::UnknownTopicOrPartition),
        Err(error) => failed(errors::of_broker(&error)),
    }
}

/// Makes a topic, where that is allowed; `None` where not.
fn auto_create(
    context: &Context<'_>,
    request: &MetadataRequest,
    name: &str,
) -> crate::broker::Result<Option<Arc<TopicInfo>>> {
    let broker = &context.node.broker;
    let name: TopicName = name.parse()?;
    let is_allowed = context.version < 4 || request.allow_auto_topic_creation;
    let config = broker.config();
    if !is_allowed || !config.auto_create_topics_enable {
        return Ok(None);
    }
    let partitions = config.num_partitions;
    let new = NewTopic { name: name.clone(), partitions, configs: Default::default() };
    match broker.create_topic(&new) {
        // Another client asked at the same time.
        Ok(_) | Err(crate::broker::Error::TopicExists(_)) => broker.topic_named(&name),
        Err(error) => Err(error),
    }
}

fn found(context: &Context<'_>, request: &MetadataRequest, topic: &TopicInfo) -> MetadataTopic {
    let partitions = (0..topic.partitions).map(|index| partition(context, topic, index));
    MetadataTopic {
        error_code: ErrorCode::None.code(),
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: partitions.collect(),
        topic_authorized_operations: match request.include_topic_authorized_operations {
            true => TOPIC_OPERATIONS,
            false => OPERATIONS_UNKNOWN,
        },
    }
}

fn partition(context: &Context<'_>, topic: &TopicInfo, index: i32) -> MetadataPartition {
    let this_node = context.node.node_id;
    let epoch = context.node.broker.leader_epoch(topic, index);
    let (error, leader_id, leader_epoch) = match epoch {
        Ok(epoch) => (ErrorCode::None, this_node, epoch),
        // Its log can't be opened: clients try again later.
        Err(_) => (ErrorCode::LeaderNotAvailable, -1, -1),
    };
    MetadataPartition {
        error_code: error.code(),
        partition_index: index,
        leader_id,
        leader_epoch,
        replica_nodes: vec![this_node],
        isr_nodes: vec![this_node],
        offline_replicas: Vec::new(),
    }
}
