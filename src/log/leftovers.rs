//! What a compaction or deletion left half way.
//!
//! Source: Kafka's `LogLoader.removeTempFilesAndCollectSwapFiles` and what it does next. Differs: no
//! reader finds a hole meanwhile, see [`swap`](super::compaction::swap).

use super::compaction::swap::{self, FILES};
use super::error::{Fault, Result};
use super::names::{self, CLEANED, DELETED, INDEX, LOG, SWAP, TIME_INDEX};
use super::segment::{list_segments, path_in};
use super::walk::{SegmentFacts, walk_segment};
use crate::model::Offset;
use crate::storage::{self, Kind, Open, Storage};

/// Finishes or undoes what a compaction or deletion left half way, by Kafka's rules: `.deleted`
/// and `.cleaned` files go; a `.swap` takes the place of the segments that it covers, unless a
/// `.cleaned` of its base or a lower one tells that it was not finished. Durable when this
/// returns; true if segments were replaced. The partition's lock is held.
///
/// # Errors
/// As the file system says.
pub fn finish_replacements(
    storage: &dyn Storage,
    dir: &str,
    index_interval_bytes: u64,
) -> Result<bool> {
    let left = Leftovers::find(storage, dir)?;
    if left.is_nothing() {
        return Ok(false);
    }
    // Those first that a `.cleaned` tells to be unfinished: without it they would count.
    for names in [&left.unfinished, &left.doomed] {
        for name in names {
            storage::found(storage.remove_file(&path_in(dir, name)))?;
        }
        storage.sync_dir(dir)?;
    }
    let mut end = Offset::ZERO;
    for base in &left.swaps {
        end = end.max(complete_swap(storage, dir, *base, index_interval_bytes)?);
    }
    if !left.swaps.is_empty() {
        swap::install(storage, dir, &left.swaps)?;
        swap::remove_replaced(storage, dir, &left.swaps, end)?;
        swap::forget_swaps(storage, dir, &left.swaps)?;
    }
    // Second names of indexes that are in place already, or indexes of nothing.
    let bases = list_segments(storage, dir)?;
    for (base, plain) in &left.index_swaps {
        let from = path_in(dir, &format!("{plain}{SWAP}"));
        if storage::found(storage.metadata(&from))?.is_none() {
            continue;
        }
        if bases.contains(base) {
            storage.rename(&from, &path_in(dir, plain))?;
        }
        storage::found(storage.remove_file(&from))?;
    }
    storage.sync_dir(dir)?;
    Ok(!left.swaps.is_empty())
}

/// The leftovers of a partition directory.
#[derive(Debug, Default)]
struct Leftovers {
    /// `.swap` files that are no finished ones.
    unfinished: Vec<String>,
    /// Files to remove.
    doomed: Vec<String>,
    /// Base offsets of finished segments that are to be put in place, in order.
    swaps: Vec<Offset>,
    /// Finished indexes whose log is in place already: base offset, and name without `.swap`.
    index_swaps: Vec<(Offset, String)>,
}

impl Leftovers {
    fn find(storage: &dyn Storage, dir: &str) -> Result<Self> {
        let mut found = Self::default();
        let base = |name: &str| FILES.iter().find_map(|suffix| names::base_offset(name, suffix));
        let (mut lowest_cleaned, mut swaps) = (None, Vec::new());
        for entry in storage.list(dir)?.into_iter().filter(|entry| entry.kind == Kind::File) {
            if let Some(plain) = entry.name.strip_suffix(CLEANED) {
                lowest_cleaned = lowest_cleaned.into_iter().chain(base(plain)).min();
                found.doomed.push(entry.name);
            } else if entry.name.ends_with(DELETED) {
                found.doomed.push(entry.name);
            } else if let Some(plain) = entry.name.strip_suffix(SWAP) {
                swaps.push((base(plain), plain.to_owned()));
            }
        }
        for (base, plain) in swaps {
            match base {
                Some(base) if lowest_cleaned.is_none_or(|lowest| base < lowest) => {
                    if plain.ends_with(LOG) {
                        found.swaps.push(base);
                    } else {
                        found.index_swaps.push((base, plain));
                    }
                }
                _ => found.unfinished.push(format!("{plain}{SWAP}")),
            }
        }
        found.swaps.sort_unstable();
        Ok(found)
    }

    fn is_nothing(&self) -> bool {
        let Self { unfinished, doomed, swaps, index_swaps } = self;
        unfinished.is_empty() && doomed.is_empty() && swaps.is_empty() && index_swaps.is_empty()
    }
}

/// Makes sure that a finished segment has its indexes, and gives the offset after its last batch.
fn complete_swap(
    storage: &dyn Storage,
    dir: &str,
    base: Offset,
    index_interval_bytes: u64,
) -> Result<Offset> {
    let log = storage.open(&swap::path(dir, base, LOG, SWAP), Open::Read)?;
    let mut facts = walk_segment(&*log, base, 0, index_interval_bytes)?;
    if let Some(fault) = facts.fault.take() {
        // It was durable before it got this name. What it was made from may be there no more.
        return Err(Fault::at(fault, &*log, facts.end_position));
    }
    if facts.end_position > 0 {
        facts.push_time();
    }
    write_missing_indexes(storage, dir, base, &facts)?;
    Ok(facts.end_offset)
}

fn write_missing_indexes(
    storage: &dyn Storage,
    dir: &str,
    base: Offset,
    facts: &SegmentFacts,
) -> Result<()> {
    for (suffix, bytes) in [(INDEX, facts.index_bytes()), (TIME_INDEX, facts.time_index_bytes())] {
        let path = swap::path(dir, base, suffix, SWAP);
        if storage::found(storage.metadata(&path))?.is_none() {
            let file = storage.open(&path, Open::CreateNew)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
        }
    }
    Ok(())
}
