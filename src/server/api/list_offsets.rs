//! ListOffsets 1–11: the offset of a time, or of a place in the log.
//!
//! There is one replica and no tiered storage: the earliest local offset is the earliest, and there
//! is no latest tiered one and none that waits to be uploaded. The timeout is not looked at.
//! Source: KIP-79, KIP-207 and KIP-320 (leader epochs), KIP-734 (-3), KIP-405 (-4), KIP-1005 (-5),
//! KIP-1023 (-6).

use std::collections::HashSet;

use super::{Context, errors};
use crate::broker::TopicInfo;
use crate::log::{PartitionLog, View};
use crate::model::Offset;
use crate::protocol::ErrorCode;
use crate::protocol::list_offsets::{
    EARLIEST, EARLIEST_LOCAL, EARLIEST_PENDING_UPLOAD, LATEST, LATEST_TIERED, ListOffsetsPartition,
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse, MAX_TIMESTAMP,
};

pub(super) fn handle(context: &Context<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let is_read_committed = request.isolation_level == super::READ_COMMITTED;
    let mut seen = HashSet::new();
    let topics = request.topics.into_iter().map(|topic| {
        let found = context.node.broker.topic_named(&topic.name);
        let found = found.map_err(|error| errors::of_broker(&error));
        let found = found.and_then(|topic| topic.ok_or(ErrorCode::UnknownTopicOrPartition));
        let partitions = topic.partitions.iter().map(|asked| {
            let is_new = seen.insert((topic.name.clone(), asked.partition_index));
            let answer = match &found {
                _ if !is_new => Err(ErrorCode::InvalidRequest),
                Ok(topic) => partition(context, topic, asked, is_read_committed),
                Err(error) => Err(*error),
            };
            answer.unwrap_or_else(|error| ListOffsetsPartitionResponse {
                partition_index: asked.partition_index,
                error_code: error.code(),
                ..Default::default()
            })
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse { partitions, name: topic.name }
    });
    ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

fn partition(
    context: &Context<'_>,
    topic: &TopicInfo,
    asked: &ListOffsetsPartition,
    is_read_committed: bool,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let broker = &context.node.broker;
    let log =
        broker.log(topic, asked.partition_index).map_err(|error| errors::of_broker(&error))?;
    let view = log.view().map_err(|error| errors::of_log(&error))?;
    super::check_leader_epoch(asked.current_leader_epoch, view.leader_epoch())?;
    let found = find(context.version, &log, &view, asked.timestamp, is_read_committed)?;
    let mut response = ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        ..Default::default()
    };
    if let Some(Place { timestamp, offset, leader_epoch }) = found {
        response.timestamp = timestamp;
        response.offset = offset.0;
        response.leader_epoch = leader_epoch;
    }
    Ok(response)
}

/// A place that was found.
struct Place {
    /// The record's, -1 where none is meant.
    timestamp: i64,
    offset: Offset,
    leader_epoch: i32,
}

fn find(
    version: i16,
    log: &PartitionLog,
    view: &View,
    timestamp: i64,
    is_read_committed: bool,
) -> Result<Option<Place>, ErrorCode> {
    let of_log = |error: crate::log::Error| errors::of_log(&error);
    let bound = if is_read_committed { view.last_stable() } else { view.end() };
    let untimed = |offset, leader_epoch| Some(Place { timestamp: -1, offset, leader_epoch });
    let timed = match timestamp {
        LATEST => return Ok(untimed(bound, view.leader_epoch())),
        EARLIEST => {
            let start = view.log_start();
            return Ok(untimed(start, log.epoch_at(view, start).map_err(of_log)?));
        }
        EARLIEST_LOCAL if version >= 8 => {
            let start = view.log_start();
            return Ok(untimed(start, log.epoch_at(view, start).map_err(of_log)?));
        }
        LATEST_TIERED if version >= 9 => return Ok(None),
        EARLIEST_PENDING_UPLOAD if version >= 11 => return Ok(None),
        MAX_TIMESTAMP if version >= 7 => log.offset_of_max_timestamp(view),
        0.. => log.offset_for_time(view, timestamp),
        _ => return Err(ErrorCode::UnsupportedVersion),
    };
    let timed = timed.map_err(of_log)?.filter(|found| found.offset < bound);
    Ok(timed.map(|found| Place {
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: found.leader_epoch,
    }))
}
