//! Hopping and tumbling windows: a record is added to each window that its time falls into.
//! Source: Kafka Streams' `KStreamWindowAggregate`.

use super::windowed::{AggregateWindows, Base};
use crate::stream::encoding;
use crate::stream::error::Result;
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::windows;

pub(super) fn add(
    operator: &AggregateWindows,
    scope: &mut Scope<'_>,
    record: &Record<'_>,
    size_ms: i64,
    advance_ms: i64,
) -> Result<()> {
    let key = record.key.unwrap_or_default();
    let mut row_key = scope.take();
    let mut old = scope.take();
    for window in windows::hopping(record.timestamp, size_ms, advance_ms) {
        encoding::window_key(row_key.write(), key, window);
        let row_key = row_key.get().unwrap_or_default();
        let before = scope.copy_row(operator.store, row_key, &mut old)?;
        let timestamp = before.unwrap_or(record.timestamp);
        let base = Base { aggregate: old.get(), timestamp, is_row: before.is_some() };
        operator.add_to(scope, record, window, base)?;
    }
    scope.give(row_key);
    scope.give(old);
    Ok(())
}
