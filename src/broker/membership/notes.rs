//! `run/members`: a file for each process that is a member of a group, named by its id: which group,
//! which partitions. It is written anew at each change and every second, so its age tells whether
//! the member comes to look at all.
//!
//! A lock cannot tell who has it; these can, for messages and nothing else: whether a partition is
//! owned its lock says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Subscription, ranges};
use crate::broker::error::Result;
use crate::broker::holders;
use crate::broker::home::{Home, LOCK_FILE, make_dir};
use crate::model::{Uuid, limits};
use crate::storage::{self, File, Open, Storage};

const DIR: &str = "run/members";

/// How old a note gets while its member looks around.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    group: String,
    /// By topic.
    owns: BTreeMap<String, Vec<i32>>,
}

/// The note of this process.
#[derive(Debug)]
pub(super) struct NoteFile {
    storage: Arc<dyn Storage>,
    path: String,
    group: String,
    written: Option<Instant>,
}

impl NoteFile {
    pub(super) fn new(home: &Home, group: &str) -> Self {
        let storage = Arc::clone(home.storage());
        let path = format!("{DIR}/{}", std::process::id());
        holders::forget_dead_in(&*storage, DIR);
        Self { storage, path, group: group.to_owned(), written: None }
    }

    /// It has to be written at the next chance.
    pub(super) const fn is_old(&mut self) {
        self.written = None;
    }

    /// Writes it, if something has changed or it is getting old. Nobody relies on it: a failure is
    /// none.
    pub(super) fn refresh(&mut self, now: Instant, changed: bool, topics: &[Subscription]) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < REFRESH_INTERVAL;
        if !changed && self.written.is_some_and(is_fresh) {
            return;
        }
        let owns = topics
            .iter()
            .map(|topic| (topic.name.to_string(), topic.owned.keys().copied().collect::<Vec<_>>()));
        let note = Note { group: self.group.clone(), owns: owns.collect() };
        let text = serde_json::to_vec(&note).unwrap_or_default();
        if self.write(&text).is_err() {
            let _ = make_dir(&*self.storage, "run").and_then(|()| make_dir(&*self.storage, DIR));
            let _ = self.write(&text);
        }
        self.written = Some(now);
    }

    fn write(&self, text: &[u8]) -> storage::Result<()> {
        let file = self.storage.open(&self.path, Open::Create)?;
        file.write_all_at(text, 0)?;
        file.set_len(text.len() as u64)
    }
}

impl Drop for NoteFile {
    fn drop(&mut self) {
        // One that is left behind is of a process that is gone, and is removed by the next member.
        let _ = self.storage.remove_file(&self.path);
    }
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberNote {
    /// Its process.
    pub process: u32,
    /// Its command line, if it said so.
    pub command: Option<String>,
    /// Milliseconds since it last came to look around: one whose output is not read does not.
    pub quiet_ms: i64,
}

/// Who owns the partitions of a group, for who asks without holding anything.
#[derive(Debug)]
pub struct Owners {
    group: String,
    locks: Option<Arc<dyn File>>,
    notes: Vec<(Note, MemberNote)>,
}

impl Owners {
    /// The owners of a group's partitions.
    ///
    /// # Errors
    /// As the file system says.
    pub fn of(home: &Home, group: &str, now_ms: i64) -> Result<Self> {
        let storage = &**home.storage();
        let locks = storage::found(storage.open(LOCK_FILE, Open::Read))?;
        let mut notes = Vec::new();
        for entry in storage.list(DIR).unwrap_or_default() {
            let is_alive = holders::is_alive(&entry.name) == Some(true);
            if let Some(process) = entry.name.parse().ok().filter(|_| is_alive)
                && let Some((note, modified_ms)) = read(storage, &format!("{DIR}/{}", entry.name))
                && note.group == group
            {
                let command = holders::command_of(storage, process);
                let quiet_ms = now_ms.saturating_sub(modified_ms).max(0);
                notes.push((note, MemberNote { process, command, quiet_ms }));
            }
        }
        Ok(Self { group: group.to_owned(), locks, notes })
    }

    /// The topics that members say they read.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().flat_map(|(note, _)| note.owns.keys().map(|topic| &**topic))
    }

    /// Whether a member has a partition, and which, if it said so.
    ///
    /// # Errors
    /// As the file system says.
    pub fn owner(
        &self,
        topic: Uuid,
        name: &str,
        partition: i32,
    ) -> Result<Option<Option<&MemberNote>>> {
        let range = ranges::owner(&self.group, topic, partition);
        let held = self.locks.as_ref().map(|locks| locks.locked_elsewhere(range)).transpose()?;
        if held.flatten().is_none() {
            return Ok(None);
        }
        let says = |(note, _): &&(Note, MemberNote)| {
            note.owns.get(name).is_some_and(|owned| owned.contains(&partition))
        };
        Ok(Some(self.notes.iter().find(says).map(|(_, member)| member)))
    }
}

/// A note and when it was written; `None` where it can't be read, as while it is written.
fn read(storage: &dyn Storage, path: &str) -> Option<(Note, i64)> {
    let modified_ms = storage.metadata(path).ok()?.modified_ms;
    let text = storage::read_text(storage, path, limits::MEMBER_NOTE_BYTES_MAX).ok()??;
    Some((serde_json::from_str(&text).ok()?, modified_ms))
}
