//! A task: one partition of each input of a topology, and the state that belongs to it. It does what it is told, one record at a
//! time, and reads neither clock nor file; the same records in the same order give the same results.
//!
//! Whoever runs it: takes records (see [`Inputs`](super::Inputs) for their order), now and then commits: [`Task::commit`]
//! empties the caches and writes the clocks; then the output, the offsets of what was taken in, and the state become
//! durable as one. After an error that left it not intact it is dropped; its state as of the last commit gives a new one.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::cache::Cache;
use super::encoding;
use super::error::{Error, Result};
use super::globals::GlobalTables;
use super::output::{ChangelogRow, Output};
use super::record::Record;
use super::scope::{Clock, Counts, Inner, Scope};
use super::state::{State, StoreId};
use super::topology::{Form, Input, InputId, InputKind, NodeId, Side, Store, Topology, index_of};
use super::view::{self, Keys};

/// A topology at work on one partition.
pub struct Task {
    topology: Arc<Topology>,
    inner: Inner,
    /// As they were before the record in hand.
    clocks_before: Vec<Clock>,
}

/// What a task works with besides its own state.
pub struct Outside<'a> {
    /// The global tables of the topology.
    pub globals: &'a GlobalTables,
    /// Where results go.
    pub output: &'a mut dyn Output,
}

impl Task {
    /// A task over this state, which is empty or that of the same topology. `cache_bytes` is for all caches of the task
    /// together; with 0 each update of a table is forwarded at once.
    ///
    /// # Errors
    /// [`Error::Format`] where a later version wrote the state, [`Error::State`].
    pub fn new(
        topology: Arc<Topology>,
        mut state: Box<dyn State>,
        cache_bytes: usize,
    ) -> Result<Self> {
        match state.get(StoreId::TASK, encoding::FORMAT_KEY)? {
            None => state.put(StoreId::TASK, encoding::FORMAT_KEY, &[encoding::FORMAT])?,
            Some([encoding::FORMAT]) => {}
            Some(other) => {
                let found = other.first().copied().unwrap_or_default();
                return Err(Error::Format { found, expected: encoding::FORMAT });
            }
        }
        let cached = topology.stores.iter().filter(|store| store.cached).count();
        let share = cache_bytes / cached.max(1);
        let cache =
            |store: &Store| (store.cached && share > 0).then(|| Cache::new(share, store.searched));
        let inner = Inner {
            caches: topology.stores.iter().map(cache).collect(),
            clocks: read_clocks(&*state, topology.nodes.len())?,
            state,
            counts: Counts::default(),
            touched: false,
            values: Vec::new(),
            rows: Vec::new(),
        };
        Ok(Self { topology, inner, clocks_before: Vec::new() })
    }

    /// What it works at.
    #[must_use]
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Takes a record of an input. Only one of a grouped table's changes may have an `old` value; none has a window.
    ///
    /// # Errors
    /// Any; the task is not used again, unless [`Task::is_intact`] says so.
    pub fn process(
        &mut self,
        input: InputId,
        record: &Record<'_>,
        outside: &mut Outside<'_>,
    ) -> Result<()> {
        self.inner.touched = false;
        if record.timestamp < 0 {
            self.inner.counts.negative_timestamp += 1;
            return Ok(());
        }
        let Input { node, kind, .. } = self.topology.inputs[index_of(input.0)];
        let old = record.old.filter(|_| kind == InputKind::Grouped);
        let record = Record { window: None, old, ..*record };
        let topology = Arc::clone(&self.topology);
        let operator = &topology.nodes[node.index()].operator;
        self.clocks_before.clone_from(&self.inner.clocks);
        let counts = self.inner.counts;
        let processed = operator.process(&mut self.scope(&topology, node, outside), &record);
        if processed.is_err() && self.is_intact() {
            // It is as if the record had never been there.
            self.inner.clocks.clone_from(&self.clocks_before);
            self.inner.counts = counts;
        }
        processed
    }

    /// Whether the last record that was taken, and failed, changed no row and put nothing out, as when the first program that
    /// saw it refused it: then it may be left out.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        !self.inner.touched
    }

    /// Brings all that was taken in into the state and the output: forwards what the caches hold, first tables first, and
    /// writes the clocks. Then the state may be committed.
    ///
    /// # Errors
    /// Any; the task is not used again.
    pub fn commit(&mut self, outside: &mut Outside<'_>) -> Result<()> {
        let topology = Arc::clone(&self.topology);
        for (id, _) in (0..).map(NodeId).zip(&topology.nodes) {
            flush_stores_of(&mut self.scope(&topology, id, outside), id)?;
        }
        // Only now: what was flushed last may have met rows of which the time was over.
        for (id, node) in (0..).map(NodeId).zip(&topology.nodes) {
            node.operator.at_commit(&mut self.scope(&topology, id, outside))?;
        }
        self.write_clocks(outside.output)
    }

    /// Closes all windows that are open, as if stream time passed them: final results come out, and records that wait for a
    /// match. What comes later for the windows of an aggregation is late; streams that are joined may still find a pair.
    /// Commits.
    ///
    /// # Errors
    /// Any; the task is not used again.
    pub fn close(&mut self, outside: &mut Outside<'_>) -> Result<()> {
        let topology = Arc::clone(&self.topology);
        for (id, node) in (0..).map(NodeId).zip(&topology.nodes) {
            let scope = &mut self.scope(&topology, id, outside);
            flush_stores_of(scope, id)?;
            node.operator.close(scope)?;
        }
        self.commit(outside)
    }

    /// Takes a row of a changelog into the state, before the first record. What comes last for a key counts.
    ///
    /// # Errors
    /// [`Error::State`]; [`Error::Corrupt`] where the row is none of that store's.
    pub fn restore(&mut self, row: ChangelogRow<'_>) -> Result<()> {
        let ChangelogRow { store, key, value } = row;
        match value {
            Some(value) => self.inner.state.put(store, key, value)?,
            None => self.inner.state.delete(store, key)?,
        }
        let known = self.topology.store_of(store);
        if let Form::Windowed { index } = known.form {
            let damaged = || Error::Corrupt {
                store: known.name.clone(),
                what: "a key is not that of a window",
            };
            let (mut escaped, window) = encoding::window_of(key).ok_or_else(damaged)?;
            let (mut plain, mut entry) = (Vec::new(), Vec::new());
            encoding::take_key(&mut escaped, &mut plain).ok_or_else(damaged)?;
            encoding::index_key(&mut entry, &plain, window);
            match value {
                Some(_) => self.inner.state.put(index, &entry, &[])?,
                None => self.inner.state.delete(index, &entry)?,
            }
        }
        if store == StoreId::TASK {
            self.inner.clocks = read_clocks(&*self.inner.state, self.topology.nodes.len())?;
        }
        Ok(())
    }

    /// What was taken in and led to nothing, since the task was made.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.counts
    }

    /// The greatest timestamp that any operator counted; `None` before the first.
    #[must_use]
    pub fn stream_time(&self) -> Option<i64> {
        let times = self.inner.clocks.iter().map(|clock| clock.time);
        times.max().filter(|time| *time != i64::MIN)
    }

    /// The state, for whoever commits it.
    pub fn state_mut(&mut self) -> &mut dyn State {
        &mut *self.inner.state
    }

    /// The state, for whoever goes on with it in another task. What was not committed is in it in part.
    #[must_use]
    pub fn into_state(self) -> Box<dyn State> {
        self.inner.state
    }

    /// Gives the rows of a table's store as of the last commit, in the order of their keys, until `each` breaks off.
    ///
    /// # Errors
    /// [`Error::State`], [`Error::Corrupt`].
    pub fn rows(
        &self,
        store: StoreId,
        keys: Keys<'_>,
        each: &mut dyn FnMut(&Record<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        view::read_rows(&self.topology, &*self.inner.state, store, keys, each)
    }

    fn scope<'t>(
        &'t mut self,
        topology: &'t Topology,
        node: NodeId,
        outside: &'t mut Outside<'_>,
    ) -> Scope<'t> {
        Scope {
            topology,
            task: &mut self.inner,
            globals: outside.globals,
            output: &mut *outside.output,
            node,
            side: Side::Left,
        }
    }

    fn write_clocks(&mut self, output: &mut dyn Output) -> Result<()> {
        let (mut key, mut row) = (Vec::new(), Vec::new());
        for (node, clock) in (0..).map(NodeId).zip(&self.inner.clocks) {
            if *clock == Clock::START {
                continue;
            }
            clock_key(&mut key, node);
            row.clear();
            for number in [clock.time, clock.closed, clock.sequence, clock.earliest] {
                encoding::push_time(&mut row, number);
            }
            let store = StoreId::TASK;
            if self.inner.state.get(store, &key)? == Some(&row) {
                continue;
            }
            self.inner.state.put(store, &key, &row)?;
            output.changelog(ChangelogRow { store, key: &key, value: Some(&row) })?;
        }
        Ok(())
    }
}

/// Empties the caches of what a node owns. Nodes come in the order in which records go, so what that makes dirty comes later.
fn flush_stores_of(scope: &mut Scope<'_>, node: NodeId) -> Result<()> {
    for (id, store) in (0..).map(StoreId).zip(&scope.topology.stores) {
        if store.owner == node {
            scope.flush(id)?;
        }
    }
    Ok(())
}

fn clock_key(out: &mut Vec<u8>, node: NodeId) {
    out.clear();
    out.push(b'c');
    out.extend_from_slice(&node.0.to_be_bytes());
}

fn read_clocks(state: &dyn State, nodes: usize) -> Result<Vec<Clock>> {
    let mut key = Vec::new();
    let read = |node| {
        clock_key(&mut key, node);
        let Some(mut row) = state.get(StoreId::TASK, &key)? else { return Ok(Clock::START) };
        let mut number = || encoding::take_time(&mut row);
        match (number(), number(), number(), number()) {
            (Some(time), Some(closed), Some(sequence), Some(earliest)) => {
                Ok(Clock { time, closed, sequence, earliest })
            }
            _ => Err(Error::Corrupt { store: "task".to_owned(), what: "a clock is cut" }),
        }
    };
    (0..).map(NodeId).take(nodes).map(read).collect()
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("counts", &self.inner.counts).finish_non_exhaustive()
    }
}
