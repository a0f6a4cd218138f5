//! Building a topology, from its inputs to its sinks.
//!
//! [`Stream`] and [`Table`] are what an operator gives: names for a place in the topology that is being built, of no use in
//! another one. Where an operator needs the rows of a table, or what its changes replace, and the table keeps none,
//! they are kept from there on, in a store.

use std::sync::Arc;

use super::operators::{
    AggregateStream, AggregateTable, AggregateWindows, Branch, Buffer, EmitStrategy, Filter,
    FilterTable, GroupTable, JoinForeignKey, JoinGlobal, JoinKind, JoinStreams, JoinTable,
    JoinTables, JoinWindows, Latest, Map, MapTable, Pass, Retention, Sink, Suppress,
};
use super::program::{Aggregator, Joiner, Mapper, Predicate, Selector};
use super::state::StoreId;
use super::topology::{
    Form, GlobalId, Input, InputId, Node, NodeId, Operator, Side, SinkId, Store, Topology,
};
use super::windows::Windows;

/// A stream in a topology that is being built: each record stands alone.
#[derive(Debug, Clone, Copy)]
pub struct Stream(NodeId);

/// A table in a topology that is being built: the latest value of each key.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    node: NodeId,
    /// Where its rows are, if it keeps them.
    store: Option<StoreId>,
    /// Whether its changes tell what they replace.
    tells_old: bool,
    /// Of a table with windows: how long its rows are kept.
    retention: Option<Retention>,
}

impl Table {
    /// The store that holds its rows, if it keeps them.
    #[must_use]
    pub fn store(&self) -> Option<StoreId> {
        self.store
    }
}

/// An aggregation in windows.
pub struct Windowed {
    /// Which windows.
    pub windows: Windows,
    /// When results are told.
    pub emit: EmitStrategy,
    /// How long a window's row is kept after its end, where that is longer than it stays open.
    pub retention_ms: i64,
    /// What is aggregated.
    pub aggregator: Arc<dyn Aggregator>,
}

/// A topology in the making.
#[derive(Default)]
pub struct TopologyBuilder {
    topology: Topology,
}

impl TopologyBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = Self::default();
        builder.add_store("task", NodeId(0), Form::Other, false);
        builder
    }

    /// The topology as it was built.
    #[must_use]
    pub fn build(self) -> Topology {
        self.topology
    }

    /// A topic as a stream.
    pub fn stream(&mut self, topic: &str) -> (InputId, Stream) {
        let node = self.add_node(Pass, &[]);
        (self.add_input(topic, node, false), Stream(node))
    }

    /// A topic as a table: the latest value of each key, kept in a store of this name. Records without a key are left out.
    pub fn table(&mut self, topic: &str, store: &str) -> (InputId, Table) {
        let table = self.add_latest(store, &[], None);
        (self.add_input(topic, table.node, true), table)
    }

    /// A topic as a global table.
    pub fn global_table(&mut self, topic: &str) -> GlobalId {
        self.topology.globals.push(topic.to_owned());
        GlobalId(number(self.topology.globals.len() - 1))
    }

    /// A topic that results go to. Several operators may write one.
    pub fn sink(&mut self, topic: &str) -> SinkId {
        self.topology.sinks.push(topic.to_owned());
        SinkId(number(self.topology.sinks.len() - 1))
    }

    /// Puts a stream's records out.
    pub fn stream_to(&mut self, stream: Stream, sink: SinkId) {
        self.add_node(Sink(sink), &[(stream.0, Side::Left)]);
    }

    /// Puts a table's changes out.
    pub fn table_to(&mut self, table: Table, sink: SinkId) {
        self.stream_to(self.changes(table), sink);
    }

    /// The records that a predicate wants.
    pub fn filter(&mut self, stream: Stream, wanted: Predicate) -> Stream {
        Stream(self.add_node(Filter(wanted), &[(stream.0, Side::Left)]))
    }

    /// Other records for each record: map, flat-map, a new key, another timestamp. Records with a new key belong to the
    /// partition of that key: whoever runs several tasks lets them go out and in again before they meet a store.
    pub fn map(&mut self, stream: Stream, mapper: Mapper) -> Stream {
        Stream(self.add_node(Map(mapper), &[(stream.0, Side::Left)]))
    }

    /// Several streams as one.
    pub fn merge(&mut self, streams: &[Stream]) -> Stream {
        let parents: Vec<_> = streams.iter().map(|stream| (stream.0, Side::Left)).collect();
        Stream(self.add_node(Pass, &parents))
    }

    /// A stream for each predicate: a record goes to the first that wants it, to none if none does.
    pub fn branch(&mut self, stream: Stream, wanted: Vec<Predicate>) -> Vec<Stream> {
        let count = wanted.len();
        let branch = self.add_node(Branch(wanted), &[(stream.0, Side::Left)]);
        (0..count).map(|_| Stream(self.add_node(Pass, &[(branch, Side::Left)]))).collect()
    }

    /// The changes of a table as a stream.
    #[must_use]
    pub fn changes(&self, table: Table) -> Stream {
        Stream(table.node)
    }

    /// A stream as a table: the latest value of each key, kept in a store of this name.
    pub fn latest(&mut self, stream: Stream, store: &str) -> Table {
        self.add_latest(store, &[(stream.0, Side::Left)], None)
    }

    /// A table that keeps its rows, in a store of this name where it keeps none yet.
    pub fn keep(&mut self, table: Table, store: &str) -> Table {
        match table.store {
            Some(_) => table,
            None => self.add_latest(store, &[(table.node, Side::Left)], table.retention),
        }
    }

    /// The rows that a predicate wants.
    pub fn filter_table(&mut self, table: Table, wanted: Predicate) -> Table {
        self.of_changes(table, FilterTable(wanted))
    }

    /// Rows with another value.
    pub fn map_table(&mut self, table: Table, mapper: Selector) -> Table {
        self.of_changes(table, MapTable(mapper))
    }

    /// A stream beside a table, by key: inner or left.
    pub fn join_table(
        &mut self,
        stream: Stream,
        table: Table,
        kind: JoinKind,
        joiner: Joiner,
    ) -> Stream {
        let (_, store) = self.kept(table);
        Stream(self.add_node(JoinTable { store, kind, joiner }, &[(stream.0, Side::Left)]))
    }

    /// A stream beside a global table, by a key that a program finds: inner or left.
    pub fn join_global(
        &mut self,
        stream: Stream,
        table: GlobalId,
        kind: JoinKind,
        on: Selector,
        joiner: Joiner,
    ) -> Stream {
        let join = JoinGlobal { table, kind, on, joiner };
        Stream(self.add_node(join, &[(stream.0, Side::Left)]))
    }

    /// Two streams beside each other, by key and time; what waits is kept in stores whose names start with this one.
    pub fn join_streams(
        &mut self,
        (left, right): (Stream, Stream),
        windows: JoinWindows,
        kind: JoinKind,
        joiner: Joiner,
        store: &str,
    ) -> Stream {
        let (left_node, left) = self.add_buffer(left, windows, &format!("{store}-left"));
        let (right_node, right) = self.add_buffer(right, windows, &format!("{store}-right"));
        let unmatched =
            self.add_store(&format!("{store}-unmatched"), self.next_node(), Form::Other, false);
        let join = JoinStreams { left, right, windows, kind, joiner, unmatched };
        Stream(self.add_node(join, &[(left_node, Side::Left), (right_node, Side::Right)]))
    }

    /// Two tables beside each other, by key.
    pub fn join_tables(
        &mut self,
        (left, right): (Table, Table),
        kind: JoinKind,
        joiner: Joiner,
    ) -> Table {
        let (left, left_store) = self.kept(left);
        let (right, right_store) = self.kept(right);
        let join = JoinTables { left: left_store, right: right_store, kind, joiner };
        let parents = [(left.node, Side::Left), (right.node, Side::Right)];
        let node = self.add_node(join, &parents);
        Table { node, store: None, tells_old: false, retention: left.retention }
    }

    /// A table beside the rows of another that a program names: inner or left. Which row names which is kept in a store of
    /// this name. Both tables must be whole in the task.
    pub fn join_foreign_key(
        &mut self,
        (left, right): (Table, Table),
        on: Selector,
        kind: JoinKind,
        joiner: Joiner,
        store: &str,
    ) -> Table {
        let (left, left_store) = self.kept(left);
        let (right, right_store) = self.kept(right);
        let references = self.add_store(store, self.next_node(), Form::Other, false);
        let join =
            JoinForeignKey { left: left_store, right: right_store, references, kind, on, joiner };
        let parents = [(left.node, Side::Left), (right.node, Side::Right)];
        let node = self.add_node(join, &parents);
        Table { node, store: None, tells_old: false, retention: left.retention }
    }

    /// The aggregate of a stream's records by key.
    pub fn aggregate(
        &mut self,
        stream: Stream,
        aggregator: Arc<dyn Aggregator>,
        store: &str,
    ) -> Table {
        self.cogroup(vec![(stream, aggregator)], store)
    }

    /// One aggregate of several streams by key, each with a way of its own to add to it.
    pub fn cogroup(&mut self, streams: Vec<(Stream, Arc<dyn Aggregator>)>, store: &str) -> Table {
        let store = self.add_store(store, self.next_node(), Form::Table, true);
        let add = |builder: &mut Self, (stream, aggregator): (Stream, _)| {
            let node = AggregateStream { store, aggregator };
            (builder.add_node(node, &[(stream.0, Side::Left)]), Side::Left)
        };
        let parents: Vec<_> = streams.into_iter().map(|stream| add(self, stream)).collect();
        let node = self.add_node(Pass, &parents);
        Table { node, store: Some(store), tells_old: true, retention: None }
    }

    /// The aggregate of a stream's records by key and window.
    pub fn aggregate_windows(&mut self, stream: Stream, windowed: Windowed, store: &str) -> Table {
        self.cogroup_windows(vec![(stream, windowed)], store)
    }

    /// One aggregate of several streams by key and window, each with a way of its own to add to it, and a clock of its own.
    /// All must have the same windows.
    pub fn cogroup_windows(&mut self, streams: Vec<(Stream, Windowed)>, store: &str) -> Table {
        let cached = streams.iter().all(|(_, windowed)| windowed.emit == EmitStrategy::Change);
        let (store, index) = self.add_windowed_store(store, cached);
        let mut kept = None;
        let mut parents = Vec::new();
        for (stream, windowed) in streams {
            let Windowed { windows, emit, retention_ms, aggregator } = windowed;
            let retention = Retention { windows, after_end_ms: retention_ms };
            kept = Some(retention);
            let node = AggregateWindows { store, index, retention, emit, aggregator };
            parents.push((self.add_node(node, &[(stream.0, Side::Left)]), Side::Left));
        }
        let node = self.add_node(Pass, &parents);
        Table { node, store: Some(store), tells_old: true, retention: kept }
    }

    /// The aggregate of a table's rows by a group that a program finds.
    pub fn aggregate_table(
        &mut self,
        table: Table,
        group: Selector,
        aggregator: Arc<dyn Aggregator>,
        store: &str,
    ) -> Table {
        let grouped = self.of_changes(table, GroupTable(group));
        let store = self.add_store(store, self.next_node(), Form::Table, true);
        let parents = [(grouped.node, Side::Left)];
        let node = self.add_node(AggregateTable { store, aggregator }, &parents);
        Table { node, store: Some(store), tells_old: true, retention: None }
    }

    /// The final results of a table with windows: each once, when its window is closed. A table without is as it was.
    pub fn suppress(&mut self, table: Table, store: &str) -> Stream {
        let Some(retention) = table.retention else { return Stream(table.node) };
        let store = self.add_store(store, self.next_node(), Form::Other, false);
        let suppress = Suppress { store, windows: retention.windows };
        Stream(self.add_node(suppress, &[(table.node, Side::Left)]))
    }

    /// A table's operator that takes changes with what they replace.
    fn of_changes(&mut self, table: Table, operator: impl Operator + 'static) -> Table {
        let table = if table.tells_old { table } else { self.kept(table).0 };
        let node = self.add_node(operator, &[(table.node, Side::Left)]);
        Table { node, store: None, tells_old: true, retention: table.retention }
    }

    /// A table that keeps its rows, and where.
    fn kept(&mut self, table: Table) -> (Table, StoreId) {
        let table = self.keep(table, &format!("rows-{}", table.node.0));
        (table, table.store.expect("a table that was just kept has a store"))
    }

    fn add_latest(
        &mut self,
        store: &str,
        parents: &[(NodeId, Side)],
        retention: Option<Retention>,
    ) -> Table {
        let store = match retention {
            Some(_) => self.add_windowed_store(store, true).0,
            None => self.add_store(store, self.next_node(), Form::Table, true),
        };
        let node = self.add_node(Latest { store, retention }, parents);
        Table { node, store: Some(store), tells_old: true, retention }
    }

    fn add_buffer(
        &mut self,
        stream: Stream,
        windows: JoinWindows,
        store: &str,
    ) -> (NodeId, StoreId) {
        let (store, index) = self.add_windowed_store(store, false);
        let buffer = Buffer { store, index, windows };
        (self.add_node(buffer, &[(stream.0, Side::Left)]), store)
    }

    fn add_windowed_store(&mut self, name: &str, cached: bool) -> (StoreId, StoreId) {
        let owner = self.next_node();
        let index = self.add_store(&format!("{name}-index"), owner, Form::Index, false);
        (self.add_store(name, owner, Form::Windowed { index }, cached), index)
    }

    fn add_store(&mut self, name: &str, owner: NodeId, form: Form, cached: bool) -> StoreId {
        self.topology.stores.push(Store { name: name.to_owned(), owner, form, cached });
        StoreId(number(self.topology.stores.len() - 1))
    }

    fn add_input(&mut self, topic: &str, node: NodeId, is_table: bool) -> InputId {
        self.topology.inputs.push(Input { topic: topic.to_owned(), node, is_table });
        InputId(number(self.topology.inputs.len() - 1))
    }

    /// The node that is added next.
    fn next_node(&self) -> NodeId {
        NodeId(number(self.topology.nodes.len()))
    }

    fn add_node(
        &mut self,
        operator: impl Operator + 'static,
        parents: &[(NodeId, Side)],
    ) -> NodeId {
        let id = self.next_node();
        for (parent, side) in parents {
            self.topology.nodes[parent.index()].children.push((id, *side));
        }
        self.topology.nodes.push(Node { operator: Box::new(operator), children: Vec::new() });
        id
    }
}

fn number(place: usize) -> u16 {
    u16::try_from(place).expect("a topology has fewer than 65536 parts of a kind")
}

impl std::fmt::Debug for TopologyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TopologyBuilder").field(&self.topology).finish()
    }
}
