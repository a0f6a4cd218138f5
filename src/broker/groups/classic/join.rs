//! JoinGroup: who becomes a member, who stays one, and what that does to the group.

use super::super::answer::{Answer, Reply, Step};
use super::member::{Member, protocols_of};
use super::{ClassicGroup, JoinPhase, State};
use crate::model::{Uuid, limits};
use crate::protocol::ErrorCode;
use crate::protocol::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse, JoinGroupResponseMember,
};

/// The type of the groups whose members are consumers.
pub(in crate::broker::groups) const CONSUMER: &str = "consumer";

/// How long the JoinGroup of who never was a member may wait. It can't send heartbeats, and nobody
/// hears of it when its connection breaks. Source: KIP-394.
const NEW_MEMBER_JOIN_TIMEOUT_MS: i32 = 5 * 60_000;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The version of the request.
    pub version: i16,
    /// The name that the client gave itself.
    pub id: &'a str,
    /// Where it is, as `/10.0.0.7`.
    pub host: &'a str,
}

/// A JoinGroup and who sent it.
struct Joining<'a> {
    client: Client<'a>,
    request: &'a JoinGroupRequest,
}

impl Joining<'_> {
    fn instance(&self) -> Option<&str> {
        self.request.group_instance_id.as_deref()
    }

    /// Version 0 has one timeout for both.
    fn rebalance_timeout_ms(&self) -> i32 {
        match self.client.version {
            0 => self.request.session_timeout_ms,
            _ => self.request.rebalance_timeout_ms,
        }
    }

    /// An id for who has none: by it, people tell members apart.
    fn new_member_id(&self) -> Result<String, ErrorCode> {
        let name = self.instance().unwrap_or(self.client.id);
        let name = crate::protocol::wire::at_most(name, limits::MEMBER_NAME_BYTES_MAX);
        let id = Uuid::random().map_err(|_| ErrorCode::UnknownServerError)?;
        Ok(format!("{name}-{}", hyphenated(id)))
    }
}

/// A UUID as everybody but Kafka writes it; members' ids have this form.
fn hyphenated(id: Uuid) -> String {
    let hex = id.to_hex();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

impl ClassicGroup {
    /// A client wants to be a member, or to stay one in the next generation.
    pub(in crate::broker::groups) fn join(
        &mut self,
        client: Client<'_>,
        request: &JoinGroupRequest,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        let joining = Joining { client, request };
        let refused = match self.check_join(&joining, step) {
            Ok(()) if request.member_id.is_empty() => joining.new_member_id().map(Some),
            Ok(()) => Ok(None),
            Err(error) => Err(error),
        };
        match refused {
            Ok(Some(id)) => self.join_new(&joining, id, reply, step),
            Ok(None) => self.join_known(&joining, reply, step),
            Err(error) => step.answers.push(Answer::refuse_join(reply, &request.member_id, error)),
        }
    }

    fn check_join(&mut self, joining: &Joining<'_>, step: &Step) -> Result<(), ErrorCode> {
        let request = joining.request;
        let known = self.members.get(&request.member_id);
        let max = usize::try_from(step.config.group_max_size).unwrap_or(usize::MAX);
        let has_room = match self.state {
            State::Empty => true,
            // Who waits already was counted; who comes back late may find the group full.
            State::PreparingRebalance => {
                known.is_some_and(|member| member.join.is_some()) || self.awaiting_join() < max
            }
            _ => known.is_some() || self.members.len() < max,
        };
        let may_wait = known.is_some()
            || self.pending.contains_key(&request.member_id)
            || self.pending.len() < limits::GROUP_PENDING_MAX;
        if !has_room || !may_wait {
            self.pending.remove(&request.member_id);
            return Err(ErrorCode::GroupMaxSizeReached);
        }
        match self.supports(&request.protocol_type, &request.protocols) {
            true => Ok(()),
            false => Err(ErrorCode::InconsistentGroupProtocol),
        }
    }

    /// Whether who can do these protocols can work with the members.
    fn supports(&self, protocol_type: &str, protocols: &[JoinGroupRequestProtocol]) -> bool {
        if self.members.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let all_can = |asked: &JoinGroupRequestProtocol| {
            let can = |member: &Member| member.protocols.iter().any(|can| can.name == asked.name);
            self.members.values().all(can)
        };
        self.protocol_type() == protocol_type && protocols.iter().any(all_can)
    }

    /// Somebody without an id.
    fn join_new(
        &mut self,
        joining: &Joining<'_>,
        member_id: String,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        if let Some(instance) = joining.instance() {
            return match self.static_members.get(instance).cloned() {
                Some(old_id) => self.replace_static(joining, &old_id, &member_id, reply, step),
                None => self.add_member(joining, member_id, reply, step),
            };
        }
        if joining.client.version < 4 {
            return self.add_member(joining, member_id, reply, step);
        }
        // It is to come again with its id, so that one whose answers get lost is one member and not
        // many. Source: KIP-394.
        let deadline_ms = step.in_ms(joining.request.session_timeout_ms);
        step.answers.push(Answer::refuse_join(reply, &member_id, ErrorCode::MemberIdRequired));
        self.pending.insert(member_id, deadline_ms);
        self.note_deadline(deadline_ms);
    }

    /// Somebody with an id.
    fn join_known(
        &mut self,
        joining: &Joining<'_>,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        let request = joining.request;
        let id = &request.member_id;
        if joining.instance().is_none() && self.pending.remove(id).is_some() {
            return self.add_member(joining, id.clone(), reply, step);
        }
        if let Err(error) = self.check_member(id, joining.instance()) {
            return step.answers.push(Answer::refuse_join(reply, id, error));
        }
        let is_same = self.members[id].matches(&request.protocols);
        match self.state {
            State::Empty => {
                let error = ErrorCode::UnknownMemberId;
                step.answers.push(Answer::refuse_join(reply, id, error));
            }
            // Its answer got lost, or a follower asks for no reason: no rebalance for that.
            State::CompletingRebalance if is_same => {
                self.tell_generation(id, reply, self.is_leader(id), step);
            }
            State::Stable if is_same && !self.is_leader(id) => {
                self.tell_generation(id, reply, false, step);
            }
            _ => {
                self.update_member(id, joining, reply, step);
                self.rebalance_or_complete(step);
            }
        }
    }

    /// Answers with the generation as it is.
    fn tell_generation(
        &mut self,
        member_id: &str,
        reply: Reply<JoinGroupResponse>,
        with_members: bool,
        step: &mut Step,
    ) {
        let response = self.generation_for(member_id, with_members);
        step.answers.push(Answer::Join(reply, response));
        self.refresh_session(member_id, step);
    }

    /// What a member is told of the generation.
    pub(super) fn generation_for(&self, member_id: &str, with_members: bool) -> JoinGroupResponse {
        JoinGroupResponse {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            member_id: member_id.to_owned(),
            members: if with_members { self.members_for_leader() } else { Vec::new() },
            ..JoinGroupResponse::default()
        }
    }

    fn members_for_leader(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let told = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.values().map(told).collect()
    }

    fn add_member(
        &mut self,
        joining: &Joining<'_>,
        member_id: String,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        let request = joining.request;
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.clone());
        }
        if let Some(JoinPhase { initial: Some(initial), .. }) = &mut self.join_phase {
            initial.grew = true;
        }
        if let Some(instance) = joining.instance() {
            self.static_members.insert(instance.to_owned(), member_id.clone());
        }
        let deadline_ms = step.in_ms(NEW_MEMBER_JOIN_TIMEOUT_MS);
        let member = Member {
            id: member_id.clone(),
            instance: request.group_instance_id.clone(),
            client_id: joining.client.id.to_owned(),
            client_host: joining.client.host.to_owned(),
            rebalance_timeout_ms: joining.rebalance_timeout_ms(),
            session_timeout_ms: request.session_timeout_ms,
            protocols: protocols_of(&request.protocols),
            assignment: bytes::Bytes::new(),
            is_new: true,
            owes_sync: false,
            join: Some(reply),
            sync: None,
            deadline_ms,
        };
        // The first who comes leads.
        self.leader.get_or_insert_with(|| member_id.clone());
        self.members.insert(member_id, member);
        self.note_deadline(deadline_ms);
        self.rebalance_or_complete(step);
    }

    /// A member says anew what it can do, and waits for the next generation.
    fn update_member(
        &mut self,
        member_id: &str,
        joining: &Joining<'_>,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        let Some(member) = self.members.get_mut(member_id) else { return };
        member.rebalance_timeout_ms = joining.rebalance_timeout_ms();
        member.session_timeout_ms = joining.request.session_timeout_ms;
        member.protocols = protocols_of(&joining.request.protocols);
        if let Some(older) = member.join.replace(reply) {
            // It has asked again: who waits on its older connection, if anybody does, asks again too.
            let error = ErrorCode::RebalanceInProgress;
            step.answers.push(Answer::refuse_join(older, member_id, error));
        }
    }

    /// A static member came back under a new id: the old one is fenced off.
    fn replace_static(
        &mut self,
        joining: &Joining<'_>,
        old_id: &str,
        new_id: &str,
        reply: Reply<JoinGroupResponse>,
        step: &mut Step,
    ) {
        let Some(mut member) = self.members.remove(old_id) else { return };
        let fenced = ErrorCode::FencedInstanceId;
        if let Some(join) = member.join.take() {
            step.answers.push(Answer::refuse_join(join, old_id, fenced));
        }
        if let Some(sync) = member.sync.take() {
            step.answers.push(Answer::refuse_sync(sync, fenced));
        }
        let old_leader = self.leader.clone().unwrap_or_default();
        let was_leader = old_leader == old_id;
        if was_leader {
            self.leader = Some(new_id.to_owned());
        }
        new_id.clone_into(&mut member.id);
        joining.client.id.clone_into(&mut member.client_id);
        joining.client.host.clone_into(&mut member.client_host);
        self.static_members.extend(member.instance.clone().map(|name| (name, new_id.to_owned())));
        self.members.insert(new_id.to_owned(), member);
        self.refresh_session(new_id, step);
        self.update_member(new_id, joining, reply, step);
        if self.state != State::Stable || self.select_protocol() != self.protocol {
            return self.rebalance_or_complete(step);
        }
        // The same work under another id: no rebalance, but the others must find the new id after a
        // restart. Source: KIP-345; KIP-814 for the leader, who must not assign anew.
        self.note_subscriptions();
        step.persist = true;
        let Some(reply) = self.members.get_mut(new_id).and_then(|member| member.join.take()) else {
            return;
        };
        let can_skip = joining.client.version >= 9;
        let mut response = self.generation_for(new_id, can_skip && was_leader);
        response.skip_assignment = can_skip && was_leader;
        if !can_skip {
            response.leader = old_leader;
        }
        step.answers.push(Answer::Join(reply, response));
    }
}
