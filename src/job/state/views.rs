//! The states of several tasks, seen as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

use super::StateView;
use crate::stream::{EachRow, Error, Result, State, StoreId};

/// Rows that are taken of a state at a time: few at first, since often one is wanted, then twice as many each time.
const PAGE_ROWS_MIN: usize = 2;
const PAGE_ROWS_MAX: usize = 256;
/// And bytes of them.
const PAGE_BYTES: usize = 256 << 10;

/// The states of tasks, to look at. Rows of one key in several come one after the other.
#[derive(Debug)]
pub(in crate::job) struct StateViews(pub(in crate::job) Vec<StateView>);

/// The rows of a state from a key on, some of them in memory.
struct Rows<'s> {
    state: &'s StateView,
    store: StoreId,
    page: std::vec::IntoIter<(Vec<u8>, Vec<u8>)>,
    /// Rows of the next page.
    page_rows: usize,
    /// Where the next page begins; none after the last.
    from: Option<Vec<u8>>,
}

impl Rows<'_> {
    /// The next row.
    fn next(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if self.page.as_slice().is_empty()
            && let Some(from) = self.from.take()
        {
            let (mut rows, mut bytes, page_rows) = (Vec::new(), 0, self.page_rows);
            self.page_rows = (page_rows * 2).min(PAGE_ROWS_MAX);
            self.state.scan(self.store, &from, &mut |key, value| {
                bytes += key.len() + value.len();
                rows.push((key.to_vec(), value.to_vec()));
                match rows.len() < page_rows && bytes < PAGE_BYTES {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
            // The least key that is greater than the last one.
            self.from = rows.last().map(|(key, _)| [key, &[0][..]].concat());
            self.page = rows.into_iter();
        }
        Ok(self.page.next())
    }
}

impl State for StateViews {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<&[u8]>> {
        match &self.0[..] {
            [state] => state.get(store, key),
            // Each may have it.
            _ => Err(Error::Unsupported(
                "be asked for the one value of a key by who looks at several",
            )),
        }
    }

    fn put(&mut self, _store: StoreId, _key: &[u8], _value: &[u8]) -> Result<()> {
        Err(Error::Unsupported("be changed by who only looks"))
    }

    fn delete(&mut self, _store: StoreId, _key: &[u8]) -> Result<()> {
        Err(Error::Unsupported("be changed by who only looks"))
    }

    fn scan(&self, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()> {
        if let [state] = &self.0[..] {
            return state.scan(store, from, each);
        }
        let rows = |state| {
            let (page, from) = (Vec::new().into_iter(), Some(from.to_vec()));
            Rows { state, store, page, page_rows: PAGE_ROWS_MIN, from }
        };
        let mut states: Vec<_> = self.0.iter().map(rows).collect();
        // The lowest key first, then the earlier task.
        let mut first = BinaryHeap::with_capacity(states.len());
        for (task, rows) in states.iter_mut().enumerate() {
            first.extend(rows.next()?.map(|(key, value)| Reverse((key, task, value))));
        }
        while let Some(Reverse((key, task, value))) = first.pop() {
            if each(&key, &value).is_break() {
                return Ok(());
            }
            first.extend(states[task].next()?.map(|(key, value)| Reverse((key, task, value))));
        }
        Ok(())
    }
}
