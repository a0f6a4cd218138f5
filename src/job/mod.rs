//! Jobs: streams and tables over topics. What the commands `stream` and `table` define, this room runs.
//!
//! ```text
//!   Definition ──plan──▶ Plan: a topology, and its topics
//!                          │
//!                          └──run──▶  topics ──▶ Task ──▶ outbox ──▶ topics, in a transaction with the group's offsets
//!                                                 │          │
//!                                                 └── state ─┘  one commit, and the offsets in it
//! ```
//!
//! A [`Definition`] is what was asked for; it is kept in the catalog. A plan makes a topology of it.

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
