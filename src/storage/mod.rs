//! The one door to the file system: a tree of directories and files behind two traits, so that
//! the engine runs the same over real files ([`Directory`]) and over the crash laboratory
//! ([`sim::SimStorage`]), which fails, tears and forgets on command.
//!
//! Rules that both keep:
//! - Paths are relative to the tree's root, `/` between their parts; no part is a link, `.` or `..`.
//! - A file is a regular file; anything else is refused at opening.
//! - What [`File::write_all_at`] wrote survives the death of the process at once, and that of the
//!   machine only after [`File::sync_data`] returned `Ok`. A new or renamed *name* survives the
//!   latter only after [`Storage::sync_dir`] of its directory.
//! - After a failed `sync_data` nothing may be concluded about earlier writes: the kernel has
//!   forgotten that they were not stored. Repeating the call proves nothing.
//!
//! This room is the sole home of `unsafe` (memory maps, and LMDB's transactions).

mod database;
mod directory;
mod listing;
mod lock;
mod real_file;
mod scratch;
pub mod sim;
mod slice;
mod watch;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;

pub use database::{
    DATABASE_KEY_BYTES_MAX, Database, EachEntry, ReadTransaction, WriteTransaction,
};
pub use directory::Directory;
pub use lock::{LockGuard, LockKind, LockRange, LockTable, Wait};
pub use scratch::scratch_file;
pub use slice::Slice;
pub use watch::Watcher;

/// A file operation that did not succeed: what was tried, on which path, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}: {source}")]
pub struct Error {
    /// What was tried, as a verb: `open`, `write`, `sync` …
    pub action: &'static str,
    /// The path as a person would type it.
    pub path: String,
    /// The system's answer.
    pub source: io::Error,
}

impl Error {
    /// An error of `action` on `path`.
    pub fn new(
        action: &'static str,
        path: impl fmt::Display,
        source: impl Into<io::Error>,
    ) -> Self {
        Self { action, path: path.to_string(), source: source.into() }
    }

    /// Whether there is no such file or directory.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }

    /// Whether the name is taken.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        self.source.kind() == io::ErrorKind::AlreadyExists
    }

    /// Whether the bytes are not what they must be: of [`read_text`], no text, or too much of it.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.source.kind() == io::ErrorKind::InvalidData
    }

    /// Whether the disk, or what of it the user may have, is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }

    /// Whether the place may not be written: no permission, or a read-only file system.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self.source.kind(), PermissionDenied | ReadOnlyFilesystem)
    }
}

/// What an operation on storage gives.
pub type Result<T> = std::result::Result<T, Error>;

/// `Ok(None)` in place of the error for a thing that is not there.
///
/// # Errors
/// Every other error.
pub fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// To read and write; made if it is not there.
    Create,
    /// To read and write; it must not be there yet.
    CreateNew,
}

/// Which file this is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FileId {
    /// The device.
    pub device: u64,
    /// The mount through which it was reached: a device unplugged and mounted again has lost
    /// what was not synced, within one boot.
    pub mount: u64,
    /// The inode.
    pub inode: u64,
}

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A link, socket, device …: never opened.
    Other,
}

/// What the file system knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// Its length in bytes.
    pub len: u64,
    /// Which file it is.
    pub id: FileId,
    /// When its content changed last, in milliseconds since the epoch.
    pub modified_ms: i64,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name; entries whose name is not UTF-8 are not listed.
    pub name: String,
    /// What it names.
    pub kind: Kind,
}

/// A tree of directories and files.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Opens a regular file.
    ///
    /// # Errors
    /// Among others: the path leads through a link, or names something that is no regular file.
    fn open(&self, path: &str, how: Open) -> Result<Arc<dyn File>>;

    /// Makes a directory that only its owner may enter; its parent must be there.
    ///
    /// # Errors
    /// [`Error::already_exists`] tells that one is there.
    fn create_dir(&self, path: &str) -> Result<()>;

    /// The path of a directory for who opens files in it by himself, no link on the way; `None` where it has none, being
    /// in memory.
    ///
    /// # Errors
    /// As the system says.
    fn real_path(&self, _path: &str) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    /// The names in a directory as they are at one moment, each once, in no order.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, path: &str) -> Result<Vec<DirEntry>>;

    /// What is known of a path, links not followed.
    ///
    /// # Errors
    /// [`Error::is_not_found`] tells that nothing is there.
    fn metadata(&self, path: &str) -> Result<Metadata>;

    /// Gives a file or directory another name, in place of what had it, in one step.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Gives a file a second name, which must be free.
    ///
    /// # Errors
    /// As the system says.
    fn link(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file's name; maps and open files of it live on.
    ///
    /// # Errors
    /// As the system says.
    fn remove_file(&self, path: &str) -> Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// As the system says.
    fn remove_dir(&self, path: &str) -> Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_dir(&self, path: &str) -> Result<()>;

    /// What changes at each start of the machine; `None` where that can't be told, and then
    /// nothing unsynced is ever trusted.
    fn boot_id(&self) -> Option<[u8; 16]>;

    /// The path as a person would type it.
    fn display(&self, path: &str) -> String;

    /// Bytes of the volume, and those of them that can still be used; `None` where that can't be
    /// told.
    fn space(&self) -> Option<(i64, i64)> {
        None
    }

    /// Tells of changes to the files of a directory; `None` where the system has no such events
    /// to give, and the caller must poll.
    fn watch(&self, path: &str) -> Option<Watcher>;
}

/// An open regular file. Positions are bytes from its start; there is no cursor.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes; 0 at the end of the file.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize>;

    /// Writes all of `bytes`; on an error any part of them may have been written.
    ///
    /// # Errors
    /// As the system says.
    fn write_all_at(&self, bytes: &[u8], position: u64) -> Result<()>;

    /// Cuts the file to `len` bytes, or extends it by zeros.
    ///
    /// # Errors
    /// As the system says.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Makes the content durable (`fdatasync`).
    ///
    /// # Errors
    /// After which the file must not be written again through any handle: see the room's rules.
    fn sync_data(&self) -> Result<()>;

    /// What the file system knows of the file.
    ///
    /// # Errors
    /// As the system says.
    fn metadata(&self) -> Result<Metadata>;

    /// The bytes of `position..position + len`, which must lie within the file and within what no
    /// process ever cuts off: a map of bytes that are gone is a fatal signal.
    ///
    /// # Errors
    /// As the system says, or where the file is shorter.
    fn slice(&self, position: u64, len: usize) -> Result<Slice>;

    /// Asks the system to begin storing `len` bytes from `position` on, without waiting for it, so
    /// that a later sync finds less to do. Promises nothing; an error shows in that sync.
    fn start_writeback(&self, _position: u64, _len: u64) {}

    /// Says that the content changed last at a time, in milliseconds since the epoch: of a file that
    /// takes the place of another. Nothing depends on it.
    fn set_modified(&self, _modified_ms: i64) {}

    /// Takes or converts this handle's lock on a range; `false` if another handle of any process
    /// has it and `wait` says not to wait. Locks end with the handle. They don't exclude threads
    /// that share the handle: [`LockTable`] does.
    ///
    /// # Errors
    /// As the system says.
    fn lock(&self, range: LockRange, kind: LockKind, wait: Wait) -> Result<bool>;

    /// Gives up this handle's lock on a range.
    ///
    /// # Errors
    /// As the system says.
    fn unlock(&self, range: LockRange) -> Result<()>;

    /// A lock of another handle, of any process, that lies in a range or reaches into it; `None` if
    /// there is none. Takes nothing, and asks for no more than a file that is open to read.
    ///
    /// # Errors
    /// As the system says.
    fn locked_elsewhere(&self, range: LockRange) -> Result<Option<LockRange>>;

    /// The descriptor to send from, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The path as a person would type it.
    fn display(&self) -> &str;
}

impl dyn File + '_ {
    /// Reads exactly `buffer.len()` bytes.
    ///
    /// # Errors
    /// As the system says; `UnexpectedEof` where the file is shorter.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut position: u64) -> Result<()> {
        while !buffer.is_empty() {
            let count = self.read_at(buffer, position)?;
            if count == 0 {
                let source = io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(Error::new("read", self.display(), source));
            }
            buffer = &mut buffer[count..];
            position += count as u64;
        }
        Ok(())
    }
}

/// Reads a small text file whole; `None` if it is not there.
///
/// # Errors
/// As the system says; [`Error::is_malformed`] of a file over `limit` bytes or not UTF-8.
pub fn read_text(storage: &dyn Storage, path: &str, limit: u64) -> Result<Option<String>> {
    let Some(file) = found(storage.open(path, Open::Read))? else {
        return Ok(None);
    };
    let invalid = |what: String| {
        Error::new("read", storage.display(path), io::Error::new(io::ErrorKind::InvalidData, what))
    };
    let len = file.metadata()?.len;
    if len > limit {
        return Err(invalid(format!("{len} bytes, more than the {limit} that it may have")));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map(Some).map_err(|_| invalid("not UTF-8".to_owned()))
}

/// Replaces a small file in one step: written beside it as `<path>.tmp`, synced, renamed over it,
/// its directory synced. After `Ok` the new content is durable; before, a reader sees the old one.
///
/// # Errors
/// As the system says; the old content then still stands, or the new one does but is not durable.
pub fn replace_file(storage: &dyn Storage, path: &str, content: &[u8]) -> Result<()> {
    let temporary = format!("{path}.tmp");
    found(storage.remove_file(&temporary))?;
    let file = storage.open(&temporary, Open::CreateNew)?;
    file.write_all_at(content, 0)?;
    file.sync_data()?;
    storage.rename(&temporary, path)?;
    storage.sync_dir(path.rsplit_once('/').map_or("", |(parent, _)| parent))
}
