//! Appending: one batch at a time, each under the partition's lock.
//!
//! An append 1. takes the lock, 2. learns what other processes did since, 3. rolls if the segment
//! is full or old, 4. writes the batch, 5. its index entries, 6. publishes the new end, and lets
//! go. A process that dies between 4 and 6 leaves a batch, or a part of one, past the published
//! end: the next writer takes a whole one over and cuts a torn one off. Nothing of it was ever
//! acknowledged.
//!
//! After a failed write or sync the file is given up and the partition marked [suspect](super::suspect)
//! for every process; the next writer puts it in order before it appends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::control::{ControlFile, State};
use super::error::{Error, Result};
use super::index::{self, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES};
use super::partition::{Notice, Owned, PartitionLog, Place, guard};
use super::recovery::{recover, walk_segment};
use super::segment::Segment;
use crate::model::{Offset, TopicConfig};
use crate::record::{self, Batch, Frame};
use crate::storage::{self, File, FileId, Open};

/// Bytes between two notes of the recovery point in Kafka's checkpoint file: what a crash of the
/// machine makes the next opening check, at most, beyond what was not synced.
const CHECKPOINT_INTERVAL_BYTES: u64 = 64 << 20;

/// Bytes of a segment that are handed to the disk at a time, ahead of a sync.
const WRITEBACK_BYTES: u64 = 8 << 20;

/// Where an append went. Durable once [`PartitionLog::sync`] has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the batch's first record.
    pub base_offset: Offset,
    /// Offset of its last.
    pub last_offset: Offset,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
}

/// What a process that appends keeps between appends.
#[derive(Debug)]
pub(super) struct Writer {
    control: ControlFile,
    /// Of the last publication.
    sequence: u64,
    pub(super) published: State,
    /// What is to be published next.
    pub(super) state: State,
    pub(super) active: Segment,
    active_id: FileId,
    /// Files that this process wrote and has not synced.
    unsynced: Vec<Arc<dyn File>>,
}

impl PartitionLog {
    /// Appends a batch, whose base offset and leader epoch it sets. The batch must have been
    /// checked: its crc is taken to be right.
    ///
    /// # Errors
    /// [`Error::Gone`] where the partition was deleted; a batch that breaks the limits of the
    /// topic leaves the log as it was; so does a failed write, as far as any reader can see.
    pub fn append(&self, batch: &mut [u8], now_ms: i64) -> Result<Appended> {
        let sizes = BatchSizes::of(batch)?;
        let config = self.config();
        let max = u64::try_from(config.segment_bytes).unwrap_or_default();
        if batch.len() as u64 > max {
            return Err(Error::LargerThanSegment { size: batch.len(), max });
        }
        self.with_writer(now_ms, |place, owned, writer| {
            if writer.is_full(&sizes, &config, now_ms) {
                writer.roll(place, owned, &config, now_ms)?;
            }
            writer.append(batch, &sizes, &config)
        })
    }

    /// Makes everything durable that this process appended before the call. Other threads may
    /// append meanwhile.
    ///
    /// # Errors
    /// Then nothing that was not durable before is: the partition is suspect until the next
    /// append, or sync, of any process has written it anew.
    pub fn sync(&self, now_ms: i64) -> Result<()> {
        // A second caller must not take the files as synced that the first is still syncing.
        let _turn = guard(&self.sync_turn);
        let taken = guard(&self.writer)
            .as_mut()
            .map(|writer| (std::mem::take(&mut writer.unsynced), writer.end()));
        let Some((files, synced)) = taken else {
            // Nothing written, or given up after a failure: opening writes that anew and syncs it.
            return self.open_to_append(now_ms);
        };
        for file in &files {
            if let Err(error) = file.sync_data() {
                // The lock was not held: a sync is long, and appends went on.
                let told = self.with_writer(now_ms, |_, _, writer| {
                    writer.state.suspect = true;
                    writer.publish()
                });
                if told.is_err() {
                    self.doubt();
                }
                *guard(&self.writer) = None;
                return Err(error.into());
            }
        }
        if files.is_empty() {
            return Ok(());
        }
        self.with_writer(now_ms, |place, owned, writer| writer.note_synced(place, owned, &synced))
    }

    /// Opens the log to append to, and makes it whole if it has to be.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn open_to_append(&self, now_ms: i64) -> Result<()> {
        self.with_writer(now_ms, |_, _, _| Ok(()))
    }

    /// Runs `work` with the partition's lock and a writer that knows the present state. A failure
    /// of the file system makes the partition suspect.
    fn with_writer<T>(
        &self,
        now_ms: i64,
        work: impl FnOnce(&Place, &Owned, &mut Writer) -> Result<T>,
    ) -> Result<T> {
        let place = &self.place;
        let owned = place.owned.as_ref().expect("a log is written only through a place to write");
        let mut slot = guard(&self.writer);
        let _lock = self.lock(owned)?;
        self.still_there()?;
        let interval = u64::try_from(self.config().index_interval_bytes).unwrap_or_default();
        let mut notices = Vec::new();
        let refreshed = match slot.take() {
            // What it wrote and has not synced is forgotten with it.
            Some(writer) => writer.refresh(place, interval).inspect_err(|_| self.doubt()),
            None => Ok(None),
        };
        let writer = refreshed.and_then(|writer| match writer {
            Some(writer) => Ok(writer),
            None => {
                let doubt = self.in_doubt.load(Ordering::Relaxed);
                let loaded = Writer::load(place, owned, interval, now_ms, doubt, &mut notices);
                loaded.inspect(|_| self.in_doubt.store(false, Ordering::Relaxed))
            }
        });
        self.tell(notices);
        let mut writer = writer?;
        let result = work(place, owned, &mut writer);
        if let Err(Error::Storage(_)) = &result {
            if !writer.mark_suspect(place) {
                self.doubt();
            }
        } else {
            *slot = Some(writer);
        }
        result
    }

    /// Remembers that what this process wrote may not be durable, where no other can be told.
    fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Relaxed);
    }
}

/// What an append needs to know of a batch.
struct BatchSizes {
    bytes: u64,
    offsets: i64,
    max_timestamp: i64,
}

impl BatchSizes {
    fn of(bytes: &[u8]) -> Result<Self> {
        match Batch::at_front(bytes).map_err(Error::Malformed)? {
            Frame::Whole(batch)
                if batch.size_in_bytes() == bytes.len() && batch.last_offset_delta() >= 0 =>
            {
                let offsets = i64::from(batch.last_offset_delta()) + 1;
                Ok(Self {
                    bytes: bytes.len() as u64,
                    offsets,
                    max_timestamp: batch.max_timestamp(),
                })
            }
            _ => Err(Error::NotOneBatch),
        }
    }
}

/// What a sync covered.
struct Synced {
    active_base: i64,
    offset: i64,
    position: u64,
}

impl Writer {
    /// Opens a log whose lock is held.
    fn load(
        place: &Place,
        owned: &Owned,
        interval: u64,
        now_ms: i64,
        in_doubt: bool,
        notices: &mut Vec<Notice>,
    ) -> Result<Self> {
        let storage = &*place.storage;
        let path = place.control.as_ref().expect("a log to append to has a control file");
        let mut control = ControlFile::open_or_make(storage, path)?;
        let reading = control.read()?;
        let sequence = reading.as_ref().map_or(0, super::control::Reading::sequence);
        let generation = reading.as_ref().map_or(0, super::control::Reading::generation);
        let durable = reading.as_ref().and_then(super::control::Reading::durable);
        if let Some(reading) = reading {
            let base = reading.active_base();
            if let Some(active) =
                storage::found(Segment::open_active(storage, &place.dir, base, Open::Write))?
            {
                let metadata = active.log.metadata()?;
                if let Some(state) = reading.trusted(&metadata) {
                    let active_id = metadata.id;
                    let mut writer = Self {
                        control,
                        sequence,
                        published: state.clone(),
                        state,
                        active,
                        active_id,
                        unsynced: Vec::new(),
                    };
                    writer.state.suspect |= in_doubt;
                    if writer.heal(place, metadata.len, notices)? {
                        writer.take_over_tail(interval)?;
                        writer.complete_indexes(interval)?;
                        return Ok(writer);
                    }
                    control = writer.control;
                }
            }
        }
        let (mut state, active) =
            recover(place, owned, interval, durable.unwrap_or_default(), now_ms, notices)?;
        state.generation = state.generation.max(generation + 1);
        let active_id = active.log.metadata()?.id;
        let mut writer = Self {
            control,
            sequence,
            published: state.clone(),
            state,
            active,
            active_id,
            unsynced: Vec::new(),
        };
        place.store_recovery_point(owned, Offset(writer.state.recovery_point))?;
        writer.publish()?;
        Ok(writer)
    }

    /// Learns what other processes did since; `None` if the log must be opened anew.
    fn refresh(mut self, place: &Place, interval: u64) -> Result<Option<Self>> {
        let storage = &*place.storage;
        let path = place.control.as_ref().expect("a log to append to has a control file");
        let control = storage::found(storage.metadata(path))?;
        if control.is_none_or(|metadata| metadata.id != self.control.id()) {
            return Ok(None);
        }
        let metadata = self.active.log.metadata()?;
        let Some(reading) = self.control.read()? else {
            return Ok(None);
        };
        let sequence = reading.sequence();
        match reading.trusted(&metadata) {
            Some(state) if state.active_base == self.state.active_base && !state.suspect => {
                self.published.clone_from(&state);
                self.state = state;
                self.sequence = sequence;
                self.take_over_tail(interval)?;
                Ok(Some(self))
            }
            _ => Ok(None),
        }
    }

    /// Deals with what a writer left that died before it published: whole batches are taken over,
    /// the rest is cut off. Nothing of it was acknowledged.
    fn take_over_tail(&mut self, interval: u64) -> Result<()> {
        let len = self.active.log.metadata()?.len;
        if len == self.state.end_position {
            return Ok(());
        }
        let end = Offset(self.state.end_offset);
        let facts = walk_segment(&*self.active.log, end, self.state.end_position, interval)?;
        if facts.end_offset > end {
            let state = &mut self.state;
            state.end_offset = facts.end_offset.0;
            state.bytes_since_index += facts.end_position - state.end_position;
            state.end_position = facts.end_position;
            if facts.max_timestamp > state.max_timestamp {
                state.max_timestamp = facts.max_timestamp;
                state.max_timestamp_offset = facts.max_timestamp_offset.0;
            }
            if state.first_timestamp < 0 {
                state.first_timestamp = facts.first_timestamp;
            }
            self.remember_unsynced();
        }
        if len > self.state.end_position {
            self.active.log.set_len(self.state.end_position)?;
        }
        self.publish()
    }

    /// Whether a batch must go into a new segment. Source: Kafka's `LogSegment.shouldRoll`.
    fn is_full(&self, batch: &BatchSizes, config: &TopicConfig, now_ms: i64) -> bool {
        let state = &self.state;
        if state.rolling {
            return true;
        }
        if state.end_position == 0 {
            return false;
        }
        let age_ms = match state.first_timestamp {
            first if first >= 0 => batch.max_timestamp.saturating_sub(first),
            _ => now_ms.saturating_sub(state.created_ms),
        };
        let index_bytes = u64::try_from(config.segment_index_bytes).unwrap_or_default();
        let last_offset = Offset(state.end_offset) + (batch.offsets - 1);
        state.end_position + batch.bytes > u64::try_from(config.segment_bytes).unwrap_or_default()
            || age_ms > config.segment_ms
            || (state.offset_slots + 1) * OFFSET_ENTRY_BYTES > index_bytes
            || (state.time_slots + 2) * TIME_ENTRY_BYTES > index_bytes
            || index::relative(last_offset, Offset(state.active_base)).is_none()
    }

    /// Closes the active segment and begins the next. The old one is durable before the new one
    /// has a byte: recovery ends a log at its first hole.
    fn roll(
        &mut self,
        place: &Place,
        owned: &Owned,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<()> {
        let storage = &*place.storage;
        self.keep_indexes(place, config)?;
        self.index_time()?;
        self.active.finish(self.state.offset_slots, self.state.time_slots)?;
        // From here on files of the new segment may be there. Should this writer die, the next one
        // must not append to the old segment any more: the two would overlap.
        self.state.rolling = true;
        self.publish()?;
        let base = Offset(self.state.end_offset);
        let next = Segment::open_active(storage, &place.dir, base, Open::Create)?;
        // A writer that died in here may have left files.
        next.log.set_len(0)?;
        next.rewrite_indexes(&[], &[])?;
        storage.sync_dir(&place.dir)?;
        let next_id = next.log.metadata()?.id;
        let state = State {
            log_start_offset: self.state.log_start_offset,
            first_open_transaction: self.state.first_open_transaction,
            leader_epoch: self.state.leader_epoch,
            producers_digest: self.state.producers_digest,
            ..State::fresh(base, self.state.generation + 1, now_ms)
        };
        self.publish_as(&state, next_id)?;
        self.state = state;
        self.active_id = next_id;
        self.active = next;
        self.unsynced.clear();
        place.store_recovery_point(owned, base)
    }

    fn append(
        &mut self,
        bytes: &mut [u8],
        sizes: &BatchSizes,
        config: &TopicConfig,
    ) -> Result<Appended> {
        let base_offset = Offset(self.state.end_offset);
        let last_offset = base_offset + (sizes.offsets - 1);
        if last_offset.0 == i64::MAX {
            return Err(Error::OffsetsExhausted);
        }
        record::set_base_offset(bytes, base_offset);
        record::set_leader_epoch(bytes, self.state.leader_epoch);
        let position = self.state.end_position;
        self.active.log.write_all_at(bytes, position)?;
        self.remember_unsynced();

        let state = &mut self.state;
        if position == 0 {
            state.first_timestamp = sizes.max_timestamp;
        }
        if sizes.max_timestamp > state.max_timestamp {
            state.max_timestamp = sizes.max_timestamp;
            state.max_timestamp_offset = last_offset.0;
        }
        if state.bytes_since_index > u64::try_from(config.index_interval_bytes).unwrap_or_default()
        {
            self.index_offset(last_offset, position)?;
            self.index_time()?;
            self.state.bytes_since_index = 0;
        }
        self.state.bytes_since_index += sizes.bytes;
        self.state.end_offset = last_offset.next().0;
        self.state.end_position += sizes.bytes;
        self.publish()?;
        // So that the disk works while the next batches are made, and a sync finds little to do.
        let before = position / WRITEBACK_BYTES;
        if self.state.end_position / WRITEBACK_BYTES > before {
            self.active.log.start_writeback(before * WRITEBACK_BYTES, WRITEBACK_BYTES);
        }
        let log_start_offset = Offset(self.state.log_start_offset);
        Ok(Appended { base_offset, last_offset, log_start_offset })
    }

    pub(super) fn publish(&mut self) -> Result<()> {
        let state = self.state.clone();
        self.publish_as(&state, self.active_id)
    }

    /// Publishes a state. One that fails may yet have got through: the next publication takes its
    /// number and its slot, and the last good one stays whole meanwhile.
    fn publish_as(&mut self, state: &State, active_id: FileId) -> Result<()> {
        let sequence = self.sequence + 1;
        self.control.publish(state, active_id, sequence)?;
        self.sequence = sequence;
        self.published.clone_from(state);
        Ok(())
    }

    fn remember_unsynced(&mut self) {
        if !self.unsynced.iter().any(|file| Arc::ptr_eq(file, &self.active.log)) {
            self.unsynced.push(Arc::clone(&self.active.log));
        }
    }

    fn end(&self) -> Synced {
        let State { active_base, end_offset, end_position, .. } = self.state;
        Synced { active_base, offset: end_offset, position: end_position }
    }

    /// Raises the recovery point to what a sync covered.
    fn note_synced(&mut self, place: &Place, owned: &Owned, synced: &Synced) -> Result<()> {
        let state = &mut self.state;
        if state.active_base != synced.active_base || state.recovery_position >= synced.position {
            return Ok(());
        }
        state.recovery_point = synced.offset;
        state.recovery_position = synced.position;
        if synced.position - state.checkpoint_position >= CHECKPOINT_INTERVAL_BYTES {
            state.checkpoint_position = synced.position;
            place.store_recovery_point(owned, Offset(synced.offset))?;
        }
        self.publish()
    }
}
