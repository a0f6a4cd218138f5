//! Repairing a log: what can't be read goes, all else stays, and what stands beside it is made anew.
//!
//! First the segments are put right: batches that are damaged are taken out and their offsets stay
//! given away, as after a compaction; where a segment is missing, or an end that was durable, an
//! empty batch stands for it, so that no offset is ever given away twice. Then the log is verified,
//! and what does not agree with it is made anew from it. Whatever is taken away or replaced is kept,
//! durably, before it goes. Each file is written beside and takes its name in one step; whoever
//! stops a repair can begin another.
//!
//! The caller holds what keeps all others from writing the log. When [`repair`] returns, all that
//! it did is durable.

mod checkpoints;
mod kept;
mod markers;
mod plan;
mod rebuild;
mod rewrite;
mod step;
mod survey;

pub use checkpoints::{plan_checkpoints, repair_checkpoints};
pub use kept::KeptIn;
pub use step::Step;

use super::directory::read_id;
use super::finding::{Finding, Report, Severity};
use super::problem::Problem;
use super::verify::verify_partition;
use crate::log::{PartitionLog, Place, Result, finish_replacements, names};
use crate::model::Uuid;
use crate::storage::{self, Kind};
use kept::Kept;
use plan::SegmentsPlan;
use rebuild::{Wanted, rebuild};

/// What tells a Kafka broker that it need not look through its logs.
const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";

/// What is known of a log besides its files.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// Where to keep what is taken away.
    pub kept_in: KeptIn,
    /// The topic's id, if it is known.
    pub topic_id: Option<Uuid>,
    /// A directory of runnel's own: nobody else gives its leader epochs.
    pub is_own: bool,
    /// The time, in milliseconds.
    pub now_ms: i64,
}

/// What a repair would do, and what it can't.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RepairPlan {
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Damage that stays.
    pub beyond: Vec<Finding>,
}

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// What a verification finds after it.
    pub report: Report,
    /// What was done besides what the plan said.
    pub also: Vec<Step>,
    /// Where what was taken away is, and how many bytes of it.
    pub kept: Option<(String, u64)>,
}

/// What a repair of a log would do; no steps where nothing is damaged.
///
/// # Errors
/// As the file system says.
pub fn plan_repair(log: &PartitionLog, options: &RepairOptions) -> Result<RepairPlan> {
    let report = verify_partition(log, &mut |_| {})?;
    let mut plan = RepairPlan::default();
    if !report.has_damage() && topic_id_to_set(log.place(), &report, options)?.is_none() {
        return Ok(plan);
    }
    let place = log.place();
    if has_replacements(place)? {
        plan.steps.push(Step::FinishReplacements);
    }
    let segments = plan::plan(log, options)?;
    if !segments.unknown.is_empty() {
        // What would be made anew would say of them what nobody knows.
        let is_told = |finding: &Finding| report.findings.contains(finding);
        let unknown = segments.unknown.into_iter().filter(|finding| !is_told(finding));
        let damage = report.findings.iter().filter(|it| it.severity == Severity::Damage).cloned();
        return Ok(RepairPlan { steps: Vec::new(), beyond: damage.chain(unknown).collect() });
    }
    plan.steps.extend(segments.steps.iter().cloned());
    let rewritten = wanted_of(&segments);
    let mut wanted = rewritten.clone();
    plan.beyond = judge_beside(&report, &mut wanted);
    // It is right once the batches are, or is written anew with the new epoch.
    let sets_epochs = |step: &Step| {
        matches!(step, Step::RaiseEpoch { .. } | Step::SetRight { leader_epoch: Some(_), .. })
    };
    wanted.epochs &= !plan.steps.iter().any(sets_epochs);
    plan.steps.extend(topic_id_to_set(place, &report, options)?);
    plan.steps.extend(rebuild_steps(place, &wanted));
    if !options.is_own && !plan.steps.is_empty() && has_clean_shutdown(place)? {
        let path = place.storage.display(&in_log_dir(place, CLEAN_SHUTDOWN));
        plan.steps.push(Step::ForgetCleanShutdown { path });
    }
    if plan.steps.is_empty() && plan.beyond.is_empty() {
        let is_damage = |finding: &Finding| finding.severity == Severity::Damage;
        plan.beyond = report.findings.into_iter().filter(is_damage).collect();
    }
    Ok(plan)
}

/// Repairs a log that a plan was made for.
///
/// # Errors
/// As the file system says; another repair goes on from there.
pub fn repair(log: &PartitionLog, options: &RepairOptions) -> Result<Repaired> {
    let place = log.place();
    let storage = &*place.storage;
    let mut kept = Kept::new(&options.kept_in, &place.partition, options.now_ms);
    if !options.is_own && has_clean_shutdown(place)? {
        storage::found(storage.remove_file(&in_log_dir(place, CLEAN_SHUTDOWN)))?;
        storage.sync_dir(place.log_dir.as_deref().unwrap_or_default())?;
    }
    if has_replacements(place)? {
        let interval = u64::try_from(log.config().index_interval_bytes).unwrap_or_default();
        finish_replacements(storage, &place.dir, interval)?;
    }
    let segments = plan::plan(log, options)?;
    if !segments.unknown.is_empty() {
        let report = verify_partition(log, &mut |_| {})?;
        return Ok(Repaired { report, also: Vec::new(), kept: None });
    }
    // Whatever it says is to be found out anew; what was durable by it is in the plan.
    if let Some(control) = &place.control {
        storage::found(storage.remove_file(control))?;
    }
    segments.carry_out(place, options, &mut kept)?;
    rebuild(log, &wanted_of(&segments), &mut kept)?;
    let mut also = Vec::new();
    // What is put right may show that something else is wrong, but not for ever.
    for _ in 0..3 {
        let report = verify_partition(log, &mut |_| {})?;
        let mut wanted = Wanted::default();
        judge_beside(&report, &mut wanted);
        let id = topic_id_to_set(place, &report, options)?;
        if wanted.is_empty() && id.is_none() {
            break;
        }
        if let Some(Step::SetTopicId { id, .. }) = id {
            write_topic_id(place, id)?;
        }
        rebuild(log, &wanted, &mut kept)?;
        also.extend(id);
        also.extend(rebuild_steps(place, &wanted));
    }
    let report = verify_partition(log, &mut |_| {})?;
    let kept = (kept.bytes > 0).then(|| (kept.display(), kept.bytes));
    Ok(Repaired { report, also, kept })
}

/// The id of a topic, by the first of its partitions' directories that tells it.
///
/// # Errors
/// As the file system says.
pub fn topic_id_by_siblings(place: &Place) -> Result<Option<Uuid>> {
    let Some(log_dir) = &place.log_dir else {
        return Ok(None);
    };
    let mut entries = place.storage.list(log_dir)?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    for entry in entries.into_iter().filter(|entry| entry.kind == Kind::Directory) {
        let partition = crate::model::TopicPartition::from_directory_name(&entry.name);
        if partition.is_some_and(|it| it.topic == place.partition.topic)
            && let Some(id) = read_id(&*place.storage, &in_log_dir(place, &entry.name))?
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn has_replacements(place: &Place) -> Result<bool> {
    let entries = storage::found(place.storage.list(&place.dir))?.unwrap_or_default();
    let left = [names::SWAP, names::CLEANED];
    Ok(entries.iter().any(|entry| left.iter().any(|suffix| entry.name.ends_with(suffix))))
}

fn has_clean_shutdown(place: &Place) -> Result<bool> {
    let path = in_log_dir(place, CLEAN_SHUTDOWN);
    Ok(place.log_dir.is_some() && storage::found(place.storage.metadata(&path))?.is_some())
}

fn in_log_dir(place: &Place, name: &str) -> String {
    match place.log_dir.as_deref() {
        None | Some("") => name.to_owned(),
        Some(dir) => format!("{dir}/{name}"),
    }
}

/// What belongs to the segments that are new.
fn wanted_of(segments: &SegmentsPlan) -> Wanted {
    let rewritten = segments.changes.iter().filter(|change| change.is_rewritten);
    let bases = rewritten.filter_map(|change| change.new_base);
    let bases: Vec<_> = bases.chain(segments.gaps.iter().map(|gap| gap.from)).collect();
    Wanted {
        indexes: bases.iter().copied().collect(),
        transactions: bases.into_iter().collect(),
        ..Wanted::default()
    }
}

/// Adds what is damaged beside the segments to what is to be made anew; gives what can't be.
fn judge_beside(report: &Report, wanted: &mut Wanted) -> Vec<Finding> {
    let mut beyond = Vec::new();
    for finding in report.findings.iter().filter(|it| it.severity == Severity::Damage) {
        let name = finding.path.rsplit('/').next().unwrap_or_default();
        let is_beyond = match &finding.what {
            Problem::Undecodable { .. } => true,
            Problem::Malformed(_) if name.ends_with(names::LOG) => true,
            _ => false,
        };
        if is_beyond {
            beyond.push(finding.clone());
        } else {
            // The segments themselves, and the topic's id, are looked at by others.
            wanted.add(name);
        }
    }
    beyond
}

/// What is to be written to `partition.metadata`, if it is damaged and the id is known.
fn topic_id_to_set(
    place: &Place,
    report: &Report,
    options: &RepairOptions,
) -> Result<Option<Step>> {
    let Some(id) = options.topic_id else {
        return Ok(None);
    };
    let is_damaged = report.findings.iter().any(|finding| {
        finding.severity == Severity::Damage && finding.path.ends_with(names::PARTITION_METADATA)
    });
    let is_another = read_id(&*place.storage, &place.dir)?.is_some_and(|found| found != id);
    let path = place.storage.display(&place.path_of(names::PARTITION_METADATA));
    Ok((is_damaged || is_another).then_some(Step::SetTopicId { path, id }))
}

fn write_topic_id(place: &Place, id: Uuid) -> Result<()> {
    let path = place.path_of(names::PARTITION_METADATA);
    let text = format!("version: 0\ntopic_id: {id}");
    Ok(storage::replace_file(&*place.storage, &path, text.as_bytes())?)
}

fn rebuild_steps(place: &Place, wanted: &Wanted) -> Vec<Step> {
    let file = |base, suffix| names::segment_file(base, suffix);
    let indexes = wanted
        .indexes
        .iter()
        .flat_map(|base| [file(*base, names::INDEX), file(*base, names::TIME_INDEX)]);
    let damaged_transactions = wanted.transactions.difference(&wanted.indexes);
    let transactions = damaged_transactions.map(|base| file(*base, names::TXN_INDEX));
    let snapshots = wanted.snapshots.iter().map(|offset| file(*offset, names::SNAPSHOT));
    let epochs = wanted.epochs.then(|| names::LEADER_EPOCHS.to_owned());
    let step = |name: String| Step::Rebuild { path: place.storage.display(&place.path_of(&name)) };
    indexes.chain(transactions).chain(snapshots).chain(epochs).map(step).collect()
}
