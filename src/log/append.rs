//! Appending: one batch at a time, each under the partition's lock.
//!
//! An append 1. takes the lock, 2. learns what other processes did since, 3. rolls if the segment
//! is full or old, 4. writes the batch, 5. its index entries, 6. publishes the new end, and lets
//! go. A process that dies between 4 and 6 leaves a batch, or a part of one, past the published
//! end: the next writer takes a whole one over and cuts a torn one off. Nothing of it was ever
//! acknowledged. The steps themselves are the [writer](super::writer)'s.
//!
//! Locks: `sync_turn`, then `writer`, then the partition's range of the lock file. A sync holds
//! only the first while the disk works.
//!
//! After a failed write or sync the file is given up and the partition marked [suspect](super::suspect)
//! for every process; the next writer puts it in order before it appends.

use std::sync::atomic::Ordering;

use super::control::State;
use super::error::{Error, Result};
use super::partition::{Owned, PartitionLog, Place, guard};
use super::transactions::{TransactionCheck, TransactionVersion};
use super::writer::{BatchSizes, Writer, bytes_of};
use crate::model::Offset;

/// What readers see of a log.
#[derive(PartialEq, Eq)]
struct Extent {
    generation: u64,
    log_start: i64,
    end: i64,
    first_open_transaction: i64,
}

impl Extent {
    fn of(state: &State) -> Self {
        Self {
            generation: state.generation,
            log_start: state.log_start_offset,
            end: state.end_offset,
            first_open_transaction: state.first_open_transaction,
        }
    }
}

/// Where an append went. Durable once [`PartitionLog::sync`] has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the batch's first record.
    pub base_offset: Offset,
    /// Offset of its last.
    pub last_offset: Offset,
    /// The first offset that can be read.
    pub log_start_offset: Offset,
    /// Nothing was appended: the batch is one that a producer sent before, and that is where the
    /// offsets say; or a marker that is there already, at the end of the log or before it.
    pub is_duplicate: bool,
    /// Largest timestamp of the batch, in milliseconds; of a duplicate, that of the one that is there.
    pub max_timestamp: i64,
}

impl PartitionLog {
    /// Appends a batch, whose base offset and leader epoch it sets. The batch must have been
    /// checked: its crc is taken to be right. A batch of a transaction must go on with one that is
    /// open here.
    ///
    /// # Errors
    /// [`Error::TransactionNotVerified`] where such a batch would begin one;
    /// [`Error::Gone`] where the partition was deleted; a batch that breaks the limits of the
    /// topic leaves the log as it was; so does a failed write, as far as any reader can see.
    pub fn append(&self, batch: &mut [u8], now_ms: i64) -> Result<Appended> {
        self.append_checked(batch, TransactionCheck::Unverified, now_ms)
    }

    /// As [`PartitionLog::append`], of a batch whose transaction the coordinator knows to have this
    /// partition: it may begin here.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn append_verified(&self, batch: &mut [u8], now_ms: i64) -> Result<Appended> {
        self.append_checked(batch, TransactionCheck::Verified(TransactionVersion::V1), now_ms)
    }

    /// As [`PartitionLog::append`], with what is known of the batch's transaction.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn append_checked(
        &self,
        batch: &mut [u8],
        check: TransactionCheck,
        now_ms: i64,
    ) -> Result<Appended> {
        let sizes = BatchSizes::of(batch)?;
        let config = self.config();
        let max = bytes_of(config.segment_bytes);
        if batch.len() as u64 > max {
            return Err(Error::LargerThanSegment { size: batch.len(), max });
        }
        self.with_writer(now_ms, |place, owned, writer| {
            if let Some(sent) = &sizes.producer
                && let Some(duplicate) = writer.check_producer(place, sent, check, now_ms)?
            {
                return Ok(writer.duplicate(&duplicate));
            }
            if writer.is_full(&sizes, &config, now_ms) {
                writer.roll(place, owned, &config, now_ms)?;
            }
            writer.append(place, batch, &sizes, &config, now_ms)
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
        let taken = guard(&self.writer).as_mut().map(Writer::take_unsynced);
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
        self.with_writer(now_ms, |place, owned, writer| {
            writer.note_synced(place, owned, &synced, now_ms)
        })
    }

    /// Makes all durable for a clean stop, as Kafka leaves it: the recovery point is at the end, in
    /// the checkpoint too, and the indexes are whole. The log may be used again.
    ///
    /// # Errors
    /// As for [`PartitionLog::sync`].
    pub fn close(&self, now_ms: i64) -> Result<()> {
        self.sync(now_ms)?;
        let config = self.config();
        self.with_writer(now_ms, |place, owned, writer| writer.close(place, owned, &config, now_ms))
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
    pub(super) fn with_writer<T>(
        &self,
        now_ms: i64,
        work: impl FnOnce(&Place, &Owned, &mut Writer) -> Result<T>,
    ) -> Result<T> {
        let place = &self.place;
        let owned = place.owned.as_ref().expect("a log is written only through a place to write");
        let mut slot = guard(&self.writer);
        let lock = self.lock(owned)?;
        let before = slot.as_ref().map(|writer| Extent::of(&writer.published));
        let mut writer = match slot.take() {
            Some(writer) if owned.exclusive => writer,
            known => self.ready(owned, known, now_ms)?,
        };
        let result = work(place, owned, &mut writer);
        let changed = before != Some(Extent::of(&writer.published));
        if owned.exclusive {
            self.show(&writer.published);
        }
        if let Err(Error::Storage(_)) = &result {
            if !writer.mark_suspect(place) {
                self.doubt();
            }
        } else {
            *slot = Some(writer);
        }
        drop((lock, slot));
        if changed {
            self.listeners.wake();
        }
        result
    }

    /// A writer that knows what other processes did since it was last used, or a new one. The
    /// partition's lock is held.
    fn ready(&self, owned: &Owned, known: Option<Writer>, now_ms: i64) -> Result<Writer> {
        self.still_there()?;
        let place = &self.place;
        let interval = bytes_of(self.config().index_interval_bytes);
        let refreshed = match known {
            // What it wrote and has not synced is forgotten with it.
            Some(writer) => {
                writer.refresh(place, interval, now_ms).inspect_err(|_| self.doubt())?
            }
            None => None,
        };
        if let Some(writer) = refreshed {
            return Ok(writer);
        }
        let mut notices = Vec::new();
        let doubt = self.in_doubt.load(Ordering::Relaxed);
        let loaded = Writer::load(place, owned, interval, now_ms, doubt, &mut notices);
        self.tell(notices);
        loaded.inspect(|_| self.in_doubt.store(false, Ordering::Relaxed))
    }

    /// Remembers that what this process wrote may not be durable, where no other can be told.
    fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Relaxed);
    }
}
