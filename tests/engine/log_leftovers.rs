//! A directory with what a stopped compaction leaves, in every combination: opening it gives what Kafka's
//! rules give, and readers who hold no lock find a whole log before, and after.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::kafka_load::load;
use crate::log_ground::{CONTROL, DIR, lay_out, open, open_to_read, segment_path};
use runnel::log::{Compaction, CompactionEnd, Cursor, PartitionLog};
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Headers, Record};
use runnel::storage::Storage as _;
use runnel::storage::sim::SimStorage;

const SUFFIXES: [&str; 3] = [".log", ".index", ".timeindex"];

type Files = BTreeMap<String, Vec<u8>>;

fn config() -> TopicConfig {
    TopicConfig { segment_bytes: 600, index_interval_bytes: 100, ..TopicConfig::default() }
}

/// A log of three keys in several segments.
fn filled(world: &SimStorage) -> PartitionLog {
    lay_out(world);
    let log = open(Arc::new(world.process()), &config());
    for number in 0..40_i64 {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (key, value) = (format!("{}", number % 3), format!("value {number:040}"));
        builder.push(&Record {
            offset: 0,
            timestamp: number,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: Headers::NONE,
        });
        log.append(builder.finish().expect("a record"), 0).expect("appends");
    }
    log.close(0).expect("closes");
    log
}

fn files(world: &SimStorage) -> Files {
    let names = world.process().list(DIR).expect("lists").into_iter();
    names
        .map(|entry| {
            let bytes = world.file_bytes(&format!("{DIR}/{}", entry.name)).expect("is there");
            (entry.name, bytes)
        })
        .collect()
}

/// Base offsets of all batches, by a reader.
fn batches(world: &SimStorage) -> Vec<i64> {
    let log = open_to_read(Arc::new(world.process()), &config());
    let view = log.view().expect("a view");
    let (mut cursor, mut found) = (Cursor::at(view.log_start()), Vec::new());
    while let Some(chunk) = log.read(&view, &mut cursor, 200).expect("reads") {
        found.extend(chunk.batches().map(|batch| batch.base_offset().0));
    }
    assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
    found
}

fn bases_of(logs: &[Vec<u8>]) -> Vec<i64> {
    let mut found = Vec::new();
    for log in logs {
        let mut rest = &log[..];
        while let Ok(runnel::record::Frame::Whole(batch)) = runnel::record::Batch::at_front(rest) {
            found.push(batch.base_offset().0);
            rest = &rest[batch.size_in_bytes()..];
        }
    }
    found
}

/// The segment of this base, as a compaction makes it that takes in the next two.
fn compacted() -> Files {
    let world = SimStorage::new();
    filled(&world);
    let roomy = TopicConfig { segment_bytes: 1800, ..config() };
    let log = open(Arc::new(world.process()), &roomy);
    let how = Compaction { map_bytes_max: 1 << 16, is_forced: false };
    let end = log.compact(&how, 0, &mut |_| ControlFlow::Continue(())).expect("compacts");
    let CompactionEnd::Done(done) = end else { panic!("{end:?}") };
    assert!(done.segments_after < done.segments_before, "{done:?}");
    files(&world)
}

#[test]
fn every_combination_is_opened_as_kafka_opens_it() {
    let new = compacted();
    let new_bases: Vec<_> = new.keys().filter_map(|name| name.strip_suffix(".log")).collect();
    let base = Offset(new_bases[0].parse().expect("an offset"));
    // Each file is there as `.cleaned`, as `.swap`, as both, or not; and a deletion had begun.
    for combination in 0..4_u32.pow(3) * 2 {
        let world = SimStorage::new();
        drop(filled(&world));
        let all: Vec<_> = batches(&world);
        for (number, suffix) in SUFFIXES.iter().enumerate() {
            let state = combination / 4_u32.pow(number as u32) % 4;
            let bytes = &new[&format!("{}{suffix}", new_bases[0])];
            for (bit, ending) in [(1, ".cleaned"), (2, ".swap")] {
                if state & bit != 0 {
                    let path = format!("{}{ending}", segment_path(base, suffix));
                    world.write_raw(&path, bytes).expect("writes");
                }
            }
        }
        if combination >= 4_u32.pow(3) {
            let path = format!("{}.deleted", segment_path(Offset(99), ".log"));
            world.write_raw(&path, b"whatever").expect("writes");
        }
        let before = files(&world);
        assert_eq!(batches(&world), all, "{combination}: a reader does not mind leftovers");
        let _ = world.process().remove_file(CONTROL);
        let log = open(Arc::new(world.process()), &config());
        log.open_to_append(0).expect("opens");
        let found = batches(&world);
        let names: Vec<_> = files(&world).into_keys().collect();
        let left = names.iter().find(|name| {
            [".cleaned", ".swap", ".deleted"].iter().any(|ending| name.ends_with(ending))
        });
        assert_eq!(left, None, "{combination}");
        // Where an index is swapped in without its log, Kafka's index is false, and ours a hint.
        match load(before) {
            Ok(loaded) => assert_eq!(found, bases_of(&loaded.logs), "{combination}"),
            Err(wrong) => {
                assert!(wrong.contains("index"), "{combination}: {wrong}");
                assert_eq!(found, all, "{combination}");
            }
        }
        for number in 0..40 {
            let view = log.view().expect("a view");
            let chunk = log.read(&view, &mut Cursor::at(Offset(number)), 1).expect("reads");
            let first = chunk.and_then(|c| c.batches().next().map(|b| b.base_offset().0));
            let expected = found.iter().copied().find(|offset| *offset >= number);
            assert_eq!(first, expected, "{combination}: from {number}");
        }
    }
}
