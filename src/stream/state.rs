//! Where a task keeps what it must remember: ordered maps of bytes, one for each store of the topology.
//!
//! The trait is what an embedded store offers within one write transaction: a value that was read is borrowed until the next
//! write. Whoever runs the task commits it, together with what the task put out, and after an error drops it uncommitted.
//! A backend whose keys are limited (LMDB's are) must find a way for longer ones: keys of records have no limit here.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

use super::error::Result;
use super::topology::index_of;

/// Which store of a topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub(super) u32);

impl StoreId {
    /// The store of the task itself: format, clocks. Every state has it.
    pub const TASK: Self = Self(0);

    /// Its number, counted from 0 without a gap.
    #[must_use]
    pub fn index(self) -> usize {
        index_of(self.0)
    }
}

/// A row as a scan gives it: key and value.
pub type EachRow<'e> = &'e mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Ordered maps of bytes, by store.
pub trait State: Send {
    /// The value of a key.
    ///
    /// # Errors
    /// As the backend says.
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<&[u8]>>;

    /// Sets a key's value.
    ///
    /// # Errors
    /// As the backend says.
    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<()>;

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// As the backend says.
    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<()>;

    /// Gives the rows from a key on, inclusive, in the order of the keys' bytes, until `each` breaks off.
    ///
    /// # Errors
    /// As the backend says.
    fn scan(&self, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()>;

    /// Makes all that changed count, together with what whoever runs the task notes beside it: names and values. A state
    /// that does not last notes nothing.
    ///
    /// # Errors
    /// As the backend says; the state is not used again.
    fn commit(&mut self, _notes: &[(&str, &[u8])]) -> Result<()> {
        Ok(())
    }

    /// Notes something beside the state, which counts with the next commit.
    ///
    /// # Errors
    /// As the backend says; the state is not used again.
    fn note(&mut self, _name: &str, _value: &[u8]) -> Result<()> {
        Ok(())
    }

    /// What was noted under a name.
    ///
    /// # Errors
    /// As the backend says.
    fn noted(&self, _name: &str) -> Result<Option<&[u8]>> {
        Ok(None)
    }

    /// Gives the rows whose keys start so.
    ///
    /// # Errors
    /// As the backend says.
    fn prefix(&self, store: StoreId, prefix: &[u8], each: EachRow<'_>) -> Result<()> {
        self.scan(store, prefix, &mut |key, value| {
            if key.starts_with(prefix) { each(key, value) } else { ControlFlow::Break(()) }
        })
    }
}

/// State in memory, gone with the process.
#[derive(Debug, Default)]
pub struct MemoryState {
    stores: Vec<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryState {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl State for MemoryState {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<&[u8]>> {
        Ok(self.stores.get(store.index()).and_then(|rows| rows.get(key)).map(Vec::as_slice))
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<()> {
        if self.stores.len() <= store.index() {
            self.stores.resize_with(store.index() + 1, BTreeMap::new);
        }
        let rows = &mut self.stores[store.index()];
        if let Some(row) = rows.get_mut(key) {
            row.clear();
            row.extend_from_slice(value);
        } else {
            rows.insert(key.to_vec(), value.to_vec());
        }
        Ok(())
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<()> {
        if let Some(rows) = self.stores.get_mut(store.index()) {
            rows.remove(key);
        }
        Ok(())
    }

    fn scan(&self, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()> {
        let Some(rows) = self.stores.get(store.index()) else { return Ok(()) };
        for (key, value) in rows.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)) {
            if each(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
