//! The programs that a topology runs: what a user wrote, behind closures, so that the engine knows no language.
//!
//! A program sees borrowed bytes and writes into a buffer that is used again; running one allocates nothing here. It must
//! be pure: the same record gives the same result, or a restart would not find the state that it left. Programs are
//! shared by all tasks of a topology.

use super::error::{Error, Result};
use super::record::Record;

/// Whether a record is kept.
pub type Predicate = Box<dyn Fn(&Record<'_>) -> Result<bool> + Send + Sync>;

/// What becomes of a record: it gives any number of records to `emit`. Map, flat-map, a new key, a new timestamp.
pub type Mapper = Box<dyn Fn(&Record<'_>, Emit<'_>) -> Result<()> + Send + Sync>;

/// Takes what a [`Mapper`] makes, in order.
pub type Emit<'e> = &'e mut dyn FnMut(&Record<'_>) -> Result<()>;

/// A value made of a record: the group that it belongs to, the key of another table, a table's new value. Left null, there
/// is none.
pub type Selector = Box<dyn Fn(&Record<'_>, &mut Value) -> Result<()> + Send + Sync>;

/// A value made of two sides, one of which may be missing in a left or outer join. Left null, the result is null.
pub type Joiner = Box<dyn Fn(Sides<'_>, &mut Value) -> Result<()> + Send + Sync>;

/// What a [`Joiner`] sees.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// The key that they share; `None` where an unmatched record had none. For a foreign key, that of the left side.
    pub key: Option<&'a [u8]>,
    /// The left value.
    pub left: Option<&'a [u8]>,
    /// The right value.
    pub right: Option<&'a [u8]>,
}

/// How values become an aggregate. An aggregate is bytes of the program's own; [`TopologyBuilder::map_table`] turns it into
/// what others are to see. Left null, the aggregate is removed.
///
/// [`TopologyBuilder::map_table`]: super::TopologyBuilder::map_table
pub trait Aggregator: Send + Sync {
    /// Adds a record to the aggregate of its group, which may not be there yet.
    ///
    /// # Errors
    /// [`Error::Program`].
    fn add(&self, record: &Record<'_>, aggregate: Option<&[u8]>, out: &mut Value) -> Result<()>;

    /// Takes a record out again: what a table's key had before. Only aggregates over tables need it.
    ///
    /// # Errors
    /// [`Error::Program`]; [`Error::Unsupported`] where nothing can be taken out.
    fn subtract(&self, _record: &Record<'_>, _aggregate: &[u8], _out: &mut Value) -> Result<()> {
        Err(Error::Unsupported("take a value out again"))
    }

    /// One aggregate of two, the earlier session's first. Only sessions need it.
    ///
    /// # Errors
    /// [`Error::Program`]; [`Error::Unsupported`] where two can't be merged.
    fn merge(&self, _earlier: &[u8], _later: &[u8], _out: &mut Value) -> Result<()> {
        Err(Error::Unsupported("be merged with another"))
    }
}

/// Bytes or null, in a buffer that is used again.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Value {
    bytes: Vec<u8>,
    some: bool,
}

impl Value {
    /// Null, as before anything was written.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.some = false;
    }

    /// Takes a value whole.
    pub fn set(&mut self, value: Option<&[u8]>) {
        self.clear();
        if let Some(value) = value {
            self.write().extend_from_slice(value);
        }
    }

    /// The buffer to append to; from now on this is not null.
    pub fn write(&mut self) -> &mut Vec<u8> {
        self.some = true;
        &mut self.bytes
    }

    /// What was written.
    #[must_use]
    pub fn get(&self) -> Option<&[u8]> {
        self.some.then_some(&self.bytes)
    }
}
