//! DeleteTopics 1–6: topics, by name or (6) by id, gone when the answer goes out. `timeout_ms` is
//! ignored. Kafka's own topics are refused. Source: KIP-4, KIP-516; KIP-322 for error 73.

use std::collections::HashSet;

use super::Context;
use super::refusal::Refusal;
use crate::model::{TopicName, Uuid};
use crate::protocol::ErrorCode;
use crate::protocol::delete_topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};

/// The id of a topic that is given by name.
const NO_ID: Uuid = Uuid([0; 16]);

/// A topic that is there.
struct Found {
    name: TopicName,
    id: Uuid,
}

pub(super) fn handle(context: &Context<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState { name: Some(name), topic_id: NO_ID };
    let asked: Vec<DeleteTopicState> = match context.version {
        6.. => request.topics,
        _ => request.topic_names.into_iter().map(by_name).collect(),
    };
    let mut seen = HashSet::new();
    let found: Vec<Result<Found, Refusal>> = asked
        .iter()
        .map(|asked| {
            let found = find(context, asked)?;
            match seen.insert(found.name.clone()) {
                true => Ok(found),
                false => Err(Refusal::duplicate_topic()),
            }
        })
        .collect();
    let results = delete(context, &found);
    let rows = asked.into_iter().zip(found).zip(results).map(|((asked, found), result)| {
        let (error_code, error_message) = Refusal::fields(result);
        let (name, topic_id) = match found {
            Ok(Found { name, id }) => (Some(name.to_string()), id),
            Err(_) => (asked.name, asked.topic_id),
        };
        DeletableTopicResult { name, topic_id, error_code, error_message }
    });
    DeleteTopicsResponse { responses: rows.collect(), ..Default::default() }
}

fn find(context: &Context<'_>, asked: &DeleteTopicState) -> Result<Found, Refusal> {
    let node = context.node;
    if !node.broker.config().delete_topic_enable {
        let code = match context.version {
            3.. => ErrorCode::TopicDeletionDisabled,
            _ => ErrorCode::InvalidRequest,
        };
        return Err(Refusal::new(code, "Topic deletion is disabled."));
    }
    let topic = match (&asked.name, asked.topic_id) {
        (None, NO_ID) => {
            let message = "Neither topic name nor id were specified.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        (Some(name), NO_ID) => node.broker.topic_named(name)?.ok_or_else(Refusal::unknown_topic)?,
        (None, id) => node.broker.topic_with_id(id)?.ok_or_else(|| {
            let message = "This server does not host this topic ID.";
            Refusal::new(ErrorCode::UnknownTopicId, message)
        })?,
        (Some(_), _) => {
            let message = "You may not specify both topic name and topic id.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    };
    if topic.name.is_internal() {
        return Err(Refusal::internal_topic(&topic.name));
    }
    Ok(Found { name: topic.name.clone(), id: topic.id })
}

/// Deletes what was found, all of it as one change.
fn delete(context: &Context<'_>, found: &[Result<Found, Refusal>]) -> Vec<Result<(), Refusal>> {
    let names: Vec<TopicName> = found.iter().flatten().map(|found| found.name.clone()).collect();
    let (mut deleted, failed) = match context.node.broker.delete_topics(&names) {
        Ok(deletions) => {
            let groups = &context.node.groups;
            groups.topics_deleted(&names, groups.now());
            if let Err(error) = deletions.files {
                // The topics are gone all the same.
                tracing::warn!(%error, "files of deleted topics are left for the next change");
            }
            (deletions.topics.into_iter(), None)
        }
        Err(error) => (Vec::new().into_iter(), Some(Refusal::from(error))),
    };
    let result = |found: &Result<Found, Refusal>| match (found, &failed) {
        (Err(refusal), _) | (Ok(_), Some(refusal)) => Err(refusal.clone()),
        (Ok(_), None) => deleted.next().unwrap_or(Ok(())).map_err(Refusal::from),
    };
    found.iter().map(result).collect()
}
