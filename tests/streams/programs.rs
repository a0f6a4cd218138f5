//! The programs of the golden cases, as their descriptions have them.

use std::sync::Arc;

use runnel::stream::{
    Aggregator, Error, Joiner, Predicate, Record, Result, Selector, Sides, Value,
};

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

fn write(out: &mut Value, value: &str) {
    out.set(Some(value.as_bytes()));
}

/// Left and right with a plus between them, `null` for what is missing.
pub(crate) fn joiner() -> Joiner {
    Box::new(|sides: Sides<'_>, out: &mut Value| {
        let [left, right] = [sides.left, sides.right].map(|side| side.map_or("null", text));
        write(out, &format!("{left}+{right}"));
        Ok(())
    })
}

/// What stands before a mark in the value; null if there is no mark, or nothing before it.
pub(crate) fn before(mark: char) -> Selector {
    Box::new(move |record: &Record<'_>, out: &mut Value| {
        let value = record.value.map_or("", text);
        let found = value.split_once(mark).map(|(before, _)| before);
        out.set(found.filter(|before| !before.is_empty()).map(str::as_bytes));
        Ok(())
    })
}

/// The number after the colon.
fn number(record: &Record<'_>) -> Result<i64> {
    let value = record.value.map_or("", text);
    let digits = value.split_once(':').map_or("", |(_, after)| after);
    digits.parse().map_err(Error::program)
}

pub(crate) fn number_over(least: i64) -> Predicate {
    Box::new(move |record: &Record<'_>| Ok(number(record)? > least))
}

pub(crate) fn is_even() -> Predicate {
    Box::new(|record: &Record<'_>| Ok(count_of(record.value) % 2 == 0))
}

fn count_of(aggregate: Option<&[u8]>) -> i64 {
    aggregate.map_or(0, |bytes| text(bytes).parse().expect("a number"))
}

type Step<T> = fn(&T, &Record<'_>, Option<&[u8]>) -> Result<String>;

/// An aggregate made of plain functions.
struct Plain<T> {
    settings: T,
    add: Step<T>,
    subtract: Option<Step<T>>,
}

impl<T: Send + Sync> Aggregator for Plain<T> {
    fn add(&self, record: &Record<'_>, aggregate: Option<&[u8]>, out: &mut Value) -> Result<()> {
        write(out, &(self.add)(&self.settings, record, aggregate)?);
        Ok(())
    }

    fn subtract(&self, record: &Record<'_>, aggregate: &[u8], out: &mut Value) -> Result<()> {
        let subtract = self.subtract.ok_or(Error::Unsupported("take a value out again"))?;
        write(out, &subtract(&self.settings, record, Some(aggregate))?);
        Ok(())
    }

    fn merge(&self, earlier: &[u8], later: &[u8], out: &mut Value) -> Result<()> {
        write(out, &(count_of(Some(earlier)) + count_of(Some(later))).to_string());
        Ok(())
    }
}

pub(crate) fn count() -> Arc<dyn Aggregator> {
    count_by(1)
}

/// Counts each record as so many.
pub(crate) fn count_by(step: i64) -> Arc<dyn Aggregator> {
    Arc::new(Plain::<i64> {
        settings: step,
        add: |step, _, aggregate| Ok((count_of(aggregate) + step).to_string()),
        subtract: Some(|step, _, aggregate| Ok((count_of(aggregate) - step).to_string())),
    })
}

pub(crate) fn sum() -> Arc<dyn Aggregator> {
    Arc::new(Plain::<()> {
        settings: (),
        add: |(), record, aggregate| Ok((count_of(aggregate) + number(record)?).to_string()),
        subtract: Some(|(), record, aggregate| {
            Ok((count_of(aggregate) - number(record)?).to_string())
        }),
    })
}

/// The numbers that were added and taken out, at most this many characters of it, the last ones.
pub(crate) fn trace(tail_chars: usize) -> Arc<dyn Aggregator> {
    Arc::new(Plain::<usize> {
        settings: tail_chars,
        add: |tail, record, aggregate| traced('+', *tail, record, aggregate),
        subtract: Some(|tail, record, aggregate| traced('-', *tail, record, aggregate)),
    })
}

fn traced(
    sign: char,
    tail: usize,
    record: &Record<'_>,
    aggregate: Option<&[u8]>,
) -> Result<String> {
    let all = format!("{}{sign}{}", aggregate.map_or("", text), number(record)?);
    Ok(all[all.len().saturating_sub(tail)..].to_owned())
}

/// The values with a comma before each, the first one's left out; the last five.
pub(crate) fn reduce() -> Arc<dyn Aggregator> {
    Arc::new(Plain::<()> {
        settings: (),
        add: |(), record, aggregate| {
            let value = text(record.value.unwrap_or_default());
            let Some(aggregate) = aggregate else { return Ok(value.to_owned()) };
            Ok(last_five(&format!("{},{value}", text(aggregate))))
        },
        subtract: None,
    })
}

/// The values with a comma and the name of their side before each; the last five.
pub(crate) fn tagged(side: &'static str) -> Arc<dyn Aggregator> {
    Arc::new(Plain::<&'static str> {
        settings: side,
        add: |side, record, aggregate| {
            let value = text(record.value.unwrap_or_default());
            Ok(last_five(&format!("{},{side}{value}", aggregate.map_or("", text))))
        },
        subtract: None,
    })
}

fn last_five(list: &str) -> String {
    let elements: Vec<&str> = list.split(',').collect();
    elements[elements.len().saturating_sub(5)..].join(",")
}

/// The values with a bar and a sign before each, the first one's left out; the last characters of it.
pub(crate) fn table_reduce(tail_chars: usize) -> Arc<dyn Aggregator> {
    Arc::new(Plain::<usize> {
        settings: tail_chars,
        add: |tail, record, aggregate| Ok(reduced("|+", *tail, record, aggregate)),
        subtract: Some(|tail, record, aggregate| Ok(reduced("|-", *tail, record, aggregate))),
    })
}

fn reduced(sign: &str, tail: usize, record: &Record<'_>, aggregate: Option<&[u8]>) -> String {
    let value = text(record.value.unwrap_or_default());
    let Some(aggregate) = aggregate else { return value.to_owned() };
    let all = format!("{}{sign}{value}", text(aggregate));
    all[all.len().saturating_sub(tail)..].to_owned()
}
