//! What a process asks of the tree: each call settles whether it may, then performs its one
//! operation.

use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use super::SimStorage;
use super::content::Content;
use super::file::SimFile;
use super::folder::{Folder, NameChange};
use super::image::{Id, Node, Operation};
use super::locks::Owner;
use super::world::State;
use crate::storage::{DirEntry, File, FileId, Kind, Metadata, Open, Result, Storage, Watcher};

impl SimStorage {
    fn open_inode(&self, state: &mut State, path: &str, how: Open) -> io::Result<Id> {
        match (state.image.find(path), how) {
            (Ok(id), Open::Read | Open::Write | Open::Create) => {
                if how == Open::Read && matches!(state.image.node(id)?, Node::Folder(_)) {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
                }
                state.image.content(id)?;
                state.perform(self.process, path, Operation::Read)?;
                Ok(id)
            }
            (Err(error), Open::Create) if error.kind() != io::ErrorKind::NotFound => Err(error),
            (Err(error), Open::Read | Open::Write) => Err(error),
            (_, Open::Create | Open::CreateNew) => {
                self.make(state, path, Node::File(Content::default()))
            }
        }
    }

    fn make(&self, state: &mut State, path: &str, node: Node) -> io::Result<Id> {
        let (parent, name) = state.image.free(path)?;
        let id = state.image.add(node);
        let change = NameChange::Set(name.to_owned(), id);
        state.perform(self.process, path, Operation::Names(vec![(parent, change)]))?;
        Ok(id)
    }

    fn unlink(&self, state: &mut State, path: &str) -> io::Result<()> {
        let (parent, name) = state.image.parent(path)?;
        let change = NameChange::Unset(name.to_owned());
        state.perform(self.process, path, Operation::Names(vec![(parent, change)]))
    }
}

impl Storage for SimStorage {
    fn open(&self, path: &str, how: Open) -> Result<Arc<dyn File>> {
        let action = if matches!(how, Open::Create | Open::CreateNew) { "create" } else { "open" };
        self.call(action, path, |state| {
            let inode = self.open_inode(state, path, how)?;
            let owner = Owner { process: self.process, handle: state.begin_handle() };
            let writable = how != Open::Read;
            let (storage, path) = (self.clone(), path.to_owned());
            Ok(Arc::new(SimFile { storage, path, inode, owner, writable }) as Arc<dyn File>)
        })
    }

    fn create_dir(&self, path: &str) -> Result<()> {
        self.call("create", path, |state| {
            self.make(state, path, Node::Folder(Folder::default())).map(drop)
        })
    }

    fn list(&self, path: &str) -> Result<Vec<DirEntry>> {
        self.call("list", path, |state| {
            let folder = state.image.directory(path)?;
            state.perform(self.process, path, Operation::Read)?;
            let names = state.image.names(folder)?.iter();
            let entry = |(name, id): (&String, &Id)| {
                let kind = kind(state.image.node(*id)?);
                Ok(DirEntry { name: name.clone(), kind })
            };
            names.map(entry).collect()
        })
    }

    fn metadata(&self, path: &str) -> Result<Metadata> {
        self.call("inspect", path, |state| {
            let id = state.image.find(path)?;
            state.perform(self.process, path, Operation::Read)?;
            metadata(state, id)
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.call("rename", from, |state| {
            let changes = state.image.rename(from, to)?;
            state.perform(self.process, from, Operation::Names(changes))
        })
    }

    fn link(&self, from: &str, to: &str) -> Result<()> {
        self.call("link", from, |state| {
            let id = state.image.find(from)?;
            let (parent, name) = state.image.free(to)?;
            state.image.content(id).map_err(|_| Errno::PERM)?;
            let change = NameChange::Set(name.to_owned(), id);
            state.perform(self.process, to, Operation::Names(vec![(parent, change)]))
        })
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        self.call("remove", path, |state| {
            let id = state.image.find(path)?;
            state.image.content(id)?;
            self.unlink(state, path)
        })
    }

    fn remove_dir(&self, path: &str) -> Result<()> {
        self.call("remove", path, |state| {
            let id = state.image.find(path)?;
            state.image.empty(id)?;
            self.unlink(state, path)
        })
    }

    fn sync_dir(&self, path: &str) -> Result<()> {
        self.call("sync", path, |state| {
            let folder = state.image.directory(path)?;
            state.perform(self.process, path, Operation::SyncDir(folder))
        })
    }

    fn boot_id(&self) -> Option<[u8; 16]> {
        Some(u128::from(self.world.enter().boot).to_be_bytes())
    }

    fn display(&self, path: &str) -> String {
        if path.is_empty() { ".".to_owned() } else { path.to_owned() }
    }

    fn watch(&self, _path: &str) -> Option<Watcher> {
        None
    }
}

fn kind(node: &Node) -> Kind {
    match node {
        Node::File(_) => Kind::File,
        Node::Folder(_) => Kind::Directory,
    }
}

/// What is known of an inode.
pub(super) fn metadata(state: &State, id: Id) -> io::Result<Metadata> {
    let node = state.image.node(id)?;
    let (len, modified_ms) = match node {
        Node::File(content) => (content.live().len() as u64, content.modified_ms),
        Node::Folder(_) => (0, 0),
    };
    let id = FileId { device: 1, mount: state.mount, inode: id };
    Ok(Metadata { kind: kind(node), len, id, modified_ms })
}
