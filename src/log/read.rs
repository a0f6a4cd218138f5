//! Reading, without a lock.
//!
//! A reader takes a [`View`] and follows a [`Cursor`] through what it covers. What is mapped stays
//! readable, whatever becomes of its file.

use std::ops::Range;
use std::sync::Arc;

use super::error::{Corruption, Error, Fault, Result};
use super::names::{self, LOG};
use super::partition::{PartitionLog, guard};
use super::segment::Segment;
use super::view::View;
use crate::model::Offset;
use crate::record::{Batch, CorruptBatch, Frame};
use crate::storage::{File, Slice};

/// Segments kept open for the next read.
const OPEN_SEGMENTS_MAX: usize = 8;

/// A place in a log that a reader has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The next offset to read.
    pub offset: Offset,
    place: Option<BatchPlace>,
}

/// Where a batch begins, as long as the generation stays, and in that opening of the segment only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BatchPlace {
    generation: u64,
    base_offset: Offset,
    opening: u64,
    position: u64,
}

impl Cursor {
    /// A reader that begins at an offset.
    #[must_use]
    pub const fn at(offset: Offset) -> Self {
        Self { offset, place: None }
    }
}

/// Whole batches of one segment, as they are stored. The first may begin before the offset that
/// was asked for. Frames are checked, crcs are not: who decodes records checks them.
#[derive(Debug, Clone)]
pub struct Chunk {
    bytes: Slice,
    /// The file that they are in.
    pub file: Arc<dyn File>,
    /// Where in it they begin.
    pub position: u64,
}

impl Chunk {
    /// The batches.
    pub fn batches(&self) -> impl Iterator<Item = Batch<'_>> {
        let mut rest: &[u8] = &self.bytes;
        std::iter::from_fn(move || match Batch::at_front(rest) {
            Ok(Frame::Whole(batch)) => {
                rest = &rest[batch.size_in_bytes()..];
                Some(batch)
            }
            _ => None,
        })
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Slice {
        &self.bytes
    }

    /// A fault of a batch of this chunk as an error that names file and position.
    #[must_use]
    pub fn fault_at(&self, batch: &Batch<'_>, fault: Fault) -> Error {
        let before = batch.as_bytes().as_ptr() as usize - self.bytes.as_ptr() as usize;
        fault.at(&*self.file, self.position + before as u64)
    }
}

impl PartitionLog {
    /// An open segment.
    pub(super) fn segment(&self, base: Offset) -> Result<Arc<Segment>> {
        if let Some(segment) = guard(&self.reading).used(base) {
            return Ok(segment);
        }
        let segment = Arc::new(Segment::open(&*self.place.storage, &self.place.dir, base)?);
        let open = &mut guard(&self.reading).open;
        if open.len() >= OPEN_SEGMENTS_MAX {
            open.remove(0);
        }
        open.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Where a segment's batches end, by a view.
    pub(super) fn end_of(&self, view: &View, segment: &Segment) -> Result<u64> {
        match segment.base_offset.0 == view.state().active_base {
            true => Ok(view.end_position()),
            false => Ok(segment.log.metadata()?.len),
        }
    }

    /// The segment and position that a cursor stands at.
    fn locate(&self, view: &View, cursor: &Cursor) -> Result<(Arc<Segment>, u64)> {
        // Files go before the generation rises that tells of it.
        if let Some(place) = cursor.place
            && place.generation == view.state().generation
            && view.segments().binary_search(&place.base_offset).is_ok()
        {
            let segment = self.segment(place.base_offset)?;
            if segment.opening == place.opening {
                return Ok((segment, place.position));
            }
        }
        let base = view.segment_of(cursor.offset).ok_or(Error::Gone)?;
        let segment = self.segment(base)?;
        let position = segment.position_of(cursor.offset, self.end_of(view, &segment)?)?;
        Ok((segment, position))
    }

    /// The next batches from a cursor on, `bytes_max` of them, or one if it is larger; `None` at
    /// the end of the view. Moves the cursor past them.
    ///
    /// What was compacted or deleted since the view was taken is read as it is now.
    ///
    /// # Errors
    /// [`Error::OffsetOutOfRange`] below the log start or past the end; [`Error::Corrupt`] at
    /// bytes that are no batch, once all before them were given.
    pub fn read(
        &self,
        view: &View,
        cursor: &mut Cursor,
        bytes_max: usize,
    ) -> Result<Option<Chunk>> {
        if cursor.offset > view.end() {
            return Err(out_of_range(view, cursor.offset));
        }
        let mut is_short = false;
        let read = self.steadily(view, |seen| {
            let chunk = self.read_once(seen, cursor, bytes_max)?;
            // The active segment ends where the view does, unless another file has its name by now.
            is_short = chunk.is_none()
                && cursor.offset < seen.end()
                && seen.end_position() > 0
                && !seen.is_narrowed();
            if is_short { Err(ends_short(seen, cursor.offset)) } else { Ok(chunk) }
        });
        match read {
            Ok(Some(chunk)) => Ok(Some(chunk)),
            Err(error) if !is_short => Err(error),
            _ => {
                // Offsets at the end may have been compacted away.
                cursor.offset = view.end();
                Ok(None)
            }
        }
    }

    fn read_once(
        &self,
        view: &View,
        cursor: &mut Cursor,
        bytes_max: usize,
    ) -> Result<Option<Chunk>> {
        if cursor.offset < view.log_start() {
            return Err(out_of_range(view, cursor.offset));
        }
        if cursor.offset >= view.end() {
            return Ok(None);
        }
        let (mut segment, mut position) = self.locate(view, cursor)?;
        loop {
            let limit = self.end_of(view, &segment)?;
            if position < limit {
                let read = read_chunk(&segment, position..limit, cursor.offset, view, bytes_max)?;
                let Some((chunk, next_offset)) = read else {
                    return Ok(None);
                };
                cursor.offset = next_offset;
                cursor.place = Some(BatchPlace {
                    generation: view.state().generation,
                    base_offset: segment.base_offset,
                    opening: segment.opening,
                    position: position + chunk.bytes.len() as u64,
                });
                return Ok(Some(chunk));
            }
            let Some(next) = view.segment_after(segment.base_offset) else {
                return Ok(None);
            };
            segment = self.segment(next)?;
            // A compaction may not have removed yet what its new segment covers.
            position = match next < cursor.offset {
                true => segment.position_of(cursor.offset, self.end_of(view, &segment)?)?,
                false => 0,
            };
        }
    }
}

/// An offset that a view does not have.
pub(super) fn out_of_range(view: &View, offset: Offset) -> Error {
    Error::OffsetOutOfRange { offset, start: view.log_start(), end: view.end() }
}

/// Why to look again at a view that promises more than there is.
fn ends_short(view: &View, end: Offset) -> Error {
    let cause = Fault::EndsEarly { end, recovery_point: view.end() };
    let path = names::segment_file(Offset(view.state().active_base), LOG);
    Error::Corrupt(Box::new(Corruption { path, position: view.end_position(), cause }))
}

/// Whole batches from the start of `positions` on, as many as `bytes_max` holds, at least one; and
/// the offset after them. The first must reach `from`, and none past the view's end; `None` where
/// all that is left lies there, in files that are of a later moment.
fn read_chunk(
    segment: &Segment,
    positions: Range<u64>,
    from: Offset,
    view: &View,
    bytes_max: usize,
) -> Result<Option<(Chunk, Offset)>> {
    let position = positions.start;
    let left = usize::try_from(positions.end - position).unwrap_or(usize::MAX);
    let mut bytes = segment.log.slice(position, bytes_max.min(left))?;
    let (mut whole, mut next_offset) = (0, from);
    while whole < bytes.len() || whole == 0 {
        let fault = match Batch::at_front(&bytes[whole..]) {
            Ok(Frame::Whole(batch)) => {
                match misplaced(&batch, whole == 0, next_offset, view.end()) {
                    None => {
                        whole += batch.size_in_bytes();
                        next_offset = batch.next_offset();
                        continue;
                    }
                    Some(Fault::PastEnd { .. }) if view.is_narrowed() && whole == 0 => {
                        return Ok(None);
                    }
                    Some(fault) => fault,
                }
            }
            // The first batch is larger than what was asked for.
            Ok(Frame::Incomplete { size_in_bytes }) if whole == 0 && bytes.len() < left => {
                let wanted = size_in_bytes.unwrap_or(bytes.len() * 2).min(left);
                bytes = segment.log.slice(position, wanted.max(bytes.len() + 1))?;
                continue;
            }
            Ok(Frame::Incomplete { .. }) => Fault::Incomplete,
            Err(cause) => cause.into(),
        };
        if whole == 0 {
            return Err(fault.at(&*segment.log, position));
        }
        break;
    }
    let file = Arc::clone(&segment.log);
    Ok(Some((Chunk { bytes: bytes.part(0..whole), file, position }, next_offset)))
}

/// What is wrong with a batch's offsets for where it stands. The crc does not cover the base
/// offset, and readers pass over a batch whose offsets are not the ones that they want.
fn misplaced(batch: &Batch<'_>, is_first: bool, expected: Offset, end: Offset) -> Option<Fault> {
    let (base, last) = (batch.base_offset(), batch.last_offset());
    if last < base {
        let last_delta = batch.last_offset_delta();
        return Some(CorruptBatch::Offsets { base: base.0, last_delta }.into());
    }
    // The first of a chunk may begin before what was asked for.
    if (if is_first { last } else { base }) < expected {
        return Some(Fault::Misplaced { found: base, expected });
    }
    (last >= end).then_some(Fault::PastEnd { found: last, end })
}
