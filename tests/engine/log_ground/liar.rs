//! Storage that lies: what the crash test must find out.

use std::sync::Arc;

use runnel::storage::sim::SimStorage;
use runnel::storage::{
    DirEntry, File, LockKind, LockRange, Metadata, Open, Result, Slice, Storage, Wait, Watcher,
};

/// What is untrue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    Honest,
    /// A file is synced without being stored.
    SyncsNoData,
    /// A directory is synced without its names being stored.
    SyncsNoNames,
    /// A sync that failed is repeated, and then said to have gone well.
    RepeatsFailedSyncs,
}

/// A process's view of a tree, through a lie.
pub(crate) fn through(storage: SimStorage, lie: Lie) -> Arc<dyn Storage> {
    match lie {
        Lie::Honest => Arc::new(storage),
        lie => Arc::new(Liar { storage, lie }),
    }
}

#[derive(Debug)]
struct Liar {
    storage: SimStorage,
    lie: Lie,
}

#[derive(Debug)]
struct LiarFile {
    file: Arc<dyn File>,
    lie: Lie,
}

impl Storage for Liar {
    fn open(&self, path: &str, how: Open) -> Result<Arc<dyn File>> {
        let file = self.storage.open(path, how)?;
        Ok(Arc::new(LiarFile { file, lie: self.lie }))
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        self.storage.create_dir(path)
    }

    fn list(&self, path: &str) -> Result<Vec<DirEntry>> {
        self.storage.list(path)
    }

    fn metadata(&self, path: &str) -> Result<Metadata> {
        self.storage.metadata(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.storage.rename(from, to)
    }

    fn link(&self, from: &str, to: &str) -> Result<()> {
        self.storage.link(from, to)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.storage.remove_file(path)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.storage.remove_dir(path)
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        if self.lie == Lie::SyncsNoNames { Ok(()) } else { self.storage.sync_dir(path) }
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        self.storage.boot_id()
    }

    fn display(&self, path: &str) -> String {
        self.storage.display(path)
    }

    fn watch(&self, path: &str) -> Option<Watcher> {
        self.storage.watch(path)
    }
}

impl File for LiarFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        self.file.read_at(buffer, position)
    }

    fn write_all_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.file.write_all_at(bytes, position)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        match self.lie {
            Lie::SyncsNoData => Ok(()),
            Lie::RepeatsFailedSyncs => self.file.sync_data().or_else(|_| self.file.sync_data()),
            _ => self.file.sync_data(),
        }
    }

    fn metadata(&self) -> Result<Metadata> {
        self.file.metadata()
    }

    fn slice(&self, position: u64, len: usize) -> Result<Slice> {
        self.file.slice(position, len)
    }

    fn lock(&self, range: LockRange, kind: LockKind, wait: Wait) -> Result<bool> {
        self.file.lock(range, kind, wait)
    }

    fn unlock(&self, range: LockRange) -> Result<()> {
        self.file.unlock(range)
    }

    fn locked_elsewhere(&self, range: LockRange) -> Result<Option<LockRange>> {
        self.file.locked_elsewhere(range)
    }

    fn display(&self) -> &str {
        self.file.display()
    }
}
