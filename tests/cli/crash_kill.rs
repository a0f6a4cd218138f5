//! `kill -9` of writers, again and again: what a finished command wrote stays, nothing comes twice, nothing bad is read.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Output, World};
use rustix::process::Signal;

const ROUNDS: u64 = 200;

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Input ends; the command is left to finish.
    Finish,
    /// Input ends; the kill may come before, during or after the work.
    Race,
    /// Input ends; the kill comes as soon as the log is seen to grow, so most likely in the middle of a write.
    Growth,
    /// Input stays open, so the kill comes for certain.
    Kill,
}

/// A generator of delays; printed with a failure so that the spread can be seen again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A round's values: few small ones, or some so large that a kill tears a write apart.
fn values(round: u64) -> Vec<String> {
    let (count, filler) = match round % 4 {
        0 => (6, 300_000),
        1 => (500, 200),
        _ => (20, 10),
    };
    (0..count).map(|n| format!("{round}/{n}/{}", "x".repeat(filler))).collect()
}

fn round(world: &World, number: u64, end: End, delay: Duration) -> Output {
    let input: String = values(number).iter().map(|value| format!("{value}\n")).collect();
    let before = log_bytes(world);
    let mut writer = world.runnel(["produce", "-q", "t"]).spawn();
    if end == End::Kill {
        let killer = writer.killer();
        thread::scope(|scope| {
            scope.spawn(move || {
                thread::sleep(delay);
                killer.signal(Signal::KILL);
            });
            writer.feed(input.as_bytes());
        });
        return writer.wait();
    }
    writer.feed_and_close(input);
    if end == End::Growth {
        while log_bytes(world) == before && !writer.has_ended() {}
    } else if end == End::Race {
        thread::sleep(delay);
    }
    if end != End::Finish {
        writer.signal(Signal::KILL);
    }
    writer.wait()
}

/// Bytes of all segments; one that goes away meanwhile counts nothing.
fn log_bytes(world: &World) -> u64 {
    let Ok(files) = fs::read_dir(world.partition("t", 0)) else { return 0 };
    let paths = files.flatten().map(|entry| entry.path());
    let logs = paths.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    logs.flat_map(fs::metadata).map(|meta| meta.len()).sum()
}

#[test]
fn killed_writers_lose_nothing_that_was_finished() {
    let world = World::new();
    let seed = RandomState::new().build_hasher().finish();
    println!("seed {seed}");
    let mut dice = Dice(seed);
    // How long a whole command takes here sets the scale of the delays.
    let begun = Instant::now();
    let mut statuses = vec![round(&world, 0, End::Finish, Duration::ZERO).status];
    let scale = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX).clamp(1000, 200_000);
    for number in 1..ROUNDS {
        let large = number.is_multiple_of(4);
        let end = match dice.roll(4) {
            0 => End::Finish,
            1 => End::Kill,
            _ if large => End::Growth,
            _ => End::Race,
        };
        let delay = Duration::from_micros(dice.roll(scale * 3 / 2));
        let said = round(&world, number, end, delay);
        let status = said.status;
        match end {
            End::Finish => assert_eq!(status, 0, "{said}"),
            End::Race | End::Growth => assert!(matches!(status, 0 | 137), "{said}"),
            End::Kill => assert_eq!(status, 137, "{said}"),
        }
        statuses.push(status);
        if number % 40 == 0 {
            check(&world.consume(&["t"]), &statuses, seed);
        }
    }
    // The next writer finds the torn tail and cuts it; after it the log is sound.
    statuses.push(round(&world, ROUNDS, End::Finish, Duration::ZERO).status);
    world.runnel(["log", "verify"]).run();
    check(&world.consume(&["t"]), &statuses, seed);
    let offsets = world.consume(&["t", "--format", "%o\\n"]);
    let dense = (0..).zip(offsets.lines()).all(|(n, offset): (u64, _)| offset.parse() == Ok(n));
    assert!(dense, "offsets are dense");
}

/// Of each round a prefix, in order and once; all of it where the command had finished.
fn check(log: &str, statuses: &[i32], seed: u64) {
    let mut found: Vec<Vec<&str>> = vec![Vec::new(); statuses.len()];
    let mut last_round = 0;
    for line in log.lines() {
        let round: usize = line.split('/').next().and_then(|n| n.parse().ok()).expect("a round");
        assert!(round >= last_round, "seed {seed}: round {round} after {last_round}");
        last_round = round;
        found[round].push(line);
    }
    for (round, (found, status)) in found.iter().zip(statuses).enumerate() {
        let values = values(round as u64);
        let prefix = found.len() <= values.len() && found.iter().zip(&values).all(|(f, v)| f == v);
        assert!(prefix, "seed {seed}: round {round} is no prefix of what was sent");
        let whole = found.len() == values.len();
        assert!(whole || *status != 0, "seed {seed}: round {round} had finished: {}", found.len());
    }
}

/// A follower reads beside writers that die: no torn byte, nothing twice, and it goes on.
#[test]
fn a_follower_sees_only_whole_records_of_dying_writers() {
    let world = World::new();
    world.produce(&["t"], "begin\n");
    let mut follower = world.runnel(["consume", "t", "-f"]).spawn();
    assert_eq!(follower.line(), "begin");
    let mut dice = Dice(RandomState::new().build_hasher().finish());
    for number in 0..30 {
        let delay = Duration::from_micros(dice.roll(30_000));
        let end = if number % 4 == 0 { End::Growth } else { End::Race };
        round(&world, number, end, delay);
    }
    world.produce(&["t"], "end\n");
    let mut seen = vec!["begin".to_owned()];
    while seen.last().is_some_and(|line| line != "end") {
        seen.push(follower.line());
    }
    follower.signal(Signal::INT);
    assert_eq!(follower.wait().status, 130);
    let log = world.consume(&["t"]);
    let kept: Vec<&str> = log.lines().collect();
    // A follower may have printed what was written whole and then survived; never anything else.
    assert!(seen == kept, "the follower's {} lines are the log's {}", seen.len(), kept.len());
}

/// Killing the maker of a topic leaves it made or not made, never half.
#[test]
fn a_killed_create_leaves_a_topic_or_none() {
    let world = World::new();
    let mut dice = Dice(RandomState::new().build_hasher().finish());
    for number in 0..30 {
        let name = format!("t{number}");
        let mut maker = world.runnel(["topic", "create", "-q", &name, "-p", "20"]).spawn();
        maker.close_stdin();
        thread::sleep(Duration::from_micros(dice.roll(20_000)));
        maker.kill();
        let there = world.runnel(["topic", "list"]).run().text().lines().any(|line| line == name);
        if !there {
            world.topic(&name, 20, &[]);
        }
        world.produce(&[&name, "-p", "19"], "x\n");
        assert_eq!(world.consume(&[&name]), "x\n");
    }
    world.runnel(["log", "verify"]).run();
}
