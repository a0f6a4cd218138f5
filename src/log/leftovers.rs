//! What a compaction or deletion left half way.
//!
//! Source: Kafka's `LogLoader.removeTempFilesAndCollectSwapFiles`.

use super::error::Result;
use super::names::{self, CLEANED, DELETED, INDEX, LOG, SWAP, TIME_INDEX, TXN_INDEX};
use super::segment::{list_segments, path_in};
use super::walk::walk_segment;
use crate::model::Offset;
use crate::storage::{self, Kind, Open, Storage};

/// Finishes or undoes what a compaction or deletion left half way, by Kafka's rules: `.deleted`
/// and `.cleaned` files go; a `.swap` takes the place of the segments that it covers, unless a
/// `.cleaned` of its base or a lower one tells that it was not finished.
///
/// # Errors
/// As the file system says.
pub fn finish_replacements(storage: &dyn Storage, dir: &str) -> Result<()> {
    let mut swaps = Vec::new();
    let mut lowest_cleaned = None;
    let files: Vec<_> = storage.list(dir)?.into_iter().filter(|e| e.kind == Kind::File).collect();
    for entry in &files {
        if let Some(plain) = entry.name.strip_suffix(CLEANED) {
            let base = names::base_offset(plain, LOG);
            lowest_cleaned = lowest_cleaned.into_iter().chain(base).min();
        }
        if entry.name.ends_with(DELETED) || entry.name.ends_with(CLEANED) {
            storage.remove_file(&path_in(dir, &entry.name))?;
        }
    }
    for entry in &files {
        let Some(plain) = entry.name.strip_suffix(SWAP) else {
            continue;
        };
        let path = path_in(dir, &entry.name);
        match names::base_offset(plain, LOG) {
            Some(base) if lowest_cleaned.is_none_or(|lowest| base < lowest) => {
                let facts = walk_segment(&*storage.open(&path, Open::Read)?, base, 0, u64::MAX)?;
                swaps.push((base, facts.end_offset, path));
            }
            _ => storage.remove_file(&path)?,
        }
    }
    for (base, end, path) in &swaps {
        for old in list_segments(storage, dir)? {
            if old >= *base && old < *end {
                remove_segment(storage, dir, old)?;
            }
        }
        storage.rename(path, &path_in(dir, &names::segment_file(*base, LOG)))?;
    }
    if !swaps.is_empty() {
        storage.sync_dir(dir)?;
    }
    Ok(())
}

/// Removes the files of a segment, the log first: indexes without one mean nothing.
fn remove_segment(storage: &dyn Storage, dir: &str, base: Offset) -> Result<()> {
    for suffix in [LOG, INDEX, TIME_INDEX, TXN_INDEX] {
        storage::found(storage.remove_file(&path_in(dir, &names::segment_file(base, suffix))))?;
    }
    Ok(())
}
