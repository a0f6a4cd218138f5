//! Delimited records: a value, or key and value, up to a delimiter of one or more bytes.

use memchr::memmem::Finder;

use super::{Fields, Place, Scan, too_large};

/// Finds a delimiter, fast where it is one byte.
#[derive(Debug)]
enum Delimiter {
    Byte(u8),
    Bytes(Box<Finder<'static>>),
}

/// The parser of delimited records.
#[derive(Debug)]
pub(super) struct Lines {
    split: Splitter,
    key_delimiter: Option<Delimiter>,
    null_marker: Option<Vec<u8>>,
}

/// Finds where lines end, and leaves out those that are too long.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: Delimiter,
    max_bytes: usize,
    /// Bytes at the front of the window in which no delimiter begins.
    searched: usize,
    /// The line at hand is too long; what was seen of it is dropped.
    skipping: bool,
}

/// What a splitter found.
pub(super) enum Line {
    /// A line of so many bytes, which takes `used` with its delimiter.
    Whole { length: usize, used: usize },
    /// Anything else.
    Other(Scan),
}

impl Lines {
    pub(super) fn new(
        delimiter: &[u8],
        key_delimiter: Option<&[u8]>,
        null_marker: Option<Vec<u8>>,
        max_bytes: usize,
    ) -> Self {
        let split = Splitter::new(delimiter, max_bytes);
        Self { split, key_delimiter: key_delimiter.map(Delimiter::new), null_marker }
    }

    #[inline]
    pub(super) fn scan(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Scan {
        match self.split.next(window, at_end) {
            Line::Whole { length, used } => {
                self.split_key(&window[..length], fields);
                Scan::Record(used)
            }
            Line::Other(scan) => scan,
        }
    }

    #[inline]
    fn split_key(&self, line: &[u8], fields: &mut Fields) {
        let mut value = 0;
        fields.key = Place::Null;
        if let Some(delimiter) = &self.key_delimiter
            && let Some(at) = delimiter.find(line)
        {
            fields.key = self.place(line, 0..at);
            value = at + delimiter.len();
        }
        fields.value = self.place(line, value..line.len());
    }

    #[inline]
    fn place(&self, line: &[u8], range: std::ops::Range<usize>) -> Place {
        match &self.null_marker {
            Some(marker) if line[range.clone()] == marker[..] => Place::Null,
            _ => Place::Window(range),
        }
    }
}

impl Splitter {
    pub(super) fn new(delimiter: &[u8], max_bytes: usize) -> Self {
        let delimiter = Delimiter::new(delimiter);
        Self { delimiter, max_bytes, searched: 0, skipping: false }
    }

    #[inline]
    pub(super) fn next(&mut self, window: &[u8], at_end: bool) -> Line {
        let from = self.searched.min(window.len());
        let Some(at) = self.delimiter.find(&window[from..]) else {
            return self.unended(window, at_end);
        };
        self.searched = 0;
        let length = from + at;
        self.finish(length, length + self.delimiter.len())
    }

    #[inline]
    fn finish(&mut self, length: usize, used: usize) -> Line {
        if self.skipping || length > self.max_bytes {
            self.skipping = false;
            return Line::Other(Scan::Bad(used, too_large(self.max_bytes)));
        }
        Line::Whole { length, used }
    }

    /// There is no delimiter in the window.
    #[cold]
    fn unended(&mut self, window: &[u8], at_end: bool) -> Line {
        if at_end {
            self.searched = 0;
            return match window.len() {
                0 if !self.skipping => Line::Other(Scan::End),
                length => self.finish(length, length),
            };
        }
        // A delimiter may have begun at the end of the window.
        let searched = window.len().saturating_sub(self.delimiter.len() - 1);
        let over = self.skipping || searched > self.max_bytes;
        if over && searched > 0 {
            self.skipping = true;
            self.searched = 0;
            return Line::Other(Scan::Drop(searched));
        }
        self.searched = searched;
        Line::Other(Scan::More(window.len() + 1))
    }
}

impl Delimiter {
    fn new(bytes: &[u8]) -> Self {
        match bytes {
            [byte] => Self::Byte(*byte),
            _ => Self::Bytes(Box::new(Finder::new(bytes).into_owned())),
        }
    }

    #[inline]
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr(*byte, bytes),
            Self::Bytes(finder) => finder.find(bytes),
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Bytes(finder) => finder.needle().len(),
        }
    }
}
