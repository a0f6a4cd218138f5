//! Two tables by key: a change of either side gives the result as it is now.

use crate::stream::error::Result;
use crate::stream::operators::JoinKind;
use crate::stream::program::{Joiner, Sides};
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::{Operator, Side};

/// Two tables by key, as far as each has told of its rows. What the result was before, it does not tell: a store behind it does.
///
/// | | result while | after that |
/// | --- | --- | --- |
/// | inner | both have the key | removed |
/// | left | the left one has it | removed |
/// | outer | any has it | removed |
///
/// Source: Kafka Streams' `KTableKTableInnerJoin`, `LeftJoin`, `RightJoin`, `OuterJoin`. Differs: it sees what is in the caches
/// of the other side, and so keeps a result of which both sides were removed between two commits.
pub(in crate::stream) struct JoinTables {
    pub(in crate::stream) left: StoreId,
    pub(in crate::stream) right: StoreId,
    pub(in crate::stream) kind: JoinKind,
    pub(in crate::stream) joiner: Joiner,
}

impl Operator for JoinTables {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let side = scope.side;
        let other_store = if side == Side::Left { self.right } else { self.left };
        let mut key = scope.take();
        let mut other = scope.take();
        let mut value = scope.take();
        scope.row_key(other_store, record, &mut key);
        let before = scope.copy_told_row(other_store, key.get().unwrap_or_default(), &mut other)?;

        let nothing_there = record.value.is_none() && record.old.is_none();
        if before.is_some() || self.kind.keeps(side) && !nothing_there {
            if record.value.is_some() || before.is_some() && self.kind.keeps(side.other()) {
                let (left, right) = match side {
                    Side::Left => (record.value, other.get()),
                    Side::Right => (other.get(), record.value),
                };
                (self.joiner)(Sides { key: record.key, left, right }, &mut value)?;
            }
            let timestamp = before.map_or(record.timestamp, |before| before.max(record.timestamp));
            scope.forward(&Record { value: value.get(), old: None, timestamp, ..*record })?;
        }
        for buffer in [key, other, value] {
            scope.give(buffer);
        }
        Ok(())
    }
}
