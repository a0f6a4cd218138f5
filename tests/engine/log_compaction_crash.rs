//! A compaction stopped at each of its operations: by a kill, by the machine, by a full disk.
//!
//! The log holds several segments of keys that repeat, tombstones, an idempotent producer, and
//! transactions, of which some are aborted and reach over segments. After each stop:
//! - readers, also who looked at the log before, find offsets that rise, each record as it was
//!   appended, the last of each key, and of committed records none that was aborted and every other;
//! - what Kafka's own rule for leftovers makes of the files is a whole log too, without overlap, and
//!   with indexes that hold true, since Kafka believes them;
//! - the next compaction leaves exactly what one does that nothing has stopped, and no leftovers;
//! - the log can be appended to, and what was synced survives the machine.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use crate::kafka_load::load;
use crate::log_ground::liar::{Lie, through};
use crate::log_ground::transactional::{Committed, Script, committed};
use crate::log_ground::{DIR, Result, lay_out, open, open_to_read, soak};
use runnel::inspect::verify_partition;
use runnel::log::{Compaction, CompactionEnd, Cursor, PartitionLog};
use runnel::model::TopicConfig;
use runnel::model::config::CleanupPolicy;
use runnel::record::{Batch, Frame};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, Loss, SimStorage};

const FORCED: Compaction = Compaction { map_bytes_max: 1 << 20, is_forced: true };

pub(crate) fn config() -> TopicConfig {
    TopicConfig {
        segment_bytes: 700,
        index_interval_bytes: 150,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        ..TopicConfig::default()
    }
}

/// A compacted segment may take in three of before.
pub(crate) fn roomy() -> TopicConfig {
    TopicConfig { segment_bytes: 2100, ..config() }
}

/// The log as it lies on disk before the compaction, clean.
pub(crate) fn laboratory(seed: u64) -> (SimStorage, Script) {
    let world = SimStorage::seeded(seed);
    lay_out(&world);
    let log = open(Arc::new(world.process()), &config());
    let script = Script::run(&log);
    log.close(5000).expect("closes");
    world.sync_dir("log").expect("syncs");
    (world, script)
}

fn compact(log: &PartitionLog, now_ms: i64) -> runnel::log::Result<CompactionEnd> {
    log.compact(&FORCED, now_ms, &mut |_| ControlFlow::Continue(()))
}

/// What the log holds after a compaction that nothing stops: bases and records of all batches.
fn outcome(world: &SimStorage) -> Vec<(i64, i32)> {
    let log = open_to_read(Arc::new(world.process()), &config());
    let view = log.view().expect("a view");
    let (mut cursor, mut found) = (Cursor::at(view.log_start()), Vec::new());
    while let Some(chunk) = log.read(&view, &mut cursor, 1000).expect("reads") {
        found.extend(chunk.batches().map(|b| (b.base_offset().0, b.records_count())));
    }
    found
}

/// What a compaction leaves that nothing has stopped.
static UNDISTURBED: LazyLock<Vec<(i64, i32)>> = LazyLock::new(|| {
    let (world, _) = laboratory(0);
    compact(&open(Arc::new(world.process()), &roomy()), 6000).expect("compacts");
    outcome(&world)
});

/// What Kafka makes of the files of the partition.
fn as_kafka_loads(world: &SimStorage, script: &Script) -> Result<()> {
    let world = world.process();
    let names = world.list(DIR).map_err(|error| error.to_string())?;
    let files = names.into_iter().filter_map(|entry| {
        let bytes = world.file_bytes(&format!("{DIR}/{}", entry.name))?;
        Some((entry.name, bytes))
    });
    let loaded = load(files.collect())?;
    let mut committed = Committed::new(loaded.aborted);
    for log in &loaded.logs {
        let mut rest = &log[..];
        while let Ok(Frame::Whole(batch)) = Batch::at_front(rest) {
            committed.take(&batch)?;
            rest = &rest[batch.size_in_bytes()..];
        }
    }
    script.check(&committed.records)
}

/// One compaction with a fault in it, and what follows.
fn strike(number: u64, fault: Fault, seed: u64) -> Result<bool> {
    let (world, script) = laboratory(seed);
    let reader = open_to_read(Arc::new(world.process()), &config());
    let held = reader.view().map_err(|error| error.to_string())?;
    let fresh = open_to_read(Arc::new(world.process()), &config());
    script.check(&committed(&reader, &held)?)?;

    let process = world.process();
    let log = open(Arc::new(process.clone()), &roomy());
    log.open_to_append(5000).map_err(|error| error.to_string())?;
    let first = world.operations();
    world.fail_at(first + number, fault);
    let result = compact(&log, 6000);
    world.clear_faults();
    let is_over = result.is_ok() && process.is_alive();
    let has_stopped = matches!(fault, Fault::MachineCrash(_)) && !is_over;
    as_kafka_loads(&world, &script).map_err(|wrong| format!("as Kafka loads it: {wrong}"))?;
    if !has_stopped {
        // Who has read all of it before has segments open; who has not finds what there is now.
        for (who, log) in [("a reader", &reader), ("one who only looked", &fresh)] {
            let found = committed(log, &held).and_then(|found| script.check(&found));
            found.map_err(|wrong| format!("{who}: {wrong}"))?;
        }
    }
    let check = |what: &str| {
        let log = open_to_read(Arc::new(world.process()), &config());
        let found = log.view().map_err(|error| error.to_string());
        let found = found.and_then(|view| committed(&log, &view));
        found.and_then(|found| script.check(&found)).map_err(|wrong| format!("{what}: {wrong}"))?;
        let report = verify_partition(&log, &mut |_| {}).map_err(|error| error.to_string())?;
        match report.has_damage() {
            false => Ok(()),
            true => Err(format!("{what}: a verification finds {:?}", report.findings)),
        }
    };
    check("a new reader")?;
    let next = open(Arc::new(world.process()), &roomy());
    next.open_to_append(7000).map_err(|error| error.to_string())?;
    check("opened again")?;
    let end = compact(&next, 6000).map_err(|error| format!("again: {error}"))?;
    if !matches!(end, CompactionEnd::Done(_) | CompactionEnd::NotDue) {
        return Err(format!("again: {end:?}"));
    }
    check("compacted again")?;
    as_kafka_loads(&world, &script)?;
    let left = world.process().list(DIR).map_err(|error| error.to_string())?;
    let is_left = |name: &str| [".cleaned", ".swap", ".deleted"].iter().any(|e| name.ends_with(e));
    if let Some(entry) = left.iter().find(|entry| is_left(&entry.name)) {
        return Err(format!("{} is left", entry.name));
    }
    world.crash(Loss::Everything);
    check("after the machine stopped")?;
    let last = open(Arc::new(world.process()), &config());
    let producers = last.producers(8000).map_err(|error| error.to_string())?;
    let sequences = producers.iter().map(|p| (p.producer_id, p.last_sequence + 1));
    if sequences.collect::<BTreeMap<_, _>>() != script.sequences {
        return Err(format!("producers are forgotten: {producers:?}"));
    }
    let (found, expected) = (outcome(&world), &*UNDISTURBED);
    if found != *expected {
        return Err(format!("found {found:?} where an undisturbed one leaves {expected:?}"));
    }
    Ok(!is_over)
}

/// Each operation of a compaction struck, until it goes through.
fn strike_each(fault: impl Fn(u64) -> Fault, seeds: u64) {
    for number in 0.. {
        let mut has_struck = false;
        for seed in 0..seeds {
            let fault = fault(seed);
            match strike(number, fault, seed) {
                Ok(struck) => has_struck |= struck,
                Err(wrong) => panic!("operation {number}, {fault:?}, seed {seed}: {wrong}"),
            }
        }
        if !has_struck {
            assert!(number > 30, "a compaction of {number} operations");
            return;
        }
    }
}

fn seeds(quick: u64, long: u64) -> u64 {
    if soak() { long } else { quick }
}

#[test]
fn a_process_dies_at_each_operation() {
    strike_each(|_| Fault::Kill, seeds(1, 8));
}

#[test]
fn the_machine_stops_at_each_operation() {
    strike_each(|_| Fault::MachineCrash(Loss::Everything), 1);
    strike_each(|_| Fault::MachineCrash(Loss::Nothing), 1);
}

#[test]
fn the_machine_stops_and_tears_at_each_operation() {
    strike_each(|seed| Fault::MachineCrash(Loss::Random(seed)), seeds(1, 30));
}

#[test]
fn each_operation_fails_once() {
    strike_each(|_| Fault::Error(ErrorKind::StorageFull), seeds(1, 5));
}

/// The test must find the lie, or it proves nothing.
#[test]
fn the_canary_is_found() {
    let found = (0..20).any(|seed| {
        let (world, script) = laboratory(seed);
        let log = open(through(world.process(), Lie::SyncsNoData), &roomy());
        compact(&log, 6000).expect("compacts");
        world.crash(Loss::Random(seed));
        let log = open_to_read(Arc::new(world.process()), &config());
        let found = log.view().map_err(|error| error.to_string());
        let found = found.and_then(|view| committed(&log, &view));
        found.and_then(|found| script.check(&found)).is_err()
    });
    assert!(found, "data that was not stored must be missed");
}

#[test]
fn the_script_is_worth_it() {
    let (world, script) = laboratory(0);
    let log = open(Arc::new(world.process()), &roomy());
    let segments = log.view().expect("a view").segments().len();
    assert!(segments > 5 && script.aborted.len() > 4, "{segments} segments");
    let CompactionEnd::Done(done) = compact(&log, 6000).expect("compacts") else {
        panic!("not due")
    };
    assert!(done.segments_after > 1 && done.segments_after < done.segments_before, "{done:?}");
    assert!(done.records_after < done.records_before, "{done:?}");
}
