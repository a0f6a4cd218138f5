//! SyncGroup, Heartbeat, LeaveGroup, and what time does to members.

use bytes::Bytes;

use super::super::answer::{Answer, Reply, Step};
use super::{ClassicGroup, State};
use crate::protocol::ErrorCode;
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::leave_group::MemberIdentity;
use crate::protocol::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

impl ClassicGroup {
    /// A member asks for its assignment; the leader brings everybody's.
    pub(in crate::broker::groups) fn sync(
        &mut self,
        request: &SyncGroupRequest,
        reply: Reply<SyncGroupResponse>,
        step: &mut Step,
    ) {
        if let Err(error) = self.check_sync(request) {
            return step.answers.push(Answer::refuse_sync(reply, error));
        }
        let id = &request.member_id;
        let Some(member) = self.members.get_mut(id) else { return };
        member.owes_sync = false;
        if let Some(older) = member.sync.replace(reply) {
            step.answers.push(Answer::refuse_sync(older, ErrorCode::RebalanceInProgress));
        }
        match self.state {
            State::CompletingRebalance if self.is_leader(id) => {
                self.assign(&request.assignments);
                self.become_state(State::Stable, step);
                step.persist = true;
                self.tell_assignments(step);
            }
            State::Stable => self.tell_assignments(step),
            // It waits for the leader's.
            _ => {}
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |asked: &Option<String>, ours: &Option<String>| {
            asked.is_some() && ours.is_some() && asked != ours
        };
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        match self.state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    /// Takes the leader's assignments; who is not among them gets an empty one.
    fn assign(&mut self, assignments: &[SyncGroupRequestAssignment]) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        for part in assignments {
            if let Some(member) = self.members.get_mut(&part.member_id) {
                member.assignment = Bytes::copy_from_slice(&part.assignment);
            }
        }
    }

    /// Answers the SyncGroups that are parked.
    fn tell_assignments(&mut self, step: &mut Step) {
        let mut earliest_ms = i64::MAX;
        for member in self.members.values_mut() {
            let Some(reply) = member.sync.take() else { continue };
            let response = SyncGroupResponse {
                protocol_type: self.protocol_type.clone(),
                protocol_name: self.protocol.clone(),
                assignment: member.assignment.clone(),
                ..SyncGroupResponse::default()
            };
            step.answers.push(Answer::Sync(reply, response));
            member.deadline_ms = step.in_ms(member.session_timeout_ms);
            earliest_ms = earliest_ms.min(member.deadline_ms);
        }
        self.note_deadline(earliest_ms);
    }

    /// The group could not be written down: what its members would be told is taken back, and
    /// they are asked to join anew.
    pub(in crate::broker::groups) fn not_persisted(&mut self, step: &mut Step) {
        if self.state == State::Stable {
            self.refuse_parked_syncs(ErrorCode::NotCoordinator, step);
            self.rebalance_or_complete(step);
        }
    }

    /// A member is alive.
    pub(in crate::broker::groups) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        step: &Step,
    ) -> Result<(), ErrorCode> {
        self.check_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        if self.state == State::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        // Also in a rebalance: who is slow to join anew is alive all the same.
        self.refresh_session(&request.member_id, step);
        match self.state {
            State::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Members go; gives what became of each.
    pub(in crate::broker::groups) fn leave(
        &mut self,
        leaving: &[MemberIdentity],
        step: &mut Step,
    ) -> Vec<Result<(), ErrorCode>> {
        let (members, pending) = (self.members.len(), self.pending.len());
        let results = leaving.iter().map(|member| self.leave_one(member, step)).collect();
        if (self.members.len(), self.pending.len()) != (members, pending) {
            self.after_departure(self.members.len() != members, step);
        }
        results
    }

    fn leave_one(&mut self, member: &MemberIdentity, step: &mut Step) -> Result<(), ErrorCode> {
        let instance = member.group_instance_id.as_deref();
        let id = match instance {
            // An administrator knows members by their own names.
            Some(name) if member.member_id.is_empty() => {
                self.static_members.get(name).cloned().ok_or(ErrorCode::UnknownMemberId)?
            }
            _ => member.member_id.clone(),
        };
        if self.pending.remove(&id).is_some() {
            return Ok(());
        }
        self.check_member(&id, instance)?;
        self.take_out(&id, ErrorCode::UnknownMemberId, step);
        Ok(())
    }

    /// Goes on without who is gone: a member, or only somebody who was about to be one.
    fn after_departure(&mut self, of_member: bool, step: &mut Step) {
        match self.state {
            State::Empty => {}
            State::PreparingRebalance => self.complete_if_all_joined(step),
            _ if of_member => self.rebalance_or_complete(step),
            _ => {}
        }
    }

    /// Does what the timers that have ended ask for.
    pub(in crate::broker::groups) fn tick(&mut self, step: &mut Step) {
        let now_ms = step.now.steady_ms;
        if now_ms < self.earliest_ms {
            return;
        }
        self.expire_sessions(step);
        if let Some(phase) = self.join_phase.filter(|phase| phase.deadline_ms <= now_ms) {
            self.join_time_is_up(phase, step);
        }
        if self.sync_deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms) {
            self.sync_time_is_up(step);
        }
        self.earliest_ms = self.find_earliest();
    }

    fn expire_sessions(&mut self, step: &mut Step) {
        let now_ms = step.now.steady_ms;
        let pending = self.pending.len();
        self.pending.retain(|_, deadline_ms| *deadline_ms > now_ms);
        let silent = self.members.values().filter(|m| m.may_expire() && m.deadline_ms <= now_ms);
        let silent: Vec<String> = silent.map(|member| member.id.clone()).collect();
        for id in &silent {
            self.take_out(id, ErrorCode::UnknownMemberId, step);
        }
        if !silent.is_empty() || self.pending.len() != pending {
            self.after_departure(!silent.is_empty(), step);
        }
    }

    /// Members who were told of the generation and never asked for their assignment are gone.
    fn sync_time_is_up(&mut self, step: &mut Step) {
        self.sync_deadline_ms = None;
        let owing = self.members.values().filter(|member| member.owes_sync);
        let owing: Vec<String> = owing.map(|member| member.id.clone()).collect();
        for id in &owing {
            self.take_out(id, ErrorCode::UnknownMemberId, step);
        }
        if !owing.is_empty() {
            self.rebalance_or_complete(step);
        }
    }

    fn find_earliest(&self) -> i64 {
        let sessions = self.members.values().filter(|member| member.may_expire());
        let sessions = sessions.map(|member| member.deadline_ms);
        let phases = self.join_phase.map(|phase| phase.deadline_ms);
        let others = self.pending.values().copied().chain(phases).chain(self.sync_deadline_ms);
        sessions.chain(others).min().unwrap_or(i64::MAX)
    }
}
