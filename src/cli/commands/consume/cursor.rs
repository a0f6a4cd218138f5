//! `--cursor-file`: how far partitions were read, in a file that people can read and change.
//!
//! ```json
//! {"version":1,"cursors":[
//!   {"topic":"orders","id":"V0Jc…","partition":0,"offset":42,"leader_epoch":0}
//! ]}
//! ```
//! `offset` is that of the next record. `id` is the topic's, null for a path; another topic of the
//! same name begins anew. What the file tells of partitions that are not read now stays in it.
//!
//! It is replaced in one step: written beside, synced, renamed, its directory synced.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::part::Part;
use crate::cli::error::CommandError;
use crate::model::{Offset, TopicPartition, Uuid};
use crate::storage;

const VERSION: u32 = 1;

/// Bytes of a file that is read: some hundred for each partition.
const BYTES_MAX: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    cursors: Vec<Cursor>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    topic: String,
    id: Option<String>,
    partition: i32,
    offset: i64,
    leader_epoch: i32,
}

/// The file.
#[derive(Debug)]
pub(super) struct CursorFile {
    path: PathBuf,
    cursors: BTreeMap<(String, i32), Cursor>,
}

impl CursorFile {
    /// Reads it, if it is there.
    pub(super) fn open(path: &Path) -> Result<Self, CommandError> {
        let mut cursors = BTreeMap::new();
        let text = read(path).map_err(|error| failed("read", path, error))?;
        if let Some(text) = text {
            let content: Content = serde_json::from_str(&text).map_err(|error| {
                CommandError::failed(format!("{} is no cursor file: {error}", path.display()))
                    .hint("another name for --cursor-file makes a new one")
            })?;
            if content.version != VERSION {
                let version = content.version;
                return Err(CommandError::failed(format!(
                    "{} has version {version}, and this runnel knows version {VERSION}",
                    path.display()
                )));
            }
            let keyed = |cursor: Cursor| ((cursor.topic.clone(), cursor.partition), cursor);
            cursors.extend(content.cursors.into_iter().map(keyed));
        }
        Ok(Self { path: path.to_owned(), cursors })
    }

    /// What it tells of a partition.
    pub(super) fn noted(&self, partition: &TopicPartition, topic: Uuid) -> Option<(Offset, i32)> {
        let cursor = self.cursors.get(&(partition.topic.to_string(), partition.partition))?;
        let is_same = cursor.id == id_of(topic);
        is_same.then(|| (Offset(cursor.offset.max(0)), cursor.leader_epoch))
    }

    /// Notes how far partitions were read.
    pub(super) fn note(&mut self, parts: &[&Part]) -> Result<(), CommandError> {
        for part in parts {
            let TopicPartition { topic, partition } = part.reader.partition();
            let offset = part.readable_from();
            part.reader.sync_seen(offset)?;
            let cursor = Cursor {
                topic: topic.to_string(),
                id: id_of(part.topic),
                partition: *partition,
                offset: offset.0,
                leader_epoch: part.reader.leader_epoch_before(offset)?,
            };
            self.cursors.insert((topic.to_string(), *partition), cursor);
        }
        self.write().map_err(|error| failed("write", &self.path, error))
    }

    fn write(&self) -> io::Result<()> {
        let mut text = String::from("{\"version\":1,\"cursors\":[");
        for (number, cursor) in self.cursors.values().enumerate() {
            text.push_str(if number == 0 { "\n  " } else { ",\n  " });
            text.push_str(&serde_json::to_string(cursor)?);
        }
        text.push_str("\n]}\n");
        // A link stays a link: what it leads to is replaced.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut beside = path.clone().into_os_string();
        beside.push(".tmp");
        let mut file = File::create(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        fs::rename(&beside, &path)?;
        File::open(dir)?.sync_all()
    }
}

fn id_of(topic: Uuid) -> Option<String> {
    (topic != Uuid::default()).then(|| topic.to_string())
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut text = String::new();
    io::Read::read_to_string(&mut io::Read::take(file, BYTES_MAX), &mut text)?;
    Ok(Some(text))
}

fn failed(action: &'static str, path: &Path, error: io::Error) -> CommandError {
    CommandError::failed(storage::Error::new(action, path.display(), error))
}
