//! Reading a backup: its frames in their order, everything in them checked, and given on.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::de::DeserializeOwned;

use super::frame::{FrameKind, FrameReader};
use super::write::count;
use super::{BackupHead, Commit, PartitionCounts, PartitionHead, Trailer};
use crate::broker::error::Result;
use crate::model::limits::GROUP_STRING_BYTES_MAX;
use crate::model::{Offset, TopicPartition};
use crate::record::{Batch, Frame};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupContents {
    /// The topics, and when it was written.
    pub head: BackupHead,
    /// Each partition: the first offset, the one after the last, and what is in it.
    pub partitions: BTreeMap<TopicPartition, (i64, i64, PartitionCounts)>,
    /// Groups that have committed offsets.
    pub groups: BTreeSet<String>,
    /// How many offsets they have committed.
    pub commits: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What takes a backup's content.
pub(super) trait Take {
    fn head(&mut self, head: &BackupHead) -> Result<()>;
    fn partition(&mut self, head: &PartitionHead) -> Result<()>;
    fn batch(&mut self, batch: &Batch<'_>) -> Result<()>;
    fn partition_end(&mut self) -> Result<()>;
    fn commits(&mut self, commits: Vec<Commit>) -> Result<()>;
}

/// Takes nothing: the backup is only looked through.
struct Look;

impl Take for Look {
    fn head(&mut self, _: &BackupHead) -> Result<()> {
        Ok(())
    }
    fn partition(&mut self, _: &PartitionHead) -> Result<()> {
        Ok(())
    }
    fn batch(&mut self, _: &Batch<'_>) -> Result<()> {
        Ok(())
    }
    fn partition_end(&mut self) -> Result<()> {
        Ok(())
    }
    fn commits(&mut self, _: Vec<Commit>) -> Result<()> {
        Ok(())
    }
}

impl BackupContents {
    /// Looks through a backup to its end. `progress` is told how many bytes are done.
    ///
    /// # Errors
    /// [`crate::broker::Error::Backup`] where it is damaged or cut short; as `input` says.
    pub fn read(input: &mut dyn Read, name: &str, progress: &mut dyn FnMut(u64)) -> Result<Self> {
        read(input, name, &mut Look, progress)
    }
}

/// A partition that is being read.
struct Open {
    head: PartitionHead,
    counts: PartitionCounts,
    /// The lowest base offset that the next batch may have.
    next: Offset,
}

/// Reads a backup to its end. What it held is given only if all of it was sound.
pub(super) fn read(
    input: &mut dyn Read,
    name: &str,
    take: &mut dyn Take,
    progress: &mut dyn FnMut(u64),
) -> Result<BackupContents> {
    let mut frames = FrameReader::begin(input, name)?;
    let (kind, at, content) = frames.next()?;
    let head: Option<BackupHead> = (kind == FrameKind::Head).then(|| json(content)).flatten();
    let Some(head) = head else {
        return Err(frames.damaged(at, "it does not begin with its topics"));
    };
    take.head(&head)?;
    let mut reading = Reading {
        contents: BackupContents {
            head,
            partitions: BTreeMap::new(),
            groups: BTreeSet::new(),
            commits: 0,
            bytes: 0,
        },
        open: None,
        take,
    };
    loop {
        let (before, crc) = (frames.frames, frames.crc);
        let (kind, at, content) = frames.next()?;
        if kind == FrameKind::Trailer {
            let is_whole = json(content) == Some(Trailer { frames: before, crc });
            if !is_whole || !reading.is_complete() || !frames.is_at_end()? {
                return Err(frames.damaged(at, "its end is not of what stands before it"));
            }
            reading.contents.bytes = frames.position;
            return Ok(reading.contents);
        }
        if let Err(wrong) = reading.frame(kind, content) {
            return Err(match wrong {
                Wrong::Content(cause) => frames.damaged(at, cause),
                Wrong::Taking(error) => error,
            });
        }
        progress(frames.position);
    }
}

/// Why a frame is not taken.
enum Wrong {
    Content(String),
    Taking(crate::broker::Error),
}

impl From<crate::broker::Error> for Wrong {
    fn from(error: crate::broker::Error) -> Self {
        Self::Taking(error)
    }
}

fn wrong(cause: impl Into<String>) -> Wrong {
    Wrong::Content(cause.into())
}

struct Reading<'t> {
    contents: BackupContents,
    open: Option<Open>,
    take: &'t mut dyn Take,
}

impl Reading<'_> {
    fn frame(&mut self, kind: FrameKind, content: &[u8]) -> std::result::Result<(), Wrong> {
        match kind {
            FrameKind::PartitionHead if self.open.is_none() => self.begin(content),
            FrameKind::Batches => self.batches(content),
            FrameKind::PartitionEnd => self.end(content),
            FrameKind::Commits if self.open.is_none() => self.commits(content),
            _ => Err(wrong("a frame stands where it can't")),
        }
    }

    fn begin(&mut self, content: &[u8]) -> std::result::Result<(), Wrong> {
        let head: PartitionHead = json(content).ok_or_else(|| wrong("no partition"))?;
        let topic = self.contents.head.topics.iter().find(|topic| topic.name == head.topic);
        let is_known = topic.is_some_and(|topic| (0..topic.partitions).contains(&head.partition));
        let tp = TopicPartition::new(head.topic.clone(), head.partition);
        if !is_known || self.contents.partitions.contains_key(&tp) {
            return Err(wrong(format!("partition {tp} is of no topic, or stands twice")));
        }
        if head.log_start < 0 || head.end < 0 {
            return Err(wrong(format!("the offsets of {tp} are out of range")));
        }
        self.take.partition(&head)?;
        self.open = Some(Open { head, counts: PartitionCounts::default(), next: Offset::ZERO });
        Ok(())
    }

    fn batches(&mut self, mut rest: &[u8]) -> std::result::Result<(), Wrong> {
        let open = self.open.as_mut().ok_or_else(|| wrong("batches of no partition"))?;
        while !rest.is_empty() {
            let batch = match Batch::at_front(rest) {
                Ok(Frame::Whole(batch)) => batch,
                Ok(Frame::Incomplete { .. }) => return Err(wrong("a batch is cut short")),
                Err(cause) => return Err(wrong(cause.to_string())),
            };
            batch.check().map_err(|cause| wrong(cause.to_string()))?;
            if batch.base_offset() < open.next || batch.last_offset().0 >= open.head.end {
                return Err(wrong(format!(
                    "a batch at offset {} can't stand there",
                    batch.base_offset()
                )));
            }
            open.next = batch.next_offset();
            count(&mut open.counts, &batch);
            self.take.batch(&batch)?;
            rest = &rest[batch.size_in_bytes()..];
        }
        Ok(())
    }

    fn end(&mut self, content: &[u8]) -> std::result::Result<(), Wrong> {
        let open = self.open.take().ok_or_else(|| wrong("the end of no partition"))?;
        if json(content) != Some(open.counts) {
            return Err(wrong("a partition has not as many batches as it says"));
        }
        let tp = TopicPartition::new(open.head.topic, open.head.partition);
        let facts = (open.head.log_start, open.head.end, open.counts);
        self.contents.partitions.insert(tp, facts);
        Ok(self.take.partition_end()?)
    }

    fn commits(&mut self, content: &[u8]) -> std::result::Result<(), Wrong> {
        let commits: Vec<Commit> = json(content).ok_or_else(|| wrong("no commits"))?;
        self.contents.commits += commits.len() as u64;
        for commit in &commits {
            let strings = [&commit.group, &commit.metadata];
            let is_long = strings.iter().any(|text| text.len() > GROUP_STRING_BYTES_MAX);
            if is_long || commit.offset < 0 || commit.partition < 0 {
                return Err(wrong("a commit that can't be one"));
            }
            if !self.contents.groups.contains(&commit.group) {
                self.contents.groups.insert(commit.group.clone());
            }
        }
        Ok(self.take.commits(commits)?)
    }

    /// Whether every partition of every topic was there.
    fn is_complete(&self) -> bool {
        let all: i64 = self.contents.head.topics.iter().map(|it| i64::from(it.partitions)).sum();
        self.open.is_none() && i64::try_from(self.contents.partitions.len()) == Ok(all)
    }
}

fn json<T: DeserializeOwned>(content: &[u8]) -> Option<T> {
    serde_json::from_slice(content).ok()
}
