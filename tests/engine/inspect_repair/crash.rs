//! A repair that is stopped at each of its operations, by the death of the process and of the machine.

use std::fs;
use std::sync::Arc;

use runnel::inspect::repair::{KeptIn, RepairOptions, plan_repair, repair};
use runnel::log::{PartitionLog, Place};
use runnel::model::{TopicConfig, TopicName, TopicPartition};
use runnel::storage::sim::{Fault, Loss, SimStorage};
use runnel::storage::{Open, Storage};

use super::{Copied, Records, scan};
use crate::log_ground::soak;
use crate::support::World;
use crate::support::data::unpack;

const DIR: &str = "log/segments-0";

/// The partition in a laboratory, all of it durable.
fn laboratory(copy: &Copied, seed: u64) -> SimStorage {
    let storage = SimStorage::seeded(seed);
    for dir in ["log", DIR] {
        storage.create_dir(dir).unwrap();
    }
    for path in copy.files() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = storage.open(&format!("{DIR}/{name}"), Open::CreateNew).unwrap();
        file.write_all_at(&fs::read(&path).unwrap(), 0).unwrap();
        file.sync_data().unwrap();
    }
    for dir in [DIR, "log", ""] {
        storage.sync_dir(dir).unwrap();
    }
    storage
}

fn log(storage: &SimStorage) -> PartitionLog {
    let place = Place {
        storage: Arc::new(storage.clone()),
        partition: TopicPartition::new(TopicName::new("segments").unwrap(), 0),
        dir: DIR.to_owned(),
        log_dir: Some("log".to_owned()),
        only_segment: None,
        control: None,
        owned: None,
    };
    PartitionLog::new(place, Arc::new(TopicConfig::default()))
}

fn options(storage: &SimStorage) -> RepairOptions {
    let kept_in = KeptIn { storage: Arc::new(storage.clone()), dir: "cut".to_owned() };
    RepairOptions { kept_in, topic_id: None, is_own: true, now_ms: 1 }
}

fn records(storage: &SimStorage) -> Records {
    let mut records = Records::new();
    for entry in storage.list(DIR).unwrap() {
        if entry.name.ends_with(".log") {
            scan(&storage.file_bytes(&format!("{DIR}/{}", entry.name)).unwrap(), &mut records);
        }
    }
    records
}

#[test]
fn stopped_anywhere_nothing_is_lost() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let copy = Copied::of(&clean.join("segments-0"));
    // A batch in the middle of the first segment, an index, and the whole of the second segment.
    let first = copy.dir.join("00000000000000000000.log");
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    fs::write(copy.dir.join("00000000000000002825.index"), [7; 16]).unwrap();
    fs::remove_file(copy.dir.join("00000000000000001413.log")).unwrap();
    let before = copy.records();

    let counting = laboratory(&copy, 0);
    let start = counting.operations();
    repair(&log(&counting), &options(&counting)).unwrap();
    let operations = counting.operations() - start;
    assert!(operations > 20, "{operations} operations");
    assert_eq!(records(&counting), before);

    for number in 0..operations {
        // A quick run strikes each operation by one of them.
        let faults = [Fault::Kill, Fault::MachineCrash(Loss::Random(number))];
        let quick = number as usize % 2..number as usize % 2 + 1;
        for fault in faults[if soak() { 0..2 } else { quick }].iter().copied() {
            let storage = laboratory(&copy, number);
            storage.fail_at(storage.operations() + number, fault);
            // Reading may not see the fault that a later operation meets.
            let stopped = repair(&log(&storage), &options(&storage)).is_err();
            let after = storage.process();
            assert_eq!(records(&after), before, "{number}, {fault:?}: {:?}", after.trace());
            let again = repair(&log(&after), &options(&after)).unwrap();
            assert!(!again.report.has_damage(), "{number}: {:#?}", again.report.findings);
            assert_eq!(records(&after), before, "{number}, {fault:?}: stopped {stopped}");
            let plan = plan_repair(&log(&after), &options(&after)).unwrap();
            assert_eq!(plan.steps, [], "{number}");
        }
    }
}
