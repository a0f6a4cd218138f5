//! DeleteRecords 0–2: moves log start offsets up; what lies below can't be read from then on, and
//! whole segments of it go. `timeout_ms` is ignored. Topics that are only compacted are refused, as
//! are Kafka's own. Source: KIP-107.

use super::{Context, errors};
use crate::broker::TopicInfo;
use crate::model::Offset;
use crate::protocol::ErrorCode;
use crate::protocol::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopic, DeleteRecordsTopicResult,
};

/// Stands for the offset up to which a client may read.
const HIGH_WATERMARK: i64 = -1;

pub(super) fn handle(
    context: &Context<'_>,
    request: DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|asked| of_topic(context, asked));
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

fn of_topic(context: &Context<'_>, asked: DeleteRecordsTopic) -> DeleteRecordsTopicResult {
    let topic = find(context, &asked.name);
    let delete = |partition: &DeleteRecordsPartition| {
        let deleted = topic
            .as_ref()
            .map_err(|code| *code)
            .and_then(|topic| delete(context, topic, partition));
        DeleteRecordsPartitionResult {
            partition_index: partition.partition_index,
            low_watermark: deleted.map_or(-1, |start| start.0),
            error_code: deleted.err().unwrap_or_default().code(),
        }
    };
    let partitions = asked.partitions.iter().map(delete).collect();
    DeleteRecordsTopicResult { name: asked.name, partitions }
}

fn find(context: &Context<'_>, name: &str) -> Result<std::sync::Arc<TopicInfo>, ErrorCode> {
    let topic = context.node.broker.topic_named(name).map_err(|error| errors::of_broker(&error))?;
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let deletable = context.node.broker.require_deletable(&topic);
    deletable.map(|()| topic).map_err(|error| errors::of_broker(&error))
}

/// Deletes, and gives the log start offset as it is then.
fn delete(
    context: &Context<'_>,
    topic: &TopicInfo,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, ErrorCode> {
    let broker = &context.node.broker;
    let log =
        broker.log(topic, asked.partition_index).map_err(|error| errors::of_broker(&error))?;
    let end = log.view().map_err(|error| errors::of_log(&error))?.end();
    let before = match asked.offset {
        HIGH_WATERMARK => end,
        offset if (0..=end.0).contains(&offset) => Offset(offset),
        _ => return Err(ErrorCode::OffsetOutOfRange),
    };
    log.delete_records(before, broker.clock().now_ms()).map_err(|error| errors::of_log(&error))
}
