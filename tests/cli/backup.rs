//! `runnel backup` and `restore`: what comes back is what was there, to the byte; a damaged file or a
//! restore that is killed leaves nothing.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::World;
use crate::support::data::{fingerprint, unpack};

/// Two topics, one of them with many segments, and a group.
fn world() -> World {
    let world = World::new();
    world.topic(
        "orders",
        3,
        &["internal.segment.bytes=20000", "index.interval.bytes=1000", "retention.ms=-1"],
    );
    for codec in ["none", "zstd", "lz4"] {
        let lines: String =
            (0..3000).map(|n| format!("key{n}\t{codec} {n} {}\n", "pad ".repeat(8))).collect();
        world.produce(&["orders", "-K", "\\t", "-z", codec], lines);
    }
    world.topic("small", 1, &["cleanup.policy=compact"]);
    world.produce(&["small", "-k", "key"], "one\ntwo\n");
    world.topic("empty", 2, &[]);
    world.runnel(["consume", "orders", "-g", "g", "-c", "100"]).run();
    world
}

fn all(world: &World, topic: &str) -> Vec<u8> {
    world.runnel(["consume", topic, "-J"]).stderr("").run().stdout
}

/// The batches of a partition, one after the other.
fn batches(dir: &Path) -> Vec<u8> {
    let mut logs: Vec<_> = fs::read_dir(dir)
        .expect("a partition")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "log"))
        .collect();
    logs.sort();
    logs.iter().flat_map(|log| fs::read(log).expect("readable")).collect()
}

/// Restores into a world of its own.
fn restored(file: &Path, args: &[&str]) -> World {
    let other = World::new();
    other.runnel(["restore"]).args([file]).args(args).stdout("").stderr("").run();
    other.runnel(["log", "verify"]).stdout("").run();
    other
}

#[test]
fn what_comes_back_is_what_was_there() {
    let world = world();
    let before = fingerprint(&world.dir());
    let file = world.path("backup");
    world.runnel(["backup"]).args([&file]).stdout("").stderr("").run();
    assert!(fingerprint(&world.dir()) == before, "a backup changes nothing");
    let other = restored(&file, &[]);
    for topic in ["orders", "small", "empty"] {
        assert!(all(&other, topic) == all(&world, topic), "{topic}");
    }
    for partition in 0..3 {
        let [new, old] = [&other, &world].map(|it| batches(&it.partition("orders", partition)));
        assert!(new == old, "partition {partition}: to the byte");
    }
    let topics = |world: &World| {
        let said = world.runnel(["topic", "list", "-J"]).run().text();
        let id = |line: &str| {
            let mut topic: serde_json::Value = serde_json::from_str(line).expect("an object");
            (topic["id"].take().to_string(), topic)
        };
        said.lines().map(id).collect::<Vec<_>>()
    };
    for ((new, restored), (old, topic)) in topics(&other).into_iter().zip(topics(&world)) {
        assert_eq!(restored, topic);
        assert_ne!(new, old, "a topic made anew has an id of its own");
    }
    let group = |world: &World| {
        let said = world.runnel(["group", "describe", "g", "-J"]).run().text();
        let field = |line: &str| {
            let mut of: serde_json::Value = serde_json::from_str(line).expect("an object");
            // The one that goes on meanwhile.
            of["lag_ms"].take();
            of
        };
        said.lines().map(field).collect::<Vec<_>>()
    };
    assert_eq!(group(&other), group(&world));
    // It is a log like any other: what is appended follows.
    other.produce(&["small", "-k", "key"], "three\n");
    assert!(other.consume(&["small", "-o", "2"]).ends_with("three\n"));
    other.runnel(["consume", "orders", "-g", "g"]).run();
    other.runnel(["log", "verify"]).stdout("").run();
    other
        .runnel(["restore"])
        .args([&file])
        .fails(1)
        .says("exists already")
        .says("-d names another directory");
}

#[test]
fn through_a_pipe_and_only_some() {
    let world = world();
    let file = world.runnel(["backup", "-", "orders"]).stderr("").run().stdout;
    let other = World::new();
    other.runnel(["restore", "-", "--topic", "orders"]).stdin(file.clone()).run();
    assert_eq!(other.runnel(["topic", "list"]).run().text(), "orders\n");
    assert!(all(&other, "orders") == all(&world, "orders"));
    other.topic("other", 1, &[]);
    other.runnel(["restore", "-", "--topic", "small"]).stdin(file.clone()).fails(1);
    world.runnel(["backup", "-", "nothing"]).fails(1);
    world.runnel(["backup", "-", "__consumer_offsets"]).fails(2);
    World::new().runnel(["backup", "-"]).fails(1);
    let said = other.runnel(["restore", "-", "--list"]).stdin(file.clone()).run().text();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("backup created=2"), "{said}");
    assert!(lines[1].starts_with("topic orders partitions=3 index.interval.bytes=1000"), "{said}");
    let records: u64 = lines[2..5]
        .iter()
        .map(|line| {
            let count = line.split("records=").nth(1).expect("records").split(' ').next();
            count.expect("a word").parse::<u64>().expect("a number")
        })
        .sum();
    assert_eq!((records, lines[5], lines.len()), (9000, "groups 1 offsets=3", 6), "{said}");
    let json = other.runnel(["restore", "-", "--list", "-J"]).stdin(file).run().text();
    assert!(json.lines().all(|line| line.starts_with(r#"{"type":""#)), "{json}");
}

#[test]
fn of_a_brokers_logs_with_transactions() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    fs::create_dir(world.dir()).expect("a directory");
    fs::rename(clean, world.dir().join("log")).expect("moved");
    let file = world.path("backup");
    world.runnel(["backup", "--trust-dir"]).args([&file]).run();
    let other = restored(&file, &[]);
    for (topic, partitions) in [("tx", 2), ("compacted", 1), ("segments", 1), ("codec-snappy", 1)] {
        let [new, old] = [&other, &world]
            .map(|it| it.runnel(["consume", "--trust-dir", topic, "-J"]).stderr("").run().stdout);
        assert!(new == old && !new.is_empty(), "{topic}");
        for partition in 0..partitions {
            let [new, old] = [&other, &world].map(|it| batches(&it.partition(topic, partition)));
            assert!(new == old, "{topic}-{partition}: to the byte");
        }
    }
    let index = "00000000000000000000.txnindex";
    let [new, old] = [&other, &world].map(|it| fs::read(it.partition("tx", 0).join(index)));
    assert_eq!(new.expect("is there"), old.expect("is there"), "aborted ones are known");
    for (group, offset) in [("g1", 115), ("g2", 288)] {
        let said = other.runnel(["group", "describe", group, "-J"]).run().text();
        assert!(said.contains(&format!("\"committed\":{offset}")), "{said}");
    }
}

#[test]
fn a_damaged_file_leaves_nothing() {
    let world = world();
    let file = world.path("backup");
    world.runnel(["backup"]).args([&file]).run();
    let sound = fs::read(&file).expect("readable");
    let other = World::new();
    other.topic("mine", 1, &[]);
    let before = other.runnel(["topic", "list"]).run().text();
    let len = sound.len();
    let flipped = [3, 9, 10, 25, len / 3, len / 2, len - 1].map(|at| {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        bytes
    });
    let cut = [0, 5, 10, 30, len / 2, len - 1].map(|at| sound[..at].to_vec());
    let longer = [&sound[..], b"x"].concat();
    for bytes in flipped.into_iter().chain(cut).chain([longer]) {
        for args in [&["restore", "-"][..], &["restore", "-", "--list"]] {
            let said = other.runnel(args).stdin(bytes.clone()).fails(5);
            said.says("is damaged at position ");
        }
        assert_eq!(other.runnel(["topic", "list"]).run().text(), before);
        let left: Vec<_> = fs::read_dir(other.dir().join("log"))
            .expect("a log directory")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
            .filter(|name| name.starts_with("orders"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
    other.runnel(["restore"]).args([&file]).run();
    assert!(all(&other, "orders") == all(&world, "orders"));
    // A log that is damaged is no backup, and the file that was there stays.
    let log = world.partition("orders", 0).join("00000000000000000000.log");
    let mut bytes = fs::read(&log).expect("readable");
    bytes[100] ^= 1;
    fs::write(&log, bytes).expect("written");
    world.runnel(["backup"]).args([&file]).fails(5).says("00000000000000000000.log");
    assert!(fs::read(&file).expect("readable") == sound);
}

#[test]
fn a_restore_that_is_killed_leaves_no_topic() {
    let world = world();
    let bytes = world.runnel(["backup", "-"]).run().stdout;
    let other = World::new();
    for part in 1..8 {
        // It has written what it was given, and waits for more.
        let mut restoring = other.runnel(["restore", "-"]).spawn();
        restoring.feed(&bytes[..bytes.len() * part / 8]);
        std::thread::sleep(std::time::Duration::from_millis(30));
        restoring.kill();
        assert_eq!(other.runnel(["topic", "list"]).run().text(), "", "part {part}");
        other.runnel(["consume", "orders"]).fails(1);
    }
    other.runnel(["restore", "-"]).stdin(bytes).run();
    assert!(all(&other, "orders") == all(&world, "orders"));
    other.runnel(["log", "verify"]).stdout("").run();
}

/// A file that is not whole does not stay, under no name.
#[test]
fn a_backup_that_is_stopped_leaves_no_file() {
    let world = World::new();
    let line = |number: u64| format!("{:016x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    world.produce(&["t"], (0..500_000).map(line).collect::<String>());
    let (home, mut stopped) = (world.path("backups"), 0);
    fs::create_dir(&home).expect("makes a directory");
    let names = || -> Vec<_> {
        let entries = fs::read_dir(&home).expect("lists");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    for signal in [Signal::INT, Signal::TERM] {
        let mut backup = world.runnel(["backup"]).args([home.join("t.backup")]).spawn();
        while names().is_empty() && !backup.has_ended() {}
        backup.signal(signal);
        let status = backup.wait().status;
        // It may have been done already.
        stopped += usize::from(status == 128 + signal.as_raw());
        let left = names();
        assert_eq!(left.is_empty(), status != 0, "{status}: {left:?}");
        assert!(left.iter().all(|name| name == "t.backup"), "{left:?}");
        let _ = fs::remove_file(home.join("t.backup"));
    }
    assert!(stopped > 0, "it was faster each time");
}

/// What is no regular file is written to; a link stays one; and a topic that is named twice is there once.
#[test]
fn where_a_backup_goes() {
    let world = World::new();
    world.produce(&["t"], "a\nb\n");
    let (file, link, pipe) = (world.path("file"), world.path("link"), world.path("pipe"));
    fs::write(&file, "old").expect("writes");
    std::os::unix::fs::symlink("file", &link).expect("links");
    world.runnel(["backup"]).args([&link]).args(["t", "t"]).run();
    assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
    restored(&file, &[]);
    world.command("mkfifo").args([&pipe]).run();
    let script =
        format!("cat '{}' > read & runnel backup '{}'; wait", pipe.display(), pipe.display());
    world.command("bash").args(["-c", &script]).current_dir(&world.path("")).run();
    assert_eq!(all(&restored(&world.path("read"), &[]), "t"), all(&world, "t"));
    world.command("bash").args(["-c", "set -o pipefail; runnel backup - | true"]).stderr("").run();
}

/// A backup is of the moment when it began, whoever writes meanwhile; each partition of it is a whole.
#[test]
fn beside_writers_and_a_server() {
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=20000"]);
    let script = "i=0; while [ ! -e done ]; do i=$((i+1)); echo $i; done | runnel produce t";
    let mut writer = world.command("bash").args(["-c", script]).spawn();
    writer.close_stdin();
    world.runnel(["consume", "t", "-f", "-c", "1000"]).run();
    for _ in 0..3 {
        let bytes = world.runnel(["backup", "-"]).stderr("").run().stdout;
        let other = World::new();
        other.runnel(["restore", "-"]).stdin(bytes).run();
        let text = other.consume(&["t"]);
        let numbers = text.lines().map(|line| line.parse::<usize>().expect("a number"));
        assert!(numbers.eq(1..=text.lines().count()), "nothing is missing");
        other.runnel(["log", "verify"]).stdout("").run();
    }
    fs::write(world.path("done"), "").expect("written");
    assert_eq!(writer.wait().status, 0);
    let server = world.serve(&[]);
    let bytes = world.runnel(["backup", "-"]).stderr("").run().stdout;
    world.runnel(["restore", "-"]).stdin(bytes).fails(1).says("is being served").has_hint();
    server.stop();
}

/// What tables and streams keep is made again after a restore, and what they had sent is not sent again.
#[test]
fn tables_and_streams_go_on_after_a_restore() {
    let world = World::new();
    world.topic("in", 2, &[]);
    world.produce(&["in", "-K", "="], "a=1\nb=2\na=3\n");
    let count = ["table", "create", "counts", "--from", "in", "--agg", "count", "--to", "out"];
    world.runnel(count).run();
    let stream = ["stream", "in", ". * 2", "--to", "doubled", "--id", "doubling", "-q"];
    let update = ["table", "update", "counts", "-q"];
    for args in [&stream[..], &update] {
        world.runnel(args).run();
    }
    let file = world.path("all.backup");
    let file = file.to_str().expect("a path");
    world.runnel(["backup", file]).run();
    let listed = world.runnel(["restore", "--list", file]).run().text();
    assert!(listed.contains("job counts\n") && listed.contains("job doubling\n"), "{listed}");
    let elsewhere = world.path("elsewhere");
    let on = |args: &[&str]| {
        let dir = elsewhere.to_str().expect("a path");
        world.runnel([&["-d", dir], args].concat()).run().text()
    };
    on(&["restore", file]);
    let sent = |topic| {
        let mut lines: Vec<_> = on(&["consume", topic]).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    for args in [&stream[..], &update] {
        on(args);
    }
    assert_eq!(
        (sent("out"), sent("doubled")),
        (
            vec!["1".to_owned(), "2".to_owned()],
            vec!["2".to_owned(), "4".to_owned(), "6".to_owned()],
        )
    );
    assert_eq!(on(&["get", "counts", "a"]), "2\n");
    let again = world.runnel(["-d", elsewhere.to_str().expect("a path"), "restore", file]);
    again.fails(1).has_hint();
}
