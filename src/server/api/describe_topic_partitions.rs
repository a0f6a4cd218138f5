//! DescribeTopicPartitions 0: topics by name, and their partitions, at most 2000 to an answer; a
//! cursor says where the next one goes on. No replica is ever eligible besides the leader. Source:
//! KIP-966.

use std::collections::BTreeSet;

use super::Context;
use super::metadata::TOPIC_OPERATIONS;
use super::refusal::Refusal;
use crate::broker::TopicInfo;
use crate::model::TopicName;
use crate::protocol::ErrorCode;
use crate::protocol::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};

/// Partitions in one answer. Source: `max.request.partition.size.limit`.
const PARTITIONS_MAX: i32 = 2000;

pub(super) fn handle(
    context: &Context<'_>,
    request: &DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let names = match wanted(context, request) {
        Ok(names) => names,
        Err(error) => {
            tracing::error!(%error, "cannot list topics");
            return DescribeTopicPartitionsResponse::default();
        }
    };
    let from = request.cursor.as_ref();
    let mut left = request.response_partition_limit.clamp(1, PARTITIONS_MAX);
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in &names {
        if from.is_some_and(|cursor| *name < cursor.topic_name) {
            continue;
        }
        let first = from
            .filter(|cursor| cursor.topic_name == *name)
            .map_or(0, |cursor| cursor.partition_index.max(0));
        if left == 0 {
            let cursor = Cursor { topic_name: name.clone(), partition_index: first };
            response.next_cursor = Some(cursor);
            break;
        }
        match find(context, name) {
            Err(refusal) => response.topics.push(failed(name, &refusal)),
            Ok(topic) => {
                let after = topic.partitions.min(first.saturating_add(left));
                response.topics.push(described(context, &topic, first, after));
                left -= (after - first).max(0);
                if after < topic.partitions {
                    let cursor = Cursor { topic_name: name.clone(), partition_index: after };
                    response.next_cursor = Some(cursor);
                    break;
                }
            }
        }
    }
    response
}

/// The names that were asked for, each once, in order; all if none was.
fn wanted(
    context: &Context<'_>,
    request: &DescribeTopicPartitionsRequest,
) -> crate::broker::Result<BTreeSet<String>> {
    if request.topics.is_empty() {
        let all = context.node.broker.all_topics()?;
        return Ok(all.iter().map(|topic| topic.name.to_string()).collect());
    }
    Ok(request.topics.iter().map(|topic| topic.name.clone()).collect())
}

fn find(context: &Context<'_>, name: &str) -> Result<std::sync::Arc<TopicInfo>, Refusal> {
    TopicName::new(name)?;
    context.node.broker.topic_named(name)?.ok_or_else(Refusal::unknown_topic)
}

fn failed(name: &str, refusal: &Refusal) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: refusal.code.code(),
        name: Some(name.to_owned()),
        ..Default::default()
    }
}

/// A topic with its partitions from `first` to before `after`.
fn described(
    context: &Context<'_>,
    topic: &TopicInfo,
    first: i32,
    after: i32,
) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: (first..after).map(|index| partition(context, topic, index)).collect(),
        topic_authorized_operations: TOPIC_OPERATIONS,
    }
}

fn partition(
    context: &Context<'_>,
    topic: &TopicInfo,
    index: i32,
) -> DescribeTopicPartitionsResponsePartition {
    let this_node = context.node.node_id;
    let (error, leader_id, leader_epoch) = match context.node.broker.leader_epoch(topic, index) {
        Ok(epoch) => (ErrorCode::None, this_node, epoch),
        Err(_) => (ErrorCode::LeaderNotAvailable, -1, -1),
    };
    DescribeTopicPartitionsResponsePartition {
        error_code: error.code(),
        partition_index: index,
        leader_id,
        leader_epoch,
        replica_nodes: vec![this_node],
        isr_nodes: vec![this_node],
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(Vec::new()),
        offline_replicas: Vec::new(),
    }
}
