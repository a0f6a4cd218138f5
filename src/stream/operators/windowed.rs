//! Aggregates by key and window: what hopping windows, sliding windows and sessions have in common. Rows: the aggregate of
//! each key and window, indexed by the window's end.
//!
//! The clock counts the records that have a key and a value. A window takes records until it is closed; its row stays as
//! long as its retention says, and goes then or, where a cache is in front, at the next commit, found by the index. Final
//! results go out when the clock closes their windows, in the order of ends, starts, keys.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{hopping, session, sliding};
use crate::stream::encoding;
use crate::stream::error::{Error, Result};
use crate::stream::program::{Aggregator, Value};
use crate::stream::record::{Record, Window};
use crate::stream::rows::Rows;
use crate::stream::scans::{PAGE_ROWS, ends_by};
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::Operator;
use crate::stream::windows::{Kind, Retention, Windows};

/// When a windowed aggregation tells of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmitStrategy {
    /// With each change; how often, the cache says.
    #[default]
    Change,
    /// Once, when its window is closed.
    Final,
}

pub(in crate::stream) struct AggregateWindows {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) index: StoreId,
    pub(in crate::stream) retention: Retention,
    pub(in crate::stream) emit: EmitStrategy,
    pub(in crate::stream) aggregator: Arc<dyn Aggregator>,
}

/// What a record is added to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base<'a> {
    /// The aggregate so far, if there is one.
    pub(super) aggregate: Option<&'a [u8]>,
    /// The latest timestamp in it.
    pub(super) timestamp: i64,
    /// Whether it is what the window's own row holds.
    pub(super) is_row: bool,
}

impl Base<'_> {
    pub(super) const NONE: Self = Self { aggregate: None, timestamp: 0, is_row: false };
}

impl Operator for AggregateWindows {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        if record.key.is_none() {
            scope.counts().null_key += 1;
            return Ok(());
        }
        if record.value.is_none() {
            scope.counts().null_value += 1;
            return Ok(());
        }
        scope.clock().advance(record.timestamp);
        match self.retention.windows.kind {
            Kind::Hopping { size_ms, advance_ms } => {
                hopping::add(self, scope, record, size_ms, advance_ms)?;
            }
            Kind::Sliding { difference_ms } => sliding::add(self, scope, record, difference_ms)?,
            Kind::Session { gap_ms } => session::add(self, scope, record, gap_ms)?,
        }
        self.pass_time(scope)
    }

    fn at_commit(&self, scope: &mut Scope<'_>) -> Result<()> {
        let time = scope.clock().time;
        scope.expire(self.store, self.retention.expired_end(time))
    }

    fn close(&self, scope: &mut Scope<'_>) -> Result<()> {
        let Some(last_end) = self.last_end(scope)? else { return Ok(()) };
        let closing = self.windows().closing_time(last_end);
        scope.clock().advance(closing);
        self.pass_time(scope)
    }
}

impl AggregateWindows {
    pub(super) fn windows(&self) -> &Windows {
        &self.retention.windows
    }

    /// Whether a window takes no more records; then one more was late.
    pub(super) fn is_late(&self, scope: &mut Scope<'_>, window: Window) -> bool {
        let late = window.end <= self.windows().closed_end(scope.clock().time);
        scope.counts().late += u64::from(late);
        late
    }

    /// Adds a record to a window, unless it is late for it.
    pub(super) fn add_to(
        &self,
        scope: &mut Scope<'_>,
        record: &Record<'_>,
        window: Window,
        base: Base<'_>,
    ) -> Result<()> {
        if self.is_late(scope, window) {
            return Ok(());
        }
        let mut new = scope.take();
        self.aggregator.add(record, base.aggregate, &mut new)?;
        let change = Record {
            window: Some(window),
            value: new.get(),
            old: base.aggregate.filter(|_| base.is_row),
            timestamp: record.timestamp.max(base.timestamp),
            ..*record
        };
        self.write(scope, &change)?;
        scope.give(new);
        Ok(())
    }

    /// Writes the row of a window, and tells of it unless final results are wanted.
    pub(super) fn write(&self, scope: &mut Scope<'_>, change: &Record<'_>) -> Result<()> {
        let mut key = scope.take();
        let window = change.window.expect("a row of a windowed table has one");
        encoding::window_key(key.write(), change.key.unwrap_or_default(), window);
        let row_key = key.get().unwrap_or_default();
        match self.emit {
            EmitStrategy::Change => scope.update(self.store, row_key, change)?,
            EmitStrategy::Final => scope.write_row(self.store, row_key, change)?,
        }
        scope.give(key);
        Ok(())
    }

    /// Copies the rows of a key whose windows end within these bounds, in the order of their ends; at most to the first one
    /// that is not `wanted`. Those that have expired are not there, whether or not they are removed yet.
    pub(super) fn rows_of(
        &self,
        scope: &mut Scope<'_>,
        key: &[u8],
        ends: RangeInclusive<i64>,
        wanted: impl Fn(Window) -> bool,
        rows: &mut Rows,
    ) -> Result<()> {
        let expired = self.retention.expired_end(scope.clock().time);
        let mut from = scope.take();
        encoding::push_key(from.write(), key);
        let prefix_len = from.write().len();
        encoding::push_time(from.write(), expired.saturating_add(1).max(*ends.start()));
        let from_key = from.get().unwrap_or_default();
        let in_bounds = |row_key: &[u8]| {
            let window = encoding::window_of(row_key).map(|(_, window)| window);
            window.is_some_and(|window| window.end <= *ends.end() && wanted(window))
        };
        scope.collect_table(self.store, from_key, prefix_len, in_bounds, rows)?;
        scope.give(from);
        Ok(())
    }

    /// The window, timestamp and aggregate of a row.
    pub(super) fn parts<'a>(
        &self,
        scope: &Scope<'_>,
        row: (&[u8], &'a [u8]),
    ) -> Result<(Window, i64, &'a [u8])> {
        let damaged = || scope.corrupt(self.store, "a windowed row has no timestamp");
        let (_, window) = encoding::window_of(row.0).ok_or_else(damaged)?;
        let (timestamp, aggregate) = encoding::take_row(row.1).ok_or_else(damaged)?;
        Ok((window, timestamp, aggregate))
    }

    /// What the clock's new time closes and lets go.
    fn pass_time(&self, scope: &mut Scope<'_>) -> Result<()> {
        let time = scope.clock().time;
        if self.emit == EmitStrategy::Final {
            self.emit_closed(scope, self.windows().closed_end(time))?;
        }
        if scope.is_cached(self.store) { Ok(()) } else { self.at_commit(scope) }
    }

    /// Forwards the rows of windows that were open so far and end by then.
    fn emit_closed(&self, scope: &mut Scope<'_>, last_end: i64) -> Result<()> {
        let clock = *scope.clock();
        if last_end <= clock.closed || clock.earliest > last_end {
            return Ok(());
        }
        let mut from = scope.take();
        encoding::push_time(from.write(), clock.closed.saturating_add(1));
        let mut rows = scope.take_rows();
        loop {
            rows.clear();
            let from_entry = from.get().unwrap_or_default();
            let closed = |entry: &[u8]| ends_by(entry, last_end);
            scope.collect(self.index, from_entry, PAGE_ROWS, closed, &mut rows)?;
            for (entry, _) in rows.iter() {
                self.emit_entry(scope, entry)?;
            }
            let Some((last, _)) = rows.iter().next_back() else { break };
            from.set(Some(last));
            from.write().push(0);
        }
        scope.give(from);
        scope.give_rows(rows);
        scope.clock().closed = last_end;
        Ok(())
    }

    fn emit_entry(&self, scope: &mut Scope<'_>, entry: &[u8]) -> Result<()> {
        let (key, window) = encoding::take_index_key(&mut { entry })
            .ok_or_else(|| scope.corrupt(self.index, "an entry names no window"))?;
        let mut row_key = scope.take();
        let mut value = scope.take();
        encoding::window_key(row_key.write(), key, window);
        if let Some(timestamp) = scope.copy_row(self.store, bytes(&row_key), &mut value)? {
            let result = Record {
                key: Some(key),
                window: Some(window),
                value: value.get(),
                timestamp,
                ..Record::default()
            };
            scope.forward(&result).map_err(Error::held_back)?;
        }
        scope.give(row_key);
        scope.give(value);
        Ok(())
    }

    /// The end of the last window that has a row.
    fn last_end(&self, scope: &mut Scope<'_>) -> Result<Option<i64>> {
        let mut last = None;
        scope.task.state.scan(self.index, &[], &mut |mut entry, _| {
            last = encoding::take_time(&mut entry);
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(last)
    }
}

fn bytes(value: &Value) -> &[u8] {
    value.get().unwrap_or_default()
}
