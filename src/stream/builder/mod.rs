//! Building a topology, from its inputs to its sinks.
//!
//! [`Stream`] and [`Table`] are what an operator gives: names for a place in the topology that is being built, of no use in
//! another one. Where an operator needs the rows of a table, or what its changes replace, and the table keeps none,
//! they are kept from there on, in a store.

mod streams;
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operators::EmitStrategy;
use super::program::Aggregator;
use super::state::StoreId;
use super::topology::{
    Form, GlobalId, Input, InputId, InputKind, Node, NodeId, Operator, Side, SinkId, Store,
    Topology,
};
use super::windows::{Retention, Windows};

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

/// A table's changes under the keys of groups, in a topology that is being built: what an aggregation takes, here or, by way
/// of a topic, in the task that has the group.
#[derive(Debug, Clone, Copy)]
pub struct Grouped(NodeId);

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

/// A topology in the making. Stores are named by whoever builds it, each name once: a changelog and a later run find a store
/// by it.
pub struct TopologyBuilder {
    topology: Topology,
    /// Tables that kept no rows, by their operator, and what keeps them.
    kept: BTreeMap<NodeId, Table>,
}

impl TopologyBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut builder = Self { topology: Topology::empty(), kept: BTreeMap::new() };
        builder.add_store("task", NodeId(0), Form::Other, false);
        builder
    }

    /// The topology as it was built.
    #[must_use]
    pub fn build(self) -> Topology {
        self.topology
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

    /// A table that keeps its rows, and where.
    fn kept(&mut self, table: Table) -> (Table, StoreId) {
        let table = self.keep(table, &format!("rows-{}", table.node.0));
        (table, table.store.expect("a table that was just kept has a store"))
    }

    fn add_windowed_store(&mut self, name: &str, cached: bool) -> (StoreId, StoreId) {
        let owner = self.next_node();
        let index = self.add_store(&format!("{name}-index"), owner, Form::Index, false);
        (self.add_store(name, owner, Form::Windowed { index }, cached), index)
    }

    fn add_store(&mut self, name: &str, owner: NodeId, form: Form, cached: bool) -> StoreId {
        debug_assert!(self.topology.stores.iter().all(|store| store.name != name), "{name} twice");
        self.topology.stores.push(Store { name: name.to_owned(), owner, form, cached });
        StoreId(number(self.topology.stores.len() - 1))
    }

    fn add_input(&mut self, topic: &str, node: NodeId, kind: InputKind) -> InputId {
        self.topology.inputs.push(Input { topic: topic.to_owned(), node, kind });
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

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("no memory holds a topology of so many parts")
}

impl Default for TopologyBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for TopologyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TopologyBuilder").field(&self.topology).finish()
    }
}
