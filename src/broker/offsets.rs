//! Offsets named in words: the beginning, the end, a time.

use super::error::{Error, Result};
use crate::log::{PartitionLog, View};
use crate::model::Offset;

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset that can be read.
    Beginning,
    /// The offset after the last.
    End,
    /// This one, brought within the log.
    At(i64),
    /// So many before the end.
    BeforeEnd(u64),
    /// That of the first record at or after a time in milliseconds; the end if there is none.
    Time(i64),
}

/// The offset that is meant, within `view`; `end` is the end that is meant by it.
///
/// # Errors
/// As the file system says, and damage that a search by time meets.
pub fn resolve(log: &PartitionLog, view: &View, end: Offset, spec: OffsetSpec) -> Result<Offset> {
    let start = view.log_start();
    Ok(match spec {
        OffsetSpec::Beginning => start,
        OffsetSpec::End => end,
        OffsetSpec::At(offset) => Offset(offset).clamp(start, view.end()),
        OffsetSpec::BeforeEnd(count) => {
            (end + i64::try_from(count).map_or(i64::MIN, |count| -count)).clamp(start, end)
        }
        OffsetSpec::Time(timestamp) => log
            .offset_for_time(view, timestamp)
            .map_err(|error| Error::of_log("search", log, error))?
            .map_or(end, |found| found.offset.min(end)),
    })
}
