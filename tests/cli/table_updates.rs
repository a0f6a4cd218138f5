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

#[test]
fn a_follower_keeps_to_its_interval() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let args = ["table", "create", "t", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel([&args[..], &["--emit", "every=1h"]].concat()).run();
    let following = world.runnel(["table", "update", "t", "-f", "-q"]).spawn();
    // The first look at what there is comes out at once.
    while !world.dir().join("state/jobs").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for _ in 0..3 {
        world.produce(&["in", "-k", "k"], "x\n");
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    following.signal(Signal::TERM);
    assert_eq!(following.wait().status, 143);
    let sent = world.consume(&["out"]);
    assert_eq!(sent.lines().last(), Some("3"));
    assert!(sent.lines().count() < 3, "{sent}");
}

/// A record whose time can't be told is left out in its turn, behind those that wait before it.
#[test]
fn times_that_fail_are_left_out_in_turn() {
    let world = World::new();
    world.topic("in", 2, &[]);
    let lines: String = (0..3000)
        .map(|n| if n % 50 == 49 { "{}\n".to_owned() } else { format!("{{\"t\":{n}}}\n") })
        .collect();
    world.produce(&["in"], lines);
    let args =
        ["table", "create", "t", "--from", "in", "--ts-from", ".t", "--by", "1", "--agg", "count"];
    world.runnel(args).run();
    let update =
        ["table", "update", "t", "--on-error", "dead-letter=dead", "--commit-interval", "0"];
    let said = world.runnel(update).status(4).run();
    said.says("summary: 3,000 records in").says("60 failed");
    world.runnel(update).run();
    assert_eq!(world.consume(&["dead"]).lines().count(), 60, "each once");
    assert_eq!(world.runnel(["get", "t", "1"]).run().text(), "2940\n");
    // All of them fail, more than fit into memory at once.
    world.topic("bad", 1, &[]);
    let long = "x".repeat(4000);
    world.produce(&["bad"], format!("{{\"x\":\"{long}\"}}\n").repeat(2500) + "{\"t\":1}\n");
    let args = [
        "table",
        "create",
        "b",
        "--from",
        "bad",
        "--ts-from",
        ".t",
        "--join",
        "in",
        "--left",
        "--agg",
        "count",
        "--by",
        "1",
    ];
    world.runnel(args).run();
    let skip = ["table", "update", "b", "--on-error", "skip"];
    world.runnel(skip).status(4).run().says("2,500 failed");
    assert_eq!(world.runnel(["get", "b", "1"]).run().text(), "1\n");
}

/// Ends of transactions are no records, and none is behind for them.
#[test]
fn nothing_is_behind_a_transaction() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.runnel(["produce", "in", "--transactional-id", "x", "-q"]).stdin("a\nb\n").run();
    world.runnel(["table", "create", "t", "--from", "in", "--by", ".", "--agg", "count"]).run();
    world.runnel(["table", "update", "t", "-q"]).run();
    let stream = ["stream", "in", "--id", "s", "--to", "out", "-q"];
    world.runnel(stream).run();
    for group in ["t", "s"] {
        world.runnel(["group", "lag", group, "--max-lag", "0"]).run();
    }
    let described = world.runnel(["table", "describe", "t"]).run().text();
    assert!(described.contains("reads in: 0 records behind"), "{described}");
}

/// What a reader had not taken before it went away is printed again.
#[test]
fn what_was_not_printed_is_not_taken_in() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let numbers: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    world.produce(&["in"], numbers);
    let stream = ["stream", "in", "--id", "p", "-q"];
    let gone = world.runnel(stream).under(["sh", "-c", "\"$@\" | true", "sh"]);
    gone.run_any();
    let rest = world.runnel(stream).run().text();
    let first: usize = rest.lines().next().expect("a line").parse().expect("a number");
    // As much as a pipe holds.
    assert!(first < 20_000, "{first}");
    assert_eq!(rest.lines().last(), Some("199999"));
    assert_eq!(rest.lines().count(), 200_000 - first);
}

/// A group of the name that others made, and what they committed, says nothing of a stream.
#[test]
fn a_group_of_the_same_name_is_another_thing() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.produce(&["in"], "a\nb\n");
    world.runnel(["consume", "in", "-g", "audit"]).stdout("a\nb\n").run();
    std::thread::sleep(std::time::Duration::from_millis(2));
    let stream = ["stream", "in", "--id", "audit", "--to", "out", "-q"];
    world.runnel(stream).run();
    assert_eq!(world.consume(&["out"]), "a\nb\n");
    // And with the stream its group goes.
    world.runnel(["stream", "--drop", "audit"]).run();
    world.runnel(["group", "list"]).stdout("").run();
    world.runnel(stream).run();
    assert_eq!(world.consume(&["out"]), "a\nb\na\nb\n");
}

/// More results at once than are held in memory.
#[test]
fn a_great_many_windows_are_closed_at_once() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let word = "w".repeat(300);
    let lines: String = (0..40_000)
        .map(|n| format!("{{\"key\":\"k\",\"value\":\"{word}\",\"ts\":{n}}}\n"))
        .collect();
    world.produce(&["in", "-J"], lines);
    let args = ["table", "create", "t", "--from", "in", "--agg", "last(.)", "--to", "out"];
    // None of them is closed before: the grace is longer than all of it.
    let windows = ["--window", "tumbling=1ms", "--grace", "1h", "--emit", "final"];
    world.runnel([&args[..], &windows].concat()).run();
    world.runnel(["table", "update", "t", "-q"]).run();
    assert_eq!(world.consume(&["out"]), "");
    world.runnel(["table", "update", "t", "-q", "--close"]).run();
    let sent = world.consume(&["out"]);
    assert_eq!(sent.lines().count(), 40_000);
    assert!(sent.lines().all(|line| line == word));
    world.runnel(["table", "update", "t", "-q", "--close"]).run();
    assert_eq!(world.consume(&["out"]).lines().count(), 40_000);
}

/// Minutes of a sum: those with a record that fails are as if it had never been there.
#[test]
fn records_that_are_left_out_move_no_clock() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let record = |x: &str, ts: u32| {
        format!("{{\"key\":\"k\",\"value\":\"{{\\\"x\\\":{x}}}\",\"ts\":{ts}}}\n")
    };
    let lines = record("1", 5_000) + &record("\\\"bad\\\"", 305_000) + &record("10", 6_000);
    world.produce(&["in", "-J"], lines);
    let args = ["table", "create", "t", "--from", "in", "--agg", "sum(.x)", "--window"];
    world.runnel([&args[..], &["tumbling=1m"]].concat()).run();
    let skip = ["table", "update", "t", "--on-error", "skip"];
    let said = world.runnel(skip).status(4).run();
    assert!(!said.stderr.contains("late"), "{said}");
    let shown = world.runnel(["table", "show", "t", "-J"]).run().text();
    assert!(shown.contains("\"value\":11,"), "{shown}");
}

/// The result of one window is larger than its topic takes: no record is to blame, and the others come out.
#[test]
fn a_window_that_its_topic_does_not_take_is_left_out() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.topic("out", 1, &["max.message.bytes=200"]);
    let record = |value: &str, minute: u32| {
        format!("{{\"key\":\"k\",\"value\":\"{value}\",\"ts\":{}}}\n", minute * 60_000)
    };
    let long = "x".repeat(150);
    let lines: String = record(&long, 0).repeat(3)
        + &(1..5).map(|minute| record("short", minute)).collect::<String>();
    world.produce(&["in", "-J"], lines);
    let args = ["table", "create", "t", "--from", "in", "--agg", "collect(.)", "--to", "out"];
    world.runnel([&args[..], &["--window", "tumbling=1m", "--emit", "final"]].concat()).run();
    world.runnel(["table", "update", "t"]).fails(1).says("none can be left out");
    let said =
        world.runnel(["table", "update", "t", "--on-error", "skip", "--close"]).status(4).run();
    said.says("a result: out does not take it").says("1 failed");
    assert_eq!(world.consume(&["out"]), "[\"short\"]\n".repeat(4));
}

/// What was closed and sent is not sent again where all of it is made again.
#[test]
fn windows_that_were_closed_stay_so() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.produce(&["in", "-K", "="], "a=1\nb=1\n");
    let args = ["table", "create", "t", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel([&args[..], &["--window", "tumbling=1h", "--emit", "final"]].concat()).run();
    let close = ["table", "update", "t", "-q", "--close"];
    world.runnel(close).run();
    assert_eq!(world.consume(&["out"]), "1\n1\n");
    std::fs::remove_dir_all(world.dir().join("state")).expect("is removed");
    world.runnel(close).run();
    world.runnel(["table", "update", "t", "-q", "--rebuild"]).run();
    world.runnel(close).run();
    assert_eq!(world.consume(&["out"]), "1\n1\n");
}

/// An old copy of the state is brought up to what was sent, in silence.
#[test]
fn an_old_state_that_was_put_back_sends_nothing_again() {
    let world = World::new();
    world.topic("in", 1, &[]);
    let args = ["table", "create", "t", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel(args).run();
    let mut following = None;
    for round in 1..=2 {
        world.produce(&["in", "-k", "k"], "x\n");
        // Killed, it leaves what it sent in its state.
        let mut running = world.runnel(["table", "update", "t", "-f", "-q"]).spawn();
        let expected: String = (1..=round).map(|n| format!("{n}\n")).collect();
        world.until_consume_prints("out", &expected);
        running.signal(Signal::KILL);
        running.wait_for_end();
        let (state, copy) = (world.dir().join("state"), world.path("copy"));
        if following.is_none() {
            copy_all(&state, &copy);
            following = Some(copy);
        } else {
            std::fs::remove_dir_all(&state).expect("is removed");
            copy_all(&copy, &state);
        }
    }
    for _ in 0..2 {
        world.runnel(["table", "update", "t", "-q"]).run();
    }
    assert_eq!(world.consume(&["out"]), "1\n2\n");
    assert_eq!(world.runnel(["get", "t", "k"]).run().text(), "2\n");
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("is made");
    for entry in std::fs::read_dir(from).expect("is listed").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_all(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("is copied")),
        }
    }
}

/// The group of a job says how far it is: nobody reads in its name.
#[test]
fn the_group_of_a_job_is_its_own() {
    let world = World::new();
    world.topic("in", 1, &[]);
    world.produce(&["in", "-k", "k"], "1\n2\n");
    world.runnel(["table", "create", "t", "--from", "in", "--agg", "count"]).run();
    world.runnel(["stream", "in", "--id", "s", "--to", "out", "-q"]).run();
    world.runnel(["table", "update", "t", "-q"]).run();
    for group in ["t", "s"] {
        world.runnel(["consume", "in", "-g", group]).fails(2).says("is the group of a").has_hint();
        world.runnel(["group", "delete", group, "--yes"]).fails(2).says("is the group of a");
    }
    world.runnel(["group", "set", "t", "in", "--to", "end", "--yes"]).fails(2).says("a table");
    // A stream without state goes by nothing else.
    world.runnel(["group", "set", "s", "in", "--to", "1", "--yes"]).run();
    world.runnel(["stream", "in", "--id", "s", "--to", "out", "-q"]).run();
    assert_eq!(world.consume(&["out"]), "1\n2\n2\n");
}
