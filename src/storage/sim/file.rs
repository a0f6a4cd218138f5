//! An open file of the laboratory.

use std::io;
use std::sync::PoisonError;

use rustix::io::Errno;

use super::SimStorage;
use super::image::{Id, Operation};
use super::locks::Owner;
use super::storage::metadata;
use super::world::State;
use crate::storage::{Error, File, LockKind, LockRange, Metadata, Result, Slice, Wait};

/// A handle of one process on one inode, whatever became of its name; its locks are its own.
#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) storage: SimStorage,
    pub(super) path: String,
    pub(super) inode: Id,
    pub(super) owner: Owner,
    pub(super) writable: bool,
}

impl SimFile {
    fn call<T>(
        &self,
        action: &'static str,
        body: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        self.storage.call(action, &self.path, body)
    }

    fn perform(&self, state: &mut State, operation: Operation<'_>) -> io::Result<()> {
        state.perform(self.owner.process, &self.path, operation)
    }

    /// Refuses what the handle was not opened for.
    fn writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl File for SimFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        self.call("read", |state| {
            self.perform(state, Operation::Read)?;
            Ok(state.image.content(self.inode)?.read(buffer, position))
        })
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.call("write", |state| {
            self.writable()?;
            self.perform(state, Operation::Write { file: self.inode, position, bytes })
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.call("truncate", |state| {
            self.writable().map_err(|_| Errno::INVAL)?;
            self.perform(state, Operation::SetLen { file: self.inode, len })
        })
    }

    fn sync_data(&self) -> Result<()> {
        self.call("sync", |state| self.perform(state, Operation::SyncData(self.inode)))
    }

    fn metadata(&self) -> Result<Metadata> {
        self.call("inspect", |state| {
            self.perform(state, Operation::Read)?;
            metadata(state, self.inode)
        })
    }

    fn slice(&self, position: u64, len: usize) -> Result<Slice> {
        let mut bytes = vec![0; len];
        (self as &dyn File).read_exact_at(&mut bytes, position)?;
        Ok(Slice::copied(bytes))
    }

    fn lock(&self, range: LockRange, kind: LockKind, wait: Wait) -> Result<bool> {
        let error = |source| Error::new("lock", self.display(), source);
        if kind == LockKind::Exclusive {
            self.writable().map_err(error)?;
        }
        let world = &self.storage.world;
        let mut state = world.enter();
        loop {
            state.check(self.owner.process).map_err(error)?;
            if state.locks.take(self.inode, self.owner, range, kind) {
                // What was exclusive may be shared now.
                world.notify();
                return Ok(true);
            }
            if wait == Wait::No {
                return Ok(false);
            }
            state = world.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.call("unlock", |state| {
            state.locks.give_up(self.inode, self.owner, range);
            Ok(())
        })?;
        self.storage.world.notify();
        Ok(())
    }

    fn locked_elsewhere(&self, range: LockRange) -> Result<Option<LockRange>> {
        self.call("look at the locks of", |state| {
            Ok(state.locks.elsewhere(self.inode, self.owner, range))
        })
    }

    fn display(&self) -> &str {
        &self.path
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.storage.world.enter().locks.close(self.owner);
        self.storage.world.notify();
    }
}
