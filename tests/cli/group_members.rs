//! Members of one group come, go and are killed while records are written: none is missed, and none
//! is printed again but what was in flight at a kill.
//!
//! Some seconds; `RUNNEL_SOAK_SECONDS` says how many instead.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::running::Running;
use crate::support::{Output, World};

const PARTITIONS: u32 = 8;
const MEMBERS: usize = 4;

fn seconds() -> u64 {
    std::env::var("RUNNEL_SOAK_SECONDS").map_or(4, |text| text.parse().expect("a number"))
}

fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// How a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Asked,
}

/// What was printed, by whom, in order.
#[derive(Default)]
struct Seen {
    members: Vec<(End, Vec<u64>)>,
}

impl Seen {
    fn note(&mut self, end: End, said: &Output) {
        let text = String::from_utf8_lossy(&said.stdout);
        let whole = text.rfind('\n').map_or("", |at| &text[..at]);
        assert!(end == End::Killed || text.is_empty() || text.ends_with('\n'), "{said}");
        let numbers = whole.lines().map(|line| line.parse().expect("a number"));
        self.members.push((end, numbers.collect()));
    }

    /// Every record was seen, and all but one who printed it were killed. Gives how many were
    /// printed more than once.
    fn check(&self, records: u64) -> usize {
        let mut printed: HashMap<u64, (usize, usize)> = HashMap::new();
        for (end, numbers) in &self.members {
            for number in numbers {
                let (all, killed) = printed.entry(*number).or_default();
                *all += 1;
                *killed += usize::from(*end == End::Killed);
            }
        }
        let missing = (0..records).filter(|number| !printed.contains_key(number)).count();
        assert_eq!(missing, 0, "records missing, of {records}");
        let mut wrong: Vec<_> = printed
            .iter()
            .filter(|(_, (all, killed))| *all > killed + 1)
            .map(|(it, _)| *it)
            .collect();
        wrong.sort_unstable();
        let by = |number: &u64| {
            let who = self.members.iter().enumerate().filter(|(_, (_, all))| all.contains(number));
            who.map(|(member, (end, all))| (member, *end, all.len())).collect::<Vec<_>>()
        };
        let told: Vec<_> = wrong.iter().take(3).map(|it| (it, by(it))).collect();
        assert!(
            wrong.is_empty(),
            "{} printed again, though nobody was killed: {told:?}",
            wrong.len()
        );
        printed.values().filter(|(all, _)| *all > 1).count()
    }
}

fn member(world: &World) -> Running {
    let mut process = world.runnel(["consume", "t", "-g", "g", "-f"]).spawn();
    process.close_stdin();
    process
}

/// Writes records until the time is over while members come and go; gives what was seen, and how
/// many records there are.
fn run(kills: bool, seed: u64) -> (Seen, u64) {
    let world = World::new();
    world.topic("t", PARTITIONS, &[]);
    let mut dice = Dice(seed);
    let mut members: Vec<_> = (0..MEMBERS).map(|_| member(&world)).collect();
    let (mut seen, mut records) = (Seen::default(), 0);
    let deadline = Instant::now() + Duration::from_secs(seconds());
    while Instant::now() < deadline {
        let partition = dice.roll(u64::from(PARTITIONS)).to_string();
        let next = records + 1 + dice.roll(3000);
        let lines: String = (records..next).map(|number| format!("{number}\n")).collect();
        world.produce(&["t", "-p", &partition], lines);
        records = next;
        if dice.roll(6) == 0 {
            let which = dice.roll(MEMBERS as u64) as usize;
            let old = std::mem::replace(&mut members[which], member(&world));
            if kills && dice.roll(4) > 0 {
                seen.note(End::Killed, &old.kill());
            } else {
                old.signal(if dice.roll(2) == 0 { Signal::INT } else { Signal::TERM });
                let said = old.wait();
                assert!(matches!(said.status, 130 | 143) && said.stderr.is_empty(), "{said}");
                seen.note(End::Asked, &said);
            }
        }
        std::thread::sleep(Duration::from_millis(dice.roll(40)));
    }
    for member in members {
        member.signal(Signal::TERM);
        let said = member.wait();
        assert_eq!((said.status, &*said.stderr), (143, ""), "{said}");
        seen.note(End::Asked, &said);
    }
    // One that does not follow reads what is left, of dead members too.
    seen.note(End::Asked, &world.runnel(["consume", "t", "-g", "g"]).run());
    world.runnel(["consume", "t", "-g", "g"]).stdout("").run();
    world.runnel(["group", "lag", "g", "--max-lag", "0"]).run();
    world.runnel(["log", "verify"]).run();
    (seen, records)
}

#[test]
fn killed_members_lose_nothing() {
    let seed = seed();
    println!("seed {seed}");
    let (seen, records) = run(true, seed);
    let twice = seen.check(records);
    let killed = seen.members.iter().filter(|(end, _)| *end == End::Killed).count();
    println!("{records} records, {killed} members killed, {twice} records printed again");
}

#[test]
fn members_that_go_when_asked_print_each_record_once() {
    let seed = seed();
    println!("seed {seed}");
    let (seen, records) = run(false, seed);
    assert_eq!(seen.check(records), 0, "records printed more than once");
}

/// Started together they share, and end when all is read.
#[test]
fn four_read_a_topic_once_between_them() {
    let world = World::new();
    world.topic("t", PARTITIONS, &[]);
    let lines: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    world.produce(&["t"], lines);
    let start = || {
        let mut process = world.runnel(["consume", "t", "-g", "g"]).spawn();
        process.close_stdin();
        process
    };
    let members: Vec<_> = (0..MEMBERS).map(|_| start()).collect();
    let mut seen = Seen::default();
    for member in members {
        let said = member.wait();
        assert_eq!((said.status, &*said.stderr), (0, ""), "{said}");
        seen.note(End::Asked, &said);
    }
    assert_eq!(seen.check(200_000), 0);
}

/// The checker must see what it is there for.
#[test]
fn the_checker_sees() {
    let seen = |members: &[(End, &[u64])]| Seen {
        members: members.iter().map(|(end, numbers)| (*end, numbers.to_vec())).collect(),
    };
    let fails = |seen: Seen| std::panic::catch_unwind(move || seen.check(3)).is_err();
    assert_eq!(seen(&[(End::Killed, &[0, 1]), (End::Asked, &[1, 2])]).check(3), 1);
    assert!(fails(seen(&[(End::Asked, &[0, 1])])), "one is missing");
    assert!(fails(seen(&[(End::Asked, &[0, 1]), (End::Asked, &[1, 2])])), "nobody was killed");
}
