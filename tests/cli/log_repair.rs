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

/// A number that no log comes to: no repair makes so many segments, and none says that all is well.
#[test]
fn a_checkpoint_that_can_not_be_true() {
    let (world, all) = world();
    let checkpoint = world.dir().join("log/recovery-point-offset-checkpoint");
    fs::write(&checkpoint, "0\n1\nt 0 4611686018427387904\n").expect("writes");
    fs::remove_dir_all(world.dir().join("run")).expect("is a cache");
    for args in [&["log", "repair", "t"][..], &["log", "repair", "t", "--yes"]] {
        let said = world.runnel(args).status(5).run();
        assert!(said.text().starts_with("stays: "), "{said}");
    }
    assert_eq!(world.runnel(["consume", "t"]).status(5).run().text(), all);
    fs::write(&checkpoint, "0\n0\n").expect("writes");
    world.produce(&["t"], "goes on\n");
    world.runnel(["log", "verify"]).stdout("").run();
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

/// Sends lines in a transaction of the id `x`, which an interrupt aborts.
fn abort(world: &World, lines: &str) {
    let mut producer = world.runnel(["produce", "n", "--transactional-id", "x"]).spawn();
    producer.feed(lines.as_bytes());
    let last = lines.lines().last().expect("a line");
    let all = ["consume", "n", "--isolation", "read-uncommitted"];
    while !world.runnel(all).run().text().ends_with(&format!("{last}\n")) {}
    producer.signal(rustix::process::Signal::INT);
    producer.wait_for_end();
}

fn commit(world: &World, lines: &str) {
    world.produce(&["n", "--transactional-id", "x"], lines);
}

/// Writes over bytes of the first marker, counted from where its batch begins.
fn damage_first_marker(world: &World, at: &[usize]) {
    let dump = world.runnel(["log", "dump", "n", "--batches"]).run().text();
    let line = dump.lines().find(|line| line.contains("control")).expect("a marker");
    let (_, position) = line.split_once("position=").expect("a position");
    let position: usize = position.split_whitespace().next().expect("it").parse().expect("number");
    let log = world.partition("n", 0).join("00000000000000000000.log");
    let mut bytes = fs::read(&log).expect("readable");
    at.iter().for_each(|at| bytes[position + at] ^= 1);
    fs::write(log, bytes).expect("written");
}

/// What ends a transaction that was aborted, then one that was committed; by its crc, and where
/// that is gone too by the index.
const OF_A_MARKER: [&[usize]; 5] = [&[65], &[17], &[69], &[70, 72], &[17, 65]];

#[test]
fn a_lost_abort_marker_shows_nothing() {
    for damaged in OF_A_MARKER {
        let world = World::new();
        world.topic("n", 1, &[]);
        abort(&world, "BAD\n");
        world.produce(&["n"], "plain\n");
        commit(&world, "GOOD\n");
        let before = world.consume(&["n"]);
        assert_eq!(before, "plain\nGOOD\n");
        damage_first_marker(&world, damaged);
        let done = world.runnel(["log", "repair", "n", "--yes"]).run().text();
        assert!(done.contains("put the marker at offset 1 back"), "{done}");
        assert!(done.contains("it aborts the transaction"), "{done}");
        assert_eq!(world.consume(&["n"]), before, "{damaged:?}");
        world.runnel(["log", "verify"]).stdout("").run();
    }
}

#[test]
fn a_lost_commit_marker_hides_nothing() {
    for damaged in OF_A_MARKER {
        let world = World::new();
        world.produce(&["n"], "plain0\n");
        commit(&world, "C1\nC2\nC3\n");
        world.produce(&["n"], "plain1\n");
        abort(&world, "BAD\n");
        world.produce(&["n"], "plain2\n");
        let before = world.consume(&["n"]);
        assert_eq!(before, "plain0\nC1\nC2\nC3\nplain1\nplain2\n");
        damage_first_marker(&world, damaged);
        world.runnel(["log", "repair", "n", "--yes"]).run();
        assert_eq!(world.consume(&["n"]), before, "{damaged:?}");
        world.runnel(["log", "verify"]).stdout("").run();
    }
}

/// Nothing follows of its producer, so that without it the transaction would be open.
#[test]
fn the_last_marker_is_put_back() {
    for rest in ["", "plain\n"] {
        let world = World::new();
        commit(&world, "GOOD\n");
        if !rest.is_empty() {
            world.produce(&["n"], rest);
        }
        damage_first_marker(&world, &[69]);
        world.runnel(["log", "repair", "n", "--yes"]).run();
        assert_eq!(world.consume(&["n"]), format!("GOOD\n{rest}"));
        world.runnel(["log", "verify"]).stdout("").run();
        commit(&world, "next\n");
        assert_eq!(world.consume(&["n"]), format!("GOOD\n{rest}next\n"));
    }
}

/// Neither the crc nor an index tells: the log stays as it is, and repair says so.
#[test]
fn an_outcome_is_not_guessed() {
    // The second has no header that can be read: only the next epoch tells that there was an end.
    for damaged in [&[17, 65][..], &[17, 22, 43, 65]] {
        let world = World::new();
        world.topic("n", 1, &[]);
        abort(&world, "BAD\n");
        world.produce(&["n"], "plain\n");
        commit(&world, "GOOD\n");
        damage_first_marker(&world, damaged);
        fs::remove_file(world.partition("n", 0).join("00000000000000000000.txnindex")).expect("is");
        let before = fingerprint(&world.dir().join("log/n-0"));
        let said = world.runnel(["log", "repair", "n", "--yes"]).status(5).run().text();
        assert!(said.contains("stays: ") && said.contains("nothing tells how it ended"), "{said}");
        assert!(!said.contains("done: "), "{said}");
        assert!(fingerprint(&world.dir().join("log/n-0")) == before, "nothing is changed");
    }
}
