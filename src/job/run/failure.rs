//! What fails: a record, which may be left out, or the run.

use super::feed::Stored;
use crate::cluster::{
    self, Acks, Cluster, NewTopic, Producer, ProducerOptions, SendError, TopicInfo,
};
use crate::model::{Compression, TopicName, TopicPartition};
use crate::record::{Headers, Record, write_header};
use crate::serde::SerdeError;
use crate::{storage, stream};

/// What becomes of records that fail: a program fails on them, they can't be decoded, a topic does not take what they give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnError {
    /// The run ends.
    Fail,
    /// They are left out.
    Skip,
    /// They are left out, and go to a topic as they are, with headers that say why.
    DeadLetter(TopicName),
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A topic can't be read or written.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The task can't go on.
    #[error(transparent)]
    Stream(#[from] stream::Error),
    /// A record failed.
    #[error("cannot process {at} offset {offset}: {why}")]
    Record {
        /// Where it is.
        at: TopicPartition,
        /// Its offset.
        offset: i64,
        /// What is wrong with it.
        why: String,
    },
    /// Something failed that no record caused.
    #[error("cannot put out what was held back: {0}")]
    HeldBack(String),
    /// The state of a job can't be opened or written.
    #[error(transparent)]
    State(storage::Error),
    /// The state of a job has no offsets that make sense.
    #[error("the state of {0} says nothing of how far it is")]
    Notes(TopicName),
    /// A job's state has no place in this kind of directory.
    #[error("there is no place for the state of {0}")]
    NoState(TopicName),
    /// An input is another topic than it was.
    #[error("topic {0} was made anew since; what is kept is of the one before")]
    AnotherTopic(TopicName),
    /// Records that were taken in are not there any more, and others are in their place.
    #[error("{0} was cut by a crash of the machine below what was taken in")]
    CutInput(TopicPartition),
    /// Nobody takes printed results.
    #[error("nobody takes the results")]
    Closed,
}

/// A key or value that its serde does not take.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {error}")]
pub(super) struct Undecodable {
    pub(super) what: &'static str,
    pub(super) error: SerdeError,
}

/// Why a result was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// The topic does not take this one.
    Record(String),
    /// Nothing can be sent any more.
    Failed(cluster::Error),
    /// Nobody reads any more.
    Closed,
}

/// Whether a record is what failed, and why; else what ends the run.
pub(super) fn whose(error: stream::Error, refused: Option<Refused>) -> Result<String, RunError> {
    match (error, refused) {
        (_, Some(Refused::Record(why))) => Ok(why),
        (_, Some(Refused::Failed(error))) => Err(error.into()),
        (_, Some(Refused::Closed)) => Err(RunError::Closed),
        (error @ stream::Error::Program(_), None) => Ok(error.to_string()),
        (error, None) => Err(error.into()),
    }
}

impl super::Run<'_> {
    /// Takes note of what failed while no record was in hand.
    pub(super) fn failed_without_record(
        &mut self,
        error: stream::Error,
        refused: Option<Refused>,
    ) -> Result<(), RunError> {
        match whose(error, refused) {
            Ok(why) => Err(RunError::HeldBack(why)),
            Err(RunError::Closed) => {
                self.is_stopped = true;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The topic that failed records go to.
#[derive(Debug)]
pub(super) struct DeadLetters<'c> {
    producer: Producer<'c>,
    headers: Vec<u8>,
}

impl<'c> DeadLetters<'c> {
    pub(super) fn open(
        cluster: &'c Cluster,
        on_error: &OnError,
    ) -> Result<Option<Self>, cluster::Error> {
        let OnError::DeadLetter(name) = on_error else { return Ok(None) };
        let options = ProducerOptions { compression: Compression::None, acks: Acks::All };
        let producer = cluster.producer(find_or_create(cluster, name)?, options);
        Ok(Some(Self { producer, headers: Vec::new() }))
    }

    /// Sends a record as it is stored, with headers that say why.
    pub(super) fn send(
        &mut self,
        stored: &Stored<'_>,
        at: &TopicPartition,
        why: &str,
        now_ms: i64,
    ) -> Result<(), RunError> {
        self.headers.clear();
        self.headers.extend_from_slice(stored.headers.0);
        let (partition, offset) = (at.partition.to_string(), stored.offset.to_string());
        for (name, value) in [
            ("runnel.error", why),
            ("runnel.topic", &at.topic),
            ("runnel.partition", &partition),
            ("runnel.offset", &offset),
        ] {
            write_header(&mut self.headers, name.as_bytes(), Some(value.as_bytes()));
        }
        let record = Record {
            offset: 0,
            timestamp: stored.timestamp,
            key: stored.key,
            value: stored.value,
            headers: Headers::from_encoded(&self.headers).unwrap_or_default(),
        };
        match self.producer.send(&record, None, now_ms) {
            Ok(()) => Ok(()),
            Err(SendError::Failed(error)) => Err(error.into()),
            Err(error) => Err(RunError::Record {
                at: at.clone(),
                offset: stored.offset,
                why: format!("{why}; and the dead-letter topic does not take it: {error}"),
            }),
        }
    }

    /// Makes all of it durable.
    pub(super) fn finish(&mut self) -> Result<(), cluster::Error> {
        self.producer.finish()
    }
}

/// A topic to write, made with one partition if it is not there. Another process may make it at the same time.
pub(super) fn find_or_create(
    cluster: &Cluster,
    name: &TopicName,
) -> Result<TopicInfo, cluster::Error> {
    match cluster.topic_to_write(name) {
        Err(cluster::Error::NoSuchTopic(_)) => {}
        found => return found,
    }
    let new =
        NewTopic { name: name.clone(), partitions: 1, configs: std::collections::BTreeMap::new() };
    match cluster.create_topic(&new) {
        Err(cluster::Error::TopicExists(_)) => cluster.topic_to_write(name),
        created => created,
    }
}
