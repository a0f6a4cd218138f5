//! The group coordinator over a real directory: what it keeps, what it finds again, what it forgets.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use runnel::broker::{Access, Broker, Client, GroupCommit, Groups, Home, NewTopic, Now, Reply};
use runnel::clock::SystemClock;
use runnel::model::TopicName;
use runnel::protocol::ErrorCode;
use runnel::protocol::delete_groups::DeleteGroupsRequest;
use runnel::protocol::describe_groups::DescribeGroupsRequest;
use runnel::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use runnel::protocol::list_groups::ListGroupsRequest;
use runnel::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use runnel::protocol::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use runnel::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::support::{World, data};

/// A coordinator, and the time that its callers say.
pub(crate) struct Ground {
    pub(crate) groups: Groups,
    pub(crate) broker: Arc<Broker>,
    now: Now,
}

/// A time of 2026, far from any clock's.
const START: Now = Now { wall_ms: 1_790_000_000_000, steady_ms: 0 };

fn slot<T: Send + 'static>() -> (Receiver<T>, Reply<T>) {
    let (sender, receiver) = channel();
    (receiver, Box::new(move |answer| sender.send(answer).expect("somebody waits")))
}

fn told<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(Duration::from_secs(60)).expect("an answer")
}

impl Ground {
    pub(crate) fn open(path: &Path) -> Self {
        let home = Home::open_path(path, Access::Write, true, "test").expect("opens");
        let clock = Arc::new(SystemClock);
        let broker = Arc::new(Broker::new(home, clock.clone()));
        broker.adopt_topics().expect("adopts");
        let commit = Arc::new(GroupCommit::start(clock).expect("threads"));
        let groups = Groups::new(Arc::clone(&broker), Some(commit)).expect("a coordinator");
        Self { groups, broker, now: START }
    }

    pub(crate) fn make_topic(&self, name: &str) {
        let name = TopicName::new(name).expect("a legal name");
        let new = NewTopic { name, partitions: 2, configs: std::collections::BTreeMap::new() };
        self.broker.create_topic(&new).expect("makes a topic");
    }

    /// Lets time pass, with the timers that end meanwhile.
    fn pass(&mut self, ms: i64) {
        self.now = Now { wall_ms: self.now.wall_ms + ms, steady_ms: self.now.steady_ms + ms };
        while self.groups.next_deadline_ms().is_some_and(|at| at <= self.now.steady_ms) {
            self.groups.tick(self.now);
        }
    }

    /// Commits of the first two partitions of a topic; gives their codes.
    pub(crate) fn commit(
        &self,
        group: &str,
        topic: &str,
        offset: i64,
        more: OffsetCommitRequest,
    ) -> [i16; 2] {
        let partition = |partition_index: i32| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: offset + i64::from(partition_index),
            committed_leader_epoch: 3,
            committed_metadata: Some(format!("at {offset}")),
        };
        let topic = OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: vec![partition(0), partition(1)],
            ..OffsetCommitRequestTopic::default()
        };
        let group_id = group.to_owned();
        let request = OffsetCommitRequest { group_id, topics: vec![topic], ..more };
        let (waiting, reply) = slot();
        self.groups.commit_offsets(8, request, self.now, reply);
        let response = told(&waiting);
        let codes = response.topics[0].partitions.iter().map(|partition| partition.error_code);
        codes.collect::<Vec<_>>().try_into().expect("two partitions")
    }

    /// All offsets of a group: topic, partition, offset, metadata.
    pub(crate) fn all_offsets(&self, group: &str) -> Vec<(String, i32, i64, String)> {
        let request = OffsetFetchRequest { group_id: group.to_owned(), ..Default::default() };
        let (waiting, reply) = slot();
        self.groups.fetch_offsets(7, request, self.now, reply);
        let response = told(&waiting);
        assert_eq!(response.error_code, 0);
        let topics = response.topics.into_iter().flat_map(|topic| {
            let name = topic.name;
            topic.partitions.into_iter().map(move |partition| {
                let metadata = partition.metadata.expect("never null");
                let offset = partition.committed_offset;
                (name.clone(), partition.partition_index, offset, metadata)
            })
        });
        topics.collect()
    }

    /// A group of one member in its first generation; gives the member's id.
    pub(crate) fn one_member(&mut self, group: &str) -> String {
        let protocol = JoinGroupRequestProtocol {
            name: "range".to_owned(),
            // Version 0, one topic: `orders`; no user data.
            metadata: (&b"\0\0\0\0\0\x01\0\x06orders\xff\xff\xff\xff"[..]).into(),
        };
        let request = JoinGroupRequest {
            group_id: group.to_owned(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer".to_owned(),
            protocols: vec![protocol],
            ..JoinGroupRequest::default()
        };
        let client = Client { version: 3, id: "test", host: "/127.0.0.1" };
        let (waiting, reply) = slot();
        self.groups.join(client, &request, self.now, reply);
        self.pass(3_000);
        let joined = told(&waiting);
        assert_eq!((joined.error_code, joined.leader == joined.member_id), (0, true));
        let member_id = joined.member_id;
        let assignment = SyncGroupRequestAssignment {
            member_id: member_id.clone(),
            assignment: (&b"all"[..]).into(),
        };
        let request = SyncGroupRequest {
            group_id: group.to_owned(),
            generation_id: joined.generation_id,
            member_id: member_id.clone(),
            assignments: vec![assignment],
            ..SyncGroupRequest::default()
        };
        let (waiting, reply) = slot();
        self.groups.sync(&request, self.now, reply);
        assert_eq!(told(&waiting).assignment, &b"all"[..]);
        member_id
    }

    pub(crate) fn states(&self) -> Vec<(String, String)> {
        let listed = self.groups.list(&ListGroupsRequest::default(), self.now);
        listed.groups.into_iter().map(|group| (group.group_id, group.group_state)).collect()
    }

    fn delete(&self, group: &str) -> Option<ErrorCode> {
        let (waiting, reply) = slot();
        let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
        self.groups.delete(request, self.now, reply);
        ErrorCode::from_code(told(&waiting).results[0].error_code)
    }
}

pub(crate) fn row(
    topic: &str,
    partition: i32,
    offset: i64,
    metadata: &str,
) -> (String, i32, i64, String) {
    (topic.to_owned(), partition, offset, metadata.to_owned())
}

/// A commit of who is no member.
pub(crate) fn alone() -> OffsetCommitRequest {
    OffsetCommitRequest::default()
}

#[test]
fn kafkas_groups_are_found() {
    let world = World::new();
    let broker = data::unpack(&world, "unclean");
    std::fs::create_dir(world.dir()).expect("a directory");
    std::fs::rename(broker, world.dir().join("log")).expect("moves");
    let mut ground = Ground::open(&world.dir());
    assert_eq!(ground.all_offsets("g1"), [row("codec-none", 0, 115, "")]);
    assert_eq!(ground.all_offsets("g2"), [row("codec-none", 0, 288, "")]);
    assert_eq!(ground.all_offsets("nobody"), []);
    let states = [("dump", "Empty"), ("g1", "Empty"), ("g2", "Empty")];
    assert_eq!(ground.states(), states.map(|(id, state)| (id.to_owned(), state.to_owned())));
    // They go on from there.
    assert_eq!(ground.commit("g1", "codec-none", 200, alone()), [0, 3], "it has one partition");
    assert_eq!(ground.all_offsets("g1"), [row("codec-none", 0, 200, "at 200")]);
    drop(ground);
    ground = Ground::open(&world.dir());
    assert_eq!(ground.all_offsets("g1"), [row("codec-none", 0, 200, "at 200")]);
    assert_eq!(ground.all_offsets("g2"), [row("codec-none", 0, 288, "")]);
}

#[test]
fn commits_are_kept_over_restarts() {
    let world = World::new();
    for round in 0..3 {
        let ground = Ground::open(&world.dir());
        if round == 0 {
            ground.make_topic("orders");
            assert_eq!(ground.all_offsets("g"), []);
        } else {
            let before = 10 * (round - 1);
            let metadata = format!("at {before}");
            let expected =
                [row("orders", 0, before, &metadata), row("orders", 1, before + 1, &metadata)];
            assert_eq!(ground.all_offsets("g"), expected);
        }
        assert_eq!(ground.commit("g", "orders", 10 * round, alone()), [0, 0]);
        assert_eq!(ground.commit("other", "orders", 7, alone()), [0, 0]);
    }
    let partitions = std::fs::read_dir(world.dir().join("log")).expect("a directory");
    let made = partitions.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with("__consumer_offsets-")
    });
    assert_eq!(made.count(), 2, "directories are made for partitions that are used");
}

#[test]
fn what_cannot_be_committed_is_refused_alone() {
    let world = World::new();
    let ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(ground.commit("g", "none", 1, alone()), [unknown; 2]);
    assert_eq!(ground.states(), [], "nothing came of it");
    let of_a_member = OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id: "m".to_owned(),
        ..OffsetCommitRequest::default()
    };
    let illegal = ErrorCode::IllegalGeneration.code();
    assert_eq!(ground.commit("g", "orders", 1, of_a_member), [illegal; 2]);
    let partition = |partition_index, length| OffsetCommitRequestPartition {
        partition_index,
        committed_metadata: Some("x".repeat(length)),
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "orders".to_owned(),
        partitions: vec![partition(0, 4_097), partition(1, 4_096), partition(2, 1)],
        ..OffsetCommitRequestTopic::default()
    };
    let request =
        OffsetCommitRequest { group_id: "g".to_owned(), topics: vec![topic], ..Default::default() };
    let (waiting, reply) = slot();
    ground.groups.commit_offsets(8, request, ground.now, reply);
    let rows = told(&waiting).topics.remove(0).partitions;
    let codes: Vec<_> = rows.iter().map(|partition| partition.error_code).collect();
    assert_eq!(codes, [ErrorCode::OffsetMetadataTooLarge.code(), 0, unknown]);
    assert_eq!(ground.all_offsets("g").len(), 1);
}

#[test]
fn what_was_not_committed_is_no_error() {
    let world = World::new();
    let ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    let topic =
        OffsetFetchRequestTopic { name: "orders".to_owned(), partition_indexes: vec![0, 9] };
    let request = OffsetFetchRequest {
        group_id: "g".to_owned(),
        topics: Some(vec![topic]),
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let (waiting, reply) = slot();
    ground.groups.fetch_offsets(7, request, ground.now, reply);
    for partition in &told(&waiting).topics[0].partitions {
        assert_eq!((partition.committed_offset, partition.error_code), (-1, 0));
        assert_eq!(
            (partition.metadata.as_deref(), partition.committed_leader_epoch),
            (Some(""), -1)
        );
    }
    assert_eq!(ground.states(), [], "who only asks makes no group");
}

#[test]
fn members_are_found_again_and_their_sessions_begin_anew() {
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    let member_id = ground.one_member("g");
    let of_it = OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id: member_id.clone(),
        ..OffsetCommitRequest::default()
    };
    assert_eq!(ground.commit("g", "orders", 5, of_it), [0, 0]);
    drop(ground);
    let mut ground = Ground::open(&world.dir());
    ground.now.steady_ms = 77_000;
    assert_eq!(ground.states(), [("g".to_owned(), "Stable".to_owned())]);
    let request = DescribeGroupsRequest { groups: vec!["g".to_owned()], ..Default::default() };
    let described = ground.groups.describe(5, request, ground.now).groups.remove(0);
    assert_eq!((&*described.protocol_type, &*described.protocol_data), ("consumer", "range"));
    assert_eq!(described.members[0].member_id, member_id);
    assert_eq!(described.members[0].member_assignment, &b"all"[..]);
    assert_eq!(ground.delete("g"), Some(ErrorCode::NonEmptyGroup));
    ground.pass(10_000);
    assert_eq!(ground.states(), [("g".to_owned(), "Empty".to_owned())]);
    drop(ground);
    let ground = Ground::open(&world.dir());
    assert_eq!(ground.states(), [("g".to_owned(), "Empty".to_owned())], "also after that");
    assert_eq!(ground.all_offsets("g").len(), 2);
}

#[test]
fn deleted_groups_and_topics_stay_deleted() {
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    for topic in ["orders", "users"] {
        ground.make_topic(topic);
        assert_eq!(ground.commit("g", topic, 5, alone()), [0, 0]);
    }
    assert_eq!(ground.commit("gone", "orders", 5, alone()), [0, 0]);
    assert_eq!(ground.delete("gone"), Some(ErrorCode::None));
    assert_eq!(ground.delete("gone"), Some(ErrorCode::GroupIdNotFound));
    let users = TopicName::new("users").expect("a legal name");
    ground.broker.delete_topic(&users).expect("deletes");
    ground.groups.topics_deleted(&[users], ground.now);
    let left = [row("orders", 0, 5, "at 5"), row("orders", 1, 6, "at 5")];
    assert_eq!(ground.all_offsets("g"), left);
    drop(ground);
    ground = Ground::open(&world.dir());
    assert_eq!(ground.all_offsets("g"), left);
    assert_eq!(ground.states(), [("g".to_owned(), "Empty".to_owned())]);
    // A topic made anew has nothing of the old one, even if nobody said that it was deleted.
    let orders = TopicName::new("orders").expect("a legal name");
    ground.broker.delete_topic(&orders).expect("deletes");
    ground.make_topic("orders");
    assert_eq!(ground.all_offsets("g"), []);
}

#[test]
fn offsets_of_topics_that_are_read_are_not_deleted() {
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    ground.make_topic("users");
    assert_eq!(ground.commit("g", "orders", 5, alone()), [0, 0]);
    assert_eq!(ground.commit("g", "users", 5, alone()), [0, 0]);
    ground.one_member("g");
    let topic = |name: &str| OffsetDeleteRequestTopic {
        name: name.to_owned(),
        partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
    };
    let topics = ["orders", "users", "none"].map(topic).into();
    let request = OffsetDeleteRequest { group_id: "g".to_owned(), topics };
    let (waiting, reply) = slot();
    ground.groups.delete_offsets(request, ground.now, reply);
    let response = told(&waiting);
    let codes = response.topics.iter().map(|topic| topic.partitions[0].error_code);
    let subscribed = ErrorCode::GroupSubscribedToTopic.code();
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    assert_eq!(codes.collect::<Vec<_>>(), [subscribed, 0, unknown]);
    assert_eq!(ground.all_offsets("g").len(), 3);
}

#[test]
fn offsets_are_forgotten_after_their_time() {
    const DAY_MS: i64 = 24 * 60 * 60_000;
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    assert_eq!(ground.commit("usual", "orders", 5, alone()), [0, 0]);
    let short = OffsetCommitRequest { retention_time_ms: DAY_MS, ..alone() };
    assert_eq!(ground.commit("short", "orders", 5, short), [0, 0]);
    ground.one_member("members");
    let of_the_group = |ground: &Ground| -> Vec<String> {
        ground.states().into_iter().map(|(group, _)| group).collect()
    };
    ground.pass(DAY_MS);
    // That of the members has lost its only one, and had no offsets.
    assert_eq!(of_the_group(&ground), ["usual"]);
    ground.pass(6 * DAY_MS - 1_200_000);
    assert_eq!(of_the_group(&ground), ["usual"]);
    ground.pass(1_800_000);
    assert_eq!(of_the_group(&ground), Vec::<String>::new());
    drop(ground);
    assert_eq!(of_the_group(&Ground::open(&world.dir())), Vec::<String>::new());
}
