//! What a task remembers, in a file that other processes read while it is written ([`crate::storage::Database`]).
//!
//! | row | key | value |
//! | --- | --- | --- |
//! | a store's | store, 2 bytes big-endian; the key | the value |
//! | those of long keys | store; the first [`keys::WHOLE_BYTES_MAX`] bytes; 1 | a [bucket](keys) |
//! | what the job notes | `FFFF`; a name | whatever it is |
//!
//! Changes are gathered in one transaction, which [`State::commit`] ends; whoever reads sees the state of one commit. One
//! process has a state to write; whether it is the one is for the caller to know.

mod keys;
mod views;

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;

use crate::storage::{self, Database, ReadTransaction, WriteTransaction};
use crate::stream::{EachRow, Error, Result, State, StoreId};
use keys::{Bucket, Place};
pub(super) use views::StateViews;

/// The store of what the job notes.
const NOTES: u16 = u16::MAX;

/// A transaction, to read or to write.
trait Rows {
    fn get(&self, key: &[u8]) -> storage::Result<Option<&[u8]>>;
    fn scan(&self, from: &[u8], each: storage::EachEntry<'_>) -> storage::Result<()>;
}

impl Rows for WriteTransaction {
    fn get(&self, key: &[u8]) -> storage::Result<Option<&[u8]>> {
        Self::get(self, key)
    }

    fn scan(&self, from: &[u8], each: storage::EachEntry<'_>) -> storage::Result<()> {
        Self::scan(self, from, each)
    }
}

impl Rows for ReadTransaction {
    fn get(&self, key: &[u8]) -> storage::Result<Option<&[u8]>> {
        Self::get(self, key)
    }

    fn scan(&self, from: &[u8], each: storage::EachEntry<'_>) -> storage::Result<()> {
        Self::scan(self, from, each)
    }
}

/// The state of a task, to write.
pub(super) struct TaskState {
    database: Database,
    /// There but while it is committed.
    writing: Option<WriteTransaction>,
    key: RefCell<Vec<u8>>,
}

impl TaskState {
    /// Opens the state in a directory, or makes one.
    ///
    /// # Errors
    /// As the file system says.
    pub(super) fn open(directory: &Path) -> storage::Result<Self> {
        let database = Database::open(directory)?;
        let writing = Some(database.write()?);
        Ok(Self { database, writing, key: RefCell::default() })
    }

    fn writing(&self) -> &WriteTransaction {
        self.writing.as_ref().expect("a transaction is open but while it is committed")
    }
}

impl State for TaskState {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<&[u8]>> {
        get(self.writing(), &mut self.key.borrow_mut(), store, key)
    }

    fn put(&mut self, store: StoreId, key: &[u8], value: &[u8]) -> Result<()> {
        let row_key = self.key.get_mut();
        let place = Place::of(store, key, row_key);
        let writing =
            self.writing.as_mut().expect("a transaction is open but while it is committed");
        let put = match place {
            Place::Row => writing.put(row_key, value),
            Place::Bucket(rest) => writing
                .get(row_key)
                .map(|bucket| Bucket(bucket.unwrap_or_default()).with(rest, Some(value)))
                .and_then(|bucket| writing.put(row_key, &bucket)),
        };
        put.map_err(of_storage)
    }

    fn delete(&mut self, store: StoreId, key: &[u8]) -> Result<()> {
        let row_key = self.key.get_mut();
        let place = Place::of(store, key, row_key);
        let writing =
            self.writing.as_mut().expect("a transaction is open but while it is committed");
        let deleted = match place {
            Place::Row => writing.delete(row_key),
            Place::Bucket(rest) => writing
                .get(row_key)
                .map(|bucket| Bucket(bucket.unwrap_or_default()).with(rest, None))
                .and_then(|bucket| match bucket.is_empty() {
                    true => writing.delete(row_key),
                    false => writing.put(row_key, &bucket),
                }),
        };
        deleted.map_err(of_storage)
    }

    fn scan(&self, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()> {
        scan(self.writing(), store, from, each)
    }

    fn note(&mut self, name: &str, value: &[u8]) -> Result<()> {
        let writing =
            self.writing.as_mut().expect("a transaction is open but while it is committed");
        writing.put(&note_key(name), value).map_err(of_storage)
    }

    fn noted(&self, name: &str) -> Result<Option<&[u8]>> {
        self.writing().get(&note_key(name)).map_err(of_storage)
    }

    fn commit(&mut self, notes: &[(&str, &[u8])]) -> Result<()> {
        for (name, value) in notes {
            self.note(name, value)?;
        }
        if let Some(writing) = self.writing.take() {
            writing.commit().map_err(of_storage)?;
        }
        self.writing = Some(self.database.write().map_err(of_storage)?);
        Ok(())
    }
}

impl std::fmt::Debug for TaskState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskState").field("database", &self.database).finish_non_exhaustive()
    }
}

/// The state of a task as it was at its last commit, for who only looks.
#[derive(Debug)]
pub(super) struct StateView {
    reading: ReadTransaction,
    key: RefCell<Vec<u8>>,
    /// Bytes on disk.
    pub(super) bytes: u64,
}

impl StateView {
    /// The state in a directory; `None` where none was written yet.
    ///
    /// # Errors
    /// As the file system says.
    pub(super) fn open(directory: &Path) -> storage::Result<Option<Self>> {
        let Some(database) = Database::open_to_read(directory)? else { return Ok(None) };
        let bytes = database.size()?.0;
        Ok(Some(Self { reading: database.read()?, key: RefCell::default(), bytes }))
    }

    /// What the job noted under a name.
    ///
    /// # Errors
    /// As the file system says.
    pub(super) fn noted(&self, name: &str) -> storage::Result<Option<&[u8]>> {
        self.reading.get(&note_key(name))
    }
}

impl State for StateView {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<&[u8]>> {
        get(&self.reading, &mut self.key.borrow_mut(), store, key)
    }

    fn put(&mut self, _store: StoreId, _key: &[u8], _value: &[u8]) -> Result<()> {
        Err(Error::Unsupported("be changed by who only looks"))
    }

    fn delete(&mut self, _store: StoreId, _key: &[u8]) -> Result<()> {
        Err(Error::Unsupported("be changed by who only looks"))
    }

    fn scan(&self, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()> {
        scan(&self.reading, store, from, each)
    }
}

fn note_key(name: &str) -> Vec<u8> {
    [&NOTES.to_be_bytes(), name.as_bytes()].concat()
}

fn get<'t>(
    rows: &'t impl Rows,
    row_key: &mut Vec<u8>,
    store: StoreId,
    key: &[u8],
) -> Result<Option<&'t [u8]>> {
    let place = Place::of(store, key, row_key);
    let value = rows.get(row_key).map_err(of_storage)?;
    Ok(match place {
        Place::Row => value,
        Place::Bucket(rest) => value.and_then(|bucket| Bucket(bucket).get(rest)),
    })
}

fn scan(rows: &impl Rows, store: StoreId, from: &[u8], each: EachRow<'_>) -> Result<()> {
    let mut first = Vec::new();
    let place = Place::of(store, from, &mut first);
    let prefix = keys::prefix(store);
    let mut whole = Vec::new();
    rows.scan(&first, &mut |row_key, value| {
        let Some(key) = row_key.strip_prefix(&prefix) else { return ControlFlow::Break(()) };
        let Some(start) = keys::start_of_bucket(key) else { return each(key, value) };
        let least = match place {
            Place::Bucket(rest) if row_key == first => rest,
            _ => &[],
        };
        for (rest, value) in Bucket(value).entries() {
            if rest >= least {
                whole.clear();
                whole.extend_from_slice(start);
                whole.extend_from_slice(rest);
                each(&whole, value)?;
            }
        }
        ControlFlow::Continue(())
    })
    .map_err(of_storage)
}

fn of_storage(error: storage::Error) -> Error {
    Error::State(error.into())
}
