//! `runnel log repair`: a plan first, then the deed; what could be read can be read after, what is taken
//! out is kept, and the log goes on.

use std::fs;
use std::path::PathBuf;

use crate::support::World;
use crate::support::data::{fingerprint, unpack};

/// A partition of several segments, and what it holds.
fn world() -> (World, String) {
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=20000", "index.interval.bytes=1000"]);
    for n in 0..8 {
        let lines: String = (0..200).map(|m| format!("{n} {m} {}\n", "pad ".repeat(8))).collect();
        world.produce(&["t", "-z", "none"], lines);
    }
    let all = world.consume(&["t"]);
    (world, all)
}

fn logs(world: &World) -> Vec<PathBuf> {
    let files = fs::read_dir(world.partition("t", 0)).expect("a partition");
    let files = files.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    files.sort();
    files
}

#[test]
fn nothing_to_repair() {
    let (world, _) = world();
    let before = fingerprint(&world.dir());
    world.runnel(["log", "repair", "t"]).stdout("").run();
    assert!(fingerprint(&world.dir()) == before, "a plan changes nothing");
    world.runnel(["log", "repair", "t", "--yes"]).stdout("").run();
    world.runnel(["log", "repair", "nothing", "--yes"]).fails(1);
    world.runnel(["log", "repair", "nowhere/t-0"]).fails(1);
    let path = world.partition("t", 0);
    world.runnel(["log", "repair"]).args([path]).fails(2).says("log repair TOPIC");
}

#[test]
fn a_damaged_batch_costs_that_batch() {
    let (world, all) = world();
    let log = &logs(&world)[1];
    let mut bytes = fs::read(log).expect("readable");
    bytes[200] ^= 1;
    fs::write(log, &bytes).expect("written");
    let before = fingerprint(&world.dir());
    let plan = world.runnel(["log", "repair", "t"]).status(5).stderr("").run().text();
    assert!(fingerprint(&world.dir()) == before, "a plan changes nothing");
    assert!(plan.starts_with("plan: t-0: take "), "{plan}");
    assert!(plan.contains("plan: t-0: begin leader epoch 1 at offset 1600\n"), "{plan}");
    let done = world.runnel(["log", "repair", "t", "--yes"]).stderr("").run().text();
    let (steps, kept) = done.trim_end().rsplit_once('\n').expect("lines");
    assert_eq!(format!("{steps}\n"), plan.replace("plan: ", "done: "));
    assert!(kept.starts_with("kept: ") && kept.contains("/cut/t-0"), "{kept}");
    world.runnel(["log", "verify"]).stdout("").run();
    let left = world.consume(&["t"]);
    assert!(left.lines().count() >= 1400, "only the batch is lost");
    let mut rest = all.lines();
    assert!(left.lines().all(|line| rest.any(|it| it == line)), "in order, and none invented");
    // It goes on, and the offsets that are lost are not given away again.
    world.produce(&["t"], "next\n");
    let last = world.runnel(["consume", "t", "-o", "1600", "--format", "%o %e %s\n"]).run().text();
    assert_eq!(last, "1600 1 next\n");
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn a_missing_segment_and_a_lost_end() {
    let (world, _) = world();
    let logs = logs(&world);
    assert!(logs.len() > 3, "several segments");
    fs::remove_file(&logs[1]).expect("removed");
    // All of it was on disk: the end of the log is gone with its last segment.
    fs::remove_file(logs.last().expect("a last")).expect("removed");
    world.runnel(["log", "verify", "t"]).status(5).run();
    world.runnel(["produce", "t"]).stdin("x\n").fails(5);
    let done = world.runnel(["log", "repair", "t", "--yes"]).run().text();
    assert_eq!(done.matches("let an empty batch stand for offsets ").count(), 2, "{done}");
    world.runnel(["log", "verify"]).stdout("").run();
    world.produce(&["t"], "next\n");
    let last = world.runnel(["consume", "t", "-n", "1", "--format", "%o %s\n"]).run().text();
    assert_eq!(last, "1600 next\n", "no offset is given away twice");
}

#[test]
fn a_directory_that_is_gone() {
    let (world, _) = world();
    fs::remove_dir_all(world.partition("t", 0)).expect("removed");
    let found = world.runnel(["log", "verify"]).status(5).run().text();
    assert!(found.contains("the partition has no directory"), "{found}");
    world.runnel(["log", "repair", "t", "--yes"]).run();
    world.runnel(["log", "verify"]).stdout("").run();
    world.produce(&["t"], "next\n");
    assert_eq!(world.runnel(["consume", "t", "--format", "%o %s\n"]).run().text(), "1600 next\n");
}

#[test]
fn of_a_stopped_broker() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let log = clean.join("tx-0/00000000000000000000.log");
    let mut bytes = fs::read(&log).expect("readable");
    bytes[100] ^= 1;
    fs::write(&log, bytes).expect("written");
    let checkpoint = clean.join("log-start-offset-checkpoint");
    fs::write(&checkpoint, "0\n2\ntx 0 0\nrubbish\n").expect("written");
    let found = world.runnel(["log", "verify"]).args([&clean]).status(5).run().text();
    assert!(found.contains("log-start-offset-checkpoint at position 11: malformed"), "{found}");
    world.runnel(["log", "repair"]).args([&clean]).status(5).run();
    let done = world.runnel(["log", "repair", "--yes"]).args([&clean]).run().text();
    assert!(done.contains("drop 1 line(s)"), "{done}");
    assert_eq!(fs::read_to_string(&checkpoint).expect("readable"), "0\n1\ntx 0 0\n");
    world.runnel(["log", "verify"]).args([&clean]).stdout("").run();
    assert!(world.path("clean-cut/tx-0").is_dir(), "beside the log directory");
    assert!(!clean.join(".lock").exists(), "its lock is gone again");
    let left = world.runnel(["consume"]).args([clean.join("tx-0")]).run().text();
    assert_eq!(left.lines().count(), 20, "ten of thirty committed ones are lost");
}

#[test]
fn refused_while_somebody_else_has_it() {
    use runnel::storage::{Directory, LockKind, LockRange, Open, Storage as _, Wait};
    let (world, _) = world();
    let log = &logs(&world)[1];
    let mut bytes = fs::read(log).expect("readable");
    bytes[200] ^= 1;
    fs::write(log, &bytes).expect("written");
    let mut writer = world.runnel(["produce", "other"]).spawn();
    writer.feed(b"x\n");
    world.until_consume_prints("other", "x\n");
    world.runnel(["log", "repair", "t", "--yes"]).fails(1).says("is being written").has_hint();
    writer.close_stdin();
    assert_eq!(writer.wait().status, 0);
    let server = world.serve(&[]);
    world.runnel(["log", "repair", "t", "--yes"]).fails(1).says("is being served").has_hint();
    world.runnel(["log", "repair", "t"]).status(5).stderr("").run();
    server.stop();

    let clean = unpack(&world, "clean");
    let directory = Directory::open(&clean).expect("opens");
    let kafka = directory.open(".lock", Open::Create).expect("creates");
    assert!(kafka.lock(LockRange::WHOLE_FILE, LockKind::Exclusive, Wait::No).expect("locks"));
    world.runnel(["log", "repair", "--yes"]).args([&clean]).fails(1).says("by a Kafka broker");
    drop(kafka);
    world.runnel(["log", "repair", "--yes"]).args([&clean]).stdout("").run();
}
