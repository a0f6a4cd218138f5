//! Topics, their configs and what groups have committed of them, in one file.
//!
//! A backup is written beside running writers and a server: it reads, and holds nothing. Of each
//! partition it has what was there when it began, up to the last stable offset: batches as they are,
//! with their offsets, producers and timestamps. It is written and read as a stream; `docs/backup.md`
//! has the form.
//!
//! A restore makes new topics of it, in a directory that nobody else writes to. What it writes is
//! known as the remains of a deletion until the topics' entries stand in the catalog, all of them in
//! one step: stopped before, it leaves no topic, and the next change of topics removes its files.

mod commits;
mod frame;
mod read;
mod restore;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{TopicName, Uuid};

pub use read::BackupContents;
pub use restore::Restoring;
pub use write::BackedUp;

/// What stands at the front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// The version of runnel that wrote it.
    pub runnel: String,
    /// When, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// The topics.
    pub topics: Vec<BackupTopic>,
    /// The jobs, in a backup of everything. Their state is no part of it.
    #[serde(default)]
    pub jobs: Vec<BackupJob>,
}

/// A job in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupJob {
    /// Its name.
    pub name: TopicName,
    /// Its id, which it has again: the commits of its group bear it.
    pub id: Uuid,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// What it is to do.
    pub definition: serde_json::Value,
}

/// A topic in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTopic {
    /// Its name.
    pub name: TopicName,
    /// The id that it had.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
    /// Configs that differ from the defaults.
    pub configs: BTreeMap<String, String>,
}

/// Where a partition begins in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PartitionHead {
    topic: TopicName,
    partition: i32,
    /// The first offset that could be read.
    log_start: i64,
    /// The offset after the last.
    end: i64,
    /// Each leader epoch, and where it began.
    leader_epochs: Vec<(i32, i64)>,
}

/// What a partition was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct PartitionCounts {
    /// How many batches.
    pub batches: u64,
    /// How many records, markers not counted.
    pub records: u64,
    /// Bytes of the batches.
    pub bytes: u64,
}

/// What a group has committed of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Commit {
    group: String,
    topic: TopicName,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
    commit_ms: i64,
    /// -1 where the broker's rules say when it is forgotten.
    expire_ms: i64,
}

/// What stands at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Trailer {
    /// Frames before this one.
    frames: u64,
    /// CRC-32C of their crcs, one after another.
    crc: u32,
}
