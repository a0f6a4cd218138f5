//! One topology under test: records as text in, records as text out.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use runnel::stream::{
    ChangelogRow, GlobalId, GlobalTables, Headers, InputId, Keys, MemoryState, Output, Outside,
    Record, SinkId, State, StoreId, Task, Topology, Window,
};

/// A record that came out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Out {
    pub(crate) key: Option<String>,
    pub(crate) window: Option<(i64, i64)>,
    pub(crate) value: Option<String>,
    pub(crate) timestamp: i64,
}

/// A changelog's row, as bytes: store, key, value.
pub(crate) type Logged = (usize, Vec<u8>, Option<Vec<u8>>);

/// Keeps what comes out.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) records: Vec<(SinkId, Out)>,
    /// What each record said that it replaces.
    pub(crate) old: Vec<Option<String>>,
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) changelog: Vec<Logged>,
}

impl Output for Kept {
    fn record(&mut self, sink: SinkId, record: &Record<'_>) -> runnel::stream::Result<()> {
        self.records.push((sink, out(record)));
        self.old.push(record.old.map(text));
        self.headers.push(record.headers.0.to_vec());
        Ok(())
    }

    fn changelog(&mut self, row: ChangelogRow<'_>) -> runnel::stream::Result<()> {
        let value = row.value.map(<[u8]>::to_vec);
        self.changelog.push((row.store.index(), row.key.to_vec(), value));
        Ok(())
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn out(record: &Record<'_>) -> Out {
    Out {
        key: record.key.map(text),
        window: record.window.map(|Window { start, end }| (start, end)),
        value: record.value.map(text),
        timestamp: record.timestamp,
    }
}

/// A task over memory, fed by topic.
pub(crate) struct Bench {
    pub(crate) task: Task,
    pub(crate) globals: GlobalTables,
    pub(crate) kept: Kept,
    /// Records without a key that came for a global table.
    pub(crate) globals_dropped: u64,
    inputs: BTreeMap<String, InputId>,
    global_inputs: BTreeMap<String, GlobalId>,
}

impl Bench {
    pub(crate) fn new(topology: &Arc<Topology>, cache_bytes: usize) -> Self {
        Self::over(topology, cache_bytes, Box::new(MemoryState::new()))
    }

    pub(crate) fn over(
        topology: &Arc<Topology>,
        cache_bytes: usize,
        state: Box<dyn State>,
    ) -> Self {
        let own = |(id, topic): (_, &str)| (topic.to_owned(), id);
        let inputs = topology.inputs().map(own).collect();
        let own = |(id, topic): (_, &str)| (topic.to_owned(), id);
        let global_inputs = topology.globals().map(own).collect();
        Self {
            task: Task::new(Arc::clone(topology), state, cache_bytes).expect("a task"),
            globals: GlobalTables::new(Box::new(MemoryState::new())),
            kept: Kept::default(),
            globals_dropped: 0,
            inputs,
            global_inputs,
        }
    }

    /// Takes a record; gives what came out because of it.
    pub(crate) fn feed(
        &mut self,
        topic: &str,
        key: Option<&str>,
        value: Option<&str>,
        timestamp: i64,
    ) -> Vec<Out> {
        let record = Record {
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            timestamp,
            headers: Headers(topic.as_bytes()),
            ..Record::default()
        };
        if let Some(table) = self.global_inputs.get(topic) {
            let taken = self.globals.update(*table, &record).expect("updates");
            self.globals_dropped += u64::from(!taken);
            return Vec::new();
        }
        let input = self.inputs[topic];
        self.act(|task, outside| task.process(input, &record, outside))
    }

    /// The same task in another process: over the state, with the global tables as they are.
    pub(crate) fn restarted(self, cache_bytes: usize) -> Self {
        let topology = Arc::clone(self.task.topology());
        let globals = self.globals;
        Self { globals, ..Self::over(&topology, cache_bytes, self.task.into_state()) }
    }

    /// The same task on another machine: over a state that the changelog gives.
    pub(crate) fn restored(self, cache_bytes: usize) -> Self {
        let topology = Arc::clone(self.task.topology());
        let mut other = Self { globals: self.globals, ..Self::new(&topology, cache_bytes) };
        let ids: BTreeMap<usize, StoreId> =
            topology.changelogs().map(|(id, _)| (id.index(), id)).collect();
        for (store, key, value) in &self.kept.changelog {
            let row = ChangelogRow { store: ids[store], key, value: value.as_deref() };
            other.task.restore(row).expect("restores");
        }
        other
    }

    /// Commits; gives what came out.
    pub(crate) fn commit(&mut self) -> Vec<Out> {
        self.act(Task::commit)
    }

    /// Closes; gives what came out.
    pub(crate) fn close(&mut self) -> Vec<Out> {
        self.act(Task::close)
    }

    fn act(
        &mut self,
        what: impl FnOnce(&mut Task, &mut Outside<'_>) -> runnel::stream::Result<()>,
    ) -> Vec<Out> {
        let before = self.kept.records.len();
        let mut outside = Outside { globals: &self.globals, output: &mut self.kept };
        what(&mut self.task, &mut outside).expect("the task goes on");
        self.kept.records[before..].iter().map(|(_, out)| out.clone()).collect()
    }

    /// The rows of a store, in order.
    pub(crate) fn rows(&self, store: &str) -> Vec<Out> {
        self.rows_of(store, Keys::All)
    }

    pub(crate) fn rows_of(&self, store: &str, keys: Keys<'_>) -> Vec<Out> {
        let store = self.task.topology().store(store).expect("a store of this name");
        let mut rows = Vec::new();
        let mut each = |row: &Record<'_>| {
            rows.push(out(row));
            ControlFlow::Continue(())
        };
        self.task.rows(store, keys, &mut each).expect("rows");
        rows
    }
}
