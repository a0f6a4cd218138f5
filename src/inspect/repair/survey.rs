//! Which batches of a log stay, which go, and which only have a wrong number.
//!
//! The crc of a batch covers neither its base offset nor its leader epoch. A sound batch whose
//! offsets don't fit between its neighbours has a wrong base offset, and if there is just room for
//! it the right one is known. What can't be told is taken out.

use std::ops::Range;

use super::super::batches::{BatchWalk, Search, Step};
use super::super::decoded::Schema;
use super::super::finding::Severity;
use super::super::problem::Problem;
use super::super::segment::check_records;
use crate::log::epochs::{EpochEntry, LeaderEpochs};
use crate::log::{Fault, Place, Result, index, list_segments, names};
use crate::model::{Offset, limits};
use crate::record::{Batch, Decompressor};
use crate::storage::{File, Open};

/// Bytes that go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) range: Range<u64>,
    pub(super) why: Problem,
    /// What a writer or a machine leaves that stops: the next writer deals with it.
    pub(super) is_torn: bool,
    /// What takes their place.
    pub(super) restored: Option<Restored>,
}

/// A marker that is put in the place of a damaged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restored {
    pub(super) bytes: Vec<u8>,
    pub(super) offset: Offset,
    pub(super) producer_id: i64,
    pub(super) is_committed: bool,
    pub(super) leader_epoch: i32,
    pub(super) timestamp: i64,
}

/// A batch whose header gets another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patch {
    /// Where the batch begins.
    pub(super) position: u64,
    pub(super) base_offset: Option<Offset>,
    pub(super) leader_epoch: Option<i32>,
}

/// A segment as it was found, and what is to become of it.
#[derive(Debug, Clone)]
pub(super) struct Surveyed {
    pub(super) base: Offset,
    /// Bytes that were looked at.
    pub(super) len: u64,
    pub(super) cuts: Vec<Cut>,
    pub(super) patches: Vec<Patch>,
    /// Base offset of the first batch that stays.
    pub(super) first: Option<Offset>,
    /// The offset after the last batch of the log up to here that stays.
    pub(super) end: Offset,
    /// Leader epoch and largest timestamp of the last batch up to here that stays.
    pub(super) last_epoch: i32,
    pub(super) last_timestamp: i64,
    /// The offset after the last batch of the segment before.
    pub(super) begins_after: Offset,
}

impl Surveyed {
    /// Whether the file must be written anew.
    pub(super) fn is_changed(&self) -> bool {
        !self.cuts.is_empty() || !self.patches.is_empty()
    }

    /// Lets a marker stand for what a cut takes out.
    pub(super) fn restore(&mut self, cut: usize, restored: Restored) {
        let Restored { offset, leader_epoch, timestamp, .. } = restored;
        if offset >= self.end {
            self.end = offset.next();
            (self.last_epoch, self.last_timestamp) = (leader_epoch, timestamp);
        }
        self.first = Some(self.first.map_or(offset, |first| first.min(offset)));
        self.cuts[cut].restored = Some(restored);
    }

    fn cut(&mut self, range: Range<u64>, why: Problem) {
        match self.cuts.last_mut() {
            Some(last) if last.range.end == range.start => last.range.end = range.end,
            _ => self.cuts.push(Cut { range, why, is_torn: false, restored: None }),
        }
    }

    /// Puts the cuts in order: a batch is judged after what follows it.
    fn merge_cuts(&mut self) {
        self.cuts.sort_by_key(|cut| cut.range.start);
        self.cuts.dedup_by(|later, earlier| {
            let touches = earlier.range.end == later.range.start && !later.is_torn;
            if touches {
                earlier.range.end = later.range.end;
            }
            touches
        });
        self.patches.sort_by_key(|patch| patch.position);
    }
}

/// A batch that waits for the next to be judged by.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    position: u64,
    bytes: u64,
    base_offset: Offset,
    last_delta: i64,
    leader_epoch: i32,
    timestamp: i64,
}

impl Candidate {
    fn of(position: u64, bytes: u64, batch: &Batch<'_>) -> Self {
        Self {
            position,
            bytes,
            base_offset: batch.base_offset(),
            last_delta: i64::from(batch.last_offset_delta()),
            leader_epoch: batch.leader_epoch(),
            timestamp: batch.max_timestamp(),
        }
    }

    /// What only says with which offset the next segment begins.
    const fn of_segment(position: u64, base_offset: Offset) -> Self {
        let (leader_epoch, timestamp) = (-1, -1);
        Self { position, bytes: 0, base_offset, last_delta: 0, leader_epoch, timestamp }
    }

    fn next_from(&self, base: Offset) -> Offset {
        base + self.last_delta + 1
    }
}

/// Looks through all segments of a log; gives them, and where each leader epoch begins by the
/// batches that stay.
pub(super) fn survey(place: &Place) -> Result<(Vec<Surveyed>, Vec<EpochEntry>)> {
    let storage = &*place.storage;
    let segments = list_segments(storage, &place.dir)?;
    let mut survey = Survey {
        epochs: LeaderEpochs::read(storage, &place.dir)?,
        schema: Schema::of(&place.partition.topic),
        scratch: Decompressor::new(limits::DECOMPRESSED_BYTES_MAX),
        end: segments.first().copied().unwrap_or_default(),
        epoch: -1,
        timestamp: -1,
        begun: Vec::new(),
    };
    let mut surveyed = Vec::new();
    for (number, base) in segments.iter().enumerate() {
        let path = place.path_of(&names::segment_file(*base, names::LOG));
        let file = storage.open(&path, Open::Read)?;
        let next_base = segments.get(number + 1).copied();
        surveyed.push(survey.segment(&*file, *base, next_base)?);
    }
    Ok((surveyed, survey.begun))
}

struct Survey {
    epochs: LeaderEpochs,
    schema: Schema,
    scratch: Decompressor,
    /// The offset after the last batch that stays, its epoch, its largest timestamp.
    end: Offset,
    epoch: i32,
    timestamp: i64,
    begun: Vec<EpochEntry>,
}

impl Survey {
    fn segment(
        &mut self,
        file: &dyn File,
        base: Offset,
        next_base: Option<Offset>,
    ) -> Result<Surveyed> {
        let len = file.metadata()?.len;
        let mut walk = BatchWalk::new(file, len);
        let mut of = Surveyed {
            base,
            len,
            cuts: Vec::new(),
            patches: Vec::new(),
            first: None,
            end: self.end,
            last_epoch: self.epoch,
            last_timestamp: self.timestamp,
            begins_after: self.end,
        };
        let mut waiting: Option<Candidate> = None;
        while let Some(step) = walk.next()? {
            match step {
                Step::Batch { position, bytes, batch, is_whole } => {
                    let candidate = Candidate::of(position, bytes, &batch);
                    let broken = match is_whole {
                        true => check_records(&batch, self.schema, &mut self.scratch),
                        false => None,
                    };
                    match broken {
                        // A record of Kafka's own that is of no known form is a record all the same.
                        Some((Severity::Damage, why))
                            if !matches!(why, Problem::Undecodable { .. }) =>
                        {
                            of.cut(position..position + bytes, why);
                        }
                        _ => {
                            self.settle(&mut of, waiting.replace(candidate), Some(&candidate));
                        }
                    }
                }
                Step::Old { offset, .. } => {
                    self.settle(&mut of, waiting.take(), None);
                    of.first.get_or_insert(offset);
                    self.end = self.end.max(offset.next());
                }
                // The batch before it waits on: what follows the damage tells of it too.
                Step::Fault { position, fault } => {
                    let is_last = next_base.is_none();
                    match self.cut_out(&mut walk, &mut of, (position, fault), is_last)? {
                        Some(next) => walk.go_on_at(next),
                        None => break,
                    }
                }
            }
        }
        let after = next_base.map(|base| Candidate::of_segment(len, base));
        self.settle(&mut of, waiting, after.as_ref());
        of.merge_cuts();
        (of.end, of.last_epoch, of.last_timestamp) = (self.end, self.epoch, self.timestamp);
        Ok(of)
    }

    /// Cuts from a fault to the next batch; gives where that is, if there is one.
    fn cut_out(
        &self,
        walk: &mut BatchWalk<'_>,
        of: &mut Surveyed,
        (position, fault): (u64, Fault),
        is_last: bool,
    ) -> Result<Option<u64>> {
        let found = walk.search(self.end, of.base, &mut |_| {})?;
        if let Search::Found(next) = found {
            of.cut(position..next, Problem::Broken { fault, next });
            return Ok(Some(next));
        }
        let is_torn = is_last
            && found == Search::Nothing
            && (walk.rest_is_zero()?
                || fault == Fault::Incomplete && walk.can_be_front(self.end, of.base)?);
        let (bytes, range) = (of.len - position, position..of.len);
        let why = Problem::BrokenToTheEnd { fault, bytes };
        of.cuts.push(Cut { range, why, is_torn, restored: None });
        Ok(None)
    }

    /// Decides on a batch by what stands before and after it.
    fn settle(&mut self, of: &mut Surveyed, batch: Option<Candidate>, next: Option<&Candidate>) {
        let Some(batch) = batch else {
            return;
        };
        let mut base_offset = batch.base_offset;
        let limit = next.map(|next| next.base_offset);
        if self.is_misplaced(&batch, limit, of.base) {
            let fits = limit.is_none_or(|limit| batch.next_from(self.end) == limit);
            if !fits || index::relative(batch.next_from(self.end), of.base).is_none() {
                let (found, expected) = (batch.base_offset, self.end);
                let why = Problem::Misplaced(Fault::Misplaced { found, expected });
                return of.cut(batch.position..batch.position + batch.bytes, why);
            }
            base_offset = self.end;
        }
        let epoch = self.right_epoch(&batch, base_offset, next);
        let patch = Patch {
            position: batch.position,
            base_offset: (base_offset != batch.base_offset).then_some(base_offset),
            leader_epoch: (epoch != batch.leader_epoch).then_some(epoch),
        };
        if patch.base_offset.is_some() || patch.leader_epoch.is_some() {
            of.patches.push(patch);
        }
        of.first.get_or_insert(base_offset);
        self.end = batch.next_from(base_offset);
        if epoch > self.epoch {
            self.begun.push(EpochEntry { epoch, start_offset: base_offset });
            self.epoch = epoch;
        }
        self.timestamp = batch.timestamp;
    }

    /// Whether a batch's base offset can't be right: it is the one that is out of order.
    fn is_misplaced(&self, batch: &Candidate, limit: Option<Offset>, base: Offset) -> bool {
        let (begin, end) = (batch.base_offset, batch.next_from(batch.base_offset));
        if begin < self.end || index::relative(end, base).is_none() {
            return true;
        }
        match limit {
            // One that follows the batch before without a gap is right, and the next one wrong.
            Some(limit) if end > limit => begin != self.end && limit >= self.end,
            _ => false,
        }
    }

    /// The leader epoch of a batch: epochs never fall. Where the batch's own can't be, that of the
    /// file is taken, or that of the batch before.
    fn right_epoch(&self, batch: &Candidate, base_offset: Offset, next: Option<&Candidate>) -> i32 {
        let found = batch.leader_epoch;
        let next = next.map(|next| next.leader_epoch).filter(|epoch| *epoch >= self.epoch);
        let told = self.epochs.at(base_offset);
        let is_possible = found >= self.epoch && next.is_none_or(|next| found <= next);
        let is_told = told.is_none_or(|told| told == found);
        // At the end of a log only the file can tell.
        let is_doubtful = next.is_none() && !is_told;
        if found < 0 && self.epoch < 0 || is_possible && !is_doubtful {
            return found;
        }
        let told = told.filter(|told| *told >= self.epoch && next.is_none_or(|next| *told <= next));
        match told {
            Some(told) => told,
            None if is_possible => found,
            None => self.epoch.max(0),
        }
    }
}
