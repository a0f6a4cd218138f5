//! `runnel log compact`: a line for each partition that was compacted; quiet where nothing is due.

use crate::support::{World, data};

/// Ten rounds over four keys, in several segments.
fn keyed(configs: &[&str]) -> World {
    let world = World::new();
    let configs: Vec<_> = ["internal.segment.bytes=300", "cleanup.policy=compact"]
        .iter()
        .chain(configs)
        .copied()
        .collect();
    world.topic("t", 1, &configs);
    for round in 0..10 {
        let lines: String = (0..4).map(|key| format!("k{key} {round}.{key}\n")).collect();
        world.produce(&["t", "-K", " ", "-z", "none", "--ts", "1h"], lines);
    }
    world
}

fn records(world: &World) -> Vec<String> {
    let lines = world.consume(&["t", "--format", "%o %k %s\\n"]);
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn of_each_key_the_last_stays() {
    let world = keyed(&[]);
    let before = records(&world);
    assert_eq!(before.len(), 40);
    let due =
        "t-0: would compact 872 B, 872 B of them never compacted (218 B in the active segment)\n";
    world.runnel(["log", "compact", "--dry-run"]).stdout(due).stderr("").run();
    assert_eq!(records(&world), before, "nothing went yet");
    let done = "t-0: 872 B to 109 B, 32 records to 4, 4 segments to 1\n";
    world.runnel(["log", "compact"]).stdout(done).stderr("").run();
    assert_eq!(records(&world), before[28..]);
    world.runnel(["log", "compact"]).stdout("").stderr("").run();
    world.runnel(["log", "verify"]).stdout("").run();
    // Offsets stay, and readers go over the gap.
    assert_eq!(world.consume(&["t", "-o", "3:29", "--format", "%o\\n"]), "28\n");
    assert_eq!(world.consume(&["t", "-o", "-3:", "--format", "%o\\n"]), "37\n38\n39\n");
    assert_eq!(world.consume(&["t", "-n", "5", "--format", "%o\\n"]), "35\n36\n37\n38\n39\n");
}

#[test]
fn now_whatever_there_is() {
    let world = keyed(&["min.cleanable.dirty.ratio=1"]);
    world.runnel(["log", "compact", "t"]).stdout("").stderr("").run();
    let line = r#"{"topic":"t","partition":0,"bytes_before":1090,"bytes_after":109,"records_before":40,"records_after":4,"segments_before":5,"segments_after":1,"rounds":1,"dry_run":false}"#;
    let said = world.runnel(["log", "compact", "t", "--now", "-J"]);
    said.stdout(format!("{line}\n")).stderr("").run();
    assert_eq!(records(&world), ["36 k0 9.0", "37 k1 9.1", "38 k2 9.2", "39 k3 9.3"]);
    world.runnel(["log", "compact", "--now"]).stdout("").stderr("").run();
    world.produce(&["t", "-K", " "], "k1 last\nk9 new\n");
    world.runnel(["log", "compact", "--now"]).stderr("").run();
    let expected = ["36 k0 9.0", "38 k2 9.2", "39 k3 9.3", "40 k1 last", "41 k9 new"];
    assert_eq!(records(&world), expected);
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn tombstones_go_when_their_time_has_come() {
    let world = keyed(&["delete.retention.ms=0"]);
    world.produce(&["t", "-K", " ", "-Z"], "k2 \n");
    world.runnel(["log", "compact", "--now"]).run();
    let kept = ["36 k0 9.0", "37 k1 9.1", "39 k3 9.3", "40 k2 "];
    assert_eq!(records(&world), kept, "readers get to see it");
    world.produce(&["t", "-K", " "], "k0 new\n");
    world.runnel(["log", "compact", "--now"]).run();
    assert_eq!(records(&world), ["37 k1 9.1", "39 k3 9.3", "41 k0 new"]);
    // The end stays where it was, also where the last record went.
    world.produce(&["t", "-K", " ", "-Z"], "k0 \n");
    world.runnel(["log", "compact", "--now"]).run();
    world.produce(&["t", "-K", " "], "k7 x\n");
    world.runnel(["log", "compact", "--now"]).run();
    assert_eq!(records(&world), ["37 k1 9.1", "39 k3 9.3", "43 k7 x"]);
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn who_is_not_compacted_is_left_alone() {
    let world = keyed(&[]);
    world.topic("plain", 1, &[]);
    world.produce(&["plain", "-K", " "], "k a\nk b\n");
    world.runnel(["log", "compact", "--now"]).run();
    assert_eq!(world.consume(&["plain"]), "a\nb\n");
    let refused = world.runnel(["log", "compact", "plain", "--now"]).fails(1);
    refused.says("topic plain is not compacted").has_hint();
    world.runnel(["log", "compact", "nothing"]).fails(1).says("no topic named nothing").has_hint();
    let bare = World::new();
    bare.runnel(["log", "compact"]).stdout("").stderr("").run();
    assert!(!bare.dir().exists(), "it makes no directory");
    world.runnel(["log", "compact", "--memory", "0"]).fails(2);
}

/// What is damaged stays as it is, and the other topics are compacted all the same.
#[test]
fn damage_is_told_of_and_left() {
    let world = keyed(&[]);
    world.topic("u", 1, &["internal.segment.bytes=300", "cleanup.policy=compact"]);
    for _ in 0..8 {
        world.produce(&["u", "-K", " "], "a some value\nb some other value\n");
    }
    let log = world.dir().join("log/t-0/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).expect("reads");
    bytes[80] ^= 1;
    std::fs::write(&log, &bytes).expect("writes");
    let said = world.runnel(["log", "compact"]).status(5).run();
    said.says("cannot compact t-0").has_hint();
    assert!(said.text().starts_with("u-0: "), "{said}");
    assert_eq!(std::fs::read(&log).expect("reads"), bytes);
}

/// The offsets of groups are such a topic too, and stay what they were.
#[test]
fn groups_stay_where_they_are() {
    let world = World::new();
    world.topic("t", 2, &[]);
    let lines: String = (0..60).map(|number| format!("{number}\n")).collect();
    world.produce(&["t", "-p", "0"], lines);
    for _ in 0..20 {
        world.runnel(["consume", "t", "-g", "g", "-c", "2"]).run();
    }
    world.runnel(["consume", "t", "-g", "other", "-c", "1"]).run();
    let described = || {
        let said = world.runnel(["group", "describe", "g"]).run().text();
        let row = said.lines().find(|line| line.starts_with("t ")).map(str::to_owned);
        // Not how long ago that was.
        let words = row.expect("a row of the topic");
        words.split_whitespace().take(5).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = described();
    let said = world.runnel(["log", "compact", "--now"]).stderr("").run().text();
    assert!(said.starts_with("__consumer_offsets-"), "{said}");
    assert_eq!(described(), before);
    assert_eq!(world.runnel(["consume", "t", "-g", "g", "-c", "1"]).run().text(), "40\n");
    world.runnel(["log", "verify"]).stdout("").run();
}

/// Logs of a broker, one that it had compacted and two with transactions, are compacted on; what
/// readers of committed records find then is the last of each key.
#[test]
fn what_a_broker_has_written() {
    let world = World::new();
    let from = data::unpack(&world, "clean");
    std::fs::create_dir(world.dir()).expect("makes a directory");
    std::fs::rename(from, world.dir().join("log")).expect("moves it");
    for topic in ["compacted", "tx", "codec-gzip"] {
        world.runnel(["topic", "alter", topic, "-c", "cleanup.policy=compact"]).run();
        let read = || world.consume(&[topic, "--format", "%p %o %k %T %s\\n"]);
        let before = read();
        let key_of = |line: &str| {
            let mut words = line.split(' ');
            (words.next().map(str::to_owned), words.nth(1).map(str::to_owned))
        };
        let mut last = std::collections::HashMap::new();
        for (number, line) in before.lines().enumerate() {
            last.insert(key_of(line), number);
        }
        let stays: Vec<_> = before
            .lines()
            .enumerate()
            .filter(|(number, line)| last[&key_of(line)] == *number)
            .map(|(_, line)| line)
            .filter(|line| key_of(line).1.is_some_and(|key| !key.is_empty()))
            .collect();
        let said = world.runnel(["log", "compact", topic, "--now"]).stderr("").run().text();
        assert!(said.starts_with(&format!("{topic}-0: ")), "{said}");
        // Until when tombstones stay the broker has said in the log that it compacted; that is long past.
        let values = stays.into_iter().filter(|line| topic != "compacted" || !line.ends_with(' '));
        let after = read();
        assert_eq!(after.lines().collect::<Vec<_>>(), values.collect::<Vec<_>>(), "{topic}");
    }
    world.runnel(["log", "verify"]).stdout("").run();
}
