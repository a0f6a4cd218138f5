//! The producers of a log that is appended to: found when they are first asked for, kept in step
//! with it, and saved in [snapshots](super::snapshot).
//!
//! The log is the truth. The state is that of the newest sound snapshot, and of the batches after
//! it; where there is none, of all batches. A log in which no producer ever was pays for none of
//! this: its control file says so, and before its first batch of a producer a snapshot of nobody
//! is written.
//!
//! Snapshots are taken at each roll, at a clean stop, and every so many bytes that were synced; they
//! may tell of batches that are not durable. So whoever cuts a log removes those past its end first.
//!
//! Differs: Kafka remembers only the last batch of each producer through a restart, here it is five
//! again. Kafka forgets the snapshots below the log start when it opens a log, and a producer
//! whose records have been deleted with them; here the newest snapshot stays good.

use std::ops::Range;

use super::aborted::AbortedTransaction;
use super::error::{Fault, Result};
use super::partition::{PartitionLog, Place};
use super::producers::{ProducerInfo, Producers, SentBatch, StoredBatch};
use super::scan::{Check, Found, Scanner};
use super::segment::{Segment, first_needed, list_segments};
use super::snapshot;
use super::transactions::{EndMarker, TransactionCheck};
use super::writer::{BatchSizes, Writer};
use crate::model::Offset;
use crate::record::{Batch, CorruptBatch, EndTransactionMarker};

/// Bytes before a snapshot in which the batches before each producer's last are looked for.
const RECALLED_BYTES: u64 = 16 << 20;

impl PartitionLog {
    /// The producers with an id that the log remembers, in order of their ids.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn producers(&self, now_ms: i64) -> Result<Vec<ProducerInfo>> {
        self.with_writer(now_ms, |place, _, writer| {
            let producers = writer.producers(place, now_ms)?;
            producers.sweep(now_ms);
            Ok(producers.infos())
        })
    }
}

/// What a log holds, as far as its producers go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Covered<'p> {
    pub(super) place: &'p Place,
    pub(super) active_base: Offset,
    /// The offset after the last.
    pub(super) end: Offset,
    /// Where in the active segment that is.
    pub(super) end_position: u64,
}

impl Covered<'_> {
    /// The producers of a log that may have some; and, added to `aborted`, the transactions that
    /// were aborted since the snapshot that they are of.
    pub(super) fn producers(
        &self,
        now_ms: i64,
        aborted: &mut Vec<AbortedTransaction>,
    ) -> Result<Producers> {
        let place = self.place;
        let mut producers = Producers::default();
        if let Some(newest) = snapshot::newest(&*place.storage, &place.dir, self.end, now_ms)? {
            producers = newest;
            recall(place, &mut producers)?;
        }
        self.replay(&mut producers, now_ms, aborted)?;
        Ok(producers)
    }

    /// Makes up for the batches between what producers are as of and the end of the log. Where
    /// damage ends that, they are as of the damage.
    pub(super) fn replay(
        &self,
        producers: &mut Producers,
        now_ms: i64,
        aborted: &mut Vec<AbortedTransaction>,
    ) -> Result<()> {
        let (storage, from) = (&*self.place.storage, producers.end());
        if from < self.end {
            let mut bases = list_segments(storage, &self.place.dir)?;
            bases.retain(|base| *base <= self.active_base);
            for base in &bases[first_needed(&bases, from)..] {
                let segment = Segment::open(storage, &self.place.dir, *base)?;
                let end = match *base == self.active_base {
                    true => self.end_position,
                    false => segment.log.metadata()?.len,
                };
                replay_segment(&segment, from, end, producers, now_ms, aborted)?;
            }
        }
        producers.pass_to(self.end);
        Ok(())
    }
}

impl Writer {
    /// The producers as of the end of the log.
    pub(super) fn producers(&mut self, place: &Place, now_ms: i64) -> Result<&mut Producers> {
        // Who published the markers has indexed what they abort.
        self.producers_since(place, now_ms, &mut Vec::new())
    }

    fn producers_since(
        &mut self,
        place: &Place,
        now_ms: i64,
        aborted: &mut Vec<AbortedTransaction>,
    ) -> Result<&mut Producers> {
        let state = &self.state;
        let covered = Covered {
            place,
            active_base: Offset(state.active_base),
            end: Offset(state.end_offset),
            end_position: state.end_position,
        };
        let producers = match self.producers.take() {
            Some(mut known) if known.end() <= covered.end => {
                covered.replay(&mut known, now_ms, aborted)?;
                known
            }
            _ if !state.has_producers => Producers::none(covered.end),
            _ => covered.producers(now_ms, aborted)?,
        };
        Ok(self.producers.insert(producers))
    }

    /// The producers, for a batch of one of them that is about to be appended.
    fn producers_to_append(&mut self, place: &Place, now_ms: i64) -> Result<&mut Producers> {
        self.producers(place, now_ms)?.sweep(now_ms);
        if !self.state.has_producers && self.state.end_offset > self.state.log_start_offset {
            // The log before its first producer need never be read for any.
            self.snapshot(place, now_ms)?;
        }
        self.producers(place, now_ms)
    }

    /// Whether a producer's batch is to be appended; if it is there already, where.
    pub(super) fn check_producer(
        &mut self,
        place: &Place,
        sent: &SentBatch,
        check: TransactionCheck,
        now_ms: i64,
    ) -> Result<Option<StoredBatch>> {
        let duplicate = self.producers_to_append(place, now_ms)?.check(sent, check)?;
        if duplicate.is_some_and(|batch| batch.last_offset.0 >= self.state.recovery_point) {
            // Who wrote it may have died before it was synced; who sends it again wants it durable.
            self.remember_unsynced();
        }
        Ok(duplicate)
    }

    /// Whether a marker is to be appended; if not, it is there already.
    pub(super) fn check_marker(
        &mut self,
        place: &Place,
        marker: &EndMarker,
        now_ms: i64,
    ) -> Result<bool> {
        let checked = self.producers_to_append(place, now_ms)?.check_marker(marker);
        if self.state.end_offset > self.state.recovery_point {
            // Who wrote one that is there may have died before it was synced, with all before it.
            self.remember_unsynced();
        }
        checked
    }

    /// Keeps the producers in step with a batch that was written and is about to be published, and
    /// with them what is to be published of transactions.
    pub(super) fn follow(
        &mut self,
        place: &Place,
        batch: &BatchSizes,
        base_offset: Offset,
        now_ms: i64,
    ) -> Result<()> {
        let end = Offset(self.state.end_offset);
        let Some(producers) =
            self.producers.as_mut().filter(|producers| producers.end() == base_offset)
        else {
            // Those that are behind are read after when they are asked for.
            return Ok(());
        };
        let Some(sent) = &batch.producer else {
            producers.pass_to(end);
            return Ok(());
        };
        let aborted = producers.follow(sent, base_offset, batch.marker, now_ms);
        self.state.first_open_transaction = producers.first_open();
        self.index_aborted(place, aborted.as_slice())
    }

    /// Saves the producers as of the end of the log.
    pub(super) fn snapshot(&mut self, place: &Place, now_ms: i64) -> Result<()> {
        if self.state.has_producers {
            self.settle_txn_index(place)?;
        }
        let producers = self.producers(place, now_ms)?;
        producers.forget_idle(now_ms);
        Ok(snapshot::write(&*place.storage, &place.dir, producers)?)
    }

    /// Finds out which producers and transactions there are, after the end of the log was found
    /// out. `walked` tells whether a batch of a producer was met on the way. Gives the transactions
    /// that were aborted at or after the offset `since`.
    pub(super) fn find_producers(
        &mut self,
        place: &Place,
        walked: bool,
        since: Offset,
        now_ms: i64,
    ) -> Result<Vec<AbortedTransaction>> {
        self.producers = None;
        self.state.has_producers |= walked;
        if !self.state.has_producers {
            let end = Offset(self.state.end_offset);
            let newest = snapshot::newest(&*place.storage, &place.dir, end, now_ms)?;
            self.state.has_producers = newest.is_some_and(|producers| !producers.is_empty());
        }
        let mut aborted = Vec::new();
        if self.state.has_producers {
            let producers = self.producers_since(place, now_ms, &mut aborted)?;
            self.state.first_open_transaction = producers.first_open();
            aborted.retain(|aborted| aborted.last_offset >= since);
        }
        Ok(aborted)
    }
}

/// Follows the batches of a segment from an offset on, and adds the transactions that they abort.
pub(super) fn replay_segment(
    segment: &Segment,
    from: Offset,
    end: u64,
    producers: &mut Producers,
    now_ms: i64,
    aborted: &mut Vec<AbortedTransaction>,
) -> Result<()> {
    let start = segment.position_of(from, end)?;
    each_sent(segment, start..end, |sent, batch| {
        // Where segments overlap, the later one repeats what was.
        if batch.last_offset() >= producers.end() {
            let marker = EndTransactionMarker::of(batch)?;
            aborted.extend(producers.follow(&sent, batch.base_offset(), marker, now_ms));
        }
        Ok(())
    })
}

/// Remembers the batches that stand shortly before what a snapshot is as of. It has only the last
/// of each producer; a client that had five on the way when the log was left sends all of them again.
fn recall(place: &Place, producers: &mut Producers) -> Result<()> {
    let end = producers.end();
    let storage = &*place.storage;
    let bases = list_segments(storage, &place.dir)?;
    let before = bases.partition_point(|base| *base < end);
    let (mut pieces, mut left) = (Vec::new(), RECALLED_BYTES);
    for base in bases[..before].iter().rev() {
        let segment = Segment::open(storage, &place.dir, *base)?;
        let position = segment.position_of(end, segment.log.metadata()?.len)?;
        let start = segment.boundary_before(position.saturating_sub(left))?;
        left = left.saturating_sub(position - start);
        pieces.push((segment, start..position));
        if left == 0 {
            break;
        }
    }
    for (segment, positions) in pieces.into_iter().rev() {
        each_sent(&segment, positions, |sent, batch| {
            producers.recall(&sent, batch.base_offset());
            Ok(())
        })?;
    }
    Ok(())
}

/// Visits the batches of producers that stand at these positions.
fn each_sent(
    segment: &Segment,
    positions: Range<u64>,
    mut visit: impl FnMut(SentBatch, &Batch<'_>) -> std::result::Result<(), CorruptBatch>,
) -> Result<()> {
    let log = &*segment.log;
    let mut scanner = Scanner::new(log, positions.start, positions.end, Check::Frames);
    while let Some(found) = scanner.next()? {
        match found {
            Found::Batch { position, batch } => {
                if let Some(sent) = SentBatch::of(&batch) {
                    let visited = visit(sent, &batch);
                    visited.map_err(|cause| Fault::Corrupt(cause).at(log, position))?;
                }
            }
            Found::Fault { position, fault } => return Err(fault.at(log, position)),
        }
    }
    Ok(())
}
