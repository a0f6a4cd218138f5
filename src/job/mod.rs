//! Jobs: streams and tables over topics. What the commands `stream` and `table` define, this room runs.
//!
//! ```text
//!   Definition ──plan──▶ Plan: parts, each a topology with its topics        part 0 ─▶ (repartition topic) ─▶ part 1
//!                          │
//!                          └──run──▶ a task for each part and partition; a worker thread has several
//!                                     topics ─▶ Task ─▶ topics, changelog, state
//! ```
//!
//! A [`Definition`] is what was asked for; it is kept in the catalog. A plan makes topologies of it.

mod definition;
mod exec;
pub mod plan;
mod programs;
pub mod run;
mod state;
pub mod view;

pub use definition::{
    Aggregate, Branch, Definition, Emit, Function, Header, JoinKind, KeySerde, Serdes, Source,
    StreamDefinition, StreamJoin, TableDefinition, TableJoin, Window, WindowKind,
};
pub use programs::{ScriptError, alias_of};
