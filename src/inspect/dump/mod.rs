//! Dumping what a file of a log holds, item by item, in the order in which it stands there.
//!
//! Nothing is held but a piece of the file and the batch in hand. What is damaged is told with its
//! position, and the dump goes on behind it where it can. Nothing is locked, mapped or changed.

mod entries;
mod segment;
mod text;

use std::ops::ControlFlow;

pub(super) use segment::facts;

pub use super::decoded::Decoded;
use super::decoded::Schema;
use super::finding::Finding;
use crate::log::epochs::EpochEntry;
use crate::log::snapshot::SnapshotEntry;
use crate::log::{PartitionLog, Place, Result, View, checkpoint, list_segments, names};
use crate::model::{Offset, TimestampType, TopicPartition};
use crate::record::Record;
use crate::storage::{self, Open};

/// Whether a dump is to go on.
pub type Flow = ControlFlow<()>;

/// What takes each item.
pub type Each<'e> = &'e mut dyn FnMut(Item<'_>) -> Flow;

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `.log`: record batches.
    Log(Offset),
    /// `.index`: offsets to positions.
    OffsetIndex(Offset),
    /// `.timeindex`: times to offsets.
    TimeIndex(Offset),
    /// `.txnindex`: aborted transactions.
    TransactionIndex(Offset),
    /// `.snapshot`: producers as of an offset.
    Snapshot(Offset),
    /// `leader-epoch-checkpoint`.
    LeaderEpochs,
    /// `partition.metadata`.
    PartitionMetadata,
    /// A file of a log directory with an offset for each partition.
    Checkpoint,
}

impl FileKind {
    /// What a file of this name is; what compaction and deletion add to a name does not count.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let added = [names::DELETED, names::CLEANED, names::SWAP];
        let name = added.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let of = |suffix| names::base_offset(name, suffix);
        let by_suffix = of(names::LOG)
            .map(Self::Log)
            .or_else(|| of(names::INDEX).map(Self::OffsetIndex))
            .or_else(|| of(names::TIME_INDEX).map(Self::TimeIndex))
            .or_else(|| of(names::TXN_INDEX).map(Self::TransactionIndex))
            .or_else(|| of(names::SNAPSHOT).map(Self::Snapshot));
        by_suffix.or(match name {
            names::LEADER_EPOCHS => Some(Self::LeaderEpochs),
            names::PARTITION_METADATA => Some(Self::PartitionMetadata),
            name if checkpoint::OF_OFFSETS.contains(&name) => Some(Self::Checkpoint),
            _ => None,
        })
    }
}

/// A batch, without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFacts {
    /// Where in the file it begins.
    pub position: u64,
    /// Its bytes, header and all.
    pub bytes: u64,
    /// Whether its crc is right.
    pub is_sound: bool,
    /// Its crc, as the header says.
    pub crc: u32,
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// How many records it holds.
    pub records: i32,
    /// The codec's name; `None` of a number that Kafka does not have.
    pub codec: Option<&'static str>,
    /// Whose time the records bear.
    pub timestamp_type: TimestampType,
    /// What timestamps are relative to, in milliseconds.
    pub base_timestamp: i64,
    /// The largest timestamp, in milliseconds; -1 if there is none.
    pub max_timestamp: i64,
    /// The base timestamp says when tombstones may go.
    pub has_delete_horizon: bool,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// The producer's id; -1 if it has none.
    pub producer_id: i64,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// Sequence of the first record; -1 if it has none.
    pub base_sequence: i32,
    /// Sequence of the last record.
    pub last_sequence: i32,
    /// Whether it is of a transaction.
    pub is_transactional: bool,
    /// Whether it holds a marker.
    pub is_control: bool,
}

/// What a dump comes upon.
#[derive(Debug)]
pub enum Item<'a> {
    /// Here a file begins.
    File {
        /// As a person would type it.
        path: &'a str,
        /// What it is.
        kind: FileKind,
    },
    /// A batch. Its records follow.
    Batch(BatchFacts),
    /// A record of the batch before.
    Record {
        /// The record.
        record: Record<'a>,
        /// What it says, if it is one of Kafka's own.
        decoded: Option<Decoded>,
    },
    /// A message of before Kafka 0.11.
    Old {
        /// Where in the file it begins.
        position: u64,
        /// 0 or 1.
        magic: i8,
        /// Its offset.
        offset: Offset,
    },
    /// An entry of `.index`.
    OffsetEntry {
        /// Where in the index it is.
        position: u64,
        /// Last offset of a batch.
        offset: Offset,
        /// Where that batch begins in the `.log` file.
        log_position: u32,
    },
    /// An entry of `.timeindex`.
    TimeEntry {
        /// Where in the index it is.
        position: u64,
        /// The largest timestamp so far, in milliseconds.
        timestamp: i64,
        /// Last offset of the batch that has it.
        offset: Offset,
    },
    /// An entry of `.txnindex`.
    Aborted {
        /// Where in the index it is.
        position: u64,
        /// The producer.
        producer_id: i64,
        /// Offset of the first record.
        first_offset: Offset,
        /// Offset of the marker.
        last_offset: Offset,
        /// The last stable offset once it was written.
        last_stable_offset: Offset,
    },
    /// An entry of a snapshot.
    Producer(SnapshotEntry),
    /// A leader epoch, and where it began.
    Epoch(EpochEntry),
    /// The topic's id.
    TopicId(&'a str),
    /// A partition's offset in a checkpoint.
    Checkpoint {
        /// The partition.
        partition: &'a TopicPartition,
        /// Its offset.
        offset: Offset,
    },
    /// What is wrong, or worth knowing.
    Finding(Finding),
}

/// How much is dumped.
#[derive(Debug, Clone, Copy)]
pub struct DumpOptions {
    /// Batches alone, and not their records.
    pub batches_only: bool,
}

/// Dumps the segments of a partition, or the one that its place names, up to the end that its
/// writers have published, if they have.
///
/// # Errors
/// As the file system says. Damage is no error: it is an item.
pub fn dump_partition(log: &PartitionLog, options: DumpOptions, each: Each<'_>) -> Result<Flow> {
    let place = log.place();
    let view = log.published_view()?;
    let listed = list_segments(&*place.storage, &place.dir);
    let segments = match &view {
        Some(view) => view.segments().to_vec(),
        // A partition of Kafka's own topics is listed before it has a directory.
        None => storage::found(listed)?.unwrap_or_default(),
    };
    for base in &segments {
        if place.only_segment.is_some_and(|only| only != *base) {
            continue;
        }
        let is_last = segments.last() == Some(base);
        let end = view.as_ref().filter(|_| is_last).map(View::end_position);
        let of = segment::Dumped { base: *base, end, may_be_torn: is_last && view.is_none() };
        let path = place.path_of(&names::segment_file(*base, names::LOG));
        // Retention may have removed it meanwhile.
        let Some(file) = storage::found(place.storage.open(&path, Open::Read))? else {
            continue;
        };
        let begun = each(Item::File { path: file.display(), kind: FileKind::Log(*base) });
        let schema = Schema::of(&place.partition.topic);
        if begun.is_break() || segment::dump(&*file, schema, of, options, each)?.is_break() {
            return Ok(Flow::Break(()));
        }
    }
    Ok(Flow::Continue(()))
}

/// Dumps one file of a tree, by its kind. `place` is the partition that it is of.
///
/// # Errors
/// As the file system says. Damage is no error: it is an item.
pub fn dump_file(
    place: &Place,
    path: &str,
    kind: FileKind,
    options: DumpOptions,
    each: Each<'_>,
) -> Result<Flow> {
    let storage = &*place.storage;
    let shown = storage.display(path);
    if each(Item::File { path: &shown, kind }).is_break() {
        return Ok(Flow::Break(()));
    }
    let file = storage.open(path, Open::Read)?;
    let file = &*file;
    Ok(match kind {
        FileKind::Log(base) => {
            let of = segment::Dumped { base, end: None, may_be_torn: true };
            segment::dump(file, Schema::of(&place.partition.topic), of, options, each)?
        }
        FileKind::OffsetIndex(base) => entries::dump(file, &entries::OffsetEntries(base), each)?,
        FileKind::TimeIndex(base) => entries::dump(file, &entries::TimeEntries(base), each)?,
        FileKind::TransactionIndex(_) => entries::dump(file, &entries::TransactionEntries, each)?,
        FileKind::Snapshot(_) => entries::dump_snapshot(file, each)?,
        FileKind::LeaderEpochs => text::dump_epochs(file, each)?,
        FileKind::PartitionMetadata => text::dump_metadata(file, each)?,
        FileKind::Checkpoint => text::dump_checkpoint(file, each)?,
    })
}
