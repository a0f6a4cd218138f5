//! What stands beside the segments, made anew from their batches.

use std::collections::BTreeSet;

use super::kept::Kept;
use crate::log::epochs::{EpochEntry, LeaderEpochs};
use crate::log::scan::{Check, Found, Scanner};
use crate::log::snapshot;
use crate::log::{
    AbortedTransaction, PartitionLog, Place, ProducerReplay, Result, index_entries, list_segments,
    names,
};
use crate::model::Offset;
use crate::record::Batch;
use crate::storage::{self, File, Open};

/// Files of a partition directory that are to be made anew.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Base offsets of segments: `.index` and `.timeindex`.
    pub(super) indexes: BTreeSet<Offset>,
    /// Base offsets of segments: `.txnindex`.
    pub(super) transactions: BTreeSet<Offset>,
    /// Offsets of snapshots.
    pub(super) snapshots: BTreeSet<Offset>,
    /// `leader-epoch-checkpoint`.
    pub(super) epochs: bool,
}

impl Wanted {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn needs_walk(&self) -> bool {
        !self.transactions.is_empty() || !self.snapshots.is_empty() || self.epochs
    }

    /// Adds the file of this name; false where it is none that can be made anew.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let of = |suffix| names::base_offset(name, suffix);
        if let Some(base) = of(names::INDEX).or_else(|| of(names::TIME_INDEX)) {
            self.indexes.insert(base);
        } else if let Some(base) = of(names::TXN_INDEX) {
            self.transactions.insert(base);
        } else if let Some(offset) = of(names::SNAPSHOT) {
            self.snapshots.insert(offset);
        } else if name == names::LEADER_EPOCHS {
            self.epochs = true;
        } else {
            return false;
        }
        true
    }
}

/// Makes files anew; each old one is kept.
pub(super) fn rebuild(log: &PartitionLog, wanted: &Wanted, kept: &mut Kept) -> Result<()> {
    let place = log.place();
    let segments = list_segments(&*place.storage, &place.dir)?;
    let interval = u64::try_from(log.config().index_interval_bytes).unwrap_or_default();
    let mut rebuild = Rebuild {
        place,
        kept,
        wanted,
        snapshots: wanted.snapshots.iter().copied().collect(),
        producers: ProducerReplay::default(),
        epochs: Vec::new(),
        aborted: Vec::new(),
        end: segments.first().copied().unwrap_or_default(),
    };
    for base in &segments {
        let is_finished = segments.last() != Some(base);
        if wanted.indexes.contains(base) {
            rebuild.indexes(*base, interval, is_finished)?;
        }
        if wanted.needs_walk() {
            rebuild.walk(*base)?;
        }
    }
    rebuild.snapshots_up_to(rebuild.end)?;
    for past in std::mem::take(&mut rebuild.snapshots) {
        rebuild.replace(&names::segment_file(past, names::SNAPSHOT), None)?;
    }
    if wanted.epochs {
        rebuild.epochs(segments.first().copied().unwrap_or_default())?;
    }
    Ok(place.storage.sync_dir(&place.dir)?)
}

struct Rebuild<'r> {
    place: &'r Place,
    kept: &'r mut Kept,
    wanted: &'r Wanted,
    /// Those that the walk has not come to.
    snapshots: Vec<Offset>,
    producers: ProducerReplay,
    epochs: Vec<EpochEntry>,
    /// Of the segment that is walked.
    aborted: Vec<AbortedTransaction>,
    /// The offset after the last batch.
    end: Offset,
}

impl Rebuild<'_> {
    fn open(&self, base: Offset) -> Result<std::sync::Arc<dyn File>> {
        let path = self.place.path_of(&names::segment_file(base, names::LOG));
        Ok(self.place.storage.open(&path, Open::Read)?)
    }

    fn indexes(&mut self, base: Offset, interval: u64, is_finished: bool) -> Result<()> {
        let (offsets, times) = index_entries(&*self.open(base)?, base, interval, is_finished)?;
        let offsets: Vec<u8> = offsets.iter().flat_map(|entry| entry.to_bytes()).collect();
        let times: Vec<u8> = times.iter().flat_map(|entry| entry.to_bytes()).collect();
        self.replace(&names::segment_file(base, names::INDEX), Some(&offsets))?;
        self.replace(&names::segment_file(base, names::TIME_INDEX), Some(&times))
    }

    fn walk(&mut self, base: Offset) -> Result<()> {
        let file = self.open(base)?;
        self.aborted.clear();
        let mut scanner = Scanner::new(&*file, 0, file.metadata()?.len, Check::Crc);
        // What is damaged still ends it: nothing that follows in the segment can be vouched for.
        while let Some(Found::Batch { batch, .. }) = scanner.next()? {
            self.batch(&batch)?;
        }
        if self.wanted.transactions.contains(&base) {
            let bytes: Vec<u8> = self.aborted.iter().flat_map(|entry| entry.to_bytes()).collect();
            let bytes = Some(bytes.as_slice()).filter(|bytes| !bytes.is_empty());
            self.replace(&names::segment_file(base, names::TXN_INDEX), bytes)?;
        }
        Ok(())
    }

    fn batch(&mut self, batch: &Batch<'_>) -> Result<()> {
        self.snapshots_up_to(batch.base_offset())?;
        let (epoch, start_offset) = (batch.leader_epoch(), batch.base_offset());
        if epoch >= 0 && self.epochs.last().is_none_or(|last| last.epoch < epoch) {
            self.epochs.push(EpochEntry { epoch, start_offset });
        }
        self.end = batch.next_offset();
        let ended = self.producers.follow(batch);
        let aborted = ended.filter(|ended| !ended.is_committed && ended.was_begun);
        self.aborted.extend(aborted.map(|ended| ended.entry));
        Ok(())
    }

    /// Writes the snapshots that are wanted up to an offset, as the producers are now.
    fn snapshots_up_to(&mut self, offset: Offset) -> Result<()> {
        while let Some(next) = self.snapshots.first().copied().filter(|next| *next <= offset) {
            self.snapshots.remove(0);
            let bytes = snapshot::encode(&self.producers.entries());
            self.replace(&names::segment_file(next, names::SNAPSHOT), Some(&bytes))?;
        }
        Ok(())
    }

    fn epochs(&mut self, start: Offset) -> Result<()> {
        let mut epochs = LeaderEpochs::default();
        for entry in &self.epochs {
            epochs.begin(entry.epoch, entry.start_offset);
        }
        if epochs.entries().is_empty() {
            epochs.begin(0, start);
        }
        self.keep(names::LEADER_EPOCHS)?;
        Ok(epochs.write(&*self.place.storage, &self.place.dir)?)
    }

    fn keep(&mut self, name: &str) -> Result<()> {
        let opened = self.place.storage.open(&self.place.path_of(name), Open::Read);
        match storage::found(opened)? {
            Some(file) => self.kept.keep(&*file, name, None),
            None => Ok(()),
        }
    }

    /// Puts a file in the place of another, or of nothing; `None` removes it.
    fn replace(&mut self, name: &str, bytes: Option<&[u8]>) -> Result<()> {
        let storage = &*self.place.storage;
        let path = self.place.path_of(name);
        self.keep(name)?;
        let Some(bytes) = bytes else {
            storage::found(storage.remove_file(&path))?;
            return Ok(());
        };
        let beside = format!("{path}{}", names::CLEANED);
        storage::found(storage.remove_file(&beside))?;
        let new = storage.open(&beside, Open::CreateNew)?;
        new.write_all_at(bytes, 0)?;
        new.sync_data()?;
        Ok(storage.rename(&beside, &path)?)
    }
}
