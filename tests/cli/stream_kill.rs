//! `kill -9` of processes that run a stream with a name, again and again: each record gives its results once, whoever had it in hand.
//! Some seconds; `RUNNEL_SOAK_SECONDS` says how many instead.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::random::Random;
use crate::support::{PATIENCE, World};
use crate::table_kill::soak;

const RECORDS_EACH_ROUND: usize = 2000;

/// Two copies follow four partitions; one of them is killed in each round, and a new one comes.
#[test]
fn copies_share_the_partitions_and_none_is_missed_when_they_die() {
    let world = World::new();
    world.topic("in", 4, &[]);
    world.topic("out", 2, &[]);
    let copy = || {
        world
            .runnel([
                "stream",
                "in",
                "select(. % 3 == 0)",
                "--to",
                "out",
                "--id",
                "thirds",
                "-f",
                "-q",
            ])
            .spawn()
    };
    let mut dice = Random::new(5);
    let mut copies = [copy(), copy()];
    let deadline = Instant::now() + soak(Duration::from_secs(2));
    let mut round = 0;
    while Instant::now() < deadline || round < 12 {
        let numbers = round * RECORDS_EACH_ROUND..(round + 1) * RECORDS_EACH_ROUND;
        let lines: String = numbers.map(|n| format!("k{n}={n}\n")).collect();
        world.produce(&["in", "-K", "="], lines);
        thread::sleep(Duration::from_micros(dice.below(40_000) as u64));
        let dying = &mut copies[round % 2];
        dying.signal(Signal::KILL);
        dying.wait_for_end();
        *dying = copy();
        round += 1;
    }
    let rest = ["stream", "in", "select(. % 3 == 0)", "--to", "out", "--id", "thirds", "-q"];
    world.runnel(rest).run();
    let mut times = BTreeMap::<usize, usize>::new();
    for line in world.consume(&["out"]).lines() {
        *times.entry(line.parse().expect("a number")).or_default() += 1;
    }
    let wrong: Vec<_> = (0..round * RECORDS_EACH_ROUND)
        .map(|n| (n, times.get(&n).copied().unwrap_or_default()))
        .filter(|(n, times)| *times != usize::from(n % 3 == 0))
        .collect();
    assert_eq!(wrong, [], "number and how often it came out");
    drop(copies);
    world.runnel(["log", "verify"]).run();
    let lag = ["group", "lag", "thirds", "--max-lag", "0"];
    world.runnel(lag).run();
}

/// A join in a window keeps state: what is sent is sent once, though it is killed between any two steps.
#[test]
fn what_a_join_sends_is_sent_once() {
    let world = World::new();
    world.topic("orders", 2, &[]);
    world.topic("payments", 2, &[]);
    let args = [
        "stream",
        "orders",
        "[., $payments]",
        "--join-stream",
        "payments",
        "--within",
        "1h",
        "--to",
        "paid",
        "--id",
        "join",
        "-q",
        "--commit-interval",
        "0",
    ];
    let mut dice = Random::new(9);
    let mut made = 0;
    let deadline = Instant::now() + soak(Duration::from_secs(2));
    while Instant::now() < deadline || made < 20 * 300 {
        let numbers = made..made + 300;
        made += 300;
        let side = |kind: &str| -> String {
            numbers.clone().map(|n| format!("k{n}=\"{kind}{n}\"\n")).collect()
        };
        world.produce(&["orders", "-K", "="], side("o"));
        world.produce(&["payments", "-K", "="], side("p"));
        let mut running = world.runnel(args).spawn();
        thread::sleep(Duration::from_micros(dice.below(30_000) as u64));
        running.signal(Signal::KILL);
        running.wait_for_end();
    }
    world.runnel(args).run();
    let mut sent: Vec<String> = world.consume(&["paid"]).lines().map(str::to_owned).collect();
    sent.sort();
    let mut expected: Vec<_> = (0..made).map(|n| format!("[\"o{n}\",\"p{n}\"]")).collect();
    expected.sort();
    assert_eq!(sent, expected);
}

/// A copy that does not get on has its partition in hand for as long as it lives, and whoever waits for it says so.
#[test]
fn who_waits_for_a_copy_says_so() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.produce(&["in"], "1\n");
    let (open, said) = (world.path("open"), world.path("said"));
    let command =
        format!("sh -c 'read line; test -e {} || sleep 1000; echo $line'", open.display());
    let args = ["stream", "in", "--to", "out", "--id", "s", "--exec", command.as_str()];
    let held = world.runnel([&args[..], &["-q"]].concat()).spawn();
    let deadline = Instant::now() + PATIENCE;
    let tasks = || world.runnel(["topic", "describe", "out"]).run_any().status == 0;
    while !tasks() {
        assert!(Instant::now() < deadline, "nobody works at it");
        thread::sleep(Duration::from_millis(5));
    }
    let waiting = world.runnel(args).after(&format!("exec 2> {}", said.display())).spawn();
    let has_said = || {
        let said = std::fs::read_to_string(&said).unwrap_or_default();
        said.contains("note: the rest is in the hands of another process")
    };
    while !has_said() {
        assert!(Instant::now() < deadline, "it says nothing");
        thread::sleep(Duration::from_millis(20));
    }
    held.signal(Signal::KILL);
    std::fs::write(open, "").expect("is written");
    assert_eq!(waiting.wait().status, 0);
    assert_eq!(world.consume(&["out"]), "1\n");
}
