//! Reading a partition: chunks of whole batches, and the records in them.
//!
//! A reader sees committed records unless it is told otherwise: it ends at the last stable offset,
//! and leaves out what was aborted. A log without transactions costs it nothing more: that none is
//! open or was aborted is part of the view. Control batches are no records.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Cluster;
use super::committed::Aborted;
use crate::broker::{Error, OffsetSpec, Result, TopicInfo};
use crate::log::{self, Chunk, Cursor, Fault, PartitionLog, Place, TailFault, View, names};
use crate::model::{IsolationLevel, Offset, TopicConfig, TopicName, TopicPartition};
use crate::record::{Decompressor, Record};
use crate::storage::{self, Directory};

/// Bytes of a chunk. Chunks of our own logs are maps, which cost next to nothing; those of a
/// foreign log are copies.
const MAPPED_CHUNK_BYTES: usize = 16 << 20;
const COPIED_CHUNK_BYTES: usize = 1 << 20;

/// A record, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct LocatedRecord<'a> {
    /// Its topic and partition.
    pub partition: &'a TopicPartition,
    /// The leader epoch of its batch.
    pub leader_epoch: i32,
    /// The record.
    pub record: Record<'a>,
}

/// Which records of a chunk are wanted: by time, both ends optional.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordRange {
    /// At or after this time, in milliseconds.
    pub since: Option<i64>,
    /// Before this time, in milliseconds.
    pub until: Option<i64>,
}

/// Reads one partition from an offset to another.
#[derive(Debug, Clone)]
pub struct PartitionReader {
    log: Arc<PartitionLog>,
    view: View,
    cursor: Cursor,
    stop: Offset,
    chunk_bytes: usize,
    isolation: IsolationLevel,
}

impl Cluster {
    /// The log of a partition, for what looks at its files.
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`], and as the file system says.
    pub fn log(&self, topic: &TopicInfo, partition: i32) -> Result<Arc<PartitionLog>> {
        self.broker().log(topic, partition)
    }

    /// A reader of a partition's committed records as it is now, at its beginning.
    ///
    /// # Errors
    /// [`Error::NoSuchPartition`], and as the file system says.
    pub fn reader(&self, topic: &TopicInfo, partition: i32) -> Result<PartitionReader> {
        PartitionReader::new(self.broker().log(topic, partition)?, MAPPED_CHUNK_BYTES)
    }
}

impl PartitionReader {
    fn new(log: Arc<PartitionLog>, chunk_bytes: usize) -> Result<Self> {
        log.still_there().map_err(|error| of_log(&log, error))?;
        let view = log.view().map_err(|error| of_log(&log, error))?;
        let cursor = Cursor::at(view.log_start());
        let isolation = IsolationLevel::ReadCommitted;
        Ok(Self { log, stop: view.last_stable(), view, cursor, chunk_bytes, isolation })
    }

    /// Sees from now on what an isolation level lets it see, up to the end that there is by it.
    #[must_use]
    pub fn with_isolation(mut self, isolation: IsolationLevel) -> Self {
        self.isolation = isolation;
        self.stop = self.end();
        self
    }

    /// Where it ends as the log is now.
    fn end(&self) -> Offset {
        match self.isolation {
            IsolationLevel::ReadUncommitted => self.view.end(),
            IsolationLevel::ReadCommitted => self.view.last_stable(),
        }
    }

    /// What it reads.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        self.log.partition()
    }

    /// The log itself.
    #[must_use]
    pub fn log(&self) -> &PartitionLog {
        &self.log
    }

    /// The log as it was looked at last.
    pub(super) const fn view(&self) -> &View {
        &self.view
    }

    /// An error of that log, with its name.
    #[must_use]
    pub fn failed(&self, error: log::Error) -> Error {
        of_log(&self.log, error)
    }

    /// The next offset that it gives, if there is a record with it.
    #[must_use]
    pub const fn position(&self) -> Offset {
        self.cursor.offset
    }

    /// The offset before which it stops.
    #[must_use]
    pub const fn stop(&self) -> Offset {
        self.stop
    }

    /// The first offset there is, and the one after the last that it may see.
    #[must_use]
    pub fn bounds(&self) -> (Offset, Offset) {
        (self.view.log_start(), self.end())
    }

    /// Which offset is meant, within the log as it is now.
    ///
    /// # Errors
    /// As the file system says, and damage that a search by time meets.
    pub fn resolve(&self, spec: OffsetSpec) -> Result<Offset> {
        crate::broker::resolve(&self.log, &self.view, self.end(), spec)
    }

    /// Goes to an offset, brought within the log.
    pub fn seek(&mut self, offset: Offset) {
        // What it may not see yet may be where it is to go on.
        self.cursor = Cursor::at(offset.clamp(self.view.log_start(), self.view.end()));
    }

    /// Stops before an offset, or at the end of what it may see where that comes first.
    pub fn stop_at(&mut self, offset: Offset) {
        self.stop = offset.min(self.end());
    }

    /// Looks at the log anew and goes on to its end, `limit` at most. True if there is more than
    /// was read. Where retention has overtaken the reader it goes on at the log start.
    ///
    /// # Errors
    /// As the file system says; the partition may be gone.
    pub fn follow(&mut self, limit: Offset) -> Result<bool> {
        self.log.still_there().map_err(|error| of_log(&self.log, error))?;
        self.view = self.log.view().map_err(|error| of_log(&self.log, error))?;
        self.stop = self.end().min(limit);
        if self.cursor.offset < self.view.log_start() {
            self.cursor = Cursor::at(self.view.log_start());
        }
        Ok(self.cursor.offset < self.stop)
    }

    /// What follows the end of the log where that is no clean end.
    #[must_use]
    pub const fn tail_fault(&self) -> Option<&TailFault> {
        self.view.tail_fault()
    }

    /// The next chunk; `None` when the reader has come to its stop.
    ///
    /// # Errors
    /// As the file system says; damage, once all before it was given.
    pub fn next_chunk(&mut self) -> Result<Option<FetchedChunk>> {
        if self.cursor.offset >= self.stop {
            return Ok(None);
        }
        let from = self.cursor.offset;
        let (chunk, aborted) = match self.fetch() {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Ok(None),
            Err(log::Error::OffsetOutOfRange { offset, start, .. }) if offset < start => {
                // Deleted since the view was taken.
                self.cursor = Cursor::at(from);
                return if self.follow(self.stop)? { self.next_chunk() } else { Ok(None) };
            }
            Err(error) => return Err(of_log(&self.log, error)),
        };
        if self.cursor.offset > self.stop {
            // What a chunk holds beyond is not given with it, but once the stop has moved on.
            self.cursor = Cursor::at(self.stop);
        }
        let log = Arc::clone(&self.log);
        Ok(Some(FetchedChunk { chunk, log, aborted, from, to: self.stop }))
    }

    /// The next chunk, and the transactions in it that were aborted.
    fn fetch(&mut self) -> log::Result<Option<(Chunk, Option<Arc<Aborted>>)>> {
        let from = self.cursor.offset;
        loop {
            let Some(chunk) = self.log.read(&self.view, &mut self.cursor, self.chunk_bytes)? else {
                return Ok(None);
            };
            let leaves_out = self.isolation == IsolationLevel::ReadCommitted;
            if !leaves_out || !self.view.may_have_aborted() {
                return Ok(Some((chunk, None)));
            }
            let to = self.cursor.offset.min(self.stop);
            let aborted = self.log.aborted_transactions(&self.view, from, to);
            let now = self.log.view()?;
            if now.has_files_of(&self.view) {
                let aborted = Some(aborted?).filter(|aborted| !aborted.is_empty());
                return Ok(Some((chunk, aborted.map(|aborted| Arc::new(Aborted::new(aborted))))));
            }
            // The index may be that of other records already.
            self.view = now;
            self.cursor = Cursor::at(from);
        }
    }
}

/// Whole batches, of which the records from one offset to another are meant.
#[derive(Debug, Clone)]
pub struct FetchedChunk {
    chunk: Chunk,
    log: Arc<PartitionLog>,
    aborted: Option<Arc<Aborted>>,
    from: Offset,
    to: Offset,
}

impl FetchedChunk {
    /// The partition that it is of.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        self.log.partition()
    }

    /// Gives each record in turn, until `each` breaks off. Batches that hold none that are
    /// wanted are not looked into.
    ///
    /// # Errors
    /// Damage, with file and position; all records before it were given.
    pub fn visit(
        &self,
        range: RecordRange,
        scratch: &mut Decompressor,
        mut each: impl FnMut(LocatedRecord<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let partition = self.log.partition();
        let since = range.since.unwrap_or(i64::MIN);
        let until = range.until.unwrap_or(i64::MAX);
        for batch in self.chunk.batches() {
            let attributes = batch.attributes();
            if batch.last_offset() < self.from
                || batch.max_timestamp() < since
                || attributes.is_control()
            {
                continue;
            }
            if batch.base_offset() >= self.to {
                break;
            }
            let damage =
                |cause| of_log(&self.log, self.chunk.fault_at(&batch, Fault::Corrupt(cause)));
            batch.check().map_err(damage)?;
            if self.aborted.as_ref().is_some_and(|aborted| aborted.hides(&batch)) {
                continue;
            }
            let leader_epoch = batch.leader_epoch();
            for record in batch.records(scratch).map_err(damage)? {
                let record = record.map_err(damage)?;
                let wanted = (self.from.0..self.to.0).contains(&record.offset)
                    && record.timestamp >= since
                    && record.timestamp < until;
                if wanted && each(LocatedRecord { partition, leader_epoch, record }).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A log directory of somebody else's: a stopped broker's partition, or one segment of it.
/// Nothing in it is locked, mapped or changed.
#[derive(Debug)]
pub struct ForeignLog {
    log: Arc<PartitionLog>,
}

impl ForeignLog {
    /// Opens a partition directory or a `.log` file.
    ///
    /// # Errors
    /// [`Error::NotALog`] where the path is neither; as the file system says.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| storage::Error::new("open", path.display(), source);
        let real = path.canonicalize().map_err(failed)?;
        let (dir, only_segment) =
            if real.is_dir() { (real, None) } else { segment_path(path, &real)? };
        let not_a_log = || Error::NotALog(path.display().to_string());
        let (Some(parent), Some(name)) =
            (dir.parent(), dir.file_name().and_then(|name| name.to_str()))
        else {
            return Err(not_a_log());
        };
        let partition = TopicPartition::from_directory_name(name)
            .or_else(|| Some(TopicPartition::new(TopicName::new(name).ok()?, 0)))
            .ok_or_else(not_a_log)?;
        let storage = Directory::open_foreign(parent)?;
        let place = Place {
            storage: Arc::new(storage),
            partition,
            dir: name.to_owned(),
            log_dir: Some(String::new()),
            only_segment,
            control: None,
            owned: None,
        };
        let log = Arc::new(PartitionLog::new(place, Arc::new(TopicConfig::default())));
        let has_segments = log.view().map(|view| !view.segments().is_empty());
        if !has_segments.map_err(|error| of_log(&log, error))? {
            return Err(not_a_log());
        }
        Ok(Self { log })
    }

    /// The log, for what looks at its files.
    #[must_use]
    pub const fn log(&self) -> &Arc<PartitionLog> {
        &self.log
    }

    /// A reader of it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn reader(&self) -> Result<PartitionReader> {
        PartitionReader::new(Arc::clone(&self.log), COPIED_CHUNK_BYTES)
    }
}

/// The partition directory of a `.log` file, and the base offset that is its name.
fn segment_path(path: &Path, real: &Path) -> Result<(PathBuf, Option<Offset>)> {
    let base = real.file_name().and_then(|name| names::base_offset(name.to_str()?, names::LOG));
    match (real.parent(), base) {
        (Some(dir), Some(base)) => Ok((dir.to_owned(), Some(base))),
        _ => Err(Error::NotALog(path.display().to_string())),
    }
}

fn of_log(log: &PartitionLog, error: log::Error) -> Error {
    Error::Log { action: "read", partition: log.partition().clone(), source: error }
}
