//! Windows and joins against plain models that know all records at once: whatever the order in which they came, the rows
//! and pairs are those that the definitions name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runnel::stream::{
    EmitStrategy, JoinKind, JoinWindows, Topology, TopologyBuilder, Windowed, Windows,
};

use crate::bench::{Bench, Out};
use crate::programs::{count, joiner};
use crate::random::Random;

/// A grace in which nothing is late.
const LONG_MS: i64 = 1_000_000;

/// Counts by key, start and end.
type Rows = BTreeMap<(String, i64, i64), usize>;

fn counting(windows: Windows) -> Arc<Topology> {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let emit = EmitStrategy::Change;
    let windowed = Windowed { windows, emit, retention_ms: 0, aggregator: count() };
    let table = builder.aggregate_windows(stream, windowed, "count");
    let sink = builder.sink("out");
    builder.table_to(table, sink);
    Arc::new(builder.build())
}

/// Keys and times, mostly forward, sometimes far back, sometimes twice the same.
fn records(random: &mut Random, count: usize) -> Vec<(String, i64)> {
    let mut now = 0;
    let one = |_| {
        now += i64::try_from(random.below(8)).expect("small");
        let back = if random.one_in(4) { random.below(60) } else { 0 };
        let timestamp = (now - i64::try_from(back).expect("small")).max(0);
        (format!("k{}", random.below(3)), timestamp)
    };
    (0..count).map(one).collect()
}

/// Counts records in windows, under a cache and commits at random; compares with the model, given the times of each key.
fn compare(windows: Windows, model: impl Fn(&[i64]) -> BTreeMap<(i64, i64), usize>) {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut bench = Bench::new(&counting(windows), *random.pick(&[0, 1500, 1 << 20]));
        let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (key, timestamp) in records(&mut random, 150) {
            bench.feed("in", Some(&key), Some("x"), timestamp);
            times.entry(key).or_default().push(timestamp);
            if random.one_in(30) {
                bench.commit();
            }
        }
        bench.commit();
        let mut expected = Rows::new();
        for (key, mut times) in times {
            times.sort_unstable();
            let rows = model(&times);
            expected
                .extend(rows.into_iter().map(|((start, end), n)| ((key.clone(), start, end), n)));
        }
        assert_eq!(rows_of(&bench), expected, "seed {seed}");
        assert_eq!(
            told_last(&bench.kept.records.iter().map(|(_, out)| out.clone()).collect::<Vec<_>>()),
            expected
        );
        assert_eq!(bench.task.counts().total(), 0);
    }
}

fn row(out: Out) -> ((String, i64, i64), Option<usize>) {
    let (start, end) = out.window.expect("a window");
    let count = out.value.map(|value| value.parse().expect("a number"));
    ((out.key.expect("a key"), start, end), count)
}

fn rows_of(bench: &Bench) -> Rows {
    let rows = bench.rows("count").into_iter().map(row);
    rows.filter_map(|(key, count)| Some((key, count?))).collect()
}

/// What whoever follows the changes has in the end.
fn told_last(outs: &[Out]) -> Rows {
    let last: BTreeMap<_, _> = outs.iter().cloned().map(row).collect();
    last.into_iter().filter_map(|(key, count)| Some((key, count?))).collect()
}

fn within(times: &[i64], start: i64, end: i64) -> usize {
    times.iter().filter(|time| (start..=end).contains(time)).count()
}

#[test]
fn hopping_windows_hold_what_falls_into_them() {
    let (size, advance) = (20, 7);
    compare(Windows::hopping(size, advance, LONG_MS).expect("windows"), |times| {
        let last = times.last().copied().unwrap_or(0);
        let starts = (0..).map(|n| n * advance).take_while(|start| *start <= last);
        let rows =
            starts.map(|start| ((start, start + size), within(times, start, start + size - 1)));
        rows.filter(|(_, count)| *count > 0).collect()
    });
}

#[test]
fn sliding_windows_hold_what_is_near_each_record() {
    let size = 20;
    compare(Windows::sliding(size, LONG_MS).expect("windows"), |times| {
        let starts = times.iter().flat_map(|time| [(time - size).max(0), time + 1]);
        let rows = starts.map(|start| ((start, start + size), within(times, start, start + size)));
        rows.filter(|(_, count)| *count > 0).collect()
    });
}

#[test]
fn sessions_hold_what_has_no_gap() {
    let gap = 9;
    compare(Windows::session(gap, LONG_MS).expect("windows"), |times| {
        let mut sessions: Vec<(i64, i64, usize)> = Vec::new();
        for time in times {
            match sessions.last_mut() {
                Some((_, end, count)) if *time - *end <= gap => {
                    (*end, *count) = (*time, *count + 1);
                }
                _ => sessions.push((*time, *time, 1)),
            }
        }
        sessions.into_iter().map(|(start, end, count)| ((start, end), count)).collect()
    });
}

#[test]
fn each_window_that_a_record_missed_is_counted_once() {
    let (size, advance, grace) = (20, 7, 5);
    let windows = Windows::hopping(size, advance, grace).expect("windows");
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut bench = Bench::new(&counting(windows), 0);
        let (mut now, mut late, mut told) = (0, 0, 0);
        for (key, timestamp) in records(&mut random, 200) {
            now = now.max(timestamp);
            let starts = (0..=timestamp / advance).map(|n| n * advance);
            let ends = starts.map(|start| start + size).filter(|end| *end > timestamp);
            let (open, closed): (Vec<i64>, _) = ends.partition(|end| end + grace > now);
            late += closed.len();
            told += open.len();
            assert_eq!(bench.feed("in", Some(&key), Some("x"), timestamp).len(), open.len());
        }
        assert_eq!(bench.task.counts().late, u64::try_from(late).expect("few"));
        assert!(late > 0 && told > 0);
        // Nothing is kept that is closed.
        assert!(rows_of(&bench).keys().all(|(_, _, end)| end + grace > now));
    }
}

/// A record of a stream: its side, key, time, and a value that no other has.
type Sided = (usize, String, i64, String);

/// Two streams whose times stray less than what a pair may be apart.
fn two_streams(random: &mut Random) -> Vec<Sided> {
    let mut now = 20;
    let one = |number| {
        now += i64::try_from(random.below(9)).expect("small");
        let back = i64::try_from(random.below(5)).expect("small");
        let side = random.below(2);
        (side, format!("k{}", random.below(4)), now - back, format!("{side}-{number}"))
    };
    (0..200).map(one).collect()
}

/// The pairs of two streams, and those that are in none, by side.
fn pairs(records: &[Sided], within_ms: i64) -> (BTreeSet<String>, [BTreeSet<String>; 2]) {
    let [left, right] = [0, 1].map(|side| records.iter().filter(move |record| record.0 == side));
    let mut pairs = BTreeSet::new();
    let mut alone: [BTreeSet<&str>; 2] = [0, 1].map(|side| {
        let of_side = records.iter().filter(|record| record.0 == side);
        of_side.map(|record| record.3.as_str()).collect()
    });
    for (_, key, time, value) in left {
        for (_, other_key, other_time, other) in right.clone() {
            if key == other_key && (time - other_time).abs() <= within_ms {
                pairs.insert(format!("{value}+{other}"));
                alone[0].remove(value.as_str());
                alone[1].remove(other.as_str());
            }
        }
    }
    let [left, right] = alone;
    let left = left.into_iter().map(|value| format!("{value}+null")).collect();
    (pairs, [left, right.into_iter().map(|value| format!("null+{value}")).collect()])
}

#[test]
fn each_pair_of_two_streams_comes_once_and_so_does_what_is_in_none() {
    let within_ms = 10;
    for (kind, kept) in [(JoinKind::Inner, 0), (JoinKind::Left, 1), (JoinKind::Outer, 2)] {
        for seed in 0..20 {
            let mut builder = TopologyBuilder::new();
            let sides = (builder.stream("0").1, builder.stream("1").1);
            let windows = JoinWindows::within(within_ms, 10);
            let joined = builder.join_streams(sides, windows, kind, joiner(), "join");
            let sink = builder.sink("out");
            builder.stream_to(joined, sink);
            let mut bench = Bench::new(&Arc::new(builder.build()), 0);
            let records = two_streams(&mut Random::new(seed));
            for (side, key, timestamp, value) in &records {
                bench.feed(&side.to_string(), Some(key), Some(value), *timestamp);
            }
            bench.close();
            let (mut expected, alone) = pairs(&records, within_ms);
            assert!(!expected.is_empty() && alone.iter().all(|alone| !alone.is_empty()));
            expected.extend(alone.into_iter().take(kept).flatten());
            let out = bench.kept.records.iter().map(|(_, out)| out.value.clone().expect("a value"));
            let out: Vec<String> = out.collect();
            let once: BTreeSet<String> = out.iter().cloned().collect();
            assert_eq!(
                (once, out.len()),
                (expected.clone(), expected.len()),
                "{kind:?}, seed {seed}"
            );
        }
    }
}
