//! `produce --transactional-id`: the whole input or nothing, however the command ends.

use std::thread;
use std::time::Duration;

use crate::support::World;
use rustix::process::Signal;

const TRANSACTIONAL: [&str; 4] = ["produce", "t", "--transactional-id", "x"];

#[test]
fn the_whole_input_is_stored() {
    let world = World::new();
    world.topic("t", 3, &[]);
    let input = "a\nb\nc\n";
    world.runnel(TRANSACTIONAL).stdin(input).stdout("").stderr("").run();
    world.runnel(TRANSACTIONAL).stdin("").stderr("").run();
    world.runnel(TRANSACTIONAL).stdin("d\n").stderr("").run();
    let mut lines: Vec<_> = world.consume(&["t"]).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b", "c", "d"]);
    // Nothing waits for a transaction to end.
    let stored = world.runnel(["consume", "t", "--isolation", "read-uncommitted"]).run().text();
    assert_eq!(stored.lines().count(), 4);
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn one_bad_record_leaves_nothing() {
    let world = World::new();
    let large = "x".repeat(2_000_000);
    let input = format!("{}{large}\nafter\n", "good\n".repeat(50_000));
    let said = world.runnel(TRANSACTIONAL).stdin(input).stdout("").fails(4);
    said.says("error: record 50001:").says("hint: nothing was stored");
    assert_eq!(world.consume(&["t"]), "");
    let said = world.runnel(TRANSACTIONAL).args(["-J"]).stdin("{}\n{\n").fails(4);
    said.says("record 2:").says("nothing was stored");
    let torn = world.runnel(TRANSACTIONAL).args(["--frame"]).stdin(&b"\0\0\0"[..]).run_any();
    assert_ne!(torn.status, 0);
    torn.says("nothing was stored");
    world.runnel(TRANSACTIONAL).stdin("well\n").stderr("").run();
    assert_eq!(world.consume(&["t"]), "well\n");
}

#[test]
fn wrong_words() {
    let world = World::new();
    for acks in ["0", "1"] {
        let said = world.runnel(TRANSACTIONAL).args(["--acks", acks]).stdin("a\n").fails(2);
        said.says("error: --transactional-id stores with --acks all only");
    }
    let said = world.runnel(["produce", "t", "--transactional-id", ""]).stdin("a\n").fails(2);
    said.says("a transactional id has 1 to 32767 bytes");
    world.runnel(["consume", "t"]).fails(1).says("t");
}

#[test]
fn a_signal_leaves_nothing() {
    let world = World::new();
    world.produce(&["t"], "before\n");
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut command = world.runnel(TRANSACTIONAL).spawn();
        command.feed(format!("half {status}\n").as_bytes());
        until_stored(&world, &format!("half {status}"));
        assert_eq!(world.consume(&["t"]), "before\n");
        command.signal(signal);
        let said = command.wait();
        assert_eq!(said.status, status, "{said}");
        said.says("error: stopped by a signal").says("hint: nothing was stored");
    }
    world.produce(&["t"], "after\n");
    assert_eq!(world.consume(&["t"]), "before\nafter\n");
}

/// Waits until a line is in the log, whoever may read it.
fn until_stored(world: &World, text: &str) {
    let begun = std::time::Instant::now();
    loop {
        let stored = world.runnel(["consume", "t", "--isolation", "read-uncommitted"]).run().text();
        if stored.lines().any(|line| line == text) {
            return;
        }
        assert!(begun.elapsed() < crate::support::PATIENCE, "it is not sent");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_with_the_same_id_takes_it() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let mut elder = world.runnel(TRANSACTIONAL).spawn();
    elder.feed(b"elder\n");
    until_stored(&world, "elder");
    world.runnel(TRANSACTIONAL).stdin("younger\n").stderr("").run();
    elder.feed_and_close("more\n".to_owned());
    let said = elder.wait();
    assert_eq!(said.status, 1, "{said}");
    said.says("error: transactional id x: another producer has begun with it");
    said.says("hint: nothing was stored");
    assert_eq!(world.consume(&["t"]), "younger\n");
}

/// Who died holds up those who read what is committed; whoever writes to the partition next clears that up.
#[test]
fn a_dead_command_holds_nobody_up_for_long() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let mut dead = world.runnel(TRANSACTIONAL).spawn();
    dead.feed(b"half\n");
    until_stored(&world, "half");
    let mut alive = world.runnel(["produce", "t", "--transactional-id", "y"]).spawn();
    alive.feed(b"alive\n");
    until_stored(&world, "alive");
    dead.kill();
    world.produce(&["t"], "plain\n");
    assert_eq!(world.consume(&["t"]), "", "one is alive");
    alive.feed_and_close(String::new());
    assert_eq!(alive.wait().status, 0);
    assert_eq!(world.consume(&["t"]), "alive\nplain\n");
}

/// Kills: 25, or what `RUNNEL_KILLS` says.
fn rounds() -> u64 {
    std::env::var("RUNNEL_KILLS").map_or(25, |rounds| rounds.parse().expect("a number"))
}

/// Records of a run.
const RECORDS: usize = 20_000;

#[test]
fn kills_leave_whole_inputs() {
    let world = World::new();
    world.topic("t", 3, &[]);
    let mut done = Vec::new();
    for round in 0..rounds() {
        let mut command = world.runnel(TRANSACTIONAL).spawn();
        command.feed_and_close(format!("{round}\n").repeat(RECORDS));
        thread::sleep(Duration::from_millis(round * 13 % 90));
        command.signal(Signal::KILL);
        let said = command.wait();
        if said.status == 0 {
            done.push(round);
        }
    }
    // What was decided is carried out by who comes next; it goes on at once.
    world.runnel(TRANSACTIONAL).stdin("last\n").stderr("").run();
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for line in world.consume(&["t"]).lines() {
        *counts.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(counts.remove("last"), Some(1));
    for (round, count) in &counts {
        assert_eq!(*count, RECORDS, "of the input of round {round}");
    }
    for round in done {
        assert!(counts.contains_key(&round.to_string()), "round {round} had ended well");
    }
    world.runnel(["log", "verify"]).stdout("").run();
}
