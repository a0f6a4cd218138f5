//! What Kafka makes of a partition directory when it opens it, leftovers of a compaction included.
//!
//! Written after the rules of Kafka's `LogLoader` alone, so that it shares no mistake with ours.

use std::collections::BTreeMap;

use runnel::model::Offset;
use runnel::record::{Batch, Frame};

/// A log as Kafka has it then.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The bytes of the segments, in order.
    pub(crate) logs: Vec<Vec<u8>>,
    /// What the indexes say was aborted: producer and first offset.
    pub(crate) aborted: Vec<(i64, i64)>,
}

type Files = BTreeMap<String, Vec<u8>>;

/// The offset in a file's name.
fn offset_of(name: &str) -> Option<i64> {
    name.split_once('.')?.0.parse().ok()
}

/// Opens a directory of these files.
pub(crate) fn load(mut files: Files) -> Result<Loaded, String> {
    files.retain(|name, _| !name.ends_with(".deleted"));
    let cleaned = files.keys().filter(|name| name.ends_with(".cleaned"));
    let lowest_cleaned = cleaned.filter_map(|name| offset_of(name)).min().unwrap_or(i64::MAX);
    files.retain(|name, _| {
        let is_unfinished =
            name.ends_with(".swap") && offset_of(name).is_some_and(|base| base >= lowest_cleaned);
        !is_unfinished && !name.ends_with(".cleaned")
    });
    let swapped = files.iter().filter(|(name, _)| name.ends_with(".log.swap"));
    let ranges: Vec<_> =
        swapped.filter_map(|(name, log)| Some((offset_of(name)?, next_offset(log)))).collect();
    let first = ranges.iter().map(|range| range.0).min().unwrap_or(i64::MAX);
    let end = ranges.iter().map(|range| range.1).max().unwrap_or(i64::MIN);
    files.retain(|name, _| {
        name.ends_with(".swap")
            || offset_of(name).is_none_or(|offset| offset < first || offset >= end)
    });
    let files: Files = files
        .into_iter()
        .map(|(name, bytes)| (name.trim_end_matches(".swap").to_owned(), bytes))
        .collect();
    segments(&files)
}

/// The segments, which must follow each other, with indexes that hold true.
fn segments(files: &Files) -> Result<Loaded, String> {
    let mut loaded = Loaded::default();
    let mut next = 0;
    for (name, log) in files.iter().filter(|(name, _)| name.ends_with(".log")) {
        let base = offset_of(name).ok_or("a name without an offset")?;
        if base < next {
            return Err(format!("{name} begins below {next}, where the one before it ends"));
        }
        next = next_offset(log).max(base);
        let of = |suffix: &str| files.get(&name.replace(".log", suffix));
        // Without an index Kafka makes all of them anew.
        if let Some(index) = of(".index") {
            check_index(name, log, base, index)?;
            check_time_index(name, log, base, of(".timeindex").map_or(&[], Vec::as_slice))?;
        }
        let entries = of(".txnindex").map_or(&[][..], Vec::as_slice);
        for entry in entries.chunks_exact(34) {
            let long = |at: usize| i64::from_be_bytes(entry[at..at + 8].try_into().expect("eight"));
            loaded.aborted.push((long(2), long(10)));
        }
        loaded.logs.push(log.clone());
    }
    Ok(loaded)
}

/// Positions of the batches, with the batches.
fn batches(log: &[u8]) -> Vec<(usize, Batch<'_>)> {
    let (mut found, mut position) = (Vec::new(), 0);
    while let Ok(Frame::Whole(batch)) = Batch::at_front(&log[position..]) {
        found.push((position, batch));
        position += batch.size_in_bytes();
    }
    found
}

fn next_offset(log: &[u8]) -> i64 {
    batches(log).last().map_or(-1, |(_, batch)| batch.next_offset().0)
}

fn check_index(name: &str, log: &[u8], base: i64, index: &[u8]) -> Result<(), String> {
    let batches = batches(log);
    for entry in index.chunks_exact(8) {
        let word = |at: usize| u32::from_be_bytes(entry[at..at + 4].try_into().expect("four"));
        let (offset, position) = (base + i64::from(word(0)), word(4) as usize);
        let is_there =
            batches.iter().any(|(at, batch)| *at == position && batch.last_offset().0 == offset);
        if !is_there {
            return Err(format!("the index of {name} has offset {offset} at {position}"));
        }
    }
    Ok(())
}

/// No batch after an entry's, up to that of the next one, may be younger than the next one says; and
/// none at all than the last.
fn check_time_index(name: &str, log: &[u8], base: i64, index: &[u8]) -> Result<(), String> {
    let mut last = None;
    for entry in index.chunks_exact(12) {
        let timestamp = i64::from_be_bytes(entry[..8].try_into().expect("eight"));
        let offset = base + i64::from(u32::from_be_bytes(entry[8..].try_into().expect("four")));
        let holds = batches(log).iter().any(|(_, batch)| {
            (batch.base_offset()..=batch.last_offset()).contains(&Offset(offset))
                && batch.max_timestamp() == timestamp
        });
        if !holds {
            return Err(format!("the time index of {name} has time {timestamp} at {offset}"));
        }
        last = Some(timestamp);
    }
    let youngest = batches(log).iter().map(|(_, batch)| batch.max_timestamp()).max();
    match (last, youngest) {
        (Some(last), Some(youngest)) if last < youngest => {
            Err(format!("the time index of {name} ends at {last}, before {youngest}"))
        }
        _ => Ok(()),
    }
}
