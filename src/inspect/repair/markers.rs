//! Markers of transactions that damage has taken, put back with the outcome that they had.
//!
//! Without its marker a transaction would go on into the next of its producer and share that one's
//! fate. Two things tell how it ended: the crc of the damaged batch, which is that of one marker
//! alone, and the segment's `.txnindex`, where that agrees with all other markers of the segment.
//! Where neither does, nothing is guessed.

use std::collections::HashSet;
use std::ops::Range;

use super::super::batches::{BatchWalk, Step};
use super::super::finding::{Finding, Severity};
use super::super::problem::Problem;
use super::survey::{Restored, Surveyed};
use crate::log::epochs::LeaderEpochs;
use crate::log::{AbortedTransaction, Place, ProducerReplay, Result, names};
use crate::model::Offset;
use crate::record::{
    Batch, EndTransactionMarker, Frame, HEADER_BYTES, Outcome, set_base_offset, set_leader_epoch,
};
use crate::storage::{self, File, Open};

/// Bytes of the largest damage that may have been a marker.
const MARKER_BYTES_MAX: u64 = 1 << 10;
/// Where a marker has the epoch of its coordinator, as all that are known write it.
const COORDINATOR_EPOCH_AT: Range<usize> = HEADER_BYTES + 12..HEADER_BYTES + 16;
/// Header fields that no crc covers; where the damage begins and ends tells what they were.
const LENGTH_AT: Range<usize> = 8..12;
const MAGIC_AT: usize = 16;
/// From here on the crc counts.
const CRC_COVERS_FROM: usize = 21;

/// Finds the markers among what is to be cut out, and puts them back; gives the transactions of
/// which it can't be told how they ended.
pub(super) fn put_back(place: &Place, surveyed: &mut [Surveyed]) -> Result<Vec<Finding>> {
    let mut search = Search {
        place,
        producers: ProducerReplay::default(),
        epochs: LeaderEpochs::read(&*place.storage, &place.dir)?,
        end: surveyed.first().map_or(Offset::ZERO, |of| of.base),
        last_epoch: -1,
        last_timestamp: -1,
        aborted: Vec::new(),
        with_records: HashSet::new(),
        unknown: Vec::new(),
    };
    for number in 0..surveyed.len() {
        let next_base = surveyed.get(number + 1).map(|next| next.base);
        search.segment(&mut surveyed[number], next_base)?;
        let Surveyed { end, last_epoch, last_timestamp, .. } = surveyed[number];
        if let Some(next) = surveyed.get_mut(number + 1)
            && next.begins_after < end
        {
            // A marker at the very end of a segment counts for the next one too.
            next.begins_after = end;
            if next.end <= end {
                (next.end, next.last_epoch, next.last_timestamp) =
                    (end, last_epoch, last_timestamp);
            }
        }
    }
    Ok(search.unknown)
}

/// A marker that is lost: whose it was, and what tells its outcome.
struct Lost {
    producer_id: i64,
    producer_epoch: i16,
    timestamp: i64,
    marker: EndTransactionMarker,
    /// The crc does not tell, only the index.
    is_by_index: bool,
}

struct Search<'p> {
    place: &'p Place,
    producers: ProducerReplay,
    epochs: LeaderEpochs,
    /// The offset after the last batch, its leader epoch and largest timestamp.
    end: Offset,
    last_epoch: i32,
    last_timestamp: i64,
    /// Aborted transactions whose markers stand in the segment, and whether their beginning was met.
    aborted: Vec<(AbortedTransaction, bool)>,
    /// Producers whose transaction is open and has records.
    with_records: HashSet<i64>,
    unknown: Vec<Finding>,
}

impl Search<'_> {
    fn segment(&mut self, of: &mut Surveyed, next_base: Option<Offset>) -> Result<()> {
        let path = self.place.path_of(&names::segment_file(of.base, names::LOG));
        let file = self.place.storage.open(&path, Open::Read)?;
        let index = read_index(self.place, of.base)?;
        self.aborted.clear();
        self.end = self.end.max(of.base);
        let (mut from, mut by_index) = (0, Vec::new());
        for number in 0..of.cuts.len() {
            let range = of.cuts[number].range.clone();
            self.follow(&*file, from..range.start)?;
            from = range.end;
            if of.cuts[number].is_torn {
                continue;
            }
            let next = first_offset(&*file, range.end..of.len)?.or(next_base);
            let transaction = self.cut(&*file, of, number, (next, index.as_deref()))?;
            by_index.extend(transaction);
        }
        self.follow(&*file, from..of.len)?;
        if !index.is_some_and(|index| self.agrees(&index)) {
            by_index.into_iter().for_each(|(id, first)| self.tell_unknown(id, first));
        }
        Ok(())
    }

    /// Takes note of the batches that stay.
    fn follow(&mut self, file: &dyn File, range: Range<u64>) -> Result<()> {
        let mut walk = BatchWalk::new(file, range.end);
        walk.go_on_at(range.start);
        loop {
            let batch = match walk.next()? {
                Some(Step::Batch { batch, .. }) => batch,
                Some(Step::Old { .. }) => continue,
                Some(Step::Fault { .. }) | None => return Ok(()),
            };
            // Without records compaction may have taken the marker out.
            if let Some(first) = self.producers.outlived(&batch)
                && self.with_records.remove(&batch.producer_id())
            {
                self.tell_unknown(batch.producer_id(), first);
            }
            self.batch(&batch);
        }
    }

    fn batch(&mut self, batch: &Batch<'_>) {
        self.end = self.end.max(batch.next_offset());
        self.last_epoch = self.last_epoch.max(batch.leader_epoch());
        self.last_timestamp = batch.max_timestamp();
        let id = batch.producer_id();
        let ended = self.producers.follow(batch);
        if ended.is_some() {
            self.with_records.remove(&id);
        } else if id >= 0 && batch.attributes().is_transactional() && batch.records_count() > 0 {
            self.with_records.insert(id);
        }
        let aborted = ended.filter(|ended| !ended.is_committed);
        self.aborted.extend(aborted.map(|ended| (ended.entry, ended.was_begun)));
    }

    /// Looks at what is to be cut out. Gives the transaction whose outcome only the index told.
    fn cut(
        &mut self,
        file: &dyn File,
        of: &mut Surveyed,
        number: usize,
        (next, index): (Option<Offset>, Option<&[AbortedTransaction]>),
    ) -> Result<Option<(i64, Offset)>> {
        let range = of.cuts[number].range.clone();
        let size = range.end - range.start;
        if !(HEADER_BYTES as u64..=MARKER_BYTES_MAX).contains(&size) {
            return Ok(None);
        }
        let mut bytes = vec![0; size as usize];
        file.read_exact_at(&mut bytes, range.start)?;
        bytes[LENGTH_AT].copy_from_slice(&(size as u32 - 12).to_be_bytes());
        bytes[MAGIC_AT] = 2;
        let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes) else {
            return Ok(None);
        };
        let Some(offset) = self.offset_of(&batch, next) else {
            return Ok(None);
        };
        let lost = self.by_crc(&batch, &bytes);
        let Some(lost) = lost.or_else(|| self.by_index(&batch, offset, index)) else {
            return Ok(None);
        };
        let first = self.start_of(lost.producer_id);
        let restored = self.restore(&lost, &batch, offset);
        of.restore(number, restored);
        Ok(first.filter(|_| lost.is_by_index).map(|first| (lost.producer_id, first)))
    }

    /// The offset of a damaged batch of one record: its own if there is room for it; at the end of
    /// the log the next one.
    fn offset_of(&self, batch: &Batch<'_>, next: Option<Offset>) -> Option<Offset> {
        let Some(next) = next else {
            return Some(self.end);
        };
        let found = batch.base_offset();
        let has_room = found >= self.end && found < next;
        has_room.then_some(found).or_else(|| (next == self.end.next()).then_some(self.end))
    }

    fn start_of(&self, producer_id: i64) -> Option<Offset> {
        let entry = self.producers.get(producer_id).filter(|it| it.transaction_start >= 0)?;
        Some(Offset(entry.transaction_start))
    }

    /// The one marker that the crc of a damaged batch is right for, of a transaction that is open.
    fn by_crc(&self, batch: &Batch<'_>, bytes: &[u8]) -> Option<Lost> {
        let told = bytes.get(COORDINATOR_EPOCH_AT)?.first_chunk().copied().map(i32::from_be_bytes);
        self.producers.open().find_map(|(_, producer_id)| {
            let open = self.producers.get(producer_id)?;
            let epoch = open.producer_epoch;
            let epochs = [batch.producer_epoch().max(epoch), epoch, epoch.saturating_add(1)];
            let coordinators = [told?, open.coordinator_epoch.max(0), 0];
            let times = [batch.max_timestamp(), batch.base_timestamp()];
            let outcomes = [Outcome::Abort, Outcome::Commit];
            let all = epochs.into_iter().flat_map(|epoch| coordinators.map(|it| (epoch, it)));
            let all = all.flat_map(|it| times.map(|time| (it, time)));
            let mut all = all.flat_map(|it| outcomes.map(|outcome| (it, outcome)));
            all.find_map(|(((producer_epoch, coordinator_epoch), timestamp), outcome)| {
                let marker = EndTransactionMarker { outcome, coordinator_epoch };
                let made = marker.batch(producer_id, producer_epoch, timestamp);
                let is_by_index = false;
                is_vouched_for(&made, batch, bytes).then_some(Lost {
                    producer_id,
                    producer_epoch,
                    timestamp,
                    marker,
                    is_by_index,
                })
            })
        })
    }

    /// The marker that the header tells of, with the outcome by the index. That nothing stands there
    /// counts as a commit only if the index turns out to be sound.
    fn by_index(
        &self,
        batch: &Batch<'_>,
        offset: Offset,
        index: Option<&[AbortedTransaction]>,
    ) -> Option<Lost> {
        let (attributes, producer_id) = (batch.attributes(), batch.producer_id());
        // No single flip makes this of a batch of records.
        let is_marker = attributes.is_control() && batch.base_sequence() == -1;
        let open = self.producers.get(producer_id).filter(|it| it.transaction_start >= 0)?;
        let producer_epoch = batch.producer_epoch();
        if !is_marker || producer_epoch < open.producer_epoch {
            return None;
        }
        let has = |entry: &AbortedTransaction| {
            (entry.last_offset, entry.producer_id) == (offset, producer_id)
                && entry.first_offset.0 <= open.transaction_start
        };
        let is_aborted = index.is_some_and(|index| index.iter().any(has));
        let outcome = if is_aborted { Outcome::Abort } else { Outcome::Commit };
        let coordinator_epoch = open.coordinator_epoch.max(0);
        let marker = EndTransactionMarker { outcome, coordinator_epoch };
        // The header's own time may be what is damaged.
        let timestamp = self.last_timestamp;
        Some(Lost { producer_id, producer_epoch, timestamp, marker, is_by_index: true })
    }

    /// Makes the marker anew, and goes on behind it.
    fn restore(&mut self, lost: &Lost, old: &Batch<'_>, offset: Offset) -> Restored {
        let Lost { producer_id, producer_epoch, timestamp, marker, .. } = *lost;
        let mut bytes = marker.batch(producer_id, producer_epoch, timestamp);
        let told = self.epochs.at(offset).filter(|told| *told == old.leader_epoch());
        let leader_epoch = told.filter(|told| *told > self.last_epoch).unwrap_or(self.last_epoch);
        set_base_offset(&mut bytes, offset);
        set_leader_epoch(&mut bytes, leader_epoch);
        if let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes) {
            self.batch(&batch);
        }
        let is_committed = marker.outcome == Outcome::Commit;
        Restored { bytes, offset, producer_id, is_committed, leader_epoch, timestamp }
    }

    /// Whether an index has just the aborted transactions of the segment.
    fn agrees(&self, index: &[AbortedTransaction]) -> bool {
        let is_of = |entry: &AbortedTransaction, other: &AbortedTransaction| {
            (entry.last_offset, entry.producer_id) == (other.last_offset, other.producer_id)
        };
        let has_marker = |entry| self.aborted.iter().any(|(other, _)| is_of(entry, other));
        let has_entry = |(other, was_begun): &(AbortedTransaction, bool)| {
            !was_begun || index.iter().any(|entry| is_of(entry, other))
        };
        index.iter().all(has_marker) && self.aborted.iter().all(has_entry)
    }

    fn tell_unknown(&mut self, producer_id: i64, first_offset: Offset) {
        let path = self.place.storage.display(&self.place.dir);
        let what = Problem::UnknownEnd { producer_id, first_offset };
        self.unknown.push(Finding { path, position: None, severity: Severity::Damage, what });
    }
}

/// Whether a marker is what a damaged batch was: by its crc, or where a byte of that alone is wrong.
/// With more of it wrong the damage may be in the outcome itself.
fn is_vouched_for(made: &[u8], batch: &Batch<'_>, bytes: &[u8]) -> bool {
    let Ok(Frame::Whole(whole)) = Batch::at_front(made) else {
        return false;
    };
    let differs = (whole.crc() ^ batch.crc()).to_be_bytes().iter().filter(|it| **it != 0).count();
    let is_same = made.get(CRC_COVERS_FROM..) == bytes.get(CRC_COVERS_FROM..);
    made.len() == bytes.len() && (differs == 0 || is_same && differs == 1)
}

/// The base offset of the first batch in a range that begins with one.
fn first_offset(file: &dyn File, range: Range<u64>) -> Result<Option<Offset>> {
    let mut walk = BatchWalk::new(file, range.end);
    walk.go_on_at(range.start);
    Ok(match walk.next()? {
        Some(Step::Batch { batch, .. }) => Some(batch.base_offset()),
        _ => None,
    })
}

/// The entries of a segment's index; `None` where there is none, or a part of it can't be read.
fn read_index(place: &Place, base: Offset) -> Result<Option<Vec<AbortedTransaction>>> {
    let path = place.path_of(&names::segment_file(base, names::TXN_INDEX));
    let Some(file) = storage::found(place.storage.open(&path, Open::Read))? else {
        return Ok(None);
    };
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    let (entries, rest) = bytes.as_chunks::<{ AbortedTransaction::BYTES }>();
    let entries: Option<Vec<_>> = entries.iter().map(AbortedTransaction::parse).collect();
    Ok(entries.filter(|_| rest.is_empty()))
}
