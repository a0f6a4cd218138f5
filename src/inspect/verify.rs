//! Verifying a partition: every byte of its files that can be held to another.
//!
//! What counts as damage depends on what is known of the end. Where a control file can be trusted,
//! all before the published end must be sound, and what follows it is of no consequence. Where
//! none can be, the last segment may end in a batch that was never finished, or in zeros: what is
//! left of a writer or machine that stopped. Anything else is damage, and so is an end below the
//! recovery point, up to which all was on disk.
//!
//! Readers and writers go on meanwhile: nothing is locked. The files of a segment are [opened](super::opened)
//! as of one moment; what follows from one segment for another may be of two, and is looked at again.

use std::sync::Arc;

use super::beside::Beside;
use super::decoded::Schema;
use super::finding::{Finding, Findings, Problem, Report, Severity};
use super::opened::Opened;
use super::replay::Replay;
use super::segment::{Counts, Known, SegmentEnd, SoFar, verify_segment};
use super::transactions::{self, Ended};
use crate::log::{PartitionLog, Place, Result, Segment, View, checkpoint, names};
use crate::model::Offset;
use crate::storage::{self, DirEntry, File, FileId, Kind, Open};

/// Verifications of a log that seems damaged, and that a compaction or deletion has changed meanwhile.
const LOOKS_MAX: usize = 4;

/// Bytes that [`verify_partition`] will walk, to measure its progress by.
///
/// # Errors
/// As the file system says.
pub fn bytes_to_verify(log: &PartitionLog) -> Result<u64> {
    let place = log.place();
    let mut bytes = 0;
    for base in Listing::of(place)?.chosen(place) {
        let path = place.path_of(&names::segment_file(base, names::LOG));
        bytes += storage::found(place.storage.metadata(&path))?.map_or(0, |metadata| metadata.len);
    }
    Ok(bytes)
}

/// Verifies a partition, or the one segment of it that its place names. `progress` is told how
/// many bytes of `.log` files are done, time and again.
///
/// # Errors
/// As the file system says. Damage is no error: the report tells of it.
pub fn verify_partition(log: &PartitionLog, progress: &mut dyn FnMut(u64)) -> Result<Report> {
    let mut looks: Vec<Report> = Vec::new();
    loop {
        let before = log.published_view()?;
        let (mut report, walked) = verify_once(log, before.clone(), progress)?;
        if !report.has_damage() || is_of_one_moment(log, before.as_ref(), &walked)? {
            return Ok(report);
        }
        if looks.len() + 1 == LOOKS_MAX {
            // The files never rest. What is damaged each look has found; the rest is of two moments.
            report.findings.retain(|finding| {
                finding.severity != Severity::Damage || looks.iter().all(|look| look.tells(finding))
            });
            return Ok(report);
        }
        looks.push(report);
    }
}

/// A segment that was walked, by its base offset, and which file its log was; `None` if it was removed
/// before that.
type WalkedFile = (Offset, Option<FileId>);

/// Whether no segment was replaced or removed while all were walked. Which files those are now tells
/// it also of one who is not done and has published nothing of it.
fn is_of_one_moment(
    log: &PartitionLog,
    before: Option<&View>,
    walked: &[WalkedFile],
) -> Result<bool> {
    for (base, id) in walked {
        let path = log.place().path_of(&names::segment_file(*base, names::LOG));
        let named = storage::found(log.place().storage.metadata(&path))?;
        if id.is_none() || named.map(|named| named.id) != *id {
            return Ok(false);
        }
    }
    Ok(match (before, log.published_view()?) {
        (Some(before), Some(now)) => now.has_files_of(before),
        (before, now) => before.is_none() == now.is_none(),
    })
}

impl Report {
    /// Whether it has damage at that place: what exactly is wrong there may change with what follows.
    fn tells(&self, damage: &Finding) -> bool {
        self.findings.iter().any(|it| {
            it.severity == damage.severity
                && it.path == damage.path
                && it.position == damage.position
        })
    }
}

fn verify_once(
    log: &PartitionLog,
    published: Option<View>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Report, Vec<WalkedFile>)> {
    let place = log.place();
    let listing = Listing::of(place)?;
    let start = listing.chosen(place).next().unwrap_or_default();
    let mut verification = Verification {
        log,
        published,
        findings: Findings::default(),
        counts: Counts::default(),
        replay: Replay::new(place, start, listing.snapshots(place))?,
        gaps: Vec::new(),
        is_replacing: listing.is_replacing(),
        walked: Vec::new(),
        segments: 0,
        bytes: 0,
        end: None,
    };
    // A partition of Kafka's own topics is listed before it has a directory.
    if listing.is_missing && !place.partition.topic.is_internal() {
        let path = place.storage.display(&place.dir);
        verification.findings.whole(&path, Severity::Damage, Problem::NoDirectory);
    }
    for name in &listing.irregular {
        let what = Problem::Malformed("it is no regular file");
        let path = place.storage.display(&place.path_of(name));
        verification.findings.whole(&path, Severity::Damage, what);
    }
    for base in listing.chosen(place) {
        let next_base = listing.segments.iter().copied().find(|other| *other > base);
        verification.segment(base, next_base, progress)?;
    }
    let end = verification.end.as_ref().map(|(end, _)| end.offset);
    verification.finish_replay(end.unwrap_or(start))?;
    verification.tell_gaps()?;
    let beside = Beside {
        place,
        files: &listing.files,
        segments: &listing.segments,
        end: end.filter(|_| verification.published.is_none()),
    };
    if place.only_segment.is_none() {
        verification.hold_to_recovery_point()?;
        beside.verify(&mut verification.findings)?;
    }
    let walked = std::mem::take(&mut verification.walked);
    Ok((verification.report(), walked))
}

/// What is in a partition directory.
#[derive(Debug, Default)]
struct Listing {
    /// There is no such directory.
    is_missing: bool,
    /// Regular files, by name.
    files: Vec<DirEntry>,
    /// Base offsets of the segments, in order.
    segments: Vec<Offset>,
    /// Names of segments that are something else.
    irregular: Vec<String>,
}

impl Listing {
    fn of(place: &Place) -> Result<Self> {
        let mut all = match place.storage.list(&place.dir) {
            Err(error) if error.is_not_found() => {
                return Ok(Self { is_missing: true, ..Self::default() });
            }
            listed => listed?,
        };
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let (files, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|entry| entry.kind == Kind::File);
        let base = |entry: &DirEntry| names::base_offset(&entry.name, names::LOG);
        let segments = files.iter().filter_map(base).collect();
        let irregular =
            others.into_iter().filter(|entry| base(entry).is_some()).map(|e| e.name).collect();
        Ok(Self { is_missing: false, files, segments, irregular })
    }

    /// The segments that are meant.
    fn chosen(&self, place: &Place) -> impl Iterator<Item = Offset> {
        let only = place.only_segment;
        self.segments.iter().copied().filter(move |base| only.is_none_or(|only| only == *base))
    }

    /// Whether a compaction puts new segments in the place of old ones, or was stopped at that.
    fn is_replacing(&self) -> bool {
        self.files.iter().any(|entry| entry.name.ends_with(names::SWAP))
    }

    /// Offsets of the snapshots that the batches can be held to, in order.
    fn snapshots(&self, place: &Place) -> Vec<Offset> {
        if place.only_segment.is_some() {
            return Vec::new();
        }
        let offset = |entry: &DirEntry| names::base_offset(&entry.name, names::SNAPSHOT);
        self.files.iter().filter_map(offset).collect()
    }
}

/// A verification under way.
struct Verification<'l> {
    log: &'l PartitionLog,
    published: Option<View>,
    findings: Findings,
    counts: Counts,
    replay: Replay<'l>,
    /// Offsets that no segment has, and the file that follows them.
    gaps: Vec<(String, Problem)>,
    /// Indexes may tell of more than is in the segments: a compaction is not done.
    is_replacing: bool,
    walked: Vec<WalkedFile>,
    segments: u64,
    /// Bytes of segments that are done.
    bytes: u64,
    /// Where the last segment ended that was walked, and its file.
    end: Option<(SegmentEnd, String)>,
}

impl Verification<'_> {
    fn segment(
        &mut self,
        base: Offset,
        next_base: Option<Offset>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let (place, is_last) = (self.log.place(), next_base.is_none());
        let path = place.storage.display(&place.path_of(&names::segment_file(base, names::LOG)));
        let Some(opened) = Opened::open(place, base)? else {
            self.findings.whole(&path, Severity::Note, Problem::Removed);
            self.walked.push((base, None));
            return Ok(());
        };
        let Opened { segment, txn_index, has_foreign_indexes } = opened;
        self.walked.push((base, Some(segment.log.metadata()?.id)));
        let Some(known) = self.known(&segment, is_last)? else {
            return self.tell_past_end(&segment, 0);
        };
        self.compare_with_previous(base, &path)?;
        self.tell_missing(&segment, known);
        let segment = match has_foreign_indexes {
            true => Segment { index: None, time_index: None, ..segment },
            false => segment,
        };
        let before = self.bytes;
        self.replay.begin_segment(base);
        let schema = Schema::of(&place.partition.topic);
        let so_far = SoFar { counts: &mut self.counts, replay: &mut self.replay, schema };
        let end = verify_segment(&segment, known, so_far, &mut self.findings, &mut |position| {
            progress(before + position);
        })?;
        if !has_foreign_indexes {
            self.transactions((base, next_base), txn_index, known, &end)?;
        }
        self.segments += 1;
        self.bytes += known.end_position;
        progress(self.bytes);
        if self.published.is_some() && known.index_slots.is_some() {
            self.tell_past_end(&segment, known.end_position)?;
        }
        let highest = self.end.as_ref().map_or(end.offset, |(last, _)| last.offset.max(end.offset));
        self.end = Some((SegmentEnd { offset: highest, ..end }, path));
        Ok(())
    }

    /// What is known of a segment; `None` if it is past the published end.
    fn known(&self, segment: &Segment, is_last: bool) -> Result<Option<Known>> {
        let len = segment.log.metadata()?.len;
        let Some(view) = &self.published else {
            let known =
                Known { end_position: len, index_slots: None, is_last, may_be_torn: is_last };
            return Ok(Some(known));
        };
        let active = view.segments().last().copied().unwrap_or_default();
        let is_last = segment.base_offset == active;
        Ok((segment.base_offset <= active).then(|| Known {
            end_position: if is_last { view.end_position() } else { len },
            index_slots: is_last.then(|| view.index_slots()),
            is_last,
            may_be_torn: false,
        }))
    }

    /// Tells of bytes past the published end, unless they have been published meanwhile.
    fn tell_past_end(&mut self, segment: &Segment, position: u64) -> Result<()> {
        let len = segment.log.metadata()?.len;
        if len <= position {
            return Ok(());
        }
        let Some(now) = self.log.published_view()? else {
            return Ok(());
        };
        let active = now.segments().last().copied().unwrap_or_default();
        let end = match segment.base_offset.cmp(&active) {
            std::cmp::Ordering::Less => len,
            std::cmp::Ordering::Equal => now.end_position(),
            std::cmp::Ordering::Greater => 0,
        };
        if end < len {
            let what = Problem::PastEnd { bytes: len - end };
            self.findings.note(segment.log.display(), end, what);
        }
        Ok(())
    }

    /// Holds the index of aborted transactions to the segment that was just walked.
    fn transactions(
        &mut self,
        (base, next_base): (Offset, Option<Offset>),
        mut file: Option<Arc<dyn File>>,
        known: Known,
        end: &SegmentEnd,
    ) -> Result<()> {
        let place = self.log.place();
        let path = place.path_of(&names::segment_file(base, names::TXN_INDEX));
        if known.is_last {
            // A writer may have made it since.
            file = storage::found(place.storage.open(&path, Open::Read))?;
        }
        let ended = Ended {
            aborted: &self.replay.aborted,
            base,
            next_base: next_base.filter(|_| !known.is_last),
            end: end.offset,
            is_damaged: end.has_faults || self.is_replacing,
            is_complete: self.replay.is_complete(),
            may_have_lost: known.may_be_torn,
        };
        let path = place.storage.display(&path);
        transactions::verify(file.as_deref(), &path, &ended, &mut self.findings)?;
        Ok(())
    }

    /// Compares what stands beside the segments with all that was walked.
    fn finish_replay(&mut self, end: Offset) -> Result<()> {
        if self.log.place().only_segment.is_some() {
            return Ok(());
        }
        self.replay.come_to(end, &mut self.findings)?;
        let severity = match &self.published {
            Some(_) => Severity::Damage,
            None => Severity::Note,
        };
        self.replay.hold_epochs_to(end, severity, &mut self.findings);
        Ok(())
    }

    /// Segments follow one another without overlap. A gap may be what compaction left.
    fn compare_with_previous(&mut self, base: Offset, path: &str) -> Result<()> {
        let Some((previous, _)) = &self.end else {
            return Ok(());
        };
        let end = previous.offset;
        if base < end {
            // Until a compaction is done the old segments repeat what is in the new one.
            let now = Listing::of(self.log.place())?;
            let is_replaced = now.is_replacing() || now.segments.binary_search(&base).is_err();
            let severity = if is_replaced { Severity::Note } else { Severity::Damage };
            self.findings.whole(path, severity, Problem::Overlap { end });
        }
        if base > end && !previous.is_damaged {
            self.gaps.push((path.to_owned(), Problem::Gap { from: end, to: base + -1 }));
        }
        Ok(())
    }

    /// Tells of gaps between segments: damage, unless the log was ever compacted. Of a foreign log
    /// whose configs are not known its broker's checkpoint says that, or offsets that are missing
    /// within a segment.
    fn tell_gaps(&mut self) -> Result<()> {
        if self.gaps.is_empty() || self.log.config().cleanup_policy.compact {
            return Ok(());
        }
        let place = self.log.place();
        let was_compacted = match &place.log_dir {
            None => false,
            Some(dir) => {
                let path = match dir.as_str() {
                    "" => checkpoint::CLEANER_OFFSETS.to_owned(),
                    dir => format!("{dir}/{}", checkpoint::CLEANER_OFFSETS),
                };
                let cleaned = checkpoint::read_offsets(&*place.storage, &path)?;
                cleaned.contains_key(&place.partition)
            }
        };
        let is_own = place.control.is_some();
        let is_explained = was_compacted || (!is_own && self.replay.has_holes);
        let severity = if is_explained { Severity::Note } else { Severity::Damage };
        for (path, what) in std::mem::take(&mut self.gaps) {
            self.findings.whole(&path, severity, what);
        }
        Ok(())
    }

    fn tell_missing(&mut self, segment: &Segment, known: Known) {
        let place = self.log.place();
        let files = [(&segment.index, names::INDEX), (&segment.time_index, names::TIME_INDEX)];
        for (file, suffix) in files {
            if file.is_none() && known.end_position > 0 {
                let name = names::segment_file(segment.base_offset, suffix);
                let path = place.storage.display(&place.path_of(&name));
                self.findings.whole(&path, Severity::Note, Problem::Missing);
            }
        }
    }

    /// A log must not end before what is known to have been durable.
    fn hold_to_recovery_point(&mut self) -> Result<()> {
        let place = self.log.place();
        let recovery_point = self.log.durable()?;
        let (end, path, position) = match &self.end {
            Some((end, path)) => (end.offset, path.clone(), end.position),
            None => (Offset::ZERO, place.storage.display(&place.dir), 0),
        };
        if self.published.is_none() && end < recovery_point {
            self.findings.damage(&path, position, Problem::EndsEarly { end, recovery_point });
        }
        Ok(())
    }

    fn report(self) -> Report {
        Report {
            partition: self.log.partition().clone(),
            segments: self.segments,
            batches: self.counts.batches,
            records: self.counts.records,
            bytes: self.bytes,
            findings: self.findings.finish(),
        }
    }
}
