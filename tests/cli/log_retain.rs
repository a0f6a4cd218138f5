//! `runnel log retain`: a line for each partition where something went; quiet where nothing is due.

use crate::support::World;

/// Four segments of one record, of 5, 4, 3 and 0 hours ago.
fn aged(configs: &[&str]) -> World {
    let world = World::new();
    let configs: Vec<_> = ["internal.segment.bytes=120"].iter().chain(configs).copied().collect();
    world.topic("t", 2, &configs);
    for age in ["5h", "4h", "3h", "0h"] {
        let value = format!("{age} {}\n", "pad ".repeat(8));
        world.produce(&["t", "-p", "1", "-z", "none", "--ts", age], value);
    }
    world
}

fn ages(world: &World) -> Vec<String> {
    let lines = world.consume(&["t"]);
    lines.lines().map(|line| line.split(' ').next().expect("an age").to_owned()).collect()
}

#[test]
fn by_age() {
    let world = aged(&["retention.ms=12600000"]);
    let due = "t-1: would remove 2 segments, 206 B: from offset 0 to 2 (retention.ms)\n";
    world.runnel(["log", "retain", "--dry-run"]).stdout(due).stderr("").run();
    assert_eq!(ages(&world), ["5h", "4h", "3h", "0h"], "nothing went yet");
    let done = due.replace("would remove", "removed");
    world.runnel(["log", "retain"]).stdout(done).stderr("").run();
    assert_eq!(ages(&world), ["3h", "0h"]);
    world.runnel(["log", "retain"]).stdout("").stderr("").run();
    world.runnel(["topic", "alter", "t", "-c", "retention.ms=1"]).run();
    let line = r#"{"bytes":103,"dry_run":false,"from":2,"partition":1,"rules":["retention.ms"],"segments":1,"to":3,"topic":"t"}"#;
    let said = world.runnel(["log", "retain", "-J"]).stderr("").run();
    // The youngest may be a millisecond old by now, and go with it.
    let all =
        line.replace("103", "206").replace("\"segments\":1,\"to\":3", "\"segments\":2,\"to\":4");
    let object = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("an object");
    assert!([object(line), object(&all)].contains(&object(&said.text())), "{said}");
    world.produce(&["t", "-p", "1"], "new\n");
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn by_size_of_one_topic() {
    let world = aged(&["retention.bytes=300", "retention.ms=-1"]);
    world.produce(&["other"], "kept\n");
    world.runnel(["topic", "alter", "other", "-c", "retention.bytes=0"]).run();
    let done = "t-1: removed 1 segment, 103 B: from offset 0 to 1 (retention.bytes)\n";
    world.runnel(["log", "retain", "t"]).stdout(done).stderr("").run();
    assert_eq!(ages(&world), ["4h", "3h", "0h"]);
    assert_eq!(world.consume(&["other"]), "kept\n");
    // The segment that is written to goes as well, and what is left is empty.
    world.runnel(["log", "retain", "other"]).run();
    assert_eq!(world.consume(&["other"]), "");
    world.produce(&["other"], "after\n");
    assert_eq!(world.consume(&["other", "--format", "%o %s\\n"]), "1 after\n");
}

#[test]
fn what_keeps_all_and_what_is_not_there() {
    let world = aged(&["retention.ms=-1"]);
    world.runnel(["log", "retain"]).stdout("").stderr("").run();
    world.runnel(["topic", "alter", "t"]).args(["-c", "cleanup.policy=compact"]).run();
    world.runnel(["topic", "alter", "t"]).args(["-c", "retention.ms=1"]).run();
    world.runnel(["log", "retain", "t"]).stdout("").stderr("").run();
    world.runnel(["log", "retain", "nothing"]).fails(1).says("no topic named nothing").has_hint();
    let bare = World::new();
    bare.runnel(["log", "retain"]).stdout("").stderr("").run();
    bare.runnel(["log", "retain", "t"]).fails(1);
    assert!(!bare.dir().exists(), "it makes no directory");
}

/// Directories without an entry in the catalog are topics that keep everything.
#[test]
fn adopted_topics_keep_everything() {
    let world = aged(&["retention.ms=1"]);
    std::fs::remove_file(world.dir().join("catalog.json")).expect("removed");
    world.runnel(["log", "retain"]).stdout("").stderr("").run();
    world.runnel(["log", "retain", "t"]).stdout("").stderr("").run();
    assert_eq!(ages(&world).len(), 4);
}

#[test]
fn a_server_does_it_itself() {
    let world = aged(&["retention.ms=12600000"]);
    let server = world.serve(&[]);
    world.runnel(["log", "retain"]).fails(1).says("is being served").has_hint();
    let truncate = ["topic", "truncate", "t", "--before", "end", "--yes"];
    world.runnel(truncate).fails(1).says("is being served");
    let due = world.runnel(["log", "retain", "--dry-run"]).stderr("").run();
    assert!(due.text().starts_with("t-1: would remove 2 segments"), "{due}");
    server.stop();
}

/// Who follows meets no error and no hole but at the beginning, however often old segments go.
#[test]
fn a_follower_beside_it_jumps_to_the_start() {
    const ROUNDS: usize = 12;
    const RECORDS: usize = 400;
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=4000", "retention.bytes=8000"]);
    let mut follower = world.runnel(["consume", "t", "-f", "--format", "%o %s\\n"]).spawn();
    follower.close_stdin();
    let script = "while [ ! -e done ]; do runnel log retain || exit 1; done";
    let mut retainer = world.command("bash").args(["-c", script]).spawn();
    retainer.close_stdin();
    for round in 0..ROUNDS {
        let lines: String = (0..RECORDS).map(|n| format!("{}\n", round * RECORDS + n)).collect();
        world.produce(&["t"], lines);
        // A reader to the end as it is now, in the middle of it.
        let said = world.runnel(["consume", "t", "-o", "0", "--format", "%o %s\\n"]).run();
        check(said.text().lines());
    }
    let last = ROUNDS * RECORDS - 1;
    let mut lines = Vec::new();
    while lines.last() != Some(&format!("{last} {last}")) {
        lines.push(follower.line());
    }
    follower.signal(rustix::process::Signal::INT);
    assert_eq!(follower.wait().status, 130);
    check(lines.iter().map(String::as_str));
    std::fs::write(world.path("done"), "").expect("written");
    let said = retainer.wait();
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said}");
    assert!(said.text().lines().count() > 1, "old segments went: {said}");
}

/// Offsets rise, and each record is the one that was stored there.
fn check<'a>(lines: impl Iterator<Item = &'a str>) {
    let mut last = None;
    for line in lines {
        let (offset, value) = line.split_once(' ').expect("both");
        assert_eq!(offset, value);
        let offset: u64 = offset.parse().expect("an offset");
        assert!(last < Some(offset), "{line} after {last:?}");
        last = Some(offset);
    }
}

/// Where partition 0 begins and ends, and the values of what it holds; offsets are dense.
fn held(world: &World) -> (u64, u64, Vec<String>) {
    let said = world.runnel(["topic", "describe", "t", "-J"]).run().text();
    let facts: serde_json::Value = serde_json::from_str(&said).expect("an object");
    let number = |name: &str| facts[name].as_u64().expect("a number");
    let text = world.consume(&["t", "--format", "%o %s\\n"]);
    let mut values = Vec::new();
    for (line, expected) in text.lines().zip(number("start")..) {
        let (offset, value) = line.split_once(' ').expect("both");
        assert_eq!(offset.parse(), Ok(expected), "offsets are dense");
        values.push(value.to_owned());
    }
    assert_eq!(values.len() as u64, number("end") - number("start"));
    (number("start"), number("end"), values)
}

#[test]
fn killed_at_any_time_it_leaves_a_log_that_begins_later_at_most() {
    const ROUNDS: u64 = 20;
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=1000", "retention.bytes=2000"]);
    let mut began = 0;
    for round in 0..ROUNDS {
        let lines: String = (0..200).map(|n| format!("{}\n", round * 200 + n)).collect();
        world.produce(&["t"], lines);
        let retainer = world.runnel(["log", "retain"]).spawn();
        std::thread::sleep(std::time::Duration::from_micros(round * 700));
        retainer.kill();
        let (start, end, values) = held(&world);
        assert!(start >= began, "it began at {began}, now at {start}");
        assert_eq!(end, (round + 1) * 200);
        let expected: Vec<_> = (start..end).map(|number| number.to_string()).collect();
        assert_eq!(values, expected);
        began = start;
    }
    world.runnel(["log", "retain"]).stderr("").run();
    world.runnel(["log", "verify"]).stdout("").run();
    assert!(held(&world).2.len() < 2000, "what was too much is gone");
}

#[test]
fn many_writers_and_many_retainers() {
    const WRITERS: u64 = 4;
    const RECORDS: u64 = 1000;
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=3000", "retention.bytes=10000"]);
    let script = "while [ ! -e done ]; do runnel log retain || exit 1; done";
    let retainers = [0, 1, 2].map(|_| {
        let mut retainer = world.command("bash").args(["-c", script]).spawn();
        retainer.close_stdin();
        retainer
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let lines: String = (0..RECORDS).map(|n| format!("{writer} {n}\n")).collect();
            let mut process = world.runnel(["produce", "-q", "t"]).spawn();
            process.feed_and_close(lines);
            process
        })
        .collect();
    for writer in writers {
        let said = writer.wait();
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said}");
    }
    std::fs::write(world.path("done"), "").expect("written");
    let mut told = 0;
    for retainer in retainers {
        let said = retainer.wait();
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said}");
        told += said.text().lines().count();
    }
    assert!(told > 0, "old segments went");
    let (_, end, values) = held(&world);
    assert_eq!(end, WRITERS * RECORDS, "each record has an offset");
    let mut last = [None; WRITERS as usize];
    for value in values {
        let (writer, number) = value.split_once(' ').expect("both");
        let writer: usize = writer.parse().expect("a writer");
        let number: u64 = number.parse().expect("a number");
        assert!(last[writer] < Some(number), "{value} after {last:?}");
        last[writer] = Some(number);
    }
    world.runnel(["log", "verify"]).stdout("").run();
}
