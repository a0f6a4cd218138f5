//! Snapshots of producers: what they may hold, and what is done to a copy.

use std::fs;
use std::path::Path;

use runnel::inspect::{Problem, Severity};
use runnel::model::Compression;
use runnel::record::{BatchBuilder, Headers, Record};

use super::{Own, damage, name, verify_path};
use crate::support::data::unpack;
use crate::support::{World, data};

/// Bytes before the entries of a snapshot, and of an entry.
const HEADER_BYTES: usize = 10;
const ENTRY_BYTES: usize = 46;

/// A log of our own with two producers, and its newest snapshot.
fn with_producers() -> Own {
    let own = Own::new();
    for id in [5, 9] {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(id, 0, 0, false);
        for timestamp in [1, 2] {
            let (key, value, headers) = (Some(&b"key"[..]), None, Headers::NONE);
            builder.push(&Record { offset: 0, timestamp, key, value, headers });
        }
        own.broker.append(&own.log, builder.finish().unwrap()).unwrap();
    }
    own.log.close(0).unwrap();
    own
}

/// Writes a snapshot anew with a right crc.
pub(super) fn reseal(path: &Path, bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[6..]);
    bytes[2..6].copy_from_slice(&crc.to_be_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_changed_byte_of_a_snapshot_is_found() {
    let own = with_producers();
    let copy = own.copy();
    let path = copy.files(".snapshot").pop().expect("a clean stop takes one");
    let sound = fs::read(&path).unwrap();
    assert_eq!(sound.len(), HEADER_BYTES + 2 * ENTRY_BYTES);
    assert_eq!(copy.found(), [], "it is sound");
    for (at, position) in [(1, 0), (3, 2), (9, 2), (10, 2), (sound.len() - 1, 2)] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let found = copy.found();
        let [(Severity::Damage, file, Some(told), _)] = &found[..] else { panic!("{found:#?}") };
        assert_eq!((file, *told), (&name(&path), position), "byte {at}");
    }
    for len in [0, 9, sound.len() - 1] {
        fs::write(&path, &sound[..len]).unwrap();
        assert_eq!(damage(&copy.found()).len(), 1, "{len} bytes");
    }
}

#[test]
fn entries_are_held_to_the_snapshots_offset_and_to_one_another() {
    let own = with_producers();
    let copy = own.copy();
    let path = copy.files(".snapshot").pop().expect("a clean stop takes one");
    let sound = fs::read(&path).unwrap();
    let second = HEADER_BYTES + ENTRY_BYTES;
    let offset: i64 = name(&path)[..20].parse().unwrap();
    // Where in the entry, what is put there, and what is wrong with it.
    let cases: [(usize, Vec<u8>, &str); 5] = [
        (0, 5_i64.to_be_bytes().into(), "an entry before it is of the same producer"),
        (0, (-1_i64).to_be_bytes().into(), "the entry has no producer id or epoch"),
        (14, offset.to_be_bytes().into(), "the entry's offset is not below that of the snapshot"),
        (22, i32::MAX.to_be_bytes().into(), "the entry's last batch would begin below offset 0"),
        (38, offset.to_be_bytes().into(), "the entry's offset is not below that of the snapshot"),
    ];
    for (at, field, wrong) in cases {
        let mut bytes = sound.clone();
        bytes[second + at..second + at + field.len()].copy_from_slice(&field);
        reseal(&path, &mut bytes);
        let expected =
            (Severity::Damage, name(&path), Some(second as u64), Problem::Malformed(wrong));
        assert_eq!(copy.found(), [expected], "{wrong}");
    }
    let past = path.with_file_name("00000000000000009999.snapshot");
    fs::rename(&path, past).unwrap();
    let found = copy.found();
    let [(Severity::Note, _, None, Problem::SnapshotPastEnd { end })] = &found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(end.0, offset);
}

#[test]
fn a_brokers_snapshots_are_sound() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let mut snapshots = 0;
    for partition in data::PARTITIONS {
        let dir = clean.join(partition);
        let report = verify_path(&dir);
        assert_eq!(report.findings, [], "{partition}");
        let files = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
        snapshots += files.filter(|file| file.to_str().unwrap().ends_with(".snapshot")).count();
    }
    assert!(snapshots > 0, "there were some");
}
