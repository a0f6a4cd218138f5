//! What the commands on groups show: tables for people, an object a partition for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::set::Move;
use super::{Standing, quoted};
use crate::cli::table::{append_table, new_table};
use crate::cli::terminal::{counted, with_separators};
use crate::model::TopicName;

/// A member that was not heard of for so long does not come to look: its output is not read.
const QUIET_MS: i64 = 3_000;

/// `12s`, `5m`, `2h`, `3d`: the largest unit of which there is one.
fn human_duration(ms: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.iter().find(|(_, unit)| ms >= *unit) {
        Some((name, unit)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// Appends the group, and how far it is behind altogether.
pub(super) fn write_headline(
    out: &mut String,
    group: &str,
    standings: &[Standing<'_>],
    members: usize,
) {
    let behind = || standings.iter().filter_map(|standing| standing.behind);
    let _ = write!(
        out,
        "{}  {}, {} behind",
        quoted(group),
        counted(standings.len() as i64, "partition"),
        counted(behind().fold(0, |sum: i64, behind| sum.saturating_add(behind.lag)), "record"),
    );
    if let Some(oldest) = behind().map(|behind| behind.lag_ms).max().filter(|ms| *ms > 0) {
        let _ = write!(out, ", {}", human_duration(oldest));
    }
    if members > 0 {
        let _ = write!(
            out,
            "; {} with a server, when it was here last",
            counted(members as i64, "member")
        );
    }
    out.push('\n');
}

/// Appends where a group stands, a row a partition.
pub(super) fn write_standings(
    out: &mut String,
    standings: &[Standing<'_>],
    with_owner: bool,
    colored: bool,
) {
    let columns = ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "READ BY"];
    let mut table = new_table(&columns[..if with_owner { 7 } else { 6 }], colored);
    for standing in standings {
        let number = |number: Option<i64>| number.map_or("-".to_owned(), with_separators);
        let behind = standing.behind;
        let mut row = vec![
            quoted(&standing.topic),
            standing.partition.to_string(),
            number(standing.committed.as_ref().map(|committed| committed.offset)),
            number(behind.map(|behind| behind.end.0)),
            number(behind.map(|behind| behind.lag)),
            behind.map_or("-".to_owned(), |behind| human_duration(behind.lag_ms)),
        ];
        if with_owner {
            row.push(owner(standing));
        }
        table.add_row(row);
    }
    append_table(out, table, 1..6);
}

fn owner(standing: &Standing<'_>) -> String {
    match standing.owner {
        None => String::new(),
        Some(None) => "a process that does not say which".to_owned(),
        Some(Some(note)) => {
            let mut text = format!("process {}", note.process);
            if let Some(command) = &note.command {
                text = format!("{text}: {}", quoted(command));
            }
            if note.quiet_ms >= QUIET_MS {
                let quiet = human_duration(note.quiet_ms);
                text = format!("{text} (stuck for {quiet}: is its output read?)");
            }
            text
        }
    }
}

/// Where a group stands in a partition, as an object.
pub(super) fn to_json(group: &str, standing: &Standing<'_>) -> Value {
    json!({
        "group": group,
        "topic": standing.topic,
        "partition": standing.partition,
        "committed": standing.committed.as_ref().map(|committed| committed.offset),
        "end": standing.behind.map(|behind| behind.end.0),
        "lag": standing.behind.map(|behind| behind.lag),
        "lag_ms": standing.behind.map(|behind| behind.lag_ms),
    })
}

/// Adds what only `describe` tells.
pub(super) fn add_details(object: &mut Value, standing: &Standing<'_>) {
    let committed = standing.committed.as_ref();
    object["leader_epoch"] = json!(committed.map(|committed| committed.leader_epoch));
    object["metadata"] = json!(committed.map(|committed| &committed.metadata));
    object["commit_ts"] = json!(committed.map(|committed| committed.commit_ms));
    object["owner"] = match standing.owner {
        None => Value::Null,
        Some(note) => json!({
            "process": note.map(|note| note.process),
            "command": note.and_then(|note| note.command.as_ref()),
            "quiet_ms": note.map(|note| note.quiet_ms),
        }),
    };
}

/// Appends what is going to be set, a row a partition.
pub(super) fn write_plan(out: &mut String, topic: &TopicName, plan: &[Move], colored: bool) {
    let mut table = new_table(&["TOPIC", "PARTITION", "FROM", "TO"], colored);
    for step in plan {
        table.add_row(vec![
            topic.to_string(),
            step.partition.to_string(),
            step.from.map_or("-".to_owned(), with_separators),
            with_separators(step.to.0),
        ]);
    }
    append_table(out, table, 1..4);
}

/// The same, an object a line.
pub(super) fn write_plan_json(out: &mut String, group: &str, topic: &TopicName, plan: &[Move]) {
    for step in plan {
        let object = json!({
            "group": group, "topic": topic, "partition": step.partition,
            "committed": step.from, "to": step.to.0,
        });
        let _ = writeln!(out, "{object}");
    }
}

#[cfg(test)]
mod tests {
    use super::human_duration;

    #[test]
    fn durations_have_one_unit() {
        for (ms, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_999, "1s"),
            (60_000, "1m"),
            (7_199_999, "1h"),
            (86_400_000 * 400, "400d"),
        ] {
            assert_eq!(human_duration(ms), text);
        }
    }
}
