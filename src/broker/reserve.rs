//! `run/reserve`: blocks that are held so that a full disk can be emptied. What frees space writes
//! first: a checkpoint, the catalog. Where that finds no room, the reserve is given up for it.
//!
//! Nothing depends on the file: without it a topic can't be deleted on a full disk, and segments go
//! one by one before the log start is noted. It is made where there is room for
//! it, whenever a process comes to write and before space is freed. A lock is held from when it is
//! given up until what it was given up for is done: no other takes the room for a new reserve.
//!
//! The order of what is written stays as it is everywhere else, so this adds no case to what a crash
//! may leave.

use std::sync::Arc;

use super::error::{Error, Result};
use super::home::{Home, RESERVE_LOCK};
use crate::storage::{self, File, LockKind, LockTable, Open, Storage, Wait};

const PATH: &str = "run/reserve";
/// Enough for a checkpoint, the epochs and a catalog of hundreds of topics at a time.
const BYTES: usize = 64 << 10;

impl Home {
    /// Does what frees space, and if the disk has no room for it does it anew with the reserve given
    /// up. What failed for lack of space must be fit to be done again.
    pub(super) fn with_room<T>(&self, free: impl Fn() -> Result<T>) -> Result<T> {
        let (storage, locks) = (&**self.storage(), self.require_write()?);
        keep(storage, locks);
        match free() {
            Err(error) if error.storage().is_some_and(storage::Error::is_full) => {
                let _lock = locks.acquire(RESERVE_LOCK, LockKind::Exclusive, Wait::Yes)?;
                storage::found(storage.remove_file(PATH))?;
                free()
            }
            done => done,
        }
    }
}

/// Makes the reserve where it is not there and has room. Nobody needs it yet: a failure is none.
pub(super) fn keep(storage: &dyn Storage, locks: &Arc<LockTable>) {
    let is_whole = |reserve: storage::Metadata| reserve.len >= BYTES as u64;
    if storage.metadata(PATH).is_ok_and(is_whole) {
        return;
    }
    let Ok(Some(_lock)) = locks.acquire(RESERVE_LOCK, LockKind::Exclusive, Wait::No) else {
        return;
    };
    if storage.open(PATH, Open::Create).map_err(Error::from).and_then(|file| fill(&*file)).is_err()
    {
        // A part of it would only take what room there is.
        let _ = storage.remove_file(PATH);
    }
}

fn fill(file: &dyn File) -> Result<()> {
    let mut bytes = vec![0; BYTES];
    // A file system that compresses would hold no blocks for zeros.
    getrandom::fill(&mut bytes)
        .map_err(|error| storage::Error::new("make", PATH, std::io::Error::other(error)))?;
    Ok(file.write_all_at(&bytes, 0)?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::broker::Access;

    /// Says that the disk is full as long as the reserve is there.
    fn needs_room(home: &Home, tries: &Cell<usize>) -> Result<()> {
        tries.set(tries.get() + 1);
        let reserve = storage::found(home.storage().metadata(PATH))?;
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        reserve.map_or(Ok(()), |_| Err(storage::Error::new("write", "x", full).into()))
    }

    #[test]
    fn it_is_given_up_once_and_made_anew() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = || Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let len = || std::fs::metadata(dir.path().join(PATH)).ok().map(|reserve| reserve.len());
        let (home, tries) = (open(), Cell::new(0));
        assert_eq!(len(), Some(BYTES as u64));
        home.with_room(|| needs_room(&home, &tries)).expect("there is room without it");
        assert_eq!((tries.get(), len()), (2, None));
        home.with_room(|| Ok(())).expect("needs none");
        assert_eq!(len(), Some(BYTES as u64), "it was made before space was freed");
        std::fs::write(dir.path().join(PATH), "a part").expect("writes");
        drop(open());
        assert_eq!(len(), Some(BYTES as u64), "a part of it is none");
    }

    #[test]
    fn it_is_kept_where_something_else_is_wrong() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Write, true, "test").expect("opens");
        let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let failed: Result<()> =
            home.with_room(|| Err(storage::Error::new("write", "x", denied()).into()));
        assert!(failed.is_err());
        assert!(dir.path().join(PATH).exists());
    }
}
