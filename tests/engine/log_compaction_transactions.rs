//! Transactions through compaction after compaction: their records go at once if they were aborted; the
//! entry of the index goes before the marker may, and that only after its time. All the while a reader
//! of committed records finds what it must, also one that holds the view of before each compaction.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::kafka_load::load;
use crate::log_ground::transactional::{Committed, Script, committed};
use crate::log_ground::{DIR, lay_out, open, open_to_read};
use runnel::log::{Compaction, CompactionEnd, Cursor, PartitionLog};
use runnel::model::TopicConfig;
use runnel::record::{Batch, Frame};
use runnel::storage::Storage as _;
use runnel::storage::sim::SimStorage;

const RETENTION_MS: i64 = 1000;

fn config() -> TopicConfig {
    TopicConfig {
        segment_bytes: 700,
        index_interval_bytes: 150,
        delete_retention_ms: RETENTION_MS,
        ..TopicConfig::default()
    }
}

/// How many markers there are, and how many entries of indexes.
fn markers_and_entries(world: &SimStorage) -> (usize, usize) {
    let log = open_to_read(Arc::new(world.process()), &config());
    let view = log.view().expect("a view");
    let (mut cursor, mut markers) = (Cursor::at(view.log_start()), 0);
    while let Some(chunk) = log.read(&view, &mut cursor, 1000).expect("reads") {
        let is_marker = |b: &Batch<'_>| b.attributes().is_control() && b.records_count() > 0;
        markers += chunk.batches().filter(is_marker).count();
    }
    let entries = log.aborted_transactions(&view, view.log_start(), view.end()).expect("reads");
    (markers, entries.len())
}

fn as_kafka_loads(world: &SimStorage, script: &Script) {
    let names = world.process().list(DIR).expect("lists").into_iter();
    let files = names.map(|entry| {
        let bytes = world.file_bytes(&format!("{DIR}/{}", entry.name)).expect("is there");
        (entry.name, bytes)
    });
    let loaded = load(files.collect()).expect("a whole log");
    let mut committed = Committed::new(loaded.aborted);
    for log in &loaded.logs {
        let mut rest = &log[..];
        while let Ok(Frame::Whole(batch)) = Batch::at_front(rest) {
            committed.take(&batch).expect("a sound batch");
            rest = &rest[batch.size_in_bytes()..];
        }
    }
    script.check(&committed.records).expect("as Kafka reads it");
}

fn compact(log: &PartitionLog, now_ms: i64) {
    let how = Compaction { map_bytes_max: 1 << 16, is_forced: true };
    let end = log.compact(&how, now_ms, &mut |_| ControlFlow::Continue(())).expect("compacts");
    assert!(matches!(end, CompactionEnd::Done(_)), "{end:?}");
}

#[test]
fn markers_outlive_what_they_mark() {
    let world = SimStorage::new();
    lay_out(&world);
    let log = open(Arc::new(world.process()), &config());
    let mut script = Script::run(&log);
    let reader = open_to_read(Arc::new(world.process()), &config());
    let (markers, entries) = markers_and_entries(&world);
    assert!(markers > 2 && entries > 1, "{markers} markers, {entries} entries");
    let mut counts = Vec::new();
    for round in 0..7_i64 {
        // Something new, or there is nothing to compact.
        script.plain(&log, 100 + round, -1);
        let held = reader.view().expect("a view");
        let of_before = committed(&reader, &held).expect("reads");
        compact(&log, 6000 + round * RETENTION_MS / 2);
        let of_then = committed(&reader, &held).expect("reads");
        assert!(of_then.iter().all(|found| of_before.contains_key(found.0)), "round {round}");
        let now = reader.view().expect("a view");
        script.check(&committed(&reader, &now).expect("reads")).expect("all that stays");
        as_kafka_loads(&world, &script);
        counts.push(markers_and_entries(&world));
    }
    // The first meets the records of the aborted. The second drops the entries, but for one whose last
    // batch keeps its header for the sake of its producer. Once the horizon that it sets has passed,
    // markers go, but for such.
    assert_eq!(counts[0], (markers, entries), "{counts:?}");
    assert_eq!(counts[1], (markers, 1), "{counts:?}");
    assert_eq!(counts[2], (markers, 1), "{counts:?}");
    assert!(counts[6].0 < markers, "{counts:?}");
    // Nothing that is aborted is there, whoever reads.
    let view = reader.view().expect("a view");
    let (mut cursor, mut uncommitted) = (Cursor::at(view.log_start()), Committed::new(Vec::new()));
    while let Some(chunk) = reader.read(&view, &mut cursor, 1000).expect("reads") {
        for batch in chunk.batches() {
            uncommitted.take(&batch).expect("a sound batch");
        }
    }
    script.check(&uncommitted.records).expect("nothing aborted");
    let again = open(Arc::new(world.process()), &config());
    let producers = again.producers(9000).expect("reads");
    let found = producers.iter().map(|p| (p.producer_id, p.last_sequence + 1)).collect();
    assert_eq!(script.sequences, found);
}

/// What is not decided stays, and all after it; and so does an aborted one of which a part lies there.
#[test]
fn an_open_transaction_stops_it() {
    let world = SimStorage::new();
    lay_out(&world);
    let log = open(Arc::new(world.process()), &config());
    let mut script = Script::default();
    for number in 0..8 {
        script.plain(&log, number, -1);
    }
    script.transactional(&log, 8, 60, true);
    let open_from = log.view().expect("a view").last_stable();
    for number in 9..20 {
        script.plain(&log, number, -1);
    }
    compact(&log, 6000);
    let view = log.view().expect("a view");
    let dirtiness = log.dirtiness(6000).expect("looks");
    assert!(dirtiness.first_uncleanable <= open_from, "{dirtiness:?}");
    let (mut cursor, mut after) = (Cursor::at(open_from), 0);
    while let Some(chunk) = log.read(&view, &mut cursor, 1000).expect("reads") {
        let batches = chunk.batches().filter(|batch| batch.base_offset() >= open_from);
        after += batches.map(|batch| i64::from(batch.records_count())).sum::<i64>();
    }
    assert_eq!(after, view.end() - open_from, "nothing from there on has gone");
    script.end(&log, 60, true);
    compact(&log, 6000);
    let view = log.view().expect("a view");
    script.check(&committed(&log, &view).expect("reads")).expect("all that stays");
}
