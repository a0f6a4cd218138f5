//! Directories of a real Apache Kafka 4.3.0 broker: read as they are, judged right, and never touched.

use std::fs;
use std::path::Path;

use crate::support::data::{self, PARTITIONS, TRANSACTIONAL, expected, fingerprint, unpack};
use crate::support::{World, record};

/// Kafka's files are the broker's: reading one must leave no trace, not even a lock file.
fn reads_as_the_broker_did(kind: &str) {
    let world = World::new();
    let (directory, expected) = (unpack(&world, kind), expected());
    let before = fingerprint(&directory);
    for name in PARTITIONS.into_iter().chain(TRANSACTIONAL) {
        let path = directory.join(name);
        let path = path.to_str().expect("UTF-8");
        let got = world.records(&[path]);
        assert_eq!(got.len(), expected[name].len(), "{kind} {name}");
        for (got, expected) in got.iter().zip(&expected[name]) {
            assert_eq!(got, expected, "{kind} {name}");
        }
    }
    assert!(fingerprint(&directory) == before, "reading changed the broker's files");
    assert!(!world.dir().exists(), "reading a path makes no directory of our own");
}

#[test]
fn a_cleanly_stopped_brokers_partitions_read_exactly() {
    reads_as_the_broker_did("clean");
}

#[test]
fn a_killed_brokers_partitions_read_exactly() {
    reads_as_the_broker_did("unclean");
}

#[test]
fn a_clean_partition_verifies() {
    let world = World::new();
    let directory = unpack(&world, "clean");
    let before = fingerprint(&directory);
    for name in PARTITIONS.into_iter().chain(TRANSACTIONAL) {
        world.runnel(["log", "verify"]).args([directory.join(name)]).run();
    }
    assert!(fingerprint(&directory) == before, "verifying changed the broker's files");
}

/// Uncommitted, a consumer sees what the independent reader sees, which knows no transactions.
#[test]
fn read_uncommitted_what_was_aborted_is_there_too() {
    let world = World::new();
    for (kind, flags) in [("clean", [].as_slice()), ("unclean", &["--zeros-end-indexes"])] {
        let directory = unpack(&world, kind);
        let partitions = TRANSACTIONAL.map(|name| directory.join(name));
        let all = data::read_all_independently(&partitions, flags).expect("sound");
        for (name, path) in TRANSACTIONAL.iter().zip(&partitions) {
            let path = path.to_str().expect("UTF-8");
            for level in ["read-uncommitted", "read_uncommitted"] {
                let got = world.records(&[path, "--isolation", level]);
                assert_eq!(got, all[*name].records, "{kind} {name} {level}");
            }
            let committed = world.records(&[path, "--isolation", "read_committed"]);
            assert!(committed.len() * 2 == all[*name].records.len(), "{kind} {name}");
            // The records 0 to 9 are followed by a marker, 11 to 20 were aborted.
            let few = world.records(&[path, "-o", "5:25"]);
            assert_eq!(few, expected()[*name][5..13], "{kind} {name}");
            let last = world.records(&[path, "-n", "3"]);
            assert_eq!(last, expected()[*name][27..], "{kind} {name}");
        }
    }
}

#[test]
fn a_segment_reads_alone() {
    let world = World::new();
    let directory = unpack(&world, "clean").join("segments-0");
    let expected = &expected()["segments-0"];
    let segment = directory.join("00000000000000001413.log");
    let got = world.records(&[segment.to_str().expect("UTF-8")]);
    let (first, end) = (got[0].offset, got[got.len() - 1].offset + 1);
    assert_eq!((first, end), (1413, 2825), "exactly that segment's offsets");
    assert_eq!(got, expected[1413..2825]);
}

#[test]
fn a_path_is_searched_by_offset_and_time_like_a_topic() {
    let world = World::new();
    let path = unpack(&world, "clean").join("segments-0");
    let path = path.to_str().expect("UTF-8");
    let expected = &expected()["segments-0"];
    for (range, wanted) in [("3990:", 3990..4000), ("1410:1420", 1410..1420), ("-3", 3997..4000)] {
        assert_eq!(world.records(&[path, "-o", range]), expected[wanted], "-o {range}");
    }
    let since = expected[2000].record.ts.to_string();
    let wanted: Vec<_> =
        expected.iter().filter(|r| r.record.ts >= expected[2000].record.ts).cloned().collect();
    assert_eq!(world.records(&[path, "--since", &since]), wanted);
}

#[test]
fn what_a_broker_wrote_goes_into_a_topic_of_ours_and_back() {
    let world = World::new();
    let directory = unpack(&world, "clean");
    let expected = expected();
    for (name, flag) in [("codec-zstd-0", "-J"), ("codec-lz4-0", "--frame")] {
        world.topic("copy", 1, &["retention.ms=-1"]);
        let path = directory.join(name);
        let out = world.runnel(["consume", flag]).args([path]).run().stdout;
        world.produce(&["copy", flag], out);
        let copied = record::plain(world.records(&["copy"]));
        assert_eq!(copied, record::plain(expected[name].clone()), "{name} {flag}");
        world.runnel(["topic", "delete", "copy", "--yes", "-q"]).run();
    }
}

/// The log start offset that the broker kept hides what lies before it.
#[test]
fn a_brokers_log_start_offset_is_honoured() {
    let world = World::new();
    let directory = unpack(&world, "clean");
    let checkpoint = "0\n1\ncodec-none 0 290\n";
    fs::write(directory.join("log-start-offset-checkpoint"), checkpoint).expect("written");
    let path = directory.join("codec-none-0");
    let got = world.records(&[path.to_str().expect("UTF-8")]);
    assert_eq!(got, expected()["codec-none-0"][290..]);
}

/// A bit that flipped in the middle of a cold log: what is before it is printed, then exit 5.
#[test]
fn damage_is_told_with_the_status_for_damage() {
    let world = World::new();
    let path = unpack(&world, "clean").join("segments-0");
    flip(&path.join("00000000000000001413.log"), 500_000);
    let said = world.runnel(["consume", "-J"]).args([&path]).status(5).run();
    said.has_error();
    let got = record::parse_lines(&said.stdout);
    let expected = &expected()["segments-0"];
    assert!(got.len() >= 1413, "what is before the damage was printed: {}", got.len());
    let intact = got.iter().all(|got| expected.contains(got));
    assert!(intact, "nothing was invented");
    let verdict = world.runnel(["log", "verify"]).args([&path]).status(5).run().text();
    assert!(verdict.contains("00000000000000001413.log"), "the finding names the file: {verdict}");
}

#[test]
fn an_index_that_lies_misleads_no_reader_and_is_found() {
    let world = World::new();
    let path = unpack(&world, "clean").join("segments-0");
    let index = path.join("00000000000000001413.index");
    let noise: Vec<u8> =
        (0..1136u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&index, noise).expect("written");
    let text = path.to_str().expect("UTF-8");
    let expected = &expected()["segments-0"];
    assert_eq!(world.records(&[text, "-o", "2000:2010"]), expected[2000..2010]);
    let verdict = world.runnel(["log", "verify", text]).status(5).run().text();
    assert!(verdict.contains("00000000000000001413.index"), "{verdict}");
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("readable");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

/// The independent reader must agree with Kafka's own consumer, or it could not judge us.
#[test]
fn the_independent_reader_reads_the_broker_too() {
    let world = World::new();
    let expected = expected();
    for (kind, flags) in [("clean", [].as_slice()), ("unclean", &["--zeros-end-indexes"])] {
        let directory = unpack(&world, kind);
        let partitions = PARTITIONS.map(|name| directory.join(name));
        let got = data::read_all_independently(&partitions, flags).expect("sound");
        for name in PARTITIONS {
            assert!(got[name].records == expected[name], "{kind} {name}");
        }
    }
}
