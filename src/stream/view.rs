//! A table as whoever looks at it sees it: the rows of its store, as of the last commit.

use std::ops::ControlFlow;

use super::encoding;
use super::error::{Error, Result};
use super::record::Record;
use super::state::{State, StoreId};
use super::topology::{Form, Topology};

/// Which rows of a table are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys<'a> {
    /// All.
    All,
    /// Those of one key: one row, or one for each window.
    Of(&'a [u8]),
    /// Those whose key starts so.
    StartingWith(&'a [u8]),
}

impl Keys<'_> {
    /// What the keys in the store start with. Where windows follow, the end of a key is part of it.
    fn prefix(self, is_windowed: bool) -> Vec<u8> {
        let mut prefix = Vec::new();
        match self {
            Self::All => {}
            Self::Of(key) if is_windowed => encoding::push_key(&mut prefix, key),
            Self::StartingWith(start) if is_windowed => {
                encoding::push_key_start(&mut prefix, start);
            }
            Self::Of(bytes) | Self::StartingWith(bytes) => prefix.extend_from_slice(bytes),
        }
        prefix
    }
}

/// Gives the rows of a table's store, in the order of their keys, until `each` breaks off. It needs no task: another
/// process may look at a state that is written meanwhile.
///
/// # Errors
/// [`Error::State`], [`Error::Corrupt`].
pub fn read_rows(
    topology: &Topology,
    state: &dyn State,
    store: StoreId,
    keys: Keys<'_>,
    each: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let known = topology.store_of(store);
    let is_windowed = matches!(known.form, Form::Windowed { .. });
    let mut plain = Vec::new();
    let mut damaged = false;
    state.prefix(store, &keys.prefix(is_windowed), &mut |key, row| {
        if matches!(keys, Keys::Of(wanted) if !is_windowed && wanted != key) {
            // The key itself is the first that starts so.
            return ControlFlow::Break(());
        }
        if let Some(record) = take_row(is_windowed, key, row, &mut plain) {
            each(&record)
        } else {
            damaged = true;
            ControlFlow::Break(())
        }
    })?;
    let what = "a row is none of a table's";
    if damaged { Err(Error::Corrupt { store: known.name.clone(), what }) } else { Ok(()) }
}

fn take_row<'a>(
    is_windowed: bool,
    row_key: &'a [u8],
    row: &'a [u8],
    plain: &'a mut Vec<u8>,
) -> Option<Record<'a>> {
    let (timestamp, value) = encoding::take_row(row)?;
    let record = Record { value: Some(value), timestamp, ..Record::default() };
    if !is_windowed {
        return Some(Record { key: Some(row_key), ..record });
    }
    let (mut escaped, window) = encoding::window_of(row_key)?;
    plain.clear();
    encoding::take_key(&mut escaped, plain)?;
    Some(Record { key: Some(plain.as_slice()), window: Some(window), ..record })
}
