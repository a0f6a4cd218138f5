//! From a definition to a topology: which operators, which topics go in and come out.

mod streams;
mod tables;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::definition::{Definition, KeySerde, WindowKind};
use super::programs::{ScriptError, TimestampOf, is_taken};
use crate::model::TopicName;
use crate::serde::Serde;
use crate::stream::{GlobalId, InputId, InvalidWindows, Selector, SinkId, StoreId, Topology};

/// What a job does, ready to be run.
#[derive(Debug)]
pub struct Plan {
    /// The operators.
    pub topology: Arc<Topology>,
    /// The topics that are read.
    pub inputs: Vec<Input>,
    /// The topics that every record sees the whole of.
    pub globals: Vec<Global>,
    /// Where results go.
    pub sinks: Vec<Sink>,
    /// Whether something is kept from one record to the next.
    pub has_state: bool,
    /// Whether each partition is a task of its own, with a state of its own, so that several processes share the job.
    pub per_partition: bool,
    /// What of that is a table to look at.
    pub view: Option<View>,
    /// Ends the wait for a command.
    pub interrupt: Interrupt,
}

/// Tells a run that it is to stop, though it waits for a command: anything but 0 does. A signal handler may set it.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(pub Arc<AtomicUsize>);

impl Interrupt {
    pub(super) fn set(&self) {
        self.0.store(1, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

/// A table that is kept.
pub struct View {
    /// Where its rows are.
    pub store: StoreId,
    /// The windows that the rows are of.
    pub windows: Option<WindowKind>,
    /// What a stored value becomes for those who look.
    pub(super) value: Option<Selector>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A topic that is read.
pub struct Input {
    /// Where its records go in.
    pub id: InputId,
    /// Its place among the inputs of the plan.
    pub place: usize,
    /// Its name.
    pub topic: TopicName,
    /// What its keys are.
    pub key: Serde,
    /// What its values are.
    pub value: Serde,
    /// When its records are, where that is not what the topic says.
    pub(super) timestamp: Option<TimestampOf>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("id", &self.id)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// A topic that is a global table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// The table.
    pub id: GlobalId,
    /// Its name.
    pub topic: TopicName,
    /// What its keys are.
    pub key: Serde,
}

/// Where results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// Where they come out of the topology.
    pub id: SinkId,
    /// The topic; standard output where there is none.
    pub topic: Option<TopicName>,
    /// What keys are.
    pub key: KeySerde,
    /// What values are.
    pub value: Serde,
    /// The windows that results are of.
    pub windows: Option<WindowKind>,
}

/// Why a definition can't be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A program can't be compiled.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Two things would have one name in programs.
    #[error("${0} would be two things in programs")]
    Clash(String),
    /// More joins than a record may have.
    #[error("{0} joins, at most {max} for each record", max = super::programs::SIDES_MAX)]
    Joins(usize),
    /// A join that keeps the right side of what has none.
    #[error("a stream beside a table has no outer join: the table alone makes no record")]
    OuterJoin,
    /// A global table is found by a program.
    #[error("a global table is joined by a program: which key is looked up")]
    GlobalKey,
    /// A global table is loaded from a topic.
    #[error("a global table is read from a topic, and this table has none: --to gives it one")]
    GlobalWithoutTopic,
    /// Records that stand alone make no table by themselves.
    #[error("a stream is made a table by an aggregate")]
    NoAggregate,
    /// Groups that nothing is made of.
    #[error("groups of rows need an aggregate")]
    GroupsWithoutAggregate,
    /// An aggregate of a table that can't take a value out again.
    #[error(
        "{0} cannot take out what a row had before; of tables there are count, sum, avg and collect"
    )]
    NothingTakenOut(String),
    /// Windows of a table.
    #[error("windows are for streams: the rows of a table have no time of their own")]
    WindowedTable,
    /// Times of a table's rows.
    #[error("the times of a table's rows are those of its topic")]
    TimedTable,
    /// What is final without an end.
    #[error("without a window nothing is ever final")]
    FinalWithoutWindow,
    /// Sessions become one, and with them what was made of them.
    #[error("what two sessions were reduced to cannot be made one; the other aggregates can")]
    ReducedSessions,
    /// A foreign key joins from the left.
    #[error("a join by a foreign key is inner or left: what nobody names has no key")]
    OuterForeignKey,
    /// A task that has one partition, and records that belong together and lie in several.
    #[error(
        "{flag}{} puts together what lies in several partitions, and each is a task of its own",
        of_table(.table.as_ref())
    )]
    Apart {
        /// What says that they belong together.
        flag: &'static str,
        /// The table that says so, where it is a part of another.
        table: Option<TopicName>,
    },
    /// Windows that can't be.
    #[error(transparent)]
    Windows(#[from] InvalidWindows),
}

fn of_table(table: Option<&TopicName>) -> String {
    table.map_or_else(String::new, |table| format!(" of table {table}"))
}

/// Makes a plan of a definition.
///
/// # Errors
/// [`PlanError`].
pub fn plan(definition: &Definition) -> Result<Plan, PlanError> {
    match definition {
        Definition::Stream(stream) => streams::plan(stream),
        Definition::Table(table) => tables::plan(table),
    }
}

/// Refuses names that programs could not tell apart.
fn check_aliases(aliases: &[String]) -> Result<(), PlanError> {
    for (index, alias) in aliases.iter().enumerate() {
        if is_taken(alias) || aliases[..index].contains(alias) {
            return Err(PlanError::Clash(alias.clone()));
        }
    }
    Ok(())
}
