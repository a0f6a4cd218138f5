//! The dump for people: a line an item, its fields as `name=value`.

use std::fmt::Write as _;

use crate::cli::output::NO_TIMESTAMP;
use crate::cli::terminal::escape_for_terminal;
use crate::cli::timestamp::write_rfc3339_ms;
use crate::inspect::dump::{BatchFacts, Decoded, FileKind, Item};
use crate::log::snapshot::SnapshotEntry;
use crate::model::TimestampType;
use crate::record::Record;

/// Appends an item and a newline.
pub(super) fn write(out: &mut Vec<u8>, item: &Item<'_>) {
    let mut line = String::new();
    put(&mut line, item).expect("a string takes all that is written");
    out.extend_from_slice(line.as_bytes());
    out.push(b'\n');
}

fn put(line: &mut String, item: &Item<'_>) -> std::fmt::Result {
    match item {
        Item::File { path, kind } => {
            escape_for_terminal(line, path.as_bytes());
            write!(line, ": {}", kind_name(*kind))
        }
        Item::Batch(batch) => put_batch(line, batch),
        Item::Record { record, decoded } => put_record(line, record, decoded.as_ref()),
        Item::Old { position, magic, offset } => {
            write!(line, "message offset={offset} position={position} magic={magic}")
        }
        Item::OffsetEntry { position, offset, log_position } => {
            write!(line, "entry position={position} offset={offset} log_position={log_position}")
        }
        Item::TimeEntry { position, timestamp, offset } => {
            write!(line, "entry position={position} time={} offset={offset}", time(*timestamp))
        }
        Item::Aborted { position, producer_id, first_offset, last_offset, last_stable_offset } => {
            write!(
                line,
                "aborted position={position} producer={producer_id} first_offset={first_offset} \
                 last_offset={last_offset} last_stable_offset={last_stable_offset}"
            )
        }
        Item::Producer(entry) => put_producer(line, entry),
        Item::Epoch(entry) => {
            write!(line, "epoch {} start_offset={}", entry.epoch, entry.start_offset)
        }
        Item::TopicId(id) => {
            line.push_str("topic_id ");
            escape_for_terminal(line, id.as_bytes());
            Ok(())
        }
        Item::Checkpoint { partition, offset } => write!(line, "{partition} offset={offset}"),
        Item::Finding(finding) => {
            let text = format!("{}: {finding}", finding.severity.name());
            escape_for_terminal(line, text.as_bytes());
            Ok(())
        }
    }
}

/// What a file is, in words.
const fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Log(_) => "record batches",
        FileKind::OffsetIndex(_) => "offset index",
        FileKind::TimeIndex(_) => "time index",
        FileKind::TransactionIndex(_) => "aborted transactions",
        FileKind::Snapshot(_) => "producers",
        FileKind::LeaderEpochs => "leader epochs",
        FileKind::PartitionMetadata => "partition metadata",
        FileKind::Checkpoint => "offsets of partitions",
    }
}

fn put_batch(line: &mut String, batch: &BatchFacts) -> std::fmt::Result {
    let BatchFacts { base_offset, last_offset, position, bytes, records, crc, .. } = batch;
    write!(line, "batch {base_offset}-{last_offset} position={position} bytes={bytes}")?;
    let sound = if batch.is_sound { "ok" } else { "wrong" };
    write!(line, " records={records} crc={crc:#010x} ({sound})")?;
    write!(line, " codec={}", batch.codec.unwrap_or("unknown"))?;
    write!(line, " leader_epoch={}", batch.leader_epoch)?;
    let base = if batch.has_delete_horizon { "delete_horizon" } else { "base_time" };
    let (base_time, max_time) = (time(batch.base_timestamp), time(batch.max_timestamp));
    write!(line, " {base}={base_time} max_time={max_time}")?;
    if batch.timestamp_type == TimestampType::LogAppendTime {
        line.push_str(" append_time");
    }
    if batch.producer_id >= 0 {
        write!(line, " producer={} epoch={}", batch.producer_id, batch.producer_epoch)?;
    }
    if batch.base_sequence >= 0 {
        write!(line, " sequence={}-{}", batch.base_sequence, batch.last_sequence)?;
    }
    for (is_so, word) in [(batch.is_transactional, "transactional"), (batch.is_control, "control")]
    {
        if is_so {
            write!(line, " {word}")?;
        }
    }
    Ok(())
}

fn put_record(
    line: &mut String,
    record: &Record<'_>,
    decoded: Option<&Decoded>,
) -> std::fmt::Result {
    write!(line, "  record {} time={}", record.offset, time(record.timestamp))?;
    if let Some(Decoded { what, fields }) = decoded {
        write!(line, " {what}")?;
        for (name, value) in fields {
            write!(line, " {name}=")?;
            escape_for_terminal(line, value.to_string().as_bytes());
        }
    } else {
        put_bytes(line, "key", record.key)?;
        put_bytes(line, "value", record.value)?;
    }
    if !record.headers.is_empty() {
        write!(line, " headers={}", record.headers.len())?;
        for header in record.headers.iter() {
            let mut name = String::new();
            escape_for_terminal(&mut name, header.key);
            put_bytes(line, &name, header.value)?;
        }
    }
    Ok(())
}

/// Appends ` name[bytes]="text"`, or ` name=null`.
fn put_bytes(line: &mut String, name: &str, bytes: Option<&[u8]>) -> std::fmt::Result {
    let Some(bytes) = bytes else {
        return write!(line, " {name}=null");
    };
    write!(line, " {name}[{}]=\"", bytes.len())?;
    escape_for_terminal(line, bytes);
    line.push('"');
    Ok(())
}

fn put_producer(line: &mut String, entry: &SnapshotEntry) -> std::fmt::Result {
    let SnapshotEntry { producer_id, producer_epoch, last_sequence, last_offset, .. } = entry;
    write!(line, "producer {producer_id} epoch={producer_epoch} last_sequence={last_sequence}")?;
    write!(line, " last_offset={last_offset} offset_delta={}", entry.offset_delta)?;
    write!(line, " time={} coordinator_epoch={}", time(entry.timestamp), entry.coordinator_epoch)?;
    match entry.transaction_start {
        -1 => Ok(()),
        start => write!(line, " transaction_start={start}"),
    }
}

/// A timestamp, or `none`.
fn time(timestamp: i64) -> String {
    if timestamp == NO_TIMESTAMP {
        return "none".to_owned();
    }
    let mut text = Vec::new();
    write_rfc3339_ms(&mut text, timestamp);
    String::from_utf8(text).unwrap_or_default()
}
