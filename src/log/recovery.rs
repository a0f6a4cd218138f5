//! Finding out what a log holds, where no control file can be trusted.
//!
//! Everything below the recovery point is known to be durable. From there to the end each batch
//! is checked; the first that is not sound ends the log, since a machine that stops may have
//! stored later bytes without earlier ones. A reader, who holds no lock, just stops there
//! ([`examine_tail`]). The next writer makes it so: indexes anew, the tail cut, what was cut kept
//! beside, later segments put away.
//!
//! Source: Kafka's `LogLoader` and `LogSegment.recover`.

use super::control::State;
use super::deletion::remove_below;
use super::epochs::LeaderEpochs;
use super::error::{Fault, Result};
use super::leftovers::finish_replacements;
use super::names::{self, INDEX, LOG, TIME_INDEX, TXN_INDEX};
use super::partition::{Notice, Owned, Place};
use super::segment::{Segment, first_needed, list_segments, path_in};
use super::snapshot::remove_past;
use super::suspect::rewrite;
use super::txn_index::remake_txn_indexes;
use super::walk::{SegmentFacts, walk_segment};
use crate::model::Offset;
use crate::storage::{self, File, Open, Storage};

/// Bytes copied at a time when a cut tail is put away.
const COPY_BYTES: usize = 1 << 20;

/// Why a log ends where it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TailFault {
    /// Base offset of the segment.
    pub segment: Offset,
    /// Where in its `.log` file the fault is.
    pub position: u64,
    /// What is wrong there.
    pub fault: Fault,
}

/// What a reader found out of the end of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TailExamined {
    /// The segments, up to the one in which the log ends.
    pub(super) segments: Vec<Offset>,
    /// The offset after the last sound batch.
    pub(super) end_offset: Offset,
    /// Where in the last of the segments it ends.
    pub(super) end_position: u64,
    /// A batch that was looked at is of a producer with an id.
    pub(super) has_producers: bool,
    /// What follows it there, if anything does.
    pub(super) fault: Option<TailFault>,
}

impl TailExamined {
    /// What is wrong where the log ends below its recovery point.
    pub(super) fn loss_of_durable(&self, recovery_point: Offset) -> Option<TailFault> {
        let (segment, end) = (*self.segments.last()?, self.end_offset);
        let fault = Fault::EndsEarly { end, recovery_point };
        let position = self.end_position;
        (end < recovery_point).then_some(TailFault { segment, position, fault })
    }
}

/// Finds the end of a log of these segments from its files alone, checking everything past the
/// recovery point.
///
/// # Errors
/// As the file system says.
pub(super) fn examine_tail(
    storage: &dyn Storage,
    dir: &str,
    mut segments: Vec<Offset>,
    recovery_point: Offset,
) -> Result<TailExamined> {
    let first = first_to_check(&segments, recovery_point);
    let mut examined = TailExamined {
        end_offset: segments.first().copied().unwrap_or_default(),
        end_position: 0,
        has_producers: false,
        segments: Vec::new(),
        fault: None,
    };
    for (number, base) in segments.iter().enumerate().skip(first) {
        let segment = Segment::open(storage, dir, *base)?;
        let start = segment.position_of(recovery_point + -1, segment.log.metadata()?.len)?;
        let mut facts = walk_segment(&*segment.log, *base, start, u64::MAX)?;
        if facts.end_position == start && start > 0 {
            // The batch that the recovery point follows is not there, or damaged.
            facts = walk_segment(&*segment.log, *base, 0, u64::MAX)?;
        }
        examined.end_offset = facts.end_offset;
        examined.end_position = facts.end_position;
        examined.has_producers |= facts.has_producers;
        if let Some(fault) = facts.fault {
            examined.fault =
                Some(TailFault { segment: *base, position: facts.end_position, fault });
            segments.truncate(number + 1);
            break;
        }
    }
    examined.segments = segments;
    Ok(examined)
}

/// Which of the segments holds the recovery point.
fn first_to_check(segments: &[Offset], recovery_point: Offset) -> usize {
    segments.partition_point(|base| *base <= recovery_point).saturating_sub(1)
}

/// Makes a log whole, with its lock in hand, and gives its state and active segment. Everything
/// that the state covers is durable then. All below `durable` is known to be so, beside what the
/// checkpoint says.
///
/// # Errors
/// As the file system says; [`super::Error::Corrupt`] for damage of what was known to be durable,
/// of which nothing is changed.
pub(super) fn recover(
    place: &Place,
    owned: &Owned,
    index_interval_bytes: u64,
    durable: Offset,
    now_ms: i64,
    notices: &mut Vec<Notice>,
) -> Result<(State, Segment)> {
    let log_start = place.log_start()?.unwrap_or_default();
    let segments = segments_to_recover(place, log_start, index_interval_bytes)?;
    let recovery_point = place.recovery_point()?.max(durable);
    let epochs = LeaderEpochs::read(&*place.storage, &place.dir)?;
    let mut recovery = Recovery {
        place,
        owned,
        index_interval_bytes,
        now_ms,
        recovery_point,
        epoch: epochs.latest(),
        has_producers: false,
        has_transactions: false,
        epochs,
        notices,
    };
    let first = first_to_check(&segments, recovery_point);
    let mut number = first;
    loop {
        let later = &segments[number + 1..];
        let (segment, facts, is_cut) = recovery.segment(segments[number], later)?;
        if is_cut || later.is_empty() {
            let log_start = log_start.max(segments[0]);
            let mut state = recovery.state(&facts, segment.base_offset, log_start);
            let end = Offset(state.end_offset);
            remove_past(&*place.storage, &place.dir, end)?;
            state.txn_slots = recovery.txn_indexes(&segments[..=number], first)?;
            return Ok((state, segment));
        }
        number += 1;
    }
}

/// The segments of a log, at least one, their names durable.
fn segments_to_recover(
    place: &Place,
    log_start: Offset,
    index_interval_bytes: u64,
) -> Result<Vec<Offset>> {
    let storage = &*place.storage;
    finish_replacements(storage, &place.dir, index_interval_bytes)?;
    let mut segments = list_segments(storage, &place.dir)?;
    // Whoever raised the log start may have died before they were removed.
    if first_needed(&segments, log_start) > 0 {
        remove_below(place, log_start, Offset(i64::MAX))?;
        segments = list_segments(storage, &place.dir)?;
    }
    if segments.is_empty() {
        Segment::open_active(storage, &place.dir, log_start, Open::Create)?;
        segments.push(log_start);
    }
    // A writer that died may have made names that are not durable yet.
    storage.sync_dir(&place.dir)?;
    Ok(segments)
}

/// A recovery under way.
struct Recovery<'p> {
    place: &'p Place,
    owned: &'p Owned,
    index_interval_bytes: u64,
    now_ms: i64,
    recovery_point: Offset,
    epochs: LeaderEpochs,
    /// The epoch that appends are to be made in.
    epoch: i32,
    has_producers: bool,
    has_transactions: bool,
    notices: &'p mut Vec<Notice>,
}

impl Recovery<'_> {
    /// Makes a segment whole and durable, its indexes anew. Where it has a fault the log is cut off
    /// there, the `later` segments with it: true then.
    fn segment(&mut self, base: Offset, later: &[Offset]) -> Result<(Segment, SegmentFacts, bool)> {
        let place = self.place;
        let segment = Segment::open_active(&*place.storage, &place.dir, base, Open::Write)?;
        let mut facts = walk_segment(&*segment.log, base, 0, self.index_interval_bytes)?;
        let fault = facts.fault.take();
        if let Some(fault) = self.loss_of_durable(&facts, fault.as_ref(), later) {
            return Err(fault.at(&*segment.log, facts.end_position));
        }
        let is_cut = fault.is_some();
        if !is_cut && !later.is_empty() {
            facts.push_time();
        }
        segment.rewrite_indexes(&facts.offsets, &facts.times)?;
        self.epoch = self.epoch.max(facts.leader_epoch);
        self.has_producers |= facts.has_producers;
        self.has_transactions |= facts.has_transactions;
        if is_cut {
            self.begin_epoch(facts.end_offset)?;
            self.cut(&segment, facts.end_position, later)?;
        }
        // A sync may have failed since the machine started, and nobody been told.
        let from = segment.position_of(self.recovery_point, facts.end_position)?;
        rewrite(&*segment.log, from, facts.end_position)?;
        segment.finish(facts.offsets.len() as u64, facts.times.len() as u64)?;
        Ok((segment, facts, is_cut))
    }

    /// Makes the indexes of aborted transactions of the segments from number `first` on anew; gives
    /// the number of entries of the last.
    fn txn_indexes(&self, segments: &[Offset], first: usize) -> Result<u64> {
        if self.has_transactions {
            return remake_txn_indexes(self.place, segments, segments[first]);
        }
        for base in &segments[first..] {
            let path = self.place.path_of(&names::segment_file(*base, TXN_INDEX));
            storage::found(self.place.storage.remove_file(&path))?;
        }
        Ok(0)
    }

    /// What is wrong where a log ends below its recovery point. No crash leaves that: what is not
    /// there was durable, and so is what follows it. To cut there would lose records that were
    /// acknowledged.
    fn loss_of_durable(
        &self,
        facts: &SegmentFacts,
        fault: Option<&Fault>,
        later: &[Offset],
    ) -> Option<Fault> {
        let (end, recovery_point) = (facts.end_offset, self.recovery_point);
        if end >= recovery_point || (fault.is_none() && !later.is_empty()) {
            return None;
        }
        Some(fault.cloned().unwrap_or(Fault::EndsEarly { end, recovery_point }))
    }

    /// Begins a leader epoch at the offset where the log is to be cut: who remembers what follows
    /// it can tell. Before the cut: who dies in between leaves an epoch too many, never one too
    /// few, and never one that records had which are cut off here.
    fn begin_epoch(&mut self, end: Offset) -> Result<()> {
        self.epoch += 1;
        self.epochs.truncate_to(end);
        self.epochs.begin(self.epoch, end);
        Ok(self.epochs.write(&*self.place.storage, &self.place.dir)?)
    }

    /// Cuts a segment at a position and takes all later segments out of the log. What is taken
    /// away is kept in the directory for cuts, and is durable there before it leaves the log.
    fn cut(&mut self, segment: &Segment, position: u64, later: &[Offset]) -> Result<()> {
        let (place, now_ms) = (self.place, self.now_ms);
        let storage = &*place.storage;
        let kept = self.make_cut_dir()?;
        let len = segment.log.metadata()?.len;
        let name = names::segment_file(segment.base_offset, LOG);
        let copy = storage.open(&format!("{kept}/{name}.{position}.{now_ms}"), Open::Create)?;
        copy_tail(&*segment.log, position, &*copy)?;
        storage.sync_dir(&kept)?;
        // Later segments first: were the first one cut before, a crash would leave a hole.
        for base in later.iter().rev() {
            let name = names::segment_file(*base, LOG);
            storage.rename(&path_in(&place.dir, &name), &format!("{kept}/{name}.{now_ms}"))?;
            for suffix in [INDEX, TIME_INDEX, TXN_INDEX] {
                let index = path_in(&place.dir, &names::segment_file(*base, suffix));
                storage::found(storage.remove_file(&index))?;
            }
        }
        storage.sync_dir(&kept)?;
        storage.sync_dir(&place.dir)?;
        segment.log.set_len(position)?;
        self.notices.push(Notice::TailCut {
            partition: place.partition.clone(),
            bytes: len - position,
            segments: later.len(),
            kept: storage.display(&kept),
        });
        Ok(())
    }

    /// The directory in which what is cut off this log is kept, its name durable.
    fn make_cut_dir(&self) -> Result<String> {
        let storage = &*self.place.storage;
        let kept = format!("{}/{}", self.owned.cut_dir, self.place.partition);
        for dir in [self.owned.cut_dir.as_str(), kept.as_str()] {
            match storage.create_dir(dir) {
                Err(error) if !error.already_exists() => return Err(error.into()),
                _ => storage.sync_dir(dir.rsplit_once('/').map_or("", |(parent, _)| parent))?,
            }
        }
        Ok(kept)
    }

    /// The state of a log whose last segment is whole and durable.
    fn state(&self, last: &SegmentFacts, active_base: Offset, log_start: Offset) -> State {
        let end_offset = last.end_offset.max(log_start).0;
        State {
            log_start_offset: log_start.0,
            end_offset,
            end_position: last.end_position,
            recovery_point: end_offset,
            recovery_position: last.end_position,
            max_timestamp: last.max_timestamp,
            max_timestamp_offset: last.max_timestamp_offset.0,
            first_timestamp: last.first_timestamp,
            bytes_since_index: last.bytes_since_index,
            offset_slots: last.offsets.len() as u64,
            time_slots: last.times.len() as u64,
            last_indexed_timestamp: last.last_indexed_timestamp(),
            leader_epoch: self.epoch,
            has_producers: self.has_producers,
            ..State::fresh(active_base, self.now_ms.unsigned_abs(), self.now_ms)
        }
    }
}

/// Copies a file from a position to its end, and makes the copy durable.
fn copy_tail(from: &dyn File, mut position: u64, to: &dyn File) -> Result<()> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut written = 0;
    loop {
        let count = from.read_at(&mut buffer, position)?;
        if count == 0 {
            return Ok(to.sync_data()?);
        }
        to.write_all_at(&buffer[..count], written)?;
        position += count as u64;
        written += count as u64;
    }
}
