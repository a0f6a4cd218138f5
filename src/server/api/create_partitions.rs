//! CreatePartitions 0–3: more partitions for topics, ready when the answer goes out. `timeout_ms`
//! is ignored. Assignments by hand can only name this node. Kafka's own topics are refused: what is
//! in which partition follows from their number. Source: KIP-195.

use std::collections::{HashMap, HashSet};

use super::refusal::Refusal;
use super::{Context, replicas};
use crate::model::TopicName;
use crate::protocol::ErrorCode;
use crate::protocol::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: &CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for topic in &request.topics {
        *times.entry(&topic.name).or_default() += 1;
    }
    let mut seen = HashSet::new();
    let asked: Vec<&CreatePartitionsTopic> =
        request.topics.iter().filter(|topic| seen.insert(topic.name.as_str())).collect();
    let planned: Vec<Result<(TopicName, i32), Refusal>> = asked
        .iter()
        .map(|topic| match times[topic.name.as_str()] {
            1 => plan(context, topic),
            _ => Err(Refusal::duplicate_topic()),
        })
        .collect();
    let results = grow(context, planned, request.validate_only);
    let rows = asked.iter().zip(results).map(|(topic, result)| {
        let (error_code, error_message) = Refusal::fields(result);
        CreatePartitionsTopicResult { name: topic.name.clone(), error_code, error_message }
    });
    CreatePartitionsResponse { results: rows.collect(), ..Default::default() }
}

fn plan(context: &Context<'_>, asked: &CreatePartitionsTopic) -> Result<(TopicName, i32), Refusal> {
    let topic = context.node.broker.topic_named(&asked.name)?.ok_or_else(Refusal::unknown_topic)?;
    let name = topic.name.clone();
    if name.is_internal() {
        return Err(Refusal::internal_topic(&name));
    }
    let (has, count) = (topic.partitions, asked.count);
    if count <= has {
        let message = match count == has {
            true => format!("Topic already has {has} partition(s)."),
            false => format!(
                "The topic {name} currently has {has} partition(s); {count} would not be an \
                 increase."
            ),
        };
        return Err(Refusal::new(ErrorCode::InvalidPartitions, message));
    }
    if let Some(assignments) = &asked.assignments {
        let (more, assigned) = (count - has, assignments.len());
        if usize::try_from(more).is_ok_and(|more| more != assigned) {
            let message = format!(
                "Attempted to add {more} additional partition(s), but only {assigned} \
                 assignment(s) were specified."
            );
            return Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
        }
        for assignment in assignments {
            replicas::check_brokers(context, &assignment.broker_ids)?;
        }
    }
    Ok((name, count))
}

/// Grows what can be, all of it as one change.
fn grow(
    context: &Context<'_>,
    planned: Vec<Result<(TopicName, i32), Refusal>>,
    validate_only: bool,
) -> Vec<Result<(), Refusal>> {
    let wanted: Vec<(TopicName, i32)> = planned.iter().flatten().cloned().collect();
    let (mut grown, failed) = match context.node.broker.add_partitions(&wanted, validate_only) {
        Ok(grown) => (grown.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(Refusal::from(error))),
    };
    let result = |plan: Result<(TopicName, i32), Refusal>| match (plan, &failed) {
        (Err(refusal), _) => Err(refusal),
        (Ok(_), Some(refusal)) => Err(refusal.clone()),
        (Ok(_), None) => grown.next().unwrap_or(Ok(())).map_err(Refusal::from),
    };
    planned.into_iter().map(result).collect()
}
