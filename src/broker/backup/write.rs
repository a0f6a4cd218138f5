//! Writing a backup.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use super::frame::{CONTENT_BYTES, FrameKind, FrameWriter};
use super::{
    BackupHead, BackupJob, BackupTopic, Commit, PartitionCounts, PartitionHead, Trailer, commits,
};
use crate::broker::error::{Error, Result};
use crate::broker::{Broker, Job, TopicInfo};
use crate::log::{self, Cursor, Fault, PartitionLog, View};
use crate::model::{Offset, TopicName, TopicPartition};
use crate::record::Batch;

/// Commits of one frame: a name has at most 32 KiB.
const COMMITS_PER_FRAME: usize = 1000;

/// How often a moment is looked for in which no job commits.
const STEADY_TRIES: usize = 100;
const STEADY_PAUSE: Duration = Duration::from_millis(10);

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackedUp {
    /// How many topics.
    pub topics: u64,
    /// What is in their partitions.
    pub counts: PartitionCounts,
    /// How many offsets that groups have committed.
    pub commits: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A partition, as it was when the backup began.
struct Cut {
    log: Arc<PartitionLog>,
    view: View,
    end: Offset,
}

impl Broker {
    /// Writes a backup of topics, all but Kafka's own where none is named. `progress` is told how many
    /// bytes of batches are done, and of how many.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`]; damage in a log; as the file system and `out` say.
    pub fn back_up(
        self: &Arc<Self>,
        only: &[TopicName],
        out: &mut dyn Write,
        name: &str,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackedUp> {
        let topics = self.topics_to_back_up(only)?;
        let (mut commits, cuts) = self.steady_cuts(&topics)?;
        let mut total = 0;
        for cut in &cuts {
            total += cut.log.size_in_bytes(&cut.view).map_err(|e| reading(&cut.log, e))?;
        }
        clamp(&mut commits, &topics, &cuts);
        let mut writer = FrameWriter::begin(out, name)?;
        let head = BackupHead {
            runnel: env!("CARGO_PKG_VERSION").to_owned(),
            created_ms: self.clock().now_ms(),
            topics: topics.iter().map(of_topic).collect(),
            jobs: if only.is_empty() { self.jobs_to_back_up()? } else { Vec::new() },
        };
        writer.write(FrameKind::Head, &json(&head))?;
        let mut done = BackedUp { topics: topics.len() as u64, ..BackedUp::default() };
        for cut in &cuts {
            let before = done.counts.bytes;
            let counts = partition(&mut writer, cut, &mut |bytes| progress(before + bytes, total))?;
            done.counts.batches += counts.batches;
            done.counts.records += counts.records;
            done.counts.bytes += counts.bytes;
        }
        for commits in commits.chunks(COMMITS_PER_FRAME) {
            writer.write(FrameKind::Commits, &json(&commits))?;
            done.commits += commits.len() as u64;
        }
        let trailer = Trailer { frames: writer.frames, crc: writer.crc };
        writer.write(FrameKind::Trailer, &json(&trailer))?;
        done.bytes = writer.bytes;
        Ok(done)
    }

    fn topics_to_back_up(&self, only: &[TopicName]) -> Result<Vec<TopicInfo>> {
        if !only.is_empty() {
            return only.iter().map(|name| self.topic(name)).collect();
        }
        let names = self.topics()?.into_keys().filter(|name| !name.is_internal());
        names.map(|name| self.topic(&name)).collect()
    }

    /// What groups have committed, and each partition. Commits come first: no group has then read what the backup has not. And
    /// where there are jobs, it is looked for a moment in which nothing is between the two: what a job sent and how far it
    /// is are of one transaction.
    fn steady_cuts(self: &Arc<Self>, topics: &[TopicInfo]) -> Result<(Vec<Commit>, Vec<Cut>)> {
        let has_jobs = !self.jobs()?.is_empty();
        let mut tries = 0;
        loop {
            let commits = commits::read(self, topics)?;
            let mut cuts = Vec::new();
            for topic in topics {
                for partition in 0..topic.partitions {
                    cuts.push(self.cut_of(topic, partition)?);
                }
            }
            tries += 1;
            if !has_jobs || tries == STEADY_TRIES {
                return Ok((commits, cuts));
            }
            let is_open = cuts.iter().any(|cut| cut.view.has_open_transactions());
            if !is_open && commits::read(self, topics)? == commits {
                return Ok((commits, cuts));
            }
            std::thread::sleep(STEADY_PAUSE);
        }
    }

    fn jobs_to_back_up(&self) -> Result<Vec<BackupJob>> {
        let jobs = self.jobs()?.into_iter().map(|(name, job)| {
            let Job { id, created_ms, definition, .. } = job;
            BackupJob { name, id, created_ms, definition }
        });
        Ok(jobs.collect())
    }

    fn cut_of(&self, topic: &TopicInfo, partition: i32) -> Result<Cut> {
        let log = self.log(topic, partition)?;
        let view = log.view().map_err(|error| reading(&log, error))?;
        if let Some(tail) = view.tail_fault()
            && tail.fault != Fault::Incomplete
        {
            let base = tail.segment;
            let path = log.place().path_of(&log::names::segment_file(base, log::names::LOG));
            let path = log.place().storage.display(&path);
            let corruption =
                log::Corruption { path, position: tail.position, cause: tail.fault.clone() };
            return Err(reading(&log, log::Error::Corrupt(Box::new(corruption))));
        }
        let end = view.last_stable();
        Ok(Cut { log, view, end })
    }
}

fn of_topic(topic: &TopicInfo) -> BackupTopic {
    let TopicInfo { name, id, partitions, overrides, .. } = topic;
    BackupTopic { name: name.clone(), id: *id, partitions: *partitions, configs: overrides.clone() }
}

/// A group may have read what is not committed yet, and so is not in the backup.
fn clamp(commits: &mut [Commit], topics: &[TopicInfo], cuts: &[Cut]) {
    let mut ends = BTreeMap::new();
    let partitions = topics.iter().flat_map(|topic| {
        (0..topic.partitions).map(|it| TopicPartition::new(topic.name.clone(), it))
    });
    for (partition, cut) in partitions.zip(cuts) {
        ends.insert(partition, cut.end);
    }
    for commit in commits {
        let partition = TopicPartition::new(commit.topic.clone(), commit.partition);
        if let Some(end) = ends.get(&partition) {
            commit.offset = commit.offset.min(end.0);
        }
    }
}

/// Writes a partition.
fn partition(
    writer: &mut FrameWriter<'_>,
    cut: &Cut,
    progress: &mut dyn FnMut(u64),
) -> Result<PartitionCounts> {
    let Cut { log, end, .. } = cut;
    let epochs = log.leader_epochs().map_err(|error| reading(log, error))?;
    let head = PartitionHead {
        topic: log.partition().topic.clone(),
        partition: log.partition().partition,
        log_start: cut.view.log_start().0,
        end: end.0,
        leader_epochs: epochs.entries().iter().map(|it| (it.epoch, it.start_offset.0)).collect(),
    };
    writer.write(FrameKind::PartitionHead, &json(&head))?;
    let (mut view, mut cursor) = (cut.view.clone(), Cursor::at(cut.view.log_start()));
    let mut counts = PartitionCounts::default();
    while cursor.offset < *end {
        let chunk = match log.read(&view, &mut cursor, CONTENT_BYTES) {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            // Retention has overtaken us: what it took is gone, as it would be a moment later.
            Err(log::Error::OffsetOutOfRange { offset, start, .. }) if offset < start => {
                view = log.view().map_err(|error| reading(log, error))?;
                cursor = Cursor::at(view.log_start());
                continue;
            }
            Err(error) => return Err(reading(log, error)),
        };
        let mut whole = 0;
        for batch in chunk.batches() {
            if batch.base_offset() >= *end {
                break;
            }
            batch
                .check()
                .map_err(|cause| reading(log, chunk.fault_at(&batch, Fault::Corrupt(cause))))?;
            whole += batch.size_in_bytes();
            count(&mut counts, &batch);
        }
        writer.write(FrameKind::Batches, &chunk.bytes()[..whole])?;
        progress(counts.bytes);
    }
    writer.write(FrameKind::PartitionEnd, &json(&counts))?;
    Ok(counts)
}

/// Counts a batch.
pub(super) fn count(counts: &mut PartitionCounts, batch: &Batch<'_>) {
    counts.batches += 1;
    counts.bytes += batch.size_in_bytes() as u64;
    if !batch.attributes().is_control() {
        counts.records += u64::try_from(batch.records_count()).unwrap_or_default();
    }
}

fn reading(log: &PartitionLog, error: log::Error) -> Error {
    Error::of_log("back up", log, error)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers are JSON")
}
