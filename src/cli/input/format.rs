//! `--format` read backwards: runs a [`Program`] over the window, one op after another.
//!
//! An op that lacks bytes asks for more and is tried again, so that no earlier op is repeated.
//! After a malformed record reading goes on behind the next [`Program::record_end`]; a format
//! without one cannot tell where that is, and the input ends. A measured token that is too large is
//! skipped by its length.

use std::ops::Range;

use memchr::memmem;

use super::compile::{Op, Program, SLOTS, Slot};
use super::token::{self, Outcome, Reading, Stop};
use super::{Fields, Place, Scan, too_large};
use crate::cli::format::{Encoding, Format, FormatError};
use crate::cli::json;

/// The parser of formatted records.
#[derive(Debug)]
pub(super) struct Formatted {
    program: Program,
    reading: Reading,
    max_bytes: usize,
    state: State,
}

/// How far the record at hand is read.
#[derive(Debug, Default)]
struct State {
    /// The next op.
    op: usize,
    /// Where it begins in the window.
    at: usize,
    /// Bytes behind `at` that hold nothing of what the op looks for.
    searched: usize,
    /// Lengths read: the outer `None` is not yet, the inner one null.
    lengths: [Option<Option<usize>>; SLOTS],
    header_key: Place,
    header_value: Place,
    /// The record is too large: what is read of it is dropped as it goes by.
    dropping: bool,
    /// Bytes of a measured token still to be dropped.
    left: usize,
    /// The record is malformed: its end is looked for.
    failed: Option<String>,
}

impl Formatted {
    pub(super) fn new(
        format: &Format,
        null_marker: Option<Vec<u8>>,
        max_bytes: usize,
    ) -> Result<Self, FormatError> {
        let program = Program::compile(format)?;
        let reading = Reading { null_marker, zone: format.zone.clone() };
        Ok(Self { program, reading, max_bytes, state: State::default() })
    }

    pub(super) fn scan(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Scan {
        if self.state.is_fresh() {
            if window.is_empty() {
                return if at_end { Scan::End } else { Scan::More(1) };
            }
            fields.clear();
        }
        loop {
            if self.state.failed.is_some() {
                return self.find_record_end(window, at_end);
            }
            if self.state.dropping && self.state.at > 0 {
                return Scan::Drop(std::mem::take(&mut self.state.at));
            }
            if self.state.op == self.program.ops.len() {
                let state = std::mem::take(&mut self.state);
                return match state.dropping {
                    true => Scan::Bad(state.at, too_large(self.max_bytes)),
                    false => Scan::Record(state.at),
                };
            }
            match self.run(window, at_end, fields) {
                Ok(()) => {}
                Err(Stop::More(needed)) if !at_end => return Scan::More(needed),
                Err(Stop::More(_)) => self.fail("the input ends within a record".to_owned()),
                Err(Stop::Bad(reason)) => self.fail(reason),
            }
        }
    }

    fn fail(&mut self, reason: String) {
        self.state.failed = Some(reason);
        self.state.searched = 0;
    }

    /// Skips the rest of a malformed record.
    fn find_record_end(&mut self, window: &[u8], at_end: bool) -> Scan {
        let reason = self.state.failed.clone().unwrap_or_default();
        let Some(end) = &self.program.record_end else {
            self.state = State::default();
            return Scan::Broken(reason);
        };
        let from = self.state.at.min(window.len());
        let used = match memmem::find(&window[from..], end) {
            Some(found) => from + found + end.len(),
            None if at_end => window.len(),
            None => {
                self.state.at = 0;
                let passed = window.len().saturating_sub(end.len() - 1).max(from);
                return if passed > 0 { Scan::Drop(passed) } else { Scan::More(window.len() + 1) };
            }
        };
        self.state = State::default();
        Scan::Bad(used, reason)
    }

    /// Runs the next op, whose bytes begin at `state.at`.
    fn run(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Outcome<()> {
        if self.state.left > 0 {
            return self.drop_measured(window);
        }
        let Self { program, reading, state, .. } = self;
        let max_bytes = self.max_bytes;
        let limits = (&*program, max_bytes);
        let (at, rest) = (state.at, &window[state.at..]);
        let is_last = state.op + 1 == program.ops.len();
        let taken = match &program.ops[state.op] {
            Op::Literal(literal) => token::literal(literal, rest, at_end && is_last, at)?,
            Op::Text { slot, encoding, measured, until } => {
                let (slot, encoding) = (*slot, *encoding);
                let range = match (encoding, measured) {
                    (Encoding::Json, _) => token::json_value(rest, at_end, at, max_bytes)?,
                    (_, false) => at..at + state.length_until(until, limits, rest, at_end)?,
                    (_, true) => match self.measure(slot, encoding, window)? {
                        Some(length) => at..at + length,
                        None => return Ok(()),
                    },
                };
                let taken = range.end - at;
                self.put(slot, encoding, window, range, fields)?;
                taken
            }
            Op::HeaderList { until } => {
                let length = state.length_until(until, limits, rest, at_end)?;
                if !state.dropping {
                    reading.header_list(&rest[..length], fields)?;
                }
                length
            }
            Op::Ignore { until } => state.length_until(until, limits, rest, at_end)?,
            Op::Time { style, until } => {
                let guard = program.guard(until);
                let (time, taken) = reading.time(style, until, guard, rest, at_end, at)?;
                fields.timestamp = time;
                taken
            }
            Op::GroupBegin { .. } | Op::GroupEnd { .. } => {
                return self.run_group(window, at_end, fields);
            }
            Op::Length(_) | Op::Timestamp | Op::Partition | Op::Number => {
                let (number, taken) = token::number(rest, at_end, at)?;
                self.put_number(number, fields)?;
                taken
            }
        };
        self.advance(taken);
        Ok(())
    }

    /// Goes on to the next op, past `taken` bytes.
    fn advance(&mut self, taken: usize) {
        let is_literal = matches!(self.program.ops[self.state.op], Op::Literal(_));
        self.state.op += 1;
        self.state.at += taken;
        self.state.searched = 0;
        // The literal that ends a record does not count.
        self.state.dropping |= self.state.at > self.max_bytes && !is_literal;
    }

    fn run_group(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Outcome<()> {
        let state = &mut self.state;
        let rest = &window[state.at..];
        let next = match &self.program.ops[state.op] {
            Op::GroupBegin { exit, stop } => {
                if rest.is_empty() && !at_end {
                    return Err(Stop::More(state.at + 1));
                }
                let is_last = exit + 1 == self.program.ops.len();
                let ends = (rest.is_empty() && is_last)
                    || token::begins_with(stop, rest, at_end, state.at)?;
                if ends { *exit } else { state.op + 1 }
            }
            Op::GroupEnd { begin } => {
                let key = std::mem::take(&mut state.header_key);
                let value = std::mem::take(&mut state.header_value);
                if !state.dropping {
                    push_header(&key, &value, window, fields)?;
                }
                *begin
            }
            _ => state.op + 1,
        };
        state.lengths[Slot::HeaderKey as usize] = None;
        state.lengths[Slot::HeaderValue as usize] = None;
        self.advance(0);
        self.state.op = next;
        Ok(())
    }

    /// Bytes that a measured token takes; none if it is too large and now being dropped.
    fn measure(&mut self, slot: Slot, encoding: Encoding, window: &[u8]) -> Outcome<Option<usize>> {
        let length = match (self.state.lengths[slot as usize].flatten(), encoding) {
            (None, _) => self.reading.null_length(encoding),
            (Some(bytes), Encoding::Hex) => bytes.saturating_mul(2),
            (Some(bytes), Encoding::Base64) => json::base64_length(bytes),
            (Some(bytes), _) => bytes,
        };
        let at = self.state.at;
        if length > self.max_bytes {
            self.state.dropping = true;
            self.state.left = length;
            return Ok(None);
        }
        if window.len() - at < length {
            return Err(Stop::More(at + length));
        }
        Ok(Some(length))
    }

    /// Passes over what the window holds of a token that is too large.
    fn drop_measured(&mut self, window: &[u8]) -> Outcome<()> {
        let here = self.state.left.min(window.len() - self.state.at);
        if here == 0 {
            return Err(Stop::More(self.state.at + 1));
        }
        self.state.left -= here;
        self.state.at += here;
        if self.state.left == 0 {
            self.advance(0);
        }
        Ok(())
    }

    /// Keeps what a text token stands for.
    fn put(
        &mut self,
        slot: Slot,
        encoding: Encoding,
        window: &[u8],
        range: Range<usize>,
        fields: &mut Fields,
    ) -> Outcome<()> {
        if self.state.dropping {
            return Ok(());
        }
        let place = match self.state.lengths[slot as usize] {
            Some(None) if encoding == Encoding::Plain => Place::Null,
            // What was measured is no marker, even if it reads like one.
            Some(Some(_)) if encoding == Encoding::Plain => Place::Window(range),
            _ => self.reading.text(encoding, window, range, fields)?,
        };
        *match slot {
            Slot::Key => &mut fields.key,
            Slot::Value => &mut fields.value,
            Slot::HeaderKey => &mut self.state.header_key,
            Slot::HeaderValue => &mut self.state.header_value,
        } = place;
        Ok(())
    }

    /// Keeps the number that the op at hand read.
    fn put_number(&mut self, number: i64, fields: &mut Fields) -> Outcome<()> {
        match &self.program.ops[self.state.op] {
            Op::Length(slot) => {
                self.state.lengths[*slot as usize] = Some(token::length(number)?);
            }
            Op::Timestamp => fields.timestamp = Some(number),
            Op::Partition => {
                let wrong = |_| Stop::Bad(format!("partition {number} is out of range"));
                fields.partition = Some(i32::try_from(number).map_err(wrong)?);
            }
            _ => {}
        }
        Ok(())
    }
}

impl State {
    /// Whether nothing of a record was seen yet.
    const fn is_fresh(&self) -> bool {
        self.op == 0 && self.at == 0 && !self.dropping && self.failed.is_none()
    }

    /// Bytes before `until`; a record that ends before is malformed.
    fn length_until(
        &mut self,
        until: &[u8],
        (program, max_bytes): (&Program, usize),
        rest: &[u8],
        at_end: bool,
    ) -> Outcome<usize> {
        let guard = program.guard(until);
        let from = self.searched.min(rest.len());
        let find = |what: &[u8], end: usize| {
            memmem::find(&rest[from.min(end)..end], what).map(|at| from + at)
        };
        let found = find(until, rest.len());
        let ended = guard.and_then(|guard| find(guard, found.unwrap_or(rest.len())));
        let is_last = self.op + 2 == program.ops.len();
        let whole = (at_end && is_last).then_some(rest.len());
        let longest = until.len().max(guard.map_or(0, <[u8]>::len));
        let searched = rest.len().saturating_sub(longest - 1);
        if ended.or(found).or(whole).unwrap_or(searched) > max_bytes {
            return Err(Stop::Bad(too_large(max_bytes)));
        }
        if ended.is_some() {
            let until = until.escape_ascii();
            return Err(Stop::Bad(format!("no \"{until}\" before the end of the record")));
        }
        self.searched = searched;
        found.or(whole).ok_or(Stop::More(self.at + rest.len() + 1))
    }
}

/// Adds the header that was read, whose places are in the window or the scratch.
fn push_header(key: &Place, value: &Place, window: &[u8], fields: &mut Fields) -> Outcome<()> {
    let Fields { scratch, headers, header_count, .. } = fields;
    let resolve = |place: &Place| match place {
        Place::Null => None,
        Place::Window(range) => Some(&window[range.clone()]),
        Place::Scratch(range) => Some(&scratch[range.clone()]),
    };
    let name = resolve(key).ok_or_else(|| Stop::Bad("a header's name is null".into()))?;
    crate::cli::frame::push_header(headers, name, resolve(value));
    *header_count += 1;
    Ok(())
}
