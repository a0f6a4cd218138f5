//! Groups as commands keep them: read and written by the server's coordinator too, found again by a
//! snapshot, and never ahead of what a crash of the machine leaves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use runnel::broker::{
    Access, Broker, Error, GroupKind, GroupOffsets, Home, InternalTopic, NewTopic, Result,
    TopicInfo, list_groups,
};
use runnel::clock::SystemClock;
use runnel::log::{EndMarker, TransactionCheck, TransactionVersion};
use runnel::model::{Compression, Offset, TopicName};
use runnel::protocol::group_records::{GroupRecordKey, OffsetCommitValue};
use runnel::record::{BatchBuilder, Headers, Outcome, Record};
use runnel::storage::sim::{Fault, Loss, SimStorage};

use crate::groups::{Ground, alone, row};
use crate::support::World;

pub(crate) const NOW_MS: i64 = 1_790_000_000_000;

pub(crate) fn broker_at(path: &Path, access: Access) -> Arc<Broker> {
    let home = Home::open_path(path, access, true, "test").expect("opens");
    Arc::new(Broker::new(home, Arc::new(SystemClock)))
}

fn topic(broker: &Broker, name: &str) -> TopicInfo {
    broker.topic(&TopicName::new(name).expect("a name")).expect("is there")
}

pub(crate) fn offset(group: &GroupOffsets, topic: &TopicInfo, partition: i32) -> Option<i64> {
    group.committed(topic, partition).map(|committed| committed.offset)
}

#[test]
fn the_coordinator_and_commands_read_each_other() {
    let world = World::new();
    let ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    assert_eq!(ground.commit("g", "orders", 5, alone()), [0, 0]);
    drop(ground);
    let broker = broker_at(&world.dir(), Access::Write);
    let orders = topic(&broker, "orders");
    let mut group = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
    assert_eq!([0, 1].map(|it| offset(&group, &orders, it)), [Some(5), Some(6)]);
    group.commit(&[(&orders, 1, 9, 4)], NOW_MS).expect("commits");
    // Another command sees it at once, and so does this one.
    let other = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
    for group in [&group, &other] {
        let found = group.committed(&orders, 1).expect("is there");
        assert_eq!((found.offset, found.leader_epoch, found.commit_ms), (9, 4, NOW_MS));
    }
    drop((group, other, broker));
    let ground = Ground::open(&world.dir());
    assert_eq!(ground.all_offsets("g"), [row("orders", 0, 5, "at 5"), row("orders", 1, 9, "")]);
    assert_eq!(ground.states(), [("g".to_owned(), "Empty".to_owned())]);
}

/// The members of a server that is gone can't go on where they stood once a command has committed.
#[test]
fn members_of_a_server_that_is_gone_are_put_out() {
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    let member_id = ground.one_member("g");
    drop(ground);
    let broker = broker_at(&world.dir(), Access::Write);
    let orders = topic(&broker, "orders");
    let mut group = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
    assert_eq!(group.recorded_members(), 1);
    group.commit(&[(&orders, 0, 3, 0)], NOW_MS).expect("commits");
    assert_eq!(group.recorded_members(), 0);
    let listed = list_groups(&broker).expect("lists").remove("g").expect("is there");
    assert_eq!((&*listed.protocol_type, listed.recorded_members), ("consumer", 0));
    drop((group, broker));
    let ground = Ground::open(&world.dir());
    assert_eq!(ground.states(), [("g".to_owned(), "Empty".to_owned())]);
    let of_it = runnel::protocol::offset_commit::OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id,
        ..Default::default()
    };
    let unknown = runnel::protocol::ErrorCode::UnknownMemberId.code();
    assert_eq!(ground.commit("g", "orders", 1, of_it), [unknown; 2]);
    assert_eq!(ground.all_offsets("g"), [row("orders", 0, 3, "")]);
}

#[test]
fn a_deleted_group_is_gone_for_the_coordinator_too() {
    let world = World::new();
    let mut ground = Ground::open(&world.dir());
    ground.make_topic("orders");
    ground.one_member("g");
    assert_eq!(ground.commit("other", "orders", 5, alone()), [0, 0]);
    drop(ground);
    let broker = broker_at(&world.dir(), Access::Write);
    let mut group = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
    assert!(group.is_known());
    group.delete(NOW_MS).expect("deletes");
    assert!(!group.is_known());
    drop((group, broker));
    let ground = Ground::open(&world.dir());
    assert_eq!(ground.states(), [("other".to_owned(), "Empty".to_owned())]);
}

fn values(count: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for number in 0..count {
        let value = format!("value {number}");
        builder.push(&Record {
            offset: 0,
            timestamp: NOW_MS,
            key: None,
            value: Some(value.as_bytes()),
            headers: Headers::NONE,
        });
    }
    builder.finish().expect("records").to_vec()
}

/// What a member makes durable before it commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// What it has read.
    Usual,
    /// Nothing: the test must notice.
    None,
}

/// A writer that does not sync, a member that reads and commits, and a machine that stops at each
/// of their operations: what is committed is never past what is left, and what was acknowledged
/// stays.
#[test]
fn a_commit_is_never_ahead_of_the_log() {
    assert_eq!(stop_everywhere(Care::Usual), Vec::<String>::new());
    let found = stop_everywhere(Care::None);
    assert!(!found.is_empty(), "a careless member goes unnoticed");
}

/// Stops the machine at each operation in turn; gives what was wrong then.
fn stop_everywhere(care: Care) -> Vec<String> {
    let world = SimStorage::seeded(1);
    assert_eq!(write_and_commit(&world, care), 12);
    let mut found = Vec::new();
    for stop in 0..world.operations() {
        for loss in [Loss::Everything, Loss::Random(stop)] {
            let world = SimStorage::seeded(stop);
            world.fail_at(stop, Fault::MachineCrash(loss));
            let acknowledged = write_and_commit(&world, care);
            world.clear_faults();
            let wrong = check_after(&world, acknowledged);
            found.extend(wrong.map(|wrong| format!("stopped at {stop}, {loss:?}: {wrong}")));
        }
    }
    found
}

fn check_after(world: &SimStorage, acknowledged: i64) -> Option<String> {
    let broker = broker_in(world).expect("opens");
    let name = TopicName::new("orders").expect("a name");
    let Ok(orders) = broker.topic(&name) else {
        return (acknowledged > 0).then(|| "the topic is gone".to_owned());
    };
    let log = broker.log(&orders, 0).expect("a log");
    log.open_to_append(NOW_MS).expect("opens");
    let end = log.view().expect("a view").end().0;
    let group = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
    let committed = offset(&group, &orders, 0).unwrap_or(0);
    let is_right = committed <= end && committed >= acknowledged;
    (!is_right).then(|| format!("{committed} is committed, of {end}; {acknowledged} was told"))
}

/// The engine in a process of its own.
fn broker_in(world: &SimStorage) -> Result<Arc<Broker>> {
    let home = Home::open(Arc::new(world.process()), Access::Write, "test")?;
    Ok(Arc::new(Broker::new(home, Arc::new(SystemClock))))
}

/// Two processes write and commit in turn, until the machine stops; gives the last commit that was
/// acknowledged.
fn write_and_commit(world: &SimStorage, care: Care) -> i64 {
    let mut acknowledged = 0;
    // An error is the machine's stop.
    let _ = try_to_write_and_commit(world, care, &mut acknowledged);
    acknowledged
}

fn try_to_write_and_commit(world: &SimStorage, care: Care, acknowledged: &mut i64) -> Result<()> {
    let (writer, member) = (broker_in(world)?, broker_in(world)?);
    let name = TopicName::new("orders").expect("a name");
    let new = NewTopic { name, partitions: 1, configs: BTreeMap::new() };
    let orders = writer.create_topic(&new)?;
    let (written, read) = (writer.log(&orders, 0)?, member.log(&orders, 0)?);
    let mut group = GroupOffsets::open(Arc::clone(&member), "g")?;
    for round in 1..=4 {
        writer.append(&written, &mut values(3))?;
        if care == Care::Usual {
            read.make_durable(Offset(round * 3), NOW_MS).map_err(|source| {
                let partition = read.partition().clone();
                Error::Log { action: "sync", partition, source }
            })?;
        }
        group.commit(&[(&orders, 0, round * 3, 0)], NOW_MS)?;
        *acknowledged = round * 3;
    }
    Ok(())
}

/// Records of `__consumer_offsets` as somebody else wrote them, in the partition of a group.
struct Written {
    broker: Arc<Broker>,
    log: Arc<runnel::log::PartitionLog>,
}

impl Written {
    /// In the partition of group `g` (its Java hash is 103).
    fn new(world: &World) -> Self {
        let broker = broker_at(&world.dir(), Access::Write);
        let name = TopicName::new("orders").expect("a name");
        let new = NewTopic { name, partitions: 2, configs: BTreeMap::new() };
        broker.create_topic(&new).expect("is made");
        let log = broker.internal_log(InternalTopic::ConsumerOffsets, 103 % 50).expect("a log");
        Self { broker, log }
    }

    fn append(&self, producer: Option<i64>, records: &[(Vec<u8>, Option<Vec<u8>>)]) {
        let mut builder = BatchBuilder::new(Compression::None, None);
        if let Some(producer) = producer {
            builder.with_producer(producer, 0, -1, true);
        }
        for (key, value) in records {
            builder.push(&Record {
                offset: 0,
                timestamp: NOW_MS,
                key: Some(key),
                value: value.as_deref(),
                headers: Headers::NONE,
            });
        }
        let mut batch = builder.finish().expect("records").to_vec();
        let check = match producer {
            Some(_) => TransactionCheck::Verified(TransactionVersion::V1),
            None => TransactionCheck::Unverified,
        };
        self.log.append_checked(&mut batch, check, NOW_MS).expect("appends");
    }

    fn end(&self, producer_id: i64, outcome: Outcome) {
        let marker = EndMarker {
            producer_id,
            producer_epoch: 0,
            coordinator_epoch: 0,
            outcome,
            version: TransactionVersion::V1,
        };
        self.log.end_transaction(&marker, NOW_MS).expect("ends");
    }

    fn commit(&self, producer: Option<i64>, partition: i32, offset: i64) {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        GroupRecordKey::Offset { group: "g", topic: "orders", partition }.write(&mut key);
        OffsetCommitValue {
            offset,
            leader_epoch: 0,
            metadata: "",
            commit_timestamp: NOW_MS,
            expire_timestamp: -1,
            topic_id: topic(&self.broker, "orders").id,
        }
        .write(&mut value);
        self.append(producer, &[(key, Some(value))]);
    }

    fn committed(&self) -> [Option<i64>; 2] {
        let group = GroupOffsets::open(Arc::clone(&self.broker), "g").expect("opens");
        let orders = topic(&self.broker, "orders");
        [0, 1].map(|partition| offset(&group, &orders, partition))
    }
}

/// What a transaction commits counts once that is committed, and gives way to what came later.
#[test]
fn offsets_in_transactions() {
    let world = World::new();
    let written = Written::new(&world);
    written.commit(None, 0, 1);
    written.commit(Some(7), 0, 10);
    written.commit(Some(8), 1, 20);
    assert_eq!(written.committed(), [Some(1), None]);
    written.end(8, Outcome::Abort);
    written.end(7, Outcome::Commit);
    assert_eq!(written.committed(), [Some(10), None]);
    written.commit(Some(7), 0, 30);
    written.commit(None, 0, 40);
    written.end(7, Outcome::Commit);
    assert_eq!(written.committed(), [Some(40), None]);
}

/// No snapshot is taken past an open transaction.
#[test]
fn an_open_transaction_is_not_lost_in_a_snapshot() {
    let world = World::new();
    let written = Written::new(&world);
    written.commit(Some(7), 1, 5);
    let mut group = GroupOffsets::open(Arc::clone(&written.broker), "g").expect("opens");
    let orders = topic(&written.broker, "orders");
    let many: Vec<_> = (0..21_000).map(|offset| (&orders, 0, offset, 0)).collect();
    group.commit(&many, NOW_MS).expect("commits");
    assert_eq!(written.committed(), [Some(20_999), None]);
    assert!(!world.dir().join("state").exists(), "none is taken");
    written.end(7, Outcome::Commit);
    for _ in 0..2 {
        assert_eq!(written.committed(), [Some(20_999), Some(5)]);
        assert!(world.dir().join("state/offsets").exists());
    }
}

/// Groups of later protocols are known as such, and can be deleted whole.
#[test]
fn groups_of_other_protocols() {
    let world = World::new();
    let written = Written::new(&world);
    let key = |version: i16, more: &[u8]| [&version.to_be_bytes()[..], b"\0\x01g", more].concat();
    let records = [
        (key(3, b""), Some(b"\0\0\0\0\0\x05\0".to_vec())),
        (key(5, b"\0\x02m1"), Some(b"\0\0whatever".to_vec())),
        (key(5, b"\0\x02m2"), Some(b"\0\0".to_vec())),
        (key(5, b"\0\x02m2"), None),
        (key(8, b"\0\x02m1"), Some(b"\0\0".to_vec())),
        (vec![0, 3], Some(Vec::new())),
        (Vec::new(), Some(Vec::new())),
    ];
    written.append(None, &records);
    written.commit(None, 0, 3);
    let list = || list_groups(&written.broker).expect("lists");
    let listed = list().remove("g").expect("is there");
    assert_eq!((listed.kind, listed.recorded_members, listed.offsets), (GroupKind::Consumer, 1, 1));
    let mut group = GroupOffsets::open(Arc::clone(&written.broker), "g").expect("opens");
    assert!(group.is_known());
    group.delete(NOW_MS).expect("deletes");
    assert_eq!(list().len(), 0);
    assert_eq!(written.committed(), [None, None]);
}

/// Makes a directory with a million commits in `RUNNEL_COMMITS_DIR`, to time the start of
/// `consume orders -g g`.
#[test]
#[ignore = "makes a directory to measure, and checks nothing"]
fn a_million_commits() {
    let dir = std::env::var_os("RUNNEL_COMMITS_DIR").expect("RUNNEL_COMMITS_DIR");
    let broker = broker_at(Path::new(&dir), Access::Write);
    let name = TopicName::new("orders").expect("a name");
    let new = NewTopic { name, partitions: 8, configs: BTreeMap::new() };
    let orders = broker.create_topic(&new).expect("is made");
    for round in 0..1_000_i64 {
        let mut group = GroupOffsets::open(Arc::clone(&broker), "g").expect("opens");
        let commits = (0..1_000).map(|number| (&orders, number % 8, round, 0));
        group.commit(&commits.collect::<Vec<_>>(), NOW_MS).expect("commits");
    }
}
