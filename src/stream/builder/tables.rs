//! The operators of tables, and those that make a table of a stream.

use std::sync::Arc;

use super::{Grouped, Stream, Table, TopologyBuilder, Windowed};
use crate::stream::operators::{
    AggregateStream, AggregateTable, AggregateWindows, EmitStrategy, FilterTable, GroupTable,
    JoinForeignKey, JoinKind, JoinTables, Latest, MapTable, Pass, Suppress,
};
use crate::stream::program::{Aggregator, Joiner, Predicate, Selector};
use crate::stream::topology::{Form, InputId, InputKind, NodeId, Operator, Side, SinkId};
use crate::stream::windows::{Retention, Windows};

impl TopologyBuilder {
    /// A stream as a table: the latest value of each key, kept in a store of this name.
    pub fn latest(&mut self, stream: Stream, store: &str) -> Table {
        self.add_latest(store, &[(stream.0, Side::Left)], None)
    }

    /// A topic as a table: the latest value of each key, kept in a store of this name. Records without a key are left out.
    pub fn table(&mut self, topic: &str, store: &str) -> (InputId, Table) {
        let table = self.add_latest(store, &[], None);
        (self.add_input(topic, table.node, InputKind::Table), table)
    }

    /// Puts a table's changes out.
    pub fn table_to(&mut self, table: Table, sink: SinkId) {
        self.stream_to(self.changes(table), sink);
    }

    /// The changes of a table as a stream.
    #[must_use]
    pub fn changes(&self, table: Table) -> Stream {
        Stream(table.node)
    }

    /// A table that keeps its rows, in a store of this name where it keeps none yet.
    pub fn keep(&mut self, table: Table, store: &str) -> Table {
        if table.store.is_some() {
            return table;
        }
        if let Some(kept) = self.kept.get(&table.node) {
            return *kept;
        }
        let kept = self.add_latest(store, &[(table.node, Side::Left)], table.retention);
        self.kept.insert(table.node, kept);
        kept
    }

    /// The rows that a predicate wants.
    pub fn filter_table(&mut self, table: Table, wanted: Predicate) -> Table {
        self.of_changes(table, FilterTable(wanted))
    }

    /// Rows with another value.
    pub fn map_table(&mut self, table: Table, mapper: Selector) -> Table {
        self.of_changes(table, MapTable(mapper))
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
        // With windows only where both have them: else the keys alone are the rows'.
        let retention = left.retention.filter(|_| right.retention.is_some());
        Table { node, store: None, tells_old: false, retention }
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
        let Windowed { windows, emit, retention_ms, aggregator } = windowed;
        let retention = Retention { windows, after_end_ms: retention_ms };
        self.add_windows(vec![(stream, aggregator)], retention, emit, store)
    }

    /// One aggregate of several streams by key and window, each with a way of its own to add to it, and a clock of its own:
    /// so there are no final results. Rows are kept until the first clock says that they are not needed.
    pub fn cogroup_windows(
        &mut self,
        streams: Vec<(Stream, Arc<dyn Aggregator>)>,
        windows: Windows,
        store: &str,
    ) -> Table {
        let retention = Retention { windows, after_end_ms: 0 };
        self.add_windows(streams, retention, EmitStrategy::Change, store)
    }

    fn add_windows(
        &mut self,
        streams: Vec<(Stream, Arc<dyn Aggregator>)>,
        retention: Retention,
        emit: EmitStrategy,
        store: &str,
    ) -> Table {
        let (store, index) = self.add_windowed_store(store, emit == EmitStrategy::Change);
        let add = |builder: &mut Self, (stream, aggregator): (Stream, _)| {
            let node = AggregateWindows { store, index, retention, emit, aggregator };
            (builder.add_node(node, &[(stream.0, Side::Left)]), Side::Left)
        };
        let parents: Vec<_> = streams.into_iter().map(|stream| add(self, stream)).collect();
        let node = self.add_node(Pass, &parents);
        Table { node, store: Some(store), tells_old: true, retention: Some(retention) }
    }

    /// A table's rows by a group that a program finds.
    pub fn group(&mut self, table: Table, group: Selector) -> Grouped {
        Grouped(self.of_changes(table, GroupTable(group)).node)
    }

    /// Puts changes of groups out: value and old value both, as [`encode_change`](crate::stream::encode_change) has them.
    pub fn grouped_to(&mut self, grouped: Grouped, sink: SinkId) {
        self.stream_to(Stream(grouped.0), sink);
    }

    /// Changes of groups that were put out to a topic. Their records' `old` is looked at.
    pub fn grouped(&mut self, topic: &str) -> (InputId, Grouped) {
        let node = self.add_node(Pass, &[]);
        (self.add_input(topic, node, InputKind::Grouped), Grouped(node))
    }

    /// The aggregate of the rows of each group.
    pub fn aggregate_groups(
        &mut self,
        grouped: Grouped,
        aggregator: Arc<dyn Aggregator>,
        store: &str,
    ) -> Table {
        let store = self.add_store(store, self.next_node(), Form::Table, true);
        let node = self.add_node(AggregateTable { store, aggregator }, &[(grouped.0, Side::Left)]);
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
}
