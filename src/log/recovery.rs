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
use super::epochs::LeaderEpochs;
use super::error::{Fault, Result};
use super::index::{self, OffsetEntry, TimeEntry};
use super::names::{self, CLEANED, DELETED, INDEX, LOG, SWAP, TIME_INDEX};
use super::partition::{Notice, Owned, Place};
use super::scan::{Check, Found, Scanner};
use super::segment::{Segment, list_segments, path_in};
use super::suspect::rewrite;
use crate::model::Offset;
use crate::storage::{self, File, Kind, Open, Storage};

/// Bytes copied at a time when a cut tail is put away.
const COPY_BYTES: usize = 1 << 20;

/// What a walk over one segment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentFacts {
    pub(super) end_offset: Offset,
    pub(super) end_position: u64,
    pub(super) max_timestamp: i64,
    pub(super) max_timestamp_offset: Offset,
    pub(super) first_timestamp: i64,
    pub(super) leader_epoch: i32,
    pub(super) bytes_since_index: u64,
    pub(super) offsets: Vec<OffsetEntry>,
    pub(super) times: Vec<TimeEntry>,
    pub(super) fault: Option<Fault>,
}

impl SegmentFacts {
    fn begin(base: Offset, position: u64) -> Self {
        Self {
            end_offset: base,
            end_position: position,
            max_timestamp: -1,
            max_timestamp_offset: base,
            first_timestamp: -1,
            leader_epoch: -1,
            bytes_since_index: 0,
            offsets: Vec::new(),
            times: Vec::new(),
            fault: None,
        }
    }
}

/// Walks a segment's batches from a position to its end or its first fault, every crc checked,
/// and notes what its indexes must hold.
pub(super) fn walk_segment(
    file: &dyn File,
    base: Offset,
    position: u64,
    index_interval_bytes: u64,
) -> Result<SegmentFacts> {
    let mut facts = SegmentFacts::begin(base, position);
    let end = file.metadata()?.len;
    let mut scanner = Scanner::new(file, position, end, Check::Crc);
    while let Some(found) = scanner.next()? {
        let (position, batch) = match found {
            Found::Batch { position, batch } => (position, batch),
            Found::Fault { fault, .. } => {
                facts.fault = Some(fault);
                break;
            }
        };
        let relative = index::relative(batch.last_offset(), base);
        let Some(relative_offset) = relative.filter(|_| batch.base_offset() >= facts.end_offset)
        else {
            let (found, expected) = (batch.base_offset(), facts.end_offset);
            facts.fault = Some(Fault::Misplaced { found, expected });
            break;
        };
        if facts.end_position == 0 {
            facts.first_timestamp = batch.max_timestamp();
        }
        if batch.max_timestamp() > facts.max_timestamp {
            facts.max_timestamp = batch.max_timestamp();
            facts.max_timestamp_offset = batch.last_offset();
        }
        facts.leader_epoch = facts.leader_epoch.max(batch.leader_epoch());
        if facts.bytes_since_index > index_interval_bytes {
            facts.offsets.push(OffsetEntry { relative_offset, position: position as u32 });
            push_time(&mut facts, base);
            facts.bytes_since_index = 0;
        }
        let size = batch.size_in_bytes() as u64;
        facts.bytes_since_index += size;
        facts.end_offset = batch.next_offset();
        facts.end_position = position + size;
    }
    Ok(facts)
}

/// Notes the largest timestamp so far, if it has risen since it was noted last.
fn push_time(facts: &mut SegmentFacts, base: Offset) {
    let rises = facts.times.last().is_none_or(|last| last.timestamp < facts.max_timestamp);
    if let Some(relative_offset) =
        index::relative(facts.max_timestamp_offset, base).filter(|_| rises)
    {
        facts.times.push(TimeEntry { timestamp: facts.max_timestamp, relative_offset });
    }
}

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
pub struct TailExamined {
    /// The segments, up to the one in which the log ends.
    pub segments: Vec<Offset>,
    /// The offset after the last sound batch.
    pub end_offset: Offset,
    /// Where in the last of the segments it ends.
    pub end_position: u64,
    /// What follows it there, if anything does.
    pub fault: Option<TailFault>,
}

/// Finds the end of a log of these segments from its files alone, checking everything past the
/// recovery point.
///
/// # Errors
/// As the file system says.
pub fn examine_tail(
    storage: &dyn Storage,
    dir: &str,
    mut segments: Vec<Offset>,
    recovery_point: Offset,
) -> Result<TailExamined> {
    let first = first_to_check(&segments, recovery_point);
    let mut examined = TailExamined {
        end_offset: segments.first().copied().unwrap_or_default(),
        end_position: 0,
        segments: Vec::new(),
        fault: None,
    };
    for (number, base) in segments.iter().enumerate().skip(first) {
        let segment = Segment::open(storage, dir, *base)?;
        let start = match number == first {
            true => segment.position_of(recovery_point + -1, segment.log.metadata()?.len)?,
            false => 0,
        };
        let mut facts = walk_segment(&*segment.log, *base, start, u64::MAX)?;
        if facts.end_position == start && start > 0 {
            // The batch that the recovery point follows is not there, or damaged.
            facts = walk_segment(&*segment.log, *base, 0, u64::MAX)?;
        }
        examined.end_offset = facts.end_offset;
        examined.end_position = facts.end_position;
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
/// that the state covers is durable then. A log that ends before `durable` is left as it is.
pub(super) fn recover(
    place: &Place,
    owned: &Owned,
    index_interval_bytes: u64,
    durable: Offset,
    now_ms: i64,
    notices: &mut Vec<Notice>,
) -> Result<(State, Segment)> {
    let storage = &*place.storage;
    finish_replacements(storage, &place.dir)?;
    let log_start = place.log_start()?;
    let mut segments = list_segments(storage, &place.dir)?;
    if segments.is_empty() {
        let base = log_start.unwrap_or_default();
        Segment::open_active(storage, &place.dir, base, Open::Create)?;
        segments.push(base);
    }
    // A writer that died may have made names that are not durable yet.
    storage.sync_dir(&place.dir)?;
    let recovery_point = place.recovery_point()?;
    let first = first_to_check(&segments, recovery_point);
    let mut epochs = LeaderEpochs::read(storage, &place.dir)?;
    let mut epoch = epochs.latest();
    let mut last = None;
    for (number, base) in segments.iter().enumerate().skip(first) {
        let segment = Segment::open_active(storage, &place.dir, *base, Open::Write)?;
        let mut facts = walk_segment(&*segment.log, *base, 0, index_interval_bytes)?;
        let is_last = number + 1 == segments.len();
        let end = facts.end_offset.max(log_start.unwrap_or_default());
        if facts.fault.is_none() && is_last && end < durable {
            return Err(Fault::Lost { end, durable }.at(&*segment.log, facts.end_position));
        }
        if let Some(fault) = facts.fault.take_if(|_| facts.end_offset < recovery_point.max(durable))
        {
            // Not what a crash leaves: this was durable, and so is what follows it. To cut here
            // would lose records that were acknowledged.
            return Err(fault.at(&*segment.log, facts.end_position));
        }
        if !is_last && facts.fault.is_none() {
            push_time(&mut facts, *base);
        }
        segment.rewrite_indexes(&facts.offsets, &facts.times)?;
        let fault = facts.fault.take();
        epoch = epoch.max(facts.leader_epoch);
        if fault.is_some() {
            // Before the cut: who dies in between leaves an epoch too many, never one too few. And
            // never one that records had which are cut off here.
            epoch += 1;
            epochs.truncate_to(facts.end_offset);
            epochs.begin(epoch, facts.end_offset);
            epochs.write(storage, &place.dir)?;
            let later = &segments[number + 1..];
            notices.push(cut(place, owned, &segment, facts.end_position, later, now_ms)?);
        }
        // A sync may have failed since the machine started, and nobody been told.
        let from = match number == first {
            true => segment.position_of(recovery_point, facts.end_position)?,
            false => 0,
        };
        rewrite(&*segment.log, from, facts.end_position)?;
        segment.finish(facts.offsets.len() as u64, facts.times.len() as u64)?;
        last = Some((segment, facts));
        if fault.is_some() {
            break;
        }
    }
    let (segment, facts) = last.expect("a log has a segment, and the last one is always walked");
    let mut state = State::fresh(segment.base_offset, now_ms.unsigned_abs(), now_ms);
    state.log_start_offset = log_start.unwrap_or_default().max(segments[0]).0;
    state.end_offset = facts.end_offset.0.max(state.log_start_offset);
    state.end_position = facts.end_position;
    state.recovery_point = state.end_offset;
    state.recovery_position = state.end_position;
    state.max_timestamp = facts.max_timestamp;
    state.max_timestamp_offset = facts.max_timestamp_offset.0;
    state.first_timestamp = facts.first_timestamp;
    state.bytes_since_index = facts.bytes_since_index;
    state.offset_slots = facts.offsets.len() as u64;
    state.time_slots = facts.times.len() as u64;
    state.last_indexed_timestamp = facts.times.last().map_or(-1, |entry| entry.timestamp);
    state.leader_epoch = epoch;
    Ok((state, segment))
}

/// Cuts a segment at a position and takes all later segments out of the log. What is taken away
/// is kept in the directory for cuts, and is durable there before it leaves the log.
fn cut(
    place: &Place,
    owned: &Owned,
    segment: &Segment,
    position: u64,
    later: &[Offset],
    now_ms: i64,
) -> Result<Notice> {
    let storage = &*place.storage;
    let kept = format!("{}/{}", owned.cut_dir, place.partition);
    for dir in [owned.cut_dir.as_str(), kept.as_str()] {
        match storage.create_dir(dir) {
            Err(error) if !error.already_exists() => return Err(error.into()),
            _ => storage.sync_dir(dir.rsplit_once('/').map_or("", |(parent, _)| parent))?,
        }
    }
    let len = segment.log.metadata()?.len;
    let name = names::segment_file(segment.base_offset, LOG);
    let copy = storage.open(&format!("{kept}/{name}.{position}.{now_ms}"), Open::Create)?;
    copy_tail(&*segment.log, position, &*copy)?;
    storage.sync_dir(&kept)?;
    // Later segments first: were the first one cut before, a crash would leave a hole.
    for base in later.iter().rev() {
        let name = names::segment_file(*base, LOG);
        storage.rename(&path_in(&place.dir, &name), &format!("{kept}/{name}.{now_ms}"))?;
        for suffix in [INDEX, TIME_INDEX] {
            let index = path_in(&place.dir, &names::segment_file(*base, suffix));
            storage::found(storage.remove_file(&index))?;
        }
    }
    storage.sync_dir(&kept)?;
    storage.sync_dir(&place.dir)?;
    segment.log.set_len(position)?;
    Ok(Notice::TailCut {
        partition: place.partition.clone(),
        bytes: len - position,
        segments: later.len(),
        kept: storage.display(&kept),
    })
}

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

/// Finishes or undoes what a compaction or deletion left half way, by Kafka's rules: `.deleted`
/// and `.cleaned` files go; a `.swap` takes the place of the segments that it covers, unless a
/// `.cleaned` of its base or a lower one tells that it was not finished.
fn finish_replacements(storage: &dyn Storage, dir: &str) -> Result<()> {
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
    for suffix in [LOG, INDEX, TIME_INDEX, names::TXN_INDEX] {
        storage::found(storage.remove_file(&path_in(dir, &names::segment_file(base, suffix))))?;
    }
    Ok(())
}
