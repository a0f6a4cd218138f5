//! Which changes of a table come out, and when; and what others see of it meanwhile.

use std::fmt::Write as _;

use rustix::process::Signal;

use crate::support::World;

/// Each of a hundred keys ten times in a row, and all of that once more.
fn runs() -> World {
    let world = World::new();
    world.topic("in", 1, &[]);
    let mut lines = String::new();
    for key in (0..100).chain(0..100) {
        for _ in 0..10 {
            writeln!(lines, "k{key:02}=1").expect("is text");
        }
    }
    world.produce(&["in", "-K", "="], lines);
    world
}

/// What a count of those sends, each line a key and a count.
fn sent(world: &World, name: &str, create: &[&str], update: &[&str]) -> Vec<String> {
    let to = format!("{name}-out");
    let args = ["table", "create", name, "--from", "in", "--agg", "count", "--to", &to];
    world.runnel([&args[..], create].concat()).run();
    world.runnel([&["table", "update", name, "-q"], update].concat()).run();
    world.consume(&[&to, "-K", " "]).lines().map(str::to_owned).collect()
}

#[test]
fn changes_come_out_each_or_at_a_commit_or_where_the_cache_is_full() {
    let world = runs();
    let each: Vec<String> = [0, 10]
        .iter()
        .flat_map(|before| {
            (0..100).flat_map(move |key| (1..=10).map(move |n| format!("k{key:02} {}", before + n)))
        })
        .collect();
    assert_eq!(sent(&world, "each", &[], &["--commit-interval", "0"]), each);
    assert_eq!(sent(&world, "made-so", &["--commit-interval", "0"], &[]), each);
    // Nothing but the last of each key, at the end.
    let last: Vec<String> = (0..100).map(|key| format!("k{key:02} 20")).collect();
    let in_order = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(in_order(sent(&world, "hour", &[], &["--commit-interval", "1h"])), last);
    assert_eq!(in_order(sent(&world, "every", &["--emit", "every=1h"], &[])), last);
    // A cache for a few keys: what was changed longest ago goes first, with its last value.
    let few = ["--commit-interval", "1h", "--cache-max-bytes", "1k"];
    let runs: Vec<String> = [10, 20]
        .iter()
        .flat_map(|count| (0..100).map(move |key| format!("k{key:02} {count}")))
        .collect();
    assert_eq!(sent(&world, "few", &[], &few), runs);
    let none = ["--commit-interval", "1h", "--cache-max-bytes", "0"];
    assert_eq!(sent(&world, "none", &[], &none), each);
}

/// Whoever looks sees one commit whole, the next one or the same one again, and waits for nobody.
#[test]
fn others_look_while_it_is_written() {
    let world = World::new();
    world.topic("in", 2, &[]);
    let args = ["table", "create", "t", "--from", "in", "--agg", "a=count", "--agg", "b=sum(1)"];
    world.runnel(args).run();
    let update = ["table", "update", "t", "-f", "-q", "--commit-interval", "1ms"];
    let updating = world.runnel(update).spawn();
    let mut producing = world.runnel(["produce", "in", "-K", "=", "--acks", "1"]).spawn();
    let mut last = 0;
    let mut different = 0;
    for round in 0..60 {
        let lines: String = (0..500).map(|n| format!("k{}=1\n", (round * 7 + n) % 50)).collect();
        producing.feed(lines.as_bytes());
        let shown = world.runnel(["table", "show", "t", "-J"]).run().text();
        let mut sum = 0;
        for line in shown.lines() {
            let row: serde_json::Value = serde_json::from_str(line).expect("a row");
            assert_eq!(row["value"]["a"], row["value"]["b"], "{line}");
            sum += row["value"]["a"].as_u64().expect("a count");
        }
        assert!(sum >= last, "{sum} after {last}");
        different += usize::from(sum > last);
        last = sum;
    }
    assert!(different > 5, "it was written meanwhile");
    producing.close_stdin();
    assert_eq!(producing.wait().status, 0);
    updating.signal(Signal::TERM);
    assert_eq!(updating.wait().status, 143);
    world.runnel(["table", "update", "t", "-q"]).run();
    let shown = world.runnel(["table", "show", "t", "-J"]).run().text();
    let count = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        row["value"]["a"].as_u64().expect("a count")
    };
    assert_eq!(shown.lines().map(count).sum::<u64>(), 60 * 500);
}

/// A file may not grow any more: the update fails, what was there stays, and the next one is right.
#[test]
fn a_disk_that_is_full_loses_nothing() {
    let world = runs();
    let args = ["table", "create", "t", "--from", "in", "--agg", "collect(.)", "--to", "out"];
    world.runnel(args).run();
    let update = ["table", "update", "t", "-q", "--commit-interval", "0"];
    for blocks in [8, 16, 40, 100] {
        let said =
            world.runnel(update).after(&format!("trap '' XFSZ; ulimit -f {blocks}")).run_any();
        assert_eq!(said.status, 1, "{said}");
        said.has_error();
    }
    world.runnel(update).run();
    let shown = world.runnel(["get", "t", "k42", "-J"]).run().text();
    assert!(shown.contains(&format!("[{}]", ["1"; 20].join(","))), "{shown}");
    assert_eq!(world.consume(&["out"]).lines().count(), 2000, "each change, once");
    world.runnel(["log", "verify"]).run();
}
