//! A topology as it was built: operators and who follows whom, the stores that they keep, where records come in and go out.
//! It never changes, and all tasks share it. [`TopologyBuilder`](super::TopologyBuilder) makes it.

use super::error::Result;
use super::record::Record;
use super::scope::Scope;
use super::state::StoreId;

/// An operator's place in the topology. Whoever follows an operator has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u32);

impl NodeId {
    pub(super) fn index(self) -> usize {
        index_of(self.0)
    }
}

/// A topic that a task reads: records come in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub(super) u32);

/// A topic that a task writes: records go out here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SinkId(pub(super) u32);

/// A global table: all partitions of a topic, the same for all tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalId(pub(super) u32);

/// From which side a record comes to a join. All else has only a left one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What is done with a record. Operators hold programs and settings; what changes is in the task.
pub(super) trait Operator: Send + Sync {
    /// Takes a record, changes the state, forwards what comes of it.
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()>;

    /// Lets go of rows that are not needed any more, once the cache in front of them is empty.
    fn at_commit(&self, _scope: &mut Scope<'_>) -> Result<()> {
        Ok(())
    }

    /// Forwards what waits for a stream time that will not come.
    fn close(&self, _scope: &mut Scope<'_>) -> Result<()> {
        Ok(())
    }
}

pub(super) struct Node {
    pub(super) operator: Box<dyn Operator>,
    pub(super) children: Vec<(NodeId, Side)>,
}

/// What the rows of a store are; their bytes are in [`encoding`](super::encoding).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The latest of each key.
    Table,
    /// The latest of each key and window, with an index by time.
    Windowed {
        /// Where the index is.
        index: StoreId,
    },
    /// The index of another store: made of it, and in no changelog.
    Index,
    /// An operator's own.
    Other,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: String,
    /// The operator whose followers get what the cache lets go.
    pub(super) owner: NodeId,
    pub(super) form: Form,
    pub(super) cached: bool,
}

/// What the records of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputKind {
    /// Records that stand alone.
    Stream,
    /// The latest of each key.
    Table,
    /// Changes of a table's groups: what they replace came along.
    Grouped,
}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) topic: String,
    pub(super) node: NodeId,
    pub(super) kind: InputKind,
}

/// A topology. See the head of [the room](super) for the picture.
pub struct Topology {
    pub(super) nodes: Vec<Node>,
    pub(super) stores: Vec<Store>,
    pub(super) inputs: Vec<Input>,
    pub(super) sinks: Vec<String>,
    pub(super) globals: Vec<String>,
}

/// A number of a part of a topology, as its place in a list.
pub(super) fn index_of(number: u32) -> usize {
    usize::try_from(number).expect("a place in memory")
}

impl Topology {
    pub(super) fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            stores: Vec::new(),
            inputs: Vec::new(),
            sinks: Vec::new(),
            globals: Vec::new(),
        }
    }

    /// The topics that each task reads one partition of, tables first: the order in which records of one timestamp are taken.
    pub fn inputs(&self) -> impl Iterator<Item = (InputId, &str)> {
        let of_kind = |table| {
            let is_table = |input: &Input| input.kind == InputKind::Table;
            let inputs = (0..).zip(&self.inputs).filter(move |(_, input)| is_table(input) == table);
            inputs.map(|(id, input)| (InputId(id), input.topic.as_str()))
        };
        of_kind(true).chain(of_kind(false))
    }

    /// The topics that results go to.
    pub fn sinks(&self) -> impl Iterator<Item = (SinkId, &str)> {
        (0..).zip(&self.sinks).map(|(id, topic)| (SinkId(id), topic.as_str()))
    }

    /// The topics of the global tables.
    pub fn globals(&self) -> impl Iterator<Item = (GlobalId, &str)> {
        (0..).zip(&self.globals).map(|(id, topic)| (GlobalId(id), topic.as_str()))
    }

    /// The stores that have a changelog, by name; the task's own is among them.
    pub fn changelogs(&self) -> impl Iterator<Item = (StoreId, &str)> {
        let logged = (0..).zip(&self.stores).filter(|(_, store)| store.form != Form::Index);
        logged.map(|(id, store)| (StoreId(id), store.name.as_str()))
    }

    /// The store of this name, if there is one.
    #[must_use]
    pub fn store(&self, name: &str) -> Option<StoreId> {
        self.changelogs().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// How many stores a state needs, indexes included.
    #[must_use]
    pub fn stores_count(&self) -> usize {
        self.stores.len()
    }

    pub(super) fn store_of(&self, id: StoreId) -> &Store {
        &self.stores[id.index()]
    }
}

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topology")
            .field("inputs", &self.inputs)
            .field("stores", &self.stores)
            .field("sinks", &self.sinks)
            .field("globals", &self.globals)
            .finish_non_exhaustive()
    }
}
