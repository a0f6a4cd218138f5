//! An ordered map of bytes in a file, which other processes read while one writes: LMDB.
//!
//! A commit is one moment: readers see all of it or nothing, and when it returns it is on disk. Readers hold no writer up and
//! no writer holds them up; each sees the map as it was when its transaction began. One process at a time has a write
//! transaction; who may write is for whoever opens the map to know.
//!
//! LMDB maps its file and trusts what is in it. Its pages are never changed in place and the header that names them is written
//! last, so what a crash leaves is the last commit. A file that something else has cut or overwritten is refused
//! where its header shows it; beyond that nothing is promised. What is in such a map can always be made again.

use std::fs::File;
use std::io;
use std::ops::{Bound, ControlFlow};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use heed::types::Bytes;
use heed::{Env, EnvFlags, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use rustix::io::Errno;

use super::{Error, Result};

/// Address space that is reserved for the map, so much that it is never full; where a process may not have that much, halves of
/// it, down to the least.
const MAP_BYTES: usize = 1 << 40;
const MAP_BYTES_MIN: usize = 1 << 28;

/// Bytes of the longest key.
pub const DATABASE_KEY_BYTES_MAX: usize = 511;

/// A map is a multiple of this, which is one of the pages of any machine.
const MAP_UNIT_BYTES: usize = 1 << 16;

/// Address space beyond twice the file for who reads: a writer may make it longer just now.
const SLACK_BYTES: usize = 64 << 20;

/// LMDB's name for its file.
const FILE: &str = "data.mdb";

/// Looks at a file that is shorter than it says, before it is taken for damaged.
const LOOKS_MAX: usize = 20;
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

type Map = heed::Database<Bytes, Bytes>;

/// Gives a row: key and value.
pub type EachEntry<'e> = &'e mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// An ordered map of bytes.
#[derive(Debug, Clone)]
pub struct Database {
    /// At an address that transactions may keep.
    env: Arc<Env<WithoutTls>>,
    map: Map,
    path: String,
}

impl Database {
    /// Opens the map in a directory that is there, to write; makes it if there is none.
    ///
    /// # Errors
    /// As the system and LMDB say. A process opens each map once.
    pub fn open(directory: &Path) -> Result<Self> {
        Self::open_with(directory, EnvFlags::empty(), MAP_BYTES)
    }

    /// Opens the map in a directory to read; `None` where there is none.
    ///
    /// # Errors
    /// As the system and LMDB say.
    pub fn open_to_read(directory: &Path) -> Result<Option<Self>> {
        match std::fs::metadata(directory.join(FILE)) {
            Ok(file) if file.len() == 0 => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Ok(file) => {
                // Who looks at the states of many tasks must not run out of addresses.
                let bytes = usize::try_from(file.len()).unwrap_or(MAP_BYTES);
                let bytes = bytes.saturating_mul(2).saturating_add(SLACK_BYTES).min(MAP_BYTES);
                Self::open_with(directory, EnvFlags::READ_ONLY, bytes).map(Some)
            }
            Err(_) => Self::open_with(directory, EnvFlags::READ_ONLY, MAP_BYTES).map(Some),
        }
    }

    fn open_with(directory: &Path, flags: EnvFlags, map_bytes: usize) -> Result<Self> {
        let path = directory.display().to_string();
        check(&directory.join(FILE)).map_err(|source| Error::new("open", &path, source))?;
        let mut bytes = map_bytes;
        let env = loop {
            let mut options = EnvOpenOptions::new().read_txn_without_tls();
            options.map_size(bytes / MAP_UNIT_BYTES * MAP_UNIT_BYTES);
            #[allow(unsafe_code, reason = "LMDB's flags and maps")]
            // SAFETY: of the flags only the one for reading is given, which takes nothing away. The file is
            // changed by LMDB alone: it lies in a directory that only its owner may enter, and was looked at before.
            let opened = unsafe {
                options.flags(flags);
                options.open(directory)
            };
            match opened {
                Err(heed::Error::Io(error))
                    if error.kind() == io::ErrorKind::OutOfMemory && bytes > MAP_BYTES_MIN =>
                {
                    bytes /= 2;
                }
                opened => break opened.map_err(|error| failed("open", &path, error))?,
            }
        };
        // Those that were killed keep old pages from being used again.
        let _ = env.clear_stale_readers();
        let map = if flags.contains(EnvFlags::READ_ONLY) {
            let txn = env.read_txn().map_err(|error| failed("read", &path, error))?;
            let map =
                env.open_database(&txn, None).map_err(|error| failed("read", &path, error))?;
            map.ok_or_else(|| Error::new("read", &path, io::Error::from(io::ErrorKind::NotFound)))?
        } else {
            let mut txn = env.write_txn().map_err(|error| failed("write", &path, error))?;
            let map = env.create_database(&mut txn, None);
            let map = map.map_err(|error| failed("write", &path, error))?;
            txn.commit().map_err(|error| failed("write", &path, error))?;
            map
        };
        Ok(Self { env: Arc::new(env), map, path })
    }

    /// Makes the file as long as the last of its pages needs: one that LMDB takes and gives back in one transaction it does not
    /// write. So a file that is shorter was cut, and is not mapped: to read behind its end is a fatal signal.
    fn lengthen(&self) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(self.env.path().join(FILE))?;
        match bytes_needed(&file) {
            Some(bytes) if file.metadata()?.len() < bytes => {
                file.set_len(bytes)?;
                file.sync_all()
            }
            _ => Ok(()),
        }
    }

    /// Begins to write. Waits for a write transaction of another process.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn write(&self) -> Result<WriteTransaction> {
        let txn = self.env.write_txn().map_err(|error| failed("write", &self.path, error))?;
        #[allow(unsafe_code, reason = "a transaction that owns what it borrows")]
        // SAFETY: the transaction borrows the environment, which `database` keeps where it is, in an `Arc` of its own, for
        // as long as the transaction lives: that field is dropped after this one.
        let txn = unsafe { std::mem::transmute::<RwTxn<'_>, RwTxn<'static>>(txn) };
        Ok(WriteTransaction { txn, database: self.clone() })
    }

    /// Sees the map as it is now.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn read(&self) -> Result<ReadTransaction> {
        let txn = Env::clone(&self.env).static_read_txn();
        let txn = txn.map_err(|error| failed("read", &self.path, error))?;
        Ok(ReadTransaction { txn, map: self.map, path: self.path.clone() })
    }

    /// Bytes that the map has on disk, and how many rows.
    ///
    /// # Errors
    /// As the system says.
    pub fn size(&self) -> Result<(u64, u64)> {
        let bytes = self.env.real_disk_size();
        let bytes = bytes.map_err(|error| failed("inspect", &self.path, error))?;
        let rows = self.read()?.rows()?;
        Ok((bytes, rows))
    }
}

/// A map that is being changed. Dropped, nothing was changed.
pub struct WriteTransaction {
    /// Dropped before the environment that it is of.
    txn: RwTxn<'static>,
    database: Database,
}

impl WriteTransaction {
    fn failed(&self, action: &'static str, error: heed::Error) -> Error {
        failed(action, &self.database.path, error)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        self.database.map.get(&self.txn, key).map_err(|error| self.failed("read", error))
    }

    /// Sets the value of a key, of at most [`DATABASE_KEY_BYTES_MAX`] bytes and not empty.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let put = self.database.map.put(&mut self.txn, key, value);
        put.map_err(|error| self.failed("write", error))
    }

    /// Removes a key, if it is there.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        let deleted = self.database.map.delete(&mut self.txn, key);
        deleted.map(drop).map_err(|error| self.failed("write", error))
    }

    /// Gives the rows from a key on, in the order of the keys' bytes, until `each` breaks off.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn scan(&self, from: &[u8], each: EachEntry<'_>) -> Result<()> {
        scan(self.database.map, &self.txn, from, each).map_err(|error| self.failed("read", error))
    }

    /// Makes all of it count; it is on disk when this returns.
    ///
    /// # Errors
    /// As LMDB says; then nothing was changed.
    pub fn commit(self) -> Result<()> {
        let Self { txn, database } = self;
        txn.commit().map_err(|error| failed("write", &database.path, error))?;
        database.lengthen().map_err(|source| Error::new("write", &database.path, source))
    }
}

impl std::fmt::Debug for WriteTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WriteTransaction").field(&self.database.path).finish()
    }
}

/// A map as it was at a moment.
pub struct ReadTransaction {
    txn: RoTxn<'static, WithoutTls>,
    map: Map,
    path: String,
}

impl ReadTransaction {
    /// The value of a key.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        self.map.get(&self.txn, key).map_err(|error| failed("read", &self.path, error))
    }

    /// Gives the rows from a key on, in the order of the keys' bytes, until `each` breaks off.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn scan(&self, from: &[u8], each: EachEntry<'_>) -> Result<()> {
        scan(self.map, &self.txn, from, each).map_err(|error| failed("read", &self.path, error))
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// As LMDB says.
    pub fn rows(&self) -> Result<u64> {
        self.map.len(&self.txn).map_err(|error| failed("read", &self.path, error))
    }
}

impl std::fmt::Debug for ReadTransaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ReadTransaction").field(&self.path).finish()
    }
}

fn scan(map: Map, txn: &RoTxn<'_>, from: &[u8], each: EachEntry<'_>) -> heed::Result<()> {
    // LMDB has no empty keys.
    let start = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
    let range = (start, Bound::Unbounded);
    for row in map.range(txn, &range)? {
        let (key, value) = row?;
        if each(key, value).is_break() {
            break;
        }
    }
    Ok(())
}

/// Refuses what is there and is no such file.
fn check(file: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.len() == 0 {
        return Ok(());
    }
    let damaged = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let open = File::open(file)?;
    for _ in 0..LOOKS_MAX {
        let bytes = bytes_needed(&open).ok_or_else(|| damaged("not a file of LMDB"))?;
        if open.metadata()?.len() >= bytes {
            return Ok(());
        }
        // Who writes it makes it longer just now.
        std::thread::sleep(LOOK_INTERVAL);
    }
    Err(damaged("it is cut short"))
}

/// How long a file must be for all of its pages to be in it; `None` where it is none of LMDB.
fn bytes_needed(file: &File) -> Option<u64> {
    let first = Meta::read(file, 0)?;
    let second = Meta::read(file, u64::from(first.page_bytes))?;
    let last = if first.number >= second.number { first } else { second };
    last.last_page.checked_add(1)?.checked_mul(u64::from(first.page_bytes))
}

/// One of the two pages of which the later tells what the file holds.
#[derive(Clone, Copy)]
struct Meta {
    page_bytes: u32,
    last_page: u64,
    /// That of the transaction that wrote it.
    number: u64,
}

impl Meta {
    /// Source: `MDB_meta` of LMDB 0.9, behind the header of a page.
    fn read(file: &File, position: u64) -> Option<Self> {
        const HEADER_BYTES: u64 = 16;
        const MAGIC: u32 = 0xbeef_c0de;
        let mut bytes = [0; 136];
        file.read_exact_at(&mut bytes, position.checked_add(HEADER_BYTES)?).ok()?;
        let u32_at = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let page_bytes = u32_at(24)?;
        let is_meta = u32_at(0)? == MAGIC && (512..=65_536).contains(&page_bytes);
        is_meta.then_some(Self { page_bytes, last_page: u64_at(120)?, number: u64_at(128)? })
    }
}

fn failed(action: &'static str, path: &str, error: heed::Error) -> Error {
    let source = match error {
        // LMDB says so of a write that was cut short.
        heed::Error::Io(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
            io::Error::other(format!("{error}; perhaps the disk is full"))
        }
        heed::Error::Io(error) => error,
        error => io::Error::other(error),
    };
    Error::new(action, path, source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = Database::open(directory.path()).expect("opens");
        let mut txn = database.write().expect("writes");
        for number in 0..5000_u32 {
            txn.put(&number.to_be_bytes(), &[7; 40]).expect("is put");
        }
        txn.commit().expect("is committed");
        drop(database);
        let path = directory.path().join(FILE);
        let length = std::fs::metadata(&path).expect("is there").len();
        let file = File::options().write(true).open(&path).expect("opens");
        for cut in [length - 1, length / 2, 8192, 5000, 100] {
            file.set_len(cut).expect("is cut");
            for opened in [
                Database::open(directory.path()).map(Some),
                Database::open_to_read(directory.path()),
            ] {
                assert!(opened.is_err_and(|error| error.is_malformed()), "cut to {cut}");
            }
        }
        file.set_len(0).expect("is cut");
        assert!(Database::open_to_read(directory.path()).is_ok_and(|none| none.is_none()));
        assert!(Database::open(directory.path()).is_ok(), "an empty one is a new one");
    }

    fn rows(map: &ReadTransaction) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut each = |key: &[u8], value: &[u8]| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        map.scan(b"", &mut each).expect("is read");
        rows
    }

    #[test]
    fn a_commit_is_one_moment_and_lasts() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert!(Database::open_to_read(dir.path()).expect("is looked for").is_none());
        let database = Database::open(dir.path()).expect("opens");
        let before = database.read().expect("a view");
        let mut writing = database.write().expect("a transaction");
        writing.put(b"b", b"2").expect("is put");
        writing.put(b"a", b"").expect("is put");
        assert_eq!(writing.get(b"a").expect("is read"), Some(&b""[..]));
        assert!(rows(&database.read().expect("a view")).is_empty(), "not before the commit");
        writing.commit().expect("is committed");
        assert!(rows(&before).is_empty(), "a view stays as it is");
        let mut dropped = database.write().expect("a transaction");
        dropped.delete(b"a").expect("is deleted");
        drop(dropped);
        let expected = [(b"a".to_vec(), Vec::new()), (b"b".to_vec(), b"2".to_vec())];
        assert_eq!(rows(&database.read().expect("a view")), expected);
        assert_eq!(database.size().expect("a size").1, 2);
        drop((before, database));
        let again = Database::open_to_read(dir.path()).expect("opens").expect("is there");
        assert_eq!(rows(&again.read().expect("a view")), expected);
    }

    #[test]
    fn the_same_rows_again_and_again_do_not_grow_the_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let database = Database::open(dir.path()).expect("opens");
        let mut sizes = Vec::new();
        for round in 0..300_u32 {
            let mut writing = database.write().expect("a transaction");
            for key in 0..200_u32 {
                writing.put(&key.to_be_bytes(), &round.to_be_bytes()).expect("is put");
            }
            writing.commit().expect("is committed");
            sizes.push(database.size().expect("a size").0);
        }
        assert_eq!(sizes[20], sizes[299]);
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for bytes in [&b"short"[..], &[0; 8192]] {
            std::fs::write(dir.path().join(FILE), bytes).expect("is written");
            assert!(Database::open(dir.path()).is_err());
            assert!(Database::open_to_read(dir.path()).is_err());
        }
        std::fs::remove_file(dir.path().join(FILE)).expect("is removed");
        std::os::unix::fs::symlink("/dev/null", dir.path().join(FILE)).expect("a link");
        assert!(Database::open(dir.path()).is_err());
    }
}
