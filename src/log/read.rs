//! Reading, without a lock.
//!
//! A reader takes a [`View`]: the state as it was last published, and the segments of that
//! generation. What the view covers stays as it is until retention or compaction removes it, and
//! what is mapped by then stays readable. Where no published state can be trusted, the view is
//! found out from the files.

use std::ops::Range;
use std::sync::Arc;

use super::control::{ControlFile, State};
use super::error::{Error, Fault, Result};
use super::partition::{PartitionLog, guard};
use super::recovery::{TailFault, examine_tail};
use super::segment::{Segment, list_segments};
use crate::model::Offset;
use crate::record::{Batch, CorruptBatch, Frame};
use crate::storage::{self, File, Open, Slice};

/// Segments kept open for the next read.
const OPEN_SEGMENTS_MAX: usize = 4;

/// A log as of one moment.
#[derive(Debug, Clone)]
pub struct View {
    state: State,
    segments: Arc<Vec<Offset>>,
    fault: Option<TailFault>,
}

impl View {
    /// The first offset that can be read.
    #[must_use]
    pub const fn log_start(&self) -> Offset {
        Offset(self.state.log_start_offset)
    }

    /// The offset after the last.
    #[must_use]
    pub const fn end(&self) -> Offset {
        Offset(self.state.end_offset)
    }

    /// Up to where no transaction is open.
    #[must_use]
    pub fn last_stable(&self) -> Offset {
        self.state.last_stable_offset()
    }

    /// The epoch that appends are made in.
    #[must_use]
    pub const fn leader_epoch(&self) -> i32 {
        self.state.leader_epoch
    }

    /// Base offsets of the segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Offset] {
        &self.segments
    }

    /// What follows the end, where the end had to be found out from the files and is no clean one.
    #[must_use]
    pub const fn tail_fault(&self) -> Option<&TailFault> {
        self.fault.as_ref()
    }

    /// Where in the last segment the log ends.
    #[must_use]
    pub const fn end_position(&self) -> u64 {
        self.state.end_position
    }

    /// Entries of the last segment's `.index` and `.timeindex`, of a published view.
    #[must_use]
    pub const fn index_slots(&self) -> (u64, u64) {
        (self.state.offset_slots, self.state.time_slots)
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The segment in which an offset is, if it is anywhere.
    pub(super) fn segment_of(&self, offset: Offset) -> Option<Offset> {
        let after = self.segments.partition_point(|base| *base <= offset);
        self.segments.get(after.saturating_sub(1)).copied()
    }

    fn segment_after(&self, base: Offset) -> Option<Offset> {
        self.segments.get(self.segments.partition_point(|other| *other <= base)).copied()
    }
}

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

/// The segments of a generation up to the active one, whose base is the second number.
type Listed = ((u64, i64), Arc<Vec<Offset>>);

/// What a process keeps between reads of a log.
#[derive(Debug, Default)]
pub(super) struct ReadCache {
    segments: Option<Listed>,
    examined: Option<(storage::Metadata, View)>,
    open: Vec<Arc<Segment>>,
}

impl PartitionLog {
    /// The log as it is now.
    ///
    /// # Errors
    /// [`Error::Gone`] where the partition is not there any more.
    pub fn view(&self) -> Result<View> {
        match self.published_view()? {
            Some(view) => Ok(view),
            None => self.examined_view(),
        }
    }

    /// The log as the control file publishes it; `None` if there is none to trust.
    ///
    /// # Errors
    /// As the file system says.
    pub fn published_view(&self) -> Result<Option<View>> {
        // A deletion or a roll between two looks makes a second round necessary, never a third;
        // so does an open segment in whose place another file is by now.
        for round in 0..3 {
            match self.published_view_once() {
                Ok(None) if round == 0 => guard(&self.reading).open.clear(),
                Err(Error::Storage(error)) if error.is_not_found() => {}
                view => return view,
            }
        }
        Ok(None)
    }

    fn published_view_once(&self) -> Result<Option<View>> {
        let Some(path) = &self.place.control else {
            return Ok(None);
        };
        let opened = ControlFile::open(&*self.place.storage, path, Open::Read);
        let Some(control) = storage::found(opened)? else {
            return Ok(None);
        };
        let Some(reading) = control.read()? else {
            return Ok(None);
        };
        let active = self.segment(reading.active_base())?;
        let Some(state) = reading.trusted(&active.log.metadata()?) else {
            return Ok(None);
        };
        let segments = self.segments_of(&state)?;
        Ok(Some(View { state, segments, fault: None }))
    }

    /// All below this is known to have been durable, by the checkpoint and by the control file.
    ///
    /// # Errors
    /// As the file system says.
    pub fn durable(&self) -> Result<Offset> {
        let checkpointed = self.place.recovery_point()?;
        let Some(path) = &self.place.control else {
            return Ok(checkpointed);
        };
        let control = storage::found(ControlFile::open(&*self.place.storage, path, Open::Read))?;
        let reading = control.map(|control| control.read()).transpose()?.flatten();
        let synced = reading.and_then(|reading| reading.durable()).unwrap_or_default();
        Ok(checkpointed.max(synced))
    }

    /// The segments up to the active one, listed once a generation.
    fn segments_of(&self, state: &State) -> Result<Arc<Vec<Offset>>> {
        // A generation that was begun without the old control file may have been there before.
        let of = (state.generation, state.active_base);
        if let Some((listed, segments)) = &guard(&self.reading).segments
            && *listed == of
        {
            return Ok(Arc::clone(segments));
        }
        let mut segments = list_segments(&*self.place.storage, &self.place.dir)?;
        segments.retain(|base| base.0 <= state.active_base);
        let segments = Arc::new(segments);
        let mut cache = guard(&self.reading);
        cache.segments = Some((of, Arc::clone(&segments)));
        // What was active when it was opened may have got other indexes before it was finished.
        cache.open.clear();
        Ok(segments)
    }

    /// What the files say.
    fn examined_view(&self) -> Result<View> {
        let storage = &*self.place.storage;
        let mut bases =
            storage::found(list_segments(storage, &self.place.dir))?.ok_or(Error::Gone)?;
        bases.retain(|base| self.place.only_segment.is_none_or(|only| only == *base));
        let log_start = self.place.log_start()?;
        let Some(last) = bases.last() else {
            let end = log_start.unwrap_or_default();
            let recovery_point = self.durable()?;
            let fault = Fault::EndsEarly { end, recovery_point };
            let fault =
                (end < recovery_point).then_some(TailFault { segment: end, position: 0, fault });
            return Ok(View { state: State::fresh(end, 0, 0), segments: Arc::default(), fault });
        };
        let last = self.segment(*last)?.log.metadata()?;
        if let Some((of, view)) = &guard(&self.reading).examined
            && *of == last
        {
            return Ok(view.clone());
        }
        let recovery_point = self.durable()?;
        let examined = examine_tail(storage, &self.place.dir, bases, recovery_point)?;
        let (first, active) = match (examined.segments.first(), examined.segments.last()) {
            (Some(first), Some(active)) => (*first, *active),
            _ => return Err(Error::Gone),
        };
        // The generation of a log without a control file: what it was found out of.
        let generation = last.len ^ examined.end_position.rotate_left(32);
        let mut state = State::fresh(active, generation, last.modified_ms);
        state.log_start_offset = log_start.unwrap_or_default().max(first).0;
        state.end_offset = examined.end_offset.0.max(state.log_start_offset);
        state.end_position = examined.end_position;
        // Not known: a look into the segment tells.
        state.max_timestamp = i64::MAX;
        state.leader_epoch = super::epochs::LeaderEpochs::read(storage, &self.place.dir)?.latest();
        // A segment that was named alone ends where the next one begins.
        let is_whole = self.place.only_segment.is_none();
        let loss = examined.loss_of_durable(recovery_point).filter(|_| is_whole);
        let fault = loss.or(examined.fault);
        let view = View { state, segments: Arc::new(examined.segments), fault };
        guard(&self.reading).examined = Some((last, view.clone()));
        Ok(view)
    }

    /// An open segment.
    pub(super) fn segment(&self, base: Offset) -> Result<Arc<Segment>> {
        if let Some(segment) = guard(&self.reading).open.iter().find(|s| s.base_offset == base) {
            return Ok(Arc::clone(segment));
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
        match segment.base_offset.0 == view.state.active_base {
            true => Ok(view.state.end_position),
            false => Ok(segment.log.metadata()?.len),
        }
    }

    /// The segment and position that a cursor stands at.
    fn locate(&self, view: &View, cursor: &Cursor) -> Result<(Arc<Segment>, u64)> {
        match cursor.place {
            Some((generation, base, position)) if generation == view.state.generation => {
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
        let (mut segment, mut position) = self.locate(view, cursor)?;
        loop {
            let limit = self.end_of(view, &segment)?;
            if position < limit {
                let (chunk, next_offset) =
                    read_chunk(&segment, position..limit, cursor.offset..end, bytes_max)?;
                cursor.offset = next_offset;
                let next = position + chunk.bytes.len() as u64;
                cursor.place = Some((view.state.generation, segment.base_offset, next));
                return Ok(Some(chunk));
            }
            match view.segment_after(segment.base_offset) {
                Some(next) => {
                    segment = self.segment(next)?;
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
