//! The state machine, step by step; `statics.rs` has static members, `laws.rs` what holds for any steps.

mod laws;
mod statics;

use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::super::answer::{Answer, Now, Step};
use super::{ClassicGroup, Client, State};
use crate::model::config::BrokerConfig;
use crate::protocol::ErrorCode;
use crate::protocol::heartbeat::HeartbeatRequest;
use crate::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::leave_group::MemberIdentity;
use crate::protocol::sync_group::{
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};

/// An answer that somebody waits for; two for one request are a failure.
type Waiting<T> = Arc<Mutex<Option<T>>>;

const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 60_000;

/// A group under test, and the time.
struct Ground {
    group: ClassicGroup,
    config: Arc<BrokerConfig>,
    now_ms: i64,
    /// Whether the last step wanted the group written down.
    persist: bool,
}

/// Who joins, and how; the rest is usual.
#[derive(Clone, Copy)]
struct As<'a> {
    version: i16,
    id: &'a str,
    instance: Option<&'a str>,
    protocols: &'a [(&'a str, &'a str)],
}

const NEW: As<'static> =
    As { version: 3, id: "", instance: None, protocols: &[("range", "m"), ("roundrobin", "m")] };

fn take<T>(waiting: &Waiting<T>) -> Option<T> {
    waiting.lock().unwrap().take()
}

fn told<T>(waiting: &Waiting<T>) -> T {
    take(waiting).expect("it was answered")
}

fn slot<T: Send + 'static>() -> (Waiting<T>, Box<dyn FnOnce(T) + Send>) {
    let waiting: Waiting<T> = Arc::default();
    let filled = Arc::clone(&waiting);
    (waiting, Box::new(move |answer| *filled.lock().unwrap() = Some(answer)))
}

impl Ground {
    fn new() -> Self {
        Self::with(BrokerConfig::default())
    }

    fn with(config: BrokerConfig) -> Self {
        Self { group: ClassicGroup::new(0), config: Arc::new(config), now_ms: 0, persist: false }
    }

    fn step<T>(&mut self, work: impl FnOnce(&mut ClassicGroup, &mut Step) -> T) -> T {
        let now = Now { wall_ms: 1_000_000 + self.now_ms, steady_ms: self.now_ms };
        let mut step = Step::new(now, Arc::clone(&self.config));
        let result = work(&mut self.group, &mut step);
        self.persist = step.persist;
        step.answers.into_iter().for_each(Answer::send);
        result
    }

    fn join(&mut self, who: As<'_>) -> Waiting<JoinGroupResponse> {
        let protocols = who.protocols.iter().map(|(name, metadata)| JoinGroupRequestProtocol {
            name: (*name).to_owned(),
            metadata: Bytes::copy_from_slice(metadata.as_bytes()),
        });
        let request = JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            member_id: who.id.to_owned(),
            group_instance_id: who.instance.map(str::to_owned),
            protocol_type: "connect".to_owned(),
            protocols: protocols.collect(),
            reason: None,
        };
        let client = Client { version: who.version, id: "client", host: "/1.2.3.4" };
        let (waiting, reply) = slot();
        self.step(|group, step| group.join(client, &request, reply, step));
        waiting
    }

    fn sync(
        &mut self,
        id: &str,
        generation_id: i32,
        parts: &[(&str, &str)],
    ) -> Waiting<SyncGroupResponse> {
        let assignments = parts.iter().map(|(member, part)| SyncGroupRequestAssignment {
            member_id: (*member).to_owned(),
            assignment: Bytes::copy_from_slice(part.as_bytes()),
        });
        let request = SyncGroupRequest {
            group_id: "g".to_owned(),
            generation_id,
            member_id: id.to_owned(),
            assignments: assignments.collect(),
            ..SyncGroupRequest::default()
        };
        let (waiting, reply) = slot();
        self.step(|group, step| group.sync(&request, reply, step));
        waiting
    }

    fn heartbeat(&mut self, id: &str, generation_id: i32) -> Result<(), ErrorCode> {
        let request = HeartbeatRequest {
            generation_id,
            member_id: id.to_owned(),
            ..HeartbeatRequest::default()
        };
        self.step(|group, step| group.heartbeat(&request, step))
    }

    fn leave(&mut self, id: &str, instance: Option<&str>) -> Result<(), ErrorCode> {
        let member = MemberIdentity {
            member_id: id.to_owned(),
            group_instance_id: instance.map(str::to_owned),
            reason: None,
        };
        self.step(|group, step| group.leave(&[member], step))[0]
    }

    /// Lets time pass, with the timers that end meanwhile.
    fn pass(&mut self, ms: i64) {
        let end_ms = self.now_ms + ms;
        while self.group.earliest_ms() <= end_ms {
            self.now_ms = self.now_ms.max(self.group.earliest_ms());
            self.step(ClassicGroup::tick);
        }
        self.now_ms = end_ms;
    }

    /// Brings a group of members without names of their own to Stable; gives their ids, the leader
    /// first.
    fn stable(&mut self, count: usize) -> Vec<String> {
        let joins: Vec<_> = (0..count).map(|_| self.join(NEW)).collect();
        self.pass(6_000);
        let joined: Vec<_> = joins.iter().map(told).collect();
        let generation = joined[0].generation_id;
        let ids: Vec<String> = joined.into_iter().map(|response| response.member_id).collect();
        let parts: Vec<_> = ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
        let syncs: Vec<_> =
            ids.iter().rev().map(|id| (id.clone(), self.sync(id, generation, &parts))).collect();
        for (id, sync) in syncs {
            assert_eq!(told(&sync).assignment, id.as_bytes());
        }
        assert_eq!(self.group.state(), State::Stable);
        ids
    }
}

#[test]
fn a_group_begins_after_a_delay_that_newcomers_extend() {
    let mut ground = Ground::new();
    let first = ground.join(NEW);
    ground.pass(2_000);
    let second = ground.join(NEW);
    ground.pass(3_999);
    assert!(take(&first).is_none(), "somebody came during the first delay");
    ground.pass(1);
    let (first, second) = (told(&first), told(&second));
    assert_eq!((first.generation_id, second.generation_id), (1, 1));
    assert_eq!(first.leader, first.member_id);
    assert_eq!((first.members.len(), second.members.len()), (2, 0));
    assert_eq!(first.protocol_name.as_deref(), Some("range"));
    assert!(first.member_id.starts_with("client-"), "{}", first.member_id);
}

#[test]
fn the_delay_ends_with_the_rebalance_timeout() {
    let mut ground = Ground::new();
    let first = ground.join(NEW);
    for _ in 0..29 {
        ground.pass(2_000);
        drop(ground.join(NEW));
    }
    ground.pass(1_999);
    assert!(take(&first).is_none());
    ground.pass(1);
    assert_eq!(told(&first).members.len(), 30);
}

#[test]
fn who_has_no_id_is_given_one_first() {
    let mut ground = Ground::new();
    let refused = told(&ground.join(As { version: 4, ..NEW }));
    assert_eq!(refused.error_code, ErrorCode::MemberIdRequired.code());
    assert!(!refused.member_id.is_empty());
    let joined = ground.join(As { version: 4, id: &refused.member_id, ..NEW });
    ground.pass(3_000);
    assert_eq!(told(&joined).member_id, refused.member_id);
    // One that never comes back is forgotten, and nothing is left of its group.
    let mut ground = Ground::new();
    let id = told(&ground.join(As { version: 4, ..NEW })).member_id;
    assert!(!ground.group.is_blank());
    ground.pass(i64::from(SESSION_MS));
    assert!(ground.group.is_blank());
    let late = told(&ground.join(As { version: 4, id: &id, ..NEW }));
    assert_eq!(late.error_code, ErrorCode::UnknownMemberId.code());
}

#[test]
fn the_leaders_sync_is_written_down_and_answers_all() {
    let mut ground = Ground::new();
    let (a, b) = (ground.join(NEW), ground.join(NEW));
    ground.pass(6_000);
    let (a, b) = (told(&a), told(&b));
    let follower = ground.sync(&b.member_id, 1, &[]);
    assert!(take(&follower).is_none() && !ground.persist);
    let leader = ground.sync(&a.member_id, 1, &[(&a.member_id, "all")]);
    assert!(ground.persist);
    assert_eq!(told(&leader).assignment, &b"all"[..]);
    assert_eq!(told(&follower).assignment, &b""[..], "the leader gave it nothing");
    let again = told(&ground.sync(&b.member_id, 1, &[]));
    assert_eq!((again.error_code, again.assignment.len()), (0, 0));
}

#[test]
fn wrong_syncs_are_refused() {
    let mut ground = Ground::new();
    let ids = ground.stable(1);
    for (id, generation, error) in [
        ("nobody", 1, ErrorCode::UnknownMemberId),
        (&ids[0], 0, ErrorCode::IllegalGeneration),
        (&ids[0], 2, ErrorCode::IllegalGeneration),
    ] {
        assert_eq!(told(&ground.sync(id, generation, &[])).error_code, error.code());
    }
    let request = SyncGroupRequest {
        generation_id: 1,
        member_id: ids[0].clone(),
        protocol_name: Some("other".to_owned()),
        ..SyncGroupRequest::default()
    };
    let (waiting, reply) = slot();
    ground.step(|group, step| group.sync(&request, reply, step));
    assert_eq!(told(&waiting).error_code, ErrorCode::InconsistentGroupProtocol.code());
    drop(ground.join(NEW));
    let refused = told(&ground.sync(&ids[0], 1, &[]));
    assert_eq!(refused.error_code, ErrorCode::RebalanceInProgress.code());
}

#[test]
fn a_newcomer_makes_the_others_join_anew() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    let newcomer = ground.join(NEW);
    assert_eq!(ground.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
    let leader = ground.join(As { id: &ids[0], ..NEW });
    assert!(take(&leader).is_none());
    let other = ground.join(As { id: &ids[1], ..NEW });
    let told: Vec<_> = [&leader, &other, &newcomer].map(told).into();
    assert!(told.iter().all(|response| response.generation_id == 2 && response.leader == ids[0]));
    assert_eq!(told[0].members.len(), 3);
}

#[test]
fn who_does_not_join_anew_is_out() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    let leader = ground.join(As { id: &ids[1], protocols: &[("range", "changed")], ..NEW });
    // The other is alive, and busy with its records.
    for _ in 0..11 {
        ground.pass(5_000);
        assert_eq!(ground.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
    }
    ground.pass(5_000);
    let response = told(&leader);
    assert_eq!((response.generation_id, response.members.len()), (2, 1));
    assert_eq!(response.leader, ids[1], "its leader is gone");
    assert_eq!(ground.heartbeat(&ids[0], 1), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn joining_anew_for_no_reason_disturbs_nobody() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    let follower = told(&ground.join(As { id: &ids[1], ..NEW }));
    assert_eq!((follower.error_code, follower.generation_id), (0, 1));
    assert_eq!(ground.group.state(), State::Stable);
    drop(ground.join(As { id: &ids[0], ..NEW }));
    assert_eq!(ground.group.state(), State::PreparingRebalance, "a leader has a reason");
}

#[test]
fn a_lost_answer_is_given_again() {
    let mut ground = Ground::new();
    let joined = ground.join(NEW);
    ground.pass(3_000);
    let id = told(&joined).member_id;
    let again = told(&ground.join(As { id: &id, ..NEW }));
    assert_eq!((again.generation_id, again.members.len()), (1, 1));
    assert_eq!(ground.group.state(), State::CompletingRebalance);
    drop(ground.join(As { id: &id, protocols: &[("range", "changed")], ..NEW }));
    assert_eq!(ground.group.generation, 2, "alone, it begins the next one at once");
}

#[test]
fn a_rebalance_refuses_the_syncs_that_wait() {
    let mut ground = Ground::new();
    let (a, b) = (ground.join(NEW), ground.join(NEW));
    ground.pass(6_000);
    let (a, b) = (told(&a).member_id, told(&b).member_id);
    let parked = ground.sync(&b, 1, &[]);
    // Longer than its session: who waits for us is not silent.
    for _ in 0..4 {
        ground.pass(5_000);
        assert_eq!(ground.heartbeat(&a, 1), Ok(()));
    }
    drop(ground.join(NEW));
    assert_eq!(told(&parked).error_code, ErrorCode::RebalanceInProgress.code());
    ground.pass(i64::from(SESSION_MS) - 1);
    assert_eq!(ground.heartbeat(&b, 1), Err(ErrorCode::RebalanceInProgress), "it lives on");
}

#[test]
fn who_never_syncs_is_out() {
    let mut ground = Ground::new();
    let (a, b) = (ground.join(NEW), ground.join(NEW));
    ground.pass(6_000);
    let (a, b) = (told(&a).member_id, told(&b).member_id);
    let leader = ground.sync(&a, 1, &[]);
    assert_eq!(told(&leader).error_code, 0);
    for _ in 0..12 {
        ground.pass(5_000);
        let _ = (ground.heartbeat(&a, 1), ground.heartbeat(&b, 1));
    }
    assert_eq!(ground.heartbeat(&b, 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(ground.heartbeat(&a, 1), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn silence_ends_a_session() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    ground.pass(9_999);
    assert_eq!(ground.heartbeat(&ids[0], 1), Ok(()));
    ground.pass(1);
    assert_eq!(ground.heartbeat(&ids[1], 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(ground.heartbeat(&ids[0], 1), Err(ErrorCode::RebalanceInProgress));
    ground.pass(i64::from(SESSION_MS));
    assert_eq!((ground.group.state(), ground.group.generation), (State::Empty, 2));
    assert!(ground.persist, "an empty generation is written down too");
    assert_eq!(ground.group.earliest_ms(), i64::MAX, "no timer is left");
}

#[test]
fn leaving_moves_the_group_on() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    assert_eq!(ground.leave("nobody", None), Err(ErrorCode::UnknownMemberId));
    assert_eq!(ground.leave(&ids[1], None), Ok(()));
    assert_eq!(ground.group.state(), State::PreparingRebalance);
    let rest = told(&ground.join(As { id: &ids[0], ..NEW }));
    assert_eq!((rest.generation_id, rest.members.len()), (2, 1));
    assert_eq!(ground.leave(&ids[0], None), Ok(()));
    assert_eq!((ground.group.state(), ground.group.generation), (State::Empty, 3));
}

#[test]
fn a_group_takes_only_who_can_work_with_it() {
    let mut ground = Ground::new();
    let error = |response: JoinGroupResponse| ErrorCode::from_code(response.error_code);
    let empty = told(&ground.join(As { protocols: &[], ..NEW }));
    assert_eq!(error(empty), Some(ErrorCode::InconsistentGroupProtocol));
    assert!(ground.group.is_blank(), "nothing came of it");
    drop(ground.join(NEW));
    let other = told(&ground.join(As { protocols: &[("other", "")], ..NEW }));
    assert_eq!(error(other), Some(ErrorCode::InconsistentGroupProtocol));
    // What all can do is chosen, though not all like it best.
    let (a, b) = (As { protocols: &[("roundrobin", "x")], ..NEW }, NEW);
    let (a, _) = (ground.join(a), ground.join(b));
    ground.pass(60_000);
    assert_eq!(told(&a).protocol_name.as_deref(), Some("roundrobin"));
}

#[test]
fn a_full_group_takes_nobody() {
    let mut ground = Ground::with(BrokerConfig { group_max_size: 2, ..BrokerConfig::default() });
    let ids = ground.stable(2);
    let refused = told(&ground.join(NEW));
    assert_eq!(refused.error_code, ErrorCode::GroupMaxSizeReached.code());
    assert_eq!(told(&ground.join(As { id: &ids[1], ..NEW })).error_code, 0);
}

#[test]
fn commits_are_checked() {
    let mut ground = Ground::new();
    assert_eq!(ground.group.check_commit(-1, "", None), Ok(()));
    let ids = ground.stable(1);
    let check = |ground: &Ground, generation, id| ground.group.check_commit(generation, id, None);
    assert_eq!(check(&ground, 1, &ids[0]), Ok(()));
    assert_eq!(check(&ground, 0, &ids[0]), Err(ErrorCode::IllegalGeneration));
    assert_eq!(check(&ground, 1, "nobody"), Err(ErrorCode::UnknownMemberId));
    assert_eq!(check(&ground, -1, ""), Err(ErrorCode::UnknownMemberId));
    let again = ground.join(As { id: &ids[0], ..NEW });
    assert_eq!(told(&again).generation_id, 2);
    assert_eq!(check(&ground, 2, &ids[0]), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn what_was_not_written_is_taken_back() {
    let mut ground = Ground::new();
    let ids = ground.stable(2);
    ground.step(ClassicGroup::not_persisted);
    assert_eq!(ground.group.state(), State::PreparingRebalance);
    assert_eq!(ground.heartbeat(&ids[1], 1), Err(ErrorCode::RebalanceInProgress));
}
