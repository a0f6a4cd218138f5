//! ListGroups, DescribeGroups, DeleteGroups, OffsetDelete, and what the deletion of topics does.

use super::answer::{Now, Reply};
use super::shard::Locked;
use super::{Groups, WriteError};
use crate::broker::gate::Gate;
use crate::model::{TopicName, each_once};
use crate::protocol::ErrorCode;
use crate::protocol::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};
use crate::protocol::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup,
};
use crate::protocol::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use crate::protocol::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};

use super::classic::{CONSUMER, State};

/// Kafka's name for the type of these groups.
const CLASSIC: &str = "classic";
/// What a description says of a group that is not there.
const DEAD: &str = "Dead";
/// What may be done with a group, where nobody is kept from anything: read, delete, describe,
/// describe its configs and alter them. Source: Kafka's `AclOperation`.
const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

impl Groups {
    /// The groups there are.
    #[must_use]
    pub fn list(&self, request: &ListGroupsRequest, now: Now) -> ListGroupsResponse {
        let any = |filter: &[String], text: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(text))
        };
        let mut response = ListGroupsResponse::default();
        if !any(&request.types_filter, CLASSIC) {
            return response;
        }
        for shard in &self.shards {
            let locked = match self.locked(shard, now) {
                Ok(locked) => locked,
                Err(error) => {
                    response.error_code = error.code();
                    continue;
                }
            };
            let wanted = locked
                .groups()
                .iter()
                .filter(|(_, group)| any(&request.states_filter, group.classic.state().name()));
            response.groups.extend(wanted.map(|(id, group)| ListedGroup {
                group_id: id.to_string(),
                protocol_type: group.classic.protocol_type().to_owned(),
                group_state: group.classic.state().name().to_owned(),
                group_type: CLASSIC.to_owned(),
            }));
            self.release(locked);
        }
        response.groups.sort_unstable_by(|a, b| a.group_id.cmp(&b.group_id));
        response
    }

    /// How groups are.
    #[must_use]
    pub fn describe(
        &self,
        version: i16,
        request: DescribeGroupsRequest,
        now: Now,
    ) -> DescribeGroupsResponse {
        let describe = |id: String| {
            let mut described = self.describe_one(version, id, now);
            if request.include_authorized_operations && described.error_code == 0 {
                described.authorized_operations = GROUP_OPERATIONS;
            }
            described
        };
        let groups = each_once(request.groups, String::clone).map(describe).collect();
        DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() }
    }

    fn describe_one(&self, version: i16, id: String, now: Now) -> DescribedGroup {
        let mut locked = match self.lock(&id, now) {
            Ok(locked) => locked,
            Err(error) => {
                let error_code = error.code();
                return DescribedGroup { error_code, group_id: id, ..Default::default() };
            }
        };
        let described = match locked.group(&id) {
            Some(group) => group.classic.describe(id),
            None => {
                let missing = version >= 6;
                let error = if missing { ErrorCode::GroupIdNotFound } else { ErrorCode::None };
                DescribedGroup {
                    error_code: error.code(),
                    error_message: missing.then(|| format!("Group {id} not found.")),
                    group_id: id,
                    group_state: DEAD.to_owned(),
                    ..DescribedGroup::default()
                }
            }
        };
        self.release(locked);
        described
    }

    /// Forgets groups; the answer comes when that is durable.
    pub fn delete(
        &self,
        request: DeleteGroupsRequest,
        now: Now,
        reply: Reply<DeleteGroupsResponse>,
    ) {
        let gate = Gate::default();
        let delete = |group_id: String| {
            let deleted = self.lock(&group_id, now).and_then(|mut locked| {
                let deleted = delete_one(&mut locked, &group_id);
                locked.hold(&gate);
                self.release(locked);
                deleted
            });
            let error_code = deleted.err().unwrap_or_default().code();
            DeletableGroupResult { group_id, error_code }
        };
        let mut results: Vec<_> = request.groups_names.into_iter().map(delete).collect();
        gate.open(move |durable| {
            for result in results.iter_mut().filter(|result| result.error_code == 0 && !durable) {
                result.error_code = WriteError::Failed.code().code();
            }
            reply(DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() });
        });
    }

    /// Forgets offsets of a group; the answer comes when that is durable.
    pub fn delete_offsets(
        &self,
        request: OffsetDeleteRequest,
        now: Now,
        reply: Reply<OffsetDeleteResponse>,
    ) {
        let mut locked = match self.lock(&request.group_id, now) {
            Ok(locked) => locked,
            Err(error) => return reply(refused(error)),
        };
        let gate = Gate::default();
        let result = self.delete_some(&mut locked, request);
        locked.hold(&gate);
        self.release(locked);
        gate.open(move |durable| match result {
            Ok(response) if durable => reply(response),
            Ok(_) => reply(refused(WriteError::Failed.code())),
            Err(error) => reply(refused(error)),
        });
    }

    fn delete_some(
        &self,
        locked: &mut Locked<'_>,
        request: OffsetDeleteRequest,
    ) -> Result<OffsetDeleteResponse, ErrorCode> {
        let group = locked.group(&request.group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        let classic = &group.classic;
        if classic.state() != State::Empty && classic.protocol_type() != CONSUMER {
            return Err(ErrorCode::NonEmptyGroup);
        }
        let (mut topics, mut doomed) = (Vec::new(), Vec::new());
        for topic in request.topics {
            let partitions = self.store.broker.topic_named(&topic.name).ok().flatten();
            let partitions = partitions.map_or(0, |found| found.partitions);
            let is_read = classic.is_subscribed(&topic.name);
            let mut rows = Vec::with_capacity(topic.partitions.len());
            for asked in topic.partitions {
                let partition_index = asked.partition_index;
                let error = match (0..partitions).contains(&partition_index) {
                    false => ErrorCode::UnknownTopicOrPartition,
                    true if is_read => ErrorCode::GroupSubscribedToTopic,
                    true => ErrorCode::None,
                };
                let has_offset = group.offsets.get(&topic.name, partition_index).is_some()
                    || group.pending.contains(&topic.name, partition_index);
                if !error.is_error() && has_offset {
                    doomed.push((topic.name.clone(), partition_index));
                }
                let error_code = error.code();
                rows.push(OffsetDeleteResponsePartition { partition_index, error_code });
            }
            topics.push(OffsetDeleteResponseTopic { name: topic.name, partitions: rows });
        }
        locked.forget_offsets(&request.group_id, &doomed).map_err(WriteError::code)?;
        locked.reschedule(&request.group_id);
        Ok(OffsetDeleteResponse { topics, ..OffsetDeleteResponse::default() })
    }

    /// Forgets what groups have committed in topics that are no more.
    pub fn topics_deleted(&self, topics: &[TopicName], now: Now) {
        for shard in &self.shards {
            let Ok(mut locked) = self.locked(shard, now) else { continue };
            let gone = |topic: &str| topics.iter().any(|name| name.as_str() == topic);
            let doomed: Vec<_> = locked
                .groups()
                .iter()
                .map(|(id, group)| (id.to_string(), group.all_offsets(gone)))
                .filter(|(_, offsets)| !offsets.is_empty())
                .collect();
            for (id, offsets) in doomed {
                if let Err(error) = locked.forget_offsets(&id, &offsets) {
                    let error = error.code();
                    let failure = format!("cannot forget offsets of group {id}: {error}");
                    self.store.failures.note(&failure);
                }
                locked.reschedule(&id);
            }
            self.release(locked);
        }
    }
}

fn delete_one(locked: &mut Locked<'_>, group_id: &str) -> Result<(), ErrorCode> {
    match locked.group(group_id) {
        None => Err(ErrorCode::GroupIdNotFound),
        Some(group) if group.classic.state() != State::Empty => Err(ErrorCode::NonEmptyGroup),
        Some(_) => locked.forget_group(group_id).map_err(WriteError::code),
    }
}

fn refused(error: ErrorCode) -> OffsetDeleteResponse {
    OffsetDeleteResponse { error_code: error.code(), ..OffsetDeleteResponse::default() }
}
