//! Where the last so many records begin, over several partitions.
//!
//! Each partition is looked at from its end, a window of offsets at a time; the partition whose
//! last unused record is the youngest gives it up, until enough are gathered. No record is kept,
//! just offsets and times of one window a partition.

use std::ops::ControlFlow;

use super::reader::{LocatedRecord, PartitionReader, RecordRange};
use crate::broker::Result;
use crate::model::Offset;
use crate::record::Decompressor;

/// Offsets of the largest window: what bounds memory, at 16 bytes each.
const WINDOW_OFFSETS_MAX: i64 = 1 << 16;
/// Offsets of the first window.
const WINDOW_OFFSETS_MIN: i64 = 256;

/// Offsets to begin at, one for each reader, so that together they give the last `count` records
/// that match, by timestamp, among those between each reader's position and stop. `matches` may
/// break off the search, and what was found by then counts.
///
/// # Errors
/// As the readers say.
pub fn starts_of_last(
    readers: &mut [PartitionReader],
    count: u64,
    range: RecordRange,
    scratch: &mut Decompressor,
    mut matches: impl FnMut(&LocatedRecord<'_>) -> ControlFlow<(), bool>,
) -> Result<Vec<Offset>> {
    let first =
        i64::try_from(count).unwrap_or(i64::MAX).clamp(WINDOW_OFFSETS_MIN, WINDOW_OFFSETS_MAX);
    let mut windows: Vec<_> =
        readers.iter().map(|reader| Window::at_end_of(reader, first)).collect();
    'search: for _ in 0..count {
        let mut youngest: Option<(i64, usize)> = None;
        for (index, window) in windows.iter_mut().enumerate() {
            if window.fill(&mut readers[index], range, scratch, &mut matches)?.is_break() {
                break 'search;
            }
            if let Some((_, timestamp)) = window.found.last()
                && youngest.is_none_or(|(best, _)| *timestamp >= best)
            {
                youngest = Some((*timestamp, index));
            }
        }
        let Some((_, index)) = youngest else {
            break;
        };
        if let Some((offset, _)) = windows[index].found.pop() {
            windows[index].start = Offset(offset);
        }
    }
    for (reader, window) in readers.iter_mut().zip(&windows) {
        reader.seek(window.floor);
    }
    Ok(windows.into_iter().map(|window| window.start).collect())
}

/// What was looked at of a partition, from its end backwards.
struct Window {
    /// Where the reader began: nothing before is wanted.
    floor: Offset,
    /// Everything from here on was looked at.
    looked_from: Offset,
    /// The first record that was taken.
    start: Offset,
    /// Offsets and timestamps of matching records not taken yet, by offset.
    found: Vec<(i64, i64)>,
    size: i64,
}

impl Window {
    fn at_end_of(reader: &PartitionReader, size: i64) -> Self {
        let end = reader.stop();
        Self { floor: reader.position(), looked_from: end, start: end, found: Vec::new(), size }
    }

    /// Looks further back until there is a record to take, or nothing left to look at.
    fn fill(
        &mut self,
        reader: &mut PartitionReader,
        range: RecordRange,
        scratch: &mut Decompressor,
        matches: &mut impl FnMut(&LocatedRecord<'_>) -> ControlFlow<(), bool>,
    ) -> Result<ControlFlow<()>> {
        let stop = reader.stop();
        while self.found.is_empty() && self.looked_from > self.floor {
            let from = (self.looked_from + -self.size).max(self.floor);
            self.size = (self.size * 2).min(WINDOW_OFFSETS_MAX);
            reader.seek(from);
            reader.stop_at(self.looked_from);
            while let Some(chunk) = reader.next_chunk()? {
                let flow = chunk.visit(range, scratch, |located| {
                    if matches(&located)? {
                        self.found.push((located.record.offset, located.record.timestamp));
                    }
                    ControlFlow::Continue(())
                })?;
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            reader.stop_at(stop);
            self.looked_from = from;
        }
        Ok(ControlFlow::Continue(()))
    }
}
