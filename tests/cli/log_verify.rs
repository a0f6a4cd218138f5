//! `runnel log verify`: quiet about what is sound, exit 5 and a finding a line about what is not.

use std::fs;
use std::path::PathBuf;

use crate::support::World;
use crate::support::data::fingerprint;
use serde_json::Value;

/// Two partitions of several segments.
fn sound() -> World {
    let world = World::new();
    world.topic(
        "t",
        2,
        &["internal.segment.bytes=20000", "index.interval.bytes=1000", "retention.ms=-1"],
    );
    for n in 0..10 {
        let lines: String = (0..200).map(|m| format!("{n} {m} {}\n", "pad ".repeat(8))).collect();
        world.produce(&["t", "-z", "none", "-p", if n % 2 == 0 { "0" } else { "1" }], lines);
    }
    world
}

/// The first and largest file with this ending in partition 0.
fn file(world: &World, ending: &str) -> PathBuf {
    let files = fs::read_dir(world.partition("t", 0)).expect("a partition");
    let files = files.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    assert!(files.len() > 1, "several segments");
    files.into_iter().next().expect("a file")
}

#[test]
fn sound_logs() {
    let world = sound();
    let before = fingerprint(&world.dir());
    let partition = world.partition("t", 0);
    let log = file(&world, "log");
    world.runnel(["log", "verify"]).run();
    world.runnel(["log", "verify", "t"]).run();
    world.runnel(["log", "verify"]).args([&partition]).run();
    world.runnel(["log", "verify"]).args([&log]).run();
    assert!(fingerprint(&world.dir()) == before, "verifying changes nothing");
}

#[test]
fn nothing_to_verify() {
    let world = World::new();
    world.runnel(["log", "verify", "nothing"]).fails(1);
    world.runnel(["log", "verify"]).args([world.path("nowhere/t-0")]).fails(1);
}

#[test]
fn every_flipped_bit_of_a_batch_is_found() {
    let world = sound();
    let path = file(&world, "log");
    let bytes = fs::read(&path).expect("readable");
    let name = path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
    // The header's fields from the length on, the first records, the middle; not the leader epoch, which no crc covers.
    for at in [8, 11, 16, 17, 21, 26, 35, 60, 61, 70, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x04;
        fs::write(&path, damaged).expect("written");
        let said = world.runnel(["log", "verify", "t"]).run_any();
        assert_eq!(said.status, 5, "byte {at}: {said}");
        let finding = said.text().lines().any(|line| line.contains(&name));
        assert!(finding, "byte {at}: a line names the file: {said}");
    }
    fs::write(&path, bytes).expect("written");
    world.runnel(["log", "verify", "t"]).run();
}

#[test]
fn lying_indexes_are_found() {
    let world = sound();
    for ending in ["index", "timeindex"] {
        let path = file(&world, ending);
        let bytes = fs::read(&path).expect("readable");
        assert!(!bytes.is_empty(), "{ending} has entries");
        for at in [bytes.len() - 1, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            fs::write(&path, damaged).expect("written");
            let said = world.runnel(["log", "verify", "t"]).status(5).run();
            let name = path.file_name().expect("a name").to_str().expect("UTF-8");
            assert!(said.text().contains(name), "{ending} byte {at}: {said}");
        }
        fs::write(&path, bytes).expect("written");
    }
    world.runnel(["log", "verify", "t"]).run();
}

/// Where a segment is missing in the middle, records are.
#[test]
fn a_hole_between_segments_is_found() {
    let world = sound();
    let mut logs: Vec<_> = fs::read_dir(world.partition("t", 0))
        .expect("a partition")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .collect();
    logs.sort();
    assert!(logs.len() > 2, "a middle");
    fs::remove_file(&logs[1]).expect("removed");
    world.runnel(["log", "verify", "t"]).status(5).run();
}

#[test]
fn findings_as_json() {
    let world = sound();
    let path = file(&world, "log");
    let mut bytes = fs::read(&path).expect("readable");
    bytes[70] ^= 1;
    fs::write(&path, bytes).expect("written");
    let said = world.runnel(["log", "verify", "t", "-J"]).status(5).run();
    let lines: Vec<Value> =
        said.text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(lines.iter().any(|line| line.to_string().contains(".log")), "{lines:?}");
}

/// The catalog, ids, directories: what is of no single partition.
#[test]
fn what_stands_around_the_logs() {
    let world = sound();
    let verify = || world.runnel(["log", "verify"]).run_any();
    let metadata = world.partition("t", 1).join("partition.metadata");
    let right = fs::read_to_string(&metadata).expect("readable");
    fs::write(&metadata, "version: 0\ntopic_id: p52dS98XTxKD2RH6kAoj6A").expect("written");
    let said = verify();
    assert_eq!(said.status, 5, "{said}");
    let expected =
        "t-1/partition.metadata: the topic's id is p52dS98XTxKD2RH6kAoj6A here, expected ";
    assert!(said.text().contains(expected), "{said}");
    world.runnel(["log", "repair", "t", "--yes"]).run();
    assert_eq!(fs::read_to_string(&metadata).expect("readable"), right, "it is set right");

    let log_dir = world.dir().join("log");
    fs::create_dir(log_dir.join("lost+found")).expect("made");
    fs::create_dir(log_dir.join("gone-0.0123456789abcdef0123456789abcdef-delete")).expect("made");
    fs::create_dir(log_dir.join("nobodys-0")).expect("made");
    let said = verify();
    assert_eq!((said.status, said.text().lines().count()), (0, 3), "notes alone: {said}");
    assert!(said.text().lines().all(|line| line.starts_with("note: ")), "{said}");

    let checkpoint = log_dir.join("recovery-point-offset-checkpoint");
    fs::write(&checkpoint, "0\n1\nt 0 x\n").expect("written");
    let said = verify();
    let expected = "recovery-point-offset-checkpoint at position 4: malformed";
    assert!(said.status == 5 && said.text().contains(expected), "{said}");
    fs::remove_file(&checkpoint).expect("removed");

    fs::write(world.dir().join("catalog.json"), "{ \"version\": 1, ").expect("written");
    let said = verify();
    assert_eq!(said.status, 5, "{said}");
    let first = said.text().lines().next().expect("a line").to_owned();
    assert!(first.contains("catalog.json: ") && first.contains("line 1"), "{said}");
    assert_eq!(said.text().matches("damage: ").count(), 1, "the logs themselves are sound: {said}");
}
