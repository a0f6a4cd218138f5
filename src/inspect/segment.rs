//! Verifying one segment: its batches, and its indexes in step with them.

use super::batches::{BatchWalk, Search, Step};
use super::decoded::Schema;
use super::finding::{Findings, Problem, Severity};
use super::indexes::{OffsetCheck, TimeCheck, WalkEnd, Walked};
use super::replay::Replay;
use crate::log::{Fault, Segment, index};
use crate::model::{Offset, TimestampType, limits};
use crate::record::{Batch, CorruptBatch, Decompressor};
use crate::storage::{File, Result};

/// What is known of a segment before the walk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Where its batches end.
    pub(super) end_position: u64,
    /// Used entries of `.index` and `.timeindex`, where they were published.
    pub(super) index_slots: Option<(u64, u64)>,
    /// Whether it is the log's last, which may still be written to.
    pub(super) is_last: bool,
    /// Whether it may end in what a writer or a machine left that stopped.
    pub(super) may_be_torn: bool,
}

/// What a walk counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) batches: u64,
    pub(super) records: u64,
}

/// Where a segment's sound batches end.
#[derive(Debug, Clone, Copy)]
pub(super) struct SegmentEnd {
    pub(super) offset: Offset,
    pub(super) position: u64,
    /// Whether damage hides what comes last.
    pub(super) is_damaged: bool,
    /// Whether damage hides anything.
    pub(super) has_faults: bool,
}

/// What the walks over the segments before have led to, to be gone on with.
#[derive(Debug)]
pub(super) struct SoFar<'v, 'p> {
    pub(super) counts: &'v mut Counts,
    pub(super) replay: &'v mut Replay<'p>,
    pub(super) schema: Schema,
}

/// Walks a segment from its first byte to its end. `progress` is told the position.
pub(super) fn verify_segment(
    segment: &Segment,
    known: Known,
    so_far: SoFar<'_, '_>,
    findings: &mut Findings,
    progress: &mut dyn FnMut(u64),
) -> Result<SegmentEnd> {
    let mut walk = BatchWalk::new(&*segment.log, known.end_position);
    let mut look = Look::new(segment, known, so_far, findings)?;
    let mut is_damaged = false;
    while let Some(step) = walk.next()? {
        match step {
            Step::Batch { position, batch, bytes, is_whole } => {
                look.batch(position, &batch, bytes, is_whole)?;
            }
            Step::Old { position, magic, offset } => look.old(position, magic, offset),
            Step::Fault { position, fault } => {
                match look.fault(&mut walk, position, fault, progress)? {
                    After::GoOn(next) => walk.go_on_at(next),
                    After::Torn => break,
                    After::Damaged => {
                        is_damaged = true;
                        break;
                    }
                }
            }
        }
        progress(walk.position());
    }
    look.finish(walk.position(), is_damaged)
}

/// How it goes on after a fault.
enum After {
    GoOn(u64),
    Torn,
    Damaged,
}

/// What looks at each step of a walk.
struct Look<'s, 'o, 'p> {
    log: &'s dyn File,
    base: Offset,
    known: Known,
    /// The lowest base offset that the next batch may have.
    expected: Offset,
    /// The offset after the highest.
    end: Offset,
    offsets: Option<OffsetCheck<'s>>,
    times: Option<TimeCheck<'s>>,
    scratch: Decompressor,
    told_old: bool,
    has_faults: bool,
    so_far: SoFar<'o, 'p>,
    findings: &'o mut Findings,
}

impl<'s, 'o, 'p> Look<'s, 'o, 'p> {
    fn new(
        segment: &'s Segment,
        known: Known,
        so_far: SoFar<'o, 'p>,
        findings: &'o mut Findings,
    ) -> Result<Self> {
        let (base, is_last) = (segment.base_offset, known.is_last);
        let offset_slots = known.index_slots.map(|(slots, _)| slots);
        let time_slots = known.index_slots.map(|(_, slots)| slots);
        let offsets = match &segment.index {
            Some(file) => Some(OffsetCheck::new(&**file, base, offset_slots, is_last, findings)?),
            None => None,
        };
        let times = match &segment.time_index {
            Some(file) => Some(TimeCheck::new(&**file, base, time_slots, is_last, findings)?),
            None => None,
        };
        Ok(Self {
            log: &*segment.log,
            base,
            known,
            expected: base,
            end: base,
            offsets,
            times,
            scratch: Decompressor::new(limits::DECOMPRESSED_BYTES_MAX),
            told_old: false,
            has_faults: false,
            so_far,
            findings,
        })
    }

    /// A batch with a sound frame and crc.
    fn batch(&mut self, at: u64, batch: &Batch<'_>, bytes: u64, is_whole: bool) -> Result<()> {
        let (path, last_offset) = (self.log.display(), batch.last_offset());
        self.so_far.counts.batches += 1;
        self.so_far.counts.records += match batch.attributes().is_control() {
            true => 0,
            false => u64::try_from(batch.records_count()).unwrap_or_default(),
        };
        if index::relative(last_offset, self.base).is_none() && last_offset >= self.base {
            self.findings.damage(path, at, Problem::TooFar { last_offset });
            return self.skip_to(at + bytes);
        }
        self.expect(at, batch.base_offset());
        self.so_far.replay.batch(batch, self.findings)?;
        if is_whole {
            let schema = self.so_far.schema;
            if let Some((severity, what)) = check_records(batch, schema, &mut self.scratch) {
                match severity {
                    Severity::Damage => self.findings.damage(path, at, what),
                    Severity::Note => self.findings.note(path, at, what),
                }
            }
        } else {
            self.findings.note(path, at, Problem::LargeBatch { bytes });
        }
        self.come_to(batch.next_offset());
        let walked = Walked {
            position: at,
            base_offset: batch.base_offset(),
            last_offset,
            max_timestamp: batch.max_timestamp(),
        };
        if let Some(offsets) = &mut self.offsets {
            offsets.batch(walked, self.findings)?;
        }
        if let Some(times) = &mut self.times {
            times.batch(walked, self.findings)?;
        }
        Ok(())
    }

    /// A message of an old format: its records are not known, so neither are their timestamps.
    fn old(&mut self, at: u64, magic: i8, offset: Offset) {
        if !self.told_old {
            self.findings.note(self.log.display(), at, Problem::OldFormat { magic });
            self.told_old = true;
        }
        self.so_far.counts.batches += 1;
        self.expect(at, offset);
        self.come_to(offset.next());
        self.so_far.replay.meet_old();
        // Which offsets such a message has is not told by its front.
        self.offsets = None;
        self.times = None;
    }

    /// Tells of a batch that begins before the one before it ends. The next is then held to what
    /// this one says, so that one slip is told once.
    fn expect(&mut self, at: u64, found: Offset) {
        let expected = self.expected;
        if found < expected {
            let what = Problem::Misplaced(Fault::Misplaced { found, expected });
            self.findings.damage(self.log.display(), at, what);
        }
    }

    fn come_to(&mut self, next: Offset) {
        self.expected = next;
        self.end = self.end.max(next);
    }

    /// Finds out what a place without a sound batch means.
    fn fault(
        &mut self,
        walk: &mut BatchWalk<'_>,
        at: u64,
        fault: Fault,
        progress: &mut dyn FnMut(u64),
    ) -> Result<After> {
        let path = self.log.display();
        let bytes = self.known.end_position - at;
        self.skip_to(at)?;
        let can_be_torn = self.known.may_be_torn
            && fault == Fault::Incomplete
            && walk.can_be_front(self.expected, self.base)?;
        if self.known.may_be_torn && !can_be_torn && walk.rest_is_zero()? {
            self.findings.note(path, at, Problem::ZeroTail { bytes });
            return Ok(After::Torn);
        }
        let search = walk.search(self.expected, self.base, progress)?;
        if let Search::Found(next) = search {
            self.findings.damage(path, at, Problem::Broken { fault, next });
            self.has_faults = true;
            self.so_far.replay.lose_track();
            self.skip_to(next)?;
            if let Some(times) = &mut self.times {
                times.lose_track();
            }
            return Ok(After::GoOn(next));
        }
        if can_be_torn && search == Search::Nothing {
            self.findings.note(path, at, Problem::TornTail { bytes });
            return Ok(After::Torn);
        }
        self.findings.damage(path, at, Problem::BrokenToTheEnd { fault, bytes });
        self.has_faults = true;
        self.so_far.replay.lose_track();
        Ok(After::Damaged)
    }

    fn skip_to(&mut self, position: u64) -> Result<()> {
        match &mut self.offsets {
            Some(offsets) => offsets.skip_to(position, self.findings),
            None => Ok(()),
        }
    }

    fn finish(self, position: u64, is_damaged: bool) -> Result<SegmentEnd> {
        let end = WalkEnd {
            position,
            offset: self.end,
            unknown_from: is_damaged.then_some(self.end),
            may_have_lost: self.known.may_be_torn && !is_damaged,
        };
        if let Some(offsets) = self.offsets {
            offsets.finish(end, self.findings)?;
        }
        if let Some(times) = self.times {
            times.finish(end, self.findings)?;
        }
        let has_faults = self.has_faults;
        Ok(SegmentEnd { offset: self.end, position, is_damaged, has_faults })
    }
}

/// Decodes every record of a batch, and holds it to the header.
pub(super) fn check_records(
    batch: &Batch<'_>,
    schema: Schema,
    scratch: &mut Decompressor,
) -> Option<(Severity, Problem)> {
    let damage = |cause| Some((Severity::Damage, Problem::Records(Fault::Corrupt(cause))));
    let records = match batch.records(scratch) {
        Ok(records) => records,
        // That it is large is no fault of it.
        Err(cause @ CorruptBatch::TooLarge { .. }) => {
            return Some((Severity::Note, Problem::Records(Fault::Corrupt(cause))));
        }
        Err(cause) => return damage(cause),
    };
    let (mut min, max) = (batch.base_offset().0, batch.last_offset().0);
    let is_control = batch.attributes().is_control();
    let mut largest = i64::MIN;
    for (index, record) in records.enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(cause) => return damage(cause),
        };
        let found = record.offset;
        if found < min || found > max {
            return Some((Severity::Damage, Problem::RecordOffset { index, found, min, max }));
        }
        if !is_control && let Err(cause) = schema.decode(&record) {
            return Some((Severity::Damage, Problem::Undecodable { index, cause }));
        }
        min = found.saturating_add(1);
        largest = largest.max(record.timestamp);
    }
    let max = batch.max_timestamp();
    let is_own_time = batch.attributes().timestamp_type() == TimestampType::CreateTime;
    (is_own_time && largest > max)
        .then_some((Severity::Note, Problem::RecordTimestamp { found: largest, max }))
}
