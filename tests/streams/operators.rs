//! What operators do that Kafka's own results do not show, or where we differ by design.

use std::sync::Arc;

use runnel::stream::{
    EmitStrategy, Error, Inputs, JoinKind, JoinWindows, Keys, MemoryState, Origin, Outside, Record,
    State as _, StoreId, Task, TopologyBuilder, Value, Windowed, Windows, decode_change,
    encode_change,
};

use crate::bench::{Bench, Out};
use crate::programs::{before, count, joiner, number_over, sum};

fn windowed(windows: Windows, emit: EmitStrategy, retention_ms: i64) -> Windowed {
    Windowed { windows, emit, retention_ms, aggregator: count() }
}

/// A count in windows, in the store `count`.
fn counting(windowed: Windowed) -> Bench {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let table = builder.aggregate_windows(stream, windowed, "count");
    let sink = builder.sink("out");
    builder.table_to(table, sink);
    Bench::new(&Arc::new(builder.build()), 0)
}

fn tumbling(size_ms: i64, grace_ms: i64) -> Windows {
    Windows::tumbling(size_ms, grace_ms).expect("windows")
}

fn spans(outs: &[Out]) -> Vec<(i64, i64, &str)> {
    let one = |out: &Out| out.window.expect("a window");
    let all = outs.iter().map(|out| (one(out), out.value.as_deref().unwrap_or("null")));
    all.map(|((start, end), value)| (start, end, value)).collect()
}

#[test]
fn a_record_goes_to_the_first_branch_that_wants_it() {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let branches = builder.branch(stream, vec![number_over(4), number_over(2)]);
    let sinks: Vec<_> = branches
        .into_iter()
        .map(|branch| {
            let sink = builder.sink("out");
            builder.stream_to(branch, sink);
            sink
        })
        .collect();
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    for value in ["x:5", "x:3", "x:1"] {
        bench.feed("in", None, Some(value), 0);
    }
    let found: Vec<_> = bench.kept.records.iter().map(|(sink, out)| (*sink, &out.value)).collect();
    let expected = [(sinks[0], Some("x:5".to_owned())), (sinks[1], Some("x:3".to_owned()))];
    assert_eq!(found, expected.iter().map(|(sink, value)| (*sink, value)).collect::<Vec<_>>());
}

#[test]
fn the_lowest_timestamp_is_taken_first_and_a_table_before_a_stream() {
    let mut builder = TopologyBuilder::new();
    let (stream, _) = builder.stream("stream");
    let (table, _) = builder.table("table", "rows");
    let mut inputs = Inputs::new(&builder.build());
    assert_eq!(inputs.missing(), Some(table));
    for (input, timestamp, name) in
        [(stream, 5, "s5"), (stream, 3, "s3"), (table, 5, "t5"), (table, 4, "t4")]
    {
        inputs.push(input, timestamp, name);
    }
    assert_eq!(inputs.missing(), None);
    let taken: Vec<_> = std::iter::from_fn(|| inputs.take()).map(|(_, name)| name).collect();
    // Within an input the order is that of the topic, whatever the timestamps are.
    assert_eq!(taken, ["t5", "t4", "s5", "s3"]);
    inputs.set_done(table, true);
    assert_eq!((inputs.missing(), inputs.waiting(stream)), (Some(stream), 0));
}

#[test]
fn headers_go_through_also_with_a_record_that_waited() {
    let mut builder = TopologyBuilder::new();
    let sides = (builder.stream("left").1, builder.stream("right").1);
    let windows = JoinWindows::within(10, 0);
    let joined = builder.join_streams(sides, windows, JoinKind::Outer, joiner(), "join");
    let sink = builder.sink("out");
    builder.stream_to(joined, sink);
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    bench.feed("left", Some("a"), Some("l"), 0);
    let out = bench.feed("right", Some("b"), Some("r"), 100);
    assert_eq!(out.len(), 1);
    assert_eq!(bench.kept.headers, [b"left".to_vec()], "its own, not those of what came later");
    assert_eq!(bench.close().len(), 1);
    assert_eq!(bench.kept.headers[1], b"right");
}

#[test]
fn a_null_value_is_counted_in_no_window_and_moves_no_clock() {
    for windows in [
        tumbling(10, 0),
        Windows::sliding(10, 0).expect("windows"),
        Windows::session(10, 0).expect("windows"),
    ] {
        let mut bench = counting(windowed(windows, EmitStrategy::Change, 0));
        bench.feed("in", Some("a"), Some("x"), 5);
        assert_eq!(bench.feed("in", Some("a"), None, 1000), []);
        assert_eq!(bench.feed("in", None, Some("x"), 1000), []);
        assert!(!bench.feed("in", Some("a"), Some("x"), 6).is_empty(), "not late");
        let counts = bench.task.counts();
        assert_eq!((counts.null_value, counts.null_key, counts.late), (1, 1, 0));
    }
}

#[test]
fn rows_of_windows_are_kept_until_they_are_closed_and_their_retention_is_over() {
    let mut bench = counting(windowed(tumbling(10, 5), EmitStrategy::Change, 40));
    bench.feed("in", Some("a"), Some("x"), 0);
    bench.feed("in", Some("a"), Some("x"), 49);
    assert_eq!(spans(&bench.rows("count")), [(0, 10, "1"), (40, 50, "1")]);
    bench.feed("in", Some("b"), Some("x"), 50);
    let spans_now = spans(&bench.rows("count")).len();
    assert_eq!(spans_now, 2, "the window that ended 40 ms ago is gone");
    assert_eq!(bench.task.counts().late, 0);
    assert_eq!(bench.feed("in", Some("a"), Some("x"), 34), [], "it is closed, though it is there");
    assert_eq!(bench.task.counts().late, 1);
}

#[test]
fn what_expires_is_removed_by_the_changelog_too_and_leaves_nothing() {
    let mut bench = counting(windowed(tumbling(10, 0), EmitStrategy::Change, 0));
    for at in 0..5000 {
        bench.feed("in", Some(&format!("k{}", at % 700)), Some("x"), at / 700);
    }
    bench.feed("in", Some("last"), Some("x"), 1_000_000);
    bench.commit();
    assert_eq!(bench.rows("count").len(), 1);
    let removed = bench.kept.changelog.iter().filter(|(_, _, value)| value.is_none()).count();
    assert_eq!(removed, 700);
    let restored = bench.restored(0);
    assert_eq!(restored.rows("count").len(), 1);
}

#[test]
fn a_final_result_comes_once_and_closing_brings_the_rest() {
    let mut bench = counting(windowed(tumbling(10, 5), EmitStrategy::Final, 0));
    for timestamp in [1, 2, 11, 14] {
        assert_eq!(bench.feed("in", Some("a"), Some("x"), timestamp), []);
    }
    assert_eq!(spans(&bench.feed("in", Some("b"), Some("x"), 15)), [(0, 10, "2")]);
    assert_eq!(bench.feed("in", Some("a"), Some("x"), 9), []);
    assert_eq!(spans(&bench.close()), [(10, 20, "2"), (10, 20, "1")]);
    assert_eq!(bench.close(), []);
    assert_eq!(bench.feed("in", Some("a"), Some("x"), 19), [], "it was closed");
    assert_eq!(bench.task.counts().late, 2);
}

#[test]
fn a_session_is_held_back_until_nothing_can_change_it() {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let windows = Windows::session(10, 5).expect("windows");
    let table =
        builder.aggregate_windows(stream, windowed(windows, EmitStrategy::Change, 0), "count");
    let finals = builder.suppress(table, "held");
    let sink = builder.sink("out");
    builder.stream_to(finals, sink);
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    for (key, timestamp) in [("a", 100), ("b", 115), ("a", 105)] {
        assert_eq!(bench.feed("in", Some(key), Some("x"), timestamp), []);
    }
    assert_eq!(bench.feed("in", Some("b"), Some("x"), 120), []);
    let out = bench.feed("in", Some("b"), Some("x"), 121);
    assert_eq!(spans(&out), [(100, 105, "2")]);
    assert_eq!(spans(&bench.close()), [(115, 121, "3")]);
}

#[test]
fn an_operator_that_needs_old_values_gets_a_store_in_front() {
    let mut builder = TopologyBuilder::new();
    let sides = (builder.table("left", "left").1, builder.table("right", "right").1);
    let joined = builder.join_tables(sides, JoinKind::Inner, joiner());
    assert_eq!(joined.store(), None);
    let known = Box::new(|record: &Record<'_>| Ok(record.value == Some(b"x+y")));
    let filtered = builder.filter_table(joined, known);
    let sink = builder.sink("out");
    builder.table_to(filtered, sink);
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    bench.feed("left", Some("a"), Some("x"), 0);
    assert_eq!(bench.feed("right", Some("a"), Some("y"), 1).len(), 1);
    let out = bench.feed("right", Some("a"), Some("z"), 2);
    assert_eq!(out.iter().map(|out| &out.value).collect::<Vec<_>>(), [&None], "it stops matching");
    assert_eq!(bench.feed("right", Some("a"), Some("w"), 3), [], "it did not match before");
}

#[test]
fn a_time_before_the_epoch_is_left_out() {
    let mut bench = counting(windowed(tumbling(10, 0), EmitStrategy::Change, 0));
    assert_eq!(bench.feed("in", Some("a"), Some("x"), -1), []);
    assert_eq!(bench.task.counts().negative_timestamp, 1);
    assert_eq!(bench.task.stream_time(), None);
    for windows in [
        tumbling(i64::MAX, i64::MAX),
        Windows::sliding(i64::MAX, i64::MAX).expect("windows"),
        Windows::session(i64::MAX, i64::MAX).expect("windows"),
        Windows::sliding(3, 0).expect("windows"),
    ] {
        let mut bench = counting(windowed(windows, EmitStrategy::Change, i64::MAX));
        for timestamp in [0, i64::MAX, i64::MAX, 1, i64::MAX - 1] {
            bench.feed("in", Some("a"), Some("x"), timestamp);
        }
        bench.close();
    }
}

#[test]
fn a_state_of_a_later_format_is_refused() {
    let topology = Arc::new(TopologyBuilder::new().build());
    let mut state = MemoryState::new();
    state.put(StoreId::TASK, b"f", &[2]).expect("puts");
    let error = Task::new(topology, Box::new(state), 0).expect_err("it is refused");
    assert!(matches!(error, Error::Format { found: 2, expected: 1 }), "{error}");
}

#[test]
fn a_damaged_row_is_an_error_that_names_the_store() {
    let mut bench = counting(windowed(tumbling(10, 0), EmitStrategy::Change, 0));
    bench.feed("in", Some("a"), Some("x"), 1);
    let store = bench.task.topology().store("count").expect("a store");
    let (_, key, _) = bench.kept.changelog.last().expect("a row").clone();
    bench.task.state_mut().put(store, &key, b"cut").expect("puts");
    let mut state = bench.task.into_state();
    state.put(store, b"no window", b"row").expect("puts");
    let mut bench = counting(windowed(tumbling(10, 0), EmitStrategy::Change, 0));
    bench.task = Task::new(Arc::clone(bench.task.topology()), state, 0).expect("a task");
    let mut each = |_: &Record<'_>| std::ops::ControlFlow::Continue(());
    let error = bench.task.rows(store, Keys::All, &mut each).expect_err("it is damaged");
    assert_eq!(error.to_string(), "state store count is damaged: a row is none of a table's");
}

#[test]
fn rows_are_found_by_key_and_by_its_beginning() {
    let mut bench = counting(windowed(tumbling(10, 1000), EmitStrategy::Change, 0));
    let mut builder = TopologyBuilder::new();
    let (_, table) = builder.table("in", "rows");
    let sink = builder.sink("out");
    builder.table_to(table, sink);
    let mut plain = Bench::new(&Arc::new(builder.build()), 0);
    for key in ["a", "a\0", "ab", "b", "a"] {
        for timestamp in [5, 15] {
            bench.feed("in", Some(key), Some("x"), timestamp);
            plain.feed("in", Some(key), Some("x"), timestamp);
        }
    }
    let keys = |outs: Vec<Out>| -> Vec<String> {
        outs.into_iter().map(|out| out.key.expect("a key")).collect()
    };
    assert_eq!(keys(plain.rows_of("rows", Keys::Of(b"a"))), ["a"]);
    assert_eq!(keys(plain.rows_of("rows", Keys::Of(b"aa"))), [""; 0]);
    assert_eq!(keys(plain.rows_of("rows", Keys::StartingWith(b"a"))), ["a", "a\0", "ab"]);
    assert_eq!(keys(bench.rows_of("count", Keys::Of(b"a"))), ["a", "a"]);
    assert_eq!(keys(bench.rows_of("count", Keys::Of(b""))), [""; 0]);
    let start = keys(bench.rows_of("count", Keys::StartingWith(b"a")));
    assert_eq!(start, ["a", "a", "a\0", "a\0", "ab", "ab"]);
}

#[test]
fn a_record_that_its_first_program_refuses_leaves_the_task_intact() {
    let mut builder = TopologyBuilder::new();
    let (input, stream) = builder.stream("in");
    let positive = builder.filter(stream, number_over(0));
    let table = builder.aggregate(positive, count(), "count");
    let failing = builder.map_table(
        table,
        Box::new(|_: &Record<'_>, _: &mut Value| Err(Error::program("it never works"))),
    );
    let sink = builder.sink("out");
    builder.table_to(failing, sink);
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    let mut feed = |value: &str| {
        let mut outside = Outside { globals: &bench.globals, output: &mut bench.kept };
        let record = Record { key: Some(b"a"), value: Some(value.as_bytes()), ..Record::default() };
        let outcome = bench.task.process(input, &record, &mut outside);
        (outcome.map_err(|error| error.to_string()), bench.task.is_intact())
    };
    assert_eq!(feed("no number"), (Err("cannot parse integer from empty string".to_owned()), true));
    assert_eq!(feed("x:0"), (Ok(()), true));
    assert_eq!(feed("x:1"), (Err("it never works".to_owned()), false));
}

#[test]
fn a_program_sees_where_a_record_comes_from() {
    let mut builder = TopologyBuilder::new();
    let (input, stream) = builder.stream("in");
    let placed = builder.map(
        stream,
        Box::new(|record: &Record<'_>, emit| {
            let Some(Origin { topic, partition, offset }) = record.origin else { return Ok(()) };
            let value = format!("{topic}-{partition}@{offset}");
            emit(&Record { value: Some(value.as_bytes()), ..*record })
        }),
    );
    let sink = builder.sink("out");
    builder.stream_to(placed, sink);
    let mut bench = Bench::new(&Arc::new(builder.build()), 0);
    let origin = Some(Origin { topic: "in", partition: 3, offset: 7 });
    let mut outside = Outside { globals: &bench.globals, output: &mut bench.kept };
    let record = Record { origin, ..Record::default() };
    bench.task.process(input, &record, &mut outside).expect("goes on");
    assert_eq!(bench.kept.records[0].1.value.as_deref(), Some("in-3@7"));
}

#[test]
fn groups_of_a_table_may_be_in_another_task() {
    let mut builder = TopologyBuilder::new();
    let (_, rows) = builder.table("in", "rows");
    let grouped = builder.group(rows, before(':'));
    let sink = builder.sink("groups");
    builder.grouped_to(grouped, sink);
    let mut first = Bench::new(&Arc::new(builder.build()), 0);

    let mut builder = TopologyBuilder::new();
    let (input, grouped) = builder.grouped("groups");
    let sums = builder.aggregate_groups(grouped, sum(), "sums");
    let sink = builder.sink("out");
    builder.table_to(sums, sink);
    let mut second = Bench::new(&Arc::new(builder.build()), 0);

    for (key, value) in [("a", "x:1"), ("b", "x:5"), ("a", "x:3"), ("a", "y:7"), ("b", "x:6")] {
        let seen = first.kept.records.len();
        let out = first.feed("in", Some(key), Some(value), 0);
        for (change, old) in out.iter().zip(&first.kept.old[seen..]) {
            let key = change.key.as_deref().map(str::as_bytes);
            let [value, old] = [&change.value, old].map(|text| text.as_deref().map(str::as_bytes));
            let change = Record { key, value, old, ..Record::default() };
            let mut on_the_wire = Value::default();
            encode_change(&change, &mut on_the_wire);
            let record = Record { key, value: on_the_wire.get(), ..Record::default() };
            let change = decode_change(&record).expect("a change");
            let mut outside = Outside { globals: &second.globals, output: &mut second.kept };
            second.task.process(input, &change, &mut outside).expect("goes on");
        }
    }
    let rows = second.rows("sums");
    let sums: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.value.as_deref())).collect();
    assert_eq!(sums, [(Some("x"), Some("6")), (Some("y"), Some("7"))]);
}

/// Two counts in windows, joined by key and window, and kept in a store of their own.
#[test]
fn tables_of_windows_are_joined_by_key_and_window_and_expire() {
    for cache_bytes in [0, 1 << 20] {
        let mut builder = TopologyBuilder::new();
        let counts = ["left", "right"].map(|topic| {
            let (_, stream) = builder.stream(topic);
            let windowed = windowed(tumbling(10, 0), EmitStrategy::Change, 0);
            builder.aggregate_windows(stream, windowed, topic)
        });
        let joined = builder.join_tables((counts[0], counts[1]), JoinKind::Inner, joiner());
        let kept = builder.keep(joined, "joined");
        let sink = builder.sink("out");
        builder.table_to(kept, sink);
        let mut bench = Bench::new(&Arc::new(builder.build()), cache_bytes);
        for (topic, timestamp) in
            [("left", 1), ("left", 2), ("right", 3), ("left", 11), ("right", 12)]
        {
            bench.feed(topic, Some("a"), Some("x"), timestamp);
        }
        bench.commit();
        let windows = [(0, 10, "2+1"), (10, 20, "1+1")];
        let told: Vec<Out> = bench.kept.records.iter().map(|(_, out)| out.clone()).collect();
        assert_eq!(spans(&told), windows, "a cache of {cache_bytes}");
        assert_eq!(spans(&bench.rows("joined")), windows[1..], "the first is closed");
        let bench = bench.restarted(cache_bytes);
        assert_eq!(spans(&bench.rows("joined")), windows[1..]);
    }
}

#[test]
fn a_table_without_windows_made_of_one_with_windows_has_plain_keys() {
    let mut builder = TopologyBuilder::new();
    let (_, stream) = builder.stream("in");
    let windowed = windowed(tumbling(10, 0), EmitStrategy::Change, 0);
    let counts = builder.aggregate_windows(stream, windowed, "count");
    let changes = builder.changes(counts);
    let latest = builder.latest(changes, "latest");
    let updates = builder.aggregate(changes, count(), "updates");
    let sink = builder.sink("out");
    builder.table_to(latest, sink);
    builder.table_to(updates, sink);
    let topology = Arc::new(builder.build());
    for cache_bytes in [0, 1 << 20] {
        let mut bench = Bench::new(&topology, cache_bytes);
        for timestamp in [1, 2, 11] {
            bench.feed("in", Some("a"), Some("x"), timestamp);
        }
        bench.commit();
        let row = |value: &str| Out {
            key: Some("a".to_owned()),
            window: None,
            value: Some(value.to_owned()),
            timestamp: 11,
        };
        assert_eq!(bench.rows("latest"), [row("1")]);
        assert_eq!(bench.rows("updates"), [row(if cache_bytes == 0 { "3" } else { "2" })]);
        assert!(bench.kept.records.iter().all(|(_, out)| out.window.is_none()));
    }
}
