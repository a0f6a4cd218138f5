//! The files of a segment, all of one moment, whatever a compaction or deletion does meanwhile.

use std::sync::Arc;

use crate::log::{Place, Result, Segment, names};
use crate::model::Offset;
use crate::storage::{self, File, Open};

/// Openings of a segment; for each a compaction must have come in between.
const TRIES: usize = 8;

/// An open segment, with all that is of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) segment: Segment,
    pub(super) txn_index: Option<Arc<dyn File>>,
    /// While a compaction puts a segment in place, or where it was stopped then, the indexes may be of the
    /// new one and the log of the old; the next compaction makes that whole, and so does recovery.
    pub(super) has_foreign_indexes: bool,
}

impl Opened {
    /// Opens a segment's files; `None` if they are removed.
    pub(super) fn open(place: &Place, base: Offset) -> Result<Option<Self>> {
        let storage = &*place.storage;
        let path = |suffix| place.path_of(&names::segment_file(base, suffix));
        let mut number = 0;
        loop {
            number += 1;
            let opened = storage::found(Segment::open(storage, &place.dir, base))?;
            let Some(segment) = opened else {
                return Ok(None);
            };
            let txn_index = storage::found(storage.open(&path(names::TXN_INDEX), Open::Read))?;
            let swap = format!("{}{}", path(names::LOG), names::SWAP);
            let is_replacing = storage::found(storage.metadata(&swap))?.is_some();
            // In this order: of a segment that is removed the log goes first, and one whose replacement is
            // over has another log by then.
            let Some(named) = storage::found(storage.metadata(&path(names::LOG)))? else {
                return Ok(None);
            };
            let is_same = named.id == segment.log.metadata()?.id;
            if is_same || number == TRIES {
                let has_foreign_indexes = is_replacing || !is_same;
                return Ok(Some(Self { segment, txn_index, has_foreign_indexes }));
            }
        }
    }
}
