//! How an operator reads and writes its stores, row by row. How it goes through many is in [`scans`](super::scans).
//!
//! A table's row goes through [`Scope::update`], which forwards the change: at once, or, where the store has a cache, when the
//! cache lets go of the row. Reads see what the cache holds, but where two tables are joined: there each side meets what the
//! other has told of, so that the results are those of some order of updates. All other rows are written at once. Each write
//! of a store that has a changelog goes out with it.

use super::cache::Cache;
use super::encoding;
use super::error::{Error, Result};
use super::output::ChangelogRow;
use super::program::Value;
use super::record::{Record, Window};
use super::scope::Scope;
use super::state::StoreId;
use super::topology::{Form, Side};

impl Scope<'_> {
    /// The key that a table keeps a record under: with its window, where the table has windows.
    pub(super) fn row_key(&self, store: StoreId, record: &Record<'_>, out: &mut Value) {
        let key = record.key.unwrap_or_default();
        if self.has_windows(store) {
            encoding::window_key(out.write(), key, record.window.unwrap_or_default());
        } else {
            out.set(Some(key));
        }
    }

    fn has_windows(&self, store: StoreId) -> bool {
        matches!(self.topology.store_of(store).form, Form::Windowed { .. })
    }

    /// The timestamp and value of a table's row.
    pub(super) fn row(&self, store: StoreId, row_key: &[u8]) -> Result<Option<(i64, &[u8])>> {
        if let Some(cache) = &self.task.caches[store.index()]
            && let Some(row) = cache.get(row_key)
        {
            return Ok(row.value.get().map(|value| (row.timestamp, value)));
        }
        self.told_row(store, row_key)
    }

    /// The same as those that follow the table know it: what its cache holds they were not told of.
    fn told_row(&self, store: StoreId, row_key: &[u8]) -> Result<Option<(i64, &[u8])>> {
        let Some(row) = self.task.state.get(store, row_key)? else { return Ok(None) };
        let row = encoding::take_row(row);
        row.map(Some).ok_or_else(|| self.corrupt(store, "a row has no timestamp"))
    }

    /// Copies a table's row; null where there is none. Gives its timestamp.
    pub(super) fn copy_row(
        &self,
        store: StoreId,
        row_key: &[u8],
        out: &mut Value,
    ) -> Result<Option<i64>> {
        let row = self.row(store, row_key)?;
        out.set(row.map(|(_, value)| value));
        Ok(row.map(|(timestamp, _)| timestamp))
    }

    /// Copies a table's row as those that follow the table know it.
    pub(super) fn copy_told_row(
        &self,
        store: StoreId,
        row_key: &[u8],
        out: &mut Value,
    ) -> Result<Option<i64>> {
        let row = self.told_row(store, row_key)?;
        out.set(row.map(|(_, value)| value));
        Ok(row.map(|(timestamp, _)| timestamp))
    }

    /// Sets a table's row to the value of `change`, or removes it, and forwards the change. `change.old` is what the row was.
    pub(super) fn update(
        &mut self,
        store: StoreId,
        row_key: &[u8],
        change: &Record<'_>,
    ) -> Result<()> {
        let Some(cache) = &mut self.task.caches[store.index()] else {
            self.write_row(store, row_key, change)?;
            return self.forward(change);
        };
        self.task.touched = true;
        cache.put(row_key, change.value, change.timestamp, change.headers);
        if cache.is_over() { self.flush_while(store, Cache::is_over) } else { Ok(()) }
    }

    /// Empties the cache of a store, if it has one: oldest first, each row into the store and on to those that follow.
    pub(super) fn flush(&mut self, store: StoreId) -> Result<()> {
        self.flush_while(store, |cache| !cache.is_empty())
    }

    fn flush_while(&mut self, store: StoreId, more: impl Fn(&Cache) -> bool) -> Result<()> {
        let mut old = self.take();
        let mut key = self.take();
        while let Some(cache) = &mut self.task.caches[store.index()]
            && more(cache)
            && let Some(row) = cache.pop_oldest()
        {
            self.copy_told_row(store, &row.key, &mut old)?;
            if row.value.get().is_some() || old.get().is_some() {
                key.clear();
                let window = self.take_row_key(store, &row.key, key.write())?;
                let change = Record {
                    key: key.get(),
                    window,
                    value: row.value.get(),
                    old: old.get(),
                    timestamp: row.timestamp,
                    headers: row.headers(),
                    origin: None,
                };
                let owner = self.topology.store_of(store).owner;
                let mut scope = self.at(owner, Side::Left);
                scope.write_row(store, &row.key, &change)?;
                scope.forward(&change).map_err(Error::held_back)?;
            }
            if let Some(cache) = &mut self.task.caches[store.index()] {
                cache.recycle(row);
            }
        }
        self.give(old);
        self.give(key);
        Ok(())
    }

    /// The record's key and window that a table's row is kept under.
    pub(super) fn take_row_key(
        &self,
        store: StoreId,
        row_key: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<Window>> {
        if !self.has_windows(store) {
            key.extend_from_slice(row_key);
            return Ok(None);
        }
        let damaged = || self.corrupt(store, "a key is not that of a window");
        let (mut escaped, window) = encoding::window_of(row_key).ok_or_else(damaged)?;
        encoding::take_key(&mut escaped, key).ok_or_else(damaged)?;
        Ok(Some(window))
    }

    /// Writes or removes a table's row, with its entry in the index by time, and forwards nothing.
    pub(super) fn write_row(
        &mut self,
        store: StoreId,
        row_key: &[u8],
        change: &Record<'_>,
    ) -> Result<()> {
        let form = self.topology.store_of(store).form;
        if let (Form::Windowed { index }, Some(window)) = (form, change.window) {
            let key = change.key.unwrap_or_default();
            match (change.value, change.old) {
                (None, _) => self.unindex(index, key, window)?,
                (Some(_), None) => self.index(store, index, key, window)?,
                (Some(_), Some(_)) => {}
            }
        }
        let Some(value) = change.value else { return self.delete(store, row_key) };
        let mut row = self.take();
        encoding::push_row(row.write(), change.timestamp, value);
        self.put(store, row_key, row.get().unwrap_or_default())?;
        self.give(row);
        Ok(())
    }

    /// Notes in the index by time that there is a row.
    pub(super) fn index(
        &mut self,
        store: StoreId,
        index: StoreId,
        key: &[u8],
        window: Window,
    ) -> Result<()> {
        let owner = self.topology.store_of(store).owner;
        let clock = &mut self.task.clocks[owner.index()];
        clock.earliest = clock.earliest.min(window.end);
        let mut entry = self.take();
        encoding::index_key(entry.write(), key, window);
        self.task.state.put(index, entry.get().unwrap_or_default(), &[])?;
        self.give(entry);
        Ok(())
    }

    fn unindex(&mut self, index: StoreId, key: &[u8], window: Window) -> Result<()> {
        let mut entry = self.take();
        encoding::index_key(entry.write(), key, window);
        self.task.state.delete(index, entry.get().unwrap_or_default())?;
        self.give(entry);
        Ok(())
    }

    /// Writes a row as it is.
    pub(super) fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<()> {
        self.task.touched = true;
        self.task.state.put(store, key, value)?;
        self.output.changelog(ChangelogRow { store, key, value: Some(value) })
    }

    /// Removes a row.
    pub(super) fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<()> {
        self.task.touched = true;
        self.task.state.delete(store, key)?;
        self.output.changelog(ChangelogRow { store, key, value: None })
    }

    /// Whether a table tells of its changes later than they happen.
    pub(super) fn is_cached(&self, store: StoreId) -> bool {
        self.task.caches[store.index()].is_some()
    }
}
