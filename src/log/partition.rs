//! A partition's log as one process sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::task::Waker;

use super::checkpoint::{self, CLEANER_OFFSETS, Deferred, LOG_STARTS, RECOVERY_POINTS};
use super::error::{Error, Result};
use super::names;
use super::retention::Aged;
use super::view::{ReadCache, View};
use super::waking::{Listener, Listeners};
use super::writer::Writer;
use crate::model::{Offset, TopicConfig, TopicPartition};
use crate::storage::{
    self, File, FileId, LockGuard, LockKind, LockRange, LockTable, Open, Storage, Wait,
};

/// Where a partition's files are, and what this process may do with them.
#[derive(Debug, Clone)]
pub struct Place {
    /// The tree.
    pub storage: Arc<dyn Storage>,
    /// Which partition it is.
    pub partition: TopicPartition,
    /// Its directory: `log/orders-0`, or `""` where the tree is a foreign partition directory.
    pub dir: String,
    /// The log directory with the checkpoints: `log`; `None` where there is none to read.
    pub log_dir: Option<String>,
    /// The one segment that is meant, where a `.log` file was named and not its directory.
    pub only_segment: Option<Offset>,
    /// Its control file: `run/p/…`; `None` for a foreign log.
    pub control: Option<String>,
    /// What a writer needs besides; `None` for a plain reader, who holds nothing.
    pub owned: Option<Owned>,
}

/// What only a writer has.
#[derive(Debug, Clone)]
pub struct Owned {
    /// The locks of this process on the directory.
    pub locks: Arc<LockTable>,
    /// The partition's range of the lock file.
    pub partition_lock: LockRange,
    /// The range that one compaction of the partition at a time holds.
    pub compaction_lock: LockRange,
    /// The range that guards the checkpoint files of the log directory.
    pub checkpoint_lock: LockRange,
    /// Where what is cut off a log is kept: `cut`.
    pub cut_dir: String,
    /// The process owns the directory alone, as a server does: no other writes, so nothing is
    /// locked and nothing is read again of what was published. Readers of others go on.
    pub exclusive: bool,
    /// The recovery points of all logs of this process, while they are gathered.
    pub recovery_points: Arc<Deferred>,
}

impl Place {
    /// The path of a file of the partition's directory.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        super::segment::path_in(&self.dir, name)
    }

    /// Whether its directory is made on first use, so that none is an empty log: Kafka's own topics
    /// have many partitions of which few are ever used.
    pub(super) fn is_made_on_use(&self) -> bool {
        self.control.is_some() && self.partition.topic.is_internal()
    }

    /// The control file of a log to append to.
    pub(super) fn control_path(&self) -> &str {
        self.control.as_deref().expect("a log to append to has a control file")
    }

    /// Everything below is durable, by the checkpoint; 0 where it says nothing.
    ///
    /// # Errors
    /// As the file system says.
    pub fn recovery_point(&self) -> Result<Offset> {
        Ok(self.checkpointed(RECOVERY_POINTS)?.unwrap_or_default())
    }

    /// The log start offset where it lies above the first segment's base.
    pub(super) fn log_start(&self) -> Result<Option<Offset>> {
        self.checkpointed(LOG_STARTS)
    }

    /// The first offset that no compaction has seen; `None` where there was none yet.
    pub(super) fn cleaner_offset(&self) -> Result<Option<Offset>> {
        self.checkpointed(CLEANER_OFFSETS)
    }

    fn checkpointed(&self, file: &str) -> Result<Option<Offset>> {
        let Some(log_dir) = &self.log_dir else {
            return Ok(None);
        };
        let path = super::segment::path_in(log_dir, file);
        let offsets = checkpoint::read_offsets(&*self.storage, &path)?;
        Ok(offsets.get(&self.partition).copied())
    }

    /// Notes in the checkpoint that everything below an offset is durable.
    pub(super) fn store_recovery_point(&self, owned: &Owned, offset: Offset) -> Result<()> {
        if owned.recovery_points.defer(&self.partition, offset) {
            return Ok(());
        }
        self.store_checkpoint(owned, RECOVERY_POINTS, offset)
    }

    /// Notes in the checkpoint that the log begins at an offset.
    pub(super) fn store_log_start(&self, owned: &Owned, offset: Offset) -> Result<()> {
        self.store_checkpoint(owned, LOG_STARTS, offset)
    }

    /// Notes in the checkpoint that compaction has seen everything below an offset.
    pub(super) fn store_cleaner_offset(&self, owned: &Owned, offset: Offset) -> Result<()> {
        self.store_checkpoint(owned, CLEANER_OFFSETS, offset)
    }

    fn store_checkpoint(&self, owned: &Owned, file: &str, offset: Offset) -> Result<()> {
        let Some(log_dir) = &self.log_dir else {
            return Ok(());
        };
        let _lock = owned.locks.acquire(owned.checkpoint_lock, LockKind::Exclusive, Wait::Yes)?;
        let path = super::segment::path_in(log_dir, file);
        let mut offsets = checkpoint::read_offsets(&*self.storage, &path)?;
        let before = offsets.insert(self.partition.clone(), offset);
        // A recovery point that is not there is 0, and none need be durable. A log start must be, and
        // one that is in the file already may not be yet: its writer may have died before the sync.
        if file == RECOVERY_POINTS && before.unwrap_or_default() == offset {
            return Ok(());
        }
        Ok(checkpoint::write_offsets(&*self.storage, &path, &offsets)?)
    }
}

/// Something that a person should hear of, though the operation went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// After a crash of the machine a log ended in bytes that are no batch.
    TailCut {
        /// Which log.
        partition: TopicPartition,
        /// How many bytes were cut off its last segment.
        bytes: u64,
        /// How many later segments were put away.
        segments: usize,
        /// The directory where they are kept.
        kept: String,
    },
    /// A write or sync had failed; what it left in doubt was written anew.
    Rewritten {
        /// Which log.
        partition: TopicPartition,
        /// How many bytes.
        bytes: u64,
    },
}

/// What was found at the first look: a directory made anew under its name is another log.
#[derive(Debug)]
struct FirstFound {
    directory: FileId,
    /// Its `partition.metadata`, held open: the number of a directory that is gone is given to
    /// others, that of an open file is not.
    metadata: Option<(FileId, Arc<dyn File>)>,
}

/// One partition's log. Shared by the threads of a process.
#[derive(Debug)]
pub struct PartitionLog {
    pub(super) place: Place,
    config: RwLock<Arc<TopicConfig>>,
    pub(super) writer: Mutex<Option<Writer>>,
    /// A write or sync failed, and the control file may not say so. Changed with `writer` held.
    pub(super) in_doubt: AtomicBool,
    first_found: OnceLock<FirstFound>,
    /// Held through a sync; taken before `writer`.
    pub(super) sync_turn: Mutex<()>,
    pub(super) reading: Mutex<ReadCache>,
    /// What retention found out last of the oldest segment.
    pub(super) aged: Mutex<Option<Aged>>,
    /// What was published last, in a process that owns the directory alone.
    pub(super) shown: Mutex<Option<View>>,
    pub(super) listeners: Arc<Listeners>,
    /// The partition was deleted by this process. Changed with `writer` held.
    pub(super) is_retired: AtomicBool,
    notices: Mutex<Vec<Notice>>,
}

impl PartitionLog {
    /// A log at a place. Nothing is opened yet.
    #[must_use]
    pub fn new(place: Place, config: Arc<TopicConfig>) -> Self {
        Self {
            place,
            config: RwLock::new(config),
            writer: Mutex::default(),
            in_doubt: AtomicBool::new(false),
            first_found: OnceLock::new(),
            sync_turn: Mutex::default(),
            reading: Mutex::default(),
            aged: Mutex::default(),
            shown: Mutex::default(),
            listeners: Arc::default(),
            is_retired: AtomicBool::new(false),
            notices: Mutex::default(),
        }
    }

    /// Which partition this is.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        &self.place.partition
    }

    /// Where its files are.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// The topic's configuration.
    #[must_use]
    pub fn config(&self) -> Arc<TopicConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the topic's configuration from the next append on.
    pub fn set_config(&self, config: Arc<TopicConfig>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Wakes `waker` whenever the log has changed by this process: a batch was appended, the log
    /// start moved, the partition was deleted. Register first and look at the log then.
    pub fn listen(&self, waker: &Waker) -> Listener {
        self.listeners.listen(waker)
    }

    /// The partition was, or is about to be, deleted by this process: from now on every call says
    /// [`Error::Gone`]. An append that is under way is over when this returns.
    pub fn retire(&self) {
        let mut writer = guard(&self.writer);
        self.is_retired.store(true, Ordering::Relaxed);
        *writer = None;
        *guard(&self.shown) = None;
        drop(writer);
        self.listeners.wake();
    }

    /// Whether this process owns the directory alone.
    pub(super) fn is_exclusive(&self) -> bool {
        self.place.owned.as_ref().is_some_and(|owned| owned.exclusive)
    }

    /// Refuses a directory that was deleted, or made anew, since the first such look.
    ///
    /// # Errors
    /// [`Error::Gone`], and as the file system says.
    pub fn still_there(&self) -> Result<()> {
        if self.is_retired.load(Ordering::Relaxed) {
            return Err(Error::Gone);
        }
        let (place, storage) = (&self.place, &*self.place.storage);
        let Some(directory) = storage::found(storage.metadata(&place.dir))? else {
            let is_unused = place.is_made_on_use() && self.first_found.get().is_none();
            return if is_unused { Ok(()) } else { Err(Error::Gone) };
        };
        let directory = directory.id;
        let path = place.path_of(names::PARTITION_METADATA);
        let Some(first) = self.first_found.get() else {
            let file = match place.control {
                Some(_) => storage::found(storage.open(&path, Open::Read))?,
                None => None,
            };
            let metadata = file.map(|file| Ok::<_, Error>((file.metadata()?.id, file)));
            let metadata = metadata.transpose()?;
            self.first_found.get_or_init(|| FirstFound { directory, metadata });
            return Ok(());
        };
        let mut same = first.directory == directory;
        if let Some((id, _)) = &first.metadata {
            same &= storage::found(storage.metadata(&path))?.is_none_or(|named| named.id == *id);
        }
        if same { Ok(()) } else { Err(Error::Gone) }
    }

    /// What a person should hear of since the last call.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *guard(&self.notices))
    }

    pub(super) fn tell(&self, notices: Vec<Notice>) {
        if !notices.is_empty() {
            guard(&self.notices).extend(notices);
        }
    }

    /// Takes the partition's lock, waiting for the appends of other processes where there can be any.
    pub(super) fn lock(&self, owned: &Owned) -> storage::Result<Option<LockGuard>> {
        if owned.exclusive {
            return Ok(None);
        }
        owned.locks.acquire(owned.partition_lock, LockKind::Exclusive, Wait::Yes)
    }
}

/// A mutex whose holder panicked holds state that is checked again before use.
pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
