//! The tasks of a job of which each partition is one, as a process sees them that may take them; and what must hold of the
//! partitions of its topics.

use std::time::Instant;

use super::attempt::{Setting, SinceCommit};
use super::failure::RunError;
use super::kept::{Kept, Named};
use super::notes::{PARTITIONS, write_partitions};
use super::opened::has_nothing_to_do;
use super::sources::Sources;
use crate::cluster::{self, Cluster};
use crate::job::plan::Plan;
use crate::job::state::StateView;
use crate::model::{Offset, TopicName};
use crate::storage;

/// A task.
pub(super) struct KnownTask {
    pub(super) partition: i32,
    /// Readers that stand where it was last seen to be.
    sources: Sources,
    pub(super) doing: Doing,
    /// When it is to have its turn, if it waits for one.
    pub(super) due: Instant,
    /// Another process had it when it was asked for last.
    pub(super) others_have_it: bool,
    /// What a turn is to know of those before. Taken along while it is given.
    pub(super) since: SinceCommit,
}

/// What becomes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// There is nothing to do.
    Nothing,
    /// It waits for a turn.
    Waits,
    /// It was given to a thread.
    Given,
}

impl KnownTask {
    fn open(
        setting: Setting<'_>,
        named: Named<'_>,
        partition: i32,
        kept: &Kept,
    ) -> Result<Self, RunError> {
        let Setting { cluster, plan, options, .. } = setting;
        let mut sources = Sources::open(cluster, plan, Some(partition))?;
        let setting = Setting { task: Some(partition), ..setting };
        let waits = options.close || !has_nothing_to_do(setting, named, kept, &sources)?;
        for source in &mut sources.inputs {
            for reader in &mut source.readers {
                if let Some(committed) = kept.position(&source.topic, partition) {
                    reader.seek(Offset(committed.offset));
                }
            }
        }
        let doing = if waits { Doing::Waits } else { Doing::Nothing };
        let (due, since) = (Instant::now(), SinceCommit::default());
        Ok(Self { partition, sources, doing, due, others_have_it: false, since })
    }

    /// How much there is to read, as it was last seen.
    pub(super) fn offsets(&self) -> u64 {
        self.sources.offsets()
    }

    /// Looks for what has come; a task that had nothing to do waits for a turn then. True if anything has.
    pub(super) fn follow(&mut self, cluster: &Cluster) -> Result<bool, RunError> {
        let before = self.offsets();
        self.sources.follow(cluster)?;
        let has_come = self.offsets() > before;
        if has_come && self.doing == Doing::Nothing {
            self.doing = Doing::Waits;
        }
        Ok(has_come)
    }

    /// All that there was when it was last looked at is done.
    pub(super) fn pass(&mut self) {
        for source in &mut self.sources.inputs {
            for reader in &mut source.readers {
                reader.seek(reader.stop());
            }
        }
    }
}

/// Adds the tasks that are not there yet: there are as many as the topic has partitions that has the most.
pub(super) fn add_tasks(
    tasks: &mut Vec<KnownTask>,
    setting: Setting<'_>,
    named: Named<'_>,
) -> Result<(), RunError> {
    let Setting { cluster, plan, .. } = setting;
    let count = partitions(cluster, plan)?.into_iter().max().unwrap_or(0);
    let known = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
    if known < count {
        let kept = Kept::new(named.job, cluster.transactional_offsets(named.name)?, None);
        for partition in known..count {
            tasks.push(KnownTask::open(setting, named, partition, &kept)?);
        }
    }
    Ok(())
}

/// Has those tasks wait for a turn of which another process has left something that is kept and not sent.
pub(super) fn look_at_states(
    tasks: &mut [KnownTask],
    setting: Setting<'_>,
    named: Named<'_>,
) -> Result<(), RunError> {
    let group = setting.cluster.transactional_offsets(named.name)?;
    let kept = Kept::new(named.job, group, None);
    for task in tasks.iter_mut().filter(|task| task.doing == Doing::Nothing) {
        let setting = Setting { task: Some(task.partition), ..setting };
        if !has_nothing_to_do(setting, named, &kept, &task.sources)? {
            task.doing = Doing::Waits;
        }
    }
    Ok(())
}

/// How many partitions each input has.
pub(super) fn partitions(cluster: &Cluster, plan: &Plan) -> Result<Vec<i32>, RunError> {
    let count = |input: &crate::job::plan::Input| Ok(cluster.topic(&input.topic)?.partitions);
    plan.inputs.iter().map(count).collect()
}

/// Refuses a job whose topics have different numbers of partitions where what is in one must be in the same task as what is in
/// another.
///
/// # Errors
/// [`RunError::PartitionCounts`]; as the file system says.
pub fn check_partitions(cluster: &Cluster, plan: &Plan) -> Result<(), RunError> {
    if !plan.has_state || !plan.per_partition {
        return Ok(());
    }
    let counts = partitions(cluster, plan)?;
    let name = |place: usize| plan.inputs[place].topic.clone();
    match counts.iter().position(|count| *count != counts[0]) {
        None => Ok(()),
        Some(place) => Err(RunError::PartitionCounts {
            one: (name(0), counts[0]),
            other: (name(place), counts[place]),
        }),
    }
}

/// Refuses a job whose states are of tasks that had other keys, since a topic had another number of partitions.
pub(super) fn check_states(
    cluster: &Cluster,
    plan: &Plan,
    named: Named<'_>,
) -> Result<(), RunError> {
    if !plan.has_state {
        return Ok(());
    }
    let counts = partitions(cluster, plan)?;
    for directory in cluster.task_states(named.job)? {
        // What is damaged is found when it is opened to go on with.
        let Ok(Some(state)) = StateView::open(&directory) else { continue };
        let noted = state.noted(PARTITIONS);
        check_unchanged(noted.map_err(of_storage)?, &counts, |place| {
            plan.inputs[place].topic.clone()
        })?;
    }
    Ok(())
}

fn of_storage(error: storage::Error) -> RunError {
    cluster::Error::from(error).into()
}

/// Refuses other numbers of partitions than those that were noted.
pub(super) fn check_unchanged(
    noted: Option<&[u8]>,
    counts: &[i32],
    name: impl Fn(usize) -> TopicName,
) -> Result<(), RunError> {
    let now = write_partitions(counts.iter().copied());
    let Some(noted) = noted.filter(|noted| *noted != now) else { return Ok(()) };
    let (noted, _) = noted.as_chunks::<4>();
    let noted = noted.iter().map(|bytes| i32::from_be_bytes(*bytes));
    let changed = noted.zip(counts).enumerate().find(|(_, (was, now))| was != *now);
    match changed {
        Some((place, (was, now))) => {
            Err(RunError::PartitionsChanged { topic: name(place), was, now: *now })
        }
        None => Ok(()),
    }
}
