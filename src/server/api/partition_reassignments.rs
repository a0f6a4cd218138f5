//! AlterPartitionReassignments 0–1 and ListPartitionReassignments 0: there is one node, so that
//! partitions can only be put where they are, and none is ever on the move. Source: KIP-455,
//! KIP-860.

use super::Context;
use super::refusal::Refusal;
use super::replicas;
use crate::protocol::ErrorCode;
use crate::protocol::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopic, ReassignableTopicResponse,
};
use crate::protocol::list_partition_reassignments::ListPartitionReassignmentsResponse;

pub(super) fn alter(
    context: &Context<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let of_topic = |asked: ReassignableTopic| {
        let of_partition = |partition: &ReassignablePartition| {
            let (error_code, error_message) =
                Refusal::fields(reassign(context, &asked.name, partition));
            let partition_index = partition.partition_index;
            ReassignablePartitionResponse { partition_index, error_code, error_message }
        };
        let partitions = asked.partitions.iter().map(of_partition).collect();
        ReassignableTopicResponse { name: asked.name.clone(), partitions }
    };
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: request.allow_replication_factor_change,
        responses: request.topics.into_iter().map(of_topic).collect(),
        ..Default::default()
    }
}

fn reassign(
    context: &Context<'_>,
    topic: &str,
    asked: &ReassignablePartition,
) -> Result<(), Refusal> {
    let topic = context.node.broker.topic_named(topic)?.ok_or_else(Refusal::unknown_topic)?;
    topic.require_partition(asked.partition_index)?;
    match &asked.replicas {
        Some(brokers) => replicas::check_brokers(context, brokers),
        None => Err(Refusal::new(
            ErrorCode::NoReassignmentInProgress,
            "No partition reassignment is in progress.",
        )),
    }
}

pub(super) fn list() -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default()
}
