//! Streams and tables: topologies over records, as a pure engine. It reads no topic, no file and no clock.
//!
//! ```text
//!   TopologyBuilder ──build──▶ Topology        what is done: operators, who follows whom, stores; shared by all tasks
//!                                 │
//!   partition 0 of each input ─▶ Task 0 ─▶ results, changelog        one task for each partition
//!   partition 1 of each input ─▶ Task 1 ─▶ results, changelog
//!                                 │
//!                       ┌─────────┴──────────┐
//!                   operators             stores                     a task's own state: ordered maps of bytes
//!             filter, map, join, …     caches in front
//! ```
//!
//! * A **record** goes from operator to operator as a borrow, depth first: when [`Task::process`] returns, all that it
//!   causes has happened. Between streams records stand alone; behind a table's operator they are changes, which know what
//!   they replace.
//! * An **operator** holds programs and settings and never changes. What changes is the task's: rows in stores, and for each
//!   operator a clock, which counts the timestamps that it sees. **Programs** are closures; the engine knows no language.
//! * A **store** is a map of bytes to bytes, ordered, behind [`State`]; the bytes are the subject of `encoding`. A table's store
//!   may have a write-back **cache**: it forwards the latest change of a key at a commit, or when it is full.
//! * **Results** and **changelog** rows go to an [`Output`]. What was put out since the last commit, the offsets of what was
//!   taken in and the state become durable as one: that is for whoever runs the task. [`Task::restore`] makes a state
//!   again of its changelog.
//!
//! What holds: the same records in the same order give the same results. Memory is bounded by the state, the caches, and the
//! largest group that one record touches. A window's rows are kept until it is closed and its retention over, and go then,
//! found by time. An error leaves a task unusable, never the state of its last commit.
//!
//! Source: Kafka Streams 4.3, whose own results are the judge in `tests/streams`.

mod builder;
mod cache;
mod change;
mod encoding;
mod error;
mod globals;
mod inputs;
mod operators;
mod output;
mod program;
mod record;
mod rows;
mod scans;
mod scope;
mod state;
mod stores;
mod task;
mod topology;
mod view;
mod windows;

pub use builder::{Grouped, Stream, Table, TopologyBuilder, Windowed};
pub use change::{decode_change, encode_change};
pub use error::{Cause, Error, Result};
pub use globals::GlobalTables;
pub use inputs::Inputs;
pub use operators::{EmitStrategy, JoinKind, JoinWindows};
pub use output::{ChangelogRow, Output};
pub use program::{Aggregator, Emit, Joiner, Mapper, Predicate, Selector, Sides, Value};
pub use record::{Headers, Origin, Record, Window};
pub use scope::Counts;
pub use state::{EachRow, MemoryState, State, StoreId};
pub use task::{Outside, Task};
pub use topology::{GlobalId, InputId, SinkId, Topology};
pub use view::{Keys, read_rows};
pub use windows::{HOPS_MAX, InvalidWindows, Windows};
