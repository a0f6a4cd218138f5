//! A group of the classic protocol, as a state machine: requests and timers in, answers out. No
//! I/O, no locks, no clock of its own.
//!
//! ```text
//!            a member joins                       all joined, or time is up
//!   Empty ───────────────────► PreparingRebalance ─────────────────────────► CompletingRebalance
//!     ▲                            │    ▲    ▲                                   │         │
//!     └────────────────────────────┘    │    └───────────────────────────────────┘         │
//!            no member is left          │     a member joins, leaves or dies               │
//!                                       └──────────────────────────── Stable ◄─────────────┘
//!                                                                       the leader's sync
//! ```
//!
//! What always holds: the generation only rises; a group that is not Empty has members, and after
//! its first generation a leader among them; a parked JoinGroup belongs to PreparingRebalance, a
//! parked SyncGroup to CompletingRebalance; each is answered exactly once. What a member says of
//! itself and what it is told to do are opaque bytes, for any type of protocol.
//!
//! Source: Kafka's `ClassicGroup` and `GroupMetadataManager`; KIP-345, KIP-394, KIP-814.

mod describe;
mod join;
mod member;
mod rebalance;
mod record;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::Step;
use crate::protocol::ErrorCode;
use member::Member;

pub(super) use join::CONSUMER;
pub use join::Client;

/// Where a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It has no members.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// It waits for the leader to assign.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl State {
    /// Kafka's name for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// How a rebalance waits for members to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct JoinPhase {
    /// When it stops to wait.
    deadline_ms: i64,
    /// Of a group that was empty: it waits for members that nobody knows of yet.
    initial: Option<InitialDelay>,
}

/// How a group that was empty waits for more members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InitialDelay {
    /// For how much longer it may, after the present delay.
    remaining_ms: i32,
    /// Whether somebody came during the present delay.
    grew: bool,
}

/// A group.
pub(super) struct ClassicGroup {
    state: State,
    /// Since when it is in its state, in milliseconds since the Unix epoch; `None` if not known.
    state_since_ms: Option<i64>,
    protocol_type: Option<String>,
    /// The protocol of the generation.
    protocol: Option<String>,
    generation: i32,
    /// The id of the member who assigns.
    leader: Option<String>,
    members: BTreeMap<String, Member>,
    /// The ids of the static members, by their own names.
    static_members: HashMap<String, String>,
    /// Ids that were given to those who had none and did not come back yet, and until when.
    pending: BTreeMap<String, i64>,
    join_phase: Option<JoinPhase>,
    /// When members who did not ask for their assignment are taken out.
    sync_deadline_ms: Option<i64>,
    /// The topics that a group of type `consumer` reads; `None` where it can't be told.
    subscribed: Option<BTreeSet<String>>,
    /// No timer ends before this.
    earliest_ms: i64,
}

impl ClassicGroup {
    /// A group without members, or a mere holder of offsets.
    pub(super) fn new(now_wall_ms: i64) -> Self {
        Self {
            state: State::Empty,
            state_since_ms: Some(now_wall_ms),
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            static_members: HashMap::new(),
            pending: BTreeMap::new(),
            join_phase: None,
            sync_deadline_ms: None,
            subscribed: None,
            earliest_ms: i64::MAX,
        }
    }

    /// Where it is.
    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// What kind of group it is; empty of one that never had a member.
    pub(super) fn protocol_type(&self) -> &str {
        self.protocol_type.as_deref().unwrap_or_default()
    }

    /// Since when it is in its state.
    pub(super) const fn state_since_ms(&self) -> Option<i64> {
        self.state_since_ms
    }

    /// Whether nothing is known of it: no members, nobody who is about to be one, no past.
    pub(super) fn is_blank(&self) -> bool {
        self.state == State::Empty && self.generation == 0 && self.pending.is_empty()
    }

    /// Whether it has no members, and nobody who is about to be one.
    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Empty && self.pending.is_empty()
    }

    /// When its next timer ends, or sooner; `i64::MAX` if it has none.
    pub(super) const fn earliest_ms(&self) -> i64 {
        self.earliest_ms
    }

    /// Sees to it that the group is looked at when a timer ends.
    fn note_deadline(&mut self, deadline_ms: i64) {
        self.earliest_ms = self.earliest_ms.min(deadline_ms);
    }

    fn become_state(&mut self, state: State, step: &Step) {
        self.state = state;
        self.state_since_ms = Some(step.now.wall_ms);
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    fn max_rebalance_timeout_ms(&self) -> i32 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// Refuses who is no member, or whose own name belongs to another by now.
    fn check_member(&self, member_id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance) = instance {
            match self.static_members.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(id) if id != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        match self.members.contains_key(member_id) {
            true => Ok(()),
            false => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// Begins a member's session anew.
    fn refresh_session(&mut self, member_id: &str, step: &Step) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.deadline_ms = step.in_ms(member.session_timeout_ms);
            let deadline_ms = member.deadline_ms;
            self.note_deadline(deadline_ms);
        }
    }

    /// Whether a member may commit offsets; `generation` -1, no id and no name of who is none.
    pub(super) fn check_commit(
        &self,
        generation: i32,
        member_id: &str,
        instance: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation < 0 && member_id.is_empty() && instance.is_none() {
            // Whoever commits by itself must not disturb a group at work.
            return match self.state {
                State::Empty => Ok(()),
                _ => Err(ErrorCode::UnknownMemberId),
            };
        }
        self.check_member(member_id, instance)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.state {
            State::CompletingRebalance => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether a member may commit offsets in a transaction. Clients of before KIP-447 don't say who
    /// they are, and are taken by the fencing of their transaction alone.
    pub(super) fn check_transactional_commit(
        &self,
        generation: i32,
        member_id: &str,
        instance: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if generation < 0
            && (self.state == State::Empty || member_id.is_empty() && instance.is_none())
        {
            return Ok(());
        }
        self.check_member(member_id, instance)?;
        match generation == self.generation {
            true => Ok(()),
            false => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// Begins the session of who has committed anew: it is alive.
    pub(super) fn committed(&mut self, member_id: &str, step: &Step) {
        self.refresh_session(member_id, step);
    }

    /// Whether its members read a topic, as far as it can be told.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type() == CONSUMER && self.state != State::Empty,
        }
    }

    /// Whether it is known which topics its members read.
    pub(super) const fn knows_topics(&self) -> bool {
        self.subscribed.is_some()
    }

    /// Remembers which topics the members read.
    fn note_subscriptions(&mut self) {
        self.subscribed = None;
        let (CONSUMER, Some(protocol)) = (self.protocol_type(), self.protocol.clone()) else {
            return;
        };
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(&protocol);
            match crate::protocol::group_records::subscribed_topics(&metadata) {
                Some(named) => topics.extend(named.into_iter().map(str::to_owned)),
                None => return,
            }
        }
        self.subscribed = Some(topics);
    }
}
