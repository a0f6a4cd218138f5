//! Snapshots of committed offsets: `state/offsets/<topic id>-<partition>`, the last record of each
//! key of a partition of `__consumer_offsets` as of an offset, so that a command need not read all
//! that was ever committed.
//!
//! A cache: it may be removed at any time, and is true only as long as the log holds the batch that
//! it ends with, with the same crc and leader epoch, and all that was appended after. One is taken
//! when much was read, and only up to where no transaction is open. Nothing is synced: the crc tells
//! a torn one.
//!
//! | bytes, big-endian | what |
//! | --- | --- |
//! | 0..4 | magic `RNLO` |
//! | 4..6 | version |
//! | 6..10 | CRC-32C of all that follows |
//! | 10..26, 26..30 | topic id, partition |
//! | 30..38 | the offset after the last that it covers |
//! | 38..46, 46..50, 50..54 | the last batch: base offset, leader epoch, crc |
//! | then, each | record's offset i64, length of the key u32, of the value u32, key, value |

use super::replay::{Compacted, LastBatch, Replay};
use crate::broker::home::make_dir;
use crate::log::{Cursor, PartitionLog, View};
use crate::model::{Offset, Uuid, limits};
use crate::record::Batch;
use crate::storage::{self, Open, Storage};

const MAGIC: [u8; 4] = *b"RNLO";
const VERSION: [u8; 2] = 1_u16.to_be_bytes();
const CRC_FROM: usize = 10;
const HEADER_BYTES: usize = 54;
/// Bytes that are looked at at once.
const READ_BYTES: usize = 1 << 20;
/// One is taken once that many records were read since the last.
const AFTER_RECORDS: i64 = 20_000;
const STATE_DIR: &str = "state";
const DIR: &str = "state/offsets";

/// A snapshot that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The offset after the last that it covers.
    pub(super) end: Offset,
    /// The batch that it ends with.
    pub(super) last: LastBatch,
    bytes: Vec<u8>,
}

fn path_of(topic: Uuid, partition: i32) -> String {
    format!("{DIR}/{topic}-{partition}")
}

impl Snapshot {
    /// The snapshot of a partition, if there is one that is true of its log.
    pub(super) fn read(
        storage: &dyn Storage,
        topic: Uuid,
        log: &PartitionLog,
        view: &View,
    ) -> Option<Self> {
        let partition = log.partition().partition;
        let file = storage.open(&path_of(topic, partition), Open::Read).ok()?;
        let len = usize::try_from(file.metadata().ok()?.len).ok()?;
        if !(HEADER_BYTES..=limits::OFFSETS_SNAPSHOT_BYTES_MAX).contains(&len) {
            return None;
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let snapshot = Self::decode(bytes, topic, partition)?;
        snapshot.is_of(log, view).then_some(snapshot)
    }

    fn decode(bytes: Vec<u8>, topic: Uuid, partition: i32) -> Option<Self> {
        let mut rest = Fields(&bytes);
        let is_sound = rest.take(4)? == MAGIC
            && rest.take(2)? == VERSION
            && rest.u32()? == crc32c::crc32c(bytes.get(CRC_FROM..)?)
            && rest.take(16)? == topic.0
            && rest.u32()? == partition.cast_unsigned();
        let end = Offset(rest.i64()?);
        let base_offset = rest.i64()?;
        let leader_epoch = rest.u32()?.cast_signed();
        let last = LastBatch { base_offset, leader_epoch, crc: rest.u32()? };
        is_sound.then_some(Self { end, last, bytes })
    }

    /// Whether a log holds the batch that it ends with, and every record after it: compaction may
    /// have removed a tombstone there, and what that has deleted would be back.
    fn is_of(&self, log: &PartitionLog, view: &View) -> bool {
        let base = Offset(self.last.base_offset);
        if self.end > view.end() || base < view.log_start() {
            return false;
        }
        let (mut cursor, mut next) = (Cursor::at(base), None);
        while let Ok(Some(chunk)) = log.read(view, &mut cursor, READ_BYTES) {
            for batch in chunk.batches() {
                let is_right = match next {
                    None => LastBatch::of(&batch) == self.last && batch.next_offset() == self.end,
                    Some(next) => batch.base_offset() == next && is_dense(&batch),
                };
                if !is_right {
                    return false;
                }
                next = Some(batch.next_offset());
            }
        }
        next == Some(view.end())
    }

    /// Its records: offset, key and value of each.
    pub(super) fn records(&self) -> impl Iterator<Item = (i64, &[u8], &[u8])> {
        let mut rest = Fields(&self.bytes[HEADER_BYTES..]);
        std::iter::from_fn(move || {
            let offset = rest.i64()?;
            let (key, value) = (rest.u32()? as usize, rest.u32()? as usize);
            Some((offset, rest.take(key)?, rest.take(value)?))
        })
    }
}

/// Whether a batch holds a record for each of its offsets.
fn is_dense(batch: &Batch<'_>) -> bool {
    i64::from(batch.records_count()) == i64::from(batch.last_offset_delta()) + 1
}

/// Takes a new snapshot, if much follows the one there is; gives the one to use. No snapshot can be
/// taken while a transaction is open, or of what can't be read; not to have one is no failure.
pub(super) fn renewed(
    storage: &dyn Storage,
    topic: Uuid,
    log: &PartitionLog,
    view: &View,
) -> Option<Snapshot> {
    let known = Snapshot::read(storage, topic, log, view);
    let mut replay = Replay::after(known.as_ref());
    if view.end() - replay.end().max(view.log_start()) < AFTER_RECORDS {
        return known;
    }
    let mut all = Compacted::default();
    for (offset, key, value) in known.iter().flat_map(Snapshot::records) {
        all.take(offset, key, Some(value));
    }
    let run = replay.run(log, view, |offset, key, value| all.take(offset, key, value));
    let partition = log.partition().partition;
    let taken = || {
        let (last, end) = (run.ok().and(replay.settled())?, replay.end());
        let bytes = encode(topic, partition, end, last, &all)?;
        let path = path_of(topic, partition);
        let _ = make_dir(storage, STATE_DIR)
            .and_then(|()| make_dir(storage, DIR))
            .and_then(|()| Ok(replace(storage, &path, &bytes)?));
        Snapshot::decode(bytes, topic, partition)
    };
    taken().or(known)
}

fn encode(
    topic: Uuid,
    partition: i32,
    end: Offset,
    last: LastBatch,
    records: &Compacted,
) -> Option<Vec<u8>> {
    let mut bytes = vec![0; CRC_FROM];
    bytes.extend_from_slice(&topic.0);
    bytes.extend_from_slice(&partition.to_be_bytes());
    bytes.extend_from_slice(&end.0.to_be_bytes());
    bytes.extend_from_slice(&last.base_offset.to_be_bytes());
    bytes.extend_from_slice(&last.leader_epoch.to_be_bytes());
    bytes.extend_from_slice(&last.crc.to_be_bytes());
    for (offset, key, value) in records.iter() {
        bytes.extend_from_slice(&offset.to_be_bytes());
        for part in [key, value] {
            bytes.extend_from_slice(&u32::try_from(part.len()).ok()?.to_be_bytes());
        }
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        if bytes.len() > limits::OFFSETS_SNAPSHOT_BYTES_MAX {
            return None;
        }
    }
    let crc = crc32c::crc32c(&bytes[CRC_FROM..]);
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&VERSION);
    bytes[6..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    Some(bytes)
}

/// Puts a file in the place of another in one step, which need not be durable. Two processes that do
/// so at once may leave a mixture, which is no snapshot then.
fn replace(storage: &dyn Storage, path: &str, bytes: &[u8]) -> storage::Result<()> {
    let temporary = format!("{path}.tmp");
    storage::found(storage.remove_file(&temporary))?;
    storage.open(&temporary, Open::CreateNew)?.write_all_at(bytes, 0)?;
    storage.rename(&temporary, path)
}

/// The fields of a file, one after the other; `None` where it ends within one.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*taken))
    }

    fn i64(&mut self) -> Option<i64> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i64::from_be_bytes(*taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Uuid = Uuid([7; 16]);
    const LAST: LastBatch = LastBatch { base_offset: 8, leader_epoch: 2, crc: 0xdead_beef };

    fn bytes() -> Vec<u8> {
        let mut records = Compacted::default();
        records.take(3, b"key", Some(b"value"));
        records.take(4, b"gone", Some(b""));
        records.take(5, b"gone", None);
        encode(TOPIC, 9, Offset(10), LAST, &records).expect("is small")
    }

    #[test]
    fn golden_bytes() {
        let bytes = bytes();
        let mut golden = b"RNLO\0\x01".to_vec();
        golden.extend_from_slice(&crc32c::crc32c(&bytes[10..]).to_be_bytes());
        golden.extend_from_slice(&[7; 16]);
        golden.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 10]);
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0xde, 0xad, 0xbe, 0xef]);
        golden.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 5]);
        golden.extend_from_slice(b"keyvalue");
        assert_eq!(bytes, golden);
        let snapshot = Snapshot::decode(bytes, TOPIC, 9).expect("is sound");
        assert_eq!((snapshot.end, snapshot.last), (Offset(10), LAST));
        let records: Vec<_> = snapshot.records().collect();
        assert_eq!(records, [(3, &b"key"[..], &b"value"[..])]);
    }

    #[test]
    fn no_byte_may_be_another() {
        for at in 0..bytes().len() {
            let mut changed = bytes();
            changed[at] ^= 1;
            assert!(Snapshot::decode(changed, TOPIC, 9).is_none(), "byte {at}");
            assert!(Snapshot::decode(bytes()[..at].to_vec(), TOPIC, 9).is_none(), "cut at {at}");
        }
        assert!(Snapshot::decode(bytes(), TOPIC, 8).is_none(), "another partition's");
        assert!(Snapshot::decode(bytes(), Uuid([8; 16]), 9).is_none(), "another topic's");
    }
}
