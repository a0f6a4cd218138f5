//! Records of a left or outer join of streams that have found no partner yet. They come out alone, with their own time and
//! headers, when none can come any more. Rows: those records, by time; of one time the right side's first.
//! Source: Kafka Streams' `KStreamKStreamJoin`, KAFKA-10847. Differs: it gives such a record the headers of the one that
//! moved the clock.

use std::ops::ControlFlow;

use super::JoinKind;
use super::stream_stream::JoinWindows;
use crate::stream::encoding;
use crate::stream::error::{Error, Result};
use crate::stream::program::{Joiner, Sides, Value};
use crate::stream::record::Record;
use crate::stream::rows::Rows;
use crate::stream::scans::PAGE_ROWS;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::Side;

/// Records that wait for good reason, looked at in search of the other side's before a look ends.
const OPEN_ROWS_MAX: usize = 64;

/// The records that wait, and what is done with one in the end.
pub(super) struct Unmatched<'a> {
    pub(super) store: StoreId,
    pub(super) windows: &'a JoinWindows,
    /// Which sides wait.
    pub(super) kind: JoinKind,
    pub(super) joiner: &'a Joiner,
}

impl Unmatched<'_> {
    /// Lets a record wait.
    pub(super) fn put(&self, scope: &mut Scope<'_>, side: Side, record: &Record<'_>) -> Result<()> {
        let clock = scope.clock();
        clock.earliest = clock.earliest.min(record.timestamp);
        let sequence = clock.sequence;
        clock.sequence = sequence.wrapping_add(1);
        let mut key = scope.take();
        push_prefix(&mut key, record.timestamp, side, record.key.unwrap_or_default());
        encoding::push_time(key.write(), sequence);
        let mut value = scope.take();
        encoding::push_headers(value.write(), record.headers);
        value.write().extend_from_slice(record.value.unwrap_or_default());
        let (row_key, row) = (key.get().unwrap_or_default(), value.get().unwrap_or_default());
        scope.put(self.store, row_key, row)?;
        scope.give(key);
        scope.give(value);
        Ok(())
    }

    /// The records of this side, key and time have found a partner.
    pub(super) fn remove(
        &self,
        scope: &mut Scope<'_>,
        side: Side,
        key: &[u8],
        timestamp: i64,
    ) -> Result<()> {
        let mut prefix = scope.take();
        push_prefix(&mut prefix, timestamp, side, key);
        let start = prefix.get().unwrap_or_default();
        let mut rows = scope.take_rows();
        scope.collect(self.store, start, usize::MAX, |key| key.starts_with(start), &mut rows)?;
        for (row_key, _) in rows.iter() {
            scope.delete(self.store, row_key)?;
        }
        scope.give(prefix);
        scope.give_rows(rows);
        Ok(())
    }

    /// Forwards those that wait in vain at this time. As in Kafka Streams a look is taken only if the earliest one that is
    /// known would, were it of the side whose record moved the clock; so some come out a little later than they could.
    pub(super) fn emit_closed(&self, scope: &mut Scope<'_>, mover: Side, time: i64) -> Result<()> {
        let earliest = scope.clock().earliest;
        if earliest == i64::MAX || self.windows.open_until(mover, earliest) >= time {
            return Ok(());
        }
        let mut rows = scope.take_rows();
        let mut key = scope.take();
        loop {
            rows.clear();
            let earliest = self.closed(scope, time, &mut rows)?;
            scope.clock().earliest = earliest;
            for row in rows.iter() {
                self.forward(scope, row, &mut key).map_err(Error::held_back)?;
                scope.delete(self.store, row.0)?;
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
        }
        scope.give_rows(rows);
        scope.give(key);
        Ok(())
    }

    /// Copies a page of those that wait in vain, and gives the time of the last one that was looked at.
    fn closed(&self, scope: &Scope<'_>, time: i64, rows: &mut Rows) -> Result<i64> {
        let mut earliest = i64::MAX;
        let mut damaged = false;
        let (mut left_open, mut right_open) = (false, self.kind == JoinKind::Left);
        let mut open = 0;
        scope.task.state.scan(self.store, &[], &mut |row_key, row| {
            let Some((timestamp, side)) = take_place(&mut { row_key }) else {
                damaged = true;
                return ControlFlow::Break(());
            };
            earliest = timestamp;
            let enough = rows.len() == PAGE_ROWS || open == OPEN_ROWS_MAX;
            if left_open && right_open || enough {
                return ControlFlow::Break(());
            }
            // The sides may wait for different spans, so the other one may have closed ones yet.
            if self.windows.open_until(side, timestamp) < time || time == i64::MAX {
                rows.push(row_key, row);
                return ControlFlow::Continue(());
            }
            open += 1;
            match side {
                Side::Left => left_open = true,
                Side::Right => right_open = true,
            }
            ControlFlow::Continue(())
        })?;
        if damaged { Err(scope.corrupt(self.store, "a key has no time")) } else { Ok(earliest) }
    }

    fn forward(&self, scope: &mut Scope<'_>, row: (&[u8], &[u8]), key: &mut Value) -> Result<()> {
        let damaged = |scope: &Scope<'_>| scope.corrupt(self.store, "a record that waits is cut");
        let (mut row_key, mut value) = row;
        let (timestamp, side) = take_place(&mut row_key).ok_or_else(|| damaged(scope))?;
        key.clear();
        encoding::take_key(&mut row_key, key.write()).ok_or_else(|| damaged(scope))?;
        let headers = encoding::take_headers(&mut value).ok_or_else(|| damaged(scope))?;
        let (left, right) = match side {
            Side::Left => (Some(value), None),
            Side::Right => (None, Some(value)),
        };
        let mut joined = scope.take();
        (self.joiner)(Sides { key: key.get(), left, right }, &mut joined)?;
        let value = joined.get();
        scope.forward(&Record {
            key: key.get(),
            value,
            timestamp,
            headers,
            ..Record::default()
        })?;
        scope.give(joined);
        Ok(())
    }
}

/// The right side is 0 and the left 1, so that of one time the right side's come first.
fn push_prefix(out: &mut Value, timestamp: i64, side: Side, key: &[u8]) {
    let out = out.write();
    encoding::push_time(out, timestamp);
    out.push(u8::from(side == Side::Left));
    encoding::push_key(out, key);
}

fn take_place(row_key: &mut &[u8]) -> Option<(i64, Side)> {
    let timestamp = encoding::take_time(row_key)?;
    let (side, rest) = row_key.split_first()?;
    *row_key = rest;
    Some((timestamp, if *side == 0 { Side::Right } else { Side::Left }))
}
