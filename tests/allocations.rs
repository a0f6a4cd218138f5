//! Records pass through without an allocation of their own: from the input's bytes into batches, and from the log into
//! the bytes of the output. What is allocated for a batch or a whole run does not count, its bound is per batch.
//!
//! Counted is what this thread asks of the allocator; the hot paths have no other.

#[path = "support/allocator.rs"]
mod allocator;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::tz::TimeZone;
use runnel::cli::format::Format;
use runnel::cli::input::{AlwaysReady, Input, InputOptions, InputReader, Step};
use runnel::cli::output::{Formatter, Output, OutputRecord};

use runnel::cluster::{Access, Acks, Cluster, NewTopic, OpenOptions, ProducerOptions, RecordRange};
use runnel::model::{Compression, IsolationLevel, TopicName};
use runnel::record::{Decompressor, Headers, Record};
use tempfile::TempDir;

const FEW: usize = 10_000;
const MANY: usize = 110_000;

/// What a batch may cost: its append, and the codec's tables.
const PER_BATCH: usize = 40;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;

/// How often something allocates.
fn allocations(work: impl FnOnce()) -> usize {
    allocator::asked(work).times
}

/// A topic in a directory, and how many batches were sent to it.
struct World {
    _home: TempDir,
    cluster: Cluster,
    batches: usize,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let options = OpenOptions { access: Access::Write, trusted: true, command: "test" };
        let cluster = Cluster::open_directory(&home.path().join("data"), options).expect("opens");
        let new = NewTopic { name: topic(), partitions: 1, configs: BTreeMap::new() };
        cluster.create_topic(&new).expect("made");
        Self { _home: home, cluster, batches: 0 }
    }

    /// Sends all records of an input, as `produce` does.
    fn send(&mut self, bytes: &[u8], input: Input, compression: Compression) {
        let topic = self.cluster.topic_to_write(&topic()).expect("it is there");
        let options = ProducerOptions { compression, acks: Acks::Leader };
        let mut producer = self.cluster.producer(topic, options);
        let options = InputOptions { empty_is_null: false, null_marker: None, max_bytes: 1 << 20 };
        let mut reader = InputReader::new(AlwaysReady(bytes), input, options).expect("a form");
        loop {
            match reader.step().expect("bytes") {
                Step::Record(input) => {
                    let timestamp = input.timestamp.unwrap_or(1_700_000_000_000);
                    let (key, value, headers) = (input.key, input.value, input.headers);
                    let record = Record { offset: 0, timestamp, key, value, headers };
                    producer.send(&record, None, timestamp).expect("taken");
                }
                Step::End { .. } => break,
                Step::Idle => {}
                bad @ Step::Bad { .. } => assert_eq!(bad, Step::Idle, "a bad record"),
            }
        }
        producer.finish().expect("written");
        self.batches += usize::try_from(producer.totals().batches).expect("few");
    }

    /// Prints all records into a buffer that is emptied when it is full, as `consume` does.
    fn print(&self, output: Output, buffer: &mut Vec<u8>) -> usize {
        self.print_at(IsolationLevel::default(), output, buffer)
    }

    fn print_at(&self, level: IsolationLevel, output: Output, buffer: &mut Vec<u8>) -> usize {
        let topic = self.cluster.topic(&topic()).expect("it is there");
        let reader = self.cluster.reader(&topic, 0).expect("a reader");
        let mut reader = reader.with_isolation(level);
        let formatter = Formatter::new(output, None);
        let (mut scratch, mut printed) = (Decompressor::new(1 << 20), 0);
        while let Some(chunk) = reader.next_chunk().expect("readable") {
            let visited = chunk.visit(RecordRange::default(), &mut scratch, |located| {
                let record = OutputRecord {
                    topic: &located.partition.topic,
                    partition: located.partition.partition,
                    leader_epoch: located.leader_epoch,
                    record: located.record,
                };
                formatter.write(&record, buffer);
                printed += 1;
                if buffer.len() > 256 << 10 {
                    buffer.clear();
                }
                ControlFlow::Continue(())
            });
            assert!(visited.expect("sound").is_continue(), "to its end");
        }
        printed
    }
}

fn topic() -> TopicName {
    TopicName::new("t").expect("a legal name")
}

/// Few and many are counted alike, but for what their batches cost.
fn holds(what: &str, few: (usize, usize), many: (usize, usize)) -> Result<(), String> {
    let ((few, few_batches), (many, many_batches)) = (few, many);
    let more = many_batches - few_batches;
    assert!(more < (MANY - FEW) / PER_BATCH / 10, "{what}: {more} more batches are too many");
    if many <= few + PER_BATCH * more {
        return Ok(());
    }
    Err(format!("{what}: {few} allocations, {many} for {} more records", MANY - FEW))
}

#[track_caller]
fn passes(result: Result<(), String>) {
    assert_eq!(result, Ok(()));
}

fn lines() -> Input {
    Input::Delimited { delimiter: b"\n".to_vec(), key_delimiter: Some(b":".to_vec()) }
}

fn format() -> Format {
    Format::parse(r"%T %k %h %s{json}\n", TimeZone::UTC).expect("a format")
}

fn input(records: usize) -> Vec<u8> {
    (0..records).flat_map(|n| format!("key {}:the value {n}\n", n % 100).into_bytes()).collect()
}

#[test]
fn sending_allocates_nothing_for_a_record() {
    for codec in [Compression::None, Compression::Zstd] {
        let [few, many] = [FEW, MANY].map(|records| {
            let (mut world, input) = (World::new(), input(records));
            let count = allocations(|| world.send(&input, lines(), codec));
            (count, world.batches)
        });
        passes(holds(codec.name(), few, many));
    }
}

/// Where there is no transaction, committed records are read as uncommitted ones are.
#[test]
fn reading_committed_allocates_nothing_more() {
    let mut world = World::new();
    world.send(&input(MANY), lines(), Compression::None);
    let mut buffer = Vec::with_capacity(1 << 20);
    let mut count = |level| {
        buffer.clear();
        allocations(|| {
            let output = Output::Format(format());
            assert_eq!(world.print_at(level, output, &mut buffer), MANY);
        })
    };
    let first = count(IsolationLevel::ReadUncommitted);
    let uncommitted = count(IsolationLevel::ReadUncommitted);
    let committed = count(IsolationLevel::ReadCommitted);
    assert!(committed <= uncommitted, "{first} {uncommitted} {committed}");
}

/// What is printed in a form is sent in that form again.
#[test]
fn no_form_allocates_for_a_record() {
    let forms =
        [(Output::Envelope { json_values: false }, Input::Envelope), (Output::Frame, Input::Frame)];
    for (output, form) in forms {
        let [few, many] = [FEW, MANY].map(|records| {
            let (mut world, mut printed) = (World::new(), Vec::new());
            let formatter = Formatter::new(output.clone(), None);
            for (number, value) in (0..).zip(input(records).split(|byte| *byte == b'\n')) {
                let record = Record {
                    offset: number,
                    timestamp: 1_700_000_000_000,
                    key: None,
                    value: Some(value),
                    headers: Headers::NONE,
                };
                let (topic, partition, leader_epoch) = ("t", 0, 0);
                let record = OutputRecord { topic, partition, leader_epoch, record };
                formatter.write(&record, &mut printed);
            }
            let count = allocations(|| world.send(&printed, form.clone(), Compression::None));
            (count, world.batches)
        });
        passes(holds(&format!("{form:?}"), few, many));
    }
}

#[test]
fn reading_allocates_nothing_for_a_record() {
    for codec in [Compression::None, Compression::Zstd] {
        let worlds = [FEW, MANY].map(|records| {
            let mut world = World::new();
            world.send(&input(records), lines(), codec);
            (world, records)
        });
        for output in [
            Output::Delimited { delimiter: b"\n".to_vec(), key_delimiter: Some(b"\t".to_vec()) },
            Output::Envelope { json_values: false },
            Output::Frame,
            Output::Format(format()),
        ] {
            let what = format!("{codec} {output:?}");
            let [few, many] = worlds.each_ref().map(|(world, records)| {
                let mut buffer = Vec::with_capacity(1 << 20);
                let mut printed = 0;
                let count = allocations(|| printed = world.print(output.clone(), &mut buffer));
                assert_eq!(printed, *records, "{what}");
                (count, world.batches)
            });
            passes(holds(&what, few, many));
        }
    }
}

/// The counter and its bound: an allocation for every tenth record must be caught.
#[test]
fn the_check_catches_an_allocation() {
    let [few, many] = [FEW, MANY].map(|records| {
        let work = || (0..records).step_by(10).for_each(|n| drop(std::hint::black_box(vec![n])));
        (allocations(work), records / 5000)
    });
    assert!(few.0 >= FEW / 10, "allocations are counted");
    holds("one of ten", few, many).expect_err("it must be caught");
}

/// A topology that filters, maps, counts by key and in windows, and one that joins two tables; nothing comes of the output.
mod topology {
    use std::sync::Arc;

    use runnel::stream::{
        Aggregator, ChangelogRow, EmitStrategy, GlobalTables, InputId, JoinKind, MemoryState,
        Output, Outside, Record, Result, Sides, SinkId, Task, TopologyBuilder, Value, Windowed,
        Windows,
    };

    /// Counts, in eight bytes.
    struct Count;

    impl Aggregator for Count {
        fn add(&self, _: &Record<'_>, aggregate: Option<&[u8]>, out: &mut Value) -> Result<()> {
            let count =
                aggregate.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            out.set(Some(&(count + 1).to_be_bytes()));
            Ok(())
        }

        fn merge(&self, earlier: &[u8], _: &[u8], out: &mut Value) -> Result<()> {
            out.set(Some(earlier));
            Ok(())
        }
    }

    struct Nowhere;

    impl Output for Nowhere {
        fn record(&mut self, _: SinkId, _: &Record<'_>) -> Result<()> {
            Ok(())
        }

        fn changelog(&mut self, _: ChangelogRow<'_>) -> Result<()> {
            Ok(())
        }
    }

    fn task(cache_bytes: usize) -> (Task, [InputId; 2]) {
        let mut builder = TopologyBuilder::new();
        let (left_input, left) = builder.stream("left");
        let (right_input, right) = builder.table("right", "right");
        let wanted =
            builder.filter(left, Box::new(|record: &Record<'_>| Ok(record.value.is_some())));
        let mapped = builder.map(wanted, Box::new(|record: &Record<'_>, emit| emit(record)));
        let join = |sides: Sides<'_>, out: &mut Value| {
            out.set(sides.left.or(sides.right));
            Ok(())
        };
        let joined = builder.join_table(mapped, right, JoinKind::Left, Box::new(join));
        let counted = builder.aggregate(joined, Arc::new(Count), "count");
        let both = builder.join_tables((counted, right), JoinKind::Outer, Box::new(join));
        let kinds = [Windows::tumbling(1 << 40, 0), Windows::session(1 << 40, 0)];
        let sink = builder.sink("out");
        builder.table_to(both, sink);
        for (windows, name) in kinds.into_iter().zip(["tumbling", "session"]) {
            let (windows, emit) = (windows.expect("windows"), EmitStrategy::Change);
            let windowed = Windowed { windows, emit, retention_ms: 0, aggregator: Arc::new(Count) };
            let table = builder.aggregate_windows(mapped, windowed, name);
            builder.table_to(table, sink);
        }
        let topology = Arc::new(builder.build());
        let task = Task::new(topology, Box::new(MemoryState::new()), cache_bytes).expect("a task");
        (task, [left_input, right_input])
    }

    /// Takes records of a hundred keys through a task that knows them.
    pub(super) fn work(records: usize, cache_bytes: usize) -> usize {
        let (mut task, inputs) = task(cache_bytes);
        let globals = GlobalTables::new(Box::new(MemoryState::new()));
        let mut outside = Outside { globals: &globals, output: &mut Nowhere };
        let mut take = |at: usize| {
            let key = [b'k', (at % 100) as u8];
            let record = Record {
                key: Some(&key),
                value: Some(b"value"),
                timestamp: 5,
                ..Record::default()
            };
            task.process(inputs[at % 7 % 2], &record, &mut outside).expect("goes on");
        };
        (0..1000).for_each(&mut take);
        super::allocations(|| (0..records).for_each(take))
    }
}

#[test]
fn a_record_goes_through_a_topology_without_an_allocation() {
    for cache_bytes in [0, 1 << 20] {
        assert_eq!(topology::work(FEW, cache_bytes), 0, "a cache of {cache_bytes}");
    }
}
