//! What each function keeps of a group.
//!
//! | function | in its slot |
//! | --- | --- |
//! | count | how many, 8 bytes big-endian |
//! | sum | a [number](super::number), nothing before the first |
//! | avg | how many, 8 bytes; their sum |
//! | min, max, first, last | JSON, nothing before the first |
//! | collect | JSON values, parted by newlines: compact JSON has none |
//! | reduce | JSON |
//!
//! A null that a program gives is left out by sum, avg, min, max, first and last, as SQL leaves it out.

use super::number::Number;
use crate::filter::Failure;
use crate::job::definition::{Function, Serdes};
use crate::job::programs::script::{
    Problem, Script, ScriptError, Setting, give_buffer, one, take_buffer,
};
use crate::job::programs::tuple::{SIDES_MAX, Tuple};
use crate::serde::Serde;
use crate::stream::{self, Error, Record};

/// A function, compiled.
pub(super) enum Slot {
    Count,
    Sum(Script),
    Avg(Script),
    /// With the program that picks one of two.
    Best(Script, Box<Script>),
    First(Script),
    Last(Script),
    Collect(Script),
    Reduce(Box<[Script; 2]>),
}

type Made = stream::Result<bool>;

impl Slot {
    pub(super) fn new(function: &Function, setting: Setting<'_>) -> Result<Self, ScriptError> {
        let plain = |text: &str| Script::new("--agg", text, setting);
        // What is kept is JSON, strings in quotes.
        let json = |text: &str| Script::wrapped("--agg", text, "tojson", setting);
        let pair = ["a".to_owned(), "b".to_owned()];
        let best = |text| Script::new("--agg", text, setting.with_sides(&pair)).map(Box::new);
        let value = ["value".to_owned()];
        Ok(match function {
            Function::Count => Self::Count,
            Function::Sum(text) => Self::Sum(plain(text)?),
            Function::Avg(text) => Self::Avg(plain(text)?),
            Function::Min(text) => Self::Best(json(text)?, best("[$a, $b] | min | tojson")?),
            Function::Max(text) => Self::Best(json(text)?, best("[$a, $b] | max | tojson")?),
            Function::First(text) => Self::First(json(text)?),
            Function::Last(text) => Self::Last(json(text)?),
            Function::Collect(text) => Self::Collect(json(text)?),
            Function::Reduce { init, update } => {
                // What there was is JSON, whatever the values are.
                let serdes = Serdes { value_in: Serde::Json, ..setting.serdes };
                let setting_of_update = Setting { sides: &value, serdes };
                let update = Script::wrapped("--agg", update, "tojson", setting_of_update);
                Self::Reduce(Box::new([json(init)?, update?]))
            }
        })
    }

    /// Adds a record to what there was. False where nothing is left.
    pub(super) fn add(&self, record: &Record<'_>, old: &[u8], new: &mut Vec<u8>) -> Made {
        match self {
            Self::Count => new.extend_from_slice(&(count(old) + 1).to_be_bytes()),
            Self::Sum(script) => add_number(script, record, old, new, Number::plus)?,
            Self::Avg(script) => average(script, record, old, new, 1, Number::plus)?,
            Self::Best(script, best) => {
                let mut text = take_buffer();
                script.one(record, &mut text)?;
                pick(best, record, old, &text, new)?;
                give_buffer(text);
            }
            Self::First(script) if old.is_empty() => self.keep(script, record, old, new)?,
            Self::First(_) => new.extend_from_slice(old),
            Self::Last(script) => self.keep(script, record, old, new)?,
            Self::Collect(script) => {
                new.extend_from_slice(old);
                if !old.is_empty() {
                    new.push(b'\n');
                }
                script.one(record, new)?;
            }
            Self::Reduce(scripts) => return reduce(scripts, record, old, new),
        }
        Ok(true)
    }

    /// Takes a record out of what there is.
    pub(super) fn subtract(&self, record: &Record<'_>, old: &[u8], new: &mut Vec<u8>) -> Made {
        match self {
            Self::Count => new.extend_from_slice(&(count(old) - 1).to_be_bytes()),
            Self::Sum(script) => add_number(script, record, old, new, Number::minus)?,
            Self::Avg(script) => average(script, record, old, new, -1, Number::minus)?,
            Self::Collect(script) => {
                let mut text = take_buffer();
                script.one(record, &mut text)?;
                let mut is_found = false;
                for value in lines(old) {
                    if !is_found && value == text {
                        is_found = true;
                        continue;
                    }
                    if !new.is_empty() {
                        new.push(b'\n');
                    }
                    new.extend_from_slice(value);
                }
                give_buffer(text);
            }
            _ => return Err(Error::Unsupported("take a value out again")),
        }
        Ok(true)
    }

    /// What there is of two sessions that became one.
    pub(super) fn merge(&self, earlier: &[u8], later: &[u8], new: &mut Vec<u8>) -> Made {
        match self {
            Self::Count => new.extend_from_slice(&(count(earlier) + count(later)).to_be_bytes()),
            Self::Sum(_) => sum(Number::read(earlier), Number::read(later), new),
            Self::Avg(_) => {
                new.extend_from_slice(&(count(earlier) + count(later)).to_be_bytes());
                sum(Number::read(rest(earlier)), Number::read(rest(later)), new);
            }
            Self::Best(_, best) => pick(best, &Record::default(), earlier, later, new)?,
            Self::First(_) => {
                new.extend_from_slice(if earlier.is_empty() { later } else { earlier });
            }
            Self::Last(_) => {
                new.extend_from_slice(if later.is_empty() { earlier } else { later });
            }
            Self::Collect(_) => {
                new.extend_from_slice(earlier);
                if !earlier.is_empty() && !later.is_empty() {
                    new.push(b'\n');
                }
                new.extend_from_slice(later);
            }
            Self::Reduce(_) => return Err(Error::Unsupported("be merged with another")),
        }
        Ok(true)
    }

    /// Appends what others see, as JSON.
    pub(super) fn write_value(&self, slot: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Count => {
                out.extend_from_slice(itoa::Buffer::new().format(count(slot)).as_bytes());
            }
            Self::Sum(_) => write_number(Number::read(slot), out),
            Self::Avg(_) => {
                let mean = |sum: Number| Number::Real(sum.real() / count(slot) as f64);
                let sum = Number::read(rest(slot)).filter(|_| count(slot) > 0);
                write_number(sum.map(mean), out);
            }
            Self::Collect(_) => {
                out.push(b'[');
                for (index, value) in lines(slot).enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(value);
                }
                out.push(b']');
            }
            _ if slot.is_empty() => out.extend_from_slice(b"null"),
            _ => out.extend_from_slice(slot),
        }
    }

    /// Keeps what the program gives, or what there was where that is null.
    fn keep(
        &self,
        script: &Script,
        record: &Record<'_>,
        old: &[u8],
        new: &mut Vec<u8>,
    ) -> stream::Result<()> {
        script.one(record, new)?;
        if new == b"null" {
            new.clear();
            new.extend_from_slice(old);
        }
        Ok(())
    }
}

fn count(slot: &[u8]) -> i64 {
    slot.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
}

/// What stands behind a count.
fn rest(slot: &[u8]) -> &[u8] {
    slot.get(8..).unwrap_or_default()
}

fn lines(slot: &[u8]) -> impl Iterator<Item = &[u8]> {
    slot.split(|byte| *byte == b'\n').filter(|value| !value.is_empty())
}

fn write_number(number: Option<Number>, out: &mut Vec<u8>) {
    match number {
        Some(number) => number.write_text(out),
        None => out.extend_from_slice(b"null"),
    }
}

fn sum(a: Option<Number>, b: Option<Number>, new: &mut Vec<u8>) {
    let sum = match (a, b) {
        (Some(a), Some(b)) => Some(a.plus(b)),
        (a, b) => a.or(b),
    };
    if let Some(sum) = sum {
        sum.write(new);
    }
}

/// The number that a program gives; `None` for null.
fn number(script: &Script, record: &Record<'_>) -> stream::Result<Option<Number>> {
    let mut text = take_buffer();
    // A value that passes as it is may be a null that is written out.
    let is_some = script.one(record, &mut text)? && text != b"null";
    let number = Number::parse(&text);
    let shown = || String::from_utf8_lossy(&text).chars().take(40).collect();
    if is_some && number.is_none() {
        return Err(script.failed(Problem::Number(shown())));
    }
    give_buffer(text);
    Ok(number)
}

fn add_number(
    script: &Script,
    record: &Record<'_>,
    old: &[u8],
    new: &mut Vec<u8>,
    how: fn(Number, Number) -> Number,
) -> stream::Result<()> {
    match number(script, record)? {
        None => new.extend_from_slice(old),
        Some(number) => how(Number::read(old).unwrap_or(Number::Whole(0)), number).write(new),
    }
    Ok(())
}

fn average(
    script: &Script,
    record: &Record<'_>,
    old: &[u8],
    new: &mut Vec<u8>,
    step: i64,
    how: fn(Number, Number) -> Number,
) -> stream::Result<()> {
    match number(script, record)? {
        None => new.extend_from_slice(old),
        Some(number) => {
            new.extend_from_slice(&(count(old) + step).to_be_bytes());
            how(Number::read(rest(old)).unwrap_or(Number::Whole(0)), number).write(new);
        }
    }
    Ok(())
}

/// The least or the greatest of two JSON values; null is none.
fn pick(
    best: &Script,
    record: &Record<'_>,
    old: &[u8],
    other: &[u8],
    new: &mut Vec<u8>,
) -> stream::Result<()> {
    if old.is_empty() || matches!(other, b"" | b"null") {
        let is_none = matches!(other, b"" | b"null");
        new.extend_from_slice(if is_none { old } else { other });
        return Ok(());
    }
    let mut tuple = Tuple::default();
    (tuple.sides[0], tuple.sides[1]) = (Some(old), Some(other));
    best.with_value(record, None, &tuple, |evaluator, given| one(evaluator, given, new))?;
    Ok(())
}

fn reduce(
    [init, update]: &[Script; 2],
    record: &Record<'_>,
    old: &[u8],
    new: &mut Vec<u8>,
) -> Made {
    let mut first = take_buffer();
    if old.is_empty() {
        let nothing = Tuple::default();
        init.with_value(record, None, &nothing, |evaluator, given| {
            one(evaluator, given, &mut first)
        })?;
    }
    let before = if old.is_empty() { &first[..] } else { old };
    let mut sides = [None; SIDES_MAX];
    // A value beside tables is what stands left of them. A side is read as JSON: a text is given in quotes.
    let value = init.tuple(record)?.value;
    let quoted = value
        .filter(|_| init.is_text())
        .map(|value| serde_json::Value::from(String::from_utf8_lossy(value)).to_string());
    sides[0] = quoted.as_deref().map(str::as_bytes).or(value);
    let tuple = Tuple { value: None, sides };
    let is_some = update
        .with_value(record, Some(before), &tuple, |evaluator, given| one(evaluator, given, new))?;
    give_buffer(first);
    if !is_some {
        return Err(update.failed(Failure::NoResult.into()));
    }
    Ok(new != b"null")
}
