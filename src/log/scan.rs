//! Walking a `.log` file batch by batch, by reads into a buffer of its own: for bytes that nobody
//! has validated yet, and that another process may cut off meanwhile.

use super::error::Fault;
use crate::record::{Batch, FRAME_PREFIX_BYTES, Frame};
use crate::storage::{File, Result};

/// Bytes read at a time, unless a batch is larger.
const READ_BYTES: usize = 256 << 10;

/// What a walk came upon.
#[derive(Debug)]
pub enum Found<'s> {
    /// A whole batch, its crc checked if that was asked for.
    Batch {
        /// Where it begins.
        position: u64,
        /// The batch.
        batch: Batch<'s>,
    },
    /// No batch, where one should stand.
    Fault {
        /// Where it should begin.
        position: u64,
        /// What is wrong.
        fault: Fault,
    },
}

/// How closely a walk looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Frames only.
    Frames,
    /// Frames and crc.
    Crc,
}

/// A walk over `position..end` of a file.
#[derive(Debug)]
pub struct Scanner<'f> {
    file: &'f dyn File,
    check: Check,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    /// The file's position of `buffer[0]`.
    buffer_position: u64,
}

impl<'f> Scanner<'f> {
    /// A walk that begins at a batch and ends at `end`.
    #[must_use]
    pub fn new(file: &'f dyn File, position: u64, end: u64, check: Check) -> Self {
        Self { file, check, position, end, buffer: Vec::new(), buffer_position: position }
    }

    /// The next batch, or what stands in its place; `None` at the end. After a fault the walk
    /// stands where it was.
    ///
    /// # Errors
    /// As the file system says.
    #[expect(clippy::should_implement_trait, reason = "an iterator can't lend its buffer")]
    pub fn next(&mut self) -> Result<Option<Found<'_>>> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        self.fill(FRAME_PREFIX_BYTES + 5)?;
        let size = match Batch::at_front(self.buffered()) {
            Ok(Frame::Whole(batch)) => batch.size_in_bytes(),
            Ok(Frame::Incomplete { size_in_bytes: None }) => {
                return Ok(Some(Found::Fault { position, fault: Fault::Incomplete }));
            }
            // Nothing is allocated on the word of a frame that the file can't hold.
            Ok(Frame::Incomplete { size_in_bytes: Some(size) }) => {
                if size as u64 > self.end - position {
                    return Ok(Some(Found::Fault { position, fault: Fault::Incomplete }));
                }
                self.fill(size)?;
                size
            }
            Err(cause) => return Ok(Some(Found::Fault { position, fault: cause.into() })),
        };
        let check = self.check;
        let next = position + size as u64;
        let start = (position - self.buffer_position) as usize;
        let batch = match Batch::at_front(&self.buffer[start..]) {
            Ok(Frame::Whole(batch)) => batch,
            // The file was cut between the two looks.
            Ok(Frame::Incomplete { .. }) => {
                return Ok(Some(Found::Fault { position, fault: Fault::Incomplete }));
            }
            Err(cause) => return Ok(Some(Found::Fault { position, fault: cause.into() })),
        };
        if check == Check::Crc
            && let Err(cause) = batch.check()
        {
            return Ok(Some(Found::Fault { position, fault: cause.into() }));
        }
        self.position = next;
        Ok(Some(Found::Batch { position, batch }))
    }

    /// Where the next batch begins.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The bytes in hand from the walk's position on.
    fn buffered(&self) -> &[u8] {
        let skip = self.position.saturating_sub(self.buffer_position) as usize;
        self.buffer.get(skip..).unwrap_or_default()
    }

    /// Has at least `wanted` bytes in hand, or all there are up to the end.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        if self.buffered().len() >= wanted.min(left) {
            return Ok(());
        }
        let kept = self.buffered().len();
        let skip = self.buffer.len() - kept;
        self.buffer.copy_within(skip.., 0);
        self.buffer_position = self.position;
        self.buffer.resize(wanted.max(READ_BYTES).min(left), 0);
        let mut filled = kept;
        while filled < self.buffer.len() {
            let count =
                self.file.read_at(&mut self.buffer[filled..], self.position + filled as u64)?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}
