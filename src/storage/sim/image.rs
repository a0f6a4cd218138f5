//! The tree of the laboratory: which names lead to which files, as processes see it and as the
//! disk has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

use rustix::io::Errno;

use super::content::Content;
use super::faults::{Dice, Loss};
use super::folder::{Folder, NameChange};

/// A file or directory, whatever its name: an inode number, never used again.
pub(super) type Id = u64;

/// The tree's root.
pub(super) const ROOT: Id = 1;

/// All files and directories.
#[derive(Debug)]
pub(super) struct Image {
    nodes: BTreeMap<Id, Node>,
    id_last: Id,
    clock_ms: i64,
}

/// What a name leads to.
#[derive(Debug)]
pub(super) enum Node {
    File(Content),
    Folder(Folder),
}

/// What a process asks for. Whether it may is settled before.
#[derive(Debug)]
pub(super) enum Operation<'a> {
    /// Something that changes nothing.
    Read,
    Write {
        file: Id,
        position: u64,
        bytes: &'a [u8],
    },
    SetLen {
        file: Id,
        len: u64,
    },
    SyncData(Id),
    /// Changes of names that processes see as one.
    Names(Vec<(Id, NameChange)>),
    SyncDir(Id),
}

impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => write!(f, "read"),
            Self::Write { position, bytes, .. } => write!(f, "write {position}+{}", bytes.len()),
            Self::SetLen { len, .. } => write!(f, "set_len {len}"),
            Self::SyncData(_) => write!(f, "sync_data"),
            Self::Names(changes) => {
                let each = |(folder, change): &(Id, _)| format!("{change} in {folder}");
                f.write_str(&changes.iter().map(each).collect::<Vec<_>>().join(", "))
            }
            Self::SyncDir(_) => write!(f, "sync_dir"),
        }
    }
}

impl Operation<'_> {
    /// What is done of it where the process dies in it.
    pub(super) fn cut_by_kill(self, dice: &mut Dice) -> Self {
        match self {
            Self::Write { file, position, bytes } => {
                Self::Write { file, position, bytes: &bytes[..dice.below(bytes.len() + 1)] }
            }
            other if dice.coin() => other,
            _ => Self::Read,
        }
    }

    /// What is done of it where it fails: never all.
    pub(super) fn cut_by_error(self, dice: &mut Dice) -> Self {
        match self {
            Self::Write { file, position, bytes } => {
                Self::Write { file, position, bytes: &bytes[..dice.below(bytes.len())] }
            }
            _ => Self::Read,
        }
    }
}

impl Image {
    pub(super) fn new() -> Self {
        let root = Node::Folder(Folder::default());
        Self { nodes: BTreeMap::from([(ROOT, root)]), id_last: ROOT, clock_ms: 0 }
    }

    pub(super) fn apply(&mut self, operation: Operation<'_>) -> io::Result<()> {
        self.clock_ms += 1;
        match operation {
            Operation::Read => {}
            Operation::Write { file, position, bytes } => {
                self.changed(file)?.write(position, bytes)?;
            }
            Operation::SetLen { file, len } => self.changed(file)?.set_len(len)?,
            Operation::SyncData(file) => self.content_mut(file)?.sync(),
            Operation::Names(changes) => {
                for (folder, change) in changes {
                    self.folder_mut(folder)?.change(change);
                }
            }
            Operation::SyncDir(folder) => self.folder_mut(folder)?.sync(),
        }
        Ok(())
    }

    /// What is there after a crash: what no name on the disk leads to is gone.
    pub(super) fn crash(&mut self, loss: Loss) {
        let seed = if let Loss::Random(seed) = loss { seed } else { 0 };
        for (id, node) in &mut self.nodes {
            let mut dice = Dice::new(seed).fork(*id);
            match node {
                Node::File(content) => content.crash(loss, &mut dice),
                Node::Folder(folder) => folder.crash(loss, &mut dice),
            }
        }
        let reached: BTreeSet<Id> = self.walk().into_iter().map(|(_, id)| id).collect();
        self.nodes.retain(|id, _| *id == ROOT || reached.contains(id));
    }

    /// A new file or directory, without a name yet.
    pub(super) fn add(&mut self, node: Node) -> Id {
        self.id_last += 1;
        self.nodes.insert(self.id_last, node);
        self.id_last
    }

    pub(super) fn node(&self, id: Id) -> io::Result<&Node> {
        self.nodes.get(&id).ok_or_else(|| Errno::STALE.into())
    }

    pub(super) fn content(&self, file: Id) -> io::Result<&Content> {
        match self.node(file)? {
            Node::File(content) => Ok(content),
            Node::Folder(_) => Err(Errno::ISDIR.into()),
        }
    }

    pub(super) fn content_mut(&mut self, file: Id) -> io::Result<&mut Content> {
        match self.nodes.get_mut(&file) {
            Some(Node::File(content)) => Ok(content),
            Some(Node::Folder(_)) => Err(Errno::ISDIR.into()),
            None => Err(Errno::STALE.into()),
        }
    }

    /// A file whose content is about to change.
    fn changed(&mut self, file: Id) -> io::Result<&mut Content> {
        let now_ms = self.clock_ms;
        let content = self.content_mut(file)?;
        content.modified_ms = now_ms;
        Ok(content)
    }

    fn folder(&self, id: Id) -> io::Result<&Folder> {
        match self.node(id)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(Errno::NOTDIR.into()),
        }
    }

    fn folder_mut(&mut self, id: Id) -> io::Result<&mut Folder> {
        match self.nodes.get_mut(&id) {
            Some(Node::Folder(folder)) => Ok(folder),
            Some(Node::File(_)) => Err(Errno::NOTDIR.into()),
            None => Err(Errno::STALE.into()),
        }
    }

    /// The directory at a path; the root's is empty.
    pub(super) fn directory(&self, path: &str) -> io::Result<Id> {
        let id = if path.is_empty() { ROOT } else { self.find(path)? };
        self.folder(id).map(|_| id)
    }

    /// The names in a directory.
    pub(super) fn names(&self, folder: Id) -> io::Result<&BTreeMap<String, Id>> {
        self.folder(folder).map(Folder::live)
    }

    /// The directory that holds a path, and the last part of it, which may not be there.
    pub(super) fn parent<'p>(&self, path: &'p str) -> io::Result<(Id, &'p str)> {
        let mut parts = path.split('/');
        let last = parts.next_back().unwrap_or_default();
        if matches!(last, "." | "..") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut parent = ROOT;
        for part in parts {
            if matches!(part, "" | "." | "..") {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            parent = *self.names(parent)?.get(part).ok_or(Errno::NOENT)?;
        }
        self.folder(parent)?;
        if last.is_empty() { Err(Errno::NOENT.into()) } else { Ok((parent, last)) }
    }

    /// What a path leads to.
    pub(super) fn find(&self, path: &str) -> io::Result<Id> {
        let (parent, name) = self.parent(path)?;
        self.names(parent)?.get(name).copied().ok_or_else(|| Errno::NOENT.into())
    }

    /// A name that is free, and its directory.
    pub(super) fn free<'p>(&self, path: &'p str) -> io::Result<(Id, &'p str)> {
        let (parent, name) = self.parent(path)?;
        if self.names(parent)?.contains_key(name) {
            return Err(Errno::EXIST.into());
        }
        Ok((parent, name))
    }

    /// The changes that a rename is.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<Vec<(Id, NameChange)>> {
        let (from_parent, from_name) = self.parent(from)?;
        let (to_parent, to_name) = self.parent(to)?;
        let id = self.find(from)?;
        if let Some(&replaced) = self.names(to_parent)?.get(to_name) {
            if replaced == id {
                return Ok(Vec::new());
            }
            match (self.node(id)?, self.node(replaced)?) {
                (Node::File(_), Node::File(_)) => {}
                (Node::File(_), Node::Folder(_)) => return Err(Errno::ISDIR.into()),
                (Node::Folder(_), Node::File(_)) => return Err(Errno::NOTDIR.into()),
                (Node::Folder(_), Node::Folder(_)) => self.empty(replaced)?,
            }
        }
        if to.starts_with(&format!("{from}/")) {
            return Err(Errno::INVAL.into());
        }
        let (from, to) = (from_name.to_owned(), to_name.to_owned());
        if from_parent == to_parent {
            return Ok(vec![(to_parent, NameChange::Move { from, to, id })]);
        }
        Ok(vec![(to_parent, NameChange::Set(to, id)), (from_parent, NameChange::Unset(from))])
    }

    /// Refuses a directory that has names in it.
    pub(super) fn empty(&self, folder: Id) -> io::Result<()> {
        if self.names(folder)?.is_empty() { Ok(()) } else { Err(Errno::NOTEMPTY.into()) }
    }

    /// Every path that processes see, each directory once, and what it leads to.
    pub(super) fn walk(&self) -> Vec<(String, Id)> {
        let mut found = Vec::new();
        let mut entered = BTreeSet::from([ROOT]);
        let mut ahead = vec![(String::new(), ROOT)];
        while let Some((prefix, folder)) = ahead.pop() {
            for (name, &id) in self.names(folder).into_iter().flatten() {
                let path = format!("{prefix}{name}");
                if matches!(self.nodes.get(&id), Some(Node::Folder(_))) && entered.insert(id) {
                    ahead.push((format!("{path}/"), id));
                }
                found.push((path, id));
            }
        }
        found.sort();
        found
    }

    /// Puts a file on the disk, its directories too, as if it had always been there.
    pub(super) fn put(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let slashes = path.match_indices('/').map(|(slash, _)| slash);
        for folder in slashes.map(|slash| &path[..slash]) {
            if self.find(folder).is_err() {
                self.set(folder, Node::Folder(Folder::default()))?;
            }
            self.settle(folder)?;
        }
        self.clock_ms += 1;
        let content = Content::stored(bytes, self.clock_ms);
        match self.find(path) {
            Ok(file) => *self.content_mut(file)? = content,
            Err(_) => self.set(path, Node::File(content))?,
        }
        self.settle(path)
    }

    fn set(&mut self, path: &str, node: Node) -> io::Result<()> {
        let (parent, name) = self.free(path)?;
        let id = self.add(node);
        self.apply(Operation::Names(vec![(parent, NameChange::Set(name.to_owned(), id))]))
    }

    /// Makes a path's name durable.
    fn settle(&mut self, path: &str) -> io::Result<()> {
        let (parent, _) = self.parent(path)?;
        self.apply(Operation::SyncDir(parent))
    }
}
