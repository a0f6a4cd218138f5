//! What the engine says no to.

use crate::log::{self, PartitionLog};
use crate::model::{ConfigError, InvalidTopicName, TopicName, TopicPartition};
use crate::protocol::ErrorCode;
use crate::storage;

/// What an operation of the engine gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation of the engine did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A partition's log said no.
    #[error("cannot {action} {partition}: {source}")]
    Log {
        /// What was tried, as a verb.
        action: &'static str,
        /// Which log.
        partition: TopicPartition,
        /// Why it failed.
        source: log::Error,
    },
    /// There is no such topic.
    #[error("no topic named {0}")]
    NoSuchTopic(TopicName),
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}: it has {}", all_of(*.partitions))]
    NoSuchPartition {
        /// The topic.
        topic: TopicName,
        /// What was asked for.
        partition: i32,
        /// How many it has.
        partitions: i32,
    },
    /// The name is taken.
    #[error("topic {0} exists already")]
    TopicExists(TopicName),
    /// The name is that of a table or a stream.
    #[error("{0} is there already: a table or a stream")]
    JobExists(TopicName),
    /// There is no such table or stream.
    #[error("no table or stream named {0}")]
    NoSuchJob(TopicName),
    /// Another process is at it.
    #[error("{0} is being updated by another process")]
    JobRuns(TopicName),
    /// The name would be one with another's in metrics. Source: Kafka's `Topic.hasCollision`.
    #[error("topic {name} collides with {other}: '.' and '_' count as the same")]
    Collides {
        /// The new name.
        name: TopicName,
        /// The name that is there.
        other: TopicName,
    },
    /// No name for a topic.
    #[error(transparent)]
    InvalidName(#[from] InvalidTopicName),
    /// A config key or value that Kafka does not have.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A number of partitions that can't be.
    #[error("{0}")]
    Partitions(String),
    /// A server has the directory.
    #[error("{directory} is being served by another process{}", holder_suffix(.holder))]
    Served {
        /// The directory.
        directory: String,
        /// Which process, if it said so.
        holder: Option<String>,
    },
    /// Commands write to a directory that a server wanted for itself.
    #[error("{directory} is being written{}", holders_suffix(.holders))]
    Written {
        /// The directory.
        directory: String,
        /// Which processes, those that said so.
        holders: Vec<String>,
    },
    /// A Kafka broker has the log directory.
    #[error("{directory} is in use by a Kafka broker, which holds its lock file")]
    KafkaRunning {
        /// The log directory.
        directory: String,
    },
    /// The directory is open to read only.
    #[error("{0} is open to read only")]
    ReadOnly(String),
    /// Others than its owner own the directory or may write there.
    #[error("{directory} {reason}")]
    Unsafe {
        /// The directory.
        directory: String,
        /// What is unsafe about it.
        reason: &'static str,
    },
    /// There is no such directory.
    #[error("no directory {0}")]
    NoDirectory(String),
    /// A path that was to be a log and is none.
    #[error("{0} is neither a partition directory nor a segment's .log file")]
    NotALog(String),
    /// A member of a group, another command, reads what was to be changed.
    #[error("group {group} is in use: {}", in_use(.partition))]
    InUse {
        /// The group.
        group: String,
        /// The partition that a member owns; `None` if it matters that there is any member.
        partition: Option<TopicPartition>,
    },
    /// What went wrong while a coordinator worked, in a sentence.
    #[error("{0}")]
    Coordinator(String),
    /// A transaction that can't begin, go on or end.
    #[error("transactional id {id}: {}", refusal(*.cause))]
    Transaction {
        /// The transactional id.
        id: String,
        /// What its coordinator says.
        cause: ErrorCode,
    },
    /// A topic that keeps all records of a key.
    #[error("topic {0} is not compacted: its cleanup.policy does not say compact")]
    NotCompacted(TopicName),
    /// A topic of which records are not deleted by offset.
    #[error("records of topic {topic} are not deleted by offset: {why}")]
    KeepsRecords {
        /// The topic.
        topic: TopicName,
        /// Why not.
        why: &'static str,
    },
    /// A backup that is none, or damaged.
    #[error("backup {path} is damaged at position {position}: {cause}")]
    Backup {
        /// The file.
        path: String,
        /// Where in it.
        position: u64,
        /// What is wrong.
        cause: String,
    },
    /// A file of runnel's own that can't be read.
    #[error("{path} is damaged: {cause}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
}

fn all_of(partitions: i32) -> String {
    match partitions {
        1 => "only partition 0".to_owned(),
        _ => format!("partitions 0 to {}", partitions - 1),
    }
}

fn in_use(partition: &Option<TopicPartition>) -> String {
    partition.as_ref().map_or_else(
        || "it has members".to_owned(),
        |partition| format!("a member reads {partition}"),
    )
}

fn refusal(cause: ErrorCode) -> String {
    match cause {
        ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch => {
            "another producer has begun with it".to_owned()
        }
        ErrorCode::InvalidRequest => "it must have 1 to 32767 bytes".to_owned(),
        cause => format!("its coordinator says {cause}"),
    }
}

fn holder_suffix(holder: &Option<String>) -> String {
    holder.as_ref().map(|holder| format!(" ({holder})")).unwrap_or_default()
}

fn holders_suffix(holders: &[String]) -> String {
    match holders {
        [] => String::new(),
        holders => format!(" ({})", holders.join(", ")),
    }
}

impl Error {
    pub(super) fn of_log(action: &'static str, log: &PartitionLog, source: log::Error) -> Self {
        Self::Log { action, partition: log.partition().clone(), source }
    }

    /// Whether this is damage found in a log.
    #[must_use]
    pub const fn is_corruption(&self) -> bool {
        matches!(
            self,
            Self::Log { source: log::Error::Corrupt(_), .. }
                | Self::Backup { .. }
                | Self::Damaged { .. }
        )
    }

    /// Whether this tells of a partition that was deleted meanwhile.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self, Self::Log { source: log::Error::Gone, .. })
    }

    /// The storage error at the root of this one, if that is what it comes from.
    #[must_use]
    pub const fn storage(&self) -> Option<&storage::Error> {
        match self {
            Self::Storage(error) | Self::Log { source: log::Error::Storage(error), .. } => {
                Some(error)
            }
            _ => None,
        }
    }
}
