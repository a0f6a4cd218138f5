//! Writing a log of batches that have their offsets, epochs and crcs already: a copy of another log.
//!
//! The directory is new, and nobody knows of it yet. Batches come in order and are written as they
//! are; segments, indexes and snapshots of producers are what they would be had the log grown here.
//! When [`Import::finish`] returns all of it is durable, but for the name of the directory itself.

use std::sync::Arc;

use super::aborted::{AbortedTransaction, entries_bytes};
use super::epochs::LeaderEpochs;
use super::error::{Fault, Result};
use super::index;
use super::names::{self, TXN_INDEX};
use super::producers::{Producers, SentBatch};
use super::segment::{Segment, path_in};
use super::snapshot;
use super::walk::SegmentFacts;
use super::writer::bytes_of;
use crate::model::{Offset, TopicConfig};
use crate::record::{Batch, EndTransactionMarker};
use crate::storage::{Open, Storage};

/// Bytes written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// A log that is being written.
#[derive(Debug)]
pub struct Import {
    storage: Arc<dyn Storage>,
    dir: String,
    segment_bytes: u64,
    index_interval_bytes: u64,
    now_ms: i64,
    active: Option<Active>,
    producers: Producers,
    /// The offset after the last batch.
    end: Offset,
}

/// The segment that is written.
#[derive(Debug)]
struct Active {
    segment: Segment,
    facts: SegmentFacts,
    buffer: Vec<u8>,
    written: u64,
    aborted: Vec<AbortedTransaction>,
}

impl Import {
    /// Begins a log in a directory that is there and holds no segment.
    #[must_use]
    pub fn begin(
        storage: Arc<dyn Storage>,
        dir: String,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Self {
        Self {
            storage,
            dir,
            segment_bytes: bytes_of(config.segment_bytes),
            index_interval_bytes: bytes_of(config.index_interval_bytes),
            now_ms,
            active: None,
            producers: Producers::default(),
            end: Offset::ZERO,
        }
    }

    /// Writes the next batch, whose crc was checked.
    ///
    /// # Errors
    /// [`super::Error::Corrupt`] where it does not follow the one before; as the file system says.
    pub fn push(&mut self, batch: &Batch<'_>) -> Result<()> {
        let size = batch.size_in_bytes() as u64;
        let is_full = self.active.as_ref().is_some_and(|active| {
            active.facts.end_position + size > self.segment_bytes
                || index::relative(batch.last_offset(), active.segment.base_offset).is_none()
        });
        if is_full {
            self.close_segment(true)?;
        }
        let active = match &mut self.active {
            Some(active) => active,
            None => {
                // Offsets that are missing are missing within a segment, never between two.
                let follows = self.end > Offset::ZERO
                    && index::relative(batch.last_offset(), self.end).is_some();
                let base = if follows { self.end } else { batch.base_offset() };
                let active = Active::open(&*self.storage, &self.dir, base)?;
                self.active.insert(active)
            }
        };
        let position = active.facts.end_position;
        let added = active.facts.add(position, batch, self.index_interval_bytes);
        added.map_err(|fault: Fault| fault.at(&*active.segment.log, position))?;
        active.buffer.extend_from_slice(batch.as_bytes());
        if active.buffer.len() >= WRITE_BYTES {
            active.flush()?;
        }
        self.end = batch.next_offset();
        if let Some(sent) = SentBatch::of(batch) {
            let marker = EndTransactionMarker::of(batch).unwrap_or_default();
            let aborted = self.producers.follow(&sent, batch.base_offset(), marker, self.now_ms);
            active.aborted.extend(aborted);
        }
        Ok(())
    }

    /// Makes the log whole and durable, an empty one too; gives the offset after its last.
    ///
    /// # Errors
    /// As the file system says.
    pub fn finish(
        mut self,
        log_start: Offset,
        end: Offset,
        epochs: &LeaderEpochs,
    ) -> Result<Offset> {
        if self.active.is_none() {
            // The log begins where the other one ended.
            let base = log_start.max(end);
            self.active = Some(Active::open(&*self.storage, &self.dir, base)?);
            self.end = base;
        }
        self.close_segment(false)?;
        epochs.write(&*self.storage, &self.dir)?;
        self.storage.sync_dir(&self.dir)?;
        Ok(self.end)
    }

    /// Makes the segment whole and durable, and what stands beside it.
    fn close_segment(&mut self, is_finished: bool) -> Result<()> {
        let Some(mut active) = self.active.take() else {
            return Ok(());
        };
        active.flush()?;
        let Active { segment, mut facts, aborted, .. } = active;
        if is_finished {
            facts.push_time();
        }
        segment.rewrite_indexes(&facts.offsets, &facts.times)?;
        segment.finish(facts.offsets.len() as u64, facts.times.len() as u64)?;
        if !aborted.is_empty() {
            let name = names::segment_file(segment.base_offset, TXN_INDEX);
            let file = self.storage.open(&path_in(&self.dir, &name), Open::Create)?;
            file.write_all_at(&entries_bytes(&aborted), 0)?;
            file.sync_data()?;
        }
        if !self.producers.is_empty() {
            self.producers.pass_to(self.end);
            snapshot::write(&*self.storage, &self.dir, &self.producers)?;
        }
        Ok(self.storage.sync_dir(&self.dir)?)
    }
}

impl Active {
    fn open(storage: &dyn Storage, dir: &str, base: Offset) -> Result<Self> {
        let segment = Segment::open_active(storage, dir, base, Open::CreateNew)?;
        let facts = SegmentFacts::begin(base, 0);
        Ok(Self { segment, facts, buffer: Vec::new(), written: 0, aborted: Vec::new() })
    }

    fn flush(&mut self) -> Result<()> {
        self.segment.log.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}
