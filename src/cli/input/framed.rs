//! Frames: the layout is [`crate::cli::frame`]'s.
//!
//! A frame that is too large is skipped by its length; one that contradicts itself or is cut short
//! ends the input, for nothing tells where the next one begins.

use super::{Fields, Place, Scan, too_large};
use crate::cli::frame::{self, LENGTH_BYTES, VERSION};

/// The parser of frames.
#[derive(Debug)]
pub(super) struct Frames {
    max_bytes: usize,
    /// Bytes still to drop of a frame that is too large, while there is one.
    skipping: Option<usize>,
}

impl Frames {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, skipping: None }
    }

    pub(super) fn scan(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Scan {
        if let Some(left) = self.skipping {
            return self.skip(left, window, at_end);
        }
        let Some((length, body)) = window.split_first_chunk::<LENGTH_BYTES>() else {
            return match (window.is_empty(), at_end) {
                (true, true) => Scan::End,
                (false, true) => cut_short(),
                (_, false) => Scan::More(LENGTH_BYTES),
            };
        };
        let length = u32::from_be_bytes(*length) as usize;
        // Text that is no frame has a large length; its version tells it apart at once.
        if let Some(&version) = body.first()
            && version != VERSION
        {
            return Scan::Broken(frame::wrong_version(version));
        }
        if length > self.max_bytes && !body.is_empty() {
            self.skipping = Some(LENGTH_BYTES + length);
            return Scan::Drop(0);
        }
        match body.get(..length) {
            Some(body) => read(body, fields),
            None if at_end => cut_short(),
            None => Scan::More(LENGTH_BYTES + length.min(self.max_bytes).max(1)),
        }
    }

    fn skip(&mut self, left: usize, window: &[u8], at_end: bool) -> Scan {
        if window.len() >= left {
            self.skipping = None;
            return Scan::Bad(left, too_large(self.max_bytes));
        }
        if at_end {
            return cut_short();
        }
        if window.is_empty() {
            return Scan::More(1);
        }
        self.skipping = Some(left - window.len());
        Scan::Drop(window.len())
    }
}

fn read(body: &[u8], fields: &mut Fields) -> Scan {
    fields.clear();
    let frame = match frame::read(body, &mut fields.headers) {
        Ok(frame) => frame,
        Err(reason) => return Scan::Broken(reason),
    };
    // A slice of the body as a range of the window.
    let place = |bytes: Option<&[u8]>| match bytes {
        None => Place::Null,
        Some(bytes) => {
            let from = LENGTH_BYTES + (bytes.as_ptr().addr() - body.as_ptr().addr());
            Place::Window(from..from + bytes.len())
        }
    };
    fields.key = place(frame.key);
    fields.value = place(frame.value);
    fields.timestamp = frame.timestamp;
    fields.partition = frame.partition;
    fields.header_count = frame.header_count;
    Scan::Record(LENGTH_BYTES + body.len())
}

fn cut_short() -> Scan {
    Scan::Broken("the input ends within a frame".to_owned())
}
