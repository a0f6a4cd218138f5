//! ElectLeaders 0–2: every partition is led by this node, so that no election is ever needed. Of
//! all partitions (null) none is listed, as Kafka lists only those for which there was something to
//! do. Source: KIP-183, KIP-460.

use super::Context;
use super::refusal::Refusal;
use crate::protocol::ErrorCode;
use crate::protocol::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
    TopicPartitions,
};

pub(super) fn handle(context: &Context<'_>, request: ElectLeadersRequest) -> ElectLeadersResponse {
    if !matches!(request.election_type, 0 | 1) {
        let error_code = ErrorCode::InvalidRequest.code();
        return ElectLeadersResponse { error_code, ..Default::default() };
    }
    let of_topic = |asked: TopicPartitions| {
        let result = |partition: i32| {
            let (error_code, error_message) =
                Refusal::fields::<()>(Err(answer(context, &asked.topic, partition)));
            PartitionResult { partition_id: partition, error_code, error_message }
        };
        let partition_result =
            asked.partitions.iter().map(|partition| result(*partition)).collect();
        ReplicaElectionResult { topic: asked.topic.clone(), partition_result }
    };
    let results = request.topic_partitions.unwrap_or_default().into_iter().map(of_topic);
    ElectLeadersResponse { replica_election_results: results.collect(), ..Default::default() }
}

fn answer(context: &Context<'_>, topic: &str, partition: i32) -> Refusal {
    match context.node.broker.topic_named(topic) {
        Ok(Some(topic)) if topic.require_partition(partition).is_ok() => Refusal::new(
            ErrorCode::ElectionNotNeeded,
            "Leader election not needed for topic partition.",
        ),
        Ok(_) => Refusal::unknown_topic(),
        Err(error) => error.into(),
    }
}
