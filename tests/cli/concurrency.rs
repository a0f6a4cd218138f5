//! Many processes write one topic while others read it: each record once, in order, without a gap.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::thread;

use crate::support::World;

const WRITERS: usize = 8;
const RECORDS: usize = 50_000;
const PARTITIONS: u32 = 4;
const FORMAT: &str = "%p %o %k %s\\n";

/// A writer's lines; every second writer gives keys, so both ways of choosing a partition are under load.
fn lines(writer: usize) -> String {
    let mut text = String::new();
    for n in 0..RECORDS {
        let key = if writer.is_multiple_of(2) { format!("k{}", n % 50) } else { String::new() };
        writeln!(text, "{key}\t{writer}:{n}").expect("a string takes all");
    }
    text
}

#[test]
fn eight_writers_and_two_followers() {
    let world = World::new();
    world.topic("busy", PARTITIONS, &["internal.segment.bytes=1000000"]);
    let total = (WRITERS * RECORDS).to_string();
    let follow = ["consume", "busy", "-f", "-c", &total, "--format", FORMAT];
    let followers = [0, 1].map(|_| {
        let mut follower = world.runnel(follow).spawn();
        follower.close_stdin();
        follower
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut process = world.runnel(["produce", "-q", "busy", "-K", "\\t"]).spawn();
            process.feed_and_close(lines(writer));
            process
        })
        .collect();
    for writer in writers {
        let said = writer.wait();
        assert_eq!(said.status, 0, "{said}");
    }
    let read: Vec<_> = followers.map(|follower| thread::spawn(|| follower.wait())).into();
    for follower in read {
        let said = follower.join().expect("a follower");
        assert_eq!(said.status, 0, "{said}");
        check(&said.text(), "a follower");
    }
    check(&world.consume(&["busy", "--format", FORMAT]), "a reader afterwards");
    world.runnel(["log", "verify", "busy"]).run();
}

/// Dense offsets, each record once, each writer's order within each partition.
fn check(text: &str, who: &str) {
    let mut next_offset: BTreeMap<u32, u64> = BTreeMap::new();
    let mut last: HashMap<(u32, usize), usize> = HashMap::new();
    let mut seen = vec![false; WRITERS * RECORDS];
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [partition, offset, key, value] = fields[..] else { panic!("{who}: {line:?}") };
        let partition: u32 = partition.parse().expect("a partition");
        let expected = next_offset.entry(partition).or_default();
        assert_eq!(offset.parse(), Ok(*expected), "{who}: offsets of partition {partition}");
        *expected += 1;
        let (writer, n) = value.split_once(':').expect("writer:number");
        let (writer, n): (usize, usize) = (writer.parse().expect("it"), n.parse().expect("it"));
        let expected =
            if writer.is_multiple_of(2) { format!("k{}", n % 50) } else { String::new() };
        assert_eq!(key, expected, "{who}: {line}");
        let before = last.insert((partition, writer), n);
        assert!(before.is_none_or(|before| before < n), "{who}: {line} after {before:?}");
        let twice = std::mem::replace(&mut seen[writer * RECORDS + n], true);
        assert!(!twice, "{who}: {line} twice");
    }
    let missing = seen.iter().filter(|seen| !**seen).count();
    assert_eq!(missing, 0, "{who}: records missing");
    let partitions: Vec<_> = next_offset.keys().copied().collect();
    assert_eq!(partitions, (0..PARTITIONS).collect::<Vec<_>>(), "{who}: all partitions are used");
}

/// A topic made by many at once is made once.
#[test]
fn eight_writers_make_one_topic() {
    let world = World::new();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut process = world.runnel(["produce", "-q", "new"]).spawn();
            process.feed_and_close(format!("{writer}\n"));
            process
        })
        .collect();
    for writer in writers {
        let said = writer.wait();
        assert_eq!(said.status, 0, "{said}");
    }
    let mut values: Vec<String> = world.consume(&["new"]).lines().map(str::to_owned).collect();
    values.sort();
    assert_eq!(values.join(""), "01234567");
    world.runnel(["topic", "list"]).stdout("new\n").run();
}

/// Topics come and go while others write.
#[test]
fn topics_are_made_and_deleted_by_many() {
    let world = World::new();
    world.produce(&["steady"], "first\n");
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let script = format!(
                "for n in 1 2 3 4 5; do runnel topic create -q t{worker} -p 3 && \
                 echo $n | runnel produce -q t{worker} && echo {worker}$n | runnel produce -q steady && \
                 runnel topic delete -q t{worker} --yes || exit 1; done"
            );
            let mut process = world.command("bash").args(["-c", &script]).spawn();
            process.close_stdin();
            process
        })
        .collect();
    for worker in workers {
        let said = worker.wait();
        assert_eq!(said.status, 0, "{said}");
    }
    assert_eq!(world.consume(&["steady"]).lines().count(), 21);
    world.runnel(["topic", "list"]).stdout("steady\n").run();
    world.runnel(["log", "verify"]).run();
}
