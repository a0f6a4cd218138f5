//! The crash laboratory: a file system in memory whose processes can be killed, whose machine
//! can lose power, and whose disk can fill up or fail, at any operation that a test names.
//!
//! It keeps two images. The *live* one is what processes see, and outlives them as the page
//! cache does. The *durable* one is what the disk has: content after [`super::File::sync_data`],
//! names after [`super::Storage::sync_dir`]. A crash makes the live image from the durable one
//! and from as much of the rest as [`Loss`] says. It is as unkind as the rules of
//! [`crate::storage`] allow: what passes here relies on no favour of one file system.
//!
//! A test runs its work once to count the operations, then once for each of them:
//!
//! ```
//! use runnel::storage::sim::{Fault, Loss, SimStorage};
//! use runnel::storage::{Storage, replace_file};
//!
//! fn work(storage: &SimStorage) -> runnel::storage::Result<()> {
//!     replace_file(storage, "a", b"old")?;
//!     replace_file(storage, "a", b"new")
//! }
//!
//! let counting = SimStorage::new();
//! work(&counting).expect("nothing fails");
//! for number in 0..counting.operations() {
//!     let storage = SimStorage::seeded(number);
//!     storage.fail_at(number, Fault::MachineCrash(Loss::Random(number)));
//!     work(&storage).expect_err("the machine stopped");
//!     let after = storage.process();
//!     let bytes = after.file_bytes("a");
//!     assert!(matches!(bytes.as_deref(), None | Some(b"old" | b"new")), "{:?}", after.trace());
//! }
//! ```
//!
//! Invariants: one mutex guards the world, so each operation is one step to all others; the
//! same seed and the same calls give the same world; a dead process changes nothing.

#[cfg(test)]
mod canary;
mod content;
mod faults;
mod file;
mod folder;
mod image;
mod locks;
mod storage;
#[cfg(test)]
mod tests;
mod world;

use std::io;
use std::sync::Arc;

use super::{Error, Result, Storage as _};
pub use faults::{Fault, Loss};
pub use world::Dead;
use world::{State, World};

/// One process's view of a laboratory's file system. A clone is the same process.
///
/// What only a test may ask (all but the calls of [`Storage`](super::Storage)) counts as no
/// operation and works for dead processes too.
#[derive(Debug, Clone)]
pub struct SimStorage {
    world: Arc<World>,
    process: u64,
}

impl Default for SimStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl SimStorage {
    /// The first process of an empty world.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// As [`SimStorage::new`]; the seed decides where a faulty operation is cut.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let (world, process) = World::new(seed);
        Self { world: Arc::new(world), process }
    }

    /// A new process of the same world, alive whatever became of this one.
    #[must_use]
    pub fn process(&self) -> Self {
        let process = self.world.enter().begin_process();
        Self { world: Arc::clone(&self.world), process }
    }

    /// Ends this process as `kill -9` does: its operations fail from now on and its locks end;
    /// what it wrote stays.
    pub fn kill(&self) {
        self.world.enter().kill(self.process);
        self.world.notify();
    }

    /// Whether this process was neither killed nor lost with the machine.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.world.enter().check(self.process).is_ok()
    }

    /// Stops the machine: every process dies, what is not durable is lost as `loss` says, and
    /// the boot id is another. Inode numbers and the mount stay.
    pub fn crash(&self, loss: Loss) {
        self.world.enter().crash(loss);
        self.world.notify();
    }

    /// Pulls the disk out of a running machine and mounts it again: as [`SimStorage::crash`],
    /// but the boot id stays and the mount is another.
    pub fn unplug(&self, loss: Loss) {
        self.world.enter().unplug(loss);
        self.world.notify();
    }

    /// How many operations there were: those that change something, and syncs. One that is
    /// refused (no such file …) is none.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.world.enter().plan.operations()
    }

    /// The operations so far, one line each, the number of the first being 0.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.world.enter().plan.trace().to_vec()
    }

    /// Plans a fault for the operation with this number, counted from the world's beginning; the
    /// next one's is [`SimStorage::operations`]. Any number of faults may be planned, one each.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.world.enter().plan.set(number, fault);
    }

    /// Forgets the faults that are still to come.
    pub fn clear_faults(&self) {
        self.world.enter().plan.clear();
    }

    /// From now on counts operations that only read, too, so that they can fail.
    pub fn count_reads(&self) {
        self.world.enter().plan.counts_reads = true;
    }

    /// Every file that processes see, by path, sorted.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let state = self.world.enter();
        let files = state.image.walk().into_iter();
        files.filter(|(_, id)| state.image.content(*id).is_ok()).map(|(path, _)| path).collect()
    }

    /// A file's bytes as processes see them; `None` if it is not there.
    #[must_use]
    pub fn file_bytes(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.world.enter();
        let id = state.image.find(path).ok()?;
        state.image.content(id).ok().map(|content| content.live().to_vec())
    }

    /// Puts a file there as if it had always been, its missing directories too: all durable,
    /// with the names beside it.
    ///
    /// # Errors
    /// Where the path can't be a file's.
    pub fn write_raw(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let result = self.world.enter().image.put(path, bytes);
        result.map_err(|source| Error::new("put", self.display(path), source))
    }

    /// Damages a byte of a file, for processes and on the disk: bits that are 1 in `xor` change.
    ///
    /// # Errors
    /// Where there is no such file or byte.
    pub fn corrupt(&self, path: &str, position: u64, xor: u8) -> Result<()> {
        let image = &mut self.world.enter().image;
        let corrupted = image.find(path).and_then(|id| {
            let content = image.content_mut(id)?;
            content.corrupt(position, xor)
        });
        corrupted.map_err(|source| Error::new("corrupt", self.display(path), source))
    }

    /// Runs one call of this process, in one step.
    fn call<T>(
        &self,
        action: &'static str,
        path: &str,
        body: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> Result<T> {
        let mut state = self.world.enter();
        let result = state.check(self.process).and_then(|()| body(&mut state));
        drop(state);
        result.map_err(|source| {
            // It may have been the end of processes that others wait for.
            self.world.notify();
            Error::new(action, self.display(path), source)
        })
    }
}
