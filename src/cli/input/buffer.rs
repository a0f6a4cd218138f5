//! The one buffer that input is read into.
//!
//! Invariant: `start <= end <= bytes.len()`; the window between them is read and not yet consumed.

use std::io::{self, ErrorKind, Read};

/// Bytes to begin with, and what a read should at least have room for a quarter of.
const BLOCK_BYTES: usize = 256 << 10;

/// A growing block of memory with a window of unread bytes.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    at_end: bool,
}

impl Buffer {
    /// What is read and not consumed.
    #[inline]
    pub(super) fn window(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Whether nothing follows the window.
    pub(super) const fn at_end(&self) -> bool {
        self.at_end
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Drops `used` bytes off the front of the window.
    #[inline]
    pub(super) fn consume(&mut self, used: usize) {
        self.consume_window(used);
    }

    /// Drops `used` bytes off the front of the window and lends them until the next fill.
    #[inline]
    pub(super) fn consume_window(&mut self, used: usize) -> &[u8] {
        let from = self.start;
        self.start = self.end.min(from + used);
        &self.bytes[from..self.start]
    }

    /// Reads once, with room for a window of `needed` bytes; what was consumed is gone.
    pub(super) fn fill(&mut self, source: &mut impl Read, needed: usize) -> io::Result<()> {
        if self.at_end {
            return Ok(());
        }
        self.make_room(needed);
        loop {
            match source.read(&mut self.bytes[self.end..]) {
                Ok(read) => {
                    self.at_end = read == 0;
                    self.end = self.bytes.len().min(self.end + read);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self, needed: usize) {
        let held = self.end - self.start;
        let needed = needed.max(held + BLOCK_BYTES / 4);
        if self.bytes.len() < needed {
            // Fresh zeros come from the system for nothing, and only what is held is copied.
            let mut grown = vec![0; needed.max(self.bytes.len() * 2).max(BLOCK_BYTES)];
            grown[..held].copy_from_slice(self.window());
            (self.bytes, self.start, self.end) = (grown, 0, held);
        } else if held == 0 || self.bytes.len() - self.start < needed {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
        }
    }
}
