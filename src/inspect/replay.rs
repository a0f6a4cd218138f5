//! What follows from the batches of a log, in their order: its producers, its aborted
//! transactions, its leader epochs. What stands beside the segments is held to that.
//!
//! A log need not begin with its first batch, and compaction takes batches out of it: where they
//! may be missing, only what is there counts.

use std::collections::{HashSet, VecDeque};

use super::finding::{Findings, Problem, Severity};
use super::producers::are_well_formed;
use crate::log::epochs::{EpochEntry, LeaderEpochs};
use crate::log::snapshot::{self, SnapshotEntry};
use crate::log::{AbortedTransaction, Place, ProducerReplay, names};
use crate::model::Offset;
use crate::record::Batch;
use crate::storage::{self, Open, Result};

/// An abort marker of a segment, and what of its transaction was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) entry: AbortedTransaction,
    /// A batch of it was met, be it one without records.
    pub(super) was_begun: bool,
    /// A batch of it with records was met: readers need the entry.
    pub(super) has_records: bool,
}

/// A log up to where a walk has come.
#[derive(Debug)]
pub(super) struct Replay<'p> {
    place: &'p Place,
    /// Where the walk began.
    start: Offset,
    /// The offset after the last batch.
    pub(super) end: Offset,
    /// Every offset since the start was met, so that nothing can be missing.
    is_dense: bool,
    /// Offsets are missing within a segment, as compaction leaves it.
    pub(super) has_holes: bool,
    /// Damage explains what is missing before the next batch.
    is_lost: bool,
    pub(super) producers: ProducerReplay,
    /// Producers whose transaction is open and has records.
    with_records: HashSet<i64>,
    /// The abort markers of the segment that is walked.
    pub(super) aborted: Vec<Aborted>,
    /// Where each leader epoch begins, by the batches.
    pub(super) epochs: Vec<EpochEntry>,
    /// What the file says of that; empty where it says nothing.
    told_epochs: LeaderEpochs,
    /// The batch's epoch and the file's that were told last.
    told: Option<(i32, i32)>,
    /// Offsets of the snapshots that the walk has not come to.
    snapshots: VecDeque<Offset>,
}

impl<'p> Replay<'p> {
    /// A walk that begins with the segment of this base offset. `snapshots` are in order.
    pub(super) fn new(place: &'p Place, start: Offset, snapshots: Vec<Offset>) -> Result<Self> {
        let told_epochs = LeaderEpochs::read(&*place.storage, &place.dir)?;
        Ok(Self {
            place,
            start,
            end: start,
            is_dense: true,
            has_holes: false,
            is_lost: false,
            producers: ProducerReplay::default(),
            with_records: HashSet::new(),
            aborted: Vec::new(),
            epochs: Vec::new(),
            told_epochs,
            told: None,
            snapshots: snapshots.into_iter().filter(|offset| *offset > start).collect(),
        })
    }

    /// Whether all that ever was in the log was met.
    pub(super) fn is_complete(&self) -> bool {
        self.is_dense && self.start == Offset::ZERO
    }

    /// Something may be missing from here on.
    pub(super) const fn lose_track(&mut self) {
        self.is_dense = false;
        self.is_lost = true;
    }

    /// Comes to messages of an old format, of which it is not known which offsets they have.
    pub(super) const fn meet_old(&mut self) {
        self.is_dense = false;
        self.has_holes = true;
    }

    /// Begins with another segment.
    pub(super) fn begin_segment(&mut self, base: Offset) {
        self.aborted.clear();
        if base != self.end {
            self.is_dense = false;
            self.end = self.end.max(base);
        }
    }

    /// Takes note of the next batch.
    pub(super) fn batch(&mut self, batch: &Batch<'_>, findings: &mut Findings) -> Result<()> {
        let base = batch.base_offset();
        self.come_to(base, findings)?;
        let is_full = i64::from(batch.records_count()) == i64::from(batch.last_offset_delta()) + 1;
        let is_hole = base != self.end && !std::mem::take(&mut self.is_lost);
        if base != self.end || !is_full {
            self.is_dense = false;
        }
        self.has_holes |= is_hole || !is_full;
        self.end = self.end.max(batch.next_offset());
        self.epoch(batch, findings);
        let (id, attributes) = (batch.producer_id(), batch.attributes());
        // Without records compaction may have taken the marker out.
        if let Some(first_offset) = self.producers.outlived(batch)
            && self.with_records.remove(&id)
        {
            let path = self.place.storage.display(&self.place.dir);
            let what = Problem::UnknownEnd { producer_id: id, first_offset };
            findings.whole(&path, Severity::Damage, what);
        }
        if let Some(ended) = self.producers.follow(batch) {
            let has_records = self.with_records.remove(&id);
            if !ended.is_committed {
                let (entry, was_begun) = (ended.entry, ended.was_begun);
                self.aborted.push(Aborted { entry, was_begun, has_records });
            }
        } else if id >= 0 && attributes.is_transactional() && batch.records_count() > 0 {
            self.with_records.insert(id);
        }
        Ok(())
    }

    /// Holds the file of leader epochs to a batch.
    fn epoch(&mut self, batch: &Batch<'_>, findings: &mut Findings) {
        let (found, offset) = (batch.leader_epoch(), batch.base_offset());
        if found < 0 {
            return;
        }
        if self.epochs.last().is_none_or(|last| last.epoch < found) {
            self.epochs.push(EpochEntry { epoch: found, start_offset: offset });
        }
        // What lies below the first entry was deleted, but for the rest of its segment.
        let Some(expected) = self.told_epochs.at(offset) else {
            return;
        };
        if found != expected && self.told.replace((found, expected)) != Some((found, expected)) {
            let path = self.place.storage.display(&self.place.path_of(names::LEADER_EPOCHS));
            let what = Problem::OtherEpoch { offset, found, expected };
            findings.whole(&path, Severity::Damage, what);
        }
    }

    /// Compares the snapshots up to an offset.
    pub(super) fn come_to(&mut self, offset: Offset, findings: &mut Findings) -> Result<()> {
        while let Some(next) = self.snapshots.front().copied().filter(|next| *next <= offset) {
            self.snapshots.pop_front();
            let path = self.place.path_of(&names::segment_file(next, names::SNAPSHOT));
            let opened = self.place.storage.open(&path, Open::Read);
            let Some(file) = storage::found(opened)? else {
                continue;
            };
            // That it is damaged is told where files are looked at one by one.
            let entries = snapshot::read(&*file)?;
            if let Some(entries) = entries.filter(|entries| are_well_formed(entries, next)) {
                for what in self.compare(next, &entries) {
                    findings.whole(file.display(), Severity::Damage, what);
                }
            }
        }
        Ok(())
    }

    /// Tells of leader epochs that begin past the end of the log: a crash of the machine leaves them,
    /// where no end is published.
    pub(super) fn hold_epochs_to(&self, end: Offset, severity: Severity, findings: &mut Findings) {
        for EpochEntry { epoch, start_offset: start } in self.told_epochs.entries() {
            if *start > end {
                let path = self.place.storage.display(&self.place.path_of(names::LEADER_EPOCHS));
                let what = Problem::EpochPastEnd { epoch: *epoch, start: *start, end };
                findings.whole(&path, severity, what);
            }
        }
    }

    /// What a snapshot says that is not so.
    fn compare(&self, offset: Offset, entries: &[SnapshotEntry]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for entry in entries {
            let producer_id = entry.producer_id;
            let what = match self.producers.get(producer_id) {
                Some(replayed) => self.difference(entry, &replayed),
                // Its batches may lie before the start, or have been compacted away.
                None if entry.last_offset < self.start.0 || !self.is_dense => None,
                None => Some("the log has no batch of it"),
            };
            problems.extend(what.map(|what| Problem::OtherProducer { producer_id, what }));
        }
        // The idle are forgotten, but not who is in a transaction.
        for (start, producer_id) in self.producers.open().filter(|_| self.is_complete()) {
            let knows = entries.iter().any(|entry| entry.producer_id == producer_id);
            if start < offset && !knows {
                let what = "it is missing, and has a transaction open";
                problems.push(Problem::OtherProducer { producer_id, what });
            }
        }
        problems
    }

    fn difference(&self, told: &SnapshotEntry, replayed: &SnapshotEntry) -> Option<&'static str> {
        if told.last_offset < 0 {
            return None;
        }
        if told.last_offset != replayed.last_offset {
            // A batch that is there must not be unknown; one that is not may have been compacted.
            let is_missing = self.is_complete() || replayed.last_offset > told.last_offset;
            return (is_missing && replayed.last_offset >= 0)
                .then_some("its last batch is another");
        }
        let batch =
            |entry: &SnapshotEntry| (entry.producer_epoch, entry.last_sequence, entry.offset_delta);
        if batch(told) != batch(replayed) {
            return Some("its last batch has another epoch, sequence or length");
        }
        if self.is_dense && told.timestamp != replayed.timestamp {
            return Some("its last batch has another timestamp");
        }
        let is_known = self.is_complete() || told.transaction_start >= self.start.0;
        (is_known && told.transaction_start != replayed.transaction_start)
            .then_some("its open transaction is another")
    }
}
