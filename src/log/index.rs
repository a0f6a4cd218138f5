//! The two indexes of a segment. Both are hints: whoever follows an entry checks what it points
//! at, and scans where it lies.
//!
//! | file | entry | bytes |
//! | --- | --- | --- |
//! | `.index` | last offset of a batch, relative to the base offset (u32); position of the batch (u32) | 8 |
//! | `.timeindex` | largest timestamp so far (i64); offset of the batch that has it, relative (u32) | 12 |
//!
//! Entries rise strictly, by offset and by timestamp. Kafka preallocates its files, so that one
//! left by a crash ends in zeros; ours are never longer than what was written.
//! Source: Kafka's `OffsetIndex` and `TimeIndex`.

use crate::model::Offset;
use crate::storage::{File, Result};

/// Bytes of an entry of `.index`.
pub const OFFSET_ENTRY_BYTES: u64 = 8;
/// Bytes of an entry of `.timeindex`.
pub const TIME_ENTRY_BYTES: u64 = 12;

/// An entry of `.index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetEntry {
    /// Last offset of a batch, relative to the segment's base offset.
    pub relative_offset: u32,
    /// Where in the `.log` file the batch begins.
    pub position: u32,
}

/// An entry of `.timeindex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEntry {
    /// The largest timestamp of the segment up to and with the batch, in milliseconds.
    pub timestamp: i64,
    /// Last offset of the batch that has it, relative to the segment's base offset.
    pub relative_offset: u32,
}

impl OffsetEntry {
    /// As it stands in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; OFFSET_ENTRY_BYTES as usize] {
        let mut bytes = [0; OFFSET_ENTRY_BYTES as usize];
        bytes[..4].copy_from_slice(&self.relative_offset.to_be_bytes());
        bytes[4..].copy_from_slice(&self.position.to_be_bytes());
        bytes
    }

    /// Reads what stands in the file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; OFFSET_ENTRY_BYTES as usize]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            relative_offset: u32::from_be_bytes([a, b, c, d]),
            position: u32::from_be_bytes([e, f, g, h]),
        }
    }
}

impl TimeEntry {
    /// As it stands in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; TIME_ENTRY_BYTES as usize] {
        let mut bytes = [0; TIME_ENTRY_BYTES as usize];
        bytes[..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..].copy_from_slice(&self.relative_offset.to_be_bytes());
        bytes
    }

    /// Reads what stands in the file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; TIME_ENTRY_BYTES as usize]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            timestamp: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            relative_offset: u32::from_be_bytes([i, j, k, l]),
        }
    }
}

/// The offset as an index stores it; `None` if it lies too far from the base.
#[must_use]
pub fn relative(offset: Offset, base: Offset) -> Option<u32> {
    u32::try_from(offset - base).ok().filter(|relative| i32::try_from(*relative).is_ok())
}

/// The last entry of an `.index` at or below an offset.
///
/// # Errors
/// As the file system says.
pub fn lookup_offset(file: &dyn File, target: u32) -> Result<Option<OffsetEntry>> {
    let slots = file.metadata()?.len / OFFSET_ENTRY_BYTES;
    let read = |slot| Ok(read_slot(file, slot)?.map(OffsetEntry::from_bytes));
    // All zeros is an entry in the first slot only; later it is where a crash ended the file.
    let beyond = |slot, entry: &OffsetEntry| {
        entry.relative_offset > target || (slot > 0 && entry.relative_offset == 0)
    };
    last_before(slots, read, beyond)
}

/// The last entry of an `.index` of a batch that begins at or before a position.
///
/// # Errors
/// As the file system says.
pub fn lookup_position(file: &dyn File, target: u64) -> Result<Option<OffsetEntry>> {
    let slots = file.metadata()?.len / OFFSET_ENTRY_BYTES;
    let read = |slot| Ok(read_slot(file, slot)?.map(OffsetEntry::from_bytes));
    let beyond = |slot, entry: &OffsetEntry| {
        u64::from(entry.position) > target || (slot > 0 && entry.relative_offset == 0)
    };
    last_before(slots, read, beyond)
}

/// The last entry of a `.timeindex` below a timestamp: no earlier batch has a larger one.
///
/// # Errors
/// As the file system says.
pub fn lookup_time(file: &dyn File, target: i64) -> Result<Option<TimeEntry>> {
    let slots = file.metadata()?.len / TIME_ENTRY_BYTES;
    let read = |slot| Ok(read_slot(file, slot)?.map(TimeEntry::from_bytes));
    let beyond = |slot, entry: &TimeEntry| entry.timestamp >= target || is_unused(slot, entry);
    last_before(slots, read, beyond)
}

/// The last entry of a finished `.timeindex`; `None` where the file ends in anything else.
///
/// # Errors
/// As the file system says.
pub fn last_time(file: &dyn File) -> Result<Option<TimeEntry>> {
    let len = file.metadata()?.len;
    if len == 0 || !len.is_multiple_of(TIME_ENTRY_BYTES) {
        return Ok(None);
    }
    let slot = len / TIME_ENTRY_BYTES - 1;
    let entry = read_slot(file, slot)?.map(TimeEntry::from_bytes);
    Ok(entry.filter(|entry| !is_unused(slot, entry)))
}

fn is_unused(slot: u64, entry: &TimeEntry) -> bool {
    slot > 0 && entry.timestamp == 0 && entry.relative_offset == 0
}

/// The bytes of a slot; `None` where a process that writes the index anew has just cut it.
fn read_slot<const BYTES: usize>(file: &dyn File, slot: u64) -> Result<Option<[u8; BYTES]>> {
    let mut bytes = [0; BYTES];
    let mut filled = 0;
    while filled < BYTES {
        match file.read_at(&mut bytes[filled..], slot * BYTES as u64 + filled as u64)? {
            0 => return Ok(None),
            count => filled += count,
        }
    }
    Ok(Some(bytes))
}

/// Binary search for the last entry that `beyond` is false of.
fn last_before<Entry: Copy>(
    slots: u64,
    read: impl Fn(u64) -> Result<Option<Entry>>,
    beyond: impl Fn(u64, &Entry) -> bool,
) -> Result<Option<Entry>> {
    let (mut low, mut high, mut best) = (0, slots, None);
    while low < high {
        let middle = low + (high - low) / 2;
        match read(middle)?.filter(|entry| !beyond(middle, entry)) {
            Some(entry) => {
                best = Some(entry);
                low = middle + 1;
            }
            None => high = middle,
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Directory, Open, Storage};

    #[test]
    fn zeros_at_the_end_are_no_entries() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let file = storage.open("x.index", Open::Create).expect("creates");
        for (slot, relative_offset) in [9_u32, 19, 29].into_iter().enumerate() {
            let entry = OffsetEntry { relative_offset, position: relative_offset * 100 };
            file.write_all_at(&entry.to_bytes(), slot as u64 * OFFSET_ENTRY_BYTES).expect("writes");
        }
        file.set_len(10 << 20).expect("extends");
        let found = |target| {
            lookup_offset(&*file, target).expect("reads").map(|entry| entry.relative_offset)
        };
        assert_eq!(found(8), None);
        assert_eq!(found(9), Some(9));
        assert_eq!(found(28), Some(19));
        assert_eq!(found(u32::MAX), Some(29));
        let found = |position| {
            lookup_position(&*file, position).expect("reads").map(|entry| entry.relative_offset)
        };
        assert_eq!((found(899), found(900), found(u64::MAX)), (None, Some(9), Some(29)));
    }

    #[test]
    fn times_are_found_strictly_before() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let file = storage.open("x.timeindex", Open::Create).expect("creates");
        for (slot, timestamp) in [100_i64, 200, 300].into_iter().enumerate() {
            let entry = TimeEntry { timestamp, relative_offset: slot as u32 + 1 };
            file.write_all_at(&entry.to_bytes(), slot as u64 * TIME_ENTRY_BYTES).expect("writes");
        }
        let found = |target| lookup_time(&*file, target).expect("reads").map(|e| e.timestamp);
        assert_eq!((found(100), found(101), found(301)), (None, Some(100), Some(300)));
        assert_eq!(last_time(&*file).expect("reads").map(|e| e.timestamp), Some(300));
    }
}
