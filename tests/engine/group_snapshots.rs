//! Snapshots of committed offsets: they save the reading, and are never believed where the log says
//! otherwise.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use runnel::broker::{
    Access, Broker, GroupOffsets, InternalTopic, NewTopic, TopicInfo, list_groups,
};
use runnel::log::{Compaction, Cursor};
use runnel::model::TopicName;

use crate::group_commands::{NOW_MS, broker_at, offset};
use crate::groups::Ground;
use crate::support::World;

/// Commits many times in three groups that lie in one partition.
fn commit_many(broker: &Arc<Broker>, orders: &TopicInfo, groups: &[String], rounds: i64) {
    for (number, group) in groups.iter().enumerate() {
        let mut group = GroupOffsets::open(Arc::clone(broker), group).expect("opens");
        let commits = |round: i64| {
            let offset = round * 10 + number as i64;
            (0..2).map(move |partition| (partition, offset))
        };
        let all: Vec<_> = (0..rounds)
            .flat_map(commits)
            .map(|(partition, offset)| (orders, partition, offset, 0))
            .collect();
        group.commit(&all, NOW_MS).expect("commits");
    }
}

/// Ids of groups in one partition of `__consumer_offsets`: those whose Java hash is the same.
fn colliding_groups() -> Vec<String> {
    ["AaAa", "BBBB", "AaBB"].map(str::to_owned).into()
}

#[test]
fn a_snapshot_saves_the_reading_and_is_only_a_cache() {
    let world = World::new();
    let broker = broker_at(&world.dir(), Access::Write);
    let new = NewTopic {
        name: TopicName::new("orders").expect("a name"),
        partitions: 2,
        configs: BTreeMap::new(),
    };
    let orders = broker.create_topic(&new).expect("is made");
    let groups = colliding_groups();
    commit_many(&broker, &orders, &groups, 3_500);
    let snapshots = || -> Vec<_> {
        let entries = std::fs::read_dir(world.dir().join("state/offsets"));
        entries.map(|all| all.map(|it| it.expect("an entry").path()).collect()).unwrap_or_default()
    };
    let check = |broker: &Arc<Broker>, rounds: i64, why: &str| {
        for (number, group) in groups.iter().enumerate() {
            let group = GroupOffsets::open(Arc::clone(broker), group).expect("opens");
            let expected = Some((rounds - 1) * 10 + number as i64);
            assert_eq!([0, 1].map(|it| offset(&group, &orders, it)), [expected; 2], "{why}");
        }
        assert_eq!(list_groups(broker).expect("lists").len(), 3, "{why}");
    };
    check(&broker, 3_500, "the first time");
    let path = snapshots().pop().expect("one was taken");
    let taken = std::fs::read(&path).expect("reads");
    check(&broker, 3_500, "by the snapshot");
    commit_many(&broker, &orders, &groups, 10);
    check(&broker, 10, "by the snapshot and what follows it");
    assert_eq!(std::fs::read(&path).expect("reads"), taken, "little follows it");
    drop(broker);
    // Whoever reads only, and a server, use it as well; nobody minds a bad one.
    let mut last_byte = taken.clone();
    *last_byte.last_mut().expect("some bytes") ^= 1;
    for (bytes, why) in
        [(&taken[..], "as it was"), (&taken[..taken.len() - 1], "cut"), (&last_byte, "changed")]
    {
        std::fs::write(&path, bytes).expect("writes");
        check(&broker_at(&world.dir(), Access::Read), 10, why);
        let ground = Ground::open(&world.dir());
        assert_eq!(ground.all_offsets("AaAa").len(), 2, "{why}");
        assert_eq!(ground.all_offsets("BBBB")[0].2, 91, "{why}");
    }
    std::fs::remove_dir_all(world.dir().join("state")).expect("may be removed at any time");
    check(&broker_at(&world.dir(), Access::Write), 10, "removed");
}

/// Compaction removes the tombstones of a deleted group; a snapshot from before must not bring it back.
#[test]
fn a_snapshot_does_not_outlive_what_compaction_removes() {
    const DAY_MS: i64 = 24 * 60 * 60_000;
    let world = World::new();
    let broker = broker_at(&world.dir(), Access::Write);
    let name = TopicName::new("orders").expect("a name");
    let new = NewTopic { name, partitions: 2, configs: BTreeMap::new() };
    let orders = broker.create_topic(&new).expect("is made");
    let groups = colliding_groups();
    let open = |group: &String| GroupOffsets::open(Arc::clone(&broker), group).expect("opens");
    let mut kept = open(&groups[2]);
    commit_many(&broker, &orders, &groups[..2], 5_500);
    // A last batch that compaction leaves as it is.
    kept.commit(&[(&orders, 1, 7, 0)], NOW_MS).expect("commits");
    let (mut doomed, mut other) = (open(&groups[0]), open(&groups[1]));
    let state = world.dir().join("state/offsets");
    assert_eq!(std::fs::read_dir(&state).expect("a directory").count(), 1, "one was taken");
    doomed.delete(NOW_MS).expect("deletes");
    let log = broker.internal_log(InternalTopic::ConsumerOffsets, 44).expect("a log");
    let records = || {
        let view = log.view().expect("a view");
        let (mut cursor, mut count) = (Cursor::at(view.log_start()), 0);
        while let Some(chunk) = log.read(&view, &mut cursor, 1 << 20).expect("reads") {
            count += chunk.batches().map(|batch| batch.records_count()).sum::<i32>();
        }
        count
    };
    let how = Compaction { map_bytes_max: 1 << 20, is_forced: true };
    for days in [0, 2, 4] {
        let now_ms = NOW_MS + days * DAY_MS;
        other.commit(&[(&orders, 0, days, 0)], now_ms).expect("commits");
        log.compact(&how, now_ms, &mut |_| ControlFlow::Continue(())).expect("compacts");
    }
    assert_eq!(records(), 3, "two groups' offsets, and no tombstone");
    for broker in [broker_at(&world.dir(), Access::Read), Arc::clone(&broker)] {
        let listed: Vec<_> = list_groups(&broker).expect("lists").into_keys().collect();
        assert_eq!(listed, ["AaBB", "BBBB"]);
        let group = GroupOffsets::open(Arc::clone(&broker), &groups[0]).expect("opens");
        assert!(!group.is_known());
    }
    assert_eq!(offset(&open(&groups[2]), &orders, 1), Some(7));
}

/// One that is of a log that is not there any more.
#[test]
fn a_snapshot_of_another_log_is_none() {
    let world = World::new();
    let commit = |rounds: i64| {
        let broker = broker_at(&world.dir(), Access::Write);
        let name = TopicName::new("orders").expect("a name");
        let new = NewTopic { name: name.clone(), partitions: 2, configs: BTreeMap::new() };
        let orders = broker.topic(&name).or_else(|_| broker.create_topic(&new)).expect("is there");
        commit_many(&broker, &orders, &colliding_groups(), rounds);
        let group = GroupOffsets::open(Arc::clone(&broker), "AaAa").expect("opens");
        offset(&group, &orders, 0)
    };
    assert_eq!(commit(3_500), Some(34_990));
    let state = world.dir().join("state/offsets");
    let path = std::fs::read_dir(&state).expect("a directory").next().expect("one").expect("it");
    let bytes = std::fs::read(path.path()).expect("reads");
    // The log is another: as short as it was before most of that was committed.
    std::fs::remove_dir_all(world.dir().join("run/p")).expect("removes");
    for entry in std::fs::read_dir(world.dir().join("log")).expect("lists").flatten() {
        if entry.file_name().to_string_lossy().starts_with("__consumer_offsets-") {
            let log = entry.path().join("00000000000000000000.log");
            std::fs::write(log, b"").expect("cuts");
        }
    }
    for checkpoint in ["recovery-point-offset-checkpoint", "log-start-offset-checkpoint"] {
        let _ = std::fs::remove_file(world.dir().join("log").join(checkpoint));
    }
    std::fs::write(path.path(), bytes).expect("writes");
    assert_eq!(commit(1), Some(0));
}
