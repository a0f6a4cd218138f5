//! Global tables: all partitions of a topic, the same for every task. They are fed on their own, to their end before the
//! first record of a task; tasks only look keys up.

use super::error::Result;
use super::record::Record;
use super::state::{State, StoreId};
use super::topology::GlobalId;

/// The global tables of a topology. Their state has a store for each, from 1 on; a row is a record's key and value as they
/// are.
pub struct GlobalTables {
    state: Box<dyn State + Sync>,
}

impl GlobalTables {
    /// Over this state.
    #[must_use]
    pub fn new(state: Box<dyn State + Sync>) -> Self {
        Self { state }
    }

    /// Takes a record of a table's topic. False where it has no key, and is left out.
    ///
    /// # Errors
    /// [`Error::State`](super::Error::State).
    pub fn update(&mut self, table: GlobalId, record: &Record<'_>) -> Result<bool> {
        let Some(key) = record.key else { return Ok(false) };
        match record.value {
            Some(value) => self.state.put(store(table), key, value)?,
            None => self.state.delete(store(table), key)?,
        }
        Ok(true)
    }

    /// What a table has for a key.
    ///
    /// # Errors
    /// [`Error::State`](super::Error::State).
    pub fn get(&self, table: GlobalId, key: &[u8]) -> Result<Option<&[u8]>> {
        self.state.get(store(table), key)
    }

    /// The state, for whoever commits it.
    pub fn state_mut(&mut self) -> &mut dyn State {
        &mut *self.state
    }
}

fn store(table: GlobalId) -> StoreId {
    StoreId(table.0.saturating_add(1))
}

impl std::fmt::Debug for GlobalTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GlobalTables").finish_non_exhaustive()
    }
}
