//! How an operator goes through the rows of a store, and lets go of those whose time is over. Rows are copied first, so that
//! the store may change meanwhile; where there may be many, a page at a time.

use std::ops::ControlFlow;

use super::encoding;
use super::error::Result;
use super::rows::Rows;
use super::scope::Scope;
use super::state::StoreId;
use super::topology::Form;

/// Rows that are gone through at a time, so that memory is bounded however many there are.
pub(super) const PAGE_ROWS: usize = 256;

impl Scope<'_> {
    /// Copies the rows of a store without a cache from a key on, in order, up to the first whose key is not wanted; `most` at
    /// most.
    pub(super) fn collect(
        &self,
        store: StoreId,
        from: &[u8],
        most: usize,
        wanted: impl Fn(&[u8]) -> bool,
        rows: &mut Rows,
    ) -> Result<()> {
        self.task.state.scan(store, from, &mut |key, value| {
            if rows.len() >= most || !wanted(key) {
                return ControlFlow::Break(());
            }
            rows.push(key, value);
            ControlFlow::Continue(())
        })
    }

    /// Copies the rows of a table, as its cache has them, whose keys start with the first `prefix_len` bytes of `from`, from
    /// there on, in order, up to the first that is not wanted.
    pub(super) fn collect_table(
        &self,
        store: StoreId,
        from: &[u8],
        prefix_len: usize,
        wanted: impl Fn(&[u8]) -> bool,
        rows: &mut Rows,
    ) -> Result<()> {
        let prefix = &from[..prefix_len];
        let Some(cache) =
            self.task.caches[store.index()].as_ref().filter(|cache| !cache.is_empty())
        else {
            let wanted = |key: &[u8]| key.starts_with(prefix) && wanted(key);
            return self.collect(store, from, usize::MAX, wanted, rows);
        };
        self.task.state.scan(store, from, &mut |key, value| {
            if !key.starts_with(prefix) {
                return ControlFlow::Break(());
            }
            // A row that the cache has is another one now, or none, and ends nothing.
            if cache.get(key).is_some() {
                return ControlFlow::Continue(());
            }
            if !wanted(key) {
                return ControlFlow::Break(());
            }
            rows.push(key, value);
            ControlFlow::Continue(())
        })?;
        let of_prefix = cache.from(from).take_while(|row| row.key.starts_with(prefix));
        let there = of_prefix.filter_map(|row| Some((row, row.value.get()?)));
        for (row, value) in there.take_while(|(row, _)| wanted(&row.key)) {
            rows.push_with(&row.key, |out| encoding::push_row(out, row.timestamp, value));
        }
        rows.sort();
        Ok(())
    }

    /// Removes the windowed rows that end so early, from the store and its index. Costs nothing where there are none. What a
    /// cache holds must be told of first: what it replaces is there.
    pub(super) fn expire(&mut self, store: StoreId, last_end: i64) -> Result<()> {
        let owner = self.topology.store_of(store).owner.index();
        if self.task.clocks[owner].earliest > last_end {
            return Ok(());
        }
        let Form::Windowed { index } = self.topology.store_of(store).form else { return Ok(()) };
        let mut rows = self.take_rows();
        let mut key = self.take();
        loop {
            rows.clear();
            self.collect(index, &[], PAGE_ROWS, |entry| ends_by(entry, last_end), &mut rows)?;
            for (entry, _) in rows.iter() {
                let (plain, window) = encoding::take_index_key(&mut { entry })
                    .ok_or_else(|| self.corrupt(index, "an entry names no window"))?;
                encoding::window_key(key.write(), plain, window);
                self.delete(store, key.get().unwrap_or_default())?;
                self.task.state.delete(index, entry)?;
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
        }
        self.give_rows(rows);
        self.give(key);
        self.task.clocks[owner].earliest = self.first_time(index)?;
        Ok(())
    }

    /// The time that the first key of a store starts with; the greatest number where there is none.
    pub(super) fn first_time(&self, store: StoreId) -> Result<i64> {
        let mut first = i64::MAX;
        self.task.state.scan(store, &[], &mut |key, _| {
            first = encoding::take_time(&mut { key }).unwrap_or(i64::MIN);
            ControlFlow::Break(())
        })?;
        Ok(first)
    }
}

/// Whether an index entry is of a window that ends by then.
pub(super) fn ends_by(entry: &[u8], last_end: i64) -> bool {
    encoding::take_time(&mut { entry }).is_some_and(|end| end <= last_end)
}
