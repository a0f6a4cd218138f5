//! Snapshots of a partition's producers: `<offset>.snapshot` holds their state before that offset.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..2 | version 1, i16 |
//! | 2..6 | CRC-32C of all that follows it, u32 |
//! | 6..10 | how many entries follow, i32 |
//!
//! An entry:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..8 | producer id, i64 |
//! | 8..10 | producer epoch, i16 |
//! | 10..14 | sequence of its last record, i32; -1 if no batch is known |
//! | 14..22 | offset of its last record, i64; -1 if no batch is known |
//! | 22..26 | last offset minus base offset of its last batch, i32 |
//! | 26..34 | largest timestamp of its last batch in milliseconds, i64 |
//! | 34..38 | epoch of the coordinator of its last marker, i32; -1 before one |
//! | 38..46 | first offset of its transaction that is open, i64; -1 if none is |
//!
//! All integers are big-endian. Source: Kafka's `ProducerSnapshot.json` and `ProducerStateManager`.

use super::names::{self, SNAPSHOT};
use super::producers::{Producer, Producers, StoredBatch};
use super::segment::{list_segments, path_in};
use crate::model::Offset;
use crate::storage::{self, File, Open, Result, Storage};

/// Bytes before the entries.
pub const HEADER_BYTES: usize = 10;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 46;
/// Where the crc begins to count.
pub const CRC_FROM: usize = 6;
const VERSION: i16 = 1;
/// Bytes of a snapshot of more producers than fit anywhere: a larger file is none.
const BYTES_MAX: u64 = 1 << 30;
/// What [`storage::replace_file`] writes to before the name is given.
const TEMPORARY: &str = ".snapshot.tmp";

/// An entry of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The producer's id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Sequence of its last record; -1 if no batch is known.
    pub last_sequence: i32,
    /// Offset of its last record; -1 if no batch is known.
    pub last_offset: i64,
    /// Last offset minus base offset of its last batch.
    pub offset_delta: i32,
    /// Largest timestamp of its last batch, in milliseconds.
    pub timestamp: i64,
    /// Epoch of the coordinator that wrote its last marker; -1 before one.
    pub coordinator_epoch: i32,
    /// First offset of its transaction that is open; -1 if none is.
    pub transaction_start: i64,
}

impl SnapshotEntry {
    pub(super) fn of(producer_id: i64, producer: &Producer) -> Self {
        let last = producer.last();
        Self {
            producer_id,
            producer_epoch: producer.epoch,
            last_sequence: last.map_or(-1, |batch| batch.last_sequence),
            last_offset: last.map_or(-1, |batch| batch.last_offset.0),
            offset_delta: last.map_or(0, |batch| batch.offset_delta),
            timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            transaction_start: producer.transaction_start.map_or(-1, |start| start.0),
        }
    }

    fn producer(self) -> (i64, Producer) {
        let Self { last_sequence, offset_delta, timestamp, .. } = self;
        let last = (self.last_offset >= 0).then_some(StoredBatch {
            last_sequence,
            last_offset: Offset(self.last_offset),
            offset_delta,
            timestamp,
        });
        let start = (self.transaction_start >= 0).then_some(Offset(self.transaction_start));
        let epoch = self.producer_epoch;
        let producer = Producer::of_snapshot(epoch, self.coordinator_epoch, timestamp, start, last);
        (self.producer_id, producer)
    }

    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.producer_epoch.to_be_bytes());
        bytes[10..14].copy_from_slice(&self.last_sequence.to_be_bytes());
        bytes[14..22].copy_from_slice(&self.last_offset.to_be_bytes());
        bytes[22..26].copy_from_slice(&self.offset_delta.to_be_bytes());
        bytes[26..34].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[34..38].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        bytes[38..].copy_from_slice(&self.transaction_start.to_be_bytes());
        bytes
    }

    /// Reads what stands in the file.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        Self {
            producer_id: i64::from_be_bytes(field::<0, 8>(bytes)),
            producer_epoch: i16::from_be_bytes(field::<8, 2>(bytes)),
            last_sequence: i32::from_be_bytes(field::<10, 4>(bytes)),
            last_offset: i64::from_be_bytes(field::<14, 8>(bytes)),
            offset_delta: i32::from_be_bytes(field::<22, 4>(bytes)),
            timestamp: i64::from_be_bytes(field::<26, 8>(bytes)),
            coordinator_epoch: i32::from_be_bytes(field::<34, 4>(bytes)),
            transaction_start: i64::from_be_bytes(field::<38, 8>(bytes)),
        }
    }
}

fn field<const AT: usize, const BYTES: usize>(bytes: &[u8; ENTRY_BYTES]) -> [u8; BYTES] {
    std::array::from_fn(|index| bytes[AT + index])
}

/// The bytes of a snapshot.
#[must_use]
pub fn encode(entries: &[SnapshotEntry]) -> Vec<u8> {
    let count = i32::try_from(entries.len()).expect("far fewer than 2^31 producers fit in memory");
    let mut bytes = vec![0; CRC_FROM];
    bytes.extend(count.to_be_bytes());
    bytes.extend(entries.iter().flat_map(|entry| entry.to_bytes()));
    let crc = crc32c::crc32c(&bytes[CRC_FROM..]);
    bytes[..2].copy_from_slice(&VERSION.to_be_bytes());
    bytes[2..CRC_FROM].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// The entries of a snapshot; `None` if these bytes are none, or damaged.
fn decode(bytes: &[u8]) -> Option<Vec<SnapshotEntry>> {
    let [v0, v1, c0, c1, c2, c3, n0, n1, n2, n3] = *bytes.first_chunk::<HEADER_BYTES>()?;
    let (entries, rest) = bytes[HEADER_BYTES..].as_chunks::<ENTRY_BYTES>();
    let is_sound = i16::from_be_bytes([v0, v1]) == VERSION
        && crc32c::crc32c(&bytes[CRC_FROM..]) == u32::from_be_bytes([c0, c1, c2, c3])
        && usize::try_from(i32::from_be_bytes([n0, n1, n2, n3])) == Ok(entries.len())
        && rest.is_empty();
    is_sound.then(|| entries.iter().map(SnapshotEntry::from_bytes).collect())
}

/// Offsets of a directory's snapshots, in order.
fn list(storage: &dyn Storage, dir: &str) -> Result<Vec<Offset>> {
    let names = storage.list(dir)?;
    let mut offsets: Vec<_> =
        names.iter().filter_map(|entry| names::base_offset(&entry.name, SNAPSHOT)).collect();
    offsets.sort_unstable();
    Ok(offsets)
}

fn path_of(dir: &str, offset: Offset) -> String {
    path_in(dir, &names::segment_file(offset, SNAPSHOT))
}

/// The producers of the newest sound snapshot that is not past the end of the log; `None` if there
/// is none. One that is damaged is passed over: the log is read in its place.
pub(super) fn newest(
    storage: &dyn Storage,
    dir: &str,
    end: Offset,
    now_ms: i64,
) -> Result<Option<Producers>> {
    let offsets = list(storage, dir)?;
    for offset in offsets.into_iter().rev().filter(|offset| *offset <= end) {
        let Some(file) = storage::found(storage.open(&path_of(dir, offset), Open::Read))? else {
            continue;
        };
        let written_ms = file.metadata()?.modified_ms;
        if let Some(entries) = read(&*file)? {
            let entries = entries.into_iter().map(SnapshotEntry::producer).collect();
            return Ok(Some(Producers::of_snapshot(offset, entries, written_ms, now_ms)));
        }
    }
    Ok(None)
}

/// The entries of a snapshot file; `None` where it is damaged.
///
/// # Errors
/// As the file system says.
pub fn read(file: &dyn File) -> Result<Option<Vec<SnapshotEntry>>> {
    let len = file.metadata()?.len;
    if len > BYTES_MAX {
        return Ok(None);
    }
    Ok(decode(&read_whole(file, len)?))
}

fn read_whole(file: &dyn File, len: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes the state of producers, durable, unless there is a snapshot of that offset. Of older
/// ones those stay that are of a segment's base offset. Source: Kafka's `LogLoader`.
pub(super) fn write(storage: &dyn Storage, dir: &str, producers: &Producers) -> Result<()> {
    let offset = producers.end();
    let known = list(storage, dir)?;
    if known.contains(&offset) {
        return Ok(());
    }
    let entries = producers.entries();
    let entries: Vec<_> = entries.iter().map(|(id, p)| SnapshotEntry::of(*id, p)).collect();
    storage::replace_file(storage, &path_of(dir, offset), &encode(&entries))?;
    let bases = list_segments(storage, dir)?;
    for old in known.into_iter().filter(|old| *old < offset && !bases.contains(old)) {
        storage::found(storage.remove_file(&path_of(dir, old)))?;
    }
    Ok(())
}

/// Removes snapshots of more than the log holds, and what writing one left: durably, before
/// anything is appended in place of what they tell of.
pub(super) fn remove_past(storage: &dyn Storage, dir: &str, end: Offset) -> Result<()> {
    let past = list(storage, dir)?.into_iter().filter(|offset| *offset > end);
    let mut doomed: Vec<_> = past.map(|offset| path_of(dir, offset)).collect();
    let names = storage.list(dir)?.into_iter().map(|entry| entry.name);
    doomed.extend(names.filter(|name| name.ends_with(TEMPORARY)).map(|name| path_in(dir, &name)));
    for path in &doomed {
        storage::found(storage.remove_file(path))?;
    }
    if !doomed.is_empty() {
        storage.sync_dir(dir)?;
    }
    Ok(())
}

/// Removes the snapshots of segments that others have replaced; the newest of all stays.
pub(super) fn remove_of(storage: &dyn Storage, dir: &str, bases: &[Offset]) -> Result<()> {
    let known = list(storage, dir)?;
    let old = known.split_last().map_or(&[][..], |(_, old)| old);
    for offset in old.iter().filter(|offset| bases.contains(offset)) {
        storage::found(storage.remove_file(&path_of(dir, *offset)))?;
    }
    Ok(())
}

/// Removes the snapshots of removed segments; the newest of all stays, whatever it is of.
pub(super) fn remove_below(storage: &dyn Storage, dir: &str, first: Offset) -> Result<()> {
    let known = list(storage, dir)?;
    let old = known.split_last().map_or(&[][..], |(_, old)| old);
    for offset in old.iter().filter(|offset| **offset < first) {
        storage::found(storage.remove_file(&path_of(dir, *offset)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: SnapshotEntry = SnapshotEntry {
        producer_id: 0x0102_0304_0506_0708,
        producer_epoch: 9,
        last_sequence: 10,
        last_offset: 11,
        offset_delta: 1,
        timestamp: 1000,
        coordinator_epoch: -1,
        transaction_start: -1,
    };

    #[rustfmt::skip]
    const GOLDEN: [u8; 56] = [
        0, 1, // version
        0x1a, 0x86, 0xbf, 0x0b, // crc
        0, 0, 0, 1, // one entry
        1, 2, 3, 4, 5, 6, 7, 8, // producer id
        0, 9, // producer epoch
        0, 0, 0, 10, // last sequence
        0, 0, 0, 0, 0, 0, 0, 11, // last offset
        0, 0, 0, 1, // offset delta
        0, 0, 0, 0, 0, 0, 0x03, 0xe8, // timestamp
        0xff, 0xff, 0xff, 0xff, // coordinator epoch
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // start of its transaction
    ];

    #[test]
    fn golden_bytes() {
        let bytes = encode(&[ENTRY]);
        assert_eq!(bytes, GOLDEN);
        assert_eq!(decode(&bytes), Some(vec![ENTRY]));
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn no_byte_may_be_another() {
        for at in 0..GOLDEN.len() {
            let mut bytes = encode(&[ENTRY]);
            bytes[at] ^= 1;
            assert_eq!(decode(&bytes), None, "byte {at}");
            assert_eq!(decode(&GOLDEN[..at]), None, "cut at {at}");
        }
    }
}
