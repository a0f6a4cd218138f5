//! Reading, without a lock.
//!
//! A reader takes a [`View`] and follows a [`Cursor`] through what it covers. What is mapped stays
//! readable, whatever becomes of its file.

use std::ops::Range;
use std::sync::Arc;

use super::error::{Error, Fault, Result};
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
    /// Where its batch begins, as long as the generation stays.
    place: Option<(u64, Offset, u64)>,
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
        match cursor.place {
            Some((generation, base, position)) if generation == view.state().generation => {
                Ok((self.segment(base)?, position))
            }
            _ => {
                let base = view.segment_of(cursor.offset).ok_or(Error::Gone)?;
                let segment = self.segment(base)?;
                let position = segment.position_of(cursor.offset, self.end_of(view, &segment)?)?;
                Ok((segment, position))
            }
        }
    }

    /// What it means that a file was not there: its records may be deleted by now.
    pub(super) fn overtaken(&self, error: Error, offset: Offset) -> Error {
        match error {
            Error::Storage(error) if error.is_not_found() => match self.view() {
                Ok(now) if offset < now.log_start() => {
                    let (start, end) = (now.log_start(), now.end());
                    Error::OffsetOutOfRange { offset, start, end }
                }
                Ok(_) => error.into(),
                Err(error) => error,
            },
            error => error,
        }
    }

    /// The next batches from a cursor on, `bytes_max` of them, or one if it is larger; `None` at
    /// the end of the view. Moves the cursor past them.
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
        let (offset, start, end) = (cursor.offset, view.log_start(), view.end());
        if offset < start || offset > end {
            return Err(Error::OffsetOutOfRange { offset, start, end });
        }
        if offset == end {
            return Ok(None);
        }
        let overtaken = |error| self.overtaken(error, offset);
        let (mut segment, mut position) = self.locate(view, cursor).map_err(overtaken)?;
        loop {
            let limit = self.end_of(view, &segment)?;
            if position < limit {
                let (chunk, next_offset) =
                    read_chunk(&segment, position..limit, cursor.offset..end, bytes_max)?;
                cursor.offset = next_offset;
                let next = position + chunk.bytes.len() as u64;
                cursor.place = Some((view.state().generation, segment.base_offset, next));
                return Ok(Some(chunk));
            }
            match view.segment_after(segment.base_offset) {
                Some(next) => {
                    segment = self.segment(next).map_err(overtaken)?;
                    // Compaction may have died before it removed what its new segment covers.
                    position = match next < cursor.offset {
                        true => segment.position_of(cursor.offset, self.end_of(view, &segment)?)?,
                        false => 0,
                    };
                }
                None => {
                    // Offsets at the end may have been compacted away.
                    cursor.offset = end;
                    return Ok(None);
                }
            }
        }
    }
}

/// Whole batches from the start of `positions` on, as many as `bytes_max` holds, at least one; and
/// the offset after them. The first must reach into `offsets`, and none past it.
fn read_chunk(
    segment: &Segment,
    positions: Range<u64>,
    offsets: Range<Offset>,
    bytes_max: usize,
) -> Result<(Chunk, Offset)> {
    let position = positions.start;
    let left = usize::try_from(positions.end - position).unwrap_or(usize::MAX);
    let mut bytes = segment.log.slice(position, bytes_max.min(left))?;
    let (mut whole, mut next_offset) = (0, offsets.start);
    while whole < bytes.len() || whole == 0 {
        let fault = match Batch::at_front(&bytes[whole..]) {
            Ok(Frame::Whole(batch)) => {
                match misplaced(&batch, whole == 0, next_offset, offsets.end) {
                    None => {
                        whole += batch.size_in_bytes();
                        next_offset = batch.next_offset();
                        continue;
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
    Ok((Chunk { bytes: bytes.part(0..whole), file, position }, next_offset))
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
