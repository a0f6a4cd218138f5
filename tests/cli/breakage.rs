//! What people and programs do to a directory and its commands that nobody meant them to do.
//!
//! Each test was a way to break it once.

use std::fs;
use std::path::Path;

use crate::support::World;
use crate::support::running::Running;
use rustix::process::Signal;

/// `produce t` that has sent its first line and waits for more.
fn writer(world: &World) -> Running {
    let mut writer = world.runnel(["produce", "t"]).spawn();
    writer.feed(b"first\n");
    world.until_consume_prints("t", "first\n");
    writer
}

fn remove_ending(dir: &Path, ending: &str) {
    for entry in fs::read_dir(dir).expect("listed") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().ends_with(ending) {
            fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn caches_may_go_while_a_writer_runs() {
    let world = World::new();
    let mut writer = writer(&world);
    fs::remove_dir_all(world.dir().join("run")).expect("removed");
    writer.feed_and_close("second\n");
    let said = writer.wait();
    assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{said}");
    assert_eq!(world.consume(&["t"]), "first\nsecond\n");
    world.runnel(["log", "verify", "t"]).stderr("").run();
}

#[test]
fn removed_indexes_are_made_anew_by_the_next_writer() {
    let world = World::new();
    let lines: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    world.produce(&["t"], lines);
    remove_ending(&world.partition("t", 0), "index");
    world.produce(&["t"], "last\n");
    world.runnel(["log", "verify", "t"]).stdout("").run();
    assert_eq!(world.consume(&["t", "-o", "199999"]), "199999\nlast\n");
}

#[test]
fn nothing_is_asked_for_and_nothing_comes() {
    let world = World::new();
    world.produce(&["t"], "1\n2\n3\n");
    assert_eq!(world.consume(&["t", "-c", "0"]), "");
    assert_eq!(world.consume(&["t", "-c", "0", "-f"]), "");
    world.runnel(["consume", "t", "-c", "0", "--require", "1"]).status(3).stdout("").run();
}

#[test]
fn what_cannot_be_removed_of_one_topic_keeps_nobody_from_making_another() {
    let world = World::new();
    world.topic("t", 1, &[]);
    fs::create_dir(world.partition("t", 0).join("somebody's")).expect("made");
    world.runnel(["topic", "delete", "t", "--yes"]).fails(1);
    world.topic("other", 1, &[]);
    world.produce(&["another"], "1\n");
    assert_eq!(world.runnel(["topic", "list"]).run().text(), "another\nother\n");
}

#[test]
fn more_partitions_than_a_shell_lets_a_process_open_files() {
    let world = World::new();
    world.topic("t", 40, &[]);
    let lines: String = (0..400).map(|n| format!("k{n}\t{n}\n")).collect();
    let produce = world.runnel(["produce", "t", "-K", r"\t"]).stdin(lines);
    produce.after("ulimit -Sn 64").run();
    let said = world.runnel(["consume", "t"]).after("ulimit -Sn 64").stderr("").run();
    assert_eq!(said.text().lines().count(), 400);
}

/// Large records over several partitions, by time: what is decoded ahead is bounded in bytes.
#[test]
fn order_by_time_holds_little() {
    let world = World::new();
    world.topic("t", 4, &["max.message.bytes=2000000"]);
    let value = "v".repeat(1_000_000);
    let lines: String = (0..200).map(|n| format!("{n}\t{value}\n")).collect();
    world.produce(&["t", "-K", r"\t"], lines);
    let consume = world.runnel(["consume", "t", "--order", "time", "--format", "%k\n"]);
    let said = consume.after("ulimit -d 60000").stderr("").run();
    assert_eq!(said.text().lines().count(), 200);
}

#[test]
fn partitions_are_chosen_of_paths_too() {
    let world = World::new();
    world.topic("t", 2, &[]);
    world.produce(&["t", "-p", "0"], "zero\n");
    world.produce(&["t", "-p", "1"], "one\n");
    let paths = [0, 1].map(|n| world.partition("t", n).to_string_lossy().into_owned());
    assert_eq!(world.consume(&[&paths[0], &paths[1], "-p", "1"]), "one\n");
}

#[test]
fn a_topic_that_is_named_like_a_file() {
    let world = World::new();
    world.produce(&["access.log"], "1\n");
    world.runnel(["consume", "access.log"]).fails(1).says(r"'^access\.log'");
    assert_eq!(world.consume(&[r"^access\.log"]), "1\n");
}

#[test]
fn a_bad_expression_is_told_in_one_line() {
    let world = World::new();
    world.produce(&["t"], "1\n");
    for args in [&["consume", "^("][..], &["topic", "list", "("], &["consume", "t", "--grep", "("]]
    {
        world.runnel(args).fails(2).says("\"(\": unclosed group\n");
    }
}

#[test]
fn what_killed_writers_left_is_tidied_up() {
    let world = World::new();
    writer(&world).kill();
    let holders = || fs::read_dir(world.dir().join("run/holders")).expect("listed").count();
    assert_eq!(holders(), 1);
    world.produce(&["t"], "second\n");
    assert_eq!(holders(), 0);
}

/// A follower has no thread: whoever may start none can follow all the same.
#[test]
fn following_where_no_thread_can_be_started() {
    let world = World::new();
    world.produce(&["t"], "1\n");
    let follow = world.runnel(["consume", "t", "-f", "-c", "1"]);
    let tasks = "import os,sys,time,subprocess as s
p = s.Popen(['runnel', 'consume', 't', '-f'], stdout=s.PIPE)
p.stdout.readline(); time.sleep(.2)
print(len(os.listdir(f'/proc/{p.pid}/task'))); p.kill()";
    follow.stdout("1\n").run();
    world.command("python3").args(["-c", tasks]).stdout("1\n").run();
}

#[test]
fn a_follower_does_not_take_a_topic_made_anew_for_the_old_one() {
    let world = World::new();
    world.produce(&["t"], "1\n2\n3\n");
    let mut follower = world.runnel(["consume", "t", "-f", "-n", "1"]).spawn();
    assert_eq!(follower.line(), "3");
    follower.signal(Signal::STOP);
    world.runnel(["topic", "delete", "t", "--yes"]).run();
    world.produce(&["t"], "other 1\nother 2\nother 3\nother 4\n");
    follower.signal(Signal::CONT);
    let said = follower.wait();
    assert_eq!(said.status, 1, "{said}");
    said.says("deleted meanwhile");
}

/// Somebody empties a log, or takes its file away: what was acknowledged is missed, and offsets
/// are not given a second time.
#[test]
fn a_log_that_lost_what_was_durable_is_damaged() {
    let world = World::new();
    for (topic, bytes) in [("gone", None), ("empty", Some(0)), ("cut", Some(30))] {
        world.produce(&[topic], "1\n2\n3\n");
        let path = world.partition(topic, 0).join("00000000000000000000.log");
        match bytes {
            None => fs::remove_file(path).expect("removed"),
            Some(bytes) => {
                let file = fs::File::options().write(true).open(path).expect("opened");
                file.set_len(bytes).expect("cut");
            }
        }
        world.runnel(["consume", topic]).fails(5).says("all below offset 3 was on disk");
        world.runnel(["produce", topic]).stdin("4\n").fails(5);
        let verified = world.runnel(["log", "verify", topic]).status(5).run();
        assert!(verified.text().contains("all below offset 3 was on disk"), "{verified}");
        // Whoever wants to go on without them says so.
        fs::remove_dir_all(world.dir().join("run")).expect("removed");
        world.produce(&[topic], "5\n");
        assert_eq!(world.consume(&[topic]), "5\n");
    }
}
