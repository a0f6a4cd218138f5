//! A stream beside a table: each of its records sees what the table has at that moment. Only the stream causes results.

use crate::stream::error::Result;
use crate::stream::operators::JoinKind;
use crate::stream::program::{Joiner, Selector, Sides};
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::{GlobalId, Operator};

/// A stream beside the table's row of the same key.
/// Source: Kafka Streams' `KStreamKTableJoin`; KIP-962 for null keys of a left join.
pub(in crate::stream) struct JoinTable {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) kind: JoinKind,
    pub(in crate::stream) joiner: Joiner,
}

impl Operator for JoinTable {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let mut key = scope.take();
        let mut right = scope.take();
        if record.key.is_some() {
            scope.row_key(self.store, record, &mut key);
            scope.copy_row(self.store, key.get().unwrap_or_default(), &mut right)?;
        }
        join(scope, record, right.get(), self.kind, record.key.is_some(), &self.joiner)?;
        scope.give(key);
        scope.give(right);
        Ok(())
    }
}

/// A stream beside the row of a global table whose key a program finds.
/// Source: Kafka Streams' `KStreamGlobalKTableJoin`.
pub(in crate::stream) struct JoinGlobal {
    pub(in crate::stream) table: GlobalId,
    pub(in crate::stream) kind: JoinKind,
    pub(in crate::stream) on: Selector,
    pub(in crate::stream) joiner: Joiner,
}

impl Operator for JoinGlobal {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let mut on = scope.take();
        if record.value.is_some() {
            (self.on)(record, &mut on)?;
        }
        let globals = scope.globals;
        let right = on.get().map(|key| globals.get(self.table, key)).transpose()?.flatten();
        join(scope, record, right, self.kind, on.get().is_some(), &self.joiner)?;
        scope.give(on);
        Ok(())
    }
}

fn join(
    scope: &mut Scope<'_>,
    record: &Record<'_>,
    right: Option<&[u8]>,
    kind: JoinKind,
    has_key: bool,
    joiner: &Joiner,
) -> Result<()> {
    if record.value.is_none() {
        scope.counts().null_value += 1;
        return Ok(());
    }
    if right.is_none() && kind == JoinKind::Inner {
        scope.counts().null_key += u64::from(!has_key);
        return Ok(());
    }
    let mut value = scope.take();
    joiner(Sides { key: record.key, left: record.value, right }, &mut value)?;
    scope.forward(&Record { value: value.get(), ..*record })?;
    scope.give(value);
    Ok(())
}
