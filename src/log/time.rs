//! Finding records by time.

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
        for base in view.segments() {
            let segment = self.segment(*base)?;
            if self.may_hold(view, &segment, timestamp)?
                && let Some(found) = self.search_segment(view, &segment, timestamp)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
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

/// Where the batch begins that an entry of the time index names; `None` if there is no such batch.
fn place_of(segment: &Segment, entry: index::TimeEntry, end: u64) -> Result<Option<u64>> {
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
