//! What a log holds as of one moment, found without a lock.
//!
//! A [`View`] is the state as it was last published, and the segments of that generation. What it
//! covers stays as it is until retention or compaction removes it: who then comes to a file that is
//! not there, or not the one that the view knows, [looks again](PartitionLog::steadily). A process
//! that owns the directory alone has published whatever there is, and keeps its last view in memory;
//! others read the control file for each. Where no published state can be trusted, the view is found
//! out from the files.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::aborted::AbortedKnown;
use super::control::{ControlFile, State};
use super::epochs::LeaderEpochs;
use super::error::{Error, Fault, Result};
use super::names;
use super::partition::{PartitionLog, guard};
use super::recovery::{TailFault, examine_tail};
use super::segment::{Segment, bases_of, first_needed, list_segments};
use crate::model::Offset;
use crate::storage::{self, Open};

/// A log as of one moment.
#[derive(Debug, Clone)]
pub struct View {
    state: State,
    segments: Arc<Vec<Offset>>,
    aborted: AbortedKnown,
    fault: Option<TailFault>,
    /// The files are of a later moment than the end, past which they go.
    is_narrowed: bool,
}

/// Looks at a log that another process goes on rewriting; each needs a compaction in between.
const LOOKS_MAX: usize = 16;

impl View {
    const fn new(
        state: State,
        segments: Arc<Vec<Offset>>,
        aborted: AbortedKnown,
        fault: Option<TailFault>,
    ) -> Self {
        Self { state, segments, aborted, fault, is_narrowed: false }
    }

    /// The first offset that can be read.
    #[must_use]
    pub const fn log_start(&self) -> Offset {
        Offset(self.state.log_start_offset)
    }

    /// The offset after the last.
    #[must_use]
    pub const fn end(&self) -> Offset {
        Offset(self.state.end_offset)
    }

    /// Up to where no transaction is open.
    #[must_use]
    pub fn last_stable(&self) -> Offset {
        self.state.last_stable_offset()
    }

    /// The epoch that appends are made in.
    #[must_use]
    pub const fn leader_epoch(&self) -> i32 {
        self.state.leader_epoch
    }

    /// Everything below was made durable, as far as was published.
    #[must_use]
    pub const fn synced(&self) -> Offset {
        Offset(self.state.recovery_point)
    }

    /// Base offsets of the segments, in order.
    #[must_use]
    pub fn segments(&self) -> &[Offset] {
        &self.segments
    }

    /// What follows the end, where the end had to be found out from the files and is no clean one.
    #[must_use]
    pub const fn tail_fault(&self) -> Option<&TailFault> {
        self.fault.as_ref()
    }

    /// Where in the last segment the log ends.
    #[must_use]
    pub const fn end_position(&self) -> u64 {
        self.state.end_position
    }

    /// Entries of the last segment's `.index` and `.timeindex`, of a published view.
    #[must_use]
    pub const fn index_slots(&self) -> (u64, u64) {
        (self.state.offset_slots, self.state.time_slots)
    }

    /// Whether its files may hold batches past its end.
    pub(super) const fn is_narrowed(&self) -> bool {
        self.is_narrowed
    }

    /// Whether its segments are the files of another view.
    #[must_use]
    pub fn has_files_of(&self, other: &Self) -> bool {
        let of = |view: &Self| (view.state.generation, view.state.active_base);
        of(self) == of(other) && self.segments == other.segments
    }

    /// Whether a transaction is open.
    #[must_use]
    pub const fn has_open_transactions(&self) -> bool {
        self.state.first_open_transaction != i64::MAX
    }

    /// Whether there may be aborted transactions. Where there are none, nothing is read to learn it.
    #[must_use]
    pub fn may_have_aborted(&self) -> bool {
        let AbortedKnown { indexed, found } = &self.aborted;
        self.state.txn_slots > 0 || !indexed.is_empty() || !found.is_empty()
    }

    pub(super) const fn aborted(&self) -> &AbortedKnown {
        &self.aborted
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// The segment in which an offset is, if it is anywhere.
    pub(super) fn segment_of(&self, offset: Offset) -> Option<Offset> {
        let after = self.segments.partition_point(|base| *base <= offset);
        self.segments.get(after.saturating_sub(1)).copied()
    }

    pub(super) fn segment_after(&self, base: Offset) -> Option<Offset> {
        self.segments.get(self.segments.partition_point(|other| *other <= base)).copied()
    }
}

/// The segments of a generation up to the active one.
#[derive(Debug, Clone)]
struct Listed {
    /// The generation, and the base of the active segment.
    of: (u64, i64),
    segments: Arc<Vec<Offset>>,
    aborted: AbortedKnown,
}

/// What a process keeps between reads of a log.
#[derive(Debug, Default)]
pub(super) struct ReadCache {
    listed: Option<Listed>,
    examined: Option<(storage::Metadata, View)>,
    /// The segments that were read last, the latest at the end.
    pub(super) open: Vec<Arc<Segment>>,
}

impl ReadCache {
    /// Nothing is known of the files any more.
    fn forget(&mut self) {
        *self = Self::default();
    }

    /// An open segment, if it is there; it counts as read now.
    pub(super) fn used(&mut self, base: Offset) -> Option<Arc<Segment>> {
        let place = self.open.iter().rposition(|segment| segment.base_offset == base)?;
        self.open[place..].rotate_left(1);
        self.open.last().cloned()
    }
}

impl PartitionLog {
    /// The log as it is now.
    ///
    /// # Errors
    /// [`Error::Gone`] where the partition is not there any more.
    pub fn view(&self) -> Result<View> {
        if !self.is_exclusive() {
            return self.view_of_files();
        }
        let shown = guard(&self.shown).clone();
        shown.map_or_else(|| self.first_view(), Ok)
    }

    /// The view of a process that owns the directory, before it wrote anything.
    fn first_view(&self) -> Result<View> {
        // Nobody appends meanwhile.
        let _writer = guard(&self.writer);
        if self.is_retired.load(Ordering::Relaxed) {
            return Err(Error::Gone);
        }
        if let Some(view) = guard(&self.shown).clone() {
            return Ok(view);
        }
        let view = self.view_of_files()?;
        *guard(&self.shown) = Some(view.clone());
        Ok(view)
    }

    /// Shows the readers of this process what was published to those of others. The caller is the
    /// writer.
    pub(super) fn show(&self, state: &State) {
        if let Some(view) = &mut *guard(&self.shown)
            && view.fault.is_none()
            && (view.state.generation, view.state.active_base)
                == (state.generation, state.active_base)
        {
            view.state.clone_from(state);
            return;
        }
        // Where the segments cannot be listed, the next look at the log tells why.
        *guard(&self.shown) = self.published_as(state.clone()).ok();
    }

    /// Up to where the log holds what was appended in a leader epoch or before it, and which epoch
    /// that really is; `None` where the epoch is none that the log knows or has forgotten.
    ///
    /// # Errors
    /// As the file system says.
    pub fn end_offset_for_epoch(&self, view: &View, epoch: i32) -> Result<Option<(i32, Offset)>> {
        if epoch == view.leader_epoch() {
            return Ok(Some((epoch, view.end())));
        }
        Ok(self.epochs()?.end_offset_for(epoch, view.end()))
    }

    /// The leader epoch in which the record at an offset was or is to be appended.
    ///
    /// # Errors
    /// As the file system says.
    pub fn epoch_at(&self, view: &View, offset: Offset) -> Result<i32> {
        Ok(self.epochs()?.at(offset).unwrap_or(view.leader_epoch()))
    }

    /// Where each leader epoch began.
    ///
    /// # Errors
    /// As the file system says.
    pub fn leader_epochs(&self) -> Result<LeaderEpochs> {
        self.epochs()
    }

    fn epochs(&self) -> Result<LeaderEpochs> {
        Ok(LeaderEpochs::read(&*self.place.storage, &self.place.dir)?)
    }

    /// Bytes of the batches that a view covers, with those below the log start that are there still.
    ///
    /// # Errors
    /// As the file system says.
    pub fn size_in_bytes(&self, view: &View) -> Result<u64> {
        let mut bytes = view.end_position();
        let (_, finished) = view.segments().split_last().unwrap_or((&Offset::ZERO, &[]));
        for base in finished {
            let path = self.place.path_of(&names::segment_file(*base, names::LOG));
            let file = storage::found(self.place.storage.metadata(&path))?;
            bytes += file.map_or(0, |file| file.len);
        }
        Ok(bytes)
    }

    fn view_of_files(&self) -> Result<View> {
        for _ in 0..LOOKS_MAX {
            if let Some(view) = self.published_view()? {
                return Ok(view);
            }
            match self.examined_view() {
                Err(Error::Storage(error)) if error.is_not_found() => {}
                view => return view,
            }
        }
        self.examined_view()
    }

    /// Looks at what a view covers, and again where files were removed or replaced since: then at
    /// those that are there now, up to the view's end.
    ///
    /// # Errors
    /// Those of the last look.
    pub(super) fn steadily<T>(
        &self,
        view: &View,
        mut look: impl FnMut(&View) -> Result<T>,
    ) -> Result<T> {
        let mut again: Option<View> = None;
        for _ in 0..LOOKS_MAX {
            let seen = again.as_ref().unwrap_or(view);
            let error = match look(seen) {
                Err(error) if error.may_be_overtaken() => error,
                done => return done,
            };
            match self.narrowed(view)? {
                // An index of aborted transactions goes before the compaction that does without it
                // is published.
                now if now.has_files_of(seen) && now.aborted.indexed == seen.aborted.indexed => {
                    return Err(error);
                }
                now => again = Some(now),
            }
        }
        look(again.as_ref().unwrap_or(view))
    }

    /// The files as they are now, up to the end of a view.
    fn narrowed(&self, view: &View) -> Result<View> {
        guard(&self.reading).forget();
        let shown = if self.is_exclusive() { guard(&self.shown).clone() } else { None };
        let mut now = match shown {
            // It may be that the writer has not shown yet what it did to the files, and that another reader
            // listed them before that.
            Some(shown) => {
                let Listed { segments, aborted, .. } = self.listed_anew(&shown.state)?;
                View::new(shown.state, segments, aborted, None)
            }
            None => self.view()?,
        };
        now.state.end_offset = now.state.end_offset.min(view.state.end_offset);
        now.is_narrowed = true;
        Ok(now)
    }

    /// The log as the control file publishes it; `None` if there is none to trust.
    ///
    /// # Errors
    /// As the file system says.
    pub fn published_view(&self) -> Result<Option<View>> {
        // A deletion or a roll between two looks makes a second round necessary, never a third;
        // so does an open segment in whose place another file is by now.
        for round in 0..3 {
            match self.published_view_once() {
                Ok(None) if round == 0 => guard(&self.reading).open.clear(),
                Err(Error::Storage(error)) if error.is_not_found() => {}
                view => return view,
            }
        }
        Ok(None)
    }

    fn published_view_once(&self) -> Result<Option<View>> {
        let Some(path) = &self.place.control else {
            return Ok(None);
        };
        let opened = ControlFile::open(&*self.place.storage, path, Open::Read);
        let Some(control) = storage::found(opened)? else {
            return Ok(None);
        };
        let Some(reading) = control.read()? else {
            return Ok(None);
        };
        let active = self.segment(reading.active_base())?;
        let Some(state) = reading.trusted(&active.log.metadata()?) else {
            return Ok(None);
        };
        self.published_as(state).map(Some)
    }

    /// The view of a published state.
    fn published_as(&self, state: State) -> Result<View> {
        let Listed { segments, aborted, .. } = self.segments_of(&state)?;
        Ok(View::new(state, segments, aborted, None))
    }

    /// All below this is known to have been durable, by the checkpoint and by the control file.
    ///
    /// # Errors
    /// As the file system says.
    pub fn durable(&self) -> Result<Offset> {
        let checkpointed = self.place.recovery_point()?;
        let Some(path) = &self.place.control else {
            return Ok(checkpointed);
        };
        let control = storage::found(ControlFile::open(&*self.place.storage, path, Open::Read))?;
        let reading = control.map(|control| control.read()).transpose()?.flatten();
        let synced = reading.and_then(|reading| reading.durable()).unwrap_or_default();
        Ok(checkpointed.max(synced))
    }

    /// The segments up to the active one, listed once a generation.
    fn segments_of(&self, state: &State) -> Result<Listed> {
        // A generation that was begun without the old control file may have been there before.
        let of = (state.generation, state.active_base);
        if let Some(listed) = &guard(&self.reading).listed
            && listed.of == of
        {
            return Ok(listed.clone());
        }
        self.listed_anew(state)
    }

    /// The segments up to the active one, as the directory has them now.
    fn listed_anew(&self, state: &State) -> Result<Listed> {
        let of = (state.generation, state.active_base);
        let names = self.place.storage.list(&self.place.dir)?;
        let mut segments = bases_of(&names, names::LOG);
        segments.retain(|base| base.0 <= state.active_base);
        segments.drain(..first_needed(&segments, Offset(state.log_start_offset)));
        let mut indexed = bases_of(&names, names::TXN_INDEX);
        let first = segments.first().copied().unwrap_or_default();
        indexed.retain(|base| *base >= first && base.0 < state.active_base);
        let aborted = AbortedKnown::by_files(indexed);
        let listed = Listed { of, segments: Arc::new(segments), aborted };
        let mut cache = guard(&self.reading);
        cache.listed = Some(listed.clone());
        // What was active when it was opened may have got other indexes before it was finished.
        cache.open.clear();
        Ok(listed)
    }

    /// What the files say.
    fn examined_view(&self) -> Result<View> {
        let storage = &*self.place.storage;
        let mut bases = match storage::found(list_segments(storage, &self.place.dir))? {
            Some(bases) => bases,
            None if self.place.is_made_on_use() => Vec::new(),
            None => return Err(Error::Gone),
        };
        let all = bases.clone();
        bases.retain(|base| self.place.only_segment.is_none_or(|only| only == *base));
        let log_start = self.place.log_start()?;
        bases.drain(..first_needed(&bases, log_start.unwrap_or_default()));
        let Some(last) = bases.last() else {
            let end = log_start.unwrap_or_default();
            let recovery_point = self.durable()?;
            let fault = Fault::EndsEarly { end, recovery_point };
            let fault =
                (end < recovery_point).then_some(TailFault { segment: end, position: 0, fault });
            let (state, segments) = (State::fresh(end, 0, 0), Arc::default());
            return Ok(View::new(state, segments, AbortedKnown::default(), fault));
        };
        let last = self.segment(*last)?.log.metadata()?;
        if let Some((of, view)) = &guard(&self.reading).examined
            && *of == last
            && view.log_start() >= log_start.unwrap_or_default()
        {
            return Ok(view.clone());
        }
        let recovery_point = self.durable()?;
        let examined = examine_tail(storage, &self.place.dir, bases, recovery_point)?;
        let (first, active) = match (examined.segments.first(), examined.segments.last()) {
            (Some(first), Some(active)) => (*first, *active),
            _ => return Err(Error::Gone),
        };
        // The generation of a log without a control file: what it was found out of.
        let generation = last.len ^ examined.end_position.rotate_left(32);
        let mut state = State::fresh(active, generation, last.modified_ms);
        state.log_start_offset = log_start.unwrap_or_default().max(first).0;
        state.end_offset = examined.end_offset.0.max(state.log_start_offset);
        state.end_position = examined.end_position;
        // Not known: a look into the segment tells.
        state.max_timestamp = i64::MAX;
        state.leader_epoch = self.epochs()?.latest();
        let known = self.transactions_of_files(&all, &examined, recovery_point)?;
        state.first_open_transaction = known.first_open;
        // A segment that was named alone ends where the next one begins.
        let is_whole = self.place.only_segment.is_none();
        let loss = examined.loss_of_durable(recovery_point).filter(|_| is_whole);
        let fault = loss.or(examined.fault);
        let view = View::new(state, Arc::new(examined.segments), known.aborted, fault);
        guard(&self.reading).examined = Some((last, view.clone()));
        Ok(view)
    }
}
