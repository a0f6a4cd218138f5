//! OffsetForLeaderEpoch 2–4: where a leader epoch ended, so that a client sees that a log was cut.
//! The replica id is ignored. Source: KIP-101, KIP-320.

use super::{Context, errors};
use crate::protocol::ErrorCode;
use crate::protocol::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            partition(context, &topic.topic, asked).unwrap_or_else(|error| EpochEndOffset {
                error_code: error.code(),
                partition: asked.partition,
                ..Default::default()
            })
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult { partitions, topic: topic.topic }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn partition(
    context: &Context<'_>,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<EpochEndOffset, ErrorCode> {
    let broker = &context.node.broker;
    let topic = broker.topic_named(topic).map_err(|error| errors::of_broker(&error))?;
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let log = broker.log(&topic, asked.partition).map_err(|error| errors::of_broker(&error))?;
    let view = log.view().map_err(|error| errors::of_log(&error))?;
    super::check_leader_epoch(asked.current_leader_epoch, view.leader_epoch())?;
    let end = log.end_offset_for_epoch(&view, asked.leader_epoch);
    let mut found = EpochEndOffset { partition: asked.partition, ..Default::default() };
    if let Some((epoch, end)) = end.map_err(|error| errors::of_log(&error))? {
        found.leader_epoch = epoch;
        found.end_offset = end.0;
    }
    Ok(found)
}
