//! What a path names: a log directory, a partition's directory, or one file of either.
//!
//! It may be somebody else's, a stopped broker's: it is opened to be read by copies, and not
//! locked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dump::FileKind;
use super::repair::KeptIn;
use crate::log::{PartitionLog, Place, names};
use crate::model::{TopicConfig, TopicName, TopicPartition};
use crate::storage::{self, Directory, File, Kind, LockKind, LockRange, Open, Storage, Wait};

/// Files that tell a log directory.
const OF_A_LOG_DIRECTORY: [&str; 2] = ["meta.properties", ".lock"];

/// What a path names.
#[derive(Debug)]
pub struct Target {
    /// The partition that it is of; of a log directory, one of no meaning in it.
    pub place: Place,
    /// What it is.
    pub kind: TargetKind,
    /// The log directory.
    root: PathBuf,
}

/// What a path can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A partition's directory.
    Partition,
    /// A directory of partitions.
    LogDirectory,
    /// One file.
    File {
        /// Its path in the tree of the place.
        path: String,
        /// What it is.
        kind: FileKind,
    },
}

/// Why a path is nothing to look into.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nothing of a log.
    #[error("{0} is neither a log directory nor a partition's directory nor a file of one")]
    NotALog(String),
    /// The file system said no.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Target {
    /// Finds out what a path names.
    ///
    /// # Errors
    /// [`TargetError::NotALog`], and as the file system says.
    pub fn open(path: &Path) -> Result<Self, TargetError> {
        let not_a_log = || TargetError::NotALog(path.display().to_string());
        let failed = |source| storage::Error::new("open", path.display(), source);
        let real = path.canonicalize().map_err(failed)?;
        if real.is_dir() {
            return Self::directory(&real)?.ok_or_else(not_a_log);
        }
        let name = real.file_name().and_then(|name| name.to_str()).ok_or_else(not_a_log)?;
        let kind = FileKind::of(name).ok_or_else(not_a_log)?;
        let dir = real.parent().ok_or_else(not_a_log)?;
        if kind == FileKind::Checkpoint {
            let place = log_directory(dir)?;
            let (kind, root) = (TargetKind::File { path: name.to_owned(), kind }, dir.to_owned());
            return Ok(Self { place, kind, root });
        }
        let mut place = partition(dir)?.ok_or_else(not_a_log)?;
        place.only_segment = match kind {
            FileKind::Log(base)
            | FileKind::OffsetIndex(base)
            | FileKind::TimeIndex(base)
            | FileKind::TransactionIndex(base)
                if names::base_offset_of_segment(name) == Some(base) =>
            {
                Some(base)
            }
            _ => None,
        };
        let path = place.path_of(name);
        let root = dir.parent().unwrap_or(dir).to_owned();
        Ok(Self { place, kind: TargetKind::File { path, kind }, root })
    }

    fn directory(real: &Path) -> Result<Option<Self>, TargetError> {
        let entries = Directory::open_foreign(real)?.list("")?;
        let is_file = |name: &str| entries.iter().any(|e| e.name == name && e.kind == Kind::File);
        let of_partition = |name: &str| {
            !matches!(FileKind::of(name), None | Some(FileKind::Checkpoint))
                && entries.iter().any(|e| e.name == name)
        };
        if entries.iter().any(|entry| of_partition(&entry.name)) {
            let place = partition(real)?;
            let root = real.parent().unwrap_or(real).to_owned();
            return Ok(place.map(|place| Self { place, kind: TargetKind::Partition, root }));
        }
        let has_partitions = entries.iter().any(|entry| {
            entry.kind == Kind::Directory
                && TopicPartition::from_directory_name(&entry.name).is_some()
        });
        if !has_partitions && !OF_A_LOG_DIRECTORY.iter().any(|name| is_file(name)) {
            return Ok(None);
        }
        let (kind, root) = (TargetKind::LogDirectory, real.to_owned());
        Ok(Some(Self { place: log_directory(real)?, kind, root }))
    }

    /// The logs that are meant: of a log directory all that are in it, by name.
    ///
    /// # Errors
    /// As the file system says.
    pub fn logs(&self) -> storage::Result<Vec<Arc<PartitionLog>>> {
        if self.kind != TargetKind::LogDirectory {
            return Ok(vec![log_of(self.place.clone())]);
        }
        let mut partitions: Vec<_> = self
            .place
            .storage
            .list("")?
            .into_iter()
            .filter(|entry| entry.kind == Kind::Directory)
            .filter_map(|entry| {
                Some((TopicPartition::from_directory_name(&entry.name)?, entry.name))
            })
            .collect();
        partitions.sort();
        let of = |(partition, dir)| log_of(Place { partition, dir, ..self.place.clone() });
        Ok(partitions.into_iter().map(of).collect())
    }
}

impl Target {
    /// Whether the log directory is part of a directory of runnel's own, which has locks of its own.
    #[must_use]
    pub fn is_runnels(&self) -> bool {
        let Some(above) = self.above() else {
            return false;
        };
        self.root.file_name().is_some_and(|name| name == "log")
            && above.join("catalog.json").exists()
            && above.join("lock").exists()
    }

    /// Where what a repair takes away is kept: beside the log directory, since a broker does not
    /// start with a directory in it that is no partition.
    ///
    /// # Errors
    /// As the file system says.
    pub fn kept_beside(&self) -> Result<KeptIn, TargetError> {
        let (Some(above), Some(name)) = (self.above(), self.root.file_name()) else {
            return Err(TargetError::NotALog(self.root.display().to_string()));
        };
        let storage = Arc::new(Directory::open_foreign(above)?);
        Ok(KeptIn { storage, dir: format!("{}-cut", name.to_string_lossy()) })
    }

    fn above(&self) -> Option<&Path> {
        self.root.parent()
    }
}

/// The name of Kafka's lock file.
const LOCK: &str = ".lock";

/// Keeps a Kafka broker, and every process of runnel, out of a log directory.
#[derive(Debug)]
pub struct ForeignLock {
    storage: Arc<dyn Storage>,
    _file: Arc<dyn File>,
    was_made: bool,
}

impl ForeignLock {
    /// Takes it; `None` where somebody else has it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn take(target: &Target) -> storage::Result<Option<Self>> {
        let storage = Arc::clone(&target.place.storage);
        let was_made = storage::found(storage.metadata(LOCK))?.is_none();
        let file = storage.open(LOCK, Open::Create)?;
        if !file.lock(LockRange::WHOLE_FILE, LockKind::Exclusive, Wait::No)? {
            return Ok(None);
        }
        // Who stops deletes it after he has let go.
        let named = storage::found(storage.metadata(LOCK))?;
        let is_named = named.is_some_and(|named| file.metadata().is_ok_and(|it| it.id == named.id));
        Ok(is_named.then_some(Self { storage, _file: file, was_made }))
    }
}

impl Drop for ForeignLock {
    fn drop(&mut self) {
        if self.was_made {
            // One that is left behind is locked by nobody.
            let _ = self.storage.remove_file(LOCK);
        }
    }
}

fn log_of(place: Place) -> Arc<PartitionLog> {
    Arc::new(PartitionLog::new(place, Arc::new(TopicConfig::default())))
}

/// A partition's directory; `None` where its name can't be one.
fn partition(dir: &Path) -> storage::Result<Option<Place>> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(None);
    };
    let partition = TopicPartition::from_directory_name(name)
        .or_else(|| Some(TopicPartition::new(TopicName::new(name).ok()?, 0)));
    let Some(partition) = partition else {
        return Ok(None);
    };
    Ok(Some(Place { dir: name.to_owned(), partition, ..log_directory(parent)? }))
}

fn log_directory(dir: &Path) -> storage::Result<Place> {
    let topic = TopicName::new("log").expect("three letters are a name");
    Ok(Place {
        storage: Arc::new(Directory::open_foreign(dir)?),
        partition: TopicPartition::new(topic, 0),
        dir: String::new(),
        log_dir: Some(String::new()),
        only_segment: None,
        control: None,
        owned: None,
    })
}
