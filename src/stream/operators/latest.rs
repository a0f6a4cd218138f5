//! The latest value of each key: what makes a table of a stream, and what keeps the result of other tables' operators.

use crate::stream::error::Result;
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::stores::row_key;
use crate::stream::topology::Operator;
use crate::stream::windows::Windows;

/// Keeps the latest of each key, by the order in which they come: an earlier timestamp replaces a later one. Forwards each
/// change with what it replaces, removals of what was not there included.
/// Source: Kafka Streams' `KTableSource`.
pub(in crate::stream) struct Latest {
    pub(in crate::stream) store: StoreId,
    /// Of a table with windows: how long rows are kept.
    pub(in crate::stream) retention: Option<Retention>,
}

/// How long the rows of windows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stream) struct Retention {
    pub(in crate::stream) windows: Windows,
    /// From a window's end on; never less than what a window stays open.
    pub(in crate::stream) after_end_ms: i64,
}

impl Retention {
    /// The end of the last windows whose rows are not needed at this time: closed, of no use to others, and their retention
    /// over.
    pub(in crate::stream) fn expired_end(&self, time: i64) -> i64 {
        let beyond = self.after_end_ms.saturating_sub(self.windows.open_ms());
        let kept_ms = beyond.max(self.windows.useful_ms());
        self.windows.closed_end(time).saturating_sub(kept_ms)
    }
}

impl Operator for Latest {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        if record.key.is_none() {
            scope.counts().null_key += 1;
            return Ok(());
        }
        let mut key = scope.take();
        let mut old = scope.take();
        row_key(record, &mut key);
        let row_key = key.get().unwrap_or_default();
        scope.copy_row(self.store, row_key, &mut old)?;
        scope.update(self.store, row_key, &Record { old: old.get(), ..*record })?;
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
