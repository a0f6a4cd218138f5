//! The latest value of each key: what makes a table of a stream, and what keeps the result of other tables' operators.

use crate::stream::error::Result;
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::Operator;
use crate::stream::windows::Retention;

/// Keeps the latest of each key, by the order in which they come: an earlier timestamp replaces a later one. Forwards each
/// change with what it replaces, removals of what was not there included.
/// Source: Kafka Streams' `KTableSource`.
pub(in crate::stream) struct Latest {
    pub(in crate::stream) store: StoreId,
    /// Of a table with windows: how long rows are kept.
    pub(in crate::stream) retention: Option<Retention>,
}

impl Operator for Latest {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        if record.key.is_none() {
            scope.counts().null_key += 1;
            return Ok(());
        }
        let mut key = scope.take();
        let mut old = scope.take();
        scope.row_key(self.store, record, &mut key);
        let row_key = key.get().unwrap_or_default();
        scope.copy_row(self.store, row_key, &mut old)?;
        let window = record.window.filter(|_| self.retention.is_some());
        scope.update(self.store, row_key, &Record { old: old.get(), window, ..*record })?;
        scope.give(key);
        scope.give(old);
        if self.retention.is_some() {
            scope.clock().advance(record.timestamp);
        }
        if scope.is_cached(self.store) { Ok(()) } else { self.at_commit(scope) }
    }

    fn at_commit(&self, scope: &mut Scope<'_>) -> Result<()> {
        let Some(retention) = &self.retention else { return Ok(()) };
        let time = scope.clock().time;
        scope.expire(self.store, retention.expired_end(time))
    }
}
