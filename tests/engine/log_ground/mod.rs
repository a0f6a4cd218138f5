//! The ground of the log's model and crash tests: one partition in a tree, processes that open it,
//! and what they read.

#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod history;
pub(crate) mod hooked;
pub(crate) mod liar;
pub(crate) mod transactional;

use std::sync::Arc;

use runnel::inspect::{Severity, verify_partition};
use runnel::log::{Cursor, Owned, PartitionLog, Place, View, names};
use runnel::model::{Offset, TopicConfig, TopicName, TopicPartition};
use runnel::record::{Batch, BatchBuilder, Compression, Decompressor, Headers, Record};
use runnel::storage::{LockRange, LockTable, Open, Storage};

/// The partition's directory.
pub(crate) const DIR: &str = "log/orders-0";
/// Its control file.
pub(crate) const CONTROL: &str = "run/p/orders-0";

/// What a test may fail with: a sentence.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// A record as a test remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rec {
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
}

/// Makes the directories of a tree, durable.
pub(crate) fn lay_out(storage: &dyn Storage) {
    for dir in ["log", DIR, "run", "run/p"] {
        storage.create_dir(dir).expect("makes a directory");
    }
    storage.open("lock", Open::Create).expect("makes the lock file");
    for dir in ["", "log", "run"] {
        storage.sync_dir(dir).expect("syncs");
    }
}

/// What a verification finds damaged of a log that nobody did anything to; as its control file has it,
/// and as its files alone tell.
pub(crate) fn sound(log: &PartitionLog) -> Result<()> {
    let place = Place { control: None, ..log.place().clone() };
    for log in [log, &PartitionLog::new(place, log.config())] {
        let report = verify_partition(log, &mut |_| {}).map_err(|error| error.to_string())?;
        let damaged = report.findings.iter().filter(|it| it.severity == Severity::Damage);
        let damaged: Vec<_> = damaged.map(ToString::to_string).collect();
        if !damaged.is_empty() {
            return Err(damaged.join("; "));
        }
    }
    Ok(())
}

fn partition() -> TopicPartition {
    TopicPartition::new(TopicName::new("orders").expect("a legal name"), 0)
}

/// The log as a process that writes opens it: with a lock file handle of its own.
pub(crate) fn open(storage: Arc<dyn Storage>, config: &TopicConfig) -> PartitionLog {
    open_as(storage, config, false)
}

/// The log as a server opens it, that writes alone.
pub(crate) fn open_alone(storage: Arc<dyn Storage>, config: &TopicConfig) -> PartitionLog {
    open_as(storage, config, true)
}

fn open_as(storage: Arc<dyn Storage>, config: &TopicConfig, exclusive: bool) -> PartitionLog {
    let lock_file = storage.open("lock", Open::Write).expect("the lock file is there");
    let owned = Owned {
        locks: LockTable::new(lock_file),
        partition_lock: LockRange::byte(100),
        compaction_lock: LockRange::byte(101),
        checkpoint_lock: LockRange::byte(2),
        cut_dir: "cut".to_owned(),
        exclusive,
        recovery_points: Arc::default(),
    };
    place(storage, Some(owned), config)
}

/// The log as a plain reader opens it.
pub(crate) fn open_to_read(storage: Arc<dyn Storage>, config: &TopicConfig) -> PartitionLog {
    place(storage, None, config)
}

fn place(storage: Arc<dyn Storage>, owned: Option<Owned>, config: &TopicConfig) -> PartitionLog {
    let place = Place {
        storage,
        partition: partition(),
        dir: DIR.to_owned(),
        log_dir: Some("log".to_owned()),
        control: Some(CONTROL.to_owned()),
        only_segment: None,
        owned,
    };
    PartitionLog::new(place, Arc::new(config.clone()))
}

/// The path of a segment's file.
pub(crate) fn segment_path(base: Offset, suffix: &str) -> String {
    format!("{DIR}/{}", names::segment_file(base, suffix))
}

/// A batch of these records.
pub(crate) fn batch(records: &[Rec], codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    for record in records {
        builder.push(&Record {
            offset: 0,
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: Some(&record.value),
            headers: Headers::NONE,
        });
    }
    builder.finish().expect("there are records").to_vec()
}

/// The records of a batch, its crc checked; offsets must follow each other from `next` on.
pub(crate) fn unpack(batch: &Batch<'_>, next: &mut i64) -> Result<Vec<Rec>> {
    batch.check().map_err(|cause| format!("a bad batch is served: {cause}"))?;
    if batch.base_offset().0 != *next {
        return Err(format!("a batch at offset {} where {next} comes", batch.base_offset()));
    }
    let mut decompressor = Decompressor::new(1 << 20);
    let mut records = Vec::new();
    for record in batch.records(&mut decompressor).map_err(|cause| cause.to_string())? {
        let record = record.map_err(|cause| cause.to_string())?;
        if record.offset != *next {
            return Err(format!("a record at offset {} where {next} comes", record.offset));
        }
        *next += 1;
        records.push(Rec {
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.unwrap_or_default().to_vec(),
        });
    }
    Ok(records)
}

/// Reads a view to its end, batch by batch. Offsets are dense from 0.
pub(crate) fn read_batches(
    log: &PartitionLog,
    view: &View,
    bytes_max: usize,
) -> Result<Vec<Vec<Rec>>> {
    let mut batches = Vec::new();
    let (mut cursor, mut next) = (Cursor::at(view.log_start()), view.log_start().0);
    while let Some(chunk) = log.read(view, &mut cursor, bytes_max).map_err(|e| e.to_string())? {
        for batch in chunk.batches() {
            batches.push(unpack(&batch, &mut next)?);
        }
    }
    if view.end().0 != next {
        return Err(format!("the view ends at {}, the records at {next}", view.end()));
    }
    Ok(batches)
}

/// Whether the long run was asked for.
pub(crate) fn soak() -> bool {
    std::env::var_os("RUNNEL_SOAK").is_some_and(|value| value == "1")
}
