//! The dump for programs: a JSON object an item, with `type` first and the partition and file that it is of.

use serde_json::{Value, json};

use crate::cli::output::{write_field, write_headers};
use crate::inspect::dump::{BatchFacts, Decoded, FileKind, Item};
use crate::log::snapshot::SnapshotEntry;
use crate::model::{TimestampType, TopicPartition};
use crate::record::Record;

/// Appends an item and a newline.
pub(super) fn write(out: &mut Vec<u8>, item: &Item<'_>, partition: &TopicPartition, path: &str) {
    let object = match item {
        Item::Record { record, decoded } => {
            return record_object(out, record, decoded.as_ref(), partition);
        }
        Item::File { kind, .. } => json!({
            "type": "file", "partition": of(partition, *kind), "path": path, "kind": kind_name(*kind),
        }),
        Item::Batch(batch) => batch_object(batch, partition),
        Item::Old { position, magic, offset } => json!({
            "type": "message", "position": position, "magic": magic, "offset": offset.0,
        }),
        Item::OffsetEntry { position, offset, log_position } => json!({
            "type": "offset_entry", "position": position, "offset": offset.0,
            "log_position": log_position,
        }),
        Item::TimeEntry { position, timestamp, offset } => json!({
            "type": "time_entry", "position": position, "ts": timestamp, "offset": offset.0,
        }),
        Item::Aborted { position, producer_id, first_offset, last_offset, last_stable_offset } => {
            json!({
                "type": "aborted", "position": position, "producer_id": producer_id,
                "first_offset": first_offset.0, "last_offset": last_offset.0,
                "last_stable_offset": last_stable_offset.0,
            })
        }
        Item::Producer(entry) => producer_object(entry),
        Item::Epoch(entry) => json!({
            "type": "epoch", "epoch": entry.epoch, "start_offset": entry.start_offset.0,
        }),
        Item::TopicId(id) => json!({ "type": "topic_id", "topic_id": id }),
        Item::Checkpoint { partition, offset } => json!({
            "type": "checkpoint", "topic": partition.topic, "partition": partition.partition,
            "offset": offset.0,
        }),
        Item::Finding(finding) => json!({
            "type": finding.severity.name(), "path": finding.path, "position": finding.position,
            "what": finding.what.to_string(),
        }),
    };
    out.extend_from_slice(object.to_string().as_bytes());
    out.push(b'\n');
}

/// A file of a log directory is of no partition.
fn of(partition: &TopicPartition, kind: FileKind) -> Value {
    match kind {
        FileKind::Checkpoint => Value::Null,
        _ => json!(partition.to_string()),
    }
}

/// What a file is, as its name ends or is.
const fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Log(_) => "log",
        FileKind::OffsetIndex(_) => "index",
        FileKind::TimeIndex(_) => "timeindex",
        FileKind::TransactionIndex(_) => "txnindex",
        FileKind::Snapshot(_) => "snapshot",
        FileKind::LeaderEpochs => "leader-epoch-checkpoint",
        FileKind::PartitionMetadata => "partition.metadata",
        FileKind::Checkpoint => "checkpoint",
    }
}

fn batch_object(batch: &BatchFacts, partition: &TopicPartition) -> Value {
    let append_time = batch.timestamp_type == TimestampType::LogAppendTime;
    let horizon = batch.has_delete_horizon.then_some(batch.base_timestamp);
    json!({
        "type": "batch", "topic": partition.topic, "partition": partition.partition,
        "position": batch.position, "bytes": batch.bytes, "base_offset": batch.base_offset.0,
        "last_offset": batch.last_offset.0, "records": batch.records, "crc": batch.crc,
        "crc_ok": batch.is_sound, "codec": batch.codec, "leader_epoch": batch.leader_epoch,
        "base_ts": batch.base_timestamp, "max_ts": batch.max_timestamp,
        "append_time": append_time, "delete_horizon": horizon,
        "producer_id": batch.producer_id, "producer_epoch": batch.producer_epoch,
        "base_sequence": batch.base_sequence, "last_sequence": batch.last_sequence,
        "transactional": batch.is_transactional, "control": batch.is_control,
    })
}

fn producer_object(entry: &SnapshotEntry) -> Value {
    json!({
        "type": "producer", "producer_id": entry.producer_id, "producer_epoch": entry.producer_epoch,
        "last_sequence": entry.last_sequence, "last_offset": entry.last_offset,
        "offset_delta": entry.offset_delta, "ts": entry.timestamp,
        "coordinator_epoch": entry.coordinator_epoch, "transaction_start": entry.transaction_start,
    })
}

/// The fields of a record are those of the envelope of `consume -J`.
fn record_object(
    out: &mut Vec<u8>,
    record: &Record<'_>,
    decoded: Option<&Decoded>,
    partition: &TopicPartition,
) {
    let start = json!({
        "type": "record", "topic": partition.topic, "partition": partition.partition,
        "offset": record.offset, "ts": record.timestamp,
    });
    let start = start.to_string();
    out.extend_from_slice(start.trim_end_matches('}').as_bytes());
    out.push(b',');
    write_field(out, "key", record.key);
    out.push(b',');
    write_field(out, "value", record.value);
    out.extend_from_slice(br#","headers":["#);
    write_headers(out, record.headers);
    out.push(b']');
    if let Some(Decoded { what, fields }) = decoded {
        let decoded = json!({ "what": what, "fields": fields });
        out.extend_from_slice(br#","decoded":"#);
        out.extend_from_slice(decoded.to_string().as_bytes());
    }
    out.extend_from_slice(b"}\n");
}
