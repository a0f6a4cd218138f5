//! The directory: what is where in it, who may use it, and who else does.
//!
//! ```text
//! DIR/
//!   lock            ranges of it are all of runnel's own locks; never deleted
//!   log/            a Kafka log directory
//!   catalog.json    topics, their ids, partitions and configs
//!   run/p/          control files of the partitions: a cache
//!   run/holders/    a file for each process that writes: whom to name in a message
//!   run/reserve     blocks that are given up where a full disk is to be emptied
//!   cut/            what recovery cut off the end of a log, made when there is something
//! ```

use std::path::Path;
use std::sync::Arc;

use super::error::{Error, Result};
use super::meta::{self, MetaProperties};
use super::{holders, reserve};
use crate::model::{TopicPartition, Uuid};
use crate::storage::{
    self, Directory, File, LockGuard, LockKind, LockRange, LockTable, Open, Storage, Wait,
};

pub(super) const LOG_DIR: &str = "log";
pub(super) const CONTROL_DIR: &str = "run/p";
pub(super) const CUT_DIR: &str = "cut";
pub(super) const CATALOG: &str = "catalog.json";
pub(super) const LOCK_FILE: &str = "lock";
const KAFKA_LOCK_FILE: &str = "log/.lock";
pub(super) const KAFKA_CLEAN_SHUTDOWN: &str = "log/.kafka_cleanshutdown";

/// Held shared by every process that writes, exclusively by a server.
const OWNER_LOCK: LockRange = LockRange::byte(0);
/// Held while the catalog is changed.
pub(super) const CATALOG_LOCK: LockRange = LockRange::byte(1);
/// Held while a checkpoint file of the log directory is replaced.
pub(super) const CHECKPOINT_LOCK: LockRange = LockRange::byte(2);
/// Held while the reserve is made, and from when it is given up until that has served.
pub(super) const RESERVE_LOCK: LockRange = LockRange::byte(3);

/// From here on, a range for each partition of `__transaction_state`: held during a step of the
/// coordinator.
const COORDINATOR_LOCKS: u64 = 1 << 60;
/// From here on, a range for each transactional id: held shared by a command that uses it, for its
/// life.
const TRANSACTIONAL_ID_LOCKS: u64 = COORDINATOR_LOCKS | 1 << 59;

/// The range that guards a partition of `__transaction_state`.
pub(super) fn coordinator_lock(partition: i32) -> LockRange {
    LockRange::byte(COORDINATOR_LOCKS | u64::from(partition.unsigned_abs()))
}

/// The range that a command holds which uses a transactional id. Two ids share one in one case of
/// 2^32; then one whose command died is taken for alive, and its transaction ends by its timeout.
pub(super) fn transactional_id_lock(id: &str) -> LockRange {
    LockRange::byte(TRANSACTIONAL_ID_LOCKS | u64::from(crc32c::crc32c(id.as_bytes())))
}

/// Where a partition's directory is.
pub(super) fn partition_dir(partition: &TopicPartition) -> String {
    format!("{LOG_DIR}/{partition}")
}

/// Where a partition's control file is. By the topic's id: a topic made anew under an old name
/// shares nothing with it.
pub(super) fn control_file(topic: Uuid, partition: i32) -> String {
    format!("{CONTROL_DIR}/{topic}-{partition}")
}

/// The range of the lock file that is a partition's. 44 random bits of the topic's id and the
/// partition's number: ranges of one topic never meet, those of two do in one case of 2^44, and
/// then two partitions wait for each other's appends, no worse.
pub(super) fn partition_lock(topic: Uuid, partition: i32) -> LockRange {
    let [.., a, b, c, d, e, f] = topic.0;
    let random = u64::from_be_bytes([0, 0, a, b, c, d, e, f]) & ((1 << 44) - 1);
    LockRange::byte((1 << 62) | (random << 17) | u64::from(partition.unsigned_abs()))
}

/// The range of the lock file that one compaction of a partition at a time holds: above all those of
/// [`partition_lock`], which have 61 bits beside their first.
pub(super) fn compaction_lock(topic: Uuid, partition: i32) -> LockRange {
    LockRange::byte(partition_lock(topic, partition).start | (1 << 61))
}

/// The range of the lock file that the process which runs a job holds: above all those of [`compaction_lock`], which leave the
/// bit below their first two alone. Two jobs share one in one case of 2^48; then they wait for each other.
pub(super) fn job_lock(job: Uuid) -> LockRange {
    let [.., a, b, c, d, e, f] = job.0;
    let random = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    LockRange::byte(JOB_LOCKS | random)
}

const JOB_LOCKS: u64 = (1 << 62) | (1 << 61) | (1 << 60);

/// The range that the process holds which has a job's task in hand: above all those of [`job_lock`]. As there, two may be one.
pub(super) fn task_lock(job: Uuid, task: u32) -> LockRange {
    const BITS: u32 = 59;
    let [.., a, b, c, d, e, f] = job.0;
    let random = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let place = (random << (BITS - 48)).wrapping_add(u64::from(task)) & ((1 << BITS) - 1);
    LockRange::byte(JOB_LOCKS | (1 << BITS) | place)
}

/// What a process is going to do with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read. Holds nothing, changes nothing.
    Read,
    /// Append and change topics, beside others who do.
    Write,
    /// Append and change topics, alone: what a server does.
    Serve,
}

/// An open directory.
#[derive(Debug)]
pub struct Home {
    storage: Arc<dyn Storage>,
    access: Access,
    writing: Option<Writing>,
}

/// What a process holds that writes.
#[derive(Debug)]
struct Writing {
    locks: Arc<LockTable>,
    _owner: LockGuard,
    /// Held as the owner lock is: keeps a Kafka broker out.
    _kafka_lock: Arc<dyn File>,
    holder: String,
    /// The last who wrote here had stopped cleanly.
    was_clean: bool,
}

impl Home {
    /// Opens a directory of the file system, which is made if it is to be written.
    ///
    /// # Errors
    /// [`Error::NoDirectory`] where there is none to read; [`Error::Unsafe`] where others may
    /// write, unless `trusted`.
    pub fn open_path(path: &Path, access: Access, trusted: bool, command: &str) -> Result<Self> {
        if access != Access::Read && !path.exists() {
            Directory::create(path)?;
        }
        let directory = match Directory::open(path) {
            Err(error) if error.is_not_found() => {
                return Err(Error::NoDirectory(path.display().to_string()));
            }
            directory => directory?,
        };
        if !trusted {
            refuse_unsafe(&directory)?;
        }
        Self::open(Arc::new(directory), access, command)
    }

    /// Opens a tree.
    ///
    /// # Errors
    /// [`Error::Served`], [`Error::Written`] and [`Error::KafkaRunning`] where it is to be written
    /// and may not be.
    pub fn open(storage: Arc<dyn Storage>, access: Access, command: &str) -> Result<Self> {
        let writing = match access {
            Access::Read => None,
            Access::Write => Some(Writing::begin(&*storage, LockKind::Shared, command)?),
            Access::Serve => Some(Writing::begin(&*storage, LockKind::Exclusive, command)?),
        };
        Ok(Self { storage, access, writing })
    }

    /// Whether no other process writes here while this one lives.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.access == Access::Serve
    }

    /// Whether every log was as a clean stop leaves it when this process came.
    pub(super) fn was_clean(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| writing.was_clean)
    }

    /// Says in other words what this process does here, for those who are refused: a server names
    /// its address once it has one.
    ///
    /// # Errors
    /// [`Error::ReadOnly`], and as the file system says.
    pub fn announce(&self, command: &str) -> Result<()> {
        let writing = self.writing.as_ref();
        let writing = writing.ok_or_else(|| Error::ReadOnly(self.storage.display("")))?;
        holders::write(&*self.storage, &writing.holder, command)
    }

    /// Which node of which cluster the log directory belongs to.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it does not say.
    pub fn meta_properties(&self) -> Result<MetaProperties> {
        MetaProperties::read(&*self.storage)
    }

    /// The tree.
    #[must_use]
    pub const fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// This process's locks; `None` if it only reads.
    #[must_use]
    pub fn locks(&self) -> Option<&Arc<LockTable>> {
        self.writing.as_ref().map(|writing| &writing.locks)
    }

    /// The locks of a process that writes.
    ///
    /// # Errors
    /// [`Error::ReadOnly`].
    pub fn require_write(&self) -> Result<&Arc<LockTable>> {
        self.locks().ok_or_else(|| Error::ReadOnly(self.storage.display("")))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(writing) = &self.writing {
            // A file left behind names a process that is gone, and is removed by the next one.
            let _ = self.storage.remove_file(&writing.holder);
        }
    }
}

impl Writing {
    fn begin(storage: &dyn Storage, kind: LockKind, command: &str) -> Result<Self> {
        let lock_file = storage.open(LOCK_FILE, Open::Create)?;
        let locks = LockTable::new(lock_file);
        let Some(owner) = locks.acquire(OWNER_LOCK, kind, Wait::No)? else {
            return Err(refusal(storage, &locks)?);
        };
        for dir in [LOG_DIR, "run", CONTROL_DIR, holders::DIR] {
            make_dir(storage, dir)?;
        }
        let kafka_lock = lock_out_kafka(storage, kind)?;
        meta::make(storage, &locks)?;
        // Kafka trusts a log directory with this file in it; from the first byte on it must not.
        let was_clean = storage::found(storage.remove_file(KAFKA_CLEAN_SHUTDOWN))?.is_some();
        if was_clean {
            storage.sync_dir(LOG_DIR)?;
        }
        holders::forget_dead(storage);
        let holder = holders::path_of(std::process::id());
        holders::write(storage, &holder, command)?;
        reserve::keep(storage, &locks);
        Ok(Self { locks, _owner: owner, _kafka_lock: kafka_lock, holder, was_clean })
    }
}

/// Why the owner lock was not to be had: a server has it for itself, or others share it and a
/// server wanted it.
fn refusal(storage: &dyn Storage, locks: &Arc<LockTable>) -> Result<Error> {
    let directory = storage.display("");
    let holders = holders::living(storage);
    Ok(match locks.acquire(OWNER_LOCK, LockKind::Shared, Wait::No)? {
        None => Error::Served { directory, holder: holders::server_of(holders) },
        Some(_) => Error::Written { directory, holders },
    })
}

/// Takes Kafka's own lock: as a command shared with others, as a server alone. Kafka locks the whole file
/// exclusively while it runs, and deletes it after it has let go: so what was locked must still
/// be what the name stands for.
fn lock_out_kafka(storage: &dyn Storage, kind: LockKind) -> Result<Arc<dyn File>> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let file = storage.open(KAFKA_LOCK_FILE, Open::Create)?;
        if !file.lock(LockRange::WHOLE_FILE, kind, Wait::No)? {
            break;
        }
        let named = storage::found(storage.metadata(KAFKA_LOCK_FILE))?;
        if named.is_some_and(|named| file.metadata().is_ok_and(|locked| locked.id == named.id)) {
            return Ok(file);
        }
    }
    Err(Error::KafkaRunning { directory: storage.display(LOG_DIR) })
}

/// Makes a directory that may be there already.
pub(super) fn make_dir(storage: &dyn Storage, path: &str) -> Result<()> {
    match storage.create_dir(path) {
        Err(error) if error.already_exists() => Ok(()),
        result => Ok(result?),
    }
}

fn refuse_unsafe(directory: &Directory) -> Result<()> {
    let (owner, mode) = directory.owner_and_mode()?;
    let user = rustix::process::geteuid().as_raw();
    let reason = if owner != user && owner != 0 {
        "belongs to another user"
    } else if mode & 0o022 != 0 {
        "may be written by others"
    } else {
        return Ok(());
    };
    Err(Error::Unsafe { directory: directory.path().display().to_string(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limits;

    #[test]
    fn partitions_of_a_topic_have_ranges_of_their_own() {
        let topic = Uuid::random().expect("randomness");
        let starts: std::collections::HashSet<_> =
            (0..1000).map(|partition| partition_lock(topic, partition).start).collect();
        assert_eq!(starts.len(), 1000);
        assert!(starts.iter().all(|start| i64::try_from(*start).is_ok()));
        let highest = partition_lock(Uuid([0xff; 16]), limits::PARTITIONS_MAX);
        assert!(i64::try_from(highest.start).is_ok());
        let highest_compaction = compaction_lock(Uuid([0xff; 16]), limits::PARTITIONS_MAX);
        assert!(i64::try_from(highest_compaction.start).is_ok());
        assert!(compaction_lock(Uuid([0; 16]), 0).start > highest.start);
    }

    #[test]
    fn readers_hold_and_change_nothing() {
        let home = tempfile::tempdir().expect("a temporary directory");
        drop(Home::open_path(home.path(), Access::Read, true, "test").expect("opens"));
        assert_eq!(std::fs::read_dir(home.path()).expect("lists").count(), 0);
    }

    #[test]
    fn kafka_and_runnel_keep_out_of_each_others_way() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let open = || Home::open_path(home.path(), Access::Write, true, "test");
        let (one, two) = (open().expect("opens"), open().expect("beside another writer"));
        drop((one, two));
        let storage = Directory::open(home.path()).expect("opens");
        let kafka = storage.open(KAFKA_LOCK_FILE, Open::Write).expect("is there");
        assert!(kafka.lock(LockRange::WHOLE_FILE, LockKind::Exclusive, Wait::No).expect("asks"));
        assert!(matches!(open(), Err(Error::KafkaRunning { .. })));
        drop(kafka);
        open().expect("opens again");
    }

    #[test]
    fn a_server_is_alone_and_says_where_it_is() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let open =
            |access| Home::open_path(home.path(), access, true, "runnel produce x").map(drop);
        let writer = Home::open_path(home.path(), Access::Write, true, "runnel produce x");
        let refused = open(Access::Serve).expect_err("somebody writes").to_string();
        let process = std::process::id();
        let expected = format!("is being written (process {process}: runnel produce x)");
        assert!(refused.ends_with(&expected), "{refused}");
        drop(writer.expect("opens"));
        let server =
            Home::open_path(home.path(), Access::Serve, true, "runnel serve").expect("opens");
        server.announce("runnel serve, 127.0.0.1:9092").expect("says so");
        let expected = format!(
            "is being served by another process (process {process}: runnel serve, 127.0.0.1:9092)"
        );
        for access in [Access::Write, Access::Serve] {
            let refused = open(access).expect_err("a server is there").to_string();
            assert!(refused.ends_with(&expected), "{refused}");
        }
        assert_eq!(open(Access::Read).ok(), Some(()));
        assert_eq!(server.meta_properties().expect("has one").node_id, 1);
        drop(server);
        assert_eq!(open(Access::Write).ok(), Some(()));
    }

    #[test]
    fn a_directory_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o777))
            .expect("sets");
        let open = |trusted| Home::open_path(home.path(), Access::Write, trusted, "test");
        assert!(matches!(open(false), Err(Error::Unsafe { .. })));
        assert!(open(true).is_ok());
    }
}
