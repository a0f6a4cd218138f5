//! `run/holders`: a file for each process that writes, named by its id, in which stands what it is
//! doing. A lock cannot tell who has it; these can, for messages and nothing else.

use rustix::process::{Pid, test_kill_process};

use super::error::Result;
use crate::model::limits;
use crate::storage::{self, Kind, Open, Storage};

pub(super) const DIR: &str = "run/holders";

/// The file of a process.
pub(super) fn path_of(process: u32) -> String {
    format!("{DIR}/{process}")
}

/// Says what a process does, in place of what it said before. Where the disk is full it says nothing:
/// that a process writes, its lock says.
pub(super) fn write(storage: &dyn Storage, path: &str, command: &str) -> Result<()> {
    match write_text(storage, path, &format!("{command}\n")) {
        Err(error) if error.is_full() => {
            // One that is empty, or half of one, would name nobody.
            let _ = storage.remove_file(path);
            Ok(())
        }
        written => Ok(written?),
    }
}

fn write_text(storage: &dyn Storage, path: &str, text: &str) -> storage::Result<()> {
    let file = storage.open(path, Open::Create)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.set_len(text.len() as u64)
}

/// What the processes say that are alive: `process 42: runnel produce orders`.
pub(super) fn living(storage: &dyn Storage) -> Vec<String> {
    let mut holders = Vec::new();
    for entry in storage.list(DIR).unwrap_or_default() {
        if entry.kind == Kind::File && is_alive(&entry.name) == Some(true) {
            let path = format!("{DIR}/{}", entry.name);
            let text = storage::read_text(storage, &path, limits::SMALL_FILE_BYTES_MAX);
            let text = text.ok().flatten();
            holders.extend(text.map(|text| format!("process {}: {}", entry.name, text.trim())));
        }
    }
    holders.sort_unstable();
    holders
}

/// The one of them that serves. A number that was given to another process may stand beside it.
pub(super) fn server_of(mut holders: Vec<String>) -> Option<String> {
    let serves = |holder: &String| holder.contains(": runnel serve");
    let server = holders.iter().position(serves).unwrap_or_default();
    (!holders.is_empty()).then(|| holders.swap_remove(server))
}

/// What a process says that it is doing.
pub(super) fn command_of(storage: &dyn Storage, process: u32) -> Option<String> {
    let text = storage::read_text(storage, &path_of(process), limits::SMALL_FILE_BYTES_MAX);
    text.ok().flatten().map(|text| text.trim().to_owned())
}

/// Removes what processes left here that were killed. Nobody needs it gone: a failure is none.
pub(super) fn forget_dead(storage: &dyn Storage) {
    forget_dead_in(storage, DIR);
}

/// Removes the files of a directory that are named by processes that are gone.
pub(super) fn forget_dead_in(storage: &dyn Storage, dir: &str) {
    for entry in storage.list(dir).unwrap_or_default() {
        if is_alive(&entry.name) == Some(false) {
            let _ = storage.remove_file(&format!("{dir}/{}", entry.name));
        }
    }
}

/// Whether a process of this number is there; `None` for what is no number.
pub(super) fn is_alive(name: &str) -> Option<bool> {
    let process = Pid::from_raw(name.parse().ok()?)?;
    Some(test_kill_process(process) != Err(rustix::io::Errno::SRCH))
}
