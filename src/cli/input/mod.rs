//! Records from a byte stream, in every form that `produce` takes.
//!
//! [`InputReader`] pulls: it reads big blocks into one buffer and lends out records that borrow from
//! it. A parser sees a window of the buffer and says how much of it the next record takes, or that
//! it needs more. Invariants: memory stays within a few times `max_bytes`, whatever comes in;
//! nothing is allocated for a record but what scratch buffers grow by; a record that cannot be read
//! is reported with its number and never guessed at.

mod buffer;
mod compile;
mod envelope;
mod format;
mod framed;
mod lines;
mod source;
mod token;

use std::io;
use std::ops::Range;

use self::buffer::Buffer;
use self::envelope::Envelopes;
use self::format::Formatted;
use self::framed::Frames;
use self::lines::Lines;
pub use self::source::{AlwaysReady, Polled, Source};
use super::format::{Format, FormatError};
use crate::record::Headers;

/// The forms of input.
#[derive(Debug, Clone)]
pub enum Input {
    /// Values parted by `delimiter`; the last one needs none behind it.
    Delimited {
        /// At least one byte.
        delimiter: Vec<u8>,
        /// `-K`: what comes before its first occurrence is the key; at least one byte.
        key_delimiter: Option<Vec<u8>>,
    },
    /// `-J`: a JSON envelope a line; blank lines are skipped.
    Envelope,
    /// `--frame`.
    Frame,
    /// `--format`, read backwards.
    Format(Format),
}

/// What holds for every record of an input.
#[derive(Debug, Clone)]
pub struct InputOptions {
    /// `-Z`: empty keys and values are null, in every form.
    pub empty_is_null: bool,
    /// What stands for null in delimited records and plain tokens of a format.
    pub null_marker: Option<Vec<u8>>,
    /// Bytes that one record may take as it stands in the input, without its delimiter. JSON may
    /// take six bytes for one, base64 four for three.
    pub max_bytes: usize,
}

/// A record as read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InputRecord<'a> {
    /// Its place in the input, from 1; with [`Input::Envelope`] the number of its line.
    pub number: u64,
    /// Milliseconds since 1970; none where the input does not say.
    pub timestamp: Option<i64>,
    /// The partition it was read from, where the input says.
    pub partition: Option<i32>,
    /// `None` is null.
    pub key: Option<&'a [u8]>,
    /// `None` is null.
    pub value: Option<&'a [u8]>,
    /// In the order of the input.
    pub headers: Headers<'a>,
}

/// What [`InputReader::step`] came upon.
#[derive(Debug, PartialEq)]
pub enum Step<'a> {
    /// A record.
    Record(InputRecord<'a>),
    /// A record that cannot be read; it is skipped.
    Bad {
        /// As in [`InputRecord::number`].
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The source has nothing more just now: the next step may block. Never twice in a row.
    Idle,
    /// Nothing follows; from here on every step is this.
    End {
        /// The last [`Step::Bad`] left no way to tell where the next record begins, so that the
        /// rest of the input was not read.
        broken: bool,
    },
}

/// Reads records from a source.
#[derive(Debug)]
pub struct InputReader<S> {
    source: S,
    buffer: Buffer,
    parser: Parser,
    fields: Fields,
    options: InputOptions,
    number: u64,
    /// Whether anything but [`Step::Idle`] was handed out since that.
    busy: bool,
    end: Option<bool>,
}

#[derive(Debug)]
enum Parser {
    Lines(Lines),
    Envelopes(Envelopes),
    Frames(Frames),
    Formatted(Box<Formatted>),
}

/// What a parser makes of a window.
#[derive(Debug)]
enum Scan {
    /// The record in `fields` takes this many bytes.
    Record(usize),
    /// A record of nothing, such as a blank line: counted, not reported.
    Blank(usize),
    /// These bytes are done with, in the midst of a record.
    Drop(usize),
    /// Nothing can be said before the window holds this many bytes, or the input ends.
    More(usize),
    /// A record that cannot be read takes this many bytes.
    Bad(usize, String),
    /// So does this one, and where the next begins cannot be told.
    Broken(String),
    /// The window is empty and the input at its end.
    End,
}

/// Where the bytes of a key or value are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Null,
    /// In the window, from the record's start.
    Window(Range<usize>),
    /// In [`Fields::scratch`].
    Scratch(Range<usize>),
}

/// A record in the making; the buffers are used again for each.
#[derive(Debug, Default)]
struct Fields {
    timestamp: Option<i64>,
    partition: Option<i32>,
    key: Place,
    value: Place,
    scratch: Vec<u8>,
    header_count: usize,
    /// Encoded as [`Headers::Encoded`] has them.
    headers: Vec<u8>,
}

impl<S: Source> InputReader<S> {
    /// Fails where a format cannot be read backwards.
    pub fn new(source: S, input: Input, options: InputOptions) -> Result<Self, FormatError> {
        let max = options.max_bytes;
        let marker = options.null_marker.clone();
        let parser = match input {
            Input::Delimited { delimiter, key_delimiter } => {
                Parser::Lines(Lines::new(&delimiter, key_delimiter.as_deref(), marker, max))
            }
            Input::Envelope => Parser::Envelopes(Envelopes::new(max)),
            Input::Frame => Parser::Frames(Frames::new(max)),
            Input::Format(format) => {
                Parser::Formatted(Box::new(Formatted::new(&format, marker, max)?))
            }
        };
        let (buffer, fields) = (Buffer::default(), Fields::default());
        Ok(Self { source, buffer, parser, fields, options, number: 0, busy: false, end: None })
    }

    /// The next thing that the input holds.
    ///
    /// After an error of the source the reader may be asked again.
    pub fn step(&mut self) -> io::Result<Step<'_>> {
        if let Some(broken) = self.end {
            return Ok(Step::End { broken });
        }
        loop {
            match self.parser.scan(self.buffer.window(), self.buffer.at_end(), &mut self.fields) {
                Scan::Record(used) => {
                    self.number += 1;
                    self.busy = true;
                    return Ok(Step::Record(self.record(used)));
                }
                Scan::Blank(used) => {
                    self.number += 1;
                    self.buffer.consume(used);
                }
                Scan::Drop(used) => self.buffer.consume(used),
                Scan::More(needed) => {
                    if self.busy && !self.source.ready() {
                        self.busy = false;
                        return Ok(Step::Idle);
                    }
                    self.buffer.fill(&mut self.source, needed)?;
                }
                Scan::Bad(used, reason) => {
                    self.buffer.consume(used);
                    return Ok(self.bad(reason));
                }
                Scan::Broken(reason) => {
                    self.end = Some(true);
                    return Ok(self.bad(reason));
                }
                Scan::End => {
                    self.end = Some(false);
                    return Ok(Step::End { broken: false });
                }
            }
        }
    }

    fn bad(&mut self, reason: String) -> Step<'static> {
        self.number += 1;
        self.busy = true;
        Step::Bad { number: self.number, reason }
    }

    /// Takes a record of `used` bytes off the buffer.
    fn record(&mut self, used: usize) -> InputRecord<'_> {
        let Fields { timestamp, partition, ref key, ref value, header_count, .. } = self.fields;
        let window = self.buffer.consume_window(used);
        let resolve = |place: &Place| {
            let bytes = match place {
                Place::Null => None,
                Place::Window(range) => Some(&window[range.clone()]),
                Place::Scratch(range) => Some(&self.fields.scratch[range.clone()]),
            };
            bytes.filter(|bytes| !(self.options.empty_is_null && bytes.is_empty()))
        };
        InputRecord {
            number: self.number,
            timestamp,
            partition,
            key: resolve(key),
            value: resolve(value),
            headers: Headers::Encoded { count: header_count, bytes: &self.fields.headers },
        }
    }
}

impl Parser {
    #[inline]
    fn scan(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Scan {
        match self {
            Self::Lines(lines) => lines.scan(window, at_end, fields),
            Self::Envelopes(envelopes) => envelopes.scan(window, at_end, fields),
            Self::Frames(frames) => frames.scan(window, at_end, fields),
            Self::Formatted(formatted) => formatted.scan(window, at_end, fields),
        }
    }
}

impl Fields {
    /// Forgets a record; buffers keep their room.
    fn clear(&mut self) {
        let Self { timestamp, partition, key, value, scratch, header_count, headers } = self;
        (*timestamp, *partition, *header_count) = (None, None, 0);
        (*key, *value) = (Place::Null, Place::Null);
        scratch.clear();
        headers.clear();
    }

    fn push_header(&mut self, name: &[u8], value: Option<&[u8]>) {
        super::frame::push_header(&mut self.headers, name, value);
        self.header_count += 1;
    }
}

/// Says that a record is larger than it may be.
fn too_large(max_bytes: usize) -> String {
    format!("larger than {max_bytes} bytes")
}

#[cfg(test)]
mod tests;
