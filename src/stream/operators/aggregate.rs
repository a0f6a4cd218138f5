//! Aggregates over all time: of a stream, whose records only add, and of a table, whose changes take the old value out
//! before they add the new one. Rows: the latest aggregate of each key.

use std::sync::Arc;

use crate::stream::error::Result;
use crate::stream::program::Aggregator;
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::Operator;

/// The aggregate of a stream's records by key. Null keys and null values are left out, and counted.
pub(in crate::stream) struct AggregateStream {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) aggregator: Arc<dyn Aggregator>,
}

impl Operator for AggregateStream {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let Some(key) = record.key else {
            scope.counts().null_key += 1;
            return Ok(());
        };
        if record.value.is_none() {
            scope.counts().null_value += 1;
            return Ok(());
        }
        let mut old = scope.take();
        let mut new = scope.take();
        let before = scope.copy_row(self.store, key, &mut old)?;
        self.aggregator.add(record, old.get(), &mut new)?;
        let timestamp = before.map_or(record.timestamp, |before| before.max(record.timestamp));
        let change =
            Record { value: new.get(), old: old.get(), timestamp, window: None, ..*record };
        scope.update(self.store, key, &change)?;
        scope.give(old);
        scope.give(new);
        Ok(())
    }
}

/// The aggregate of a table's rows by group.
/// Source: Kafka Streams' `KTableAggregate`, `KTableReduce`.
pub(in crate::stream) struct AggregateTable {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) aggregator: Arc<dyn Aggregator>,
}

impl Operator for AggregateTable {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let Some(key) = record.key else { return Ok(()) };
        let mut old = scope.take();
        let mut between = scope.take();
        let mut new = scope.take();
        let before = scope.copy_row(self.store, key, &mut old)?;
        match (record.old, old.get()) {
            (Some(value), Some(aggregate)) => {
                let taken = Record { value: Some(value), old: None, ..*record };
                self.aggregator.subtract(&taken, aggregate, &mut between)?;
            }
            (_, aggregate) => between.set(aggregate),
        }
        if record.value.is_some() {
            let added = Record { old: None, ..*record };
            self.aggregator.add(&added, between.get(), &mut new)?;
        } else {
            new.set(between.get());
        }
        let timestamp = before.map_or(record.timestamp, |before| before.max(record.timestamp));
        let change = Record { value: new.get(), old: old.get(), timestamp, ..*record };
        scope.update(self.store, key, &change)?;
        for value in [old, between, new] {
            scope.give(value);
        }
        Ok(())
    }
}
