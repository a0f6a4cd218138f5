//! Putting compacted segments in the place of those that they were made from.
//!
//! Readers of other processes hold no lock, so at no moment may there be a hole in the log; and a
//! stop between any two steps must leave what Kafka's own rule for leftovers, and ours, makes whole.
//! A new segment of base `a` that covers all up to an offset takes these steps:
//!
//! | step | names there then | after a stop |
//! | --- | --- | --- |
//! | written and synced | `a.*.cleaned` beside all that is old | `.cleaned` goes, nothing happened |
//! | [`promote`]: indexes first, then the log; directory synced | `a.*.swap` beside all that is old | once no `.cleaned` of it is left, the swap is carried out |
//! | [`install`]: each `.swap` gets a second name, by way of `.deleted`, in place of the old one; the log last | `a.log` is new and whole; the other old ones repeat parts of it | carried out |
//! | [`remove_replaced`]: the other old ones go, the oldest first, of each the log first; directory synced | `a.*` and `a.*.swap`, the same files | carried out |
//! | [`forget_swaps`]: the log's first | `a.*` | an index's `.swap` is renamed over itself |
//!
//! At every step each offset that stays is in some segment that the directory lists, as
//! [`Storage::list`] does, as of one moment. A reader that comes through the new segment to an old one
//! that is still there finds nothing new in it; one that comes to a file that is gone lists the directory
//! again. In between, an index may belong to the other log: an entry of ours is checked against the log
//! before it counts, and a stop leaves none such. The index of aborted transactions is new before the
//! log is: it has every transaction of which any of the old segments has records.
//!
//! Source: Kafka's `LogLoader` and `LocalLog.replaceSegments`.

use crate::log::error::Result;
use crate::log::names::{self, CLEANED, DELETED, INDEX, LOG, SWAP, TIME_INDEX, TXN_INDEX};
use crate::log::segment::{list_segments, path_in};
use crate::log::snapshot;
use crate::model::Offset;
use crate::storage::{self, Storage};

/// The files of a segment, in the order in which new ones are put in place.
pub(in crate::log) const FILES: [&str; 4] = [TXN_INDEX, INDEX, TIME_INDEX, LOG];

/// The path of a segment's file with another ending.
pub(in crate::log) fn path(dir: &str, base: Offset, suffix: &str, ending: &str) -> String {
    path_in(dir, &format!("{}{ending}", names::segment_file(base, suffix)))
}

/// Calls a finished segment finished, durably: what was `.cleaned` is `.swap`.
pub(super) fn promote(storage: &dyn Storage, dir: &str, base: Offset) -> Result<()> {
    for suffix in FILES {
        let cleaned = path(dir, base, suffix, CLEANED);
        storage::found(storage.rename(&cleaned, &path(dir, base, suffix, SWAP)))?;
    }
    Ok(storage.sync_dir(dir)?)
}

/// Puts finished segments of these bases, in order, in the place of the old ones of the same bases.
pub(in crate::log) fn install(storage: &dyn Storage, dir: &str, bases: &[Offset]) -> Result<()> {
    // The highest first: what a lower one does not cover any more is in a higher one by then.
    for base in bases.iter().rev() {
        for suffix in FILES {
            let plain = path(dir, *base, suffix, "");
            let swap = path(dir, *base, suffix, SWAP);
            let Some(new) = storage::found(storage.metadata(&swap))? else {
                // A log without aborted transactions needs no index of them.
                storage::found(storage.remove_file(&plain))?;
                continue;
            };
            let old = storage::found(storage.metadata(&plain))?;
            if old.is_none_or(|old| old.id != new.id) {
                let second = path(dir, *base, suffix, DELETED);
                storage::found(storage.remove_file(&second))?;
                storage.link(&swap, &second)?;
                storage.rename(&second, &plain)?;
            }
        }
    }
    Ok(())
}

/// Removes the segments that finished ones of these bases have replaced, which reach up to `end`;
/// durably, with all that was done before.
pub(in crate::log) fn remove_replaced(
    storage: &dyn Storage,
    dir: &str,
    bases: &[Offset],
    end: Offset,
) -> Result<()> {
    let first = bases.first().copied().unwrap_or(end);
    let is_replaced = |base: &Offset| *base >= first && *base < end && !bases.contains(base);
    let replaced: Vec<_> = list_segments(storage, dir)?.into_iter().filter(is_replaced).collect();
    for old in &replaced {
        for suffix in [LOG, INDEX, TIME_INDEX, TXN_INDEX] {
            storage::found(storage.remove_file(&path(dir, *old, suffix, "")))?;
        }
    }
    snapshot::remove_of(storage, dir, &replaced)?;
    Ok(storage.sync_dir(dir)?)
}

/// Lets go of the names that made sure that a replacement would be carried out.
pub(in crate::log) fn forget_swaps(
    storage: &dyn Storage,
    dir: &str,
    bases: &[Offset],
) -> Result<()> {
    for base in bases {
        storage::found(storage.remove_file(&path(dir, *base, LOG, SWAP)))?;
    }
    storage.sync_dir(dir)?;
    for base in bases {
        for suffix in [INDEX, TIME_INDEX, TXN_INDEX] {
            storage::found(storage.remove_file(&path(dir, *base, suffix, SWAP)))?;
        }
    }
    Ok(())
}
