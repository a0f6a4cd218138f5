//! What the real Kafka Streams 4.3 did with 65 topologies, through `runnel stream` and `runnel table`: the same records, in the
//! same order. Where there are two topics, records are appended in turns, as they were given to Kafka, and the command is run
//! after each turn. Each topology has two kinds of inputs; for one of them the partition is a task of its own, where it can be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use runnel::cluster::{Access, Acks, Cluster, OpenOptions, ProducerOptions};
use runnel::model::{Compression, TopicName};
use runnel::record::{Headers, Record};
use serde_json::Value as Json;

use crate::commands::{self, Commands, Judge, NOT_EXPRESSED, OTHERWISE_DROPPED};
use crate::support::World;

const CASES: usize = 130;

/// A record that came out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Out {
    key: Option<String>,
    window: Option<(i64, i64)>,
    value: Option<String>,
    timestamp: i64,
}

fn golden() -> Vec<Json> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/streams-golden-4.3.0.jsonl.xz");
    let out = Command::new("xz").arg("-dc").arg(file).output().expect("xz runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = out.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
}

fn name(case: &Json) -> &str {
    case["case"].as_str().expect("a name")
}

fn topology(case: &Json) -> &str {
    name(case).split_once('/').expect("a kind of inputs").0
}

fn is_listed(case: &Json) -> bool {
    NOT_EXPRESSED.iter().any(|(listed, _)| *listed == name(case) || *listed == topology(case))
}

fn text(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn expected(outputs: &Json) -> Vec<Out> {
    let one = |out: &Json| {
        let at = |name: &str| out[name].as_i64();
        let window = at("start").zip(at("end"));
        Out {
            key: text(&out["key"]),
            window,
            value: text(&out["value"]),
            timestamp: at("ts").expect("ts"),
        }
    };
    outputs.as_array().expect("outputs").iter().map(one).collect()
}

/// The records that a topic has.
fn found(world: &World, is_windowed: bool) -> Vec<Out> {
    let lines = world.runnel(["consume", "out", "-J"]).run_any().text();
    let one = |line: &str| {
        let record: Json = serde_json::from_str(line).expect("an envelope");
        let (mut key, mut window) = (text(&record["key"]), None);
        if is_windowed {
            let of: Json =
                serde_json::from_str(key.as_deref().expect("a key")).expect("a window's key");
            window = of["start"].as_i64().zip(of["end"].as_i64());
            key = text(&of["key"]);
        }
        Out {
            key,
            window,
            value: text(&record["value"]),
            timestamp: record["ts"].as_i64().expect("ts"),
        }
    };
    lines.lines().map(one).collect()
}

/// Appends an input to its topic.
fn append(cluster: &Cluster, input: &Json, nulls_count: bool) {
    let name = TopicName::new(input["topic"].as_str().expect("a topic")).expect("a name");
    let topic = cluster.topic_to_write(&name).expect("is there");
    let options = ProducerOptions { compression: Compression::None, acks: Acks::Leader };
    let mut producer = cluster.producer(topic, options);
    let value = input["value"].as_str().or(nulls_count.then_some("null"));
    let record = Record {
        offset: 0,
        timestamp: input["ts"].as_i64().expect("ts"),
        key: input["key"].as_str().map(str::as_bytes),
        value: value.map(str::as_bytes),
        headers: Headers::NONE,
    };
    producer.send(&record, None, 2_000_000_000_000).expect("is sent");
    producer.finish().expect("is stored");
}

/// Runs the commands of a case; gives how many records were dropped or late.
fn run(world: &World, case: &Json, commands: &Commands) -> u64 {
    for topic in ["left", "right"] {
        world.topic(topic, 1, &["message.timestamp.after.max.ms=9223372036854775807"]);
    }
    for command in &commands.once {
        world.runnel(command).run();
    }
    let options = OpenOptions { access: Access::Write, trusted: true, command: "test" };
    let cluster = Cluster::open_directory(&world.dir(), options).expect("opens");
    let inputs = case["inputs"].as_array().expect("inputs");
    let nulls_count = matches!(commands.judge, Judge::NullsCount | Judge::Finals);
    let mut dropped = 0;
    for (at, input) in inputs.iter().enumerate() {
        append(&cluster, input, nulls_count);
        let next = inputs.get(at + 1).map(|next| &next["topic"]);
        if next == Some(&input["topic"]) {
            continue;
        }
        let said = world.runnel(&commands.run).run();
        let number = |what: &str| -> u64 {
            let before =
                said.stderr.split(what).next().filter(|before| before.len() < said.stderr.len());
            let digits = before.and_then(|text| text.trim_end().rsplit([' ', ',']).next());
            digits.map_or(0, |digits| digits.parse().expect("a number"))
        };
        dropped += number("dropped") + number("late");
    }
    dropped
}

/// Without the removals of keys that had no value.
fn without_needless_tombstones(outputs: Vec<Out>) -> Vec<Out> {
    let mut live = BTreeSet::new();
    let needed = |out: &Out| match out.value {
        Some(_) => {
            live.insert(out.key.clone());
            true
        }
        None => live.remove(&out.key),
    };
    outputs.into_iter().filter(needed).collect()
}

/// The last value of each key and window that has one. Of sessions that overlap, only the last one is a session's final.
fn finals(outputs: &[Out]) -> BTreeSet<Out> {
    let mut finals: Vec<Out> = Vec::new();
    for out in outputs {
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
    let Some(commands) = commands::of(topology(case), &case["params"]) else {
        return Err(format!("{}: no commands", name(case)));
    };
    let commands = match name(case).ends_with("/random") {
        true => commands.per_partition(),
        false => commands,
    };
    let world = World::new();
    let dropped = run(&world, case, &commands);
    let is_windowed = case["params"]["grace_ms"].is_number() && commands.table.is_some();
    let found = found(&world, is_windowed);
    let alike = |field: &str| {
        let outputs = expected(&case[field]);
        match commands.judge {
            Judge::Exact | Judge::NullsCount => found == outputs,
            Judge::StopsMatching => found == without_needless_tombstones(outputs),
            Judge::Finals => finals(&found).is_subset(&finals(&outputs)) && !found.is_empty(),
        }
    };
    if !alike("outputs") && (case["outputs_in_memory"].is_null() || !alike("outputs_in_memory")) {
        return Err(difference(name(case), &expected(&case["outputs"]), &found));
    }
    let (least, most) = (case["dropped"].as_u64(), case["dropped_in_memory"].as_u64());
    let is_counted = OTHERWISE_DROPPED.iter().all(|(listed, _)| *listed != topology(case));
    if is_counted && !(least..=most.max(least)).contains(&Some(dropped)) {
        return Err(format!("{}: dropped {dropped}, Kafka {}", name(case), case["dropped"]));
    }
    check_table(case, &world, commands.table)
}

/// The rows of the table in the end. Windows are kept for as long as their retention says: only a long one is compared.
fn check_table(case: &Json, world: &World, table: Option<&str>) -> Result<(), String> {
    let (Some(name_of), Some(expected)) = (table, case["final_table"].as_object()) else {
        return Ok(());
    };
    let is_windowed = case["params"]["grace_ms"].is_number();
    if is_windowed && case["params"]["retention_ms"].as_i64() != Some(3_600_000) {
        return Ok(());
    }
    let lines = world.runnel(["table", "show", name_of, "-J"]).run().text();
    let rows: BTreeMap<String, (Option<String>, i64)> = lines
        .lines()
        .map(|line| {
            let row: Json = serde_json::from_str(line).expect("a row");
            let key = row["key"].as_str().expect("a key");
            let key = match row["start"].as_i64().zip(row["end"].as_i64()) {
                Some((start, end)) => format!("{key}@{start}/{end}"),
                None => key.to_owned(),
            };
            (key, (text(&row["value"]), row["ts"].as_i64().expect("ts")))
        })
        .collect();
    let alike = rows.len() == expected.len()
        && expected.iter().all(|(key, row)| {
            let is_same_time = |found: i64| row["ts"].as_i64().is_none_or(|ts| ts == found);
            rows.get(key)
                .is_some_and(|found| found.0 == text(&row["value"]) && is_same_time(found.1))
        });
    if alike { Ok(()) } else { Err(format!("{}: table {rows:?}\nKafka {expected:?}", name(case))) }
}

fn difference(name: &str, expected: &[Out], found: &[Out]) -> String {
    let at = expected.iter().zip(found).take_while(|(expected, found)| expected == found).count();
    let some = |outputs: &[Out]| -> String {
        outputs.iter().skip(at).take(4).map(|out| format!("\n    {out:?}")).collect()
    };
    let counts = format!("{} records, Kafka {}", found.len(), expected.len());
    format!("{name}: {counts}\n  Kafka from {at}:{}\n  found:{}", some(expected), some(found))
}

#[test]
fn every_case_gives_what_kafka_streams_gave() {
    let cases = golden();
    assert_eq!(cases.len(), CASES);
    let waiting: Mutex<Vec<&Json>> =
        Mutex::new(cases.iter().filter(|case| !is_listed(case)).collect());
    let (failures, passed) = (Mutex::new(Vec::new()), Mutex::new(0));
    let work = || {
        while let Some(case) = { waiting.lock().unwrap().pop() } {
            match check(case) {
                Ok(()) => *passed.lock().unwrap() += 1,
                Err(failure) => failures.lock().unwrap().push(failure),
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
        workers.into_iter().for_each(|worker| worker.join().expect("a worker"));
    });
    let (failures, passed) = (failures.into_inner().unwrap(), passed.into_inner().unwrap());
    assert!(
        failures.is_empty(),
        "{} failed, {passed} passed\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert_eq!(passed, CASES - cases.iter().filter(|case| is_listed(case)).count());
}

#[test]
fn each_case_has_commands_or_a_reason() {
    let cases = golden();
    let mut known: BTreeSet<&str> = cases.iter().map(name).collect();
    known.extend(cases.iter().map(topology));
    for (listed, _) in NOT_EXPRESSED {
        assert!(known.contains(listed), "{listed} is no case");
    }
    for case in cases.iter().filter(|case| !is_listed(case)) {
        let has_commands = commands::of(topology(case), &case["params"]).is_some();
        assert!(has_commands, "{} has neither commands nor a reason", topology(case));
    }
}
