//! The way from one generation to the next.

use std::collections::BTreeMap;

use super::super::answer::{Answer, Step};
use super::member::Member;
use super::{ClassicGroup, InitialDelay, JoinPhase, State};
use crate::protocol::ErrorCode;

impl ClassicGroup {
    /// Begins a rebalance, or ends one for which all members are there now.
    pub(super) fn rebalance_or_complete(&mut self, step: &mut Step) {
        match self.state {
            State::PreparingRebalance => self.complete_if_all_joined(step),
            _ => self.prepare_rebalance(step),
        }
    }

    /// Asks all members to join anew.
    fn prepare_rebalance(&mut self, step: &mut Step) {
        if self.state == State::CompletingRebalance {
            self.refuse_parked_syncs(ErrorCode::RebalanceInProgress, step);
        }
        self.sync_deadline_ms = None;
        for member in self.members.values_mut() {
            member.owes_sync = false;
        }
        let timeout_ms = self.max_rebalance_timeout_ms();
        let was_empty = self.state == State::Empty;
        self.become_state(State::PreparingRebalance, step);
        if was_empty {
            // More members are likely to come: a rebalance for each would be a waste.
            let delay_ms = step.config.group_initial_rebalance_delay_ms.min(timeout_ms);
            let remaining_ms = timeout_ms.saturating_sub(delay_ms).max(0);
            let initial = Some(InitialDelay { remaining_ms, grew: false });
            return self.wait_for_joins(delay_ms, initial, step);
        }
        self.wait_for_joins(timeout_ms, None, step);
        self.complete_if_all_joined(step);
    }

    fn wait_for_joins(&mut self, ms: i32, initial: Option<InitialDelay>, step: &Step) {
        let deadline_ms = step.in_ms(ms);
        self.join_phase = Some(JoinPhase { deadline_ms, initial });
        self.note_deadline(deadline_ms);
    }

    /// Members whose JoinGroup is parked.
    pub(super) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.join.is_some()).count()
    }

    /// Ends the rebalance if nobody is missing.
    pub(super) fn complete_if_all_joined(&mut self, step: &mut Step) {
        let initial = self.join_phase.is_some_and(|phase| phase.initial.is_some());
        // The delay of a group that was empty is over when its time is, or nobody is left.
        let may_complete = !initial || self.members.is_empty();
        let all_there =
            self.pending.is_empty() && self.members.values().all(|member| member.join.is_some());
        if self.state == State::PreparingRebalance && may_complete && all_there {
            self.complete_join(step);
        }
    }

    /// The time to join is up.
    pub(super) fn join_time_is_up(&mut self, phase: JoinPhase, step: &mut Step) {
        if let Some(initial) = phase.initial
            && initial.grew
            && initial.remaining_ms > 0
        {
            let delay_ms = step.config.group_initial_rebalance_delay_ms.min(initial.remaining_ms);
            let remaining_ms = initial.remaining_ms - delay_ms;
            let initial = Some(InitialDelay { remaining_ms, grew: false });
            return self.wait_for_joins(delay_ms, initial, step);
        }
        self.complete_join(step);
    }

    /// Those who joined are the next generation.
    fn complete_join(&mut self, step: &mut Step) {
        let gone = |member: &Member| member.join.is_none() && member.instance.is_none();
        let gone: Vec<String> =
            self.members.values().filter(|member| gone(member)).map(|m| m.id.clone()).collect();
        for id in gone {
            self.take_out(&id, ErrorCode::UnknownMemberId, step);
        }
        if !self.members.is_empty() && !self.elect_leader() {
            // Only static members are left, none of them back: their sessions decide.
            return self.wait_for_joins(self.max_rebalance_timeout_ms(), None, step);
        }
        self.join_phase = None;
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        if self.members.is_empty() {
            self.protocol = None;
            self.leader = None;
            self.become_state(State::Empty, step);
            self.note_subscriptions();
            step.persist = true;
            return;
        }
        self.protocol = self.select_protocol();
        self.become_state(State::CompletingRebalance, step);
        self.note_subscriptions();
        self.begin_generation(step);
    }

    /// Tells all who joined of the generation, and waits for them to ask for their assignments.
    fn begin_generation(&mut self, step: &mut Step) {
        let ids: Vec<String> = self.members.keys().cloned().collect();
        for id in ids {
            let response = self.generation_for(&id, self.is_leader(&id));
            let Some(member) = self.members.get_mut(&id) else { continue };
            member.is_new = false;
            member.owes_sync = true;
            if let Some(reply) = member.join.take() {
                step.answers.push(Answer::Join(reply, response));
                self.refresh_session(&id, step);
            }
        }
        let deadline_ms = step.in_ms(self.max_rebalance_timeout_ms());
        self.sync_deadline_ms = Some(deadline_ms);
        self.note_deadline(deadline_ms);
    }

    /// Keeps a leader that has joined, or takes another who has. False if nobody has.
    fn elect_leader(&mut self) -> bool {
        let has_joined = |id: &String| self.members.get(id).is_some_and(|m| m.join.is_some());
        if !self.leader.as_ref().is_some_and(has_joined) {
            let joined = self.members.values().find(|member| member.join.is_some());
            let Some(joined) = joined else { return false };
            self.leader = Some(joined.id.clone());
        }
        true
    }

    /// The protocol that all can do and most like best; of equals, the one that the leader prefers.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let leader = self.leader.as_ref().and_then(|id| self.members.get(id));
        let leader = leader.or_else(|| self.members.values().next())?;
        let can = |member: &Member, name: &str| member.protocols.iter().any(|p| p.name == name);
        let common = |name: &str| self.members.values().all(|member| can(member, name));
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some(choice) = member.protocols.iter().find(|p| common(&p.name)) {
                *votes.entry(&choice.name).or_default() += 1;
            }
        }
        let most = votes.values().max()?;
        let names = leader.protocols.iter().map(|protocol| &protocol.name);
        names.into_iter().find(|name| votes.get(name.as_str()) == Some(most)).cloned()
    }

    /// Takes a member out, and answers what it waits for.
    pub(super) fn take_out(&mut self, member_id: &str, error: ErrorCode, step: &mut Step) {
        let Some(member) = self.members.remove(member_id) else { return };
        if let Some(join) = member.join {
            step.answers.push(Answer::refuse_join(join, member_id, error));
        }
        if let Some(sync) = member.sync {
            step.answers.push(Answer::refuse_sync(sync, error));
        }
        if let Some(instance) = member.instance
            && self.static_members.get(&instance).is_some_and(|id| id == member_id)
        {
            self.static_members.remove(&instance);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Refuses the SyncGroups that are parked.
    pub(super) fn refuse_parked_syncs(&mut self, error: ErrorCode, step: &mut Step) {
        for member in self.members.values_mut() {
            member.assignment = bytes::Bytes::new();
            if let Some(sync) = member.sync.take() {
                step.answers.push(Answer::refuse_sync(sync, error));
                // It was not silent: it waited for us.
                member.deadline_ms = step.in_ms(member.session_timeout_ms);
            }
        }
        let earliest_ms = self.members.values().map(|member| member.deadline_ms).min();
        self.note_deadline(earliest_ms.unwrap_or(i64::MAX));
    }
}
