//! Jobs of which each partition is a task, though they keep something: what they give, and what they refuse.

use crate::support::World;

/// A topic in which each key is where Kafka's partitioner puts it.
fn clicks(keys: usize, each: usize) -> World {
    let world = World::new();
    world.topic("clicks", 4, &[]);
    let line = |n: usize| format!("k{:04}={n}\n", n % keys);
    world.produce(&["clicks", "-K", "="], (0..keys * each).map(line).collect::<String>());
    world
}

fn create(world: &World, args: &[&str]) {
    let create = ["table", "create", "--per-partition"];
    world.runnel([&create, args].concat()).stdout("").stderr("").run();
}

fn update(world: &World, args: &[&str]) {
    world.runnel([&["table", "update", "-q"], args].concat()).stdout("").stderr("").run();
}

/// Key and value of each row, and the start of its window.
fn rows(world: &World, args: &[&str]) -> Vec<String> {
    let text = world.runnel([&["table", "show", "-J"], args].concat()).stderr("").run().text();
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("a row");
        let start = row.get("start").map(|start| format!(" {start}"));
        let key = row["key"].as_str().expect("a key");
        format!("{key}{} {}", start.unwrap_or_default(), row["value"])
    };
    text.lines().map(row).collect()
}

#[test]
fn the_rows_of_all_tasks_are_one_table() {
    // More for each task than are looked at at a time.
    let world = clicks(2500, 2);
    create(&world, &["t", "--from", "clicks", "--agg", "count", "--to", "counts"]);
    update(&world, &["t"]);
    let expected: Vec<_> = (0..2500).map(|key| format!("k{key:04} 2")).collect();
    assert_eq!(rows(&world, &["t"]), expected);
    assert_eq!(rows(&world, &["t", "k1234"]), ["k1234 2"]);
    let tens: Vec<_> = (70..80).map(|key| format!("k{key:04} 2")).collect();
    assert_eq!(rows(&world, &["t", "--prefix", "k007"]), tens);
    world.runnel(["get", "t", "k2499"]).stdout("2\n").run();
    world.runnel(["get", "t", "nobody"]).status(3).run();
    let described = world.runnel(["table", "describe", "t", "-J"]).run().text();
    let described: serde_json::Value = serde_json::from_str(&described).expect("JSON");
    assert_eq!(described["inputs"], serde_json::json!([{ "topic": "clicks", "lag": 0 }]));
    let tasks = world.dir().join("state/jobs");
    let job = std::fs::read_dir(tasks).expect("jobs").next().expect("a job").expect("an entry");
    assert_eq!(std::fs::read_dir(job.path()).expect("tasks").count(), 4);
    world.produce(&["clicks", "-k", "k0000"], "x\n");
    update(&world, &["t"]);
    world.runnel(["get", "t", "k0000"]).stdout("3\n").run();
    // What is lost is made again, and nothing of it is sent again.
    let sent = world.consume(&["counts"]);
    std::fs::remove_dir_all(job.path()).expect("is removed");
    update(&world, &["t"]);
    world.runnel(["get", "t", "k0000"]).stdout("3\n").run();
    update(&world, &["t", "--rebuild"]);
    assert_eq!(rows(&world, &["t"]).len(), 2500);
    assert_eq!(world.consume(&["counts"]), sent);
    world.runnel(["table", "drop", "t", "--yes"]).run();
    assert_eq!(std::fs::read_dir(world.dir().join("state/jobs")).expect("jobs").count(), 0);
}

#[test]
fn what_lies_in_several_partitions_is_not_put_together() {
    let world = clicks(10, 1);
    world.topic("users", 2, &[]);
    let refused = |args: &[&str], says: &str| {
        let create = ["table", "create", "t", "--per-partition"];
        world.runnel([&create, args].concat()).fails(2).says(says).has_hint();
        world.runnel([&create[..3], args].concat()).run();
        world.runnel(["table", "drop", "t", "--yes"]).run();
    };
    refused(&["--from", "clicks", "--agg", "count", "--by", ". % 2"], "--by puts together");
    refused(&["--from", "clicks", "--latest", "--agg", "count", "--by", "."], "--by puts together");
    let latest = ["--from", "clicks", "--latest", "--join", "users"];
    refused(&[&latest[..], &["--on", "."]].concat(), "--on puts together");
    let create = [&["table", "create", "t", "--per-partition"], &latest[..]].concat();
    world.runnel(create).fails(1).says("users 2: where each is a task").has_hint();
    let stream = |args: &[&str]| {
        let all = ["stream", "clicks", "--id", "s", "--to", "out", "-q", "--per-partition"];
        world.runnel([&all, args].concat())
    };
    stream(&["--join", "users", "--on", "."]).fails(2).says("--on puts together").has_hint();
    let windows = ["--join-stream", "users", "--within", "1m"];
    stream(&windows).fails(1).says("users 2: where each is a task").has_hint();
    // Nothing was made.
    world.runnel(["stream", "--drop", "s"]).fails(1);
    // A global table is all there for each task, as it is.
    let global = ["--join", "users", "--global", "--on", "."];
    stream(&global).fails(2).says("is for joins").has_hint();
    let nested = ["table", "create", "by-value", "--from", "clicks", "--by", ".", "--agg", "count"];
    world.runnel(nested).run();
    refused(&["--from", "by-value", "--where", ". > 1"], "--by of table by-value puts together");
    world.runnel(["stream", "clicks", "--per-partition"]).fails(2).says("--id <NAME>");
    world
        .runnel(["table", "create", "t", "--from", "clicks", "--agg", "count"])
        .after("true")
        .args(["--per-partition", "--global"])
        .fails(2);
}

/// Tasks that have their keys in other partitions count them apart, and that is told of.
#[test]
fn a_key_in_a_partition_that_is_not_its_own_is_warned_of_once() {
    let world = clicks(10, 1);
    create(&world, &["t", "--from", "clicks", "--agg", "count"]);
    world.runnel(["table", "update", "t"]).stderr("").run();
    for partition in ["0", "1", "2", "3"] {
        world.produce(&["clicks", "-p", partition, "-k", "k0000"], "x\n");
    }
    let said = world.runnel(["table", "update", "t"]).run();
    assert_eq!(said.stderr.matches("has a key that").count(), 1, "{said}");
    said.says("hint: without --per-partition");
    let apart: Vec<_> =
        rows(&world, &["t", "k0000"]).iter().map(|row| row[6..].to_owned()).collect();
    let sum: u64 = apart.iter().map(|count| count.parse::<u64>().expect("a count")).sum();
    assert_eq!((apart.len(), sum), (4, 5));
}

/// Each task has its own time; closed are the windows of all.
#[test]
fn windows_of_each_task_are_closed() {
    let world = World::new();
    world.topic("clicks", 2, &[]);
    let at = |seconds: i64, key: &str| {
        format!("{{\"key\":\"{key}\",\"value\":\"x\",\"ts\":{}}}\n", seconds * 1000)
    };
    // Those two lie in different partitions.
    world.produce(&["clicks", "-J"], [at(1, "a"), at(2, "d"), at(70, "a")].concat());
    let partitions = |key: &str| {
        let here = |partition: &str| {
            world.consume(&["clicks", "-p", partition, "-K", "="]).contains(&format!("{key}="))
        };
        (here("0"), here("1"))
    };
    assert_ne!(partitions("a"), partitions("d"));
    let window = ["--window", "tumbling=1m", "--emit", "final", "--to", "finals"];
    create(&world, &[&["t", "--from", "clicks", "--agg", "count"], &window[..]].concat());
    let finals = || -> Vec<String> {
        let text = world.consume(&["finals", "-K", " "]);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    update(&world, &["t"]);
    let first = r#"{"key":"a","start":0,"end":60000} 1"#;
    assert_eq!(finals(), [first]);
    update(&world, &["t", "--close"]);
    let (second, other) =
        (r#"{"key":"a","start":60000,"end":120000} 1"#, r#"{"key":"d","start":0,"end":60000} 1"#);
    assert_eq!(finals(), [first, second, other]);
    // What comes later is late.
    world.produce(&["clicks", "-J"], at(3, "d"));
    world.runnel(["table", "update", "t"]).run().says("1 late");
    world.produce(&["clicks", "-J"], [at(130, "a"), at(131, "d")].concat());
    update(&world, &["t", "-f", "--idle", "100ms"]);
    assert_eq!(finals().len(), 5);
    assert_eq!(rows(&world, &["t"]).len(), 5);
}

#[test]
fn joins_meet_within_a_partition() {
    let world = clicks(40, 1);
    world.topic("users", 4, &[]);
    let user = |n: usize| format!("k{n:04}=user {n}\n");
    world.produce(&["users", "-K", "="], (0..40).step_by(2).map(user).collect::<String>());
    let program = "[., $users]";
    let args = ["stream", "clicks", "--to", "out", "--id", "s", "-q", "--per-partition", program];
    let join = ["--ts-from", "$ts + 60000", "--join", "users", "--left"];
    let run = || world.runnel([&args[..], &join].concat()).stderr("").run();
    run();
    let found = || {
        let mut lines: Vec<_> =
            world.consume(&["out", "-K", "="]).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let expected: Vec<_> = (0..40)
        .map(|n| match n % 2 {
            0 => format!("k{n:04}=[{n},\"user {n}\"]"),
            _ => format!("k{n:04}=[{n},null]"),
        })
        .collect();
    assert_eq!(found(), expected);
    run();
    assert_eq!(found(), expected);
}

/// With other partitions keys are elsewhere, and what is kept of them is not: nothing goes on by itself.
#[test]
fn another_number_of_partitions_ends_it() {
    let world = World::new();
    world.topic("in", 1, &[]);
    create(&world, &["t", "--from", "in", "--agg", "count", "--to", "out"]);
    let following = world.runnel(["table", "update", "t", "-f", "-q"]).spawn();
    world.produce(&["in", "-k", "a"], "x\n");
    world.until_consume_prints("out", "1\n");
    world.runnel(["topic", "alter", "in", "--partitions", "3", "-q"]).run();
    let said = following.wait();
    assert_eq!(said.status, 1, "{said}");
    said.says("in has 3 partitions and had 1").has_hint();
    world.produce(&["in", "-k", "a"], "x\n");
    world.runnel(["table", "update", "t"]).fails(1).says("in has 3 partitions and had 1");
    assert_eq!(world.consume(&["out"]), "1\n");
    world.runnel(["table", "update", "t", "--rebuild"]).run();
    let counts = rows(&world, &["t"]);
    assert!(counts == ["a 2"] || counts == ["a 1", "a 1"], "{counts:?}");
    update(&world, &["t"]);
    assert_eq!(rows(&world, &["t"]), counts);
}

#[test]
fn an_idle_follower_ends_however_long_its_interval_is() {
    let world = clicks(10, 1);
    create(&world, &["t", "--from", "clicks", "--agg", "count", "--emit", "every=1h"]);
    let following = world.runnel(["table", "update", "t", "-f", "--idle", "1s", "-q"]).spawn();
    world.produce(&["clicks", "-k", "k0001"], "x\n");
    assert_eq!(following.wait().status, 0);
    assert_eq!(rows(&world, &["t", "k0001"]), ["k0001 2"]);
}

/// One task fails while others are at work: what those have done counts, and the rest is done by the next run.
#[test]
fn a_task_that_fails_ends_all() {
    let world = clicks(200, 10);
    create(&world, &["t", "--from", "clicks", "--agg", "sum(tonumber)", "--to", "out"]);
    world.produce(&["clicks", "-k", "k0007"], "no number\n");
    world.produce(&["clicks", "-k", "k0007"], "1000000\n");
    let failed = world.runnel(["table", "update", "t", "--threads", "4"]).fails(1);
    failed.says("not JSON").has_hint();
    let skipping = ["table", "update", "t", "--threads", "4", "--on-error", "skip"];
    world.runnel(skipping).status(4).run();
    let sums: Vec<_> = (0..200)
        .map(|key| {
            let more = if key == 7 { 1_000_000 } else { 0 };
            format!("k{key:04} {}", (0..10).map(|n| n * 200 + key).sum::<usize>() + more)
        })
        .collect();
    assert_eq!(rows(&world, &["t"]), sums);
    world.runnel(["table", "update", "t", "--threads", "0"]).fails(2);
}

/// More than a process has addresses for, were each state mapped as its writer does.
#[test]
fn a_table_of_many_partitions_is_shown() {
    let world = World::new();
    world.topic("in", 150, &[]);
    let line = |n: usize| format!("k{n:04}=x\n");
    world.produce(&["in", "-K", "="], (0..500).map(line).collect::<String>());
    create(&world, &["t", "--from", "in", "--agg", "count"]);
    update(&world, &["t", "--threads", "3"]);
    assert_eq!(rows(&world, &["t"]).len(), 500);
    world.runnel(["get", "t", "k0123"]).stdout("1\n").run();
}
