//! What a process that appends knows between appends, and the steps of one.
//!
//! All of it is done with the partition's lock in hand. `state` is what is to be published next,
//! `published` what was last: where a step fails, the difference never happened. What an append
//! leaves on disk is the batch, its index entries, and the control file that tells of both; what a
//! roll leaves is durable.

use std::sync::Arc;

use super::append::Appended;
use super::control::{ControlFile, Reading, State};
use super::error::{Error, Result};
use super::index::{self, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES};
use super::partition::{Notice, Owned, Place};
use super::producers::{Producers, SentBatch, StoredBatch};
use super::recovery::recover;
use super::segment::Segment;
use super::walk::walk_segment;
use crate::model::{Offset, TopicConfig};
use crate::record::{self, Batch, EndTransactionMarker, Frame};
use crate::storage::{self, File, FileId, Open};

/// Bytes between two notes of the recovery point in Kafka's checkpoint file: what a crash of the
/// machine makes the next opening check, at most, beyond what was not synced.
const CHECKPOINT_INTERVAL_BYTES: u64 = 64 << 20;

/// Bytes of a segment that are handed to the disk at a time, ahead of a sync.
const WRITEBACK_BYTES: u64 = 8 << 20;

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
    /// The producers, once they were asked for; as of the end, or behind it.
    pub(super) producers: Option<Producers>,
}

/// What an append needs to know of a batch.
pub(super) struct BatchSizes {
    bytes: u64,
    offsets: i64,
    max_timestamp: i64,
    pub(super) producer: Option<SentBatch>,
    /// What it ends, if it is a control batch.
    pub(super) marker: Option<EndTransactionMarker>,
}

impl BatchSizes {
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        match Batch::at_front(bytes).map_err(Error::Malformed)? {
            Frame::Whole(batch)
                if batch.size_in_bytes() == bytes.len() && batch.last_offset_delta() >= 0 =>
            {
                let offsets = i64::from(batch.last_offset_delta()) + 1;
                Ok(Self {
                    bytes: bytes.len() as u64,
                    offsets,
                    max_timestamp: batch.max_timestamp(),
                    producer: SentBatch::of(&batch),
                    marker: EndTransactionMarker::of(&batch).map_err(Error::Malformed)?,
                })
            }
            _ => Err(Error::NotOneBatch),
        }
    }
}

/// What a sync covered.
pub(super) struct Synced {
    active_base: i64,
    offset: i64,
    position: u64,
}

impl Writer {
    /// Opens a log whose lock is held, and makes it whole if it has to be.
    pub(super) fn load(
        place: &Place,
        owned: &Owned,
        interval: u64,
        now_ms: i64,
        in_doubt: bool,
        notices: &mut Vec<Notice>,
    ) -> Result<Self> {
        let control = ControlFile::open_or_make(&*place.storage, place.control_path())?;
        let reading = control.read()?;
        let (sequence, generation) =
            reading.as_ref().map_or((0, 0), |reading| (reading.sequence(), reading.generation()));
        let durable = reading.as_ref().and_then(Reading::durable).unwrap_or_default();
        if let Some(reading) = reading
            && let Some((state, active)) = trusted(place, reading)?
        {
            let mut writer = Self::new(control.clone(), sequence, state, active)?;
            writer.state.suspect |= in_doubt;
            if writer.heal(place, notices)? {
                writer.take_over_tail(place, interval, now_ms)?;
                writer.complete_indexes(interval)?;
                writer.complete_txn_index(place)?;
                writer.honour_log_start(place, owned)?;
                return Ok(writer);
            }
        }
        let (mut state, active) = recover(place, owned, interval, durable, now_ms, notices)?;
        state.generation = state.generation.max(generation + 1);
        let mut writer = Self::new(control, sequence, state, active)?;
        // Recovery has indexed what was aborted.
        writer.find_producers(place, false, Offset(i64::MAX), now_ms)?;
        if writer.state.has_producers {
            // Before the recovery point rises: below it nobody looks for producers that none tells of.
            writer.snapshot(place, now_ms)?;
        }
        place.store_recovery_point(owned, Offset(writer.state.recovery_point))?;
        writer.publish()?;
        Ok(writer)
    }

    fn new(control: ControlFile, sequence: u64, state: State, active: Segment) -> Result<Self> {
        let active_id = active.log.metadata()?.id;
        let (published, unsynced, producers) = (state.clone(), Vec::new(), None);
        Ok(Self { control, sequence, published, state, active, active_id, unsynced, producers })
    }

    /// Learns what other processes did since; `None` if the log must be opened anew.
    pub(super) fn refresh(
        mut self,
        place: &Place,
        interval: u64,
        now_ms: i64,
    ) -> Result<Option<Self>> {
        let control = storage::found(place.storage.metadata(place.control_path()))?;
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
                if state.generation != self.state.generation {
                    self.producers = None;
                }
                self.published.clone_from(&state);
                self.state = state;
                self.sequence = sequence;
                self.take_over_tail(place, interval, now_ms)?;
                Ok(Some(self))
            }
            _ => Ok(None),
        }
    }

    /// Deals with what a writer left that died before it published: whole batches are taken over,
    /// the rest is cut off. Nothing of it was acknowledged.
    fn take_over_tail(&mut self, place: &Place, interval: u64, now_ms: i64) -> Result<()> {
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
            if facts.has_producers {
                let aborted = self.find_producers(place, true, end, now_ms)?;
                self.index_aborted(place, &aborted)?;
            }
        }
        if len > self.state.end_position {
            self.active.log.set_len(self.state.end_position)?;
        }
        self.publish()
    }

    /// Whether a batch must go into a new segment. Source: Kafka's `LogSegment.shouldRoll`.
    pub(super) fn is_full(&self, batch: &BatchSizes, config: &TopicConfig, now_ms: i64) -> bool {
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
        let index_bytes = bytes_of(config.segment_index_bytes);
        let last_offset = Offset(state.end_offset) + (batch.offsets - 1);
        state.end_position + batch.bytes > bytes_of(config.segment_bytes)
            || age_ms > config.max_segment_ms()
            || (state.offset_slots + 1) * OFFSET_ENTRY_BYTES > index_bytes
            || (state.time_slots + 2) * TIME_ENTRY_BYTES > index_bytes
            || index::relative(last_offset, Offset(state.active_base)).is_none()
    }

    /// Closes the active segment and begins the next. The old one is durable before the new one
    /// has a byte: recovery ends a log at its first hole.
    pub(super) fn roll(
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
        if self.state.has_producers {
            self.snapshot(place, now_ms)?;
        }
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
            has_producers: self.producers.as_ref().is_some_and(|known| !known.is_empty()),
            ..State::fresh(base, self.state.generation + 1, now_ms)
        };
        self.publish_as(&state, next_id)?;
        self.state = state;
        self.active_id = next_id;
        self.active = next;
        self.unsynced.clear();
        place.store_recovery_point(owned, base)
    }

    /// Writes a batch at the end of the active segment, and publishes it.
    pub(super) fn append(
        &mut self,
        place: &Place,
        bytes: &mut [u8],
        sizes: &BatchSizes,
        config: &TopicConfig,
        now_ms: i64,
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

        self.note_timestamp(position, last_offset, sizes.max_timestamp);
        if self.state.bytes_since_index > bytes_of(config.index_interval_bytes) {
            self.index_offset(last_offset, position)?;
            self.index_time()?;
            self.state.bytes_since_index = 0;
        }
        self.state.bytes_since_index += sizes.bytes;
        self.state.has_producers |= sizes.producer.is_some();
        self.state.end_offset = last_offset.next().0;
        self.state.end_position += sizes.bytes;
        self.follow(place, sizes, base_offset, now_ms)?;
        self.publish()?;
        self.start_writeback(position);
        let log_start_offset = Offset(self.state.log_start_offset);
        Ok(Appended {
            base_offset,
            last_offset,
            log_start_offset,
            is_duplicate: false,
            max_timestamp: sizes.max_timestamp,
        })
    }

    /// The answer to a batch that is in the log already.
    pub(super) fn duplicate(&self, batch: &StoredBatch) -> Appended {
        Appended {
            base_offset: batch.base_offset(),
            last_offset: batch.last_offset,
            log_start_offset: Offset(self.state.log_start_offset),
            is_duplicate: true,
            max_timestamp: batch.timestamp,
        }
    }

    /// The answer to a marker that is in the log already, of which is not known where.
    pub(super) fn marked_before(&self, now_ms: i64) -> Appended {
        let last_offset = Offset(self.state.end_offset) + -1;
        Appended {
            base_offset: last_offset,
            last_offset,
            log_start_offset: Offset(self.state.log_start_offset),
            is_duplicate: true,
            max_timestamp: now_ms,
        }
    }

    /// Notes the largest timestamp of a batch that was written at a position.
    fn note_timestamp(&mut self, position: u64, last_offset: Offset, max_timestamp: i64) {
        let state = &mut self.state;
        if position == 0 {
            state.first_timestamp = max_timestamp;
        }
        if max_timestamp > state.max_timestamp {
            state.max_timestamp = max_timestamp;
            state.max_timestamp_offset = last_offset.0;
        }
    }

    /// Hands what was written since a position to the disk, where enough has gathered: so it works
    /// while the next batches are made, and a sync finds little to do.
    fn start_writeback(&self, position: u64) {
        let before = position / WRITEBACK_BYTES;
        if self.state.end_position / WRITEBACK_BYTES > before {
            self.active.log.start_writeback(before * WRITEBACK_BYTES, WRITEBACK_BYTES);
        }
    }

    /// Publishes the state as it is to be.
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

    /// Makes the control file anew where a person has removed it, or another one is there.
    fn keep_control(&mut self, place: &Place) -> Result<()> {
        let named = storage::found(place.storage.metadata(place.control_path()))?;
        if named.is_none_or(|named| named.id != self.control.id()) {
            self.control = ControlFile::open_or_make(&*place.storage, place.control_path())?;
        }
        Ok(())
    }

    pub(super) fn remember_unsynced(&mut self) {
        if !self.unsynced.iter().any(|file| Arc::ptr_eq(file, &self.active.log)) {
            self.unsynced.push(Arc::clone(&self.active.log));
        }
    }

    /// Hands over the files that are to be synced, and what a sync of them covers.
    pub(super) fn take_unsynced(&mut self) -> (Vec<Arc<dyn File>>, Synced) {
        let State { active_base, end_offset, end_position, .. } = self.state;
        let synced = Synced { active_base, offset: end_offset, position: end_position };
        (std::mem::take(&mut self.unsynced), synced)
    }

    /// Leaves the log as a clean stop does.
    pub(super) fn close(
        &mut self,
        place: &Place,
        owned: &Owned,
        config: &TopicConfig,
        now_ms: i64,
    ) -> Result<()> {
        if self.state.has_producers {
            self.snapshot(place, now_ms)?;
        }
        let end = Offset(self.state.end_offset);
        if Offset(self.state.recovery_point) == end && place.recovery_point()? == end {
            return Ok(());
        }
        self.keep_indexes(place, config)?;
        self.index_time()?;
        self.active.finish(self.state.offset_slots, self.state.time_slots)?;
        self.unsynced.clear();
        let state = &mut self.state;
        (state.recovery_point, state.recovery_position) = (end.0, state.end_position);
        state.checkpoint_position = state.end_position;
        place.store_recovery_point(owned, end)?;
        self.publish()
    }

    /// Raises the recovery point to what a sync covered.
    pub(super) fn note_synced(
        &mut self,
        place: &Place,
        owned: &Owned,
        synced: &Synced,
        now_ms: i64,
    ) -> Result<()> {
        if owned.exclusive {
            self.keep_control(place)?;
        }
        let state = &mut self.state;
        if state.active_base != synced.active_base || state.recovery_position >= synced.position {
            return Ok(());
        }
        state.recovery_point = synced.offset;
        state.recovery_position = synced.position;
        if synced.position - state.checkpoint_position >= CHECKPOINT_INTERVAL_BYTES {
            state.checkpoint_position = synced.position;
            if self.state.has_producers {
                self.snapshot(place, now_ms)?;
            }
            place.store_recovery_point(owned, Offset(synced.offset))?;
        }
        self.publish()
    }
}

/// The state that a control file tells of with its active segment, if it is true of that.
fn trusted(place: &Place, reading: Reading) -> Result<Option<(State, Segment)>> {
    let base = reading.active_base();
    let opened = Segment::open_active(&*place.storage, &place.dir, base, Open::Write);
    let Some(active) = storage::found(opened)? else {
        return Ok(None);
    };
    Ok(reading.trusted(&active.log.metadata()?).map(|state| (state, active)))
}

/// The number of bytes that a config says; none is negative in one that was checked.
pub(super) fn bytes_of(config: i32) -> u64 {
    u64::try_from(config).unwrap_or_default()
}
