//! Sliding windows: two records share one if they are at most `d` apart. Of all such windows those are kept that differ in
//! what they hold: `[t − d, t]` of each record, its left window, and `[t + 1, t + 1 + d]`, its right one, once that holds
//! something.
//!
//! A record is added to the windows that are there and cover it. Then it makes up to three: the right window of the
//! record before it, which it is the first to be in; its own left window, with what the windows before it tell is within
//! reach; its own right window, with what came earlier than it but is later.
//!
//! Source: Kafka Streams' `KStreamSlidingWindowAggregate`, with its order of updates, and its way with the first `d`
//! milliseconds of all time, where left windows would start before the epoch: they are one, `[0, d]`.

use super::windowed::{AggregateWindows, Base};
use crate::stream::error::Result;
use crate::stream::record::{Record, Window};
use crate::stream::rows::Rows;
use crate::stream::scope::Scope;

pub(super) fn add(
    operator: &AggregateWindows,
    scope: &mut Scope<'_>,
    record: &Record<'_>,
    difference_ms: i64,
) -> Result<()> {
    let at = record.timestamp;
    let right_most = span(at, difference_ms);
    if operator.is_late(scope, right_most) {
        return Ok(());
    }
    let mut rows = scope.take_rows();
    let early = at < difference_ms;
    let first_start =
        if early { 0 } else { at.saturating_sub(difference_ms.saturating_mul(2)).max(0) };
    let first_end = first_start.saturating_add(difference_ms);
    let ends = first_end..=right_most.end.saturating_add(1);
    operator.rows_of(scope, record.key.unwrap_or_default(), ends, |_| true, &mut rows)?;
    let slide = Slide { operator, record, difference_ms, rows: &rows };
    if early {
        slide.add_early(scope)?;
    } else {
        slide.add(scope)?;
    }
    scope.give_rows(rows);
    Ok(())
}

/// The window that starts there.
fn span(start: i64, difference_ms: i64) -> Window {
    Window { start, end: start.saturating_add(difference_ms) }
}

/// A window that is there.
#[derive(Clone, Copy)]
struct Found<'a> {
    window: Window,
    /// Of the latest record in it.
    timestamp: i64,
    aggregate: &'a [u8],
}

/// A record, and the windows of its key that are near.
struct Slide<'a> {
    operator: &'a AggregateWindows,
    record: &'a Record<'a>,
    difference_ms: i64,
    rows: &'a Rows,
}

impl<'a> Slide<'a> {
    fn found(&self, scope: &Scope<'_>, row: (&'a [u8], &'a [u8])) -> Result<Found<'a>> {
        let (window, timestamp, aggregate) = self.operator.parts(scope, row)?;
        Ok(Found { window, timestamp, aggregate })
    }

    fn add(&self, scope: &mut Scope<'_>) -> Result<()> {
        let at = self.record.timestamp;
        let (mut left, mut right) = (None, None);
        let (mut has_left, mut has_right) = (false, false);
        let mut previous = None;
        for row in self.rows.iter().rev() {
            let found = self.found(scope, row)?;
            if found.window.start > at {
                has_right = true;
            } else if found.window.end > at {
                right = right.or(Some(found));
                self.add_to(scope, found)?;
            } else if found.window.end == at {
                has_left = true;
                self.add_to(scope, found)?;
                if found.timestamp >= at {
                    // Not the first record of this moment: its windows are all there.
                    return Ok(());
                }
                previous = Some(found.timestamp);
            } else {
                left = Some(found);
                previous = Some(found.timestamp);
                break;
            }
        }
        self.make_right_of(scope, previous, false)?;
        if !has_left {
            let near =
                left.filter(|found| found.timestamp >= at.saturating_sub(self.difference_ms));
            let base =
                Base { aggregate: near.map(|found| found.aggregate), timestamp: at, is_row: false };
            let window = Window { start: at - self.difference_ms, end: at };
            self.operator.add_to(scope, self.record, window, base)?;
        }
        if has_right { Ok(()) } else { self.make_own_right(scope, right) }
    }

    /// Adds a record of the first `d` milliseconds: its left window is `[0, d]`, as that of all such records.
    fn add_early(&self, scope: &mut Scope<'_>) -> Result<()> {
        let at = self.record.timestamp;
        let (mut first, mut right) = (None, None);
        let mut has_right = false;
        let mut previous = None;
        for row in self.rows.iter() {
            let found = self.found(scope, row)?;
            if found.window.start == 0 {
                first = Some(found);
                previous = Some(found.timestamp).filter(|timestamp| *timestamp < at);
            } else if found.window.start <= at {
                right = Some(found);
                self.add_to(scope, found)?;
            } else {
                has_right = true;
            }
        }
        if !has_right {
            self.make_own_right(scope, right.or(first))?;
        }
        self.make_right_of(scope, previous, true)?;
        match first {
            Some(found) => self.add_to(scope, found),
            None => self.operator.add_to(
                scope,
                self.record,
                span(0, self.difference_ms),
                Base { timestamp: at, ..Base::NONE },
            ),
        }
    }

    fn add_to(&self, scope: &mut Scope<'_>, found: Found<'_>) -> Result<()> {
        let Found { window, timestamp, aggregate } = found;
        let base = Base { aggregate: Some(aggregate), timestamp, is_row: true };
        self.operator.add_to(scope, self.record, window, base)
    }

    /// The right window of the record before, unless it is there or does not reach this record: it holds this one alone.
    fn make_right_of(
        &self,
        scope: &mut Scope<'_>,
        previous: Option<i64>,
        reaches: bool,
    ) -> Result<()> {
        let Some(previous) = previous else { return Ok(()) };
        let window = span(previous.saturating_add(1), self.difference_ms);
        let at = self.record.timestamp;
        if !reaches && window.end < at || self.has(scope, window)? {
            return Ok(());
        }
        let base = Base { timestamp: at, ..Base::NONE };
        self.operator.add_to(scope, self.record, window, base)
    }

    fn has(&self, scope: &Scope<'_>, window: Window) -> Result<bool> {
        for row in self.rows.iter() {
            if self.found(scope, row)?.window == window {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The record's own right window, if later records are known: it starts with what a window has that covers both.
    fn make_own_right(&self, scope: &mut Scope<'_>, covering: Option<Found<'_>>) -> Result<()> {
        let at = self.record.timestamp;
        let Some(found) = covering.filter(|found| found.timestamp > at) else { return Ok(()) };
        let change = Record {
            window: Some(span(at.saturating_add(1), self.difference_ms)),
            value: Some(found.aggregate),
            old: None,
            timestamp: found.timestamp,
            ..*self.record
        };
        self.operator.write(scope, &change)
    }
}
