//! Two tables by a foreign key: each row of the left one names a row of the right one. Both are whole in the task. Rows:
//! which left keys refer to which right one, so that a change of the right side finds them, in the order of their bytes.
//! Source: KIP-213, as Kafka 4.3 behaves.

use crate::stream::encoding;
use crate::stream::error::Result;
use crate::stream::operators::JoinKind;
use crate::stream::program::{Joiner, Selector, Sides};
use crate::stream::record::Record;
use crate::stream::scans::PAGE_ROWS;
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::{Operator, Side};

/// Left rows beside the right row that each names. What the result was before, it does not tell: a store behind it does.
pub(in crate::stream) struct JoinForeignKey {
    pub(in crate::stream) left: StoreId,
    pub(in crate::stream) right: StoreId,
    pub(in crate::stream) references: StoreId,
    /// Inner or left.
    pub(in crate::stream) kind: JoinKind,
    pub(in crate::stream) on: Selector,
    pub(in crate::stream) joiner: Joiner,
}

impl Operator for JoinForeignKey {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        match scope.side {
            Side::Left => {
                let mut new = scope.take();
                let mut old = scope.take();
                for (value, to) in [(record.value, &mut new), (record.old, &mut old)] {
                    if value.is_some() {
                        (self.on)(&Record { value, old: None, ..*record }, to)?;
                    }
                }
                self.move_reference(scope, record, old.get(), new.get())?;
                self.left_changed(scope, record, old.get(), new.get())?;
                scope.give(new);
                scope.give(old);
                Ok(())
            }
            Side::Right => self.right_changed(scope, record),
        }
    }
}

impl JoinForeignKey {
    /// A left row refers to another right one than before.
    fn move_reference(
        &self,
        scope: &mut Scope<'_>,
        record: &Record<'_>,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let mut key = scope.take();
        let mut reference = scope.take();
        scope.row_key(self.left, record, &mut key);
        for (foreign_key, is_new) in [(old, false), (new, true)] {
            let Some(foreign_key) = foreign_key else { continue };
            reference.clear();
            encoding::push_key(reference.write(), foreign_key);
            reference.write().extend_from_slice(key.get().unwrap_or_default());
            let reference = reference.get().unwrap_or_default();
            if is_new {
                scope.put(self.references, reference, &[])?;
            } else {
                scope.delete(self.references, reference)?;
            }
        }
        scope.give(key);
        scope.give(reference);
        Ok(())
    }

    /// The result of a left row as it is now, with the later of both timestamps.
    fn left_changed(
        &self,
        scope: &mut Scope<'_>,
        record: &Record<'_>,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<()> {
        let inner = self.kind == JoinKind::Inner;
        if inner && record.value.is_some() && new.is_none() {
            scope.counts().null_key += 1;
        }
        let mut right = scope.take();
        // Of a row that refers to nothing now, what it referred to before still tells the time of an inner join.
        let foreign_key = if inner { new.or(old) } else { new };
        let before = match foreign_key {
            Some(key) => scope.copy_told_row(self.right, key, &mut right)?,
            None => None,
        };
        let timestamp = before.map_or(record.timestamp, |before| before.max(record.timestamp));
        let matches = new.is_some() && right.get().is_some();
        let has_result = record.value.is_some() && (matches || !inner);
        // An inner join does not know whether there was a result: it withdraws one where the row refers to another one now.
        let withdraws = if inner { old.is_some() && old != new } else { record.old.is_some() };
        let mut value = scope.take();
        if has_result {
            let sides = Sides { key: record.key, left: record.value, right: right.get() };
            (self.joiner)(sides, &mut value)?;
        }
        if has_result || withdraws {
            scope.forward(&Record { value: value.get(), old: None, timestamp, ..*record })?;
        }
        scope.give(right);
        scope.give(value);
        Ok(())
    }

    /// The results of all left rows that refer to a right one, with its timestamp.
    fn right_changed(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let mut from = scope.take();
        encoding::push_key(from.write(), record.key.unwrap_or_default());
        let mut prefix = scope.take();
        prefix.set(from.get());
        let start = prefix.get().unwrap_or_default();
        let mut rows = scope.take_rows();
        loop {
            rows.clear();
            let refers = |reference: &[u8]| reference.starts_with(start);
            let from_key = from.get().unwrap_or_default();
            scope.collect(self.references, from_key, PAGE_ROWS, refers, &mut rows)?;
            for (reference, _) in rows.iter() {
                self.join_left(scope, record, &reference[start.len()..])?;
            }
            let Some((last, _)) = rows.iter().next_back() else { break };
            from.set(Some(last));
            from.write().push(0);
        }
        scope.give_rows(rows);
        scope.give(from);
        scope.give(prefix);
        Ok(())
    }

    /// The result of one left row, found by what the right one it refers to became.
    fn join_left(&self, scope: &mut Scope<'_>, right: &Record<'_>, left_key: &[u8]) -> Result<()> {
        let mut left = scope.take();
        let mut key = scope.take();
        let mut value = scope.take();
        if scope.copy_told_row(self.left, left_key, &mut left)?.is_some() {
            let window = scope.take_row_key(self.left, left_key, key.write())?;
            if right.value.is_some() || self.kind == JoinKind::Left {
                let sides = Sides { key: key.get(), left: left.get(), right: right.value };
                (self.joiner)(sides, &mut value)?;
            }
            scope.forward(&Record {
                key: key.get(),
                window,
                value: value.get(),
                old: None,
                ..*right
            })?;
        }
        for buffer in [left, key, value] {
            scope.give(buffer);
        }
        Ok(())
    }
}
