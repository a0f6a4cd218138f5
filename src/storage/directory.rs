//! Real files below a real directory.
//!
//! The directory itself may be reached by any path; below it no link is followed: each part of a
//! path is opened from the one before it, `O_NOFOLLOW`. So whoever may write into the directory
//! can't lead runnel out of it.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, StatxFlags};

use super::real_file::RealFile;
use super::{
    DirEntry, Error, File, FileId, Kind, Metadata, Open, Result, Storage, Watcher, listing,
};

/// A directory of the file system, as [`Storage`].
#[derive(Debug)]
pub struct Directory {
    root: OwnedFd,
    path: PathBuf,
    reading: Reading,
}

/// How the bytes of a file come into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// By maps: every process that writes these files keeps the rule that what was validated
    /// stays.
    Maps,
    /// By copies: somebody else's files, which may be cut at any time.
    Copies,
}

impl Directory {
    /// Opens a directory that runnel writes.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Reading::Maps)
    }

    /// Makes a directory that only its owner may enter, and those above it that are missing. Their
    /// names are durable when this returns.
    ///
    /// # Errors
    /// As the system says.
    pub fn create(path: &Path) -> Result<()> {
        let failed = |source| Error::new("create", path.display(), source);
        let missing: Vec<_> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        for dir in missing {
            let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
            let above = above.unwrap_or(Path::new("."));
            std::fs::File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
        }
        Ok(())
    }

    /// Opens a directory of somebody else's, to read: nothing is mapped.
    ///
    /// # Errors
    /// As the system says.
    pub fn open_foreign(path: &Path) -> Result<Self> {
        Self::open_with(path, Reading::Copies)
    }

    fn open_with(path: &Path, reading: Reading) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(path, flags, Mode::empty())
            .map_err(|errno| Error::new("open", path.display(), errno))?;
        Ok(Self { root, path: path.to_owned(), reading })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who owns the directory, and the bits of its mode.
    ///
    /// # Errors
    /// As the system says.
    pub fn owner_and_mode(&self) -> Result<(u32, u32)> {
        let stat = fs::fstat(&self.root).map_err(|errno| self.error("inspect", "", errno))?;
        Ok((stat.st_uid, stat.st_mode & 0o7777))
    }

    fn error(&self, action: &'static str, path: &str, source: impl Into<io::Error>) -> Error {
        Error::new(action, self.display(path), source)
    }

    /// The directory that holds `path`, and the last part of it.
    fn parent<'p>(&self, path: &'p str) -> io::Result<(Parent<'_>, &'p str)> {
        let mut parts = path.split('/');
        let last = parts.next_back().unwrap_or_default();
        if matches!(last, "." | "..") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut parent = Parent::Root(self.root.as_fd());
        for part in parts {
            if matches!(part, "" | "." | "..") {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            parent = Parent::Below(fs::openat(parent.as_fd(), part, flags, Mode::empty())?);
        }
        Ok((parent, last))
    }

    /// A directory of the tree, open to be listed or synced.
    fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if path.is_empty() {
            return Ok(fs::openat(&self.root, ".", flags, Mode::empty())?);
        }
        let (parent, name) = self.parent(path)?;
        Ok(fs::openat(parent.as_fd(), name, flags, Mode::empty())?)
    }

    fn open_file(&self, path: &str, how: Open) -> io::Result<OwnedFd> {
        let access = match how {
            Open::Read => OFlags::RDONLY,
            Open::Write => OFlags::RDWR,
            Open::Create => OFlags::RDWR | OFlags::CREATE,
            Open::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // NONBLOCK: opening a named pipe must not wait for its other end.
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let (parent, name) = self.parent(path)?;
        let descriptor = fs::openat(parent.as_fd(), name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = fs::fstat(&descriptor)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(descriptor)
    }

    fn rename_entry(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        Ok(fs::renameat(from_parent.as_fd(), from_name, to_parent.as_fd(), to_name)?)
    }

    fn link_entry(&self, from: &str, to: &str) -> io::Result<()> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        let flags = AtFlags::empty();
        Ok(fs::linkat(from_parent.as_fd(), from_name, to_parent.as_fd(), to_name, flags)?)
    }

    fn remove_entry(&self, path: &str, flags: AtFlags) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        Ok(fs::unlinkat(parent.as_fd(), name, flags)?)
    }
}

impl Storage for Directory {
    fn open(&self, path: &str, how: Open) -> Result<Arc<dyn File>> {
        let action = if matches!(how, Open::Create | Open::CreateNew) { "create" } else { "open" };
        let descriptor = self.open_file(path, how).map_err(|e| self.error(action, path, e))?;
        Ok(Arc::new(RealFile { descriptor, path: self.display(path), reading: self.reading }))
    }

    fn real_path(&self, path: &str) -> Result<Option<PathBuf>> {
        // Opening it is what refuses links.
        self.directory(path).map_err(|e| self.error("open", path, e))?;
        Ok(Some(self.path.join(path)))
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        self.parent(path)
            .and_then(|(parent, name)| Ok(fs::mkdirat(parent.as_fd(), name, Mode::RWXU)?))
            .map_err(|e| self.error("create", path, e))
    }

    fn list(&self, path: &str) -> Result<Vec<DirEntry>> {
        listing::list(|| self.directory(path)).map_err(|e| self.error("list", path, e))
    }

    fn metadata(&self, path: &str) -> Result<Metadata> {
        self.parent(path)
            .and_then(|(parent, name)| stat(parent.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW))
            .map_err(|e| self.error("inspect", path, e))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.rename_entry(from, to).map_err(|e| self.error("rename", from, e))
    }

    fn link(&self, from: &str, to: &str) -> Result<()> {
        self.link_entry(from, to).map_err(|e| self.error("link", from, e))
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.remove_entry(path, AtFlags::empty()).map_err(|e| self.error("remove", path, e))
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.remove_entry(path, AtFlags::REMOVEDIR).map_err(|e| self.error("remove", path, e))
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        self.directory(path)
            .and_then(|directory| Ok(fs::fsync(directory)?))
            .map_err(|e| self.error("sync", path, e))
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
    }

    fn display(&self, path: &str) -> String {
        if path.is_empty() {
            return self.path.display().to_string();
        }
        self.path.join(path).display().to_string()
    }

    fn space(&self) -> Option<(i64, i64)> {
        let volume = rustix::fs::fstatvfs(&self.root).ok()?;
        let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(volume.f_frsize)).ok();
        Some((bytes(volume.f_blocks)?, bytes(volume.f_bavail)?))
    }

    fn watch(&self, path: &str) -> Option<Watcher> {
        Watcher::begin(&self.path.join(path))
    }
}

/// The directory on the way to a path's last part.
enum Parent<'s> {
    Root(BorrowedFd<'s>),
    Below(OwnedFd),
}

impl AsFd for Parent<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(root) => *root,
            Self::Below(descriptor) => descriptor.as_fd(),
        }
    }
}

pub(super) fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        _ => Kind::Other,
    }
}

pub(super) fn stat(directory: BorrowedFd<'_>, name: &str, flags: AtFlags) -> io::Result<Metadata> {
    let fields = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let stat = fs::statx(directory, name, flags, fields)?;
    let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
    Ok(Metadata {
        kind: kind(FileType::from_raw_mode(u32::from(stat.stx_mode))),
        len: stat.stx_size,
        id: FileId { device, mount: stat.stx_mnt_id, inode: stat.stx_ino },
        modified_ms: stat.stx_mtime.tv_sec * 1000 + i64::from(stat.stx_mtime.tv_nsec) / 1_000_000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Directory) {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        (home, storage)
    }

    #[test]
    fn writes_reads_slices_and_lists() {
        let (_home, storage) = home();
        storage.create_dir("log").expect("makes a directory");
        let file = storage.open("log/a", Open::CreateNew).expect("creates");
        file.write_all_at(b"hello world", 0).expect("writes");
        let slice = file.slice(6, 5).expect("maps");
        assert_eq!(&*slice, b"world");
        assert_eq!(&*slice.part(1..3), b"or");
        let names: Vec<_> = storage.list("log").expect("lists");
        assert_eq!(names, [DirEntry { name: "a".to_owned(), kind: Kind::File }]);
        assert!(storage.open("log/a", Open::CreateNew).expect_err("is there").already_exists());
        assert!(storage.open("log/b", Open::Read).expect_err("is not there").is_not_found());
        assert!(file.slice(6, 6).is_err(), "past the end");
        storage.remove_file("log/a").expect("removes");
        assert_eq!(&*slice, b"world", "a map outlives its file's name");
    }

    #[test]
    fn directories_above_are_made_too() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("a/b/c");
        for _ in 0..2 {
            Directory::create(&path).expect("makes it, or finds it");
        }
        let (_, mode) = Directory::open(&path).and_then(|dir| dir.owner_and_mode()).expect("opens");
        assert_eq!(mode, 0o700);
    }

    #[test]
    fn no_way_leads_out() {
        let (home, storage) = home();
        std::fs::write(home.path().join("secret"), "x").expect("writes");
        std::os::unix::fs::symlink("secret", home.path().join("link")).expect("links");
        std::os::unix::fs::symlink(home.path(), home.path().join("dir")).expect("links");
        rustix::fs::mkfifoat(rustix::fs::CWD, home.path().join("pipe"), Mode::RWXU)
            .expect("makes a pipe");
        for path in ["link", "dir/secret", "pipe", "../x", "a/../secret", "..", "."] {
            assert!(storage.open(path, Open::Read).is_err(), "{path}");
            assert!(storage.open(path, Open::Create).is_err(), "{path}");
        }
        assert_eq!(storage.metadata("link").expect("is there").kind, Kind::Other);
    }

    #[test]
    fn new_files_and_directories_are_their_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (home, storage) = home();
        storage.create_dir("d").expect("makes a directory");
        storage.open("d/f", Open::Create).expect("creates");
        let mode = |path| {
            std::fs::metadata(home.path().join(path)).expect("is there").permissions().mode()
        };
        assert_eq!(mode("d") & 0o777, 0o700);
        assert_eq!(mode("d/f") & 0o777, 0o600);
    }
}
