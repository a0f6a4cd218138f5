//! Which records and batches stay.
//!
//! - A record past what the map covers stays as it is.
//! - Of each key only the last record stays, a tombstone until the delete horizon of its batch. Records
//!   without a key go.
//! - Records of aborted transactions go; a marker stays until no record of its transaction is left, and
//!   then until the delete horizon of its batch.
//! - The delete horizon is set, once, when a tombstone or such a marker is met first. Source: KIP-534.
//! - Of a batch that has lost all its records the header stays where it is the last of a producer that
//!   is remembered, and at the end of what is compacted: so sequences and offsets are known as before.
//!
//! Source: Kafka's `Cleaner.shouldRetainRecord` and `MemoryRecords.filterTo`.

use std::collections::HashMap;

use super::offset_map::OffsetMap;
use super::transactions::Transactions;
use crate::log::error::{Error, Fault};
use crate::model::{Offset, TopicConfig};
use crate::record::{Batch, BatchRewriter, BuildError, CorruptBatch, Decompressor, HEADER_BYTES};
use crate::record::{Record, emptied};
use crate::storage::{self, File};

/// What the log remembers of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastOfProducer {
    /// Its last batch ends here.
    Batch(Offset),
    /// None but a marker, in this epoch.
    Marker(i16),
}

/// Counts of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) before: u64,
    pub(super) after: u64,
}

/// Why a batch cannot be compacted.
#[derive(Debug)]
pub(super) enum Unfit {
    Corrupt(CorruptBatch),
    Build(BuildError),
}

impl From<CorruptBatch> for Unfit {
    fn from(cause: CorruptBatch) -> Self {
        Self::Corrupt(cause)
    }
}

impl Unfit {
    /// As an error about the file that the batch stands in.
    pub(super) fn at(self, file: &dyn File, position: u64) -> Error {
        match self {
            Self::Corrupt(cause) => Fault::Corrupt(cause).at(file, position),
            Self::Build(error) => {
                let source = std::io::Error::other(error);
                storage::Error::new("write anew a batch of", file.display(), source).into()
            }
        }
    }
}

/// Decides, batch by batch, what stays, and writes anew what loses a part.
#[derive(Debug)]
pub(super) struct RecordFilter<'c> {
    pub(super) map: &'c OffsetMap,
    pub(super) config: &'c TopicConfig,
    pub(super) transactions: Transactions,
    pub(super) last_of_producers: &'c HashMap<i64, LastOfProducer>,
    pub(super) now_ms: i64,
    pub(super) counts: Counts,
    /// Something was left out or written anew since this was set to `false`.
    pub(super) has_changed: bool,
    decompressor: Decompressor,
    rewriter: BatchRewriter,
    header: [u8; HEADER_BYTES],
}

/// What filtering the records of a batch came to.
#[derive(Debug, Clone, Copy, Default)]
struct Filtered {
    before: u64,
    after: u64,
    has_tombstones: bool,
}

impl<'c> RecordFilter<'c> {
    pub(super) fn new(
        map: &'c OffsetMap,
        config: &'c TopicConfig,
        transactions: Transactions,
        last_of_producers: &'c HashMap<i64, LastOfProducer>,
        now_ms: i64,
    ) -> Self {
        Self {
            map,
            config,
            transactions,
            last_of_producers,
            now_ms,
            counts: Counts::default(),
            has_changed: false,
            decompressor: Decompressor::for_max_message_bytes(config.max_message_bytes),
            rewriter: BatchRewriter::default(),
            header: [0; HEADER_BYTES],
        }
    }

    /// What stays of a batch; `None` if nothing does. `is_last` tells that none follows it in what
    /// is compacted.
    pub(super) fn retained<'s>(
        &'s mut self,
        batch: &Batch<'s>,
        is_last: bool,
    ) -> Result<Option<&'s [u8]>, Unfit> {
        let counts_no_more = self.transactions.meet(batch)?;
        let attributes = batch.attributes();
        let horizon_ms = attributes.has_delete_horizon().then(|| batch.base_timestamp());
        let is_due = horizon_ms.is_some_and(|horizon_ms| horizon_ms <= self.now_ms);
        let is_dropped = counts_no_more && (!attributes.is_control() || is_due);
        let is_past_map = batch.base_offset().0 > self.map.latest();
        let filtered = if is_dropped {
            let before = batch.records_count().unsigned_abs().into();
            Filtered { before, ..Filtered::default() }
        } else if is_past_map || attributes.is_control() {
            let count = batch.records_count().unsigned_abs().into();
            Filtered { before: count, after: count, has_tombstones: false }
        } else {
            self.filter(batch, is_due, None)?
        };
        self.counts.before += filtered.before;
        self.counts.after += filtered.after;
        if filtered.after == 0 {
            if !is_last && !self.is_last_of_producer(batch) {
                self.has_changed = true;
                return Ok(None);
            }
            self.header = emptied(batch);
            self.has_changed |= self.header[..] != *batch.as_bytes();
            return Ok(Some(&self.header));
        }
        let is_for_later = batch.last_offset().0 > self.map.latest();
        let may_go_later = filtered.has_tombstones || (attributes.is_control() && counts_no_more);
        let sets_horizon = may_go_later && horizon_ms.is_none() && !is_for_later;
        if !sets_horizon && filtered.after == filtered.before {
            return Ok(Some(batch.as_bytes()));
        }
        self.has_changed = true;
        if sets_horizon {
            let horizon_ms = self.now_ms.saturating_add(self.config.delete_retention_ms);
            self.filter(batch, false, Some(horizon_ms))?;
        }
        let codec = attributes.compression()?;
        let level = self.config.compression_level(codec);
        self.rewriter.finish(codec, level).map(Some).map_err(Unfit::Build)
    }

    /// Pushes those records into the rewriter that stay. `is_due` tells that tombstones go.
    fn filter(
        &mut self,
        batch: &Batch<'_>,
        is_due: bool,
        horizon_ms: Option<i64>,
    ) -> Result<Filtered, CorruptBatch> {
        let (map, is_control) = (self.map, batch.attributes().is_control());
        let mut filtered = Filtered::default();
        self.rewriter.begin(batch, horizon_ms);
        let mut records = batch.records(&mut self.decompressor)?;
        while let Some(record) = records.next_with_bytes() {
            let (record, bytes) = record?;
            filtered.before += 1;
            if is_control || stays(map, &record, is_due) {
                filtered.after += 1;
                filtered.has_tombstones |= !is_control && record.value.is_none();
                self.rewriter.push(&record, bytes);
            }
        }
        Ok(filtered)
    }

    fn is_last_of_producer(&self, batch: &Batch<'_>) -> bool {
        match self.last_of_producers.get(&batch.producer_id()) {
            Some(LastOfProducer::Batch(offset)) => batch.last_offset() == *offset,
            Some(LastOfProducer::Marker(epoch)) => {
                batch.attributes().is_control() && batch.producer_epoch() == *epoch
            }
            None => false,
        }
    }
}

fn stays(map: &OffsetMap, record: &Record<'_>, is_due: bool) -> bool {
    if record.offset > map.latest() {
        return true;
    }
    let Some(key) = record.key else {
        return false;
    };
    (record.value.is_some() || !is_due) && record.offset >= map.get(key)
}
