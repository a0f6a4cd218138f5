//! Operators of tables that keep nothing themselves: filter, map, group. They take changes whose old value is known, and
//! give changes whose old value is known.

use crate::stream::error::Result;
use crate::stream::program::{Predicate, Selector};
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::topology::Operator;

/// The rows that a predicate wants. When a key's row is wanted no more, that is a removal; a key that was not wanted before
/// either is not told of.
/// Differs: Kafka Streams tells of those too, where the table in front was not asked for its old values.
pub(in crate::stream) struct FilterTable(pub(in crate::stream) Predicate);

impl FilterTable {
    fn wanted<'a>(&self, record: &Record<'_>, value: Option<&'a [u8]>) -> Result<Option<&'a [u8]>> {
        let Some(value) = value else { return Ok(None) };
        let row = Record { value: Some(value), old: None, ..*record };
        Ok((self.0)(&row)?.then_some(value))
    }
}

impl Operator for FilterTable {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let value = self.wanted(record, record.value)?;
        let old = self.wanted(record, record.old)?;
        if value.is_none() && old.is_none() {
            return Ok(());
        }
        scope.forward(&Record { value, old, ..*record })
    }
}

/// Rows with another value. One that becomes null is removed.
pub(in crate::stream) struct MapTable(pub(in crate::stream) Selector);

impl Operator for MapTable {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let mut value = scope.take();
        let mut old = scope.take();
        for (from, to) in [(record.value, &mut value), (record.old, &mut old)] {
            if from.is_some() {
                (self.0)(&Record { value: from, old: None, ..*record }, to)?;
            }
        }
        scope.forward(&Record { value: value.get(), old: old.get(), ..*record })?;
        scope.give(value);
        scope.give(old);
        Ok(())
    }
}

/// Rows under the key of the group that they belong to, for an aggregation. A row that stays in its group is one change;
/// one that goes to another is a removal there first, then an addition here. A row whose group is null is in none.
/// Source: KIP-904.
pub(in crate::stream) struct GroupTable(pub(in crate::stream) Selector);

impl Operator for GroupTable {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let mut group = scope.take();
        let mut old_group = scope.take();
        for (value, to) in [(record.value, &mut group), (record.old, &mut old_group)] {
            if value.is_some() {
                (self.0)(&Record { value, old: None, ..*record }, to)?;
            }
        }
        let change = Record { window: None, ..*record };
        match (group.get(), old_group.get()) {
            (Some(group), Some(old_group)) if group == old_group => {
                scope.forward(&Record { key: Some(group), ..change })?;
            }
            (group, old_group) => {
                if old_group.is_some() {
                    scope.forward(&Record { key: old_group, value: None, ..change })?;
                }
                if group.is_some() {
                    scope.forward(&Record { key: group, old: None, ..change })?;
                }
            }
        }
        scope.give(group);
        scope.give(old_group);
        Ok(())
    }
}
