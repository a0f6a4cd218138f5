//! DescribeProducers 0: the idempotent producers that a partition remembers, and what is in an open
//! transaction. Source: KIP-664.

use super::refusal::Refusal;
use super::{Context, errors};
use crate::log::ProducerInfo;
use crate::model::each_once;
use crate::protocol::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicRequest, TopicResponse,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let of_topic = |asked: TopicRequest| {
        let of_partition = |index: &i32| partition(context, &asked.name, *index);
        let partitions =
            each_once(&asked.partition_indexes, |index| **index).map(of_partition).collect();
        TopicResponse { name: asked.name, partitions }
    };
    let topics = each_once(request.topics, |topic| topic.name.clone()).map(of_topic).collect();
    DescribeProducersResponse { topics, ..Default::default() }
}

fn partition(context: &Context<'_>, topic: &str, index: i32) -> PartitionResponse {
    match producers(context, topic, index) {
        Ok(active_producers) => {
            PartitionResponse { partition_index: index, active_producers, ..Default::default() }
        }
        Err(refusal) => {
            let (error_code, error_message) = Refusal::fields::<()>(Err(refusal));
            let partition_index = index;
            PartitionResponse { partition_index, error_code, error_message, ..Default::default() }
        }
    }
}

fn producers(
    context: &Context<'_>,
    topic: &str,
    index: i32,
) -> Result<Vec<ProducerState>, Refusal> {
    let broker = &context.node.broker;
    let topic = broker.topic_named(topic)?.ok_or_else(Refusal::unknown_topic)?;
    let log = broker.log(&topic, index)?;
    let producers = log
        .producers(broker.clock().now_ms())
        .map_err(|error| Refusal::new(errors::of_log(&error), error.to_string()))?;
    Ok(producers.into_iter().map(state).collect())
}

fn state(producer: ProducerInfo) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_timestamp,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.transaction_start.map_or(-1, |offset| offset.0),
    }
}
