//! What holds whatever members do: random joins, syncs, heartbeats, departures, deaths and restarts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What one of a few clients does next.
#[derive(Debug, Clone, Copy)]
enum Act {
    Join {
        client: usize,
        changed: bool,
    },
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    /// It forgets who it was, as a process that is started anew.
    Forget(usize),
    Pass(i64),
    /// The coordinator is stopped, and another reads what was written down.
    Restart,
    /// The group can't be written down.
    WriteFails,
}

const CLIENTS: usize = 5;

fn act() -> impl Strategy<Value = Act> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.2))
            .prop_map(|(client, changed)| Act::Join { client, changed }),
        8 => client.clone().prop_map(Act::Sync),
        3 => client.clone().prop_map(Act::Heartbeat),
        1 => client.clone().prop_map(Act::Leave),
        1 => client.prop_map(Act::Forget),
        4 => prop_oneof![Just(1), 1_000..5_000_i64, 1_000..70_000_i64].prop_map(Act::Pass),
        1 => Just(Act::Restart),
        1 => Just(Act::WriteFails),
    ]
}

/// One client, as it sees itself.
#[derive(Default)]
struct Seat {
    id: String,
    generation: i32,
    members: Vec<String>,
    join: Option<Waiting<JoinGroupResponse>>,
    sync: Option<Waiting<SyncGroupResponse>>,
}

struct World {
    ground: Ground,
    seats: Vec<Seat>,
    written: Option<crate::protocol::group_records::GroupMetadataValue>,
    /// The leader of each generation that was told.
    leaders: BTreeMap<i32, String>,
    highest: i32,
    /// Requests whose clients went on without an answer: those too are answered in the end.
    abandoned: Vec<Waiting<JoinGroupResponse>>,
}

impl World {
    fn new() -> Self {
        let seats = (0..CLIENTS).map(|_| Seat::default()).collect();
        let (leaders, abandoned) = (BTreeMap::new(), Vec::new());
        Self { ground: Ground::new(), seats, written: None, leaders, highest: 0, abandoned }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Join { client, changed } => self.join(client, changed),
            Act::Sync(client) if self.seats[client].sync.is_none() => {
                let seat = &self.seats[client];
                let parts: Vec<_> =
                    seat.members.iter().map(|id| (id.as_str(), id.as_str())).collect();
                let (id, generation) = (seat.id.clone(), seat.generation);
                let sync = self.ground.sync(&id, generation, &parts);
                self.seats[client].sync = Some(sync);
                self.write();
            }
            Act::Sync(_) => {}
            Act::Heartbeat(client) => {
                let (id, generation) =
                    (self.seats[client].id.clone(), self.seats[client].generation);
                let _ = self.ground.heartbeat(&id, generation);
            }
            Act::Leave(client) => {
                let id = self.seats[client].id.clone();
                let instance = instance_of(client);
                if !id.is_empty() && self.ground.leave(&id, instance).is_ok() {
                    self.seats[client].id.clear();
                }
                self.write();
            }
            Act::Forget(client) => {
                let seat = std::mem::take(&mut self.seats[client]);
                self.abandoned.extend(seat.join);
            }
            Act::Pass(ms) => {
                let end_ms = self.ground.now_ms + ms;
                while self.ground.group.earliest_ms() <= end_ms {
                    let at_ms = self.ground.group.earliest_ms();
                    self.ground.now_ms = self.ground.now_ms.max(at_ms);
                    self.ground.step(ClassicGroup::tick);
                    assert!(self.ground.group.earliest_ms() > self.ground.now_ms, "it goes on");
                    self.write();
                }
                self.ground.now_ms = end_ms;
            }
            Act::Restart => self.restart(),
            Act::WriteFails => self.ground.step(ClassicGroup::not_persisted),
        }
        self.look_at_answers();
        self.check();
    }

    fn join(&mut self, client: usize, changed: bool) {
        if self.seats[client].join.is_some() {
            return;
        }
        let id = self.seats[client].id.clone();
        let protocols: &[_] = if changed { &[("a", "new"), ("b", "")] } else { &[("b", "")] };
        let version = if client == 0 { 3 } else { 9 };
        let who = As { version, id: &id, instance: instance_of(client), protocols };
        let join = self.ground.join(who);
        self.seats[client].join = Some(join);
        self.write();
    }

    fn write(&mut self) {
        if self.ground.persist {
            self.written = Some(self.ground.group.to_record());
        }
    }

    fn restart(&mut self) {
        let now = Now { wall_ms: 1_000_000 + self.ground.now_ms, steady_ms: self.ground.now_ms };
        self.ground.group = match self.written.clone() {
            Some(written) => ClassicGroup::from_record(written, now),
            None => ClassicGroup::new(now.wall_ms),
        };
        // Connections break: nobody waits any more.
        for seat in &mut self.seats {
            (seat.join, seat.sync) = (None, None);
        }
        self.abandoned.clear();
        self.leaders.retain(|generation, _| *generation <= self.ground.group.generation);
        self.highest = self.ground.group.generation;
    }

    fn look_at_answers(&mut self) {
        for seat in &mut self.seats {
            if let Some(response) = seat.join.as_ref().and_then(take) {
                seat.join = None;
                match ErrorCode::from_code(response.error_code) {
                    Some(ErrorCode::None) => {
                        assert!(response.generation_id >= self.highest, "a generation fell");
                        self.highest = response.generation_id;
                        let is_leader = response.leader == response.member_id;
                        assert!(response.members.is_empty() || is_leader);
                        if is_leader && !response.members.is_empty() {
                            let leader = response.member_id.clone();
                            // Only a static leader that came back has the generation of another id.
                            let before = self.leaders.insert(response.generation_id, leader);
                            let same = before.is_none_or(|id| id == response.member_id);
                            assert!(same || response.skip_assignment, "two leaders");
                        }
                        seat.id = response.member_id;
                        seat.generation = response.generation_id;
                        seat.members =
                            response.members.into_iter().map(|member| member.member_id).collect();
                    }
                    Some(ErrorCode::MemberIdRequired) => seat.id = response.member_id,
                    Some(ErrorCode::UnknownMemberId) => seat.id.clear(),
                    Some(ErrorCode::RebalanceInProgress | ErrorCode::FencedInstanceId) => {}
                    Some(ErrorCode::InconsistentGroupProtocol) => {}
                    error => panic!("{error:?}"),
                }
            }
            if let Some(response) = seat.sync.as_ref().and_then(take) {
                seat.sync = None;
                let assigned = response.assignment == seat.id.as_bytes();
                let is_empty = response.assignment.is_empty();
                // A static member that came back has what its old id was given.
                assert!(assigned || is_empty || seat.id.starts_with("static"), "another's work");
            }
        }
        self.abandoned.retain(|waiting| waiting.lock().expect("nobody panicked").is_none());
    }

    fn check(&self) {
        let group = &self.ground.group;
        let (joins, syncs) = group.members.values().fold((0, 0), |(joins, syncs), member| {
            (joins + usize::from(member.join.is_some()), syncs + usize::from(member.sync.is_some()))
        });
        let waiting = self.seats.iter().filter(|seat| seat.join.is_some()).count();
        assert_eq!(waiting + self.abandoned.len(), joins, "no JoinGroup is lost");
        match group.state() {
            State::Empty => assert!(group.members.is_empty() && group.join_phase.is_none()),
            State::PreparingRebalance => assert!(group.join_phase.is_some() && syncs == 0),
            State::CompletingRebalance => assert!(joins == 0 && group.sync_deadline_ms.is_some()),
            State::Stable => assert!(joins == 0 && syncs == 0 && !group.members.is_empty()),
        }
        let leader = group.leader.as_ref();
        assert_eq!(leader.is_none(), group.members.is_empty(), "a leader for members, else none");
        assert!(leader.is_none_or(|id| group.members.contains_key(id)));
        for (name, id) in &group.static_members {
            let member = group.members.get(id).expect("a static member is a member");
            assert_eq!(member.instance.as_ref(), Some(name));
        }
        let statics = group.members.values().filter(|member| member.instance.is_some()).count();
        assert_eq!(statics, group.static_members.len());
        let timers = group.members.values().filter(|member| member.may_expire());
        assert!(timers.into_iter().all(|member| group.earliest_ms() <= member.deadline_ms));
        assert!(group.join_phase.is_none_or(|phase| group.earliest_ms() <= phase.deadline_ms));
    }
}

/// The last two clients are static members.
fn instance_of(client: usize) -> Option<&'static str> {
    match client {
        3 => Some("static-3"),
        4 => Some("static-4"),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_steps(acts in prop::collection::vec(act(), 1..120)) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        // Left alone, all sessions end, and nobody waits for ever.
        for _ in 0..40 {
            world.act(Act::Pass(400_000));
        }
        prop_assert_eq!(world.ground.group.state(), State::Empty);
        prop_assert!(world.seats.iter().all(|seat| seat.join.is_none() && seat.sync.is_none()));
        prop_assert_eq!(world.ground.group.earliest_ms(), i64::MAX);
    }
}
