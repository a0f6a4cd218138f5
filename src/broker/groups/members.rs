//! JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use super::answer::{Answer, Now, Reply};
use super::{Client, Groups, check_group_id, is_too_long};
use crate::model::limits;
use crate::protocol::ErrorCode;
use crate::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use crate::protocol::sync_group::{SyncGroupRequest, SyncGroupResponse};

impl Groups {
    /// Makes the client a member, or takes it into the next generation; the answer comes when that
    /// begins.
    pub fn join(
        &self,
        client: Client<'_>,
        request: &JoinGroupRequest,
        now: Now,
        reply: Reply<JoinGroupResponse>,
    ) {
        let refuse = |reply, error| Answer::refuse_join(reply, &request.member_id, error).send();
        if let Err(error) = self.check_join(request) {
            return refuse(reply, error);
        }
        let id = &request.group_id;
        let mut locked = match self.lock(id, now) {
            Ok(locked) => locked,
            Err(error) => return refuse(reply, error),
        };
        if !request.member_id.is_empty() && locked.group(id).is_none() {
            self.release(locked);
            return refuse(reply, ErrorCode::UnknownMemberId);
        }
        let mut step = locked.step();
        match locked.group_or_new(id) {
            Ok(group) => group.classic.join(client, request, reply, &mut step),
            Err(error) => {
                step.answers.push(Answer::refuse_join(reply, &request.member_id, error));
            }
        }
        let answers = locked.settle(id, step);
        self.release(locked);
        answers.into_iter().for_each(Answer::send);
    }

    fn check_join(&self, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
        check_group_id(&request.group_id)?;
        let config = self.store.broker.config();
        let timeouts = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
        if !timeouts.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        let names = request.protocols.iter().map(|protocol| &protocol.name);
        let names = names.chain(&request.group_instance_id).chain([&request.protocol_type]);
        let bytes: usize = request.protocols.iter().map(|protocol| protocol.metadata.len()).sum();
        match names.into_iter().any(|name| is_too_long(name))
            || bytes > limits::MEMBER_METADATA_BYTES_MAX
        {
            true => Err(ErrorCode::InvalidRequest),
            false => Ok(()),
        }
    }

    /// Gives a member its assignment, once the leader has brought it.
    pub fn sync(&self, request: &SyncGroupRequest, now: Now, reply: Reply<SyncGroupResponse>) {
        let id = &request.group_id;
        let locked = check_group_id(id).and_then(|()| self.lock(id, now));
        let mut locked = match locked {
            Ok(locked) => locked,
            Err(error) => return Answer::refuse_sync(reply, error).send(),
        };
        let mut step = locked.step();
        match locked.group(id) {
            Some(group) => group.classic.sync(request, reply, &mut step),
            None => step.answers.push(Answer::refuse_sync(reply, ErrorCode::UnknownMemberId)),
        }
        let answers = locked.settle(id, step);
        self.release(locked);
        answers.into_iter().for_each(Answer::send);
    }

    /// A member is alive, and is told whether its group rebalances.
    #[must_use]
    pub fn heartbeat(&self, request: &HeartbeatRequest, now: Now) -> HeartbeatResponse {
        let beat = || {
            check_group_id(&request.group_id)?;
            let mut locked = self.lock(&request.group_id, now)?;
            let step = locked.step();
            let result = match locked.group(&request.group_id) {
                Some(group) => group.classic.heartbeat(request, &step),
                None => Err(ErrorCode::UnknownMemberId),
            };
            self.release(locked);
            result
        };
        let error_code = beat().err().unwrap_or_default().code();
        HeartbeatResponse { error_code, ..HeartbeatResponse::default() }
    }

    /// Members go.
    #[must_use]
    pub fn leave(&self, version: i16, request: LeaveGroupRequest, now: Now) -> LeaveGroupResponse {
        let LeaveGroupRequest { group_id, member_id, mut members } = request;
        if version < 3 {
            members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
        }
        let mut response = LeaveGroupResponse::default();
        match self.leave_all(&group_id, &members, now) {
            Err(error) => response.error_code = error.code(),
            // Before version 3 there is one member, and no other place for what became of it.
            Ok(results) if version < 3 => {
                let error = results.into_iter().find_map(Result::err);
                response.error_code = error.unwrap_or_default().code();
            }
            Ok(results) => {
                let members = members.into_iter().zip(results);
                response.members = members.map(|(member, result)| told(member, result)).collect();
            }
        }
        response
    }

    fn leave_all(
        &self,
        group_id: &str,
        members: &[MemberIdentity],
        now: Now,
    ) -> Result<Vec<Result<(), ErrorCode>>, ErrorCode> {
        check_group_id(group_id)?;
        let mut locked = self.lock(group_id, now)?;
        let mut step = locked.step();
        let results = match locked.group(group_id) {
            Some(group) => Ok(group.classic.leave(members, &mut step)),
            None => Err(ErrorCode::UnknownMemberId),
        };
        let answers = locked.settle(group_id, step);
        self.release(locked);
        answers.into_iter().for_each(Answer::send);
        results
    }
}

fn told(member: MemberIdentity, result: Result<(), ErrorCode>) -> MemberResponse {
    MemberResponse {
        member_id: member.member_id,
        group_instance_id: member.group_instance_id,
        error_code: result.err().unwrap_or_default().code(),
    }
}
