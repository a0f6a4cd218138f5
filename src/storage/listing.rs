//! The names in a directory, as of one moment.
//!
//! Of names that come, go or are replaced while a directory is read, POSIX promises nothing, and
//! a `rename` over a name counts as that. On a tmpfs of Linux 6.18 a reading in pieces beside such renames
//! gives names twice, leaves out others that were there all the time, or ends early: the place where
//! it goes on is that of an entry which has moved. A log listed so has a hole that nobody notices.
//!
//! Within one `getdents64` the kernel holds the directory's lock (`iterate_dir`), which whoever changes
//! its names must have. So all are asked for in one call, with more room until they fit.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::fs::{self, AtFlags, FileType, RawDir};
use rustix::io::Errno;

use super::directory::kind;
use super::{DirEntry, Kind};

/// Bytes of room, time after time: for some five hundred names of segments, for sixteen thousand, for
/// a million. What is not filled costs nothing.
const ROOMS: [usize; 3] = [32 << 10, 1 << 20, 64 << 20];

/// A reading of a directory from its beginning to its end.
struct Reading {
    entries: Vec<DirEntry>,
    /// In how many pieces they came.
    pieces: usize,
}

/// Lists a directory, which each call of `open` opens anew.
pub(super) fn list(open: impl Fn() -> io::Result<OwnedFd>) -> io::Result<Vec<DirEntry>> {
    in_one_piece(|room| read(&open()?, room))
}

/// What is read in one piece, with as much room as that takes.
fn in_one_piece(mut read: impl FnMut(usize) -> io::Result<Reading>) -> io::Result<Vec<DirEntry>> {
    let mut last = Vec::new();
    for room in ROOMS {
        let Reading { entries, pieces } = read(room)?;
        if pieces <= 1 {
            return Ok(entries);
        }
        last = entries;
    }
    // A file system that is no local one may give pieces whatever the room, by rules of its own.
    last.sort_by(|a, b| a.name.cmp(&b.name));
    last.dedup_by(|a, b| a.name == b.name);
    Ok(last)
}

fn read(directory: &OwnedFd, room: usize) -> io::Result<Reading> {
    let mut buffer = Vec::with_capacity(room);
    let mut raw = RawDir::new(directory, buffer.spare_capacity_mut());
    let mut reading = Reading { entries: Vec::new(), pieces: 0 };
    loop {
        let begins = raw.is_buffer_empty();
        let entry = match raw.next() {
            None => return Ok(reading),
            Some(Err(Errno::INTR)) => continue,
            Some(entry) => entry?,
        };
        reading.pieces += usize::from(begins);
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        if matches!(name, "." | "..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => kind_of(directory.as_fd(), entry.file_name())?,
            known => Some(kind(known)),
        };
        reading.entries.extend(kind.map(|kind| DirEntry { name: name.to_owned(), kind }));
    }
}

/// For file systems whose listings don't tell; `None` of what is not there any more.
fn kind_of(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<Kind>> {
    match fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(None),
        stat => Ok(Some(kind(FileType::from_raw_mode(stat?.st_mode)))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::storage::{Directory, Storage as _};

    fn names(path: &Path) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for entry in Directory::open(path).expect("opens").list("").expect("lists") {
            *names.entry(entry.name).or_default() += 1;
        }
        names
    }

    fn entries(names: &[&str]) -> Vec<DirEntry> {
        names.iter().map(|name| DirEntry { name: (*name).to_owned(), kind: Kind::File }).collect()
    }

    #[test]
    fn what_came_in_pieces_is_read_again_with_more_room() {
        let mut rooms = Vec::new();
        let listed = in_one_piece(|room| {
            rooms.push(room);
            let torn = Reading { entries: entries(&["a", "a"]), pieces: 2 };
            let whole = Reading { entries: entries(&["a", "b"]), pieces: 1 };
            Ok(if room < ROOMS[1] { torn } else { whole })
        });
        assert_eq!(listed.expect("lists"), entries(&["a", "b"]));
        assert_eq!(rooms, ROOMS[..2]);
        let always_torn = |_| Ok(Reading { entries: entries(&["b", "a", "b"]), pieces: 2 });
        assert_eq!(in_one_piece(always_torn).expect("lists"), entries(&["a", "b"]));
    }

    #[test]
    fn all_names_of_a_large_directory() {
        let home = tempfile::tempdir().expect("a directory");
        let expected: BTreeMap<_, _> =
            (0..2000).map(|n| (format!("{n:020}.timeindex"), 1)).collect();
        for name in expected.keys() {
            std::fs::write(home.path().join(name), b"").expect("writes");
        }
        assert_eq!(names(home.path()), expected);
        std::fs::remove_dir_all(home.path()).expect("removes");
        std::fs::create_dir(home.path()).expect("creates");
        assert!(names(home.path()).is_empty());
    }

    /// Files are replaced as a compaction replaces them: each name is there at every moment.
    #[test]
    fn names_that_are_replaced_meanwhile_are_listed_once() {
        // There a reading in pieces shows it.
        let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let home = home.expect("a directory");
        let always: Vec<_> = (0..40).map(|number| format!("{number:020}.log")).collect();
        for name in &always {
            std::fs::write(home.path().join(name), b"").expect("writes");
        }
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for name in always.iter().cycle() {
                    let plain = home.path().join(name);
                    let [swap, second] = [".swap", ".deleted"].map(|it| format!("{name}{it}"));
                    let [swap, second] = [swap, second].map(|it| home.path().join(it));
                    std::fs::write(&swap, b"").expect("writes");
                    std::fs::hard_link(&swap, &second).expect("links");
                    std::fs::rename(&second, &plain).expect("renames");
                    std::fs::remove_file(&swap).expect("removes");
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            let wrong = (0..3000).find_map(|_| {
                let names = names(home.path());
                let is_wrong = |name: &&String| names.get(*name) != Some(&1);
                let wrong = always.iter().find(is_wrong)?;
                Some((wrong.clone(), names))
            });
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(wrong, None);
        });
    }
}
