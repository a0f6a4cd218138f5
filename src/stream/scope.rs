//! What an operator sees of its task while it has a record in hand: who follows, its clock, buffers, counts. How it reaches
//! the stores is in [`stores`](super::stores).

use super::cache::Cache;
use super::error::{Error, Result};
use super::globals::GlobalTables;
use super::output::Output;
use super::program::Value;
use super::record::Record;
use super::rows::Rows;
use super::state::{State, StoreId};
use super::topology::{NodeId, Side, SinkId, Topology};

/// What one operator knows of time. It lasts: a task that goes on does what this one would have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// The greatest timestamp that it took into account; the least of all before the first.
    pub(super) time: i64,
    /// The end of the last windows whose final results went out.
    pub(super) closed: i64,
    /// The number of the next row where rows must be told apart.
    pub(super) sequence: i64,
    /// No row that waits for time is earlier: windows that expire, unmatched records.
    pub(super) earliest: i64,
}

impl Clock {
    /// Before the first record; nothing is known of rows.
    pub(super) const START: Self =
        Self { time: i64::MIN, closed: i64::MIN, sequence: 0, earliest: i64::MIN };

    /// Sees a timestamp. True where it is the greatest so far, or the greatest again.
    pub(super) fn advance(&mut self, timestamp: i64) -> bool {
        self.time = self.time.max(timestamp);
        timestamp == self.time
    }
}

/// Records that were taken and led to nothing, by the reason. Kafka counts them as dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// A key was needed and is null: a record's, a group's or a foreign one.
    pub null_key: u64,
    /// A value was needed and is null.
    pub null_value: u64,
    /// Too late: once for each window that was missed.
    pub late: u64,
    /// A timestamp before the epoch.
    pub negative_timestamp: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.null_key + self.null_value + self.late + self.negative_timestamp
    }
}

/// What changes in a task.
pub(super) struct Inner {
    pub(super) state: Box<dyn State>,
    /// By store.
    pub(super) caches: Vec<Option<Cache>>,
    /// By node.
    pub(super) clocks: Vec<Clock>,
    pub(super) counts: Counts,
    /// Whether the record in hand has changed a row or put something out.
    pub(super) touched: bool,
    pub(super) values: Vec<Value>,
    pub(super) rows: Vec<Rows>,
}

/// An operator's view of the task.
pub(super) struct Scope<'t> {
    pub(super) topology: &'t Topology,
    pub(super) task: &'t mut Inner,
    pub(super) globals: &'t GlobalTables,
    pub(super) output: &'t mut dyn Output,
    pub(super) node: NodeId,
    pub(super) side: Side,
}

impl Scope<'_> {
    /// The same task, seen by another operator.
    pub(super) fn at(&mut self, node: NodeId, side: Side) -> Scope<'_> {
        Scope {
            topology: self.topology,
            task: &mut *self.task,
            globals: self.globals,
            output: &mut *self.output,
            node,
            side,
        }
    }

    /// Gives a record to all that follow.
    pub(super) fn forward(&mut self, record: &Record<'_>) -> Result<()> {
        let topology = self.topology;
        for (child, side) in &topology.nodes[self.node.index()].children {
            topology.nodes[child.index()].operator.process(&mut self.at(*child, *side), record)?;
        }
        Ok(())
    }

    /// Gives a record to one of those that follow, by its place among them.
    pub(super) fn forward_to(&mut self, place: usize, record: &Record<'_>) -> Result<()> {
        let topology = self.topology;
        let Some((child, side)) = topology.nodes[self.node.index()].children.get(place) else {
            return Ok(());
        };
        topology.nodes[child.index()].operator.process(&mut self.at(*child, *side), record)
    }

    /// Puts a record out of the topology.
    pub(super) fn put_out(&mut self, sink: SinkId, record: &Record<'_>) -> Result<()> {
        let put = self.output.record(sink, record);
        self.task.touched |= put.is_ok();
        put
    }

    pub(super) fn clock(&mut self) -> &mut Clock {
        &mut self.task.clocks[self.node.index()]
    }

    pub(super) fn counts(&mut self) -> &mut Counts {
        &mut self.task.counts
    }

    /// A buffer to write into, null; [`Scope::give`] it back.
    pub(super) fn take(&mut self) -> Value {
        let mut value = self.task.values.pop().unwrap_or_default();
        value.clear();
        value
    }

    pub(super) fn give(&mut self, value: Value) {
        self.task.values.push(value);
    }

    /// Room for rows, empty; [`Scope::give_rows`] it back.
    pub(super) fn take_rows(&mut self) -> Rows {
        let mut rows = self.task.rows.pop().unwrap_or_default();
        rows.clear();
        rows
    }

    pub(super) fn give_rows(&mut self, rows: Rows) {
        self.task.rows.push(rows);
    }

    /// The error of a store that holds what was never written.
    pub(super) fn corrupt(&self, store: StoreId, what: &'static str) -> Error {
        Error::Corrupt { store: self.topology.store_of(store).name.clone(), what }
    }
}
