//! The tokens of a format as they are read: each takes bytes off the front of what is left, asks
//! for more, or says what is wrong. Positions are those of the window; `at` is where `rest` begins.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::{Found, read_text};
use super::{Fields, Place, too_large};
use crate::cli::format::{ENCODED_NULL, Encoding, JSON_BYTES, TimeStyle};
use crate::cli::json;
use crate::cli::timestamp::parse_strftime;

/// Digits and sign of the longest number.
const NUMBER_BYTES_MAX: usize = 20;
/// Bytes of the longest time as text.
const TIME_BYTES_MAX: usize = 128;

/// Why a token was not read.
#[derive(Debug)]
pub(super) enum Stop {
    /// The window must hold so many bytes first.
    More(usize),
    /// It never will be.
    Bad(String),
}

/// What reading a token yields.
pub(super) type Outcome<T> = Result<T, Stop>;

/// What the meaning of tokens depends on.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) null_marker: Option<Vec<u8>>,
    pub(super) zone: TimeZone,
}

/// Whether `rest` begins with `literal`.
pub(super) fn begins_with(literal: &[u8], rest: &[u8], at_end: bool, at: usize) -> Outcome<bool> {
    if rest.len() < literal.len() && !at_end && literal.starts_with(rest) {
        return Err(Stop::More(at + literal.len()));
    }
    Ok(rest.starts_with(literal))
}

/// Takes a literal; the last one of the input may be missing.
pub(super) fn literal(literal: &[u8], rest: &[u8], ends: bool, at: usize) -> Outcome<usize> {
    if begins_with(literal, rest, ends, at)? {
        return Ok(literal.len());
    }
    if ends && rest.is_empty() {
        return Ok(0);
    }
    Err(Stop::Bad(format!("no \"{}\" where the format has it", literal.escape_ascii())))
}

/// Takes a decimal integer: its value, and how many bytes it takes.
pub(super) fn number(rest: &[u8], at_end: bool, at: usize) -> Outcome<(i64, usize)> {
    let sign = usize::from(rest.first() == Some(&b'-'));
    let digits =
        rest[sign..].iter().take(NUMBER_BYTES_MAX).take_while(|byte| byte.is_ascii_digit());
    let length = sign + digits.count();
    if length == rest.len() && !at_end {
        return Err(Stop::More(at + rest.len() + 1));
    }
    let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
    match text.parse() {
        Ok(number) => Ok((number, length)),
        Err(_) if length == sign => Err(Stop::Bad("no number where the format has one".into())),
        Err(_) => Err(Stop::Bad("a number out of range".into())),
    }
}

/// What a number means as a length: -1 is null.
pub(super) fn length(number: i64) -> Outcome<Option<usize>> {
    match usize::try_from(number) {
        Ok(length) => Ok(Some(length)),
        Err(_) if number == -1 => Ok(None),
        Err(_) => Err(Stop::Bad(format!("a length of {number}"))),
    }
}

/// Whether the parser only objects to the end of the bytes, where digits may follow that would
/// make a number of it. To the parser such an end is a wrong number, not a short one.
fn ends_within_number(bytes: &[u8], error: &serde_json::Error) -> bool {
    let numeric = bytes.last().is_some_and(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'));
    let last_line = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    numeric && error.line() == lines && error.column() >= last_line.len()
}

/// Where a JSON value stands at the front of `rest`, within its first `max_bytes`.
pub(super) fn json_value(
    rest: &[u8],
    at_end: bool,
    at: usize,
    max_bytes: usize,
) -> Outcome<Range<usize>> {
    let front = &rest[..rest.len().min(max_bytes.saturating_add(1))];
    let more = || match front.len() > max_bytes {
        true => Stop::Bad(too_large(max_bytes)),
        false => Stop::More(at + rest.len() + 1),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(front);
    match <&RawValue>::deserialize(&mut deserializer) {
        Ok(raw) => {
            let start = raw.get().as_ptr().addr() - front.as_ptr().addr();
            let end = start + raw.get().len();
            // Another digit may follow.
            let open = front[start..end].last().is_some_and(u8::is_ascii_digit) && !at_end;
            if end > max_bytes || (open && end == front.len()) {
                return Err(more());
            }
            Ok(at + start..at + end)
        }
        Err(error)
            if (error.is_eof() || ends_within_number(front, &error))
                && (!at_end || front.len() > max_bytes) =>
        {
            Err(more())
        }
        Err(_) => Err(Stop::Bad("no JSON where the format has it".into())),
    }
}

impl Reading {
    /// What the bytes of a token stand for.
    pub(super) fn text(
        &self,
        encoding: Encoding,
        window: &[u8],
        range: Range<usize>,
        fields: &mut Fields,
    ) -> Outcome<Place> {
        let bytes = &window[range.clone()];
        let start = fields.scratch.len();
        match encoding {
            Encoding::Plain if self.null_marker.as_deref() == Some(bytes) => {
                return Ok(Place::Null);
            }
            Encoding::Plain => return Ok(Place::Window(range)),
            Encoding::Hex | Encoding::Base64 if bytes == ENCODED_NULL => return Ok(Place::Null),
            Encoding::Hex => read_hex(&mut fields.scratch, bytes)?,
            Encoding::Base64 => {
                if !json::read_base64(&mut fields.scratch, bytes) {
                    return Err(Stop::Bad("no base64 where the format has it".into()));
                }
            }
            Encoding::Json => return read_json(window, range, fields),
        }
        Ok(Place::Scratch(start..fields.scratch.len()))
    }

    /// Bytes that null takes where its length, -1, was read.
    pub(super) fn null_length(&self, encoding: Encoding) -> usize {
        match encoding {
            Encoding::Plain => self.null_marker.as_ref().map_or(0, Vec::len),
            Encoding::Hex | Encoding::Base64 => ENCODED_NULL.len(),
            Encoding::Json => 0,
        }
    }

    /// Takes a time: up to the first `until` before which there is one, for dates hold colons and
    /// spaces themselves, but not past `guard`. No text is no time.
    pub(super) fn time(
        &self,
        style: &TimeStyle,
        until: &[u8],
        guard: Option<&[u8]>,
        rest: &[u8],
        at_end: bool,
        at: usize,
    ) -> Outcome<(Option<i64>, usize)> {
        if rest.starts_with(until) {
            return Ok((None, 0));
        }
        let fence = guard.and_then(|guard| memchr::memmem::find(rest, guard));
        let reach = fence.unwrap_or(rest.len()).min(TIME_BYTES_MAX);
        let last = (at_end && reach == rest.len()).then_some(reach);
        for end in memchr::memmem::find_iter(&rest[..reach], until).chain(last) {
            if let Some(time) = self.parse_time(style, &rest[..end]) {
                return Ok((Some(time), end));
            }
        }
        if fence.is_some() || at_end || rest.len() >= TIME_BYTES_MAX + until.len() {
            return Err(Stop::Bad("no time where the format has one".into()));
        }
        Err(Stop::More(at + rest.len() + 1))
    }

    fn parse_time(&self, style: &TimeStyle, text: &[u8]) -> Option<i64> {
        match style {
            TimeStyle::Strftime(format) => parse_strftime(format, text, &self.zone),
            TimeStyle::Iso | TimeStyle::Milliseconds => {
                let text = std::str::from_utf8(text).ok()?;
                Some(text.parse::<Timestamp>().ok()?.as_millisecond())
            }
        }
    }

    /// Reads `name=value,name=value`.
    pub(super) fn header_list(&self, list: &[u8], fields: &mut Fields) -> Outcome<()> {
        if list.is_empty() {
            return Ok(());
        }
        for header in list.split(|&byte| byte == b',') {
            let Some(at) = memchr::memchr(b'=', header) else {
                return Err(Stop::Bad("a header without =".into()));
            };
            let value = Some(&header[at + 1..]).filter(|&value| {
                self.null_marker.as_ref().is_none_or(|marker| value != &marker[..])
            });
            fields.push_header(&header[..at], value);
        }
        Ok(())
    }
}

fn read_hex(out: &mut Vec<u8>, text: &[u8]) -> Outcome<()> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let wrong = || Stop::Bad("no hexadecimal where the format has it".into());
    let (pairs, []) = text.as_chunks::<2>() else { return Err(wrong()) };
    for &[high, low] in pairs {
        let (high, low) = digit(high).zip(digit(low)).ok_or_else(wrong)?;
        out.push(high << 4 | low);
    }
    Ok(())
}

/// A JSON value's bytes; `{"b64":"…"}` as it is written stands for bytes.
fn read_json(window: &[u8], range: Range<usize>, fields: &mut Fields) -> Outcome<Place> {
    let start = fields.scratch.len();
    let bytes = &window[range.clone()];
    let base64 = bytes.strip_prefix(JSON_BYTES.0).and_then(|rest| rest.strip_suffix(JSON_BYTES.1));
    if base64.is_some_and(|base64| json::read_base64(&mut fields.scratch, base64)) {
        return Ok(Place::Scratch(start..fields.scratch.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Stop::Bad("JSON is not UTF-8".into()))?;
    Ok(match read_text("the JSON", text, &mut fields.scratch).map_err(Stop::Bad)? {
        Found::Null => Place::Null,
        Found::Scratch => Place::Scratch(start..fields.scratch.len()),
        Found::Slice(_) => Place::Window(range.start + 1..range.end - 1),
    })
}
