//! What the processes that share a partition must agree on, in one small file per partition.
//!
//! It is a cache in `run/`: whatever can't be trusted is found out again from the log. It holds
//! the state as of the last append that was published, and is written only under the partition's
//! lock. Two slots take turns, each with a sequence number and a crc, so that a reader, who holds
//! no lock, always finds a whole one, and so does the next writer if this one dies half way.
//!
//! The state is trusted only where this is still the same start of the machine, the same file,
//! and the same active segment that it was written beside: a process that dies loses nothing
//! that it wrote, a machine that dies does.
//!
//! | bytes of a slot | what |
//! | --- | --- |
//! | 0..4 | magic `RNLC` |
//! | 4..6 | version, u16 little-endian |
//! | 6..8 | length of the body |
//! | 8..12 | CRC-32C of the body |
//! | 12.. | the body: `Published` as bincode with fixed-width integers |

use std::sync::Arc;

use bincode::Options as _;
use serde::{Deserialize, Serialize};

use crate::model::Offset;
use crate::storage::{self, File, FileId, Open, Result, Storage};

const MAGIC: [u8; 4] = *b"RNLC";
const VERSION: u16 = 3;
const SLOT_BYTES: usize = 512;
const PREFIX_BYTES: usize = 12;

/// The state of a partition as of its end offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Rises with every roll, cut, compaction and deletion: whoever remembers segments under
    /// another generation lists them again.
    pub generation: u64,
    /// The first offset that can be read.
    pub log_start_offset: i64,
    /// Base offset of the active segment.
    pub active_base: i64,
    /// The offset that the next record gets.
    pub end_offset: i64,
    /// Where in the active segment the next batch goes.
    pub end_position: u64,
    /// Everything below is durable; at or above `active_base`.
    pub recovery_point: i64,
    /// Where in the active segment the recovery point is.
    pub recovery_position: u64,
    /// Where in the active segment the recovery point was when it was last checkpointed.
    pub checkpoint_position: u64,
    /// The first offset of the earliest transaction that is open; `i64::MAX` if none is. Lowered with
    /// the end that takes in the transaction's first batch, raised with that after its marker.
    pub first_open_transaction: i64,
    /// Largest timestamp of the active segment, -1 before its first batch.
    pub max_timestamp: i64,
    /// Last offset of the batch that has it.
    pub max_timestamp_offset: i64,
    /// Largest timestamp of the active segment's first batch, -1 before it.
    pub first_timestamp: i64,
    /// When the active segment was made, in milliseconds.
    pub created_ms: i64,
    /// Bytes of batches since the last index entry.
    pub bytes_since_index: u64,
    /// Entries of the active segment's `.index`.
    pub offset_slots: u64,
    /// Entries of its `.timeindex`.
    pub time_slots: u64,
    /// Timestamp of the last of them, -1 if there is none.
    pub last_indexed_timestamp: i64,
    /// Entries of its `.txnindex`.
    pub txn_slots: u64,
    /// The epoch that appends are made in.
    pub leader_epoch: i32,
    /// A write or sync failed: what is not known to be durable must be written anew.
    pub suspect: bool,
    /// A roll was begun: the active segment is closed, and the next one's files may be there.
    pub rolling: bool,
    /// There may be batches of producers with an id. Where there are none, nobody looks for any.
    pub has_producers: bool,
}

impl State {
    /// The state of an empty log.
    #[must_use]
    pub const fn fresh(base: Offset, generation: u64, created_ms: i64) -> Self {
        Self {
            generation,
            log_start_offset: base.0,
            active_base: base.0,
            end_offset: base.0,
            end_position: 0,
            recovery_point: base.0,
            recovery_position: 0,
            checkpoint_position: 0,
            first_open_transaction: i64::MAX,
            max_timestamp: -1,
            max_timestamp_offset: base.0,
            first_timestamp: -1,
            created_ms,
            bytes_since_index: 0,
            offset_slots: 0,
            time_slots: 0,
            last_indexed_timestamp: -1,
            txn_slots: 0,
            leader_epoch: 0,
            suspect: false,
            rolling: false,
            has_producers: false,
        }
    }

    /// What readers who want only committed records may read up to.
    #[must_use]
    pub fn last_stable_offset(&self) -> Offset {
        Offset(self.end_offset.min(self.first_open_transaction.max(self.log_start_offset)))
    }
}

/// A state, and what it was true of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    sequence: u64,
    boot_id: [u8; 16],
    this_file: (u64, u64, u64),
    active_log: (u64, u64, u64),
    state: State,
}

const fn id_words(id: FileId) -> (u64, u64, u64) {
    (id.device, id.mount, id.inode)
}

/// An open control file.
#[derive(Debug, Clone)]
pub struct ControlFile {
    file: Arc<dyn File>,
    id: FileId,
    boot_id: Option<[u8; 16]>,
}

/// What a control file says.
#[derive(Debug)]
pub struct Reading {
    sequence: u64,
    active_log: (u64, u64, u64),
    /// Same machine start, same file.
    current: bool,
    state: State,
}

impl Reading {
    /// The state, if it is true of this active segment.
    #[must_use]
    pub fn trusted(self, active_log: &storage::Metadata) -> Option<State> {
        let same = self.current && self.active_log == id_words(active_log.id);
        (same && active_log.len >= self.state.end_position).then_some(self.state)
    }

    /// All below this was durable, whatever has become of the segments; `None` where this is not
    /// known of this start of the machine.
    #[must_use]
    pub fn durable(&self) -> Option<Offset> {
        self.current.then_some(Offset(self.state.recovery_point))
    }

    /// Rises by one with each publication.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Base offset of the segment that the state calls active.
    #[must_use]
    pub fn active_base(&self) -> Offset {
        Offset(self.state.active_base)
    }

    /// The generation that the state was of, trusted or not.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.generation
    }
}

impl ControlFile {
    /// Opens a partition's control file.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open(storage: &dyn Storage, path: &str, how: Open) -> Result<Self> {
        let file = storage.open(path, how)?;
        let id = file.metadata()?.id;
        Ok(Self { file, id, boot_id: storage.boot_id() })
    }

    /// Opens a partition's control file to write, made with the directory that it is in if need be:
    /// all of that is a cache, which a person may remove at any time.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open_or_make(storage: &dyn Storage, path: &str) -> Result<Self> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            if let Some(control) = storage::found(Self::open(storage, path, Open::Create))? {
                return Ok(control);
            }
            for (end, _) in path.match_indices('/') {
                match storage.create_dir(&path[..end]) {
                    Err(error) if !error.already_exists() && !error.is_not_found() => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
        }
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        Err(storage::Error::new("create", storage.display(path), source))
    }

    /// Which file this is.
    #[must_use]
    pub const fn id(&self) -> FileId {
        self.id
    }

    /// The newest whole state; `None` if there is none.
    ///
    /// # Errors
    /// As the file system says.
    pub fn read(&self) -> Result<Option<Reading>> {
        // A reader meets at most one slot being written; for both to look torn, two publications
        // must fall into one read. A few more looks make that impossible in practice, and a
        // reader who still finds none only works harder.
        for _ in 0..4 {
            let mut bytes = [0; 2 * SLOT_BYTES];
            let mut filled = 0;
            while filled < bytes.len() {
                match self.file.read_at(&mut bytes[filled..], filled as u64)? {
                    0 => break,
                    count => filled += count,
                }
            }
            let newest = bytes
                .chunks_exact(SLOT_BYTES)
                .filter_map(decode)
                .max_by_key(|published| published.sequence);
            if let Some(published) = newest {
                return Ok(Some(self.reading(published)));
            }
            if filled == 0 {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn reading(&self, published: Published) -> Reading {
        let same_boot = self.boot_id.is_some_and(|boot_id| boot_id == published.boot_id);
        Reading {
            sequence: published.sequence,
            active_log: published.active_log,
            current: same_boot && published.this_file == id_words(self.id),
            state: published.state,
        }
    }

    /// Publishes a state to every process of this machine, under the sequence number after that
    /// of the last [`Reading`]. The caller holds the partition's lock.
    ///
    /// # Errors
    /// As the file system says; readers then see the state from before.
    pub fn publish(&self, state: &State, active_log: FileId, sequence: u64) -> Result<()> {
        let published = Published {
            sequence,
            boot_id: self.boot_id.unwrap_or_default(),
            this_file: id_words(self.id),
            active_log: id_words(active_log),
            state: state.clone(),
        };
        self.file.write_all_at(&encode(&published), (sequence % 2) * SLOT_BYTES as u64)
    }
}

fn options() -> impl bincode::Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit((SLOT_BYTES - PREFIX_BYTES) as u64)
}

fn encode(published: &Published) -> [u8; SLOT_BYTES] {
    let body = options().serialize(published).expect("a state of fixed size fits its slot");
    let mut slot = [0; SLOT_BYTES];
    slot[..4].copy_from_slice(&MAGIC);
    slot[4..6].copy_from_slice(&VERSION.to_le_bytes());
    slot[6..8].copy_from_slice(&(body.len() as u16).to_le_bytes());
    slot[8..12].copy_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    slot[PREFIX_BYTES..PREFIX_BYTES + body.len()].copy_from_slice(&body);
    slot
}

fn decode(slot: &[u8]) -> Option<Published> {
    let (prefix, rest) = slot.split_first_chunk::<PREFIX_BYTES>()?;
    let [m0, m1, m2, m3, v0, v1, l0, l1, c0, c1, c2, c3] = *prefix;
    if [m0, m1, m2, m3] != MAGIC || u16::from_le_bytes([v0, v1]) != VERSION {
        return None;
    }
    let body = rest.get(..usize::from(u16::from_le_bytes([l0, l1])))?;
    if crc32c::crc32c(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return None;
    }
    options().deserialize(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Directory;

    fn state(end_offset: i64) -> State {
        State { end_offset, end_position: 0, ..State::fresh(Offset(0), 0, 0) }
    }

    #[test]
    fn the_newest_whole_slot_counts() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let control = ControlFile::open(&storage, "c", Open::Create).expect("opens");
        assert!(control.read().expect("reads").is_none());
        let active =
            storage.open("x.log", Open::Create).expect("creates").metadata().expect("is there");
        for sequence in 1..=3 {
            control.publish(&state(sequence as i64 * 10), active.id, sequence).expect("writes");
        }
        let newest = |control: &ControlFile| {
            let reading = control.read().expect("reads").expect("a whole slot");
            (reading.sequence(), reading.trusted(&active).map(|state| state.end_offset))
        };
        assert_eq!(newest(&control), (3, Some(30)));
        // The newest slot is torn: the one before it is whole.
        control.file.write_all_at(&[0xff; 20], SLOT_BYTES as u64 + 40).expect("writes");
        assert_eq!(newest(&control), (2, Some(20)));
    }

    #[test]
    fn another_start_file_or_segment_is_not_trusted() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let storage = Directory::open(home.path()).expect("opens");
        let active =
            storage.open("x.log", Open::Create).expect("creates").metadata().expect("is there");
        let open = |path| ControlFile::open(&storage, path, Open::Create).expect("opens");
        let mut control = open("c");
        control.publish(&state(10), active.id, 1).expect("writes");
        let trusted = |control: &ControlFile, active: &storage::Metadata| {
            control.read().expect("reads").is_some_and(|reading| reading.trusted(active).is_some())
        };
        assert!(trusted(&control, &active));
        let other_segment = storage::Metadata { id: FileId { inode: 1, ..active.id }, ..active };
        assert!(!trusted(&control, &other_segment));
        std::fs::copy(home.path().join("c"), home.path().join("d")).expect("copies");
        assert!(!trusted(&open("d"), &active), "a copy of the file");
        control.boot_id = Some([7; 16]);
        assert!(!trusted(&control, &active), "another start of the machine");
    }

    #[test]
    fn a_state_fits_its_slot_with_room_to_grow() {
        let published = Published {
            sequence: 1,
            boot_id: [0; 16],
            this_file: (0, 0, 0),
            active_log: (0, 0, 0),
            state: state(0),
        };
        assert!(options().serialize(&published).expect("fits").len() < SLOT_BYTES - 128);
    }
}
