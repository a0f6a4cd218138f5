//! The two passes over a log: the last offset of each key, then what stays.

use std::ops::ControlFlow;

use super::cleaned::CleanedSegment;
use super::groups::Source;
use super::offset_map::OffsetMap;
use super::record_filter::{RecordFilter, Unfit};
use super::transactions::Transactions;
use crate::log::error::Result;
use crate::log::partition::Place;
use crate::log::scan::{Check, Found, Scanner};
use crate::log::segment::Segment;
use crate::model::Offset;
use crate::record::{Batch, Decompressor};
use crate::storage::File;

/// Told how many bytes were read since the last call; says whether to go on.
pub(super) type Progress<'p> = &'p mut dyn FnMut(u64) -> ControlFlow<()>;

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// All was read.
    Whole,
    /// The map is full: the rest is for another round.
    Full,
    /// It was told to stop.
    Stopped,
}

/// Notes the last offset of each key from an offset on.
pub(super) fn fill_map(
    place: &Place,
    sources: &[Source],
    from: Offset,
    map: &mut OffsetMap,
    mut transactions: Transactions,
    max_message_bytes: i32,
    progress: Progress<'_>,
) -> Result<Pass> {
    let mut decompressor = Decompressor::for_max_message_bytes(max_message_bytes);
    for source in sources.iter().filter(|source| source.next_base > from) {
        let segment = Segment::open(&*place.storage, &place.dir, source.base)?;
        let start = segment.position_of(from, source.bytes)?;
        let pass = each_batch(&*segment.log, start, source.bytes, progress, |batch, _| {
            let unseen = |error| Unfit::Corrupt(error);
            if transactions.meet(batch).map_err(unseen)? || batch.attributes().is_control() {
                map.pass_to(batch.last_offset().0);
                return Ok(Ok(true));
            }
            for record in batch.records(&mut decompressor).map_err(unseen)? {
                let record = record.map_err(unseen)?;
                if let Some(key) = record.key
                    && record.offset >= from.0
                    && !map.put(key, record.offset)
                {
                    return Ok(Ok(false));
                }
            }
            map.pass_to(batch.last_offset().0);
            Ok(Ok(true))
        })?;
        if pass != Pass::Whole {
            return Ok(pass);
        }
    }
    Ok(Pass::Whole)
}

/// Copies what stays of the first of these segments, and of as many after it as fit beside that; tells
/// how many there were.
pub(super) fn copy_group(
    place: &Place,
    sources: &[Source],
    filter: &mut RecordFilter<'_>,
    cleaned: &mut CleanedSegment<'_>,
    progress: Progress<'_>,
) -> Result<(Pass, usize)> {
    // The last batch of all is in the last segment that has any.
    let last = sources.iter().rposition(|source| source.bytes > 0);
    for (number, source) in sources.iter().enumerate() {
        if number > 0 && !source.fits_beside(&sources[0], cleaned.sizes(), filter.config) {
            return Ok((Pass::Whole, number));
        }
        let segment = Segment::open(&*place.storage, &place.dir, source.base)?;
        let pass = each_batch(&*segment.log, 0, source.bytes, progress, |batch, end| {
            let is_last = last == Some(number) && end == source.bytes;
            match filter.retained(batch, is_last)? {
                Some(bytes) => Ok(cleaned.append(bytes).map(|()| true)),
                None => Ok(Ok(true)),
            }
        })?;
        if pass != Pass::Whole {
            return Ok((pass, number + 1));
        }
    }
    Ok((Pass::Whole, sources.len()))
}

/// Visits the batches of a segment, with the position after each, as long as that gives `true`.
fn each_batch(
    log: &dyn File,
    start: u64,
    end: u64,
    progress: Progress<'_>,
    mut visit: impl FnMut(&Batch<'_>, u64) -> std::result::Result<Result<bool>, Unfit>,
) -> Result<Pass> {
    let mut scanner = Scanner::new(log, start, end, Check::Crc);
    let mut told = start;
    while let Some(found) = scanner.next()? {
        let (position, next) = match found {
            Found::Batch { position, batch } => {
                let next = position + batch.size_in_bytes() as u64;
                let goes_on = visit(&batch, next).map_err(|unfit| unfit.at(log, position))??;
                if !goes_on {
                    return Ok(Pass::Full);
                }
                (position, next)
            }
            Found::Fault { position, fault } => return Err(fault.at(log, position)),
        };
        debug_assert!(next > position, "a batch has bytes");
        if next - told >= PROGRESS_BYTES || next >= end {
            if progress(next - told).is_break() {
                return Ok(Pass::Stopped);
            }
            told = next;
        }
    }
    Ok(Pass::Whole)
}

/// Bytes between two looks whether to go on.
const PROGRESS_BYTES: u64 = 1 << 20;
