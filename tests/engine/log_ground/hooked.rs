//! Storage beside whose removals something is done, at exactly that moment.

use std::sync::{Arc, Mutex};

use runnel::storage::sim::SimStorage;
use runnel::storage::{DirEntry, File, Metadata, Open, Result, Storage, Watcher};

type Hook = Arc<dyn Fn() + Send + Sync>;

/// A process's view of a tree.
pub(crate) struct Hooked {
    storage: SimStorage,
    /// What is done before each file is removed.
    before_removal: Mutex<Option<Hook>>,
}

impl Hooked {
    pub(crate) fn new(storage: SimStorage) -> Self {
        Self { storage, before_removal: Mutex::default() }
    }

    pub(crate) fn before_removal(&self, hook: impl Fn() + Send + Sync + 'static) {
        *self.before_removal.lock().expect("no panic") = Some(Arc::new(hook));
    }
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.storage.fmt(f)
    }
}

impl Storage for Hooked {
    fn open(&self, path: &str, how: Open) -> Result<Arc<dyn File>> {
        self.storage.open(path, how)
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
        let hook = self.before_removal.lock().expect("no panic").clone();
        if let Some(hook) = hook {
            hook();
        }
        self.storage.remove_file(path)
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.storage.remove_dir(path)
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        self.storage.sync_dir(path)
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
