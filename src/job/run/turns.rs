//! Jobs that keep nothing between records, shared by whoever runs them. Each partition is a task, with a transactional id of
//! its own; a process takes one for a turn, from where the group stands to the end of the partition, if no other has it. So
//! several copies of a job share the work as it comes, and what a dead one had in hand is taken by the next that looks.

use std::time::{Duration, Instant};

use super::failure::RunError;
use super::kept::{Kept, Named};
use super::pace::wait;
use super::sources::{Globals, Sources, is_time_to_count};
use super::{Front, Options, Setting, SinceCommit, Summary, output};
use crate::cluster::{self, Cluster};
use crate::job::plan::Plan;
use crate::model::Offset;

/// How often tasks are asked for that others have in hand.
const LEASE_POLL: Duration = Duration::from_millis(20);

/// A task, as a process sees it that may take it.
struct Task {
    partition: i32,
    /// Readers that stand where it was last seen to be.
    sources: Sources,
    /// There is something to do.
    is_pending: bool,
}

/// Runs a job until all that there was at first is done, by whomever; or goes on with what comes.
pub(super) fn run(
    setting: Setting<'_>,
    named: Named<'_>,
    front: &mut dyn Front,
) -> Result<Summary, RunError> {
    let Setting { cluster, plan, options, .. } = setting;
    let _share = cluster.share_job(named.name, named.job)?;
    let watcher = options.follow.then(|| cluster.watch()).flatten();
    settle(setting)?;
    let mut tasks = Vec::new();
    add_tasks(&mut tasks, cluster, plan, named)?;
    let mut counted = Instant::now();
    let mut globals = Globals::open(cluster, plan)?;
    let turn_options = Options { follow: false, ..options.clone() };
    let mut since = SinceCommit::default();
    let total = tasks.iter().map(|task| task.sources.offsets()).sum::<u64>();
    let mut last_new = Instant::now();
    loop {
        let (mut has_worked, mut is_held) = (false, false);
        // Another process that begins now begins elsewhere.
        let first = std::process::id() as usize % tasks.len().max(1);
        for at in (first..tasks.len()).chain(0..first) {
            if front.should_stop() {
                since.summary.is_stopped = true;
                return Ok(since.summary);
            }
            let task = &mut tasks[at];
            if !task.is_pending {
                continue;
            }
            let Some(_lease) = cluster.lease_task(named.job, task.partition.unsigned_abs())? else {
                is_held = true;
                continue;
            };
            has_worked = true;
            let turn = Setting { options: &turn_options, task: Some(task.partition), ..setting };
            since.summary = turn.run(&mut globals, &mut since, Some(total), &mut *front)?;
            since.left_out.clear();
            if since.summary.is_stopped {
                return Ok(since.summary);
            }
            task.pass();
        }
        if is_held {
            std::thread::sleep(LEASE_POLL);
        } else if !options.follow {
            return Ok(since.summary);
        }
        if has_worked {
            last_new = Instant::now();
        }
        if !options.follow {
            continue;
        }
        if is_time_to_count(&mut counted) {
            settle(setting)?;
            add_tasks(&mut tasks, cluster, plan, named)?;
        }
        for task in &mut tasks {
            task.is_pending |= task.sources.follow(cluster)?;
        }
        if tasks.iter().any(|task| task.is_pending) {
            continue;
        }
        let idle = options.idle.map(|idle| idle.saturating_sub(last_new.elapsed()));
        if idle == Some(Duration::ZERO) {
            return Ok(since.summary);
        }
        wait(watcher.as_ref(), idle);
    }
}

/// A copy that died may have decided to commit, and not got round to telling readers; its task may have nothing to do any more.
fn settle(setting: Setting<'_>) -> Result<(), RunError> {
    for topic in output::topics(setting.plan, &setting.options.on_error) {
        match setting.cluster.topic_to_write(topic) {
            Ok(topic) => setting.cluster.settle(&topic)?,
            Err(cluster::Error::NoSuchTopic(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Adds the tasks that are not there yet: there are as many as the topic has partitions that has the most.
fn add_tasks(
    tasks: &mut Vec<Task>,
    cluster: &Cluster,
    plan: &Plan,
    named: Named<'_>,
) -> Result<(), RunError> {
    let mut count = 0;
    for input in &plan.inputs {
        count = count.max(cluster.topic(&input.topic)?.partitions);
    }
    let known = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
    if known < count {
        let kept = Kept::new(named.job, cluster.transactional_offsets(named.name)?, None);
        for partition in known..count {
            tasks.push(Task::open(cluster, plan, partition, &kept)?);
        }
    }
    Ok(())
}

impl Task {
    fn open(cluster: &Cluster, plan: &Plan, partition: i32, kept: &Kept) -> Result<Self, RunError> {
        let mut sources = Sources::open(cluster, plan, Some(partition))?;
        for source in &mut sources.inputs {
            for reader in &mut source.readers {
                if let Some(committed) = kept.position(&source.topic, partition) {
                    reader.seek(Offset(committed.offset));
                }
            }
        }
        let is_pending = sources.offsets() > 0;
        Ok(Self { partition, sources, is_pending })
    }

    /// All that there was when it was last looked at is done.
    fn pass(&mut self) {
        for source in &mut self.sources.inputs {
            for reader in &mut source.readers {
                reader.seek(reader.stop());
            }
        }
        self.is_pending = false;
    }
}
