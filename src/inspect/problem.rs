//! Everything that a verification can find, in words.

use super::decoded::Undecodable;
use crate::log::Fault;
use crate::model::{Offset, Uuid};

/// What can be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No sound batch; the log goes on at a later position.
    #[error("{fault}; the next sound batch begins at position {next}")]
    Broken {
        /// What is wrong.
        fault: Fault,
        /// Where the next sound batch begins.
        next: u64,
    },
    /// No sound batch, and none after it in the file.
    #[error("{fault}; no sound batch follows in the last {bytes} bytes of the file")]
    BrokenToTheEnd {
        /// What is wrong.
        fault: Fault,
        /// Bytes from there to the end of the file.
        bytes: u64,
    },
    /// A sound batch with the wrong offsets for its place.
    #[error("{0}")]
    Misplaced(Fault),
    /// A batch too far from the segment's base offset for an index.
    #[error("last offset {last_offset} of the batch is too far from the segment's base offset")]
    TooFar {
        /// The batch's last offset.
        last_offset: Offset,
    },
    /// The crc holds, but the records don't add up.
    #[error("{0}")]
    Records(Fault),
    /// A record of one of Kafka's own topics that is not of its form.
    #[error("record {index} of the batch: {cause}")]
    Undecodable {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong.
        cause: Undecodable,
    },
    /// A record's offset is outside its batch or not above the one before.
    #[error("record {index} of the batch has offset {found}, expected {min} to {max}")]
    RecordOffset {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its offset.
        found: i64,
        /// The lowest that would be right.
        min: i64,
        /// The highest that would be right.
        max: i64,
    },
    /// The header's largest timestamp is not the largest: searches by time may miss the record.
    #[error("a record's timestamp {found} is above the batch's largest, {max}")]
    RecordTimestamp {
        /// The largest of the records' timestamps, in milliseconds.
        found: i64,
        /// What the header says.
        max: i64,
    },
    /// The crc holds; the records were not looked into.
    #[error("a batch of {bytes} bytes: its crc is right, its records were not looked into")]
    LargeBatch {
        /// Bytes of the batch.
        bytes: u64,
    },
    /// Sound messages of a format that is not read.
    #[error(
        "magic {magic} (message format of before Kafka 0.11) from here on: only crcs were checked"
    )]
    OldFormat {
        /// 0 or 1.
        magic: i8,
    },
    /// What a writer or a machine that stopped leaves at the end.
    #[error("the log ends in {bytes} bytes of a batch that was never finished")]
    TornTail {
        /// How many bytes.
        bytes: u64,
    },
    /// Space that was made room of and never written.
    #[error("the log ends in {bytes} bytes of zeros")]
    ZeroTail {
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes that were written and not published.
    #[error(
        "{bytes} bytes past the end that a writer left that stopped, or is at it; \
         the next one deals with them"
    )]
    PastEnd {
        /// How many bytes.
        bytes: u64,
    },
    /// The log ends before what is known to have been on disk.
    #[error("the log ends at offset {end}, but all below offset {recovery_point} was on disk")]
    EndsEarly {
        /// The offset after the last sound batch.
        end: Offset,
        /// What the checkpoint or the control file says.
        recovery_point: Offset,
    },
    /// Two segments claim the same offsets.
    #[error("the segment begins below offset {end}, where the one before it ends")]
    Overlap {
        /// The end of the segment before.
        end: Offset,
    },
    /// Offsets that no segment has.
    #[error(
        "no segment has offsets {from} to {to}: compaction leaves that, \
         and so does a segment that was taken away"
    )]
    Gap {
        /// The first that is missing.
        from: Offset,
        /// The last that is missing.
        to: Offset,
    },
    /// A segment that went while it was to be read.
    #[error("the segment was removed meanwhile")]
    Removed,
    /// A file that belongs to each segment.
    #[error("there is none: reading is slower until it is written anew")]
    Missing,
    /// An index, or another file of equal entries, that ends within an entry.
    #[error("{bytes} bytes are not a whole number of entries of {entry} bytes")]
    OddLength {
        /// Bytes of the file.
        bytes: u64,
        /// Bytes of an entry.
        entry: u64,
    },
    /// An entry of `.index` that names no beginning of a batch.
    #[error("entry of offset {offset} points to position {position}, where no batch begins")]
    NoBatchThere {
        /// The entry's offset.
        offset: Offset,
        /// The entry's position.
        position: u64,
    },
    /// An entry of `.index` that names a batch by the wrong offset.
    #[error(
        "entry of offset {offset} points to position {position}, where the batch ends at {found}"
    )]
    OtherOffset {
        /// The entry's offset.
        offset: Offset,
        /// The entry's position.
        position: u64,
        /// The last offset of the batch there.
        found: Offset,
    },
    /// An entry of `.timeindex` that is not true.
    #[error(
        "entry says that {timestamp} is the largest timestamp up to offset {offset}: it is {found}"
    )]
    OtherTimestamp {
        /// The entry's timestamp, in milliseconds.
        timestamp: i64,
        /// The entry's offset.
        offset: Offset,
        /// The largest there is, in milliseconds.
        found: i64,
    },
    /// Entries must rise.
    #[error("the entry does not rise from the one before to the one after it")]
    NotRising,
    /// An entry of something that the segment has not.
    #[error("the entry is of offset {offset}, which is past the end of the segment")]
    EntryPastEnd {
        /// The entry's offset.
        offset: Offset,
    },
    /// Entries of what the log lost when the machine stopped.
    #[error("entries from here on are past the end of the log; the next writer rewrites them")]
    EntriesPastEnd,
    /// A file that does not hold what its name says.
    #[error("malformed: {0}")]
    Malformed(&'static str),
    /// An entry of `.txnindex` whose abort marker is not there: it would hide committed records.
    #[error("the entry is of a transaction aborted at offset {marker}, where no abort marker is")]
    NoAbortMarker {
        /// Where the marker should be.
        marker: Offset,
    },
    /// A transaction that has ended, since its producer went on under another epoch.
    #[error(
        "the marker of the transaction of producer {producer_id} that begins at offset {first_offset} \
         is lost, and nothing tells how it ended"
    )]
    UnknownEnd {
        /// Whose it is.
        producer_id: i64,
        /// Where it begins.
        first_offset: Offset,
    },
    /// An abort marker that `.txnindex` has no entry of: aborted records would be read.
    #[error(
        "it has no entry of the transaction of producer {producer_id} that was aborted at offset {marker}"
    )]
    NoAbortedEntry {
        /// Whose it was.
        producer_id: i64,
        /// Where its marker is.
        marker: Offset,
    },
    /// An entry of `.txnindex` that is not what the log says.
    #[error(
        "the entry of the transaction aborted at offset {marker} is wrong: \
         it is of producer {producer_id} and begins at offset {first_offset}"
    )]
    OtherTransaction {
        /// Where its marker is.
        marker: Offset,
        /// Whose it is.
        producer_id: i64,
        /// Where it begins.
        first_offset: Offset,
    },
    /// A producer in a snapshot that is not as the log says.
    #[error("producer {producer_id} is not as the log has it: {what}")]
    OtherProducer {
        /// The producer.
        producer_id: i64,
        /// What differs.
        what: &'static str,
    },
    /// Leader epochs that are not those of the batches.
    #[error("it says that offset {offset} is of leader epoch {expected}, and its batch of {found}")]
    OtherEpoch {
        /// First offset of the batch.
        offset: Offset,
        /// The batch's.
        found: i32,
        /// The file's.
        expected: i32,
    },
    /// Leader epochs of more than the log holds.
    #[error("leader epoch {epoch} begins at offset {start}, and the log ends at {end}")]
    EpochPastEnd {
        /// The epoch.
        epoch: i32,
        /// Where it begins.
        start: Offset,
        /// The offset after the log's last.
        end: Offset,
    },
    /// A snapshot whose bytes have changed.
    #[error("crc of the snapshot is {found:#010x}, expected {expected:#010x}")]
    SnapshotCrc {
        /// What the file says.
        expected: u32,
        /// What its bytes give.
        found: u32,
    },
    /// A snapshot of more than the log holds.
    #[error(
        "the snapshot is of more than the log holds, which ends at offset {end}; the next writer removes it"
    )]
    SnapshotPastEnd {
        /// The offset after the log's last.
        end: Offset,
    },
    /// An offset in a checkpoint that the log does not have.
    #[error("{partition} is to begin at offset {offset}, and ends at {end}")]
    CheckpointPastEnd {
        /// The partition.
        partition: String,
        /// Its offset.
        offset: Offset,
        /// The offset after the log's last.
        end: Offset,
    },
    /// A partition of a topic that is not there.
    #[error("the partition has no directory")]
    NoDirectory,
    /// A partition of no topic.
    #[error(
        "a partition of no topic that is known: a creation or deletion that was stopped leaves it"
    )]
    UnknownPartition,
    /// A directory that is about to be removed, or that Kafka put aside.
    #[error("a directory that a deletion left, or that Kafka put aside")]
    LeftoverDirectory,
    /// A directory that no log directory has.
    #[error("no partition of a topic: a Kafka broker would not start beside it")]
    UnknownDirectory,
    /// A partition of another topic of the same name.
    #[error("the topic's id is {found} here, expected {expected}")]
    OtherTopicId {
        /// The directory's.
        found: Uuid,
        /// The catalog's, or that of the topic's other partitions.
        expected: Uuid,
    },
    /// A file of runnel's own that can't be read.
    #[error("{0}")]
    Unreadable(String),
    /// Files that a deletion or compaction left, or is about to remove.
    #[error("{files} {suffix} file(s) that a deletion or compaction left behind")]
    Leftover {
        /// What the names end in.
        suffix: &'static str,
        /// How many.
        files: u64,
    },
    /// An index whose log is not there.
    #[error("there is no .log file that it belongs to")]
    Orphan,
    /// More of the same severity in the file.
    #[error("{0} more findings in this file")]
    More(u64),
}
