//! DescribeLogDirs 1–5: the one log directory, the bytes of each partition in it, and the space of
//! its volume. No replica lags or moves here. Source: KIP-113, KIP-827.

use std::sync::Arc;

use super::{Context, errors};
use crate::broker::{self, TopicInfo};
use crate::protocol::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: &DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let broker = &context.node.broker;
    let (total, usable) = broker.home().storage().space().unwrap_or((-1, -1));
    let (error_code, topics) = match topics(context, request) {
        Ok(topics) => (0, topics),
        Err(error) => (errors::of_broker(&error).code(), Vec::new()),
    };
    DescribeLogDirsResponse {
        results: vec![DescribeLogDirsResult {
            error_code,
            log_dir: broker.log_dir(),
            topics,
            total_bytes: total,
            usable_bytes: usable,
            is_cordoned: false,
        }],
        ..Default::default()
    }
}

/// The topics that were asked for and are there, with those of their partitions.
fn topics(
    context: &Context<'_>,
    request: &DescribeLogDirsRequest,
) -> broker::Result<Vec<DescribeLogDirsTopic>> {
    let broker = &context.node.broker;
    let wanted: Vec<(Arc<TopicInfo>, Vec<i32>)> = match &request.topics {
        None => {
            let all = |topic: Arc<TopicInfo>| {
                let partitions = (0..topic.partitions).collect();
                (topic, partitions)
            };
            broker.all_topics()?.into_iter().map(all).collect()
        }
        Some(asked) => {
            let mut wanted = Vec::new();
            for asked in asked {
                let topic = broker.topic_named(&asked.topic)?;
                wanted.extend(topic.map(|topic| (topic, asked.partitions.clone())));
            }
            wanted
        }
    };
    let described = wanted.into_iter().map(|(topic, partitions)| DescribeLogDirsTopic {
        name: topic.name.to_string(),
        partitions: partitions
            .iter()
            .filter_map(|index| partition(context, &topic, *index))
            .collect(),
    });
    Ok(described.filter(|topic| !topic.partitions.is_empty()).collect())
}

/// A partition; `None` where it has no files.
fn partition(
    context: &Context<'_>,
    topic: &TopicInfo,
    index: i32,
) -> Option<DescribeLogDirsPartition> {
    let facts = context.node.broker.describe_partition(topic, index).ok()?;
    (facts.segments > 0).then(|| DescribeLogDirsPartition {
        partition_index: index,
        partition_size: i64::try_from(facts.bytes).unwrap_or(i64::MAX),
        offset_lag: 0,
        is_future_key: false,
    })
}
