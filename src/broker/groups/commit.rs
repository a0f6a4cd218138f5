//! OffsetCommit.

use super::answer::{Now, Reply};
use super::offsets::Committed;
use super::shard::Locked;
use super::{Groups, WriteError, is_too_long};
use crate::model::{Uuid, limits};
use crate::protocol::ErrorCode;
use crate::protocol::group_records::{GroupRecordKey, OffsetCommitValue};
use crate::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};

/// A topic of a request, and which of its partitions can be committed.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) id: Uuid,
    pub(super) partitions: Vec<(OffsetCommitRequestPartition, ErrorCode)>,
}

impl Groups {
    /// Keeps offsets; the answer comes when they are durable.
    pub fn commit_offsets(
        &self,
        version: i16,
        mut request: OffsetCommitRequest,
        now: Now,
        reply: Reply<OffsetCommitResponse>,
    ) {
        let topics = std::mem::take(&mut request.topics);
        let metadata_max = self.metadata_bytes_max();
        let topics = topics.into_iter().map(|topic| self.resolve(version, topic, metadata_max));
        let mut topics: Vec<Topic> = topics.collect();
        let locked = match is_too_long(&request.group_id) {
            true => Err(ErrorCode::InvalidGroupId),
            false => self.lock(&request.group_id, now),
        };
        let mut locked = match locked {
            Ok(locked) => locked,
            Err(error) => return reply(respond(version, topics, error)),
        };
        if let Err(error) = keep(&mut locked, version, &request, &mut topics, now) {
            locked.reschedule(&request.group_id);
            self.release(locked);
            return reply(respond(version, topics, error));
        }
        if locked.is_durable() {
            // Nothing was written.
            self.release(locked);
            return reply(respond(version, topics, ErrorCode::None));
        }
        locked.when_durable(move |durable| {
            let error = if durable { ErrorCode::None } else { WriteError::Failed.code() };
            reply(respond(version, topics, error));
        });
        self.release(locked);
    }

    /// Bytes of what a member may want to be told with an offset.
    pub(super) fn metadata_bytes_max(&self) -> usize {
        let max = self.store.broker.config().offset_metadata_max_bytes;
        usize::try_from(max).unwrap_or(0).min(limits::GROUP_STRING_BYTES_MAX)
    }

    /// Finds a topic of a request, and out which of its partitions there are.
    pub(super) fn resolve(
        &self,
        version: i16,
        topic: OffsetCommitRequestTopic,
        metadata_max: usize,
    ) -> Topic {
        let broker = &self.store.broker;
        let (found, missing) = match version {
            10.. => (broker.topic_with_id(topic.topic_id), ErrorCode::UnknownTopicId),
            _ => (broker.topic_named(&topic.name), ErrorCode::UnknownTopicOrPartition),
        };
        let found = found.unwrap_or_else(|error| {
            self.store.failures.note(&error);
            None
        });
        let check = |partition: &OffsetCommitRequestPartition| match &found {
            None => missing,
            Some(found) if !(0..found.partitions).contains(&partition.partition_index) => {
                ErrorCode::UnknownTopicOrPartition
            }
            Some(_) if metadata_len(partition) > metadata_max => ErrorCode::OffsetMetadataTooLarge,
            Some(_) => ErrorCode::None,
        };
        let partitions = topic.partitions.into_iter();
        let partitions = partitions.map(|partition| {
            let error = check(&partition);
            (partition, error)
        });
        let partitions = partitions.collect();
        match found {
            Some(found) => Topic { name: found.name.to_string(), id: found.id, partitions },
            None => Topic { name: topic.name, id: topic.topic_id, partitions },
        }
    }
}

fn metadata_len(partition: &OffsetCommitRequestPartition) -> usize {
    partition.committed_metadata.as_ref().map_or(0, String::len)
}

/// Writes what can be committed, as one batch, and then knows it.
fn keep(
    locked: &mut Locked<'_>,
    version: i16,
    request: &OffsetCommitRequest,
    topics: &mut [Topic],
    now: Now,
) -> Result<(), ErrorCode> {
    let group_id = &request.group_id;
    let (generation, member_id) = (request.generation_id_or_member_epoch, &request.member_id);
    match locked.group(group_id) {
        Some(group) => {
            let instance = request.group_instance_id.as_deref();
            group.classic.check_commit(generation, member_id, instance)?;
        }
        None if generation < 0 => {}
        None if version >= 9 => return Err(ErrorCode::GroupIdNotFound),
        None => return Err(ErrorCode::IllegalGeneration),
    }
    let kept = |topic: &Topic| topic.partitions.iter().any(|(_, error)| !error.is_error());
    if topics.iter().any(kept) {
        locked.group_or_new(group_id)?;
        let base_offset = locked.append(|batch| {
            for (topic, partition) in each(topics) {
                let index = partition.partition_index;
                let key = GroupRecordKey::Offset {
                    group: group_id,
                    topic: &topic.name,
                    partition: index,
                };
                batch.offset(&key, &value_of(request.retention_time_ms, topic.id, partition, now));
            }
        });
        let base_offset = base_offset.map_err(WriteError::code)?;
        let group = locked.group_or_new(group_id)?;
        for (record_offset, (topic, partition)) in (base_offset..).zip(each(topics)) {
            let value = value_of(request.retention_time_ms, topic.id, partition, now);
            let committed = Committed::of(&value, record_offset);
            group.offsets.insert(&topic.name, partition.partition_index, committed);
        }
    }
    let step = locked.step();
    if let Some(group) = locked.group(group_id) {
        group.classic.committed(member_id, &step);
    }
    locked.reschedule(group_id);
    Ok(())
}

/// The partitions that can be committed, each with its topic.
pub(super) fn each(
    topics: &[Topic],
) -> impl Iterator<Item = (&Topic, &OffsetCommitRequestPartition)> {
    topics.iter().flat_map(|topic| {
        let good = topic.partitions.iter().filter(|(_, error)| !error.is_error());
        good.map(move |(partition, _)| (topic, partition))
    })
}

pub(super) fn value_of<'a>(
    retention_time_ms: i64,
    topic_id: Uuid,
    partition: &'a OffsetCommitRequestPartition,
    now: Now,
) -> OffsetCommitValue<'a> {
    let expire_timestamp = match retention_time_ms {
        -1 => -1,
        retention_ms => now.wall_ms.saturating_add(retention_ms).max(0),
    };
    OffsetCommitValue {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or_default(),
        commit_timestamp: now.wall_ms,
        expire_timestamp,
        topic_id,
    }
}

/// The answer; `error` is of what was to be written.
fn respond(version: i16, topics: Vec<Topic>, error: ErrorCode) -> OffsetCommitResponse {
    let partition = |(partition, own): (OffsetCommitRequestPartition, ErrorCode)| {
        OffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: if own.is_error() { own } else { error }.code(),
        }
    };
    let topic = |topic: Topic| OffsetCommitResponseTopic {
        name: if version < 10 { topic.name } else { String::new() },
        topic_id: topic.id,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    let topics = topics.into_iter().map(topic).collect();
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}
