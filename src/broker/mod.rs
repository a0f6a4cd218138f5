//! The engine without a network: the directory, its catalog of topics, and a log for each
//! partition. The same for one command and for the server.
//!
//! Nothing in here waits for anything but the locks of other processes, each held for one append
//! or one change of the catalog; time is passed in by a [`Clock`].
//!
//! Locks, in the order in which they are taken: owner, catalog, partition, checkpoints.

mod alter;
mod backup;
mod catalog;
mod close;
mod compact;
mod create;
mod delete;
mod describe;
mod durable;
mod error;
mod failures;
mod gate;
mod groups;
mod holders;
mod home;
mod index;
mod internal;
mod jobs;
mod membership;
mod meta;
mod offsets;
mod produce;
mod producer_ids;
mod reserve;
mod retain;
mod settings;
mod topics;
mod transactions;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use alter::{ConfigChange, ConfigOwner, KeyChange};
pub use backup::{
    BackedUp, BackupContents, BackupHead, BackupJob, BackupTopic, PartitionCounts, Restoring,
};
pub use catalog::Topic;
pub use compact::{CompactionObserver, CompactionRound};
pub use create::NewTopic;
pub use delete::Deletions;
pub use describe::PartitionFacts;
pub use durable::{GroupCommit, WhenDurable};
pub use error::{Error, Result};
pub use groups::{
    Client, CommittedOffset, GroupKind, GroupOffsets, Groups, ListedGroup, Now, Reply, Waker,
    list_groups,
};
pub use home::{Access, Home};
pub use internal::InternalTopic;
pub use jobs::{Job, JobLease};
pub use membership::{MemberNote, Membership, Owners, Rebalance, Unused};
pub use meta::MetaProperties;
pub use offsets::{OffsetSpec, resolve};
pub use produce::{ProduceError, Produced};
pub use retain::RetentionRound;
pub use topics::TopicInfo;
pub use transactions::{
    KeptCoordinator, Lease, Partitions, ProducerIdAndEpoch, Sender, TransactionalId, Transactions,
};

use crate::clock::Clock;
use crate::log::checkpoint::Deferred;
use crate::log::{Appended, Notice, Owned, PartitionLog, Place};
use crate::model::{TimestampType, TopicPartition, Uuid};
use crate::record;
use crate::storage::{Storage, Watcher};
use catalog::CatalogFile;

/// An open directory.
#[derive(Debug)]
pub struct Broker {
    home: Home,
    catalog: CatalogFile,
    clock: Arc<dyn Clock>,
    logs: Mutex<HashMap<TopicPartition, Opened>>,
    index: index::TopicIndex,
    static_configs: BTreeMap<String, String>,
    producer_ids: producer_ids::ProducerIds,
    recovery_points: Arc<Deferred>,
    uncleanable: compact::Uncleanable,
    /// The coordinator of this process's own transactions, while it has any.
    coordinator: Mutex<Weak<Transactions>>,
}

/// A log, and the id of the topic that it was opened for.
#[derive(Debug, Clone)]
struct Opened {
    topic: Uuid,
    log: Arc<PartitionLog>,
}

impl Broker {
    /// Where what is cut off logs is kept, by the tree's root.
    pub const CUT_DIR: &str = home::CUT_DIR;

    /// The engine over a directory.
    #[must_use]
    pub fn new(home: Home, clock: Arc<dyn Clock>) -> Self {
        Self {
            home,
            catalog: CatalogFile::default(),
            clock,
            logs: Mutex::default(),
            index: index::TopicIndex::default(),
            static_configs: BTreeMap::new(),
            producer_ids: producer_ids::ProducerIds::default(),
            recovery_points: Arc::default(),
            uncleanable: compact::Uncleanable::default(),
            coordinator: Mutex::default(),
        }
    }

    /// The directory.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// The tree, and the path of the log directory in it.
    #[must_use]
    pub fn log_directory(&self) -> (&Arc<dyn Storage>, &'static str) {
        (self.home.storage(), home::LOG_DIR)
    }

    /// The absolute path of the log directory.
    #[must_use]
    pub fn log_dir(&self) -> String {
        let path = self.storage().display(home::LOG_DIR);
        std::path::absolute(&path).map_or(path, |absolute| absolute.display().to_string())
    }

    /// Where "now" comes from.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The same, to be kept.
    #[must_use]
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn storage(&self) -> &dyn Storage {
        &**self.home.storage()
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<TopicPartition, Opened>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The logs that were used.
    #[must_use]
    pub fn open_logs(&self) -> Vec<Arc<PartitionLog>> {
        self.logs().values().map(|opened| Arc::clone(&opened.log)).collect()
    }

    /// The log of a partition.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`], [`Error::NoSuchPartition`].
    pub fn log(&self, topic: &TopicInfo, partition: i32) -> Result<Arc<PartitionLog>> {
        topic.require_partition(partition)?;
        let tp = TopicPartition::new(topic.name.clone(), partition);
        let mut logs = self.logs();
        if let Some(opened) = logs.get(&tp)
            && opened.topic == topic.id
        {
            return Ok(Arc::clone(&opened.log));
        }
        let log =
            Arc::new(PartitionLog::new(self.place(topic, tp.clone()), Arc::clone(&topic.config)));
        logs.insert(tp, Opened { topic: topic.id, log: Arc::clone(&log) });
        drop(logs);
        // Its configs may have been changed since the caller found the topic.
        if let Ok(Some(now)) = self.topic_named(&topic.name)
            && now.id == topic.id
        {
            log.set_config(Arc::clone(&now.config));
        }
        Ok(log)
    }

    /// Where a partition's files are.
    fn place(&self, topic: &TopicInfo, partition: TopicPartition) -> Place {
        let control = home::control_file(topic.id, partition.partition);
        let owned = self.home.locks().map(|locks| Owned {
            locks: Arc::clone(locks),
            partition_lock: home::partition_lock(topic.id, partition.partition),
            compaction_lock: home::compaction_lock(topic.id, partition.partition),
            checkpoint_lock: home::CHECKPOINT_LOCK,
            cut_dir: home::CUT_DIR.to_owned(),
            exclusive: self.home.is_exclusive(),
            recovery_points: Arc::clone(&self.recovery_points),
        });
        Place {
            storage: Arc::clone(self.home.storage()),
            dir: home::partition_dir(&partition),
            log_dir: Some(home::LOG_DIR.to_owned()),
            only_segment: None,
            control: Some(control),
            partition,
            owned,
        }
    }

    /// Appends a batch whose records were checked when it was built; sets its base offset.
    ///
    /// # Errors
    /// As [`PartitionLog::append`] says, with the partition's name.
    pub fn append(&self, log: &PartitionLog, batch: &mut [u8]) -> Result<Appended> {
        self.home.require_write()?;
        let now_ms = self.clock.now_ms();
        if log.config().message_timestamp_type == TimestampType::LogAppendTime {
            record::stamp_append_time(batch, now_ms);
        }
        log.append(batch, now_ms).map_err(|error| Error::of_log("append to", log, error))
    }

    /// Makes durable what this process appended to a partition.
    ///
    /// # Errors
    /// As [`PartitionLog::sync`] says, with the partition's name.
    pub fn sync(&self, log: &PartitionLog) -> Result<()> {
        self.home.require_write()?;
        log.sync(self.clock.now_ms()).map_err(|error| Error::of_log("sync", log, error))
    }

    /// Tells of appends by any process; `None` where the caller must poll.
    #[must_use]
    pub fn watch(&self) -> Option<Watcher> {
        self.storage().watch(home::CONTROL_DIR)
    }

    /// What a person should hear of since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        self.logs().values().flat_map(|opened| opened.log.take_notices()).collect()
    }
}
