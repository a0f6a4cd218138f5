//! What stands beside the segments, each file held to its own form: snapshots of producers, leader
//! epochs, the topic's id, and what deletions and compactions leave. Whether what they say is so,
//! [`super::replay`] tells.
//!
//! Source: Kafka's `ProducerStateManager` and `PartitionMetadataFile`.

use super::finding::{Findings, Problem, Severity};
use super::producers::verify_snapshot;
use crate::log::epochs::LeaderEpochs;
use crate::log::{Place, names};
use crate::model::{Offset, Uuid, limits};
use crate::storage::{self, DirEntry, File, Open, Result};

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
