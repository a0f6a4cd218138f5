//! Two streams beside each other: pairs of one key whose times are near. Each side is kept in a buffer; a record meets what
//! the other side's buffer holds.
//!
//! Rows of a buffer: the records of its side, by key and time, as long as `before + after + grace`, by that side's own
//! clock. The join's clock runs with both sides, null keys and values included.
//! Source: Kafka Streams' `KStreamKStreamJoin`, `KStreamJoinWindow`.

use super::unmatched::Unmatched;
use crate::stream::encoding;
use crate::stream::error::Result;
use crate::stream::operators::JoinKind;
use crate::stream::program::{Joiner, Sides};
use crate::stream::record::{Record, Window};
use crate::stream::rows::Rows;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::{Operator, Side};

/// How far apart the two records of a pair may be, in milliseconds, none negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinWindows {
    /// How much earlier than the left one the right one may be.
    pub before_ms: i64,
    /// How much later than the left one the right one may be.
    pub after_ms: i64,
    /// How long late records are waited for.
    pub grace_ms: i64,
}

impl JoinWindows {
    /// As near as this, on both sides.
    #[must_use]
    pub fn within(within_ms: i64, grace_ms: i64) -> Self {
        Self { before_ms: within_ms, after_ms: within_ms, grace_ms }
    }

    /// How much later than a record of this side its partner may be.
    pub(super) fn after(&self, side: Side) -> i64 {
        match side {
            Side::Left => self.after_ms,
            Side::Right => self.before_ms,
        }
    }

    /// The last stream time at which a record of this side and time has a partner to wait for.
    pub(super) fn open_until(&self, side: Side, timestamp: i64) -> i64 {
        timestamp.saturating_add(self.after(side)).saturating_add(self.grace_ms)
    }

    /// How long a record is kept. One of this moment is, also where only the same moment is near.
    fn retention_ms(&self) -> i64 {
        self.before_ms.saturating_add(self.after_ms).saturating_add(self.grace_ms).max(1)
    }
}

/// Gives a side's records to the join, and keeps them for the other side.
pub(in crate::stream) struct Buffer {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) index: StoreId,
    pub(in crate::stream) windows: JoinWindows,
}

impl Operator for Buffer {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        scope.forward(record)?;
        let (Some(key), Some(value)) = (record.key, record.value) else { return Ok(()) };
        let clock = scope.clock();
        clock.advance(record.timestamp);
        let last_expired = clock.time.saturating_sub(self.windows.retention_ms());
        if record.timestamp <= last_expired {
            scope.counts().late += 1;
            return Ok(());
        }
        let place = Window { start: clock.sequence, end: record.timestamp };
        clock.sequence = clock.sequence.wrapping_add(1);
        let mut row_key = scope.take();
        encoding::window_key(row_key.write(), key, place);
        scope.put(self.store, row_key.get().unwrap_or_default(), value)?;
        scope.give(row_key);
        scope.index(self.store, self.index, key, place)?;
        scope.expire(self.store, last_expired)
    }
}

/// Makes the pairs.
pub(in crate::stream) struct JoinStreams {
    /// The buffers.
    pub(in crate::stream) left: StoreId,
    pub(in crate::stream) right: StoreId,
    pub(in crate::stream) windows: JoinWindows,
    pub(in crate::stream) kind: JoinKind,
    pub(in crate::stream) joiner: Joiner,
    /// Where records wait that a side keeps without a match.
    pub(in crate::stream) unmatched: StoreId,
}

impl Operator for JoinStreams {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let side = scope.side;
        let is_latest = scope.clock().advance(record.timestamp);
        if record.value.is_none() {
            scope.counts().null_value += 1;
            return Ok(());
        }
        let Some(key) = record.key else {
            if self.kind.keeps(side) {
                return self.forward(scope, record, side, None, record.timestamp);
            }
            scope.counts().null_key += 1;
            return Ok(());
        };
        if is_latest && self.kind != JoinKind::Inner {
            let time = scope.clock().time;
            self.unmatched().emit_closed(scope, side, time)?;
        }
        let mut partners = scope.take_rows();
        self.find_partners(scope, key, side, record.timestamp, &mut partners)?;
        for (row_key, value) in partners.iter() {
            let (_, Window { end: timestamp, .. }) = encoding::window_of(row_key)
                .ok_or_else(|| scope.corrupt(self.buffer_of(side.other()), "a key has no time"))?;
            if self.kind != JoinKind::Inner {
                self.unmatched().remove(scope, side.other(), key, timestamp)?;
            }
            let latest = timestamp.max(record.timestamp);
            self.forward(scope, record, side, Some(value), latest)?;
        }
        let alone = partners.len() == 0;
        scope.give_rows(partners);
        if !alone || !self.kind.keeps(side) {
            return Ok(());
        }
        if record.timestamp.saturating_add(self.windows.after(side)) < scope.clock().time {
            // Its partners would have come before it.
            return self.forward(scope, record, side, None, record.timestamp);
        }
        self.unmatched().put(scope, side, record)
    }

    fn close(&self, scope: &mut Scope<'_>) -> Result<()> {
        if self.kind == JoinKind::Inner {
            return Ok(());
        }
        self.unmatched().emit_closed(scope, Side::Left, i64::MAX)
    }
}

impl JoinStreams {
    fn unmatched(&self) -> Unmatched<'_> {
        let (store, windows, joiner) = (self.unmatched, &self.windows, &self.joiner);
        Unmatched { store, windows, kind: self.kind, joiner }
    }

    fn buffer_of(&self, side: Side) -> StoreId {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    /// Copies what the other side has of this key and near this time, earliest first.
    fn find_partners(
        &self,
        scope: &mut Scope<'_>,
        key: &[u8],
        side: Side,
        timestamp: i64,
        partners: &mut Rows,
    ) -> Result<()> {
        let first = timestamp.saturating_sub(self.windows.after(side.other())).max(0);
        let last = timestamp.saturating_add(self.windows.after(side));
        let mut from = scope.take();
        encoding::push_key(from.write(), key);
        let prefix_len = from.write().len();
        encoding::push_time(from.write(), first);
        let from_key = from.get().unwrap_or_default();
        let near = |row_key: &[u8]| {
            let place = encoding::window_of(row_key);
            place.is_some_and(|(key, place)| key == &from_key[..prefix_len] && place.end <= last)
        };
        scope.collect(self.buffer_of(side.other()), from_key, usize::MAX, near, partners)?;
        scope.give(from);
        Ok(())
    }

    fn forward(
        &self,
        scope: &mut Scope<'_>,
        record: &Record<'_>,
        side: Side,
        other: Option<&[u8]>,
        timestamp: i64,
    ) -> Result<()> {
        let (left, right) = match side {
            Side::Left => (record.value, other),
            Side::Right => (other, record.value),
        };
        let mut value = scope.take();
        (self.joiner)(Sides { key: record.key, left, right }, &mut value)?;
        scope.forward(&Record { value: value.get(), timestamp, ..*record })?;
        scope.give(value);
        Ok(())
    }
}
