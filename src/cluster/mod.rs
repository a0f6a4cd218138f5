//! The one face of "a Kafka" for the rooms above: topics, a producer, readers.
//!
//! Today that is a local directory. Calls are synchronous, and what they give is owned: records
//! come in chunks that keep their bytes alive.

mod merge;
mod producer;
mod reader;
mod tail;

use std::path::Path;
use std::sync::Arc;

pub use merge::TimeOrder;
pub use producer::{Acks, Producer, ProducerOptions, SendError, Totals};
pub use reader::{FetchedChunk, ForeignLog, LocatedRecord, PartitionReader, RecordRange};
pub use tail::starts_of_last;

pub use crate::broker::{
    Access, Error, NewTopic, OffsetSpec, PartitionFacts, Result, Topic, TopicInfo,
};
pub use crate::log::Notice;
pub use crate::storage::Watcher;

use crate::broker::{Broker, Home};
use crate::clock::{Clock, SystemClock};

/// A Kafka: a local directory.
#[derive(Debug)]
pub struct Cluster {
    broker: Broker,
}

/// How a directory is opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions<'a> {
    /// To read, or to write.
    pub access: Access,
    /// Whether a directory that others own or may write is taken all the same.
    pub trusted: bool,
    /// The command line, for those who ask who is using the directory.
    pub command: &'a str,
}

impl Cluster {
    /// Opens a local directory.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::Unsafe`], [`Error::Served`], [`Error::KafkaRunning`].
    pub fn open_directory(path: &Path, options: OpenOptions<'_>) -> Result<Self> {
        let home = Home::open_path(path, options.access, options.trusted, options.command)?;
        Ok(Self { broker: Broker::new(home, Arc::new(SystemClock)) })
    }

    /// The engine of a local directory.
    #[must_use]
    pub const fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Where "now" comes from.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.broker.clock()
    }
}
