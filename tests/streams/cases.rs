//! The topologies of the golden cases, by the names that the cases have, and how each is judged.

use std::sync::Arc;

use runnel::stream::{
    EmitStrategy, JoinKind, JoinWindows, Record, Selector, Stream, Table, Topology,
    TopologyBuilder, Value, Windowed, Windows,
};
use serde_json::Value as Json;

use crate::programs::{
    before, count, count_by, is_even, joiner, number_over, reduce, sum, table_reduce, tagged, trace,
};

/// How the records that came out are compared with those of Kafka Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// One by one, with the input that caused each.
    Exact,
    /// One by one. A null value counts for Kafka in these windows, never for us: it is given a value.
    NullsCount,
    /// One by one, but without Kafka's tombstones for keys that had no result: we tell when a key stops matching.
    StopsMatching,
    /// As `NullsCount`, but only what came out last for each key and window: Kafka may write the result of a session
    /// before it is final, and again when it is.
    Finals,
}

/// Cases that are not compared, and why. A name without the kind of its inputs is that of both.
pub(crate) const NOT_COMPARED: [(&str, &str); 9] = [
    (
        "stream_stream_left_sparse_emit_interval1000",
        "we look at what is closed with each record, not by wall clock",
    ),
    ("tumbling_emit_final_grace0_default_retention", LOST_WINDOWS),
    ("tumbling_emit_final_grace5000_default_retention", LOST_WINDOWS),
    ("session_emit_final_grace0_default_retention", LOST_WINDOWS),
    ("session_emit_final_grace5000_default_retention", LOST_WINDOWS),
    ("session_count_grace0/edge", LOST_SESSIONS),
    ("session_count_grace5000/edge", LOST_SESSIONS),
    ("session_suppress_grace0/edge", LOST_SESSIONS),
    ("session_suppress_grace5000/edge", LOST_SESSIONS),
];

const LOST_WINDOWS: &str = "Kafka's stores lose windows before they are emitted";
const LOST_SESSIONS: &str = "Kafka's stores lose sessions that end just now, while they are open";

pub(crate) struct Case {
    pub(crate) topology: Arc<Topology>,
    pub(crate) judge: Judge,
}

/// What a case asks for, besides its name.
pub(crate) struct Params<'a>(pub(crate) &'a Json);

impl Params<'_> {
    fn ms(&self, name: &str) -> i64 {
        self.0[name].as_i64().unwrap_or_else(|| panic!("{name} in {}", self.0))
    }

    fn join_kind(&self) -> JoinKind {
        match self.0["join"].as_str() {
            Some("inner") => JoinKind::Inner,
            Some("left") => JoinKind::Left,
            Some("outer") => JoinKind::Outer,
            other => panic!("a join of kind {other:?}"),
        }
    }

    fn windows(&self) -> Windows {
        let grace_ms = self.ms("grace_ms");
        let windows = if !self.0["gap_ms"].is_null() {
            Windows::session(self.ms("gap_ms"), grace_ms)
        } else if !self.0["time_difference_ms"].is_null() {
            Windows::sliding(self.ms("time_difference_ms"), grace_ms)
        } else {
            Windows::hopping(self.ms("size_ms"), self.ms("advance_ms"), grace_ms)
        };
        windows.expect("windows")
    }

    fn windowed(&self, aggregator: Arc<dyn runnel::stream::Aggregator>) -> Windowed {
        let emit = match self.0["emit"].as_str() {
            Some("onWindowClose") => EmitStrategy::Final,
            _ => EmitStrategy::Change,
        };
        let retention_ms = self.0["retention_ms"].as_i64().unwrap_or(0);
        Windowed { windows: self.windows(), emit, retention_ms, aggregator }
    }

    fn join_windows(&self) -> JoinWindows {
        let grace_ms = self.ms("grace_ms");
        if self.0["before_ms"].is_null() {
            return JoinWindows::within(self.ms("time_difference_ms"), grace_ms);
        }
        JoinWindows { before_ms: self.ms("before_ms"), after_ms: self.ms("after_ms"), grace_ms }
    }
}

/// The topology of a case, by its name without the kind of its inputs; `None` where there is none.
pub(crate) fn case(name: &str, params: &Params<'_>) -> Option<Case> {
    let mut builder = TopologyBuilder::new();
    let judge = if name.starts_with("stream_stream_") {
        streams(&mut builder, params);
        Judge::Exact
    } else if name.starts_with("stream_") || name == "merge" {
        beside_a_stream(&mut builder, name, params)?;
        Judge::Exact
    } else if name.starts_with("table_table_") || name.starts_with("table_fk_") {
        two_tables(&mut builder, name, params);
        Judge::Exact
    } else if name.starts_with("table_") {
        one_table(&mut builder, name)?
    } else if !params.0["grace_ms"].is_null() {
        in_windows(&mut builder, name, params)
    } else {
        one_stream(&mut builder, name)?;
        Judge::Exact
    };
    Some(Case { topology: Arc::new(builder.build()), judge })
}

fn streams(builder: &mut TopologyBuilder, params: &Params<'_>) {
    let sides = (builder.stream("left").1, builder.stream("right").1);
    let (windows, kind) = (params.join_windows(), params.join_kind());
    let joined = builder.join_streams(sides, windows, kind, joiner(), "join");
    let sink = builder.sink("out");
    builder.stream_to(joined, sink);
}

fn beside_a_stream(builder: &mut TopologyBuilder, name: &str, params: &Params<'_>) -> Option<()> {
    let (_, left) = builder.stream("left");
    let result = match name {
        "merge" => {
            let (_, right) = builder.stream("right");
            builder.merge(&[left, right])
        }
        "stream_to_table" => {
            let table = builder.latest(left, "table");
            builder.changes(table)
        }
        "stream_table_inner" | "stream_table_left" => {
            let (_, right) = builder.table("right", "right");
            builder.join_table(left, right, params.join_kind(), joiner())
        }
        "stream_global_inner" | "stream_global_left" => {
            let right = builder.global_table("right");
            builder.join_global(left, right, params.join_kind(), before(':'), joiner())
        }
        _ => return None,
    };
    let sink = builder.sink("out");
    builder.stream_to(result, sink);
    Some(())
}

fn two_tables(builder: &mut TopologyBuilder, name: &str, params: &Params<'_>) {
    let sides = (builder.table("left", "left").1, builder.table("right", "right").1);
    let kind = params.join_kind();
    let joined = if name.starts_with("table_fk_") {
        builder.join_foreign_key(sides, before('|'), kind, joiner(), "references")
    } else {
        builder.join_tables(sides, kind, joiner())
    };
    table_out(builder, joined);
}

fn one_table(builder: &mut TopologyBuilder, name: &str) -> Option<Judge> {
    if name == "table_map_values_count_filter" {
        let (_, left) = builder.stream("left");
        let counted = builder.aggregate(left, count(), "count");
        let even = builder.filter_table(counted, is_even());
        let sink = builder.sink("out");
        builder.table_to(even, sink);
        return Some(Judge::StopsMatching);
    }
    let store = if name == "table_to_stream" { "table" } else { "left" };
    let (_, left) = builder.table("left", store);
    let by_group = |builder: &mut TopologyBuilder, aggregator| {
        let grouped = builder.group(left, before(':'));
        builder.aggregate_groups(grouped, aggregator, "table")
    };
    let result = match name {
        "table_to_stream" => left,
        "table_filter" | "table_filter_materialized" | "table_filter_source_not_materialized" => {
            builder.filter_table(left, number_over(4))
        }
        "table_group_by_count" => by_group(builder, count()),
        "table_group_by_sum" => by_group(builder, sum()),
        "table_group_by_trace" => by_group(builder, trace(24)),
        "table_reduce" => by_group(builder, table_reduce(24)),
        _ => return None,
    };
    table_out(builder, result);
    let source_unknown = name == "table_filter_source_not_materialized";
    Some(if source_unknown { Judge::StopsMatching } else { Judge::Exact })
}

fn one_stream(builder: &mut TopologyBuilder, name: &str) -> Option<()> {
    let (_, left) = builder.stream("left");
    let table = match name {
        "group_by_key_count" => builder.aggregate(left, count(), "table"),
        "group_by_count" | "select_key_repartition_count" => {
            let grouped = grouped(builder, left);
            builder.aggregate(grouped, count(), "table")
        }
        "group_by_sum" => {
            let grouped = grouped(builder, left);
            builder.aggregate(grouped, sum(), "table")
        }
        "reduce" => builder.aggregate(left, reduce(), "table"),
        "cogroup" => {
            let (_, right) = builder.stream("right");
            builder.cogroup(vec![(left, tagged("L")), (right, tagged("R"))], "table")
        }
        "flat_map" | "select_key" => {
            let mapper = if name == "flat_map" { two_of_each() } else { new_key(before(':')) };
            let mapped = builder.map(left, mapper);
            let sink = builder.sink("out");
            builder.stream_to(mapped, sink);
            return Some(());
        }
        _ => return None,
    };
    table_out(builder, table);
    Some(())
}

fn in_windows(builder: &mut TopologyBuilder, name: &str, params: &Params<'_>) -> Judge {
    let (_, left) = builder.stream("left");
    if name.starts_with("cogroup_") {
        let (_, right) = builder.stream("right");
        let sides = vec![(left, count_by(1)), (right, count_by(100))];
        let table = builder.cogroup_windows(sides, params.windows(), "table");
        table_out(builder, table);
        return Judge::NullsCount;
    }
    let table = builder.aggregate_windows(left, params.windowed(count()), "table");
    if params.0["suppress"].is_null() {
        table_out(builder, table);
    } else {
        let finals = builder.suppress(table, "held");
        let sink = builder.sink("out");
        builder.stream_to(finals, sink);
    }
    match name {
        _ if name.starts_with("sliding_") => Judge::Exact,
        _ if name.starts_with("session_suppress") => Judge::Finals,
        _ => Judge::NullsCount,
    }
}

/// Keeps a table in the store `table`, where it is in none yet, and puts its changes out.
fn table_out(builder: &mut TopologyBuilder, table: Table) {
    let table = builder.keep(table, "table");
    let sink = builder.sink("out");
    builder.table_to(table, sink);
}

/// A stream under new keys, as it comes out of the topic that it goes through: records without a key are not written there.
fn grouped(builder: &mut TopologyBuilder, stream: Stream) -> Stream {
    let with_new_key = builder.map(stream, new_key(before(':')));
    builder.filter(with_new_key, Box::new(|record: &Record<'_>| Ok(record.key.is_some())))
}

/// The same record under the key that a selector finds.
fn new_key(selector: Selector) -> runnel::stream::Mapper {
    Box::new(move |record: &Record<'_>, emit| {
        let mut key = Value::default();
        selector(record, &mut key)?;
        emit(&Record { key: key.get(), ..*record })
    })
}

/// Each record with a value twice: its value with a mark, and key and value exchanged.
fn two_of_each() -> runnel::stream::Mapper {
    Box::new(|record: &Record<'_>, emit| {
        let Some(value) = record.value else { return Ok(()) };
        let marked = [value, b"/1"].concat();
        emit(&Record { value: Some(&marked), ..*record })?;
        emit(&Record { key: Some(value), value: record.key, ..*record })
    })
}
