//! An open file of a [`Directory`](super::Directory): reads, writes, maps and locks.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use memmap2::MmapOptions;
use rustix::fs::{self, AtFlags};

use super::directory::{Reading, stat};
use super::{Error, File, LockKind, LockRange, Metadata, Result, Slice, Wait};

/// Bytes that are read rather than mapped: to make, touch and remove a map costs as much.
const COPIED_BYTES_MAX: usize = 8 << 10;

/// A regular file that is open.
#[derive(Debug)]
pub(super) struct RealFile {
    pub(super) descriptor: OwnedFd,
    pub(super) path: String,
    pub(super) reading: Reading,
}

impl RealFile {
    fn error(&self, action: &'static str, source: impl Into<io::Error>) -> Error {
        Error::new(action, &self.path, source)
    }

    fn copy(&self, position: u64, len: usize) -> Result<Slice> {
        let mut bytes = vec![0; len];
        (self as &dyn File).read_exact_at(&mut bytes, position)?;
        Ok(Slice::copied(bytes))
    }

    #[allow(unsafe_code)]
    fn map(&self, position: u64, len: usize) -> Result<Slice> {
        let mut options = MmapOptions::new();
        options.offset(position).len(len);
        // SAFETY: the caller asks only for validated bytes of a log file. No runnel process ever
        // rewrites such bytes with others or cuts them off (`Storage`, the log room), and the
        // directory is its owner's alone. Damage by a foreign program is outside that promise, as
        // for every reader that maps files.
        let map = unsafe { options.map(self.descriptor.as_raw_fd()) };
        map.map(Slice::mapped).map_err(|source| self.error("map", source))
    }
}

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        loop {
            match rustix::io::pread(&self.descriptor, &mut *buffer, position) {
                Err(rustix::io::Errno::INTR) => {}
                result => return result.map_err(|errno| self.error("read", errno)),
            }
        }
    }

    fn write_all_at(&self, mut bytes: &[u8], mut position: u64) -> Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.descriptor, bytes, position) {
                Ok(0) => return Err(self.error("write", io::ErrorKind::WriteZero)),
                Ok(count) => {
                    bytes = &bytes[count..];
                    position += count as u64;
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(self.error("write", errno)),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        fs::ftruncate(&self.descriptor, len).map_err(|errno| self.error("truncate", errno))
    }

    fn sync_data(&self) -> Result<()> {
        fs::fdatasync(&self.descriptor).map_err(|errno| self.error("sync", errno))
    }

    fn metadata(&self) -> Result<Metadata> {
        stat(self.descriptor.as_fd(), "", AtFlags::EMPTY_PATH).map_err(|e| self.error("inspect", e))
    }

    fn slice(&self, position: u64, len: usize) -> Result<Slice> {
        match self.reading {
            Reading::Maps if len > COPIED_BYTES_MAX => {
                // A map may reach past the end of the file, where touching it is fatal.
                if self.metadata()?.len < position.saturating_add(len as u64) {
                    return Err(self.error("read", io::ErrorKind::UnexpectedEof));
                }
                self.map(position, len)
            }
            Reading::Maps | Reading::Copies => self.copy(position, len),
        }
    }

    #[allow(unsafe_code)]
    fn start_writeback(&self, position: u64, len: u64) {
        let (Ok(position), Ok(len)) = (i64::try_from(position), i64::try_from(len)) else {
            return;
        };
        // SAFETY: the call takes a descriptor, which is open as long as this file is, and three
        // numbers; it touches no memory of ours.
        unsafe {
            nix::libc::sync_file_range(
                self.descriptor.as_raw_fd(),
                position,
                len,
                nix::libc::SYNC_FILE_RANGE_WRITE,
            );
        }
    }

    fn set_modified(&self, modified_ms: i64) {
        let time = fs::Timespec {
            tv_sec: modified_ms.div_euclid(1000),
            tv_nsec: modified_ms.rem_euclid(1000) * 1_000_000,
        };
        let times = fs::Timestamps { last_access: time, last_modification: time };
        // Where it can't be set, the file is as old as it is.
        let _ = fs::futimens(&self.descriptor, &times);
    }

    fn lock(&self, range: LockRange, kind: LockKind, wait: Wait) -> Result<bool> {
        let action = if kind == LockKind::Shared { nix::libc::F_RDLCK } else { nix::libc::F_WRLCK };
        let request = lock_request(range, action);
        loop {
            let argument = match wait {
                Wait::Yes => nix::fcntl::FcntlArg::F_OFD_SETLKW(&request),
                Wait::No => nix::fcntl::FcntlArg::F_OFD_SETLK(&request),
            };
            match nix::fcntl::fcntl(&self.descriptor, argument) {
                Ok(_) => return Ok(true),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) if wait == Wait::No => {
                    return Ok(false);
                }
                Err(errno) => return Err(self.error("lock", errno)),
            }
        }
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        let request = lock_request(range, nix::libc::F_UNLCK);
        nix::fcntl::fcntl(&self.descriptor, nix::fcntl::FcntlArg::F_OFD_SETLK(&request))
            .map(drop)
            .map_err(|errno| self.error("unlock", errno))
    }

    fn locked_elsewhere(&self, range: LockRange) -> Result<Option<LockRange>> {
        let mut request = lock_request(range, nix::libc::F_WRLCK);
        let argument = nix::fcntl::FcntlArg::F_OFD_GETLK(&mut request);
        nix::fcntl::fcntl(&self.descriptor, argument)
            .map_err(|errno| self.error("look at the locks of", errno))?;
        if i32::from(request.l_type) == nix::libc::F_UNLCK {
            return Ok(None);
        }
        Ok(Some(LockRange { start: request.l_start as u64, len: request.l_len as u64 }))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.descriptor.as_fd())
    }

    fn display(&self) -> &str {
        &self.path
    }
}

fn lock_request(range: LockRange, action: i32) -> nix::libc::flock {
    nix::libc::flock {
        l_type: action as i16,
        l_whence: nix::libc::SEEK_SET as i16,
        l_start: range.start as i64,
        l_len: range.len as i64,
        l_pid: 0,
    }
}
