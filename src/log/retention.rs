//! What retention takes out of a log: whole segments at its beginning, by Kafka's rules.
//!
//! In order: what a stop left below the log start; then, where `cleanup.policy` says delete, the
//! oldest segments as long as without them `retention.bytes` are left, and those whose largest
//! timestamp is older than `retention.ms`. The first segment that stays ends it. The active one goes
//! too if it is due and has records: it is rolled away first. Nothing goes at or past the last
//! stable offset.
//!
//! What is due is found out without a lock, from the published view and the files' own words, so a
//! log in which nothing is due is not opened to append to. The deed then takes the way of
//! [`PartitionLog::delete_records`]: the log start is durable, and published, before a file goes.
//!
//! A time index may be lost or lie. Its last entry counts only where the batch that it names stands
//! there and nothing after that is younger; else the batches themselves are asked.
//!
//! Source: Kafka's `UnifiedLog.deleteOldSegments`. Differs: where damage hides the timestamps, a
//! segment counts as no older than its file; files go at once, whatever `file.delete.delay.ms` says,
//! since who has one open can read it to its end.

use super::deletion::remove_below;
use super::error::Result;
use super::index;
use super::names::{LOG, segment_file};
use super::partition::{Owned, PartitionLog, Place, guard};
use super::scan::{Check, Found, Scanner};
use super::segment::{Segment, first_needed, list_segments};
use super::time::place_of;
use super::view::View;
use super::writer::Writer;
use crate::model::{Offset, TopicConfig};
use crate::storage::{self, Metadata};

/// How often what is due is found out anew, where the log changed under it.
const TRIES: usize = 3;

/// Why a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetentionRule {
    /// It lies below the log start: who was to remove it died before.
    LogStart,
    /// Without it there is as much as `retention.bytes` says, or more.
    Size,
    /// Its youngest record is older than `retention.ms`.
    Time,
}

impl RetentionRule {
    /// The config that says so, or what else does.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogStart => "log-start",
            Self::Size => "retention.bytes",
            Self::Time => "retention.ms",
        }
    }
}

/// A segment that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueSegment {
    /// Its base offset.
    pub base_offset: Offset,
    /// Bytes of its batches.
    pub bytes: u64,
    /// Why.
    pub rule: RetentionRule,
}

/// What retention takes, or would take, out of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Where the log began.
    pub from: Offset,
    /// Where it begins then.
    pub to: Offset,
    /// What goes, the oldest first.
    pub segments: Vec<DueSegment>,
}

impl Retained {
    const fn nothing(log_start: Offset) -> Self {
        Self { from: log_start, to: log_start, segments: Vec::new() }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.segments.is_empty()
    }

    /// Bytes of batches that go.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The rules by which segments go, each once.
    #[must_use]
    pub fn rules(&self) -> Vec<RetentionRule> {
        let mut rules: Vec<_> = self.segments.iter().map(|segment| segment.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

/// The largest timestamp of a segment's file, as it was found when the file was as it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aged {
    of: Metadata,
    timestamp: i64,
}

impl PartitionLog {
    /// What [`PartitionLog::retain`] would take out of the log. Takes no lock, changes nothing.
    ///
    /// # Errors
    /// [`super::Error::Gone`] where the partition was deleted; as the file system says.
    pub fn retention_due(&self, now_ms: i64) -> Result<Retained> {
        Ok(self.due(now_ms)?.1)
    }

    /// Takes out of the log what its retention says. The new log start is durable when this
    /// returns; a stop on the way leaves no hole, and what it leaves below the log start the next
    /// writer removes.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn retain(&self, now_ms: i64) -> Result<Retained> {
        let config = self.config();
        for _ in 0..TRIES {
            let (view, due) = self.due(now_ms)?;
            if due.is_nothing() {
                return Ok(due);
            }
            let done = self.with_writer(now_ms, |place, owned, writer| {
                let still = writer.still_due(&view, due);
                still.map(|due| writer.retain(place, owned, &config, due, now_ms)).transpose()
            })?;
            if let Some(done) = done {
                return Ok(done);
            }
        }
        // Appends are faster than the look; the next round finds them slower.
        Ok(Retained::nothing(self.view()?.log_start()))
    }

    pub(super) fn due(&self, now_ms: i64) -> Result<(View, Retained)> {
        let view = self.view()?;
        self.steadily(&view, |view| Ok((view.clone(), self.due_of(view, now_ms)?)))
    }

    fn due_of(&self, view: &View, now_ms: i64) -> Result<Retained> {
        let config = self.config();
        let mut due = Retained::nothing(view.log_start());
        self.add_leftovers(view, &mut due)?;
        if !config.cleanup_policy.delete {
            return Ok(due);
        }
        let mut excess = self.excess(view, &config)?;
        let bases = view.segments();
        for (number, base) in bases.iter().enumerate() {
            let end = bases.get(number + 1).copied().unwrap_or(view.end());
            if end > view.last_stable() {
                break;
            }
            let bytes = self.segment_bytes(view, *base)?;
            let is_last = number + 1 == bases.len();
            if is_last && bytes == 0 {
                break;
            }
            let rule = if excess.is_some_and(|excess| excess >= i128::from(bytes)) {
                RetentionRule::Size
            } else if self.is_expired(view, *base, &config, now_ms)? {
                RetentionRule::Time
            } else {
                break;
            };
            excess = excess.map(|excess| excess - i128::from(bytes));
            due.to = due.to.max(end);
            due.segments.push(DueSegment { base_offset: *base, bytes, rule });
        }
        Ok(due)
    }

    /// Adds the segments that lie below the log start and are there still.
    fn add_leftovers(&self, view: &View, due: &mut Retained) -> Result<()> {
        if view.log_start() == Offset::ZERO {
            return Ok(());
        }
        let (storage, dir) = (&*self.place.storage, &self.place.dir);
        let bases = storage::found(list_segments(storage, dir))?.unwrap_or_default();
        for base in &bases[..first_needed(&bases, view.log_start())] {
            if let Some(bytes) = storage::found(self.file_bytes(*base))? {
                let rule = RetentionRule::LogStart;
                due.segments.push(DueSegment { base_offset: *base, bytes, rule });
            }
        }
        Ok(())
    }

    /// By how many bytes the log exceeds `retention.bytes`; `None` where that is unlimited.
    fn excess(&self, view: &View, config: &TopicConfig) -> Result<Option<i128>> {
        if config.retention_bytes < 0 {
            return Ok(None);
        }
        let size = i128::from(self.size_in_bytes(view)?);
        Ok(Some(size - i128::from(config.retention_bytes)))
    }

    fn segment_bytes(&self, view: &View, base: Offset) -> Result<u64> {
        if view.segments().last() == Some(&base) {
            return Ok(view.end_position());
        }
        Ok(self.file_bytes(base)?)
    }

    fn file_bytes(&self, base: Offset) -> storage::Result<u64> {
        let path = self.place.path_of(&segment_file(base, LOG));
        Ok(self.place.storage.metadata(&path)?.len)
    }

    /// Whether no record of a segment is young enough to stay.
    fn is_expired(
        &self,
        view: &View,
        base: Offset,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<bool> {
        if config.retention_ms < 0 {
            return Ok(false);
        }
        let stays_from = now_ms.saturating_sub(config.retention_ms);
        Ok(self.largest_timestamp(view, base, stays_from)? < stays_from)
    }

    /// The largest timestamp of a segment, or one of its timestamps that is not below `enough`.
    /// The time at which its file was written where no batch has one.
    pub(super) fn largest_timestamp(&self, view: &View, base: Offset, enough: i64) -> Result<i64> {
        let is_active = base.0 == view.state().active_base;
        match view.state().max_timestamp {
            // A view that was found out of the files does not know it.
            known if !is_active || known == i64::MAX => {}
            -1 => {
                let path = self.place.path_of(&segment_file(base, LOG));
                return Ok(self.place.storage.metadata(&path)?.modified_ms);
            }
            known => return Ok(known),
        }
        let segment = Segment::open(&*self.place.storage, &self.place.dir, base)?;
        let of = segment.log.metadata()?;
        if let Some(aged) = *guard(&self.aged)
            && aged.of == of
        {
            return Ok(aged.timestamp);
        }
        let end = if is_active { view.end_position() } else { of.len };
        let (from, noted) = match last_noted(&segment, end)? {
            Some((_, timestamp)) if timestamp >= enough => return Ok(timestamp),
            Some((position, timestamp)) => (position, timestamp),
            None => (0, -1),
        };
        let timestamp = match youngest(&segment, from, end)? {
            (found, true) if found.max(noted) >= 0 => found.max(noted),
            (found, _) => found.max(noted).max(of.modified_ms),
        };
        *guard(&self.aged) = Some(Aged { of, timestamp });
        Ok(timestamp)
    }
}

impl Writer {
    /// What of it is still due, now that nobody else appends; `None` where that must be found out
    /// anew.
    pub(super) fn still_due(&self, view: &View, mut due: Retained) -> Option<Retained> {
        let state = &self.state;
        // Offsets are given anew only after a cut, and that raises the epoch.
        if state.leader_epoch != view.leader_epoch() || state.log_start_offset != due.from.0 {
            return None;
        }
        let active = view.segments().last().copied()?;
        let active_is_due = due.segments.last().is_some_and(|last| last.base_offset == active);
        if active_is_due && (state.active_base, state.end_offset) != (active.0, view.end().0) {
            // What came since may be young.
            due.segments.pop();
            due.to = if due.segments.is_empty() { due.from } else { due.from.max(active) };
        }
        (due.to <= state.last_stable_offset() && !due.is_nothing()).then_some(due)
    }

    fn retain(
        &mut self,
        place: &Place,
        owned: &Owned,
        config: &TopicConfig,
        due: Retained,
        now_ms: i64,
    ) -> Result<Retained> {
        if due.to.0 == self.state.end_offset && self.state.end_position > 0 {
            self.roll(place, owned, config, now_ms)?;
        }
        match due.to > due.from {
            true => self.raise_log_start(place, owned, due.to)?,
            false => remove_below(place, due.to, self.active.base_offset)?,
        }
        Ok(due)
    }
}

/// Where the batch stands that the last entry of a time index names, and its timestamp; `None`
/// where there is no true one.
fn last_noted(segment: &Segment, end: u64) -> Result<Option<(u64, i64)>> {
    let last = segment.time_index.as_ref().map(|file| index::last_time(&**file)).transpose()?;
    let Some(last) = last.flatten() else {
        return Ok(None);
    };
    Ok(place_of(segment, last, end)?.map(|position| (position, last.timestamp)))
}

/// The largest timestamp of the batches from a position on, -1 if none has one; and whether all of
/// them are sound.
fn youngest(segment: &Segment, position: u64, end: u64) -> Result<(i64, bool)> {
    let mut largest = -1;
    let mut scanner = Scanner::new(&*segment.log, position, end, Check::Crc);
    while let Some(found) = scanner.next()? {
        match found {
            Found::Batch { batch, .. } => largest = largest.max(batch.max_timestamp()),
            Found::Fault { .. } => return Ok((largest, false)),
        }
    }
    Ok((largest, true))
}
