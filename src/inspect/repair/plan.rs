//! What is to become of the segments of a log.

use super::super::finding::Finding;
use super::RepairOptions;
use super::kept::Kept;
use super::markers;
use super::rewrite::{self, Gap};
use super::step::Step;
use super::survey::{Restored, Surveyed, survey};
use crate::log::epochs::LeaderEpochs;
use crate::log::{PartitionLog, Place, Result, checkpoint, names};
use crate::model::Offset;
use crate::storage;

/// What is to become of the segments.
#[derive(Debug)]
pub(super) struct SegmentsPlan {
    pub(super) changes: Vec<Change>,
    pub(super) gaps: Vec<Gap>,
    /// The directory is missing, and the log is to begin here.
    make_at: Option<Offset>,
    /// The leader epochs that there are to be, where one is to begin.
    epochs: Option<LeaderEpochs>,
    pub(super) steps: Vec<Step>,
    /// Transactions of which nothing tells how they ended: the log is left as it is.
    pub(super) unknown: Vec<Finding>,
}

/// What is to become of one segment.
#[derive(Debug)]
pub(super) struct Change {
    of: Surveyed,
    /// The base offset that its file is to have; `None` if it goes.
    pub(super) new_base: Option<Offset>,
    /// Whether it is written anew.
    pub(super) is_rewritten: bool,
}

impl Change {
    /// `follows` tells that something is to stand after it.
    fn of(of: Surveyed, is_last: bool, follows: bool) -> Self {
        let moved = of.base.max(of.begins_after);
        let new_base = match of.first {
            Some(first) if of.base < of.begins_after => Some(first),
            Some(_) => Some(of.base),
            // The last is appended to: it may be empty.
            None => is_last.then_some(moved),
        };
        // What a stopped writer left at the very end the next one deals with.
        let is_torn_only =
            is_last && !follows && of.patches.is_empty() && of.cuts.iter().all(|cut| cut.is_torn);
        let is_moved = new_base.is_some_and(|base| base != of.base);
        let is_rewritten = new_base.is_some() && (is_moved || of.is_changed() && !is_torn_only);
        Self { of, new_base, is_rewritten }
    }
}

/// Offsets of a gap that is filled: a segment takes 2^31 of them.
const GAP_OFFSETS_MAX: i64 = 1 << 38;

/// Plans it, by what the files hold.
pub(super) fn plan(log: &PartitionLog, options: &RepairOptions) -> Result<SegmentsPlan> {
    let place = log.place();
    let mut plan = SegmentsPlan {
        changes: Vec::new(),
        gaps: Vec::new(),
        make_at: None,
        epochs: None,
        steps: Vec::new(),
        unknown: Vec::new(),
    };
    let durable = log.durable()?;
    if storage::found(place.storage.metadata(&place.dir))?.is_none() {
        let path = place.storage.display(&place.dir);
        plan.steps.push(Step::MakeDirectory { path, start: durable });
        plan.make_at = Some(durable);
        return Ok(plan);
    }
    let (mut surveyed, begun) = survey(place)?;
    plan.unknown = markers::put_back(place, &mut surveyed)?;
    let fills = !log.config().cleanup_policy.compact && !was_compacted(place)?;
    let end = surveyed.last().map_or(Offset::ZERO, |last| last.end);
    let count = surveyed.len();
    for (number, of) in surveyed.into_iter().enumerate() {
        let is_last = number + 1 == count;
        let before = plan.changes.last().map(|change| &change.of);
        let change = Change::of(of, is_last, end < durable);
        if let (Some(before), Some(base)) = (before, change.new_base)
            && fills
            && base > change.of.begins_after
        {
            let gap = Gap::after(before, change.of.begins_after, base);
            plan.fill(gap);
        }
        plan.tell(place, &change);
        plan.changes.push(change);
    }
    if end < durable {
        let gap = match plan.changes.last() {
            Some(change) => Gap::after(&change.of, end, durable),
            None => Gap { from: end, to: durable, leader_epoch: 0, timestamp: -1 },
        };
        plan.fill(gap);
    }
    let has_losses =
        plan.steps.iter().any(|step| matches!(step, Step::Fill { .. } | Step::TakeOut { .. }));
    if has_losses && options.is_own {
        let mut epochs = LeaderEpochs::read(&*place.storage, &place.dir)?;
        let latest = epochs.latest();
        if begun.iter().any(|entry| epochs.at(entry.start_offset) != Some(entry.epoch)) {
            // It says nothing, or not what the batches do.
            epochs = LeaderEpochs::default();
            begun.iter().for_each(|entry| epochs.begin(entry.epoch, entry.start_offset));
        }
        let (epoch, from) = (latest.max(epochs.latest()).saturating_add(1), end.max(durable));
        epochs.truncate_to(from);
        epochs.begin(epoch, from);
        plan.epochs = Some(epochs);
        plan.steps.push(Step::RaiseEpoch { epoch, from });
    }
    Ok(plan)
}

impl Gap {
    fn after(of: &Surveyed, from: Offset, to: Offset) -> Self {
        Self { from, to, leader_epoch: of.last_epoch, timestamp: of.last_timestamp }
    }
}

impl SegmentsPlan {
    /// Plans to fill a gap. One so wide is no loss but a wrong number in a name or a checkpoint: it stays,
    /// and stays a finding.
    fn fill(&mut self, gap: Gap) {
        if gap.to - gap.from > GAP_OFFSETS_MAX {
            return;
        }
        self.steps.push(Step::Fill { from: gap.from, to: gap.to + -1 });
        self.gaps.push(gap);
    }

    /// Adds the steps of one segment.
    fn tell(&mut self, place: &Place, change: &Change) {
        let name = names::segment_file(change.of.base, names::LOG);
        let path = place.storage.display(&place.path_of(&name));
        if change.new_base.is_none() {
            return self.steps.push(Step::Remove { path });
        }
        if !change.is_rewritten {
            return;
        }
        for cut in &change.of.cuts {
            let (position, bytes) = (cut.range.start, cut.range.end - cut.range.start);
            let (from, why) = (path.clone(), cut.why.clone());
            self.steps.push(Step::TakeOut { path: from, position, bytes, why });
            if let Some(Restored { offset, producer_id, is_committed, .. }) = cut.restored {
                let path = path.clone();
                self.steps.push(Step::PutMarkerBack { path, offset, producer_id, is_committed });
            }
        }
        for patch in &change.of.patches {
            let (path, position) = (path.clone(), patch.position);
            let (base_offset, leader_epoch) = (patch.base_offset, patch.leader_epoch);
            self.steps.push(Step::SetRight { path, position, base_offset, leader_epoch });
        }
    }

    /// Puts the segments right.
    pub(super) fn carry_out(
        &self,
        place: &Place,
        options: &RepairOptions,
        kept: &mut Kept,
    ) -> Result<()> {
        if let Some(start) = self.make_at {
            return make_directory(place, options, start);
        }
        for change in self.changes.iter().filter(|it| it.is_rewritten || it.new_base.is_none()) {
            rewrite::keep(place, &change.of, kept)?;
        }
        // The epoch first: who stops in between leaves one too many, never one too few.
        if let Some(epochs) = &self.epochs {
            replace_epochs(place, epochs, kept)?;
        }
        for change in &self.changes {
            match change.new_base {
                None => rewrite::remove(place, change.of.base)?,
                Some(base) if change.is_rewritten => rewrite::rewrite(place, &change.of, base)?,
                Some(_) => {}
            }
        }
        self.gaps.iter().try_for_each(|gap| rewrite::fill(place, gap))
    }
}

/// Whether the log was ever compacted, by its broker's checkpoint.
fn was_compacted(place: &Place) -> Result<bool> {
    let Some(dir) = &place.log_dir else {
        return Ok(false);
    };
    let path = match dir.as_str() {
        "" => checkpoint::CLEANER_OFFSETS.to_owned(),
        dir => format!("{dir}/{}", checkpoint::CLEANER_OFFSETS),
    };
    Ok(checkpoint::read_offsets(&*place.storage, &path)?.contains_key(&place.partition))
}

fn replace_epochs(place: &Place, epochs: &LeaderEpochs, kept: &mut Kept) -> Result<()> {
    let storage = &*place.storage;
    let path = place.path_of(names::LEADER_EPOCHS);
    if let Some(file) = storage::found(storage.open(&path, storage::Open::Read))? {
        kept.keep(&*file, names::LEADER_EPOCHS, None)?;
    }
    Ok(epochs.write(storage, &place.dir)?)
}

/// Makes a partition's directory that is missing, with a log that begins at an offset.
fn make_directory(place: &Place, options: &RepairOptions, start: Offset) -> Result<()> {
    let storage = &*place.storage;
    match storage.create_dir(&place.dir) {
        Err(error) if !error.already_exists() => return Err(error.into()),
        _ => {}
    }
    if let Some(id) = options.topic_id {
        super::write_topic_id(place, id)?;
    }
    LeaderEpochs::fresh().write(storage, &place.dir)?;
    rewrite::make_empty(place, start)?;
    storage.sync_dir(&place.dir)?;
    let above = place.dir.rsplit_once('/').map_or("", |(above, _)| above);
    Ok(storage.sync_dir(above)?)
}
