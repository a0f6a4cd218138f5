//! What stands beside the segments: snapshots of producers, indexes of aborted transactions,
//! leader epochs, the topic's id, and what deletions and compactions leave.
//!
//! | file | layout |
//! | --- | --- |
//! | `.snapshot` | see [`crate::log::snapshot`] |
//! | `.txnindex` | entries of 34 bytes: version 0 (i16), producer id, first offset, last offset, last stable offset (i64 each) |
//!
//! Source: Kafka's `ProducerStateManager`, `AbortedTxn` and `PartitionMetadataFile`.

use super::finding::{Findings, Problem, Severity};
use super::pieces::read_up_to;
use super::producers::verify_snapshot;
use crate::log::epochs::LeaderEpochs;
use crate::log::{Place, names};
use crate::model::{Offset, Uuid, limits};
use crate::storage::{self, DirEntry, File, Open, Result};

/// Bytes of an entry of `.txnindex`.
const TXN_ENTRY_BYTES: usize = 34;
/// Bytes read at a time, a whole number of entries of `.txnindex`.
const READ_BYTES: usize = TXN_ENTRY_BYTES * 2048;

/// The files of a directory, as they are to be checked.
#[derive(Debug)]
pub(super) struct Beside<'p> {
    pub(super) place: &'p Place,
    /// Regular files, by name.
    pub(super) files: &'p [DirEntry],
    /// Base offsets of the segments, in order.
    pub(super) segments: &'p [Offset],
    /// The end of the log, where nothing is published and it was found out.
    pub(super) end: Option<Offset>,
}

impl Beside<'_> {
    /// Checks all of them.
    pub(super) fn verify(&self, findings: &mut Findings) -> Result<()> {
        for entry in self.files {
            let name = entry.name.as_str();
            if let Some(offset) = names::base_offset(name, names::SNAPSHOT) {
                self.open(name, |file| verify_snapshot(file, offset, self.end, findings))?;
            }
            if let Some(base) = names::base_offset(name, names::TXN_INDEX) {
                self.verify_txn_index(name, base, findings)?;
            }
            let index = [names::INDEX, names::TIME_INDEX, names::TXN_INDEX]
                .iter()
                .find_map(|suffix| names::base_offset(name, suffix));
            if index.is_some_and(|base| self.segments.binary_search(&base).is_err()) {
                findings.whole(&self.display(name), Severity::Note, Problem::Orphan);
            }
        }
        self.verify_text(names::LEADER_EPOCHS, findings, |text| {
            LeaderEpochs::parse(text).is_some()
        })?;
        self.verify_text(names::PARTITION_METADATA, findings, is_partition_metadata)?;
        self.tell_leftovers(findings);
        Ok(())
    }

    /// Checks one segment's index of aborted transactions.
    pub(super) fn verify_txn_index(
        &self,
        name: &str,
        base: Offset,
        findings: &mut Findings,
    ) -> Result<()> {
        let next = self.segments.iter().copied().find(|segment| *segment > base);
        self.open(name, |file| verify_txn_index(file, base, next, self.end, findings))
    }

    fn open(&self, name: &str, check: impl FnOnce(&dyn File) -> Result<()>) -> Result<()> {
        let opened = self.place.storage.open(&self.place.path_of(name), Open::Read);
        storage::found(opened)?.map_or(Ok(()), |file| check(&*file))
    }

    fn display(&self, name: &str) -> String {
        self.place.storage.display(&self.place.path_of(name))
    }

    fn verify_text(
        &self,
        name: &str,
        findings: &mut Findings,
        is_sound: impl FnOnce(&str) -> bool,
    ) -> Result<()> {
        let path = self.place.path_of(name);
        let text = storage::read_text(&*self.place.storage, &path, limits::TEXT_FILE_BYTES_MAX);
        let is_sound = match text {
            Err(error) if error.is_malformed() => false,
            text => text?.is_none_or(|text| is_sound(&text)),
        };
        if !is_sound {
            let what = Problem::Malformed("it is not of Kafka's form");
            findings.whole(&self.display(name), Severity::Damage, what);
        }
        Ok(())
    }

    fn tell_leftovers(&self, findings: &mut Findings) {
        for suffix in [names::DELETED, names::CLEANED, names::SWAP] {
            let files = self.files.iter().filter(|entry| entry.name.ends_with(suffix)).count();
            if files > 0 {
                let what = Problem::Leftover { suffix, files: files as u64 };
                let dir = self.place.storage.display(&self.place.dir);
                findings.whole(&dir, Severity::Note, what);
            }
        }
    }
}

fn is_partition_metadata(text: &str) -> bool {
    let mut lines = text.lines();
    let id = |line: &str| line.strip_prefix("topic_id: ")?.trim().parse::<Uuid>().ok();
    lines.next().is_some_and(|line| line.trim_end() == "version: 0")
        && lines.next().and_then(id).is_some()
        && lines.all(|line| line.trim().is_empty())
}

/// Entries are of transactions that end in the segment, in the order in which they end.
fn verify_txn_index(
    file: &dyn File,
    base: Offset,
    next_base: Option<Offset>,
    log_end: Option<Offset>,
    findings: &mut Findings,
) -> Result<()> {
    let path = file.display();
    let (bytes, entry) = (file.metadata()?.len, TXN_ENTRY_BYTES as u64);
    if bytes % entry != 0 {
        let severity = if next_base.is_none() { Severity::Note } else { Severity::Damage };
        findings.whole(path, severity, Problem::OddLength { bytes, entry });
    }
    let (mut position, mut last) = (0, base + -1);
    let mut piece = vec![0; READ_BYTES];
    loop {
        let count = read_up_to(file, &mut piece, position)?;
        for bytes in piece[..count].chunks_exact(TXN_ENTRY_BYTES) {
            match check_txn_entry(bytes, last, next_base) {
                Ok(found) => last = found,
                Err(problem) => findings.damage(path, position, Problem::Malformed(problem)),
            }
            if next_base.is_none() && log_end.is_some_and(|end| last >= end) {
                findings.note(path, position, Problem::EntriesPastEnd);
                return Ok(());
            }
            position += TXN_ENTRY_BYTES as u64;
        }
        if count < READ_BYTES {
            return Ok(());
        }
    }
}

/// The last offset of an entry that follows one with the last offset `after`.
fn check_txn_entry(
    bytes: &[u8],
    after: Offset,
    next_base: Option<Offset>,
) -> std::result::Result<Offset, &'static str> {
    let offset = |at: usize| {
        let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
        Offset(bytes.map_or(-1, |bytes| i64::from_be_bytes(*bytes)))
    };
    let (first, last, last_stable) = (offset(10), offset(18), offset(26));
    if !bytes.starts_with(&[0, 0]) {
        return Err("the entry's version is not 0");
    }
    if first < Offset::ZERO || first > last || last_stable > last.next() {
        return Err("the entry's offsets are out of order");
    }
    if last <= after || next_base.is_some_and(|next| last >= next) {
        return Err("the entry's last offset does not rise, or is not in the segment");
    }
    Ok(last)
}
