//! Sessions: a record joins the sessions of its key that are at most a gap away, and makes one of them all.
//! Source: Kafka Streams' `KStreamSessionWindowAggregate`. Differs: a session is there as long as it is open; Kafka's store
//! forgets it a moment before, unless its retention is longer.

use super::windowed::AggregateWindows;
use crate::stream::error::Result;
use crate::stream::program::Value;
use crate::stream::record::{Record, Window};
use crate::stream::rows::Rows;
use crate::stream::scope::Scope;

pub(super) fn add(
    operator: &AggregateWindows,
    scope: &mut Scope<'_>,
    record: &Record<'_>,
    gap_ms: i64,
) -> Result<()> {
    let key = record.key.unwrap_or_default();
    let mut found = scope.take_rows();
    let ends = record.timestamp.saturating_sub(gap_ms)..=i64::MAX;
    let last_start = record.timestamp.saturating_add(gap_ms);
    operator.rows_of(scope, key, ends, |window| window.start <= last_start, &mut found)?;

    let mut aggregate = scope.take();
    let alone = Window { start: record.timestamp, end: record.timestamp };
    let merged = merge(operator, scope, &found, alone, &mut aggregate)?;
    if !operator.is_late(scope, merged) {
        if merged != alone {
            withdraw(operator, scope, record, &found)?;
        }
        // A session of one moment that takes one more record stays the same.
        let mut old = scope.take();
        old.set(aggregate.get().filter(|_| merged == alone));
        let mut new = scope.take();
        operator.aggregator.add(record, aggregate.get(), &mut new)?;
        let change = Record {
            window: Some(merged),
            value: new.get(),
            old: old.get(),
            timestamp: merged.end,
            ..*record
        };
        operator.write(scope, &change)?;
        scope.give(old);
        scope.give(new);
    }
    scope.give(aggregate);
    scope.give_rows(found);
    Ok(())
}

/// The session that these and a record become, and the aggregate of what they hold.
fn merge(
    operator: &AggregateWindows,
    scope: &mut Scope<'_>,
    found: &Rows,
    alone: Window,
    aggregate: &mut Value,
) -> Result<Window> {
    let mut merged = alone;
    let mut both = scope.take();
    for row in found.iter() {
        let (window, _, later) = operator.parts(scope, row)?;
        merged.start = merged.start.min(window.start);
        merged.end = merged.end.max(window.end);
        match aggregate.get() {
            None => aggregate.set(Some(later)),
            Some(earlier) => {
                both.clear();
                operator.aggregator.merge(earlier, later, &mut both)?;
                std::mem::swap(aggregate, &mut both);
            }
        }
    }
    scope.give(both);
    Ok(merged)
}

/// Removes the sessions that went into another one.
fn withdraw(
    operator: &AggregateWindows,
    scope: &mut Scope<'_>,
    record: &Record<'_>,
    found: &Rows,
) -> Result<()> {
    for row in found.iter() {
        let (window, _, aggregate) = operator.parts(scope, row)?;
        let change = Record {
            window: Some(window),
            value: None,
            old: Some(aggregate),
            timestamp: window.end,
            ..*record
        };
        operator.write(scope, &change)?;
    }
    Ok(())
}
