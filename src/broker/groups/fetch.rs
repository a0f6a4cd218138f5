//! OffsetFetch.

use std::sync::Arc;

use super::answer::{Now, Reply};
use super::group::Group;
use super::offsets::Committed;
use super::{Groups, WriteError};
use crate::broker::TopicInfo;
use crate::broker::gate::Gate;
use crate::model::{Uuid, each_once};
use crate::protocol::ErrorCode;
use crate::protocol::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopics, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};

impl Groups {
    /// Gives committed offsets. An answer that tells of a commit that is not durable yet waits for
    /// it: nobody may go on from an offset that a crash could take back.
    pub fn fetch_offsets(
        &self,
        version: i16,
        request: OffsetFetchRequest,
        now: Now,
        reply: Reply<OffsetFetchResponse>,
    ) {
        let stable = request.require_stable;
        let groups = match version {
            ..8 => vec![(request.group_id, request.topics.map(named))],
            _ => request.groups.into_iter().map(|group| (group.group_id, group.topics)).collect(),
        };
        let gate = Gate::default();
        let fetch = |asked| self.fetch_group(version, asked, stable, &gate, now);
        let mut results: Vec<_> = each_once(groups, |(id, _)| id.clone()).map(fetch).collect();
        gate.open(move |durable| {
            for group in results.iter_mut().filter(|group| group.error_code == 0 && !durable) {
                group.error_code = WriteError::Failed.code().code();
                group.topics.clear();
            }
            reply(respond(version, results));
        });
    }

    /// What is told of a group; the gate waits for what it tells of.
    fn fetch_group(
        &self,
        version: i16,
        (group_id, topics): (String, Option<Vec<OffsetFetchRequestTopics>>),
        stable: bool,
        gate: &Gate,
        now: Now,
    ) -> OffsetFetchResponseGroup {
        let mut result = OffsetFetchResponseGroup { group_id, ..Default::default() };
        let mut locked = match self.lock(&result.group_id, now) {
            Ok(locked) => locked,
            Err(error) => {
                result.error_code = error.code();
                return result;
            }
        };
        let group = locked.group(&result.group_id).map(|group| &*group);
        result.topics = match topics {
            Some(topics) => {
                let topics = topics.into_iter();
                topics.map(|topic| self.fetch_topic(version, group, topic, stable)).collect()
            }
            None => {
                group.map(|group| self.fetch_everything(version, group, stable)).unwrap_or_default()
            }
        };
        locked.hold(gate);
        self.release(locked);
        result
    }

    fn named(&self, name: &str) -> Option<Arc<TopicInfo>> {
        self.store.broker.topic_named(name).ok().flatten()
    }

    /// The partitions that were asked for. What is not there is no error.
    fn fetch_topic(
        &self,
        version: i16,
        group: Option<&Group>,
        topic: OffsetFetchRequestTopics,
        stable: bool,
    ) -> OffsetFetchResponseTopics {
        let by_id = version >= 10;
        let (name, topic_id) = match by_id {
            true => match self.store.broker.topic_with_id(topic.topic_id).ok().flatten() {
                Some(found) => (found.name.to_string(), topic.topic_id),
                None => return unknown(topic),
            },
            false => {
                let id = self.named(&topic.name).map_or(Uuid::default(), |found| found.id);
                (topic.name, id)
            }
        };
        let fetch = |partition: &i32| {
            if group.is_some_and(|group| stable && group.pending.contains(&name, *partition)) {
                return unstable(*partition);
            }
            let found = group.and_then(|group| group.offsets.get(&name, *partition));
            told(*partition, found.filter(|committed| !committed.is_of_another(topic_id)))
        };
        let partitions = topic.partition_indexes.iter().map(fetch).collect();
        let name = if by_id { String::new() } else { name };
        OffsetFetchResponseTopics { name, topic_id, partitions }
    }

    /// All that a group has committed; by id, only of topics that are there.
    fn fetch_everything(
        &self,
        version: i16,
        group: &Group,
        stable: bool,
    ) -> Vec<OffsetFetchResponseTopics> {
        let mut topics = Vec::new();
        for (name, committed) in group.offsets.topics() {
            let found = self.named(name);
            if version >= 10 && found.is_none() {
                continue;
            }
            let topic_id = found.map_or(Uuid::default(), |found| found.id);
            let ours = committed.iter().filter(|(_, it)| !it.is_of_another(topic_id));
            let told = |(partition, it): (&i32, &Committed)| match stable
                && group.pending.contains(name, *partition)
            {
                true => unstable(*partition),
                false => told(*partition, Some(it)),
            };
            let partitions: Vec<_> = ours.map(told).collect();
            if !partitions.is_empty() {
                let name = name.to_owned();
                topics.push(OffsetFetchResponseTopics { name, topic_id, partitions });
            }
        }
        topics
    }
}

fn named(
    topics: Vec<crate::protocol::offset_fetch::OffsetFetchRequestTopic>,
) -> Vec<OffsetFetchRequestTopics> {
    let named = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
        name: topic.name,
        partition_indexes: topic.partition_indexes,
        ..OffsetFetchRequestTopics::default()
    });
    named.collect()
}

fn told(partition_index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartition {
    let Some(committed) = committed else {
        return OffsetFetchResponsePartition { partition_index, ..Default::default() };
    };
    OffsetFetchResponsePartition {
        partition_index,
        committed_offset: committed.offset,
        committed_leader_epoch: committed.leader_epoch,
        metadata: Some(committed.metadata.to_string()),
        error_code: 0,
    }
}

/// A partition whose offset a transaction is about to change: the client asks again.
fn unstable(partition_index: i32) -> OffsetFetchResponsePartition {
    let error_code = ErrorCode::UnstableOffsetCommit.code();
    OffsetFetchResponsePartition { partition_index, error_code, ..Default::default() }
}

/// A topic whose id nobody knows.
fn unknown(topic: OffsetFetchRequestTopics) -> OffsetFetchResponseTopics {
    let partition = |index: i32| OffsetFetchResponsePartition {
        partition_index: index,
        error_code: ErrorCode::UnknownTopicId.code(),
        ..OffsetFetchResponsePartition::default()
    };
    let partitions = topic.partition_indexes.into_iter().map(partition).collect();
    OffsetFetchResponseTopics { topic_id: topic.topic_id, partitions, ..Default::default() }
}

/// The answer in the form of its version: one group up to 7, several after that.
fn respond(version: i16, mut groups: Vec<OffsetFetchResponseGroup>) -> OffsetFetchResponse {
    if version >= 8 {
        return OffsetFetchResponse { groups, ..OffsetFetchResponse::default() };
    }
    let group = groups.pop().unwrap_or_default();
    let topic = |topic: OffsetFetchResponseTopics| OffsetFetchResponseTopic {
        name: topic.name,
        partitions: topic.partitions,
    };
    OffsetFetchResponse {
        topics: group.topics.into_iter().map(topic).collect(),
        error_code: group.error_code,
        ..OffsetFetchResponse::default()
    }
}
