//! Operators that remember nothing: a record in, any number of records out.

use crate::stream::error::Result;
use crate::stream::program::{Mapper, Predicate};
use crate::stream::record::Record;
use crate::stream::scope::Scope;
use crate::stream::topology::{Operator, SinkId};

/// Lets through what a predicate wants.
pub(in crate::stream) struct Filter(pub(in crate::stream) Predicate);

impl Operator for Filter {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        if (self.0)(record)? { scope.forward(record) } else { Ok(()) }
    }
}

/// Makes other records of a record. A timestamp that it sets before the epoch is one that no window takes: such a record is
/// left out, and counted.
pub(in crate::stream) struct Map(pub(in crate::stream) Mapper);

impl Operator for Map {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        (self.0)(record, &mut |made| {
            if made.timestamp < 0 {
                scope.counts().negative_timestamp += 1;
                return Ok(());
            }
            scope.forward(made)
        })
    }
}

/// Gives a record to the first follower whose predicate wants it: the n-th predicate is that of the n-th follower.
pub(in crate::stream) struct Branch(pub(in crate::stream) Vec<Predicate>);

impl Operator for Branch {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        for (place, wanted) in self.0.iter().enumerate() {
            if wanted(record)? {
                return scope.forward_to(place, record);
            }
        }
        Ok(())
    }
}

/// Gives on what it gets: several streams as one, or a branch.
pub(in crate::stream) struct Pass;

impl Operator for Pass {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        scope.forward(record)
    }
}

/// Puts records out of the topology.
pub(in crate::stream) struct Sink(pub(in crate::stream) SinkId);

impl Operator for Sink {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        scope.put_out(self.0, record)
    }
}
