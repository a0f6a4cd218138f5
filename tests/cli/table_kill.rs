//! `kill -9` of processes that update tables, again and again: what is counted is exact, what is sent is sent once, and whoever
//! looks sees the state of one commit. Some seconds; `RUNNEL_SOAK_SECONDS` says how many instead.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::random::Random;
use crate::support::World;

const RECORDS_EACH_ROUND: usize = 3000;
const KEYS: usize = 7;

fn sums(world: &World, table: &str) -> Vec<(String, u64)> {
    let text = world.runnel(["table", "show", table, "-J"]).run().text();
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        (row["key"].as_str().expect("a key").to_owned(), row["value"].as_u64().expect("a count"))
    };
    text.lines().map(row).collect()
}

/// How long to go on; `RUNNEL_SOAK_SECONDS` says how many seconds instead.
pub(crate) fn soak(usual: Duration) -> Duration {
    let seconds = std::env::var("RUNNEL_SOAK_SECONDS");
    seconds.map_or(usual, |text| Duration::from_secs(text.parse().expect("a number")))
}

/// One process that updates is killed in the middle, while another one produces; then the next goes on.
#[test]
fn counts_are_exact_however_often_it_is_killed() {
    let world = World::new();
    world.topic("in", 3, &[]);
    let by = ["--from", "in", "--agg"];
    world
        .runnel([&["table", "create", "counts"], &by[..], &["count", "--to", "out"]].concat())
        .run();
    world
        .runnel(
            [&["table", "create", "twice"], &by[..], &["a=count", "--agg", "b=sum(1)"]].concat(),
        )
        .run();
    // Two inputs that are one topic: each is as far as it is.
    for name in ["left", "right"] {
        world.runnel([&["table", "create", name], &by[..], &["count"]].concat()).run();
    }
    let join = ["--from", "left", "--join", "right", "--value", "{a: ., b: $right}"];
    world.runnel([&["table", "create", "joined"], &join[..]].concat()).run();
    let mut dice = Random::new(11);
    let deadline = Instant::now() + soak(Duration::from_secs(7));
    let mut produced = 0;
    let mut kills = 0;
    while Instant::now() < deadline || kills < 8 {
        let lines: String =
            (0..RECORDS_EACH_ROUND).map(|n| format!("k{}=1\n", (produced + n) % KEYS)).collect();
        produced += RECORDS_EACH_ROUND;
        world.produce(&["in", "-K", "="], lines);
        for table in ["counts", "twice", "joined"] {
            // Making all of it again is stopped as well.
            let anew: &[&str] = if dice.one_in(4) { &["--rebuild"] } else { &[] };
            let update = ["table", "update", table, "-q", "--commit-interval", "0"];
            let mut running = world.runnel([&update, anew].concat()).spawn();
            thread::sleep(Duration::from_micros(dice.below(25_000) as u64));
            running.signal(Signal::KILL);
            running.wait_for_end();
            kills += 1;
        }
        // Both aggregates of one row are of one commit.
        let shown = world.runnel(["table", "show", "twice", "-J"]).run().text();
        for line in shown.lines() {
            let row: serde_json::Value = serde_json::from_str(line).expect("a row");
            assert_eq!(row["value"]["a"], row["value"]["b"], "{line}");
        }
        let state = world.dir().join("state/jobs");
        if dice.one_in(6) && state.exists() {
            std::fs::remove_dir_all(state).expect("is removed");
        }
    }
    for table in ["counts", "twice", "joined"] {
        world.runnel(["table", "update", table, "-q", "--commit-interval", "0"]).run();
    }
    for line in world.runnel(["table", "show", "joined", "-J"]).run().text().lines() {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        assert_eq!(row["value"]["a"], row["value"]["b"], "{line}");
    }
    let expected: Vec<_> = (0..KEYS)
        .map(|key| (format!("k{key}"), (0..produced).filter(|n| n % KEYS == key).count() as u64))
        .collect();
    assert_eq!(sums(&world, "counts"), expected, "after {kills} kills");
    each_change_was_sent_once(&world, produced);
}

/// Two copies of a job whose partitions are tasks share them, with state; one of them is killed in each round, and a new one
/// comes. Now and then both are, and what they kept is gone.
#[test]
fn copies_share_the_partitions_of_a_table_and_its_counts_are_exact() {
    const KEYS: usize = 23;
    let world = World::new();
    world.topic("in", 4, &[]);
    let create = ["table", "create", "t", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel([&create[..], &["--per-partition"]].concat()).run();
    let update = ["table", "update", "t", "-q", "--commit-interval", "0", "--threads", "3"];
    let copy = || world.runnel([&update[..], &["-f"]].concat()).spawn();
    let mut dice = Random::new(17);
    let mut copies = vec![copy(), copy()];
    let deadline = Instant::now() + soak(Duration::from_secs(3));
    let mut produced = 0;
    let mut round = 0;
    while Instant::now() < deadline || round < 12 {
        let lines: String =
            (0..RECORDS_EACH_ROUND).map(|n| format!("k{}=1\n", (produced + n) % KEYS)).collect();
        produced += RECORDS_EACH_ROUND;
        world.produce(&["in", "-K", "="], lines);
        thread::sleep(Duration::from_micros(dice.below(60_000) as u64));
        copies.remove(round % copies.len()).kill();
        if dice.one_in(5) {
            copies.drain(..).for_each(|copy| drop(copy.kill()));
            let state = world.dir().join("state/jobs");
            if state.exists() {
                std::fs::remove_dir_all(state).expect("is removed");
            }
            copies.push(copy());
        }
        copies.push(copy());
        round += 1;
    }
    world.runnel(update).run();
    drop(copies);
    let mut expected: Vec<_> = (0..KEYS)
        .map(|key| (format!("k{key}"), (0..produced).filter(|n| n % KEYS == key).count() as u64))
        .collect();
    expected.sort();
    assert_eq!(sums(&world, "t"), expected, "after {round} rounds");
    each_change_was_sent_once(&world, produced);
}

/// The counts of a key are 1, 2, 3 …
fn each_change_was_sent_once(world: &World, produced: usize) {
    let sent = world.consume(&["out", "-K", "="]);
    let mut counts = std::collections::BTreeMap::<&str, u64>::new();
    for line in sent.lines() {
        let (key, count) = line.split_once('=').expect("a key");
        let last = counts.entry(key).or_default();
        *last += 1;
        assert_eq!(count, last.to_string(), "of {key}");
    }
    assert_eq!(counts.values().sum::<u64>(), produced as u64);
    world.runnel(["log", "verify"]).run();
}

/// A run that is to close its windows and is stopped before has not closed them, whoever makes the state again.
#[test]
fn what_was_stopped_has_not_closed_its_windows() {
    const WINDOWS: usize = 4000;
    let world = World::new();
    world.topic("in", 1, &[]);
    let record = |n: usize| format!("{{\"key\":\"k\",\"value\":\"x\",\"ts\":{}}}\n", n * 30);
    world.produce(&["in", "-J"], (0..2 * WINDOWS).map(record).collect::<String>());
    let window = ["--agg", "count", "--window", "tumbling=60ms", "--emit", "final", "--to", "out"];
    world.runnel([&["table", "create", "t", "--from", "in"], &window[..]].concat()).run();
    let close = || world.runnel(["table", "update", "t", "--close", "-v"]);
    let mut dice = Random::new(3);
    for _ in 0..8 {
        let closing = close().spawn();
        thread::sleep(Duration::from_micros(dice.below(150_000) as u64));
        closing.signal(Signal::INT);
        let said = closing.wait();
        assert!([0, 130].contains(&said.status) && !said.stderr.contains("late"), "{said}");
        let state = world.dir().join("state/jobs");
        if state.exists() {
            std::fs::remove_dir_all(state).expect("is removed");
        }
    }
    let said = close().run();
    assert!(!said.stderr.contains("late"), "{said}");
    let finals = world.consume(&["out", "-K", "="]);
    assert_eq!(finals.lines().filter(|line| line.ends_with("=2")).count(), WINDOWS);
    assert_eq!(finals.lines().count(), WINDOWS);
}

/// Two processes update one table; whichever dies, the other goes on.
#[test]
fn another_process_takes_over_from_a_dead_one() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let args = ["table", "create", "t", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel(args).run();
    let follow = || world.runnel(["table", "update", "t", "-f", "-q"]).spawn();
    let mut first = follow();
    world.produce(&["in", "-k", "k"], "1\n");
    world.until_consume_prints("out", "1\n");
    let second = follow();
    for round in 2..6 {
        first.signal(Signal::KILL);
        first.wait_for_end();
        first = follow();
        world.produce(&["in", "-k", "k"], format!("{round}\n"));
        let expected: String = (1..=round).map(|n| format!("{n}\n")).collect();
        world.until_consume_prints("out", &expected);
    }
    drop((first, second));
}
