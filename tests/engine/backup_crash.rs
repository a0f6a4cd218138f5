//! A restore on a machine that stops at each of its operations: all of the topics are there after it,
//! or none; and once it has returned, all are, whatever the machine loses.

use std::collections::BTreeMap;
use std::sync::Arc;

use runnel::broker::{Access, Broker, GroupOffsets, Home, NewTopic, Restoring, Result};
use runnel::clock::SystemClock;
use runnel::inspect::verify_partition;
use runnel::log::Cursor;
use runnel::model::{Compression, TopicName};
use runnel::record::{BatchBuilder, Headers, Record};
use runnel::storage::sim::{Fault, Loss, SimStorage};

const NOW_MS: i64 = 1_700_000_000_000;
const NAMES: [&str; 2] = ["a", "b"];

fn broker_in(world: &SimStorage, access: Access) -> Result<Arc<Broker>> {
    let home = Home::open(Arc::new(world.process()), access, "test")?;
    Ok(Arc::new(Broker::new(home, Arc::new(SystemClock))))
}

fn name(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

/// A backup of two topics with a group.
fn backup() -> Vec<u8> {
    let world = SimStorage::new();
    let broker = broker_in(&world, Access::Write).unwrap();
    let mut group = GroupOffsets::open(Arc::clone(&broker), "g").unwrap();
    for topic in NAMES {
        let configs = [("internal.segment.bytes".to_owned(), "600".to_owned())];
        let new = NewTopic { name: name(topic), partitions: 2, configs: BTreeMap::from(configs) };
        let topic = broker.create_topic(&new).unwrap();
        for number in 0..12 {
            let log = broker.log(&topic, number % 2).unwrap();
            let mut builder = BatchBuilder::new(Compression::None, None);
            let value = format!("{number} ").repeat(50);
            let (key, value, headers) = (None, Some(value.as_bytes()), Headers::NONE);
            builder.push(&Record { offset: 0, timestamp: NOW_MS, key, value, headers });
            broker.append(&log, builder.finish().unwrap()).unwrap();
        }
        group.commit(&[(&topic, 0, 3, 0), (&topic, 1, 5, 0)], NOW_MS).unwrap();
    }
    let mut bytes = Vec::new();
    broker.back_up(&[], &mut bytes, "backup", &mut |_, _| {}).unwrap();
    bytes
}

fn restore(world: &SimStorage, bytes: &[u8]) -> Result<()> {
    let broker = broker_in(world, Access::Serve)?;
    let restoring = Restoring { only: &[], name: "backup" };
    broker.restore(&mut &*bytes, restoring, &mut |_| {}).map(drop)
}

/// Whether the topics are there, whole; or none of them is.
fn is_there(world: &SimStorage, case: &str) -> bool {
    let broker = broker_in(world, Access::Read).unwrap();
    let mut topics = broker.topics().unwrap();
    topics.retain(|name, _| !name.is_internal());
    if topics.is_empty() {
        return false;
    }
    assert_eq!(topics.len(), NAMES.len(), "{case}: {topics:?}");
    let group = GroupOffsets::open(Arc::clone(&broker), "g").unwrap();
    for topic in NAMES {
        let topic = broker.topic(&name(topic)).unwrap();
        for (partition, committed) in [(0, 3), (1, 5)] {
            let log = broker.log(&topic, partition).unwrap();
            let report = verify_partition(&log, &mut |_| {}).unwrap();
            assert_eq!((report.records, report.has_damage()), (6, false), "{case}: {report:#?}");
            let view = log.view().unwrap();
            let mut cursor = Cursor::at(view.log_start());
            let mut batches = 0;
            while let Some(chunk) = log.read(&view, &mut cursor, 1 << 20).unwrap() {
                batches += chunk.batches().count();
            }
            assert_eq!(batches, 6, "{case}");
            let found = group.committed(&topic, partition).map(|it| it.offset);
            assert_eq!(found, Some(committed), "{case}");
        }
    }
    true
}

#[test]
fn all_of_it_or_nothing() {
    let bytes = backup();
    let counting = SimStorage::new();
    restore(&counting, &bytes).unwrap();
    counting.crash(Loss::Everything);
    assert!(is_there(&counting, "the machine stops right after it"));
    let (mut before, mut after) = (0, 0);
    for stop in 0..counting.operations() {
        for fault in [
            Fault::MachineCrash(Loss::Everything),
            Fault::MachineCrash(Loss::Random(stop)),
            Fault::Kill,
            Fault::Error(std::io::ErrorKind::StorageFull),
        ] {
            let case = format!("stopped at {stop}, {fault:?}");
            let world = SimStorage::seeded(stop);
            world.fail_at(stop, fault);
            let done = restore(&world, &bytes).is_ok();
            world.clear_faults();
            let there = is_there(&world, &case);
            assert!(there || !done, "{case}: it was told that it is there");
            if there {
                after += 1;
                continue;
            }
            before += 1;
            // It can be done again.
            restore(&world, &bytes).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(is_there(&world, &case), "{case}");
        }
    }
    assert!(before > 50 && after > 0, "{before} before, {after} after");
}
