//! How far a partition was read, and how much of that is on standard output for certain.

use std::collections::VecDeque;

use crate::cluster::PartitionReader;
use crate::model::{Offset, Uuid};

/// A partition that may be read, now or when another member gives it up.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) reader: PartitionReader,
    /// The id of its topic; zero where a path was named.
    pub(super) topic: Uuid,
    /// Where it stops even when the log grows.
    pub(super) limit: Offset,
    /// It was not there yet when the command started.
    pub(super) is_late: bool,
    /// It is this process's to read.
    pub(super) is_held: bool,
    /// It was read to where it stops, and is not wanted any more.
    pub(super) is_done: bool,
    /// Nothing before this time is wanted of it.
    pub(super) since: Option<i64>,
    /// All before was printed, or skipped by a filter.
    pub(super) next: Offset,
    /// All before is on standard output, or was skipped.
    written: Offset,
    /// Records printed that may not be on standard output yet.
    unwritten: usize,
    /// What was noted last; `None` if nothing ever was.
    pub(super) noted: Option<Offset>,
}

impl Part {
    pub(super) const fn new(reader: PartitionReader, topic: Uuid, limit: Offset) -> Self {
        Self {
            reader,
            topic,
            limit,
            is_late: false,
            is_held: false,
            is_done: false,
            since: None,
            next: Offset::ZERO,
            written: Offset::ZERO,
            unwritten: 0,
            noted: None,
        }
    }

    /// Begins where its reader stands.
    pub(super) fn begin(&mut self, noted: Option<Offset>, since: Option<i64>) {
        (self.next, self.written) = (self.reader.position(), self.reader.position());
        (self.noted, self.since, self.is_held) = (noted, since, true);
    }

    /// Up to where it may be noted as read.
    pub(super) const fn readable_from(&self) -> Offset {
        if self.unwritten == 0 { self.next } else { self.written }
    }

    /// Whether there is something to note.
    pub(super) fn is_unnoted(&self) -> bool {
        self.is_held && self.noted != Some(self.readable_from())
    }
}

/// The end of a printed record.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Bytes printed up to its end.
    end: u64,
    offset: i64,
    part: usize,
}

/// The records that were printed and may not be on standard output yet: as many as are in the
/// buffers on their way there.
#[derive(Debug, Default)]
pub(super) struct Marks {
    unwritten: VecDeque<Mark>,
}

impl Marks {
    /// A record was printed.
    #[inline]
    pub(super) fn push(&mut self, parts: &mut [Part], part: usize, offset: i64, end: u64) {
        parts[part].unwritten += 1;
        self.unwritten.push_back(Mark { end, offset, part });
    }

    /// So many bytes are on standard output.
    pub(super) fn settle(&mut self, parts: &mut [Part], written: u64) {
        while let Some(mark) = self.unwritten.front().filter(|mark| mark.end <= written) {
            let part = &mut parts[mark.part];
            part.unwritten -= 1;
            part.written = Offset(mark.offset).next();
            self.unwritten.pop_front();
        }
    }
}
