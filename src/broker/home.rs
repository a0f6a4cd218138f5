//! The directory: what is where in it, who may use it, and who else does.
//!
//! ```text
//! DIR/
//!   lock            ranges of it are all of runnel's own locks; never deleted
//!   log/            a Kafka log directory
//!   catalog.json    topics, their ids, partitions and configs
//!   run/p/          control files of the partitions: a cache
//!   run/holders/    a file for each process that writes: whom to name in a message
//!   cut/            what recovery cut off the end of a log, made when there is something
//! ```

use std::path::Path;
use std::sync::Arc;

use super::error::{Error, Result};
use crate::model::{TopicPartition, Uuid, limits};
use crate::storage::{
    self, Directory, File, Kind, LockGuard, LockKind, LockRange, LockTable, Open, Storage, Wait,
};

pub(super) const LOG_DIR: &str = "log";
pub(super) const CONTROL_DIR: &str = "run/p";
pub(super) const CUT_DIR: &str = "cut";
pub(super) const CATALOG: &str = "catalog.json";
const HOLDERS_DIR: &str = "run/holders";
const LOCK_FILE: &str = "lock";
const KAFKA_LOCK_FILE: &str = "log/.lock";
const KAFKA_CLEAN_SHUTDOWN: &str = "log/.kafka_cleanshutdown";
const META_PROPERTIES: &str = "log/meta.properties";

/// Held shared by every process that writes, exclusively by a server.
const OWNER_LOCK: LockRange = LockRange::byte(0);
/// Held while the catalog is changed.
pub(super) const CATALOG_LOCK: LockRange = LockRange::byte(1);
/// Held while a checkpoint file of the log directory is replaced.
pub(super) const CHECKPOINT_LOCK: LockRange = LockRange::byte(2);

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

/// What a process is going to do with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read. Holds nothing, changes nothing.
    Read,
    /// Append and change topics, beside others who do.
    Write,
}

/// An open directory.
#[derive(Debug)]
pub struct Home {
    storage: Arc<dyn Storage>,
    writing: Option<Writing>,
}

/// What a process holds that writes.
#[derive(Debug)]
struct Writing {
    locks: Arc<LockTable>,
    _owner: LockGuard,
    /// Held shared: keeps a Kafka broker out.
    _kafka_lock: Arc<dyn File>,
    holder: String,
}

impl Home {
    /// Opens a directory of the file system, which is made if it is to be written.
    ///
    /// # Errors
    /// [`Error::NoDirectory`] where there is none to read; [`Error::Unsafe`] where others may
    /// write, unless `trusted`.
    pub fn open_path(path: &Path, access: Access, trusted: bool, command: &str) -> Result<Self> {
        if access == Access::Write && !path.exists() {
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
    /// [`Error::Served`] and [`Error::KafkaRunning`] where it is to be written and may not be.
    pub fn open(storage: Arc<dyn Storage>, access: Access, command: &str) -> Result<Self> {
        let writing = match access {
            Access::Read => None,
            Access::Write => Some(Writing::begin(&*storage, command)?),
        };
        Ok(Self { storage, writing })
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
    fn begin(storage: &dyn Storage, command: &str) -> Result<Self> {
        let lock_file = storage.open(LOCK_FILE, Open::Create)?;
        let locks = LockTable::new(lock_file);
        let Some(owner) = locks.acquire(OWNER_LOCK, LockKind::Shared, Wait::No)? else {
            let holder = holder_of(storage);
            return Err(Error::Served { directory: storage.display(""), holder });
        };
        for dir in [LOG_DIR, "run", CONTROL_DIR, HOLDERS_DIR] {
            make_dir(storage, dir)?;
        }
        let kafka_lock = lock_out_kafka(storage)?;
        make_meta_properties(storage, &locks)?;
        // Kafka trusts a log directory with this file in it; from the first byte on it must not.
        if storage::found(storage.remove_file(KAFKA_CLEAN_SHUTDOWN))?.is_some() {
            storage.sync_dir(LOG_DIR)?;
        }
        forget_dead_holders(storage);
        let holder = format!("{HOLDERS_DIR}/{}", std::process::id());
        let file = storage.open(&holder, Open::Create)?;
        file.write_all_at(format!("{command}\n").as_bytes(), 0)?;
        Ok(Self { locks, _owner: owner, _kafka_lock: kafka_lock, holder })
    }
}

/// Removes what processes left here that were killed. Nobody needs it gone: a failure is none.
fn forget_dead_holders(storage: &dyn Storage) {
    use rustix::process::{Pid, test_kill_process};
    for entry in storage.list(HOLDERS_DIR).unwrap_or_default() {
        let process = entry.name.parse().ok().and_then(Pid::from_raw);
        if process.is_some_and(|id| test_kill_process(id) == Err(rustix::io::Errno::SRCH)) {
            let _ = storage.remove_file(&format!("{HOLDERS_DIR}/{}", entry.name));
        }
    }
}

/// Makes the log directory a node's, if it is not yet. Several processes may want to at once.
fn make_meta_properties(storage: &dyn Storage, locks: &Arc<LockTable>) -> Result<()> {
    let is_there = || storage::found(storage.metadata(META_PROPERTIES)).map(|file| file.is_some());
    if is_there()? {
        return Ok(());
    }
    let _lock = locks.acquire(CATALOG_LOCK, LockKind::Exclusive, Wait::Yes)?;
    if !is_there()? {
        storage::replace_file(storage, META_PROPERTIES, meta_properties()?.as_bytes())?;
        storage.sync_dir("")?;
    }
    Ok(())
}

/// Takes Kafka's own lock, shared with other runnel processes. Kafka locks the whole file
/// exclusively while it runs, and deletes it after it has let go: so what was locked must still
/// be what the name stands for.
fn lock_out_kafka(storage: &dyn Storage) -> Result<Arc<dyn File>> {
    const TRIES: usize = 10;
    for _ in 0..TRIES {
        let file = storage.open(KAFKA_LOCK_FILE, Open::Create)?;
        if !file.lock(LockRange::WHOLE_FILE, LockKind::Shared, Wait::No)? {
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

/// Kafka's `meta.properties` of a node's log directory.
fn meta_properties() -> Result<String> {
    let random = || {
        Uuid::random()
            .map_err(|source| storage::Error::new("make an id for", META_PROPERTIES, source))
    };
    Ok(format!("#\nversion=1\ncluster.id={}\nnode.id=1\ndirectory.id={}\n", random()?, random()?))
}

/// A process that says that it writes here.
fn holder_of(storage: &dyn Storage) -> Option<String> {
    let entries = storage.list(HOLDERS_DIR).ok()?;
    entries.iter().filter(|entry| entry.kind == Kind::File).find_map(|entry| {
        let path = format!("{HOLDERS_DIR}/{}", entry.name);
        let command = storage::read_text(storage, &path, limits::SMALL_FILE_BYTES_MAX).ok()??;
        Some(format!("process {}: {}", entry.name, command.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_of_a_topic_have_ranges_of_their_own() {
        let topic = Uuid::random().expect("randomness");
        let starts: std::collections::HashSet<_> =
            (0..1000).map(|partition| partition_lock(topic, partition).start).collect();
        assert_eq!(starts.len(), 1000);
        assert!(starts.iter().all(|start| i64::try_from(*start).is_ok()));
        let highest = partition_lock(Uuid([0xff; 16]), limits::PARTITIONS_MAX);
        assert!(i64::try_from(highest.start).is_ok());
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
