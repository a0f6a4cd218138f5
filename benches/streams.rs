//! How fast records go through a topology over state in memory, beside a plain map that counts them. Run with
//! `cargo bench --bench streams`.
#![allow(missing_docs, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use runnel::stream::{
    Aggregator, ChangelogRow, EmitStrategy, GlobalTables, InputId, JoinKind, JoinWindows,
    MemoryState, Output, Outside, Record, Result, Sides, SinkId, Table, Task, Topology,
    TopologyBuilder, Value, Windowed, Windows,
};

const RECORDS: usize = 1_000_000;
const KEYS: usize = 10_000;
/// Records between two commits.
const COMMIT: usize = 50_000;
const CACHE_BYTES: usize = 10 << 20;

/// Counts, in eight bytes.
struct Count;

impl Aggregator for Count {
    fn add(&self, _: &Record<'_>, aggregate: Option<&[u8]>, out: &mut Value) -> Result<()> {
        let count = aggregate.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        out.set(Some(&(count + 1).to_be_bytes()));
        Ok(())
    }

    fn merge(&self, earlier: &[u8], later: &[u8], out: &mut Value) -> Result<()> {
        let count = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
        out.set(Some(&(count(earlier) + count(later)).to_be_bytes()));
        Ok(())
    }
}

/// Counts what comes out.
#[derive(Default)]
struct Counted(usize);

impl Output for Counted {
    fn record(&mut self, _: SinkId, record: &Record<'_>) -> Result<()> {
        black_box(record);
        self.0 += 1;
        Ok(())
    }

    fn changelog(&mut self, row: ChangelogRow<'_>) -> Result<()> {
        black_box(row);
        Ok(())
    }
}

fn main() {
    let baseline = plain_map();
    println!("{:<34}{:>12}{:>12}{:>14}", "topology", "rec/s", "out", "plain map = 1");
    println!("{:<34}{baseline:>12.0}{:>12}{:>14.2}", "plain map", "", 1.0);
    let windows = [
        ("count, tumbling", Windows::tumbling(10_000, 1000)),
        ("count, hopping by 1/5", Windows::hopping(10_000, 2000, 1000)),
        ("count, sessions", Windows::session(1000, 1000)),
    ];
    let mut cases = vec![
        ("filter", filter(), 0),
        ("count", count(), CACHE_BYTES),
        ("count, each update forwarded", count(), 0),
        ("stream beside table", beside_table(), CACHE_BYTES),
        ("stream beside stream", beside_stream(), 0),
    ];
    for (name, windows) in windows {
        cases.push((name, in_windows(windows.expect("windows")), CACHE_BYTES));
    }
    for (name, topology, cache_bytes) in cases {
        let (rate, out) = measure(topology, cache_bytes);
        println!("{name:<34}{rate:>12.0}{out:>12}{:>14.2}", rate / baseline);
    }
}

/// What any count by key must do at least.
fn plain_map() -> f64 {
    let keys = keys();
    let mut counts: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let started = Instant::now();
    for at in 0..RECORDS {
        let key = &keys[at * 7919 % KEYS];
        match counts.get_mut(key) {
            Some(count) => *count += 1,
            None => drop(counts.insert(key.clone(), 1)),
        }
    }
    black_box(&counts);
    RECORDS as f64 / started.elapsed().as_secs_f64()
}

fn keys() -> Vec<Vec<u8>> {
    (0..KEYS).map(|number| format!("customer-{number:06}").into_bytes()).collect()
}

fn measure(topology: Topology, cache_bytes: usize) -> (f64, usize) {
    let inputs: Vec<InputId> = topology.inputs().map(|(input, _)| input).collect();
    let state = Box::new(MemoryState::new());
    let mut task = Task::new(Arc::new(topology), state, cache_bytes).expect("a task");
    let globals = GlobalTables::new(Box::new(MemoryState::new()));
    let mut counted = Counted::default();
    let mut outside = Outside { globals: &globals, output: &mut counted };
    let keys = keys();
    let started = Instant::now();
    for at in 0..RECORDS {
        let record = Record {
            key: Some(&keys[at * 7919 % KEYS]),
            value: Some(br#"{"level":"error","user":"somebody","app":"shop"}"#),
            timestamp: i64::try_from(at / 10).expect("small"),
            ..Record::default()
        };
        task.process(inputs[at / KEYS % inputs.len()], &record, &mut outside).expect("goes on");
        if at % COMMIT == 0 {
            task.commit(&mut outside).expect("commits");
        }
    }
    task.commit(&mut outside).expect("commits");
    (RECORDS as f64 / started.elapsed().as_secs_f64(), counted.0)
}

fn filter() -> Topology {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let wanted = |record: &Record<'_>| Ok(record.value.is_some_and(|value| value.len() > 10));
    let filtered = builder.filter(stream, Box::new(wanted));
    let sink = builder.sink("out");
    builder.stream_to(filtered, sink);
    builder.build()
}

fn table_out(mut builder: TopologyBuilder, table: Table) -> Topology {
    let sink = builder.sink("out");
    builder.table_to(table, sink);
    builder.build()
}

fn count() -> Topology {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let table = builder.aggregate(stream, Arc::new(Count), "count");
    table_out(builder, table)
}

fn in_windows(windows: Windows) -> Topology {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let emit = EmitStrategy::Change;
    let windowed = Windowed { windows, emit, retention_ms: 0, aggregator: Arc::new(Count) };
    let table = builder.aggregate_windows(stream, windowed, "count");
    table_out(builder, table)
}

fn left_of(sides: Sides<'_>, out: &mut Value) -> Result<()> {
    out.set(sides.left);
    Ok(())
}

fn beside_table() -> Topology {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("stream");
    let (_, table) = builder.table("table", "table");
    let joined = builder.join_table(stream, table, JoinKind::Left, Box::new(left_of));
    let sink = builder.sink("out");
    builder.stream_to(joined, sink);
    builder.build()
}

fn beside_stream() -> Topology {
    let mut builder = TopologyBuilder::new();
    let sides = (builder.stream("left").1, builder.stream("right").1);
    let windows = JoinWindows::within(1000, 0);
    let joined = builder.join_streams(sides, windows, JoinKind::Inner, Box::new(left_of), "join");
    let sink = builder.sink("out");
    builder.stream_to(joined, sink);
    builder.build()
}
