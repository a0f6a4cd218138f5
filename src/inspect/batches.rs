//! Walking a `.log` file of which nothing is known to be sound, past its faults.
//!
//! Where no sound batch stands, the walk looks for the next one: a header that can be, whose crc
//! is that of the bytes it covers. What finds one has shown that the bytes before it are damage
//! and no unfinished tail. Buffers are bounded: of a batch larger than [`WHOLE_BATCH_BYTES_MAX`]
//! only the crc is taken, piece by piece.

use super::dump::{BatchFacts, facts};
use super::pieces::{crc_of, end_of_used, read_up_to};
use crate::log::{Fault, index};
use crate::model::{Compression, Offset};
use crate::record::{Batch, CorruptBatch, FRAME_PREFIX_BYTES, Frame, HEADER_BYTES};
use crate::storage::{File, Result};

/// Bytes read at a time, unless a batch is larger.
const READ_BYTES: usize = 1 << 20;
/// Bytes of the largest batch that is held whole.
const WHOLE_BATCH_BYTES_MAX: usize = 64 << 20;
/// Where the crc of a batch begins to count.
const CRC_COVERS_FROM: u64 = 21;
/// Where the length field of a batch is.
const LENGTH_AT: std::ops::Range<usize> = 8..FRAME_PREFIX_BYTES;
/// The length field of a batch without records: makes a header alone one that can be looked at.
const HEADER_ALONE: [u8; 4] = ((HEADER_BYTES - FRAME_PREFIX_BYTES) as i32).to_be_bytes();
/// Where magic is, in batches and in the messages of old.
const MAGIC_AT: usize = 16;
/// Bytes that the searches of one file may spend on candidates, beside twice the file.
const SEARCH_BYTES: u64 = 64 << 20;

/// What a walk came upon.
#[derive(Debug)]
pub(super) enum Step<'b> {
    /// A batch, its crc checked.
    Batch {
        position: u64,
        bytes: u64,
        /// All of it, or only its header where `is_whole` is false.
        batch: Batch<'b>,
        is_whole: bool,
    },
    /// A message of before Kafka 0.11, its crc checked.
    Old { position: u64, magic: i8, offset: Offset },
    /// Neither. The walk stands still until it is told where to go on.
    Fault { position: u64, fault: Fault },
}

/// What a search for the next sound batch gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    /// It begins here.
    Found(u64),
    /// There is none up to the end.
    Nothing,
    /// Too many false ones.
    GaveUp,
}

/// A walk over the bytes `0..end` of a file.
#[derive(Debug)]
pub(super) struct BatchWalk<'f> {
    file: &'f dyn File,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    /// The file's position of `buffer[0]`.
    buffer_position: u64,
    search_bytes_left: u64,
}

impl<'f> BatchWalk<'f> {
    pub(super) fn new(file: &'f dyn File, end: u64) -> Self {
        let search_bytes_left = end.saturating_mul(2).saturating_add(SEARCH_BYTES);
        let buffer = Vec::new();
        Self { file, position: 0, end, buffer, buffer_position: 0, search_bytes_left }
    }

    /// Where the next batch should begin.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Goes on at another position.
    pub(super) const fn go_on_at(&mut self, position: u64) {
        self.position = position;
    }

    /// What stands at the walk's position; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Step<'_>>> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        self.fill(HEADER_BYTES)?;
        let size = match Batch::at_front(self.buffered()) {
            Ok(Frame::Whole(batch)) => batch.size_in_bytes(),
            Ok(Frame::Incomplete { size_in_bytes: Some(size) })
                if size as u64 <= self.end - position =>
            {
                size
            }
            Ok(Frame::Incomplete { .. }) => {
                return Ok(Some(Step::Fault { position, fault: Fault::Incomplete }));
            }
            Err(cause @ CorruptBatch::OldMagic(magic)) => {
                return Ok(Some(match self.old_message()? {
                    Some((bytes, offset)) => {
                        self.position += bytes;
                        Step::Old { position, magic, offset }
                    }
                    None => Step::Fault { position, fault: cause.into() },
                }));
            }
            Err(cause) => return Ok(Some(Step::Fault { position, fault: cause.into() })),
        };
        if size > WHOLE_BATCH_BYTES_MAX {
            return self.large(size as u64).map(Some);
        }
        self.fill(size)?;
        self.position = position + size as u64;
        let start = (position - self.buffer_position) as usize;
        let fault = match Batch::at_front(self.buffer.get(start..).unwrap_or_default()) {
            Ok(Frame::Whole(batch)) => match batch.check() {
                Ok(()) => {
                    let bytes = size as u64;
                    return Ok(Some(Step::Batch { position, bytes, batch, is_whole: true }));
                }
                Err(cause) => cause.into(),
            },
            // The file was cut between the two looks.
            Ok(Frame::Incomplete { .. }) => Fault::Incomplete,
            Err(cause) => cause.into(),
        };
        self.position = position;
        Ok(Some(Step::Fault { position, fault }))
    }

    /// What the header at the walk's position says, of a batch of so many bytes, if it is one.
    pub(super) fn header(&mut self, bytes: u64) -> Result<Option<BatchFacts>> {
        self.fill(HEADER_BYTES)?;
        let Some(mut header) = self.buffered().first_chunk::<HEADER_BYTES>().copied() else {
            return Ok(None);
        };
        header[LENGTH_AT].copy_from_slice(&HEADER_ALONE);
        Ok(match Batch::at_front(&header) {
            Ok(Frame::Whole(batch)) => Some(facts(self.position, bytes, &batch, false)),
            _ => None,
        })
    }

    /// A batch that is too large to be held: its crc alone.
    fn large(&mut self, size: u64) -> Result<Step<'_>> {
        let position = self.position;
        let start = (position - self.buffer_position) as usize;
        let found = self.crc_at(position, size)?;
        let cut_short = Step::Fault { position, fault: Fault::Incomplete };
        let Some(header) = self.buffer.get_mut(start..start + HEADER_BYTES) else {
            return Ok(cut_short);
        };
        let length = header[LENGTH_AT].to_vec();
        header[LENGTH_AT].copy_from_slice(&HEADER_ALONE);
        let Ok(Frame::Whole(batch)) = Batch::at_front(header) else {
            return Ok(cut_short);
        };
        if let Err(cause) = check_header(&batch, found) {
            header[LENGTH_AT].copy_from_slice(&length);
            return Ok(Step::Fault { position, fault: cause.into() });
        }
        self.position = position + size;
        match Batch::at_front(&self.buffer[start..start + HEADER_BYTES]) {
            Ok(Frame::Whole(batch)) => {
                Ok(Step::Batch { position, bytes: size, batch, is_whole: false })
            }
            _ => Ok(cut_short),
        }
    }

    /// Size and offset of the old message at the walk's position, if its crc holds.
    fn old_message(&mut self) -> Result<Option<(u64, Offset)>> {
        let (left, position) = (self.end - self.position, self.position);
        let Some((offset, length)) = prefix(self.buffered()) else {
            return Ok(None);
        };
        let size = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(12);
        if size > left || size > WHOLE_BATCH_BYTES_MAX as u64 || offset < 0 {
            return Ok(None);
        }
        self.fill(size as usize)?;
        let start = (position - self.buffer_position) as usize;
        let message = self.buffer.get(start..start + size as usize).unwrap_or_default();
        let Some((front, covered)) = message.split_at_checked(MAGIC_AT) else {
            return Ok(None);
        };
        let mut crc = flate2::Crc::new();
        crc.update(covered);
        let holds = front.ends_with(&crc.sum().to_be_bytes());
        Ok(holds.then_some((size, Offset(offset))))
    }

    /// Looks for the next sound batch of the segment past the walk's position, at or after an
    /// offset. `progress` is told how far it came.
    pub(super) fn search(
        &mut self,
        from: Offset,
        base: Offset,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Search> {
        // Most often only one batch is damaged, and the next begins where its frame says.
        self.fill(HEADER_BYTES)?;
        if let Some((_, length)) = prefix(self.buffered())
            && length > 0
        {
            let next = self.position + FRAME_PREFIX_BYTES as u64 + length.unsigned_abs() as u64;
            if self.is_sound_at(next, from, base)? {
                return Ok(Search::Found(next));
            }
        }
        let mut window = vec![0; READ_BYTES];
        let mut start = self.position + 1;
        while start + (HEADER_BYTES as u64) <= self.end {
            let wanted = (self.end - start).min(READ_BYTES as u64) as usize;
            let count = read_up_to(self.file, &mut window[..wanted], start)?;
            let bytes = &window[..count];
            if count <= MAGIC_AT {
                break;
            }
            for at in memchr::memchr_iter(2, &bytes[MAGIC_AT..]) {
                let can_be = prefix(&bytes[at..]).is_some_and(|(offset, length)| {
                    offset >= from.0
                        && length > 0
                        && index::relative(Offset(offset), base).is_some()
                });
                if can_be && self.is_sound_at(start + at as u64, from, base)? {
                    return Ok(Search::Found(start + at as u64));
                }
                if self.search_bytes_left == 0 {
                    return Ok(Search::GaveUp);
                }
            }
            // The next window begins with what this one could not decide.
            start += (count - MAGIC_AT) as u64;
            progress(start);
        }
        Ok(Search::Nothing)
    }

    fn is_sound_at(&mut self, position: u64, from: Offset, base: Offset) -> Result<bool> {
        let mut header = [0; HEADER_BYTES];
        self.search_bytes_left = self.search_bytes_left.saturating_sub(HEADER_BYTES as u64);
        if position.saturating_add(HEADER_BYTES as u64) > self.end
            || read_up_to(self.file, &mut header, position)? < HEADER_BYTES
        {
            return Ok(false);
        }
        let size = match Batch::at_front(&header) {
            Ok(Frame::Whole(batch)) => batch.size_in_bytes() as u64,
            Ok(Frame::Incomplete { size_in_bytes: Some(size) }) => size as u64,
            _ => return Ok(false),
        };
        header[LENGTH_AT].copy_from_slice(&HEADER_ALONE);
        let Ok(Frame::Whole(batch)) = Batch::at_front(&header) else {
            return Ok(false);
        };
        let fits = batch.base_offset() >= from
            && index::relative(batch.last_offset(), base).is_some()
            && check_header(&batch, batch.crc()).is_ok();
        if size > self.end - position || !fits {
            return Ok(false);
        }
        let cost = size.min(self.search_bytes_left);
        let is_sound = cost == size && self.crc_at(position, size)? == batch.crc();
        if !is_sound {
            self.search_bytes_left -= cost;
        }
        Ok(is_sound)
    }

    /// Whether nothing but zeros stands from the walk's position to the end.
    pub(super) fn rest_is_zero(&self) -> Result<bool> {
        // Most often the first byte tells.
        if self.buffered().iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        Ok(end_of_used(self.file, self.position, self.end)? == self.position)
    }

    /// Whether the bytes from the walk's position to the end can be the front of a batch that
    /// begins at or after an offset: what of it is there may be less than a field. They can't be
    /// if their crc is right: then nothing is missing, and the length is wrong.
    pub(super) fn can_be_front(&mut self, from: Offset, base: Offset) -> Result<bool> {
        self.fill(HEADER_BYTES)?;
        let mut header = [0; HEADER_BYTES];
        if let Some(front) = self.buffered().first_chunk() {
            header = *front;
            header[LENGTH_AT].copy_from_slice(&HEADER_ALONE);
        }
        if let Ok(Frame::Whole(batch)) = Batch::at_front(&header)
            && self.crc_at(self.position, self.end - self.position)? == batch.crc()
        {
            return Ok(false);
        }
        let bytes = self.buffered();
        let offset = bytes.first_chunk().map(|bytes| Offset(i64::from_be_bytes(*bytes)));
        let length = prefix(bytes).is_none_or(|(_, length)| length >= 49);
        Ok(length && offset.is_none_or(|o| o >= from && index::relative(o, base).is_some()))
    }

    /// What the crc of a batch would be.
    fn crc_at(&self, position: u64, size: u64) -> Result<u32> {
        crc_of(self.file, position + CRC_COVERS_FROM, position + size)
    }

    /// The bytes in hand from the walk's position on.
    fn buffered(&self) -> &[u8] {
        let skip = self.position.checked_sub(self.buffer_position);
        skip.and_then(|skip| self.buffer.get(usize::try_from(skip).ok()?..)).unwrap_or_default()
    }

    /// Has at least `wanted` bytes in hand, or all there are up to the end.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let kept = self.buffered().len();
        if kept >= wanted.min(left) {
            return Ok(());
        }
        let skip = self.buffer.len() - kept;
        self.buffer.copy_within(skip.., 0);
        self.buffer_position = self.position;
        self.buffer.resize(wanted.max(READ_BYTES).min(left), 0);
        let more = self.position + kept as u64;
        let count = read_up_to(self.file, &mut self.buffer[kept..], more)?;
        self.buffer.truncate(kept + count);
        Ok(())
    }
}

/// Base offset and length field of what stands at the front.
fn prefix(bytes: &[u8]) -> Option<(i64, i32)> {
    let (offset, rest) = bytes.split_first_chunk()?;
    Some((i64::from_be_bytes(*offset), i32::from_be_bytes(*rest.first_chunk()?)))
}

/// [`Batch::check`] of a header alone, by the crc that its batch was found to have.
fn check_header(batch: &Batch<'_>, found: u32) -> std::result::Result<(), CorruptBatch> {
    let expected = batch.crc();
    if found != expected {
        return Err(CorruptBatch::Crc { expected, found });
    }
    let (base, last_delta) = (batch.base_offset().0, batch.last_offset_delta());
    if base < 0 || last_delta < 0 || base.checked_add(i64::from(last_delta)).is_none() {
        return Err(CorruptBatch::Offsets { base, last_delta });
    }
    let _: Compression = batch.attributes().compression()?;
    match batch.records_count() {
        found if found < 0 => Err(CorruptBatch::RecordsCount { found, bytes: 0, max: 0 }),
        _ => Ok(()),
    }
}
