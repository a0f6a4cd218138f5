//! The programs of streams: conditions, keys, times, results, and the values of joins.

use std::ops::{ControlFlow, Range};

use jiff::Timestamp;

use super::script::{Problem, Script, ScriptError, Setting, give_buffer, one, take_buffer};
use super::tuple::{Tuple, write_joined};
use crate::record::{Headers, write_header};
use crate::stream::{self, Emit, Joiner, Mapper, Predicate, Record, Selector, Sides, Value};

/// Bare numbers below this are seconds, from it on milliseconds.
const MILLISECONDS_FROM: f64 = 1e11;
/// As far from 1970 as a number of jq is exact.
const MILLISECONDS_MAX: f64 = 9_007_199_254_740_992.0;

type Compiled<T> = Result<T, ScriptError>;

/// The time that a record is given, in milliseconds.
pub(in crate::job) type TimestampOf = Box<dyn Fn(&Record<'_>) -> stream::Result<i64> + Send + Sync>;

/// Whether a record is kept: a program gives anything but false and null.
pub(in crate::job) fn predicate(
    flag: &'static str,
    text: &str,
    setting: Setting<'_>,
) -> Compiled<Predicate> {
    let script = Script::new(flag, text, setting)?;
    Ok(Box::new(move |record| script.with(record, |evaluator, given| Ok(evaluator.holds(given)?))))
}

/// A value made of a record: null where the program gives null or nothing.
pub(in crate::job) fn selector(
    flag: &'static str,
    text: &str,
    setting: Setting<'_>,
) -> Compiled<Selector> {
    let script = Script::new(flag, text, setting)?;
    Ok(Box::new(move |record, out| select(&script, record, out)))
}

fn select(script: &Script, record: &Record<'_>, out: &mut Value) -> stream::Result<()> {
    out.clear();
    if !script.one(record, out.write())? {
        out.clear();
    }
    Ok(())
}

/// Records with another value.
pub(in crate::job) fn with_value(
    flag: &'static str,
    text: &str,
    setting: Setting<'_>,
) -> Compiled<Mapper> {
    let script = Script::new(flag, text, setting)?;
    Ok(Box::new(move |record, emit| {
        let mut value = take_buffer();
        let is_some = script.one(record, &mut value)?;
        let emitted = emit(&Record { value: is_some.then_some(&value), ..*record });
        give_buffer(value);
        emitted
    }))
}

/// The value alone of one that has so many sides.
pub(in crate::job) fn value_of(sides: usize) -> Selector {
    Box::new(move |record, out| {
        let tuple = Tuple::read(record.value, sides);
        let tuple = tuple.ok_or_else(|| stream::Error::program(Problem::Tuple))?;
        out.set(tuple.value);
        Ok(())
    })
}

/// Records with another key.
pub(in crate::job) fn rekey(
    flag: &'static str,
    text: &str,
    setting: Setting<'_>,
) -> Compiled<Mapper> {
    let script = Script::new(flag, text, setting)?;
    Ok(Box::new(move |record, emit| {
        let mut key = take_buffer();
        let is_some = script.one(record, &mut key)?;
        let emitted = emit(&Record { key: is_some.then_some(&key), ..*record });
        give_buffer(key);
        emitted
    }))
}

/// The time of a record, in milliseconds: a number of them, of seconds where below 1e11, or a time with a zone.
pub(in crate::job) fn timestamp(
    flag: &'static str,
    text: &str,
    setting: Setting<'_>,
) -> Compiled<TimestampOf> {
    let script = Script::new(flag, text, setting)?;
    Ok(Box::new(move |record| {
        let mut text = take_buffer();
        if !script.one(record, &mut text)? {
            return Err(script.failed(Problem::NoTime));
        }
        let timestamp = parse_timestamp(&text);
        let shown = || String::from_utf8_lossy(&text).chars().take(40).collect();
        let timestamp = timestamp.ok_or_else(|| script.failed(Problem::Time(shown())))?;
        give_buffer(text);
        Ok(timestamp)
    }))
}

fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(number) = text.parse::<f64>() {
        let scale = if number.abs() < MILLISECONDS_FROM { 1000.0 } else { 1.0 };
        // Beyond that no number is exact, and no calendar goes.
        let milliseconds = (number * scale).floor();
        return (milliseconds.abs() <= MILLISECONDS_MAX).then_some(milliseconds as i64);
    }
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// What becomes of a record of a stream: its program's results, each with a key and headers of its own.
#[derive(Debug, Default)]
pub(in crate::job) struct ResultTexts<'a> {
    /// What the values are; the record's own where there is none.
    pub(in crate::job) program: Option<&'a str>,
    /// What the keys are; the record's own where there is none.
    pub(in crate::job) key: Option<&'a str>,
    /// Headers that are added: names and programs.
    pub(in crate::job) headers: Vec<(&'a str, &'a str)>,
}

/// The results of a record. All of them are made before the first is handed on: a program that fails leaves nothing half
/// done.
pub(in crate::job) fn results(texts: &ResultTexts<'_>, setting: Setting<'_>) -> Compiled<Mapper> {
    let script = |flag, text: &str| Script::new(flag, text, setting);
    let headers = texts
        .headers
        .iter()
        .map(|(name, text)| Ok((name.as_bytes().to_vec(), script("--header", text)?)));
    let scripts = Scripts {
        program: texts.program.map(|text| script("JQ", text)).transpose()?,
        key: texts.key.map(|text| script("--key", text)).transpose()?,
        headers: headers.collect::<Compiled<_>>()?,
        value: script("JQ", ".")?,
    };
    Ok(Box::new(move |record, emit| scripts.run(record, emit)))
}

struct Scripts {
    program: Option<Script>,
    key: Option<Script>,
    headers: Vec<(Vec<u8>, Script)>,
    /// Knows how many sides a value has.
    value: Script,
}

/// A result in the buffer. `None` is null.
struct Made {
    value: Option<Range<usize>>,
    key: Option<Range<usize>>,
    headers: Range<usize>,
}

impl Scripts {
    fn run(&self, record: &Record<'_>, emit: Emit<'_>) -> stream::Result<()> {
        let tuple = self.value.tuple(record)?;
        let Some(program) = &self.program else {
            if self.key.is_none() && self.headers.is_empty() {
                return emit(&Record { value: tuple.value, ..*record });
            }
            let mut bytes = take_buffer();
            let made = self.details(record, tuple.value, &tuple, &mut bytes)?;
            let emitted = self.emit(record, tuple.value, &made, &bytes, emit);
            give_buffer(bytes);
            return emitted;
        };
        let (mut values, mut bytes) = (take_buffer(), take_buffer());
        // One result is what most programs give; it needs no list.
        let (mut first, mut others) = (None, Vec::new());
        program.with(record, |evaluator, given| {
            evaluator.results(given, |result| {
                let start = values.len();
                values.extend_from_slice(result.unwrap_or_default());
                let range = result.map(|_| start..values.len());
                match first {
                    None => first = Some(range),
                    Some(_) => others.push(range),
                }
                ControlFlow::Continue(())
            })?;
            Ok(())
        })?;
        let ranges = first.into_iter().chain(others);
        if self.key.is_none() && self.headers.is_empty() {
            for range in ranges {
                let value = range.map(|range| &values[range]);
                emit(&Record { value, ..*record })?;
            }
        } else {
            let made: Vec<_> = ranges
                .map(|range| {
                    let value = range.clone().map(|range| &values[range]);
                    let made = self.details(record, value, &tuple, &mut bytes)?;
                    Ok(Made { value: range, ..made })
                })
                .collect::<stream::Result<_>>()?;
            for made in &made {
                let value = made.value.clone().map(|range| &values[range]);
                self.emit(record, value, made, &bytes, emit)?;
            }
        }
        give_buffer(values);
        give_buffer(bytes);
        Ok(())
    }

    /// Makes the key and the headers of a result.
    fn details(
        &self,
        record: &Record<'_>,
        value: Option<&[u8]>,
        tuple: &Tuple<'_>,
        bytes: &mut Vec<u8>,
    ) -> stream::Result<Made> {
        let mut key = None;
        if let Some(script) = &self.key {
            let start = bytes.len();
            let is_some = script.with_value(record, value, tuple, |evaluator, given| {
                one(evaluator, given, bytes)
            })?;
            key = is_some.then_some(start..bytes.len());
        }
        let start = bytes.len();
        if !self.headers.is_empty() {
            bytes.extend_from_slice(record.headers.0);
        }
        for (name, script) in &self.headers {
            let mut text = take_buffer();
            let is_some = script.with_value(record, value, tuple, |evaluator, given| {
                one(evaluator, given, &mut text)
            })?;
            write_header(bytes, name, is_some.then_some(&text));
            give_buffer(text);
        }
        Ok(Made { value: None, key, headers: start..bytes.len() })
    }

    fn emit(
        &self,
        record: &Record<'_>,
        value: Option<&[u8]>,
        made: &Made,
        bytes: &[u8],
        emit: Emit<'_>,
    ) -> stream::Result<()> {
        let own = self.key.is_none().then_some(record.key).flatten();
        let key = made.key.clone().map(|range| &bytes[range]).or(own);
        let headers = match self.headers.is_empty() {
            true => record.headers,
            false => stream::Headers(&bytes[made.headers.clone()]),
        };
        emit(&Record { key, value, headers, ..*record })
    }
}

/// Puts what the other side has beside a value that has so many sides already.
pub(in crate::job) fn joiner(sides: usize) -> Joiner {
    Box::new(move |pair: Sides<'_>, out: &mut Value| {
        out.clear();
        write_joined(pair.left, sides, pair.right, out.write());
        Ok(())
    })
}

/// The headers of a record, as the engine carries them.
pub(in crate::job) fn encoded_headers<'a>(
    headers: Headers<'a>,
    scratch: &'a mut Vec<u8>,
) -> stream::Headers<'a> {
    match headers {
        Headers::Encoded { bytes, .. } => stream::Headers(bytes),
        Headers::List(list) => {
            scratch.clear();
            for header in list {
                write_header(scratch, header.key, header.value);
            }
            stream::Headers(scratch)
        }
    }
}
