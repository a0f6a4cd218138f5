//! What of a log can be compacted, and whether it is time.
//!
//! The log up to the *first dirty offset* has been compacted before. From there to the first segment
//! that must be left alone it is dirty. Left alone are the active segment, everything from the last
//! stable offset on, and segments with a record younger than `min.compaction.lag.ms`.
//!
//! Source: Kafka's `LogCleanerManager.cleanableOffsets`, `LogToClean` and `maxCompactionDelay`.

use crate::log::error::Result;
use crate::log::names::{self, LOG};
use crate::log::partition::PartitionLog;
use crate::log::scan::{Check, Found, Scanner};
use crate::log::view::View;
use crate::model::{Offset, TopicConfig};

/// How much of a log is dirty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dirtiness {
    /// Compaction has seen all below.
    pub first_dirty: Offset,
    /// Base offset of the first segment that is to be left alone.
    pub first_uncleanable: Offset,
    /// Bytes of the segments below the first dirty offset.
    pub clean_bytes: u64,
    /// Bytes of the others that can be compacted.
    pub dirty_bytes: u64,
    /// Bytes of the active segment, which can't be compacted before another one is begun.
    pub active_bytes: u64,
    /// A record has waited for longer than `max.compaction.lag.ms`.
    pub is_overdue: bool,
}

impl Dirtiness {
    /// The dirty part of what can be compacted, 0 to 1.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let all = self.clean_bytes + self.dirty_bytes;
        if all == 0 { 0.0 } else { self.dirty_bytes as f64 / all as f64 }
    }

    /// Whether it is time to compact, by the topic's configs.
    #[must_use]
    pub fn is_due(&self, config: &TopicConfig) -> bool {
        self.dirty_bytes > 0 && (self.is_overdue || self.ratio() > config.min_cleanable_dirty_ratio)
    }

    const fn none(view: &View) -> Self {
        Self {
            first_dirty: view.log_start(),
            first_uncleanable: view.log_start(),
            clean_bytes: 0,
            dirty_bytes: 0,
            active_bytes: view.end_position(),
            is_overdue: false,
        }
    }
}

impl PartitionLog {
    /// How much of the log is dirty. Takes no lock, changes nothing.
    ///
    /// # Errors
    /// As for [`PartitionLog::view`], and as the file system says.
    pub fn dirtiness(&self, now_ms: i64) -> Result<Dirtiness> {
        let view = self.view()?;
        self.steadily(&view, |view| self.dirtiness_of(view, now_ms))
    }

    pub(super) fn dirtiness_of(&self, view: &View, now_ms: i64) -> Result<Dirtiness> {
        let Some((active, finished)) = view.segments().split_last().filter(|(_, f)| !f.is_empty())
        else {
            return Ok(Dirtiness::none(view));
        };
        let config = self.config();
        let noted = self.place().cleaner_offset()?.unwrap_or_default();
        let is_in_log = noted >= view.log_start() && noted <= view.end();
        let first_dirty = if is_in_log { noted } else { view.log_start() };
        // The segment that the first dirty offset is in, if it is finished.
        let first = finished.partition_point(|base| *base <= first_dirty);
        let is_past = first == finished.len() && first_dirty >= *active;
        let first = if is_past { first } else { first.saturating_sub(1) };
        let stable = finished.partition_point(|base| *base <= view.last_stable());
        let bound = if view.last_stable() >= *active { stable } else { stable.saturating_sub(1) };
        let bound =
            self.first_too_young(view, &finished[..bound.max(first)], first, &config, now_ms)?;
        let sizes = |bases: &[Offset]| bases.iter().map(|base| self.bytes_of_segment(*base)).sum();
        let dirty = &finished[first.min(bound)..bound];
        Ok(Dirtiness {
            first_dirty,
            first_uncleanable: finished.get(bound).copied().unwrap_or(*active),
            clean_bytes: sizes(&finished[..first]),
            dirty_bytes: sizes(dirty),
            active_bytes: view.end_position(),
            is_overdue: self.is_overdue(dirty, &config, now_ms)?,
        })
    }

    fn bytes_of_segment(&self, base: Offset) -> u64 {
        let place = self.place();
        let path = place.path_of(&names::segment_file(base, LOG));
        // One that is gone weighs nothing.
        place.storage.metadata(&path).map_or(0, |metadata| metadata.len)
    }

    /// The number of the first dirty segment with a record that is too young; that of all if none has.
    fn first_too_young(
        &self,
        view: &View,
        finished: &[Offset],
        first_dirty: usize,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<usize> {
        if config.min_compaction_lag_ms > 0 {
            let oldest = now_ms.saturating_sub(config.min_compaction_lag_ms);
            for (number, base) in finished.iter().enumerate().skip(first_dirty) {
                if self.largest_timestamp(view, *base, oldest.saturating_add(1))? > oldest {
                    return Ok(number);
                }
            }
        }
        Ok(finished.len())
    }

    fn is_overdue(&self, dirty: &[Offset], config: &TopicConfig, now_ms: i64) -> Result<bool> {
        if config.max_compaction_lag_ms == i64::MAX {
            return Ok(false);
        }
        let until = now_ms.saturating_sub(config.max_compaction_lag_ms);
        for base in dirty {
            let segment = self.segment(*base)?;
            let end = segment.log.metadata()?.len;
            let mut scanner = Scanner::new(&*segment.log, 0, end, Check::Frames);
            if let Some(Found::Batch { batch, .. }) = scanner.next()?
                && (1..until).contains(&batch.max_timestamp())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
