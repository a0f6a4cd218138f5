//! `runnel consume -g`: a group goes on where it stood, and its members share the partitions.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::running::Running;
use crate::support::{PATIENCE, World};

fn numbers(from: u32, to: u32) -> String {
    (from..to).map(|number| format!("{number}\n")).collect()
}

fn read(world: &World, args: &[&str]) -> String {
    world.consume(&[&["t", "-g", "g"], args].concat())
}

/// Which process owns how many partitions.
fn owners(world: &World, group: &str) -> BTreeMap<u64, usize> {
    let said = world.runnel(["group", "describe", group, "-J"]).run_any().text();
    let mut owners = BTreeMap::new();
    for line in said.lines() {
        let object: Value = serde_json::from_str(line).expect("JSON");
        if let Some(process) = object["owner"]["process"].as_u64() {
            *owners.entry(process).or_default() += 1;
        }
    }
    owners
}

/// Waits until each of these processes owns so many partitions.
fn until_owned(world: &World, expected: &[(&Running, usize)]) {
    let expected: BTreeMap<u64, usize> =
        expected.iter().map(|(process, count)| (u64::from(process.id()), *count)).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let owned = owners(world, "g");
        if owned == expected {
            return;
        }
        assert!(Instant::now() < deadline, "still {owned:?}, not {expected:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn follower(world: &World) -> Running {
    let mut process = world.runnel(["consume", "t", "-g", "g", "-f"]).spawn();
    process.close_stdin();
    process
}

#[test]
fn a_group_goes_on_where_it_stood() {
    let world = World::new();
    world.topic("t", 3, &[]);
    for partition in ["0", "1", "2"] {
        world.produce(&["t", "-p", partition], numbers(0, 10));
    }
    assert_eq!(read(&world, &["-c", "4", "--format", "%p:%s "]), "0:0 0:1 0:2 0:3 ");
    assert_eq!(read(&world, &["-c", "7", "--format", "%p:%s "]), "0:4 0:5 0:6 0:7 0:8 0:9 1:0 ");
    assert_eq!(read(&world, &["-c", "0"]), "");
    assert_eq!(read(&world, &["--commit", "none"]).lines().count(), 19);
    assert_eq!(read(&world, &["--order", "time"]).lines().count(), 19);
    assert_eq!(read(&world, &[]), "");
    world.produce(&["t", "-p", "1"], "more\n");
    assert_eq!(read(&world, &["-J", "--require", "1"]).lines().count(), 1);
    world.runnel(["consume", "t", "-g", "g", "--require", "1"]).status(3).stdout("").run();
}

/// One group is a queue, several groups each see everything.
#[test]
fn groups_do_not_know_each_other() {
    let world = World::new();
    world.topic("t", 2, &[]);
    world.produce(&["t"], numbers(0, 100));
    for group in ["a", "b", "ä \u{1f600}"] {
        assert_eq!(world.consume(&["t", "-g", group]).lines().count(), 100);
        assert_eq!(world.consume(&["t", "-g", group]), "");
    }
}

#[test]
fn a_start_counts_only_where_nothing_was_committed() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let lines: String =
        (0..10).map(|it| format!("{{\"ts\":{},\"value\":\"{it}\"}}\n", 1000 + it)).collect();
    world.produce(&["t", "-J"], lines);
    assert_eq!(read(&world, &["-o", "3:5"]), "3\n4\n");
    assert_eq!(read(&world, &["-o", "beginning", "-c", "1"]), "5\n");
    assert_eq!(read(&world, &["--since", "1.008", "-c", "1"]), "6\n", "there is a commit");
    assert_eq!(read(&world, &["-o", "stored"]), "7\n8\n9\n");
    let since = world.consume(&["t", "-g", "h", "--since", "1.008"]);
    assert_eq!(since, "8\n9\n");
    assert_eq!(world.consume(&["t", "-g", "h"]), "");
    // Only what comes: also what comes between two runs.
    assert_eq!(world.consume(&["t", "-g", "late", "-o", "end"]), "");
    world.produce(&["t"], "new\n");
    assert_eq!(world.consume(&["t", "-g", "late", "-o", "end"]), "new\n");
}

#[test]
fn what_a_filter_skips_is_read() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t"], numbers(0, 1000));
    assert_eq!(read(&world, &["--grep", "^99$"]), "99\n");
    assert_eq!(read(&world, &[]), "");
    assert_eq!(world.consume(&["t", "-g", "h", "--grep", "^99$", "-c", "1"]), "99\n");
    assert_eq!(world.consume(&["t", "-g", "h", "-c", "1"]), "100\n");
}

#[test]
fn several_topics_and_patterns() {
    let world = World::new();
    for topic in ["logs-a", "logs-b", "other"] {
        world.produce(&[topic], format!("{topic}\n"));
    }
    assert_eq!(world.consume(&["^logs-.*", "-g", "g"]), "logs-a\nlogs-b\n");
    assert_eq!(world.consume(&["^.*", "logs-a", "-g", "g"]), "other\n");
}

#[test]
fn what_does_not_go_together() {
    let world = World::new();
    world.produce(&["t"], "a\n");
    for args in [
        &["-g", "g", "-p", "0"][..],
        &["-g", "g", "-n", "1"],
        &["-g", "g", "--cursor-file", "c"],
        &["-g", ""],
        &["--cursor-file", "c", "-n", "1"],
        &["--commit", "none"],
        &["-o", "stored"],
    ] {
        world.runnel(["consume", "t"]).args(args).fails(2);
    }
    world.runnel(["consume", "./t-0", "-g", "g"]).fails(2).has_hint();
    world.runnel(["consume", "none", "-g", "g"]).fails(1).says("no topic named none");
    world.runnel(["group", "list"]).stdout("").run();
    let fresh = World::new();
    fresh.runnel(["consume", "t", "-g", "g"]).fails(1).says("no topic named t");
    assert!(!fresh.dir().exists(), "reading makes no directory");
}

#[test]
fn a_signal_ends_after_a_whole_record_and_a_commit() {
    let world = World::new();
    world.topic("t", 2, &[]);
    world.produce(&["t", "-p", "0"], numbers(0, 100));
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut process = follower(&world);
        let first = process.line();
        process.signal(signal);
        let said = process.wait();
        assert_eq!((said.status, &*said.stderr), (status, ""), "{said}");
        assert!(said.text().ends_with('\n'), "the last record is whole");
        assert!(said.text().starts_with(&first));
        assert_eq!(read(&world, &[]).lines().count(), 100 - said.text().lines().count());
        world.runnel(["group", "set", "g", "t", "--to", "beginning", "--yes"]).run();
    }
}

/// Whatever the reader of the pipe has not taken when it goes away counts if it is in the pipe, and
/// only then: the next run begins with the first record that is not there as a whole.
#[test]
fn a_closed_pipe_commits_what_was_written_and_no_more() {
    const LINE_BYTES: usize = 10;
    let world = World::new();
    world.topic("t", 1, &[]);
    let lines: String = (0..400_000).map(|number| format!("{number:09}\n")).collect();
    world.produce(&["t"], lines);
    let mut next = 0;
    for taken in [1, 70_003] {
        let mut process = Command::new(env!("CARGO_BIN_EXE_runnel"))
            .args(["consume", "t", "-g", "g"])
            .env("RUNNEL_DIR", world.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut pipe = process.stdout.take().expect("piped");
        let mut bytes = vec![0; taken];
        pipe.read_exact(&mut bytes).expect("there is more than that");
        assert!(bytes.starts_with(&format!("{next:09}").as_bytes()[..taken.min(9)]));
        // Once no more comes the pipe is full, and the process waits.
        let mut waiting = 0;
        let mut quiet = 0;
        while quiet < 10 {
            std::thread::sleep(Duration::from_millis(30));
            let now = rustix::io::ioctl_fionread(&pipe).expect("a pipe");
            quiet = if now == waiting && now > 0 { quiet + 1 } else { 0 };
            waiting = now;
        }
        drop(pipe);
        assert!(process.wait().expect("a child").success(), "that is no error");
        let written = taken + usize::try_from(waiting).expect("fits");
        next += written / LINE_BYTES;
        let said = world.runnel(["group", "describe", "g", "-J"]).run().text();
        let object: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(object["committed"], next, "{written} bytes were written");
    }
    assert_eq!(read(&world, &["-c", "1"]), format!("{next:09}\n"));
}

#[test]
fn a_full_disk_commits_what_was_written_and_no_more() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t"], numbers(0, 1000));
    let said =
        world.command("bash").args(["-c", "runnel consume t -g g > /dev/full"]).status(1).run();
    said.says("disk full");
    assert_eq!(read(&world, &[]).lines().count(), 1000);
}

#[test]
fn newcomers_get_their_share_and_the_living_take_over() {
    let world = World::new();
    world.topic("t", 8, &[]);
    let one = follower(&world);
    until_owned(&world, &[(&one, 8)]);
    let two = follower(&world);
    until_owned(&world, &[(&one, 4), (&two, 4)]);
    let said = world.runnel(["group", "describe", "g"]).run().text();
    assert!(said.contains("runnel consume t -g g -f"), "{said}");
    for change in [
        &["group", "set", "g", "t", "--to", "end", "--yes"][..],
        &["group", "delete", "g", "--yes"],
    ] {
        world.runnel(change).status(1).run().says("group g is in use").has_hint();
    }
    one.kill();
    until_owned(&world, &[(&two, 8)]);
    let three = follower(&world);
    until_owned(&world, &[(&two, 4), (&three, 4)]);
    two.signal(Signal::TERM);
    assert_eq!(two.wait().status, 143);
    until_owned(&world, &[(&three, 8)]);
    // Who does not follow takes its share of what there is, and ends.
    assert_eq!(read(&world, &[]), "");
    until_owned(&world, &[(&three, 8)]);
}

/// A member whose output is not read keeps what it has, and is known by that.
#[test]
fn a_member_that_is_stuck_is_told_of() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t"], numbers(0, 600_000));
    let mut process = Command::new(env!("CARGO_BIN_EXE_runnel"))
        .args(["consume", "t", "-g", "g", "-f"])
        .env("RUNNEL_DIR", world.dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = world.runnel(["group", "describe", "g"]).run_any().text();
        if said.contains("stuck for") {
            break;
        }
        assert!(Instant::now() < deadline, "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    process.kill().expect("is there");
    process.wait().expect("a child");
}

#[test]
fn partitions_and_topics_that_come_later_are_read() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let mut process = world.runnel(["consume", "^t.*", "-g", "g", "-f", "-o", "end"]).spawn();
    until_owned(&world, &[(&process, 1)]);
    world.runnel(["topic", "alter", "t", "-p", "2"]).run();
    world.produce(&["t", "-p", "1"], "late partition\n");
    assert_eq!(process.line(), "late partition");
    world.produce(&["t2"], "late topic\n");
    assert_eq!(process.line(), "late topic");
    process.signal(Signal::INT);
    assert_eq!(process.wait().status, 130);
    assert_eq!(world.consume(&["^t.*", "-g", "g"]), "");
}

#[test]
fn how_long_it_goes_on() {
    let world = World::new();
    world.topic("t", 1, &[]);
    world.produce(&["t"], "a\n");
    let follow = ["consume", "t", "-g", "g", "-f"];
    world.runnel(follow).args(["--idle", "100ms"]).stdout("a\n").run();
    world.runnel(follow).args(["--timeout", "300ms"]).stdout("").status(124).run();
    world.produce(&["t"], "b\n");
    world.runnel(follow).args(["-o", ":2"]).stdout("b\n").run();
}
