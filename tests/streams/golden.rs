//! What the real Kafka Streams 4.3 did with 65 topologies: the engine gives the same records, in the same order, because of the
//! same inputs. Where we differ by design, [`Judge`] says how; where Kafka's two kinds of stores differ, either will do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::bench::{Bench, Out};
use crate::cases::{self, Judge, NOT_COMPARED, Params};

/// Cases of the file: each topology has a list of edge cases, and random inputs.
const CASES: usize = 130;

/// The records that each input caused.
pub(crate) type Caused = Vec<(usize, Out)>;

pub(crate) fn golden() -> Vec<Json> {
    let data = std::env::var_os("RUNNEL_TESTDATA").map(PathBuf::from);
    let data = data.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"));
    let file = data.join("streams-golden-4.3.0.jsonl.xz");
    let out = Command::new("xz").arg("-dc").arg(file).output().expect("xz runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = out.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

pub(crate) fn topology_of(case: &Json) -> &str {
    let name = case["case"].as_str().expect("a name");
    name.split_once('/').expect("a kind of inputs").0
}

fn value(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        number => Some(number.to_string()),
    }
}

fn expected(outputs: &Json) -> Caused {
    let outputs = outputs.as_array().expect("outputs");
    let one = |out: &Json| {
        let at = |name: &str| out[name].as_i64();
        let after = usize::try_from(at("after").expect("after")).expect("an input");
        let window = at("start").zip(at("end"));
        let timestamp = at("ts").expect("ts");
        (after, Out { key: value(&out["key"]), window, value: value(&out["value"]), timestamp })
    };
    outputs.iter().map(one).collect()
}

/// Feeds the inputs of a case; gives what each caused.
fn run(bench: &mut Bench, case: &Json, judge: Judge) -> Caused {
    let mut caused = Vec::new();
    for (at, input) in inputs(case, judge).into_iter().enumerate() {
        let out = input.feed(bench);
        caused.extend(out.into_iter().map(|out| (at, out)));
    }
    caused
}

/// A record that goes in.
pub(crate) struct Input<'a> {
    pub(crate) topic: &'a str,
    pub(crate) key: Option<&'a str>,
    pub(crate) value: Option<&'a str>,
    pub(crate) timestamp: i64,
}

impl Input<'_> {
    pub(crate) fn feed(&self, bench: &mut Bench) -> Vec<Out> {
        bench.feed(self.topic, self.key, self.value, self.timestamp)
    }
}

/// The inputs of a case, as they are to be judged.
pub(crate) fn inputs(case: &Json, judge: Judge) -> Vec<Input<'_>> {
    let counts = matches!(judge, Judge::NullsCount | Judge::Finals);
    let one = |input| one_input(input, counts);
    case["inputs"].as_array().expect("inputs").iter().map(one).collect()
}

fn one_input(input: &Json, counts: bool) -> Input<'_> {
    Input {
        topic: input["topic"].as_str().expect("topic"),
        key: input["key"].as_str(),
        value: input["value"].as_str().or(counts.then_some("null")),
        timestamp: input["ts"].as_i64().expect("ts"),
    }
}

/// Without the removals of keys that had no value.
fn without_needless_tombstones(outputs: Caused) -> Caused {
    let mut live = BTreeSet::new();
    let needed = |(_, out): &(usize, Out)| match out.value {
        Some(_) => {
            live.insert(out.key.clone());
            true
        }
        None => live.remove(&out.key),
    };
    outputs.into_iter().filter(needed).collect()
}

/// The last value of each key and window that has one. Of sessions that overlap, only the last one is a session's final.
fn finals(outputs: &Caused) -> BTreeSet<Out> {
    let mut finals: Vec<Out> = Vec::new();
    for (_, out) in outputs {
        let (start, end) = out.window.expect("a window");
        finals.retain(|earlier| {
            let apart = earlier.window.is_some_and(|(first, last)| last < start || first > end);
            earlier.key != out.key || apart
        });
        finals.push(out.clone());
    }
    finals.into_iter().collect()
}

fn check(case: &Json) -> Result<(), String> {
    let name = case["case"].as_str().expect("a name");
    let Some(known) = cases::case(topology_of(case), &Params(&case["params"])) else {
        return Err(format!("{name}: no topology"));
    };
    let mut bench = Bench::new(&known.topology, 0);
    let found = run(&mut bench, case, known.judge);
    let dropped = bench.task.counts().total() + bench.globals_dropped;
    check_table(case, &bench)?;
    let closed = bench.close();
    let alike = |field: &str| {
        let outputs = expected(&case[field]);
        match known.judge {
            Judge::Exact | Judge::NullsCount => found == outputs,
            Judge::StopsMatching => found == without_needless_tombstones(outputs),
            Judge::Finals => are_finals(&found, &closed, &finals(&outputs)),
        }
    };
    if !alike("outputs") && (case["outputs_in_memory"].is_null() || !alike("outputs_in_memory")) {
        return Err(difference(name, &expected(&case["outputs"]), &found));
    }
    let (least, most) = (case["dropped"].as_u64(), case["dropped_in_memory"].as_u64());
    if !(least..=most.max(least)).contains(&Some(dropped)) {
        return Err(format!("{name}: dropped {dropped}, Kafka {}", case["dropped"]));
    }
    Ok(())
}

/// Whether no key and window came out twice, and what came out last is what Kafka has last, once the windows are closed
/// that close just at the end. (A session that is closed may still go into another, by a record that is late for it alone.)
fn are_finals(found: &Caused, closed: &[Out], expected: &BTreeSet<Out>) -> bool {
    let windows: BTreeSet<_> = found.iter().map(|(_, out)| (&out.key, out.window)).collect();
    windows.len() == found.len()
        && finals(found).is_subset(expected)
        && expected
            .iter()
            .all(|last| found.iter().map(|(_, out)| out).chain(closed).any(|out| out == last))
}

/// The rows of the table in the end. Those of windows are there as long as their retention says, to which Kafka's stores
/// keep more or less: only a long one is compared.
fn check_table(case: &Json, bench: &Bench) -> Result<(), String> {
    let name = case["case"].as_str().expect("a name");
    let Some(table) = case["final_table"].as_object() else { return Ok(()) };
    let windowed = !case["params"]["grace_ms"].is_null();
    if windowed && case["params"]["retention_ms"].as_i64() != Some(3_600_000) {
        return Ok(());
    }
    let rows = bench.rows("table");
    let found: BTreeMap<String, (Option<String>, i64)> = rows
        .into_iter()
        .map(|row| {
            let key = row.key.expect("a key");
            let key = row.window.map_or(key.clone(), |(start, end)| format!("{key}@{start}/{end}"));
            (key, (row.value, row.timestamp))
        })
        .collect();
    let alike = found.len() == table.len()
        && table.iter().all(|(key, row)| {
            let found = found.get(key);
            let timestamp = |found: i64| row["ts"].as_i64().is_none_or(|ts| ts == found);
            found.is_some_and(|found| found.0 == value(&row["value"]) && timestamp(found.1))
        });
    if alike { Ok(()) } else { Err(format!("{name}: table {found:?}\nKafka {table:?}")) }
}

fn difference(name: &str, expected: &Caused, found: &Caused) -> String {
    let at = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let some = |outputs: &Caused| -> String {
        outputs.iter().skip(at).take(4).map(|out| format!("\n    {out:?}")).collect()
    };
    let counts = format!("{} records, Kafka {}", found.len(), expected.len());
    format!("{name}: {counts}\n  Kafka from {at}:{}\n  found:{}", some(expected), some(found))
}

#[test]
fn every_case_gives_what_kafka_streams_gave() {
    let cases = golden();
    assert_eq!(cases.len(), CASES);
    let mut failures = Vec::new();
    let mut passed = 0;
    for case in &cases {
        if is_listed(case) {
            continue;
        }
        match check(case) {
            Ok(()) => passed += 1,
            Err(failure) => failures.push(failure),
        }
    }
    let failed = failures.len();
    assert!(failures.is_empty(), "{failed} failed, {passed} passed\n{}", failures.join("\n"));
    assert_eq!(passed, CASES - cases.iter().filter(|case| is_listed(case)).count());
}

fn is_listed(case: &Json) -> bool {
    let name = case["case"].as_str().expect("a name");
    NOT_COMPARED.iter().any(|(listed, _)| *listed == name || *listed == topology_of(case))
}

#[test]
fn each_case_is_compared_or_listed_with_its_reason() {
    let cases = golden();
    let name = |case: &Json| case["case"].as_str().expect("a name").to_owned();
    let mut known: BTreeSet<String> = cases.iter().map(name).collect();
    known.extend(cases.iter().map(|case| topology_of(case).to_owned()));
    for (listed, _) in NOT_COMPARED {
        assert!(known.contains(listed), "{listed} is no case");
    }
    for case in cases.iter().filter(|case| !is_listed(case)) {
        let topology = topology_of(case);
        let has_one = cases::case(topology, &Params(&case["params"])).is_some();
        assert!(has_one, "{topology} has neither a topology nor a reason");
    }
    let listed = cases.iter().filter(|case| is_listed(case)).count();
    assert_eq!(listed, 14, "as many as the list says");
}
