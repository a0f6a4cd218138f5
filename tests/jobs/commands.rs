//! The golden cases as commands: which streams and tables do what each topology does.

use serde_json::Value as Json;

/// How the records that came out are compared with those of Kafka Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judge {
    /// One by one.
    Exact,
    /// One by one. A null value counts for Kafka in these windows, never for us: it is given a value.
    NullsCount,
    /// One by one, but without Kafka's tombstones for keys that had no result: we tell when a key stops matching.
    StopsMatching,
    /// As `NullsCount`, but only what came out last for each key and window: Kafka may write the result of a session
    /// before it is final, and again when it is.
    Finals,
}

/// What stands for a case.
pub(crate) struct Commands {
    /// Commands that are run once, before the first record.
    pub(crate) once: Vec<Vec<String>>,
    /// The command that is run after records were appended.
    pub(crate) run: Vec<String>,
    /// The table whose rows are compared, if there is one.
    pub(crate) table: Option<&'static str>,
    pub(crate) judge: Judge,
}

impl Commands {
    /// The same with a task for each partition, where something is kept and nothing that lies in several is put together.
    pub(crate) fn per_partition(mut self) -> Self {
        let job = self.once.last_mut().unwrap_or(&mut self.run);
        let has = |words: &[&str]| job.iter().any(|word| words.contains(&word.as_str()));
        if has(&["table", "--join", "--join-stream"]) && !has(&["--by", "--on"]) {
            job.push("--per-partition".to_owned());
        }
        self
    }
}

/// Topologies of which Kafka counts other records as dropped, and why.
pub(crate) const OTHERWISE_DROPPED: [(&str, &str); 5] = [
    ("group_by_count", NULL_GROUPS),
    ("group_by_sum", NULL_GROUPS),
    ("select_key_repartition_count", NULL_GROUPS),
    ("stream_global_inner", NULL_KEYS_OF_GLOBAL_TABLES),
    ("stream_global_left", NULL_KEYS_OF_GLOBAL_TABLES),
];

const NULL_GROUPS: &str =
    "Kafka leaves records without a group out on their way to a topic, uncounted";
const NULL_KEYS_OF_GLOBAL_TABLES: &str =
    "a global table is read anew by each run: its records are not counted";

/// Cases that no command stands for, and why. A name without the kind of its inputs is that of both.
pub(crate) const NOT_EXPRESSED: [(&str, &str); 17] = [
    ("stream_stream_left_before2s_after10s_grace0", SAME_BEFORE_AND_AFTER),
    ("stream_stream_outer_before2s_after10s_grace0", SAME_BEFORE_AND_AFTER),
    (
        "stream_stream_left_sparse_emit_interval1000",
        "we look at what is closed with each record, not by wall clock",
    ),
    ("table_group_by_trace", OWN_SUBTRACTOR),
    ("table_reduce", OWN_SUBTRACTOR),
    ("flat_map", "a program gives values; the key of each is another program over it"),
    ("cogroup", NO_COGROUP),
    ("cogroup_tumbling_grace0", NO_COGROUP),
    ("tumbling_emit_final_grace0_default_retention", LOST_WINDOWS),
    ("tumbling_emit_final_grace5000_default_retention", LOST_WINDOWS),
    ("session_emit_final_grace0_default_retention", LOST_WINDOWS),
    ("session_emit_final_grace5000_default_retention", LOST_WINDOWS),
    ("session_count_grace0", LOST_SESSIONS),
    ("session_count_grace5000", LOST_SESSIONS),
    ("session_suppress_grace0", LOST_SESSIONS),
    ("session_suppress_grace5000", LOST_SESSIONS),
    ("table_filter_source_not_materialized", NO_SOURCE_WITHOUT_STORE),
];

const SAME_BEFORE_AND_AFTER: &str = "--within is as far before as after";
const OWN_SUBTRACTOR: &str =
    "count, sum, avg and collect take values out again, and no program of one's own";
const NO_COGROUP: &str =
    "there is no command that aggregates several streams, each in a way of its own";
const LOST_WINDOWS: &str = "Kafka's stores lose windows before they are emitted";
const LOST_SESSIONS: &str = "Kafka keeps a session for its gap and grace, we keep it longer: the cases of long retention are compared";
const NO_SOURCE_WITHOUT_STORE: &str = "a table always knows what a row had before";

/// What stands before a mark in the value; null if there is no mark, or nothing before it.
fn before(mark: &str) -> String {
    format!(
        "if type == \"string\" and contains(\"{mark}\") then (split(\"{mark}\")[0] | if . == \"\" then null else . end) \
         else null end"
    )
}

/// Left and right with a plus between them, `null` for what is missing.
const JOINER: &str =
    "[., $right] | map(if . == null then \"null\" else tostring end) | join(\"+\")";
const NUMBER: &str = "split(\":\")[1] | tonumber";

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn kind(params: &Json) -> Vec<String> {
    match params["join"].as_str() {
        Some("left") => words(&["--left"]),
        Some("outer") => words(&["--outer"]),
        _ => Vec::new(),
    }
}

fn stream(args: Vec<String>) -> Commands {
    let run = [words(&["stream"]), args, words(&["--id", "job", "--to", "out", "-v"])].concat();
    Commands { once: Vec::new(), run, table: None, judge: Judge::Exact }
}

const UPDATE: [&str; 6] = ["table", "update", "job", "--commit-interval", "0", "-v"];

fn table(args: Vec<String>) -> Commands {
    let create = words(&["table", "create", "job", "--to", "out", "--value-serde", "string:bytes"]);
    let once = vec![[create, args].concat()];
    Commands { once, run: words(&UPDATE), table: Some("job"), judge: Judge::Exact }
}

/// The commands of a topology; `None` where there are none.
pub(crate) fn of(topology: &str, params: &Json) -> Option<Commands> {
    let ms = |name: &str| params[name].as_i64().map(|ms| format!("{ms}ms"));
    let serde = ["--value-serde", "string:bytes"];
    let text = |args: &[&str]| words(&[args, &serde].concat());
    if topology.starts_with("stream_stream_") {
        let (within, grace) = (ms("time_difference_ms")?, ms("grace_ms")?);
        let args = text(&[
            "left",
            "--join-stream",
            "right",
            "--within",
            &within,
            "--grace",
            &grace,
            JOINER,
        ]);
        return Some(stream([args, kind(params)].concat()));
    }
    if let Some(grace) = ms("grace_ms") {
        return in_windows(topology, params, &grace, ms);
    }
    let (colon, bar) = (before(":"), before("|"));
    let by_group = ["--from", "left", "--by", &colon, "--agg"];
    Some(match topology {
        "stream_table_inner" | "stream_table_left" => {
            stream([text(&["left", "--join", "right"]), kind(params), words(&[JOINER])].concat())
        }
        "stream_global_inner" | "stream_global_left" => {
            let join = text(&["left", "--join", "right", "--global", "--on", &colon]);
            stream([join, kind(params), words(&[JOINER])].concat())
        }
        "merge" => stream(text(&["left", "right"])),
        "select_key" => stream(text(&["left", "--key", &colon])),
        "table_to_stream" | "stream_to_table" => table(words(&["--from", "left", "--latest"])),
        "table_table_inner" | "table_table_left" | "table_table_outer" => {
            let join = words(&["--from", "left", "--latest", "--join", "right", "--value", JOINER]);
            table([join, kind(params)].concat())
        }
        "table_fk_inner" | "table_fk_left" => {
            let join =
                ["--from", "left", "--latest", "--join", "right", "--on", &bar, "--value", JOINER];
            table([words(&join), kind(params)].concat())
        }
        "group_by_key_count" => table(words(&["--from", "left", "--agg", "count"])),
        "group_by_count" | "select_key_repartition_count" => {
            table(words(&[&by_group[..], &["count"]].concat()))
        }
        "group_by_sum" => table(words(&[&by_group[..], &[&format!("sum({NUMBER})")]].concat())),
        "table_group_by_count" => table(words(&[&by_group[..], &["count", "--latest"]].concat())),
        "table_group_by_sum" => {
            table(words(&[&by_group[..], &[&format!("sum({NUMBER})"), "--latest"]].concat()))
        }
        "table_filter" | "table_filter_materialized" => {
            table(words(&["--from", "left", "--latest", "--where", &format!("({NUMBER}) > 4")]))
        }
        "table_map_values_count_filter" => {
            let counts = words(&["table", "create", "counts", "--from", "left", "--agg", "count"]);
            let even = [
                "table",
                "create",
                "job",
                "--from",
                "counts",
                "--where",
                ". % 2 == 0",
                "--to",
                "out",
            ];
            let once = vec![counts, words(&even)];
            Commands { once, run: words(&UPDATE), table: None, judge: Judge::StopsMatching }
        }
        "reduce" => {
            let update = "if . == null then ($value | tostring) else . + \",\" + ($value | tostring) | split(\",\")[-5:] | join(\",\") end";
            table(words(&["--from", "left", "--agg", &format!("reduce(null; {update})")]))
        }
        _ => return None,
    })
}

fn in_windows(
    topology: &str,
    params: &Json,
    grace: &str,
    ms: impl Fn(&str) -> Option<String>,
) -> Option<Commands> {
    if topology.starts_with("cogroup") {
        return None;
    }
    let window = if let Some(gap) = ms("gap_ms") {
        format!("session={gap}")
    } else if let Some(difference) = ms("time_difference_ms") {
        format!("sliding={difference}")
    } else {
        format!("hopping={}/{}", ms("size_ms")?, ms("advance_ms")?)
    };
    let is_final =
        !params["suppress"].is_null() || params["emit"].as_str() == Some("onWindowClose");
    let emit = if is_final { "final" } else { "change" };
    let args =
        ["--from", "left", "--agg", "count", "--window", &window, "--grace", grace, "--emit", emit];
    let judge = match topology {
        _ if topology.starts_with("sliding_") => Judge::Exact,
        _ if topology.starts_with("session_suppress") => Judge::Finals,
        _ => Judge::NullsCount,
    };
    Some(Commands { judge, ..table(words(&args)) })
}
