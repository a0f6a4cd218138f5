//! The operators of streams: those that remember nothing, and joins.

use super::{Stream, Table, TopologyBuilder};
use crate::stream::operators::{
    Branch, Buffer, Filter, JoinGlobal, JoinKind, JoinStreams, JoinTable, JoinWindows, Map, Pass,
    Sink,
};
use crate::stream::program::{Joiner, Mapper, Predicate, Selector};
use crate::stream::state::StoreId;
use crate::stream::topology::{Form, GlobalId, InputId, InputKind, NodeId, Side, SinkId};

impl TopologyBuilder {
    /// A topic as a stream.
    pub fn stream(&mut self, topic: &str) -> (InputId, Stream) {
        let node = self.add_node(Pass, &[]);
        (self.add_input(topic, node, InputKind::Stream), Stream(node))
    }

    /// Puts a stream's records out.
    pub fn stream_to(&mut self, stream: Stream, sink: SinkId) {
        self.add_node(Sink(sink), &[(stream.0, Side::Left)]);
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
}
