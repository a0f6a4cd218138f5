//! What a job is to do, as it was asked for. The catalog keeps it as JSON; a job that was changed has another definition.
//!
//! Programs are jq, as they were written. Names of topics and tables are resolved when a definition is made: a table that
//! another one is made of is in it.

use ::serde::{Deserialize, Serialize};

use crate::model::TopicName;
use crate::serde::Serde;

/// What a job is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Definition {
    /// Records in, records out.
    Stream(StreamDefinition),
    /// A view that lasts.
    Table(TableDefinition),
}

/// A stream: topics, what is done with each record, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StreamDefinition {
    /// The topics that are read, as one stream.
    pub topics: Vec<TopicName>,
    /// Timestamps of the records that are read, in milliseconds.
    pub timestamp: Option<String>,
    /// Tables beside which each record is put, one after the other.
    pub joins: Vec<TableJoin>,
    /// The stream beside which it is put, before the tables.
    pub stream_join: Option<StreamJoin>,
    /// What becomes of a record: none, one or several values.
    pub program: Option<String>,
    /// The key of each result: of what the program made, the old key is `$key`.
    pub key: Option<String>,
    /// Headers that each result gets.
    pub headers: Vec<Header>,
    /// A command that is given each result as a line, and gives one back.
    pub exec: Option<String>,
    /// The results that a condition holds of go to a topic of their own; the first that holds counts.
    pub branches: Vec<Branch>,
    /// Where results go that no branch took; standard output if there is neither this nor a branch.
    pub to: Option<TopicName>,
    /// What keys and values are.
    pub serdes: Serdes,
    /// Whether each partition is a task of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_partition: bool,
}

/// A header of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value, of the result.
    pub value: String,
}

/// Results that go to a topic of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Which ones.
    pub wanted: String,
    /// Where to.
    pub to: TopicName,
}

/// Which sides of a join come out without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinKind {
    /// None.
    Inner,
    /// The left one.
    Left,
    /// Both.
    Outer,
}

/// A table beside a stream or another table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TableJoin {
    /// The table.
    pub table: Source,
    /// The variable that programs have it as, without the `$`.
    pub alias: String,
    /// Whether each task sees the whole table.
    pub global: bool,
    /// The key to look up; of two tables, a foreign key. The record's own key where there is none.
    pub on: Option<String>,
    /// What comes out without a match.
    pub kind: JoinKind,
}

/// A stream beside another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StreamJoin {
    /// The other topic.
    pub topic: TopicName,
    /// The variable that programs have its value as, without the `$`.
    pub alias: String,
    /// How far apart timestamps may be, in milliseconds, inclusive.
    pub within_ms: i64,
    /// How much later a record may come, in milliseconds.
    pub grace_ms: i64,
    /// What comes out without a match.
    pub kind: JoinKind,
}

/// Where rows or records come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A topic whose records stand alone.
    Stream(TopicName),
    /// A topic as a table: the latest of each key.
    Latest(TopicName),
    /// A table that has a name and no topic: it is made again as a part of what is made of it.
    Table {
        /// Its name.
        name: TopicName,
        /// What it is.
        definition: Box<TableDefinition>,
    },
}

/// A table: what it is made of, and how. In this order: timestamp, join, condition, value, group, aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TableDefinition {
    /// Where it comes from.
    pub from: Source,
    /// Timestamps of the records that are read, in milliseconds.
    pub timestamp: Option<String>,
    /// The table beside it.
    pub join: Option<TableJoin>,
    /// Which records or rows count.
    pub wanted: Option<String>,
    /// The value of each.
    pub value: Option<String>,
    /// The group of each; its key where there is none.
    pub by: Option<String>,
    /// What is made of each group; nothing where the latest of each key is the table.
    pub aggregates: Vec<Aggregate>,
    /// How time is cut.
    pub window: Option<Window>,
    /// When changes come out.
    pub emit: Emit,
    /// The topic that changes go to.
    pub to: Option<TopicName>,
    /// What keys and values are.
    pub serdes: Serdes,
    /// How often changes come out, in milliseconds; 0 for each one.
    pub commit_interval_ms: Option<u64>,
    /// Bytes of changes that may wait until then.
    pub cache_max_bytes: Option<u64>,
    /// Whether each partition is a task of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_partition: bool,
}

/// One of a table's aggregates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregate {
    /// What it is called where there are several.
    pub name: String,
    /// What it is.
    pub function: Function,
}

/// An aggregate; the program gives what is aggregated of each record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Function {
    /// How many.
    Count,
    /// Their sum.
    Sum(String),
    /// The least, in jq's order.
    Min(String),
    /// The greatest, in jq's order.
    Max(String),
    /// Their mean.
    Avg(String),
    /// The first that was taken.
    First(String),
    /// The last that was taken.
    Last(String),
    /// All of them, as an array.
    Collect(String),
    /// Whatever a program makes of what there was, `.`, and the value, `$value`.
    Reduce {
        /// What there is at first.
        init: String,
        /// What becomes of it.
        update: String,
    },
}

/// How time is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Window {
    /// Into which windows.
    pub kind: WindowKind,
    /// How much later a record may come, in milliseconds.
    pub grace_ms: i64,
}

/// A kind of windows. Sizes are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WindowKind {
    /// One after the other.
    Tumbling {
        /// How long each is.
        size_ms: i64,
    },
    /// One every so often.
    Hopping {
        /// How long each is.
        size_ms: i64,
        /// From one's start to the next one's.
        advance_ms: i64,
    },
    /// Around the records.
    Sliding {
        /// How far apart records may be.
        difference_ms: i64,
    },
    /// As long as there is no gap.
    Session {
        /// How long a gap ends it.
        gap_ms: i64,
    },
}

impl WindowKind {
    /// Whether the end of a window belongs to it.
    #[must_use]
    pub const fn includes_end(self) -> bool {
        matches!(self, Self::Sliding { .. } | Self::Session { .. })
    }
}

/// When a table's changes come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emit {
    /// As they come.
    Change,
    /// Once a window is closed.
    Final,
    /// What has changed, by the clock on the wall, every so many milliseconds.
    Every(u64),
}

/// What keys and values are, read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Serdes {
    /// Keys that are read.
    pub key_in: Serde,
    /// Keys that are written.
    pub key_out: KeySerde,
    /// Values that are read.
    pub value_in: Serde,
    /// Values that are written.
    pub value_out: Serde,
}

impl Default for Serdes {
    fn default() -> Self {
        let bytes = Serde::Bytes;
        Self { key_in: bytes, key_out: KeySerde::Plain(bytes), value_in: bytes, value_out: bytes }
    }
}

/// What keys are that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySerde {
    /// As this says; with a window, a JSON object of key, start and end.
    Plain(Serde),
    /// With a window, Kafka's bytes of it: those of the key, then start (and of sessions the end before it).
    Windowed,
}
