//! What `topic describe` shows: a table for people, an object a topic for programs.

use std::fmt::Write as _;

use comfy_table::{Cell, Color};

use crate::cli::table::{append_table, new_table};
use crate::cli::terminal::{bar, counted, human_bytes, with_separators};
use crate::cluster::{PartitionFacts, TopicInfo};

/// Columns of the widest bar.
const BAR_COLUMNS_MAX: usize = 40;
/// Columns of what stands left of the bars, about.
const FACTS_COLUMNS: usize = 66;
/// Columns where standard output is no terminal.
const COLUMNS_DEFAULT: u16 = 100;

/// Appends a topic as a table.
pub(super) fn write_table(
    out: &mut String,
    topic: &TopicInfo,
    partitions: &[PartitionFacts],
    colored: bool,
) {
    write_headline(out, topic, partitions);
    const COLUMNS: [&str; 8] =
        ["PARTITION", "START", "END", "RECORDS", "BYTES", "SEGMENTS", "SHARE", ""];
    let mut table = new_table(&COLUMNS, colored);
    let total = partitions.iter().map(records).sum();
    let largest = partitions.iter().map(records).max().unwrap_or(0);
    for facts in partitions {
        table.add_row(row(facts, total, largest));
    }
    append_table(out, table, 0..7);
}

/// Appends what there is in all partitions, and the configs that were set.
fn write_headline(out: &mut String, topic: &TopicInfo, partitions: &[PartitionFacts]) {
    let _ = writeln!(
        out,
        "{}  {}, {}, {}",
        topic.name,
        counted(partitions.len() as i64, "partition"),
        counted(partitions.iter().map(records).sum(), "record"),
        human_bytes(partitions.iter().map(|facts| facts.bytes).sum())
    );
    let configs: Vec<_> =
        topic.overrides.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if !configs.is_empty() {
        let _ = writeln!(out, "{}", configs.join("  "));
    }
}

/// A partition: its share is of the `total` of records, its bar beside that of the `largest`.
fn row(facts: &PartitionFacts, total: i64, largest: i64) -> Vec<Cell> {
    let records = records(facts);
    let part = |of: i64| if of == 0 { 0.0 } else { records as f64 / of as f64 };
    let columns = crossterm::terminal::size().map_or(COLUMNS_DEFAULT, |(columns, _)| columns);
    let bar_columns = usize::from(columns).saturating_sub(FACTS_COLUMNS).clamp(8, BAR_COLUMNS_MAX);
    vec![
        Cell::new(facts.partition),
        Cell::new(with_separators(facts.log_start.0)),
        Cell::new(with_separators(facts.end.0)),
        Cell::new(with_separators(records)),
        Cell::new(human_bytes(facts.bytes)),
        Cell::new(facts.segments),
        Cell::new(format!("{:.1} %", part(total) * 100.0)),
        Cell::new(bar(part(largest), bar_columns).trim_end()).fg(Color::Cyan),
    ]
}

/// Appends a JSON object a line, one for each partition.
pub(super) fn write_json(out: &mut String, topic: &TopicInfo, partitions: &[PartitionFacts]) {
    for facts in partitions {
        let object = serde_json::json!({
            "topic": topic.name,
            "partition": facts.partition,
            "start": facts.log_start.0,
            "end": facts.end.0,
            "records": records(facts),
            "bytes": facts.bytes,
            "segments": facts.segments,
        });
        let _ = writeln!(out, "{object}");
    }
}

/// How many offsets a partition holds: its records, but for what compaction removed.
fn records(facts: &PartitionFacts) -> i64 {
    facts.end - facts.log_start
}
