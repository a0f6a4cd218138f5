//! What is of no single partition: the checkpoints of a log directory, line by line, and its
//! partitions against the topics that there should be.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, Findings, Problem, Severity};
use crate::log::{PartitionLog, Result, checkpoint, names};
use crate::model::{Offset, TopicName, TopicPartition, Uuid, limits};
use crate::storage::{self, DirEntry, Kind, Storage};

/// A topic that the catalog tells of.
#[derive(Debug, Clone)]
pub struct KnownTopic {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// How many partitions it has.
    pub partitions: i32,
}

/// What Kafka adds to the name of a directory that it is about to remove, or does not know.
const ADDED_BY_KAFKA: [&str; 3] = ["-delete", "-stray", "-future"];

/// Verifies a log directory: `dir` of a tree. `topics` are those that there should be, if that is
/// known; `logs` those that are there.
///
/// # Errors
/// As the file system says. Damage is no error.
pub fn verify_directory(
    storage: &dyn Storage,
    dir: &str,
    topics: Option<&[KnownTopic]>,
    logs: &[&PartitionLog],
) -> Result<Vec<Finding>> {
    let mut entries = storage::found(storage.list(dir))?.unwrap_or_default();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let logs = logs.iter().map(|log| (log.partition(), *log)).collect();
    let mut directory = LogDirectory { storage, dir, logs, findings: Findings::default() };
    for file in checkpoint::OF_OFFSETS {
        directory.checkpoint(file)?;
    }
    directory.tell_others(&entries, topics);
    match topics {
        Some(topics) => directory.hold_to_catalog(topics, &entries)?,
        None => directory.hold_to_each_other(&entries)?,
    }
    Ok(directory.findings.finish())
}

struct LogDirectory<'s> {
    storage: &'s dyn Storage,
    dir: &'s str,
    logs: BTreeMap<&'s TopicPartition, &'s PartitionLog>,
    findings: Findings,
}

impl LogDirectory<'_> {
    fn path_of(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    fn display(&self, name: &str) -> String {
        self.storage.display(&self.path_of(name))
    }

    /// A checkpoint: its form, and whether its offsets can be.
    fn checkpoint(&mut self, file: &'static str) -> Result<()> {
        let path = self.display(file);
        let text =
            storage::read_text(self.storage, &self.path_of(file), limits::TEXT_FILE_BYTES_MAX);
        let text = match text {
            Err(error) if error.is_malformed() => {
                let what = Problem::Malformed("it is not of Kafka's form");
                self.findings.damage(&path, 0, what);
                return Ok(());
            }
            text => text?,
        };
        let Some(text) = text else {
            return Ok(());
        };
        let (mut position, mut lines, mut expected) = (0, 0, None);
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let here = position;
            position += line.len() as u64;
            let is_sound = match number {
                0 => line.trim() == "0",
                1 => {
                    expected = line.trim().parse::<usize>().ok();
                    expected.is_some()
                }
                _ if line.trim().is_empty() => continue,
                _ => {
                    lines += 1;
                    match checkpoint::parse_offset(line) {
                        Some((partition, offset)) => {
                            self.offset(file, &path, here, &partition, offset)?;
                            true
                        }
                        None => false,
                    }
                }
            };
            if !is_sound {
                let what = Problem::Malformed("the line is not of Kafka's form");
                self.findings.damage(&path, here, what);
            }
        }
        if expected != Some(lines) {
            let what = Problem::Malformed("it has not as many lines as it says");
            self.findings.damage(&path, 0, what);
        }
        Ok(())
    }

    /// An offset of a partition. What recovery points say, each partition is held to.
    fn offset(
        &mut self,
        file: &str,
        path: &str,
        position: u64,
        partition: &TopicPartition,
        offset: Offset,
    ) -> Result<()> {
        let Some(log) = self.logs.get(partition) else {
            return Ok(());
        };
        if file != checkpoint::LOG_STARTS && file != checkpoint::CLEANER_OFFSETS {
            return Ok(());
        }
        // Of a log that is damaged before its end, the end is told elsewhere.
        let Ok(view) = log.view() else {
            return Ok(());
        };
        if offset > view.end() && view.tail_fault().is_none() {
            let (partition, end) = (partition.to_string(), view.end());
            let what = Problem::CheckpointPastEnd { partition, offset, end };
            match file {
                checkpoint::LOG_STARTS => self.findings.damage(path, position, what),
                _ => self.findings.note(path, position, what),
            }
        }
        Ok(())
    }

    /// Directories that are no partition of a topic.
    fn tell_others(&mut self, entries: &[DirEntry], topics: Option<&[KnownTopic]>) {
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
            let path = self.display(&entry.name);
            let is_partition = TopicPartition::from_directory_name(&entry.name);
            let is_kafkas = ADDED_BY_KAFKA.iter().any(|suffix| entry.name.ends_with(suffix));
            let what = match (is_partition, topics) {
                _ if is_kafkas => Problem::LeftoverDirectory,
                (None, _) => Problem::UnknownDirectory,
                (Some(tp), Some(topics)) if topics.iter().all(|topic| !topic.has(&tp)) => {
                    Problem::UnknownPartition
                }
                _ => continue,
            };
            self.findings.whole(&path, Severity::Note, what);
        }
    }

    /// Every partition's directory is of the topic's id.
    fn hold_to_catalog(&mut self, topics: &[KnownTopic], entries: &[DirEntry]) -> Result<()> {
        let there: BTreeSet<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        for topic in topics {
            for number in 0..topic.partitions {
                let name = TopicPartition::new(topic.name.clone(), number).to_string();
                // That one is missing is told where the partition is looked at.
                if there.contains(name.as_str()) {
                    self.id(&name, topic.id)?;
                }
            }
        }
        Ok(())
    }

    /// All partitions of a topic are of one id.
    fn hold_to_each_other(&mut self, entries: &[DirEntry]) -> Result<()> {
        let mut ids: BTreeMap<TopicName, Uuid> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
            let Some(tp) = TopicPartition::from_directory_name(&entry.name) else {
                continue;
            };
            match ids.get(&tp.topic) {
                Some(id) => self.id(&entry.name, *id)?,
                None => {
                    let id = read_id(self.storage, &self.path_of(&entry.name))?;
                    ids.extend(id.map(|id| (tp.topic, id)));
                }
            }
        }
        Ok(())
    }

    fn id(&mut self, partition: &str, expected: Uuid) -> Result<()> {
        let dir = self.path_of(partition);
        if let Some(found) = read_id(self.storage, &dir)?
            && found != expected
        {
            let path = self.display(&format!("{partition}/{}", names::PARTITION_METADATA));
            let what = Problem::OtherTopicId { found, expected };
            self.findings.whole(&path, Severity::Damage, what);
        }
        Ok(())
    }
}

impl KnownTopic {
    fn has(&self, partition: &TopicPartition) -> bool {
        self.name == partition.topic && partition.partition < self.partitions
    }
}

/// The topic's id, by a partition directory; `None` where it does not tell. That its file is of
/// another form is told where the partition is looked at.
pub(super) fn read_id(storage: &dyn Storage, dir: &str) -> Result<Option<Uuid>> {
    let path = format!("{dir}/{}", names::PARTITION_METADATA);
    let text = match storage::read_text(storage, &path, limits::SMALL_FILE_BYTES_MAX) {
        Err(error) if error.is_malformed() => None,
        text => text?,
    };
    let id = |text: String| {
        text.lines().find_map(|line| line.strip_prefix("topic_id: ")?.trim().parse().ok())
    };
    Ok(text.and_then(id))
}
