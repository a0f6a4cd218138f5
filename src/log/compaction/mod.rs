//! Compaction: of each key only the last record stays.
//!
//! A round goes through the log twice. The first pass notes the last offset of each key in the dirty
//! part, in [memory that is bounded](offset_map); if that is full, the round ends there and another
//! goes on. The second copies [what stays](record_filter) of all segments up to there, neighbours
//! [together](groups), into [new ones](cleaned) that take the [place of the old](swap), group by group.
//! Then the checkpoint says how far compaction has come; a round that stops before that is done again,
//! and nothing changes by that.
//!
//! Memory is the map, and a few batches. The log is locked only while a new segment takes its place:
//! appends go on meanwhile, and so does retention. So each group is looked at again under the lock, and
//! given up if it is not the same any more. One compaction of a partition at a time, by a lock of its
//! own, which is taken first.
//!
//! Offsets never change. What a call leaves on disk: every group that was replaced is so durably, and
//! whatever a stop leaves half way, [`swap`] tells how it is made whole.
//!
//! Source: Kafka's `LogCleaner` and `Cleaner`.

mod cleaned;
mod dirtiness;
mod groups;
mod offset_map;
mod passes;
mod record_filter;
pub(super) mod swap;
mod transactions;

use std::collections::HashMap;
use std::ops::ControlFlow;

pub use dirtiness::Dirtiness;

use self::cleaned::{CleanedSegment, Finished};
use self::groups::Source;
use self::offset_map::OffsetMap;
use self::passes::{Pass, Progress, copy_group, fill_map};
use self::record_filter::{Counts, LastOfProducer, RecordFilter};
use self::transactions::Transactions;
use super::error::{Error, Result};
use super::leftovers::finish_replacements;
use super::partition::{Owned, PartitionLog, Place};
use super::view::View;
use super::writer::{Writer, bytes_of};
use crate::model::Offset;
use crate::storage::{LockKind, Wait};

/// How to compact.
#[derive(Debug, Clone, Copy)]
pub struct Compaction {
    /// Bytes that the map of keys may take.
    pub map_bytes_max: usize,
    /// Whatever can be compacted is, though little of it is dirty; a new segment is begun first, since
    /// the active one can't be.
    pub is_forced: bool,
}

/// How a compaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompactionEnd {
    /// It was not time, or there was nothing to compact.
    NotDue,
    /// Another compaction of the partition is under way.
    Busy,
    /// What was to be compacted was removed or replaced meanwhile. What was done before stays.
    Overtaken,
    /// It was told to stop. What was done before stays.
    Stopped,
    /// The log is compacted.
    Done(Compacted),
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Segments that it went through.
    pub segments_before: u64,
    /// Segments that are there in their place.
    pub segments_after: u64,
    /// Bytes of their batches.
    pub bytes_before: u64,
    /// Bytes that are left.
    pub bytes_after: u64,
    /// Records in them.
    pub records_before: u64,
    /// Records that are left.
    pub records_after: u64,
    /// Rounds that it took: more than one where the keys do not fit into the map.
    pub rounds: u64,
}

impl Compacted {
    /// What this round and the next have come to: that one goes through what this one has left, and more.
    const fn then(self, next: Self) -> Self {
        Self {
            segments_before: self.segments_before
                + next.segments_before.saturating_sub(self.segments_after),
            bytes_before: self.bytes_before + next.bytes_before.saturating_sub(self.bytes_after),
            records_before: self.records_before
                + next.records_before.saturating_sub(self.records_after),
            rounds: self.rounds + next.rounds,
            ..next
        }
    }
}

/// Why a compaction goes no further.
enum Ended {
    Early(CompactionEnd),
    Failed(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error {
            // Retention has taken it, or the partition was deleted.
            Error::Storage(error) if error.is_not_found() => Self::Early(CompactionEnd::Overtaken),
            error => Self::Failed(error),
        }
    }
}

/// What a part of a compaction gives.
type Step<T> = std::result::Result<T, Ended>;

/// The log as it was when a compaction began.
struct Begun {
    /// Where the active segment began. What is finished since is for the next compaction.
    end: Offset,
    /// The last batch of each producer, which keeps its header.
    last_of_producers: HashMap<i64, LastOfProducer>,
}

/// A round that went to its end.
struct Round {
    compacted: Compacted,
    /// There were more keys than fit into the map.
    is_partial: bool,
}

impl PartitionLog {
    /// Compacts the log if it is time, by the topic's configs; whether its `cleanup.policy` says so
    /// is the caller's to know. `progress` is told how many bytes were read since it was called last,
    /// of all that [`Dirtiness`] counts once, and of the dirty ones twice; it says whether to go on.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`]; [`super::Error::Corrupt`] where damage is met, which stays as
    /// it is. The log can be read and appended to as before.
    pub fn compact(
        &self,
        how: &Compaction,
        now_ms: i64,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<CompactionEnd> {
        let place = self.place();
        let owned = place.owned.as_ref().expect("a log is written only through a place to write");
        if !how.is_forced && !self.dirtiness(now_ms)?.is_due(&self.config()) {
            return Ok(CompactionEnd::NotDue);
        }
        let locked = owned.locks.acquire(owned.compaction_lock, LockKind::Exclusive, Wait::No)?;
        let Some(_one_at_a_time) = locked else {
            return Ok(CompactionEnd::Busy);
        };
        let begun = self.begin_compaction(how, now_ms)?;
        let mut done: Option<Compacted> = None;
        loop {
            match self.round(owned, how, &begun, now_ms, progress) {
                Ok(Round { compacted, is_partial }) => {
                    let all = done.map_or(compacted, |before| before.then(compacted));
                    if !is_partial {
                        return Ok(CompactionEnd::Done(all));
                    }
                    done = Some(all);
                }
                Err(Ended::Early(CompactionEnd::NotDue)) => {
                    return Ok(done.map_or(CompactionEnd::NotDue, CompactionEnd::Done));
                }
                Err(Ended::Early(end)) => return Ok(end),
                Err(Ended::Failed(error)) => return Err(error),
            }
        }
    }

    /// Makes whole what an earlier compaction left half way, and begins a new segment if that is
    /// wanted.
    fn begin_compaction(&self, how: &Compaction, now_ms: i64) -> Result<Begun> {
        let config = self.config();
        self.with_writer(now_ms, |place, owned, writer| {
            let interval = bytes_of(config.index_interval_bytes);
            if finish_replacements(&*place.storage, &place.dir, interval)? {
                writer.begin_generation()?;
            }
            if how.is_forced && writer.state.end_position > 0 {
                writer.roll(place, owned, &config, now_ms)?;
            }
            let end = Offset(writer.state.active_base);
            if !writer.state.has_producers {
                return Ok(Begun { end, last_of_producers: HashMap::new() });
            }
            let producers = writer.producers(place, now_ms)?;
            let last_of = |(id, producer): (i64, &super::producers::Producer)| {
                let last = match producer.last() {
                    Some(batch) => LastOfProducer::Batch(batch.last_offset),
                    None => LastOfProducer::Marker(producer.epoch),
                };
                (id, last)
            };
            let last_of_producers = producers.entries().into_iter().map(last_of).collect();
            Ok(Begun { end, last_of_producers })
        })
    }

    /// Both passes, as far as the map holds the keys.
    fn round(
        &self,
        owned: &Owned,
        how: &Compaction,
        begun: &Begun,
        now_ms: i64,
        progress: Progress<'_>,
    ) -> Step<Round> {
        let (place, config, view) = (self.place(), self.config(), self.view()?);
        let dirtiness = self.dirtiness_of(&view, now_ms)?;
        let (from, bound) = (dirtiness.first_dirty, dirtiness.first_uncleanable.min(begun.end));
        if dirtiness.dirty_bytes == 0 || from >= bound {
            return Err(Ended::Early(CompactionEnd::NotDue));
        }
        let mut sources = sources_of(place, &view, bound)?;
        let mut map = OffsetMap::new(how.map_bytes_max);
        let aborted = Transactions::new(self.aborted_transactions(&view, from, bound)?);
        let max_bytes = config.max_message_bytes;
        let end = match fill_map(place, &sources, from, &mut map, aborted, max_bytes, progress)? {
            Pass::Stopped => return Err(Ended::Early(CompactionEnd::Stopped)),
            Pass::Whole => {
                map.pass_to(bound.0 - 1);
                bound
            }
            Pass::Full => Offset(map.latest() + 1),
        };
        sources.retain(|source| source.base < end);
        let first = sources.first().map_or(end, |source| source.base);
        let aborted = Transactions::new(self.aborted_transactions(&view, first, bound)?);
        let mut filter =
            RecordFilter::new(&map, &config, aborted, &begun.last_of_producers, now_ms);
        let mut compacted = Compacted { rounds: 1, ..Compacted::default() };
        let mut rest = &sources[..];
        while !rest.is_empty() {
            let count = self.copy_and_replace(rest, &mut filter, &mut compacted, progress)?;
            rest = &rest[count..];
        }
        place.store_cleaner_offset(owned, end)?;
        Ok(Round { compacted, is_partial: end < bound })
    }

    /// Writes a segment of what stays of the first of these, and of as many after it as fit, and puts
    /// it in their place; tells how many those were.
    fn copy_and_replace(
        &self,
        sources: &[Source],
        filter: &mut RecordFilter<'_>,
        compacted: &mut Compacted,
        progress: Progress<'_>,
    ) -> Step<usize> {
        let (place, base) = (self.place(), sources[0].base);
        filter.counts = Counts::default();
        filter.has_changed = false;
        let mut cleaned =
            CleanedSegment::create(place, base, bytes_of(filter.config.index_interval_bytes))?;
        let finished =
            copy_group(place, sources, filter, &mut cleaned, progress).map_err(Ended::from);
        let finished = finished.and_then(|(pass, count)| {
            let group = &sources[..count];
            let aborted = filter.transactions.take_indexed();
            if pass == Pass::Stopped {
                return Err(Ended::Early(CompactionEnd::Stopped));
            }
            if !filter.has_changed && count == 1 && !group[0].has_txn_index {
                return Ok((group, None));
            }
            Ok((group, Some(cleaned.finish(&aborted, group[count - 1].modified_ms)?)))
        });
        if !matches!(finished, Ok((_, Some(_)))) {
            // What can't be removed now the next compaction removes.
            let _ = cleaned::remove(place, base);
        }
        let (group, finished) = finished?;
        let bytes_after = match finished {
            Some(finished) => self.replace(group, &finished, filter.now_ms)?,
            None => group[0].bytes,
        };
        compacted.segments_before += group.len() as u64;
        compacted.segments_after += 1;
        compacted.bytes_before += group.iter().map(|source| source.bytes).sum::<u64>();
        compacted.bytes_after += bytes_after;
        compacted.records_before += filter.counts.before;
        compacted.records_after += filter.counts.after;
        Ok(group.len())
    }

    /// Puts a finished segment in the place of those that it was made from, unless they are not what
    /// they were any more. Gives its bytes.
    fn replace(&self, group: &[Source], finished: &Finished, now_ms: i64) -> Step<u64> {
        let is_replaced = self.with_writer(now_ms, |place, _, writer| {
            let mut is_same = finished.is_there(place)?;
            for source in group {
                is_same &= source.is_there(place)?;
            }
            if !is_same {
                cleaned::remove(place, finished.base)?;
                return Ok(false);
            }
            let (storage, dir, bases) = (&*place.storage, place.dir.as_str(), [finished.base]);
            let end = group.last().map_or(finished.base, |source| source.next_base);
            swap::promote(storage, dir, finished.base)?;
            swap::install(storage, dir, &bases)?;
            writer.begin_generation()?;
            swap::remove_replaced(storage, dir, &bases, end)?;
            swap::forget_swaps(storage, dir, &bases)?;
            // Who listed the segments since may know some that are gone.
            writer.begin_generation()?;
            Ok(true)
        })?;
        if is_replaced { Ok(finished.bytes) } else { Err(Ended::Early(CompactionEnd::Overtaken)) }
    }
}

impl Writer {
    /// Publishes that segments were replaced.
    fn begin_generation(&mut self) -> Result<()> {
        self.state.generation += 1;
        self.publish()
    }
}

/// The segments of a view before an offset that one begins at.
fn sources_of(place: &Place, view: &View, end: Offset) -> Result<Vec<Source>> {
    let bases = view.segments();
    let pairs = bases.iter().zip(bases.iter().skip(1));
    let cleanable = pairs.filter(|(base, _)| **base < end);
    cleanable.map(|(base, next)| Source::find(place, *base, *next)).collect()
}
