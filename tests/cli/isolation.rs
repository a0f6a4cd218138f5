//! `consume --isolation`: what is seen of transactions that are open, committed or aborted, by
//! readers beside a process that writes them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use runnel::broker::{Access, Broker, Home};
use runnel::clock::{Clock as _, SystemClock};
use runnel::log::{EndMarker, PartitionLog, TransactionCheck, TransactionVersion};
use runnel::model::TopicName;
use runnel::record::{BatchBuilder, Compression, Headers, Outcome, Record};

use crate::support::World;

/// A process that writes transactions: this one.
struct Writer {
    broker: Broker,
}

impl Writer {
    fn new(dir: &Path) -> Self {
        let home = Home::open_path(dir, Access::Write, true, "test").expect("opens");
        Self { broker: Broker::new(home, Arc::new(SystemClock)) }
    }

    fn log(&self, partition: i32) -> Arc<PartitionLog> {
        let topic = self.broker.topic(&TopicName::new("t").expect("legal")).expect("is there");
        self.broker.log(&topic, partition).expect("is there")
    }
}

/// Appends a batch, at a time in milliseconds. By the log itself: the command `produce` would end what is
/// open, since no coordinator knows of it.
fn append(log: &PartitionLog, mut builder: BatchBuilder, values: &[&str], timestamp: i64) {
    for value in values {
        let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp, key: None, value, headers });
    }
    let batch = builder.finish().expect("there are records");
    let check = TransactionCheck::Verified(TransactionVersion::V2);
    log.append_checked(batch, check, SystemClock.now_ms()).expect("appends");
}

/// A producer of one partition.
struct Producer {
    log: Arc<PartitionLog>,
    id: i64,
    epoch: i16,
    sequence: i32,
}

impl Producer {
    fn new(log: Arc<PartitionLog>, id: i64) -> Self {
        Self { log, id, epoch: 0, sequence: 0 }
    }

    /// Appends a batch of its transaction, at a time in milliseconds.
    fn send(&mut self, values: &[&str], timestamp: i64) {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(self.id, self.epoch, self.sequence, true);
        append(&self.log, builder, values, timestamp);
        self.sequence += values.len() as i32;
    }

    fn end(&mut self, outcome: Outcome) {
        self.epoch += 1;
        self.sequence = 0;
        let marker = EndMarker {
            producer_id: self.id,
            producer_epoch: self.epoch,
            coordinator_epoch: 0,
            outcome,
            version: TransactionVersion::V2,
        };
        self.log.end_transaction(&marker, SystemClock.now_ms()).expect("ends");
    }
}

/// One partition: `a` committed at offset 0, `b` aborted at 2, `c` of nobody at 4, `d` open at 5,
/// `e` of nobody at 6, with markers at 1 and 3.
fn one_of_each(world: &World) -> (Writer, Producer) {
    world.topic("t", 1, &["retention.ms=-1", "segment.ms=9223372036854775807"]);
    let writer = Writer::new(&world.dir());
    let mut producer = Producer::new(writer.log(0), 7);
    producer.send(&["a"], 1000);
    producer.end(Outcome::Commit);
    producer.send(&["b"], 2000);
    producer.end(Outcome::Abort);
    append(&producer.log, BatchBuilder::new(Compression::None, None), &["c"], 3000);
    producer.send(&["d"], 4000);
    append(&producer.log, BatchBuilder::new(Compression::None, None), &["e"], 5000);
    (writer, producer)
}

/// Who reads everything may commit past the end that others see; that is no lag.
#[test]
fn a_group_that_has_read_what_is_open_is_not_behind() {
    let world = World::new();
    let (_writer, _producer) = one_of_each(&world);
    world.runnel(["consume", "t", "-g", "g", "--isolation", "read-uncommitted"]).run();
    let said = world.runnel(["group", "lag", "g", "--max-lag", "0", "-J"]).status(0).run().text();
    let expected =
        r#"{"group":"g","topic":"t","partition":0,"committed":7,"end":5,"lag":0,"lag_ms":0}"#;
    assert_eq!(said.trim_end(), expected);
}

/// The values that these arguments give, in one line.
fn values(world: &World, args: &[&str]) -> String {
    world.consume(&[&["t"], args].concat()).replace('\n', "")
}

#[test]
fn committed_records_up_to_the_first_that_is_open() {
    let world = World::new();
    let (_writer, mut producer) = one_of_each(&world);
    let all = ["--isolation", "read-uncommitted"];
    for (args, committed, uncommitted) in [
        (&[][..], "ac", "abcde"),
        (&["-o", "1:5"], "c", "bc"),
        (&["-o", "5"], "", "de"),
        (&["-o", "end"], "", ""),
        (&["-o", "-2"], "c", "de"),
        (&["-o", ":-1"], "a", "abcd"),
        (&["-n", "1"], "c", "e"),
        (&["-n", "2"], "ac", "de"),
        (&["-c", "2"], "ac", "ab"),
        (&["--since", "2"], "c", "bcde"),
        (&["--since", "4"], "", "de"),
        (&["--order", "time"], "ac", "abcde"),
        (&["--grep", "[bd]"], "", "bd"),
    ] {
        assert_eq!(values(&world, args), committed, "{args:?}");
        assert_eq!(values(&world, &[args, &all].concat()), uncommitted, "{args:?} uncommitted");
    }
    producer.end(Outcome::Commit);
    assert_eq!(values(&world, &[]), "acde");
    assert_eq!(values(&world, &["-o", "5", "-n", "9"]), "de");
    let offsets = world.consume(&["t", "--format", "%o:%s "]);
    assert_eq!(offsets, "0:a 4:c 5:d 6:e ", "markers are no records");
    world.runnel(["log", "verify", "t"]).run();
}

#[test]
fn several_partitions_each_end_where_theirs_is_open() {
    let world = World::new();
    world.topic("t", 2, &["retention.ms=-1"]);
    let writer = Writer::new(&world.dir());
    let mut producers = [0, 1].map(|partition| Producer::new(writer.log(partition), 7));
    for (number, value) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
        let producer = &mut producers[number % 2];
        producer.send(&[value], 1000 + number as i64);
        match number {
            0..2 => producer.end(Outcome::Commit),
            2..4 => producer.end(Outcome::Abort),
            _ => {}
        }
    }
    producers[0].end(Outcome::Commit);
    assert_eq!(values(&world, &["--order", "time"]), "abe");
    assert_eq!(values(&world, &["-n", "2"]), "be");
    assert_eq!(values(&world, &["--order", "time", "--isolation", "read-uncommitted"]), "abcdef");
}

#[test]
fn a_follower_waits_for_the_marker() {
    let world = World::new();
    let (_writer, mut producer) = one_of_each(&world);
    let follow = |args: &[&str]| {
        let mut follower = world.runnel(["consume", "t", "-f", "-c", "4"]).args(args).spawn();
        follower.close_stdin();
        follower
    };
    let mut committed = follow(&[]);
    let mut all = follow(&["--isolation", "read-uncommitted"]);
    let mut beyond = follow(&["-o", "6"]);
    assert_eq!([committed.line(), committed.line()], ["a", "c"]);
    assert_eq!([all.line(), all.line(), all.line(), all.line()], ["a", "b", "c", "d"]);
    producer.end(Outcome::Abort);
    assert_eq!(committed.line(), "e", "what came after is stable now");
    assert_eq!(beyond.line(), "e");
    producer.send(&["f", "g", "h"], 6000);
    producer.end(Outcome::Commit);
    assert_eq!(committed.line(), "f");
    assert_eq!([beyond.line(), beyond.line(), beyond.line()], ["f", "g", "h"]);
    for follower in [committed, all, beyond] {
        let said = follower.wait();
        assert_eq!(said.status, 0, "{said}");
    }
}

/// Without control files all of it is found out from the log; so it is on another machine.
#[test]
fn a_copy_of_the_directory_says_the_same() {
    let world = World::new();
    let (writer, _producer) = one_of_each(&world);
    drop(writer);
    let copy = world.path("copy");
    world.command("cp").args(["-r"]).args([world.dir(), copy.clone()]).run();
    for path in [copy.join("log/t-0"), copy.join("log/t-0/00000000000000000000.log")] {
        let path = path.to_str().expect("UTF-8");
        assert_eq!(world.consume(&[path]), "a\nc\n", "{path}");
        assert_eq!(world.consume(&[path, "--isolation", "read_uncommitted"]), "a\nb\nc\nd\ne\n");
    }
    let copied = world.runnel(["consume", "t", "-d"]).args([&copy]).stderr("").run();
    assert_eq!(copied.text(), "a\nc\n", "the control file is of another file");
    std::fs::remove_dir_all(copy.join("run")).expect("removes");
    let copied = world.runnel(["consume", "t", "-d"]).args([&copy]).stderr("").run();
    assert_eq!(copied.text(), "a\nc\n");
}

#[test]
fn an_unknown_level_is_told() {
    let world = World::new();
    world.runnel(["consume", "t", "--isolation", "dirty"]).fails(2).says("read-committed");
}

/// Transactions of five batches; every third is aborted.
const TRANSACTIONS: usize = 150;
const BATCHES: usize = 5;
const WRITERS: usize = 3;

#[test]
fn readers_beside_writers_see_whole_transactions_only() {
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=60000", "retention.ms=-1"]);
    let writer = Writer::new(&world.dir());
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let mut producer = Producer::new(writer.log(0), number as i64);
                scope.spawn(move || {
                    for transaction in 0..TRANSACTIONS {
                        let aborts = transaction % 3 == 2;
                        let word = if aborts { "aborted" } else { "committed" };
                        for part in 0..BATCHES {
                            let value = format!("{word} {number} {transaction} {part}");
                            producer.send(&[&value], 1000);
                        }
                        producer.end(if aborts { Outcome::Abort } else { Outcome::Commit });
                    }
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut runs = 0;
            while !is_done.load(Ordering::Relaxed) || runs < 3 {
                check_whole(&world.consume(&["t"]), None);
                runs += 1;
            }
        });
        for writer in writers {
            writer.join().expect("writes");
        }
        is_done.store(true, Ordering::Relaxed);
        reader.join().expect("reads");
    });
    check_whole(&world.consume(&["t"]), Some(WRITERS * TRANSACTIONS * 2 / 3 * BATCHES));
    world.runnel(["log", "verify", "t"]).run();
}

/// No record of an aborted transaction, none out of order. Up to a last stable offset an
/// uncommitted transaction of another producer shows nothing, so that all that is seen is whole.
fn check_whole(text: &str, expected: Option<usize>) {
    let mut last: HashMap<&str, (usize, usize)> = HashMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [word, producer, transaction, part] = words[..] else { panic!("{line}") };
        assert_eq!(word, "committed", "{line}");
        let (transaction, part) =
            (transaction.parse().expect("a number"), part.parse().expect("a number"));
        let follows = match last.insert(producer, (transaction, part)) {
            None => (0, 0),
            Some((before, part)) if part + 1 < BATCHES => (before, part + 1),
            Some((before, _)) if before % 3 == 1 => (before + 2, 0),
            Some((before, _)) => (before + 1, 0),
        };
        assert_eq!((transaction, part), follows, "{line}");
    }
    if let Some(expected) = expected {
        assert_eq!(text.lines().count(), expected);
    }
}
