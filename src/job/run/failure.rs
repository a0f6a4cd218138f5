//! What fails: a record, which may be left out, or the run.

use std::io;
use std::path::PathBuf;

use super::feed::Stored;
use crate::cluster::{self, Cluster, NewTopic, SendError, TopicInfo};
use crate::job::plan::Input;
use crate::model::{TopicName, TopicPartition};
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
    /// A record failed, and the task has to go back to its last commit.
    #[error("cannot process {at} offset {offset}: {why}")]
    Again {
        /// The place of its input.
        input: usize,
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
    /// There is no room for results that wait.
    #[error("cannot use a file in {}: {source}", .0.display(), source = .1)]
    Scratch(PathBuf, #[source] io::Error),
    /// The state of a job is no state.
    #[error(transparent)]
    Damaged(storage::Error),
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
    /// What was kept to be sent makes no sense.
    #[error("the state holds results that cannot be read")]
    Outbox,
    /// Topics of which a task has one partition each have different numbers of them.
    #[error(
        "{} has {} and {} {}: where each is a task, they must have as many",
        .one.0, counted(.one.1), .other.0, .other.1
    )]
    PartitionCounts {
        /// A topic, and its number of partitions.
        one: (TopicName, i32),
        /// Another.
        other: (TopicName, i32),
    },
    /// A topic has another number of partitions than when the job began: its keys are elsewhere, and what is kept of them is not.
    #[error("{topic} has {} and had {was}: what was counted of its keys is in other tasks", counted(*now))]
    PartitionsChanged {
        /// The topic.
        topic: TopicName,
        /// How many it had.
        was: i32,
        /// How many it has.
        now: i32,
    },
    /// The system gives no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    /// A program was interrupted, and the run is to stop.
    #[error("the run was interrupted")]
    Interrupted,
    /// Nobody takes printed results.
    #[error("nobody takes the results")]
    Closed,
}

fn counted(partitions: i32) -> String {
    format!("{partitions} partition{}", if partitions == 1 { "" } else { "s" })
}

/// A record that failed since the last commit.
#[derive(Debug)]
pub(super) struct LeftOut {
    pub(super) why: String,
    is_told: bool,
}

impl LeftOut {
    pub(super) fn new(why: &str) -> Self {
        Self { why: why.to_owned(), is_told: false }
    }
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
        (stream::Error::HeldBack(_), Some(Refused::Record(why))) => Err(RunError::HeldBack(why)),
        (_, Some(Refused::Record(why))) => Ok(why),
        (_, Some(Refused::Failed(error))) => Err(error.into()),
        (_, Some(Refused::Closed)) => Err(RunError::Closed),
        (error @ stream::Error::HeldBack(_), None) => Err(RunError::HeldBack(error.to_string())),
        (stream::Error::Interrupted, None) => Err(RunError::Interrupted),
        (error @ stream::Error::Program(_), None) => Ok(error.to_string()),
        (error, None) => Err(error.into()),
    }
}

impl super::Run<'_> {
    /// Tells what failed while no record was in hand; the end of the run, unless nobody reads any more.
    pub(super) fn failed_without_record(
        &mut self,
        error: stream::Error,
        refused: Option<Refused>,
    ) -> Result<(), RunError> {
        match whose(error, refused) {
            Ok(why) => Err(RunError::HeldBack(why)),
            Err(RunError::Closed) => {
                self.close();
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Leaves a record out that failed, in the way that was asked for.
    pub(super) fn leave_out(
        &mut self,
        input: &Input,
        stored: &Stored<'_>,
        why: &str,
    ) -> Result<(), RunError> {
        let at = TopicPartition::new(input.topic.clone(), stored.partition);
        match &self.options.on_error {
            OnError::Fail => {
                return Err(RunError::Record { at, offset: stored.offset, why: why.to_owned() });
            }
            OnError::Skip => {}
            OnError::DeadLetter(topic) => self.bury(topic, stored, &at, why)?,
        }
        if !self.output.is_discarding {
            self.summary.failed += 1;
            self.tell_failed(input, stored, &at, why);
        }
        self.note_taken(input, stored);
        Ok(())
    }

    /// Tells of a record that failed, once, however often the task goes back.
    fn tell_failed(&mut self, input: &Input, stored: &Stored<'_>, at: &TopicPartition, why: &str) {
        if self.kept.is_none() {
            return self.front.failed(at, stored.offset, why);
        }
        let place = (input.place, stored.partition, stored.offset);
        let failed = self.since.left_out.entry(place).or_insert_with(|| LeftOut::new(why));
        if !failed.is_told {
            failed.is_told = true;
            self.front.failed(at, stored.offset, why);
        }
    }

    /// Sends a record as it is stored to the topic of those that failed, with headers that say why.
    fn bury(
        &mut self,
        topic: &TopicName,
        stored: &Stored<'_>,
        at: &TopicPartition,
        why: &str,
    ) -> Result<(), RunError> {
        let mut headers = stored.headers.0.to_vec();
        let (partition, offset) = (at.partition.to_string(), stored.offset.to_string());
        for (name, value) in [
            ("runnel.error", why),
            ("runnel.topic", &at.topic),
            ("runnel.partition", &partition),
            ("runnel.offset", &offset),
        ] {
            write_header(&mut headers, name.as_bytes(), Some(value.as_bytes()));
        }
        let record = Record {
            offset: 0,
            timestamp: stored.timestamp,
            key: stored.key,
            value: stored.value,
            headers: Headers::from_encoded(&headers).unwrap_or_default(),
        };
        match self.output.put(topic, &record, &headers, self.now_ms) {
            Ok(()) => Ok(()),
            Err(SendError::Failed(error)) => Err(error.into()),
            Err(error) => Err(RunError::Record {
                at: at.clone(),
                offset: stored.offset,
                why: format!("{why}; and the dead-letter topic does not take it: {error}"),
            }),
        }
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
