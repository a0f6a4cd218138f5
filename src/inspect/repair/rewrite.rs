//! Writing segments anew without what is damaged, and segments that stand for what is missing.
//!
//! A new file is written as `.cleaned` and made durable, then takes its name in one step: what a stop
//! leaves is what a stopped compaction leaves, and every writer knows what to do with it. The
//! indexes go before, so that none is believed of a file that it was not made of.

use std::ops::Range;

use super::kept::{Kept, copy_range};
use super::survey::{Patch, Restored, Surveyed};
use crate::log::{Place, Result, names};
use crate::model::Offset;
use crate::record::{GapBatch, HEADER_BYTES, set_base_offset, set_leader_epoch};
use crate::storage::{self, File, Open};

/// Parts of one segment that are kept one by one; where there are more, the whole file is.
const PARTS_MAX: usize = 64;
/// Bytes of a batch's header in front of what its crc covers, both numbers among them.
const PATCHED_BYTES: usize = 16;

/// Keeps what is taken out of a segment.
pub(super) fn keep(place: &Place, of: &Surveyed, kept: &mut Kept) -> Result<()> {
    let name = names::segment_file(of.base, names::LOG);
    let file = place.storage.open(&place.path_of(&name), Open::Read)?;
    if of.cuts.iter().any(|cut| cut.restored.is_some()) {
        // It may be all that tells how a transaction ended, and is gone before the segment is new.
        let index = names::segment_file(of.base, names::TXN_INDEX);
        let opened = storage::found(place.storage.open(&place.path_of(&index), Open::Read))?;
        opened.map_or(Ok(()), |opened| kept.keep(&*opened, &index, None))?;
    }
    if of.cuts.len() > PARTS_MAX || of.first.is_none() {
        return kept.keep(&*file, &name, None);
    }
    for cut in &of.cuts {
        kept.keep(&*file, &name, Some(cut.range.clone()))?;
    }
    for patch in &of.patches {
        let header = patch.position..patch.position + HEADER_BYTES as u64;
        kept.keep(&*file, &name, Some(header))?;
    }
    Ok(())
}

/// Writes a segment anew, under the base offset that it then has.
pub(super) fn rewrite(place: &Place, of: &Surveyed, base: Offset) -> Result<()> {
    let storage = &*place.storage;
    let old = place.path_of(&names::segment_file(of.base, names::LOG));
    let file = storage.open(&old, Open::Read)?;
    write_new(place, base, |new| {
        let mut position = 0;
        for (range, restored) in parts(of) {
            let start = position;
            if !range.is_empty() {
                position = copy_range(&*file, range.clone(), new, position)?;
            }
            if let Some(Restored { bytes, .. }) = restored {
                new.write_all_at(bytes, position)?;
                position += bytes.len() as u64;
            }
            let patches = of.patches.iter().filter(|patch| range.contains(&patch.position));
            for patch in patches {
                apply(new, start + patch.position - range.start, patch)?;
            }
        }
        Ok(())
    })?;
    if base != of.base {
        storage.remove_file(&old)?;
        remove_indexes(place, of.base)?;
    }
    Ok(storage.sync_dir(&place.dir)?)
}

/// What stays of a segment, in order, each part with the marker that is put behind it.
fn parts(of: &Surveyed) -> Vec<(Range<u64>, Option<&Restored>)> {
    let (mut parts, mut position) = (Vec::new(), 0);
    for cut in &of.cuts {
        parts.push((position..cut.range.start, cut.restored.as_ref()));
        position = cut.range.end;
    }
    parts.push((position..of.len, None));
    parts
}

fn apply(file: &dyn File, position: u64, patch: &Patch) -> storage::Result<()> {
    let mut header = [0; PATCHED_BYTES];
    file.read_exact_at(&mut header, position)?;
    if let Some(base_offset) = patch.base_offset {
        set_base_offset(&mut header, base_offset);
    }
    if let Some(epoch) = patch.leader_epoch {
        set_leader_epoch(&mut header, epoch);
    }
    file.write_all_at(&header, position)
}

/// Takes a segment out of the log.
pub(super) fn remove(place: &Place, base: Offset) -> Result<()> {
    let path = place.path_of(&names::segment_file(base, names::LOG));
    storage::found(place.storage.remove_file(&path))?;
    remove_indexes(place, base)?;
    Ok(place.storage.sync_dir(&place.dir)?)
}

fn remove_indexes(place: &Place, base: Offset) -> Result<()> {
    for suffix in [names::INDEX, names::TIME_INDEX, names::TXN_INDEX] {
        let path = place.path_of(&names::segment_file(base, suffix));
        storage::found(place.storage.remove_file(&path))?;
    }
    Ok(())
}

/// Offsets that no batch has, and what stands for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) from: Offset,
    /// Exclusive.
    pub(super) to: Offset,
    pub(super) leader_epoch: i32,
    pub(super) timestamp: i64,
}

/// Makes segments of one empty batch each, so that no offset of a gap is missing.
pub(super) fn fill(place: &Place, gap: &Gap) -> Result<()> {
    let mut from = gap.from;
    while from < gap.to {
        let last_offset_delta = i32::try_from(gap.to - from - 1).unwrap_or(i32::MAX - 1);
        let (leader_epoch, timestamp) = (gap.leader_epoch.max(0), gap.timestamp);
        let batch = GapBatch { base_offset: from, last_offset_delta, leader_epoch, timestamp };
        write_new(place, from, |new| new.write_all_at(&batch.to_bytes(), 0))?;
        from = from + i64::from(last_offset_delta) + 1;
    }
    Ok(place.storage.sync_dir(&place.dir)?)
}

/// Makes a segment without batches.
pub(super) fn make_empty(place: &Place, base: Offset) -> Result<()> {
    write_new(place, base, |_| Ok(()))
}

/// Writes a `.log` beside, and gives it its name.
fn write_new(
    place: &Place,
    base: Offset,
    write: impl FnOnce(&dyn File) -> storage::Result<()>,
) -> Result<()> {
    let storage = &*place.storage;
    let path = place.path_of(&names::segment_file(base, names::LOG));
    let beside = format!("{path}{}", names::CLEANED);
    storage::found(storage.remove_file(&beside))?;
    let new = storage.open(&beside, Open::CreateNew)?;
    write(&*new)?;
    new.sync_data()?;
    remove_indexes(place, base)?;
    storage.sync_dir(&place.dir)?;
    Ok(storage.rename(&beside, &path)?)
}
