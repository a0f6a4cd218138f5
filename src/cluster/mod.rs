//! The one face of "a Kafka" for the rooms above: topics, a producer, readers.
//!
//! Today that is a local directory. Calls are synchronous, and what they give is owned: records
//! come in chunks that keep their bytes alive.

mod committed;
mod group;
mod merge;
mod producer;
mod progress;
mod reader;
mod tail;
mod transaction;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use group::{Behind, Commits, GroupMember};
pub use merge::TimeOrder;
pub use producer::{Acks, Producer, ProducerOptions, SendError, Totals};
pub use reader::{FetchedChunk, ForeignLog, LocatedRecord, PartitionReader, RecordRange};
pub use tail::starts_of_last;
pub use transaction::{Progress, Transaction, TransactionalOffsets};

pub use crate::broker::{
    Access, BackedUp, BackupContents, CommittedOffset, CompactionObserver, CompactionRound, Error,
    GroupKind, Job, JobLease, KeptCoordinator, ListedGroup, MemberNote, NewTopic, OffsetSpec,
    PartitionFacts, Rebalance, Restoring, Result, RetentionRound, Topic, TopicInfo,
};
pub use crate::log::{Compacted, CompactionEnd, Dirtiness, Notice, Retained, RetentionRule};
pub use crate::storage::{Wait, Watcher};

use crate::broker::{Broker, Home};
use crate::clock::SystemClock;
use crate::model::{Offset, TopicName, TopicPartition};
use crate::storage::Storage;

/// A Kafka: a local directory.
#[derive(Debug)]
pub struct Cluster {
    broker: Arc<Broker>,
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
        Ok(Self { broker: Arc::new(Broker::new(home, Arc::new(SystemClock))) })
    }

    /// The engine of a local directory.
    const fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// The tree that it is in, and the path of the log directory there.
    #[must_use]
    pub fn log_directory(&self) -> (&Arc<dyn Storage>, &'static str) {
        self.broker.log_directory()
    }

    /// Writes a backup of topics, all but Kafka's own where none is named. `progress` is told how many
    /// bytes of batches are done, and of how many.
    ///
    /// # Errors
    /// As [`Broker::back_up`] says.
    pub fn back_up(
        &self,
        only: &[TopicName],
        out: &mut dyn Write,
        name: &str,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackedUp> {
        self.broker.back_up(only, out, name, progress)
    }

    /// Makes the topics of a backup, in a directory that this process has alone.
    ///
    /// # Errors
    /// As [`Broker::restore`] says.
    pub fn restore(
        &self,
        input: &mut dyn Read,
        restoring: Restoring<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<BackupContents> {
        self.broker.restore(input, restoring, progress)
    }

    /// The topics by name, those included that only their directories tell of.
    ///
    /// # Errors
    /// As [`Broker::topics`] says.
    pub fn topics(&self) -> Result<BTreeMap<TopicName, Topic>> {
        self.broker.topics()
    }

    /// A topic.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`].
    pub fn topic(&self, name: &TopicName) -> Result<TopicInfo> {
        self.broker.topic(name)
    }

    /// A topic that is going to be written.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`].
    pub fn topic_to_write(&self, name: &TopicName) -> Result<TopicInfo> {
        self.broker.topic_to_write(name)
    }

    /// What there is in each partition of a topic.
    ///
    /// # Errors
    /// As the file system says.
    pub fn describe(&self, topic: &TopicInfo) -> Result<Vec<PartitionFacts>> {
        self.broker.describe(topic)
    }

    /// Makes a topic. It is durable when this returns.
    ///
    /// # Errors
    /// As [`Broker::create_topic`] says.
    pub fn create_topic(&self, new: &NewTopic) -> Result<TopicInfo> {
        self.broker.create_topic(new)
    }

    /// Makes topics, and tells of each what became of it; one change, however many they are.
    ///
    /// # Errors
    /// As [`Broker::create_topics`] says.
    pub fn create_topics(&self, new: &[NewTopic]) -> Result<Vec<Result<TopicInfo>>> {
        self.broker.create_topics(new)
    }

    /// Changes a topic's configs and adds partitions.
    ///
    /// # Errors
    /// As [`Broker::alter_topic`] says.
    pub fn alter_topic(
        &self,
        name: &TopicName,
        partitions: Option<i32>,
        set: &BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<TopicInfo> {
        self.broker.alter_topic(name, partitions, set, unset)
    }

    /// Deletes a topic and all that is in it.
    ///
    /// # Errors
    /// As [`Broker::delete_topic`] says.
    pub fn delete_topic(&self, name: &TopicName) -> Result<()> {
        self.broker.delete_topic(name)
    }

    /// Deletes all records of a partition below an offset, durably; gives the first offset that can
    /// be read then.
    ///
    /// # Errors
    /// As [`Broker::delete_records`] says.
    pub fn delete_records(
        &self,
        topic: &TopicInfo,
        partition: i32,
        before: Offset,
    ) -> Result<Offset> {
        self.broker.delete_records(topic, partition, before)
    }

    /// Refuses topics of which no records are deleted by offset.
    ///
    /// # Errors
    /// As [`Broker::require_deletable`] says.
    pub fn require_deletable(&self, topic: &TopicInfo) -> Result<()> {
        self.broker.require_deletable(topic)
    }

    /// Compacts, or only tells, what is due in each partition; `observer` follows it.
    ///
    /// # Errors
    /// As [`Broker::compaction_round`] says.
    pub fn compaction_round(
        &self,
        round: CompactionRound<'_>,
        observer: &mut dyn CompactionObserver,
    ) -> Result<()> {
        self.broker.compaction_round(round, observer)
    }

    /// Does, or only tells, what retention says in each partition; `each` hears of those where
    /// something is due and of those that failed.
    ///
    /// # Errors
    /// As [`Broker::retention_round`] says.
    pub fn retention_round(
        &self,
        round: RetentionRound<'_>,
        each: &mut dyn FnMut(TopicPartition, Result<Retained>),
    ) -> Result<()> {
        self.broker.retention_round(round, &|| false, each)
    }

    /// The jobs by name: tables and streams.
    ///
    /// # Errors
    /// As [`Broker::jobs`] says.
    pub fn jobs(&self) -> Result<BTreeMap<TopicName, Job>> {
        self.broker.jobs()
    }

    /// A job, if there is one of this name.
    ///
    /// # Errors
    /// As [`Broker::job`] says.
    pub fn job(&self, name: &TopicName) -> Result<Option<Job>> {
        self.broker.job(name)
    }

    /// Makes a job. It is durable when this returns.
    ///
    /// # Errors
    /// As [`Broker::create_job`] says.
    pub fn create_job(&self, name: &TopicName, definition: serde_json::Value) -> Result<Job> {
        self.broker.create_job(name, definition)
    }

    /// Drops a job with its state.
    ///
    /// # Errors
    /// As [`Broker::drop_job`] says.
    pub fn drop_job(&self, name: &TopicName) -> Result<()> {
        self.broker.drop_job(name)
    }

    /// Takes a job for this process.
    ///
    /// # Errors
    /// As [`Broker::lease_job`] says.
    pub fn lease_job(&self, name: &TopicName, job: &Job, wait: Wait) -> Result<JobLease> {
        self.broker.lease_job(name, job, wait)
    }

    /// Ends what is open in a topic of transactions that nobody is left to end: what was decided is carried out.
    ///
    /// # Errors
    /// As the file system says.
    pub fn settle(&self, topic: &TopicInfo) -> Result<()> {
        for partition in 0..topic.partitions {
            let log = self.broker.log(topic, partition)?;
            if log.view().is_ok_and(|view| view.has_open_transactions()) {
                self.broker.open_to_append(&log)?;
            }
        }
        Ok(())
    }

    /// Keeps the coordinator of transactions while this process takes one transactional id after another.
    ///
    /// # Errors
    /// As the file system says.
    pub fn keep_coordinator(&self) -> Result<KeptCoordinator> {
        self.broker.keep_coordinator()
    }

    /// Takes part in a job that several processes share.
    ///
    /// # Errors
    /// As [`Broker::share_job`] says.
    pub fn share_job(&self, name: &TopicName, job: &Job) -> Result<JobLease> {
        self.broker.share_job(name, job)
    }

    /// Takes a task of a job that several processes share; `None` where another one has it.
    ///
    /// # Errors
    /// As [`Broker::lease_task`] says.
    pub fn lease_task(&self, job: &Job, task: u32) -> Result<Option<JobLease>> {
        self.broker.lease_task(job, task)
    }

    /// Where the state of a job is, or of one of its tasks, to write.
    ///
    /// # Errors
    /// As [`Broker::make_job_state`] says.
    pub fn make_job_state(&self, job: &Job, task: Option<u32>) -> Result<Option<PathBuf>> {
        self.broker.make_job_state(job, task)
    }

    /// Where the states of a job's tasks are, to read.
    ///
    /// # Errors
    /// As [`Broker::task_states`] says.
    pub fn task_states(&self, job: &Job) -> Result<Vec<PathBuf>> {
        self.broker.task_states(job)
    }

    /// Where a job's state is, to read; `None` where there is none yet.
    ///
    /// # Errors
    /// As [`Broker::job_state`] says.
    pub fn job_state(&self, job: &Job) -> Result<Option<PathBuf>> {
        self.broker.job_state(job)
    }

    /// Removes a job's state, which is made again.
    ///
    /// # Errors
    /// As [`Broker::forget_job_state`] says.
    pub fn forget_job_state(&self, job: &Job) -> Result<()> {
        self.broker.forget_job_state(job)
    }

    /// Tells of appends by any process; `None` where the caller must poll.
    #[must_use]
    pub fn watch(&self) -> Option<Watcher> {
        self.broker.watch()
    }

    /// What a person should hear of since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.broker.take_notices()
    }
}
