//! A segment: its files, and where in them an offset is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::index::{self, OFFSET_ENTRY_BYTES, OffsetEntry, TIME_ENTRY_BYTES, TimeEntry};
use super::names::{self, INDEX, LOG, TIME_INDEX};
use super::scan::{Check, Found, Scanner};
use crate::model::Offset;
use crate::storage::{self, DirEntry, File, Open, Result, Storage};

/// The base offsets of a partition directory's segments, in order.
///
/// # Errors
/// As the file system says.
pub fn list_segments(storage: &dyn Storage, dir: &str) -> Result<Vec<Offset>> {
    Ok(bases_of(&storage.list(dir)?, LOG))
}

/// The base offsets of the files with a suffix, in order.
pub(super) fn bases_of(files: &[DirEntry], suffix: &str) -> Vec<Offset> {
    let mut bases: Vec<_> =
        files.iter().filter_map(|file| names::base_offset(&file.name, suffix)).collect();
    bases.sort_unstable();
    bases
}

/// Which of the segments with these base offsets is the first that a log needs that begins at
/// `log_start`: all before it lie below.
pub(super) fn first_needed(bases: &[Offset], log_start: Offset) -> usize {
    bases.partition_point(|base| *base <= log_start).saturating_sub(1)
}

/// A path within a partition directory; the root of a foreign one is the directory itself.
pub(super) fn path_in(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// How many segments this process has opened.
static OPENINGS: AtomicU64 = AtomicU64::new(0);

/// A segment whose `.log` is open. Indexes are optional: without them lookups scan.
#[derive(Debug)]
pub struct Segment {
    /// The offset that its first record has or may have.
    pub base_offset: Offset,
    /// The record batches.
    pub log: Arc<dyn File>,
    /// Offsets to positions.
    pub index: Option<Arc<dyn File>>,
    /// Times to offsets.
    pub time_index: Option<Arc<dyn File>>,
    /// Which opening of a segment by this process this is: the same name may stand for another file
    /// at the next one, where other positions are right.
    pub opening: u64,
}

impl Segment {
    /// Opens a segment to read.
    ///
    /// # Errors
    /// As the file system says; a missing index is no error.
    pub fn open(storage: &dyn Storage, dir: &str, base_offset: Offset) -> Result<Self> {
        let path = |suffix| path_in(dir, &names::segment_file(base_offset, suffix));
        Ok(Self {
            base_offset,
            log: storage.open(&path(LOG), Open::Read)?,
            index: storage::found(storage.open(&path(INDEX), Open::Read))?,
            time_index: storage::found(storage.open(&path(TIME_INDEX), Open::Read))?,
            opening: OPENINGS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Opens a segment to append to; makes what is missing of it if `how` says so.
    ///
    /// # Errors
    /// As the file system says.
    pub(super) fn open_active(
        storage: &dyn Storage,
        dir: &str,
        base_offset: Offset,
        how: Open,
    ) -> Result<Self> {
        let path = |suffix| path_in(dir, &names::segment_file(base_offset, suffix));
        Ok(Self {
            base_offset,
            log: storage.open(&path(LOG), how)?,
            index: Some(storage.open(&path(INDEX), Open::Create)?),
            time_index: Some(storage.open(&path(TIME_INDEX), Open::Create)?),
            opening: OPENINGS.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// Where the first batch is that ends at or after an offset; `end` if there is none before it.
    /// A batch below `end` that is damaged or misplaced ends the search: the caller meets it there.
    ///
    /// # Errors
    /// As the file system says.
    pub fn position_of(&self, offset: Offset, end: u64) -> Result<u64> {
        let start = self.hint(offset, end)?;
        let mut scanner = Scanner::new(&*self.log, start, end, Check::Frames);
        let mut expected = self.base_offset;
        while let Some(found) = scanner.next()? {
            match found {
                Found::Batch { batch, .. }
                    if batch.last_offset() < offset && batch.base_offset() >= expected =>
                {
                    expected = batch.next_offset();
                }
                Found::Batch { position, .. } | Found::Fault { position, .. } => {
                    return Ok(position);
                }
            }
        }
        Ok(end)
    }

    /// Where to begin to look for an offset, by the index as far as it holds true; 0 otherwise.
    fn hint(&self, offset: Offset, end: u64) -> Result<u64> {
        let Some(index) = &self.index else {
            return Ok(0);
        };
        let relative = u32::try_from((offset - self.base_offset).max(0)).unwrap_or(u32::MAX);
        let Some(entry) = index::lookup_offset(&**index, relative)? else {
            return Ok(0);
        };
        let position = u64::from(entry.position);
        Ok(if position < end && self.confirms(entry)? { position } else { 0 })
    }

    /// Where a batch begins at or before a position, the nearest that the index tells of truly; 0
    /// otherwise.
    pub(super) fn boundary_before(&self, position: u64) -> Result<u64> {
        let Some(index) = &self.index else {
            return Ok(0);
        };
        match index::lookup_position(&**index, position)? {
            Some(entry) if self.confirms(entry)? => Ok(u64::from(entry.position)),
            _ => Ok(0),
        }
    }

    /// Whether a sound batch stands where an entry says, with the offset that it says.
    pub(crate) fn confirms(&self, entry: OffsetEntry) -> Result<bool> {
        let position = u64::from(entry.position);
        let len = self.log.metadata()?.len;
        let mut scanner = Scanner::new(&*self.log, position, len, Check::Crc);
        let expected = self.base_offset + i64::from(entry.relative_offset);
        Ok(
            matches!(scanner.next()?, Some(Found::Batch { batch, .. }) if batch.last_offset() == expected),
        )
    }

    /// Writes both indexes anew.
    pub(super) fn rewrite_indexes(
        &self,
        offsets: &[OffsetEntry],
        times: &[TimeEntry],
    ) -> Result<()> {
        let offsets: Vec<u8> = offsets.iter().flat_map(|entry| entry.to_bytes()).collect();
        let times: Vec<u8> = times.iter().flat_map(|entry| entry.to_bytes()).collect();
        for (file, bytes) in [(&self.index, offsets), (&self.time_index, times)] {
            if let Some(file) = file {
                file.set_len(0)?;
                file.write_all_at(&bytes, 0)?;
            }
        }
        Ok(())
    }

    /// Puts an entry into a slot of `.index`.
    pub(super) fn put_offset_entry(&self, slot: u64, entry: OffsetEntry) -> Result<()> {
        match &self.index {
            Some(file) => file.write_all_at(&entry.to_bytes(), slot * OFFSET_ENTRY_BYTES),
            None => Ok(()),
        }
    }

    /// Puts an entry into a slot of `.timeindex`.
    pub(super) fn put_time_entry(&self, slot: u64, entry: TimeEntry) -> Result<()> {
        match &self.time_index {
            Some(file) => file.write_all_at(&entry.to_bytes(), slot * TIME_ENTRY_BYTES),
            None => Ok(()),
        }
    }

    /// Gives the indexes the length of what was written to them, and makes all three files durable.
    /// So a file never ends in entries of a writer that died before it published them; and one
    /// that lost entries ends in zeros, which say so.
    pub(super) fn finish(&self, offset_slots: u64, time_slots: u64) -> Result<()> {
        self.log.sync_data()?;
        for (file, len) in [
            (&self.index, offset_slots * OFFSET_ENTRY_BYTES),
            (&self.time_index, time_slots * TIME_ENTRY_BYTES),
        ] {
            if let Some(file) = file {
                if file.metadata()?.len != len {
                    file.set_len(len)?;
                }
                file.sync_data()?;
            }
        }
        Ok(())
    }
}
