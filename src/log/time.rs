//! Finding records by time.

use std::cmp::Reverse;

use super::error::{Fault, Result};
use super::index;
use super::partition::PartitionLog;
use super::scan::{Check, Found, Scanner};
use super::segment::Segment;
use super::view::View;
use crate::model::Offset;
use crate::record::{Batch, CorruptBatch, Decompressor, Record};

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOffset {
    /// Its offset.
    pub offset: Offset,
    /// Its own timestamp, in milliseconds.
    pub timestamp: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
}

impl PartitionLog {
    /// The first record, by offset, whose timestamp is at or after `timestamp`; `None` if no
    /// record has one.
    ///
    /// # Errors
    /// As the file system says; [`super::Error::Corrupt`] where the search meets damage.
    pub fn offset_for_time(&self, view: &View, timestamp: i64) -> Result<Option<TimedOffset>> {
        self.steadily(view, |view| {
            for base in view.segments() {
                let segment = self.segment(*base)?;
                if self.may_hold(view, &segment, timestamp)?
                    && let Some(found) = self.search_segment(view, &segment, timestamp)?
                {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// The first of the records with the largest timestamp; `None` where no record has one.
    ///
    /// # Errors
    /// As the file system says; [`super::Error::Corrupt`] where the search meets damage.
    pub fn offset_of_max_timestamp(&self, view: &View) -> Result<Option<TimedOffset>> {
        self.steadily(view, |view| self.search_max_timestamp(view))
    }

    fn search_max_timestamp(&self, view: &View) -> Result<Option<TimedOffset>> {
        let mut candidates = Vec::new();
        for base in view.segments() {
            let segment = self.segment(*base)?;
            candidates.push((self.max_timestamp_by_index(view, &segment)?, segment));
        }
        // A stable sort: of equal ones the earliest comes first.
        candidates.sort_by_key(|(timestamp, _)| Reverse(*timestamp));
        let mut best: Option<TimedOffset> = None;
        for (at_most, segment) in candidates {
            if at_most < 0 || best.is_some_and(|best| best.timestamp > at_most) {
                break;
            }
            let found = match self.search_segment(view, &segment, at_most)? {
                Some(found) => Some(found),
                // The record is below the log start, or the index tells nothing.
                None => self.max_timestamp_of(view, &segment)?,
            };
            best = later(best, found);
        }
        Ok(best)
    }

    /// What no timestamp of a segment is above, as far as its indexes tell.
    fn max_timestamp_by_index(&self, view: &View, segment: &Segment) -> Result<i64> {
        if segment.base_offset.0 == view.state().active_base {
            return Ok(view.state().max_timestamp);
        }
        let last = segment.time_index.as_ref().map(|file| index::last_time(&**file)).transpose()?;
        Ok(match last.flatten() {
            Some(last) if place_of(segment, last, self.end_of(view, segment)?)?.is_some() => {
                last.timestamp
            }
            _ => i64::MAX,
        })
    }

    /// The first of a segment's records with its largest timestamp, found by walking it.
    fn max_timestamp_of(&self, view: &View, segment: &Segment) -> Result<Option<TimedOffset>> {
        let end = self.end_of(view, segment)?;
        let start = segment.position_of(view.log_start(), end)?;
        let mut decompressor = Decompressor::for_max_message_bytes(self.config().max_message_bytes);
        let mut best: Option<TimedOffset> = None;
        let mut scanner = Scanner::new(&*segment.log, start, end, Check::Crc);
        while let Some(found) = scanner.next()? {
            let (position, batch) = match found {
                Found::Batch { position, batch } => (position, batch),
                Found::Fault { position, fault } => return Err(fault.at(&*segment.log, position)),
            };
            if best.is_none_or(|best| best.timestamp < batch.max_timestamp()) {
                let found = max_in(&batch, view, &mut decompressor)
                    .map_err(|cause| Fault::Corrupt(cause).at(&*segment.log, position))?;
                best = later(best, found);
            }
        }
        Ok(best)
    }

    /// Whether a segment has a record at or after a time, as far as its indexes tell.
    fn may_hold(&self, view: &View, segment: &Segment, timestamp: i64) -> Result<bool> {
        if segment.base_offset.0 == view.state().active_base {
            return Ok(view.state().max_timestamp >= timestamp);
        }
        let Some(file) = &segment.time_index else {
            return Ok(true);
        };
        // Without a last entry, or with a false one, the index of a finished segment tells nothing.
        match index::last_time(&**file)? {
            Some(last) if last.timestamp < timestamp => {
                Ok(place_of(segment, last, self.end_of(view, segment)?)?.is_none())
            }
            _ => Ok(true),
        }
    }

    fn search_segment(
        &self,
        view: &View,
        segment: &Segment,
        timestamp: i64,
    ) -> Result<Option<TimedOffset>> {
        let end = self.end_of(view, segment)?;
        let entry = match &segment.time_index {
            Some(file) => index::lookup_time(&**file, timestamp)?,
            None => None,
        };
        let start = match entry {
            Some(entry) => place_of(segment, entry, end)?.unwrap_or(0),
            None => 0,
        };
        let mut scanner = Scanner::new(&*segment.log, start, end, Check::Crc);
        let max_message_bytes = self.config().max_message_bytes;
        let mut decompressor = Decompressor::for_max_message_bytes(max_message_bytes);
        while let Some(found) = scanner.next()? {
            let (position, batch) = match found {
                Found::Batch { position, batch } => (position, batch),
                Found::Fault { position, fault } => return Err(fault.at(&*segment.log, position)),
            };
            let found = first_in(&batch, view, timestamp, &mut decompressor)
                .map_err(|cause| Fault::Corrupt(cause).at(&*segment.log, position))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// The first record of a batch that a view covers and whose timestamp is at or after `timestamp`.
fn first_in(
    batch: &Batch<'_>,
    view: &View,
    timestamp: i64,
    decompressor: &mut Decompressor,
) -> std::result::Result<Option<TimedOffset>, CorruptBatch> {
    let is_before = batch.max_timestamp() < timestamp || batch.next_offset() <= view.log_start();
    if is_before || batch.attributes().is_control() {
        return Ok(None);
    }
    let leader_epoch = batch.leader_epoch();
    for record in batch.records(decompressor)? {
        let Record { offset, timestamp: found, .. } = record?;
        let offset = Offset(offset);
        if found >= timestamp && (view.log_start()..view.end()).contains(&offset) {
            return Ok(Some(TimedOffset { offset, timestamp: found, leader_epoch }));
        }
    }
    Ok(None)
}

/// The first record with the largest timestamp of those in a batch that a view covers.
fn max_in(
    batch: &Batch<'_>,
    view: &View,
    decompressor: &mut Decompressor,
) -> std::result::Result<Option<TimedOffset>, CorruptBatch> {
    if batch.attributes().is_control() {
        return Ok(None);
    }
    let leader_epoch = batch.leader_epoch();
    let mut best = None;
    for record in batch.records(decompressor)? {
        let Record { offset, timestamp, .. } = record?;
        let offset = Offset(offset);
        if timestamp >= 0 && (view.log_start()..view.end()).contains(&offset) {
            best = later(best, Some(TimedOffset { offset, timestamp, leader_epoch }));
        }
    }
    Ok(best)
}

/// The one with the larger timestamp, and of equals the one with the lower offset.
fn later(a: Option<TimedOffset>, b: Option<TimedOffset>) -> Option<TimedOffset> {
    let rank = |found: &TimedOffset| (found.timestamp, Reverse(found.offset));
    a.into_iter().chain(b).max_by_key(rank)
}

/// Where the batch begins that an entry of the time index names; `None` if there is no such batch.
pub(super) fn place_of(
    segment: &Segment,
    entry: index::TimeEntry,
    end: u64,
) -> Result<Option<u64>> {
    let expected = segment.base_offset + i64::from(entry.relative_offset);
    let position = segment.position_of(expected, end)?;
    let mut scanner = Scanner::new(&*segment.log, position, end, Check::Crc);
    let confirmed = matches!(
        scanner.next()?,
        Some(Found::Batch { batch, .. })
            if batch.max_timestamp() == entry.timestamp
                && (batch.base_offset()..=batch.last_offset()).contains(&expected)
    );
    Ok(confirmed.then_some(position))
}
