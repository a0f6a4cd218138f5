//! Runs that go back to their last commit, and on from there: once for each record that failed after it had changed something.

use std::collections::BTreeMap;
use std::time::Instant;

use super::failure::{LeftOut, OnError, RunError};
use super::kept::{Kept, Named};
use super::opened::{Opened, has_nothing_to_do};
use super::outbox::Outbox;
use super::output::Results;
use super::pace::Looks;
use super::sources::{Globals, Sources};
use super::{COMMIT_INTERVAL_MIN, Front, Options, Run, Summary};
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::Cluster;
use crate::job::plan::Plan;
use crate::stream::{Counts, MemoryState, State, Task};

/// What is run, and how.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) plan: &'a Plan,
    pub(super) named: Option<Named<'a>>,
    pub(super) options: &'a Options,
    /// The partition that is read, of each topic; else all are.
    pub(super) task: Option<i32>,
}

/// The state of a job is behind what was sent, up to a place where windows were closed or not.
pub(super) struct Behind {
    pub(super) is_closed: bool,
}

/// What must be known where a run goes back to its last commit.
#[derive(Debug, Default)]
pub(super) struct SinceCommit {
    /// The summary as it was then.
    pub(super) summary: Summary,
    /// Each change comes out at once, since one failed that had waited for others.
    pub(super) is_immediate: bool,
    /// And what comes of no record alone is left out where its topic does not take it.
    pub(super) leaves_out: bool,
    /// It has a whole turn, though there seems nothing to do.
    pub(super) is_thorough: bool,
    /// Records that failed since, by the place of their input, partition and offset.
    pub(super) left_out: BTreeMap<(usize, i32, i64), LeftOut>,
}

impl SinceCommit {
    /// Begins another turn, with what those before have learned.
    pub(super) fn begin_turn(&mut self, is_thorough: bool) {
        self.is_thorough = is_thorough;
        self.summary = Summary::default();
        self.left_out.clear();
    }
}

impl Setting<'_> {
    /// Runs to the end.
    pub(super) fn run(
        self,
        globals: &Globals,
        since: &mut SinceCommit,
        front: &mut dyn Front,
    ) -> Result<Summary, RunError> {
        loop {
            match self.attempt(globals, since, &mut *front) {
                // The state as of the last commit is taken again, without that record.
                Err(RunError::Again { at, offset, why, .. })
                    if self.options.on_error == OnError::Fail =>
                {
                    return Err(RunError::Record { at, offset, why });
                }
                Err(RunError::HeldBack { .. }) if self.named.is_some() && !since.is_immediate => {
                    since.is_immediate = true;
                }
                Err(RunError::HeldBack { .. })
                    if self.named.is_some()
                        && !since.leaves_out
                        && self.options.on_error != OnError::Fail =>
                {
                    since.leaves_out = true;
                }
                // As of the last commit: the record in hand is still to be taken.
                Err(RunError::Interrupted) => {
                    return Ok(Summary { is_stopped: true, ..since.summary });
                }
                Err(RunError::Again { input, at, offset, why }) => {
                    since.left_out.insert((input, at.partition, offset), LeftOut::new(&why));
                }
                ended => return ended,
            }
        }
    }

    fn attempt(
        self,
        globals: &Globals,
        since: &mut SinceCommit,
        front: &mut dyn Front,
    ) -> Result<Summary, RunError> {
        let Setting { cluster, plan, named, options, task } = self;
        let watcher = options.follow.then(|| cluster.watch()).flatten();
        let mut sources = Sources::open(cluster, plan, task)?;
        if let Some(named) =
            named.filter(|_| task.is_some() && !options.close && !since.is_thorough)
        {
            let kept = Kept::new(named.job, cluster.transactional_offsets(named.name)?, None);
            if has_nothing_to_do(self, named, &kept, &sources)? {
                return Ok(since.summary);
            }
        }
        let mut summary = since.summary;
        // A row of a global table that was there before a record is seen with it.
        globals.follow(cluster)?;
        let (mut unsent, mut behind, mut directory) = (0, None, None);
        let (state, kept): (Box<dyn State>, _) = match named {
            None => (Box::new(MemoryState::new()), None),
            Some(named) => {
                let opened = Opened::open(self, named, &mut sources)?;
                unsent = opened.unsent;
                behind = opened.behind;
                directory = opened.directory;
                summary.missed += opened.missed;
                (opened.state, Some(opened.kept))
            }
        };
        sources.total = sources.offsets();
        let transaction = kept.as_ref().and_then(|kept| kept.transaction.as_ref());
        let outbox = directory.filter(|_| transaction.is_some()).map(Outbox::new);
        let output =
            Results::new(cluster, plan, &options.on_error, transaction, outbox, since.leaves_out)?;
        let is_immediate =
            options.commit_interval.is_zero() || kept.is_none() || since.is_immediate;
        let cache_bytes = if is_immediate { 0 } else { options.cache_bytes };
        let first_interval = match kept {
            Some(_) => options.commit_interval.max(COMMIT_INTERVAL_MIN),
            None => COMMIT_INTERVAL_MIN,
        };
        let checks_keys = plan.has_state && task.is_some();
        let partitions = sources.inputs.iter().map(|source| source.topic.partitions);
        let mut run = Run {
            partitions: checks_keys.then(|| partitions.collect()),
            cluster,
            plan,
            options,
            globals,
            tables: Some(globals.tables()),
            task: Task::new(plan.topology.clone(), state, cache_bytes)?,
            kept,
            output,
            front,
            since,
            summary,
            counted: Counts::default(),
            now_ms: SystemClock.now_ms(),
            commit_due: Instant::now() + first_interval,
            looks: Looks::new(),
            is_stopped: false,
            is_closed: false,
        };
        let ended = run.go(&mut sources, unsent, behind, watcher.as_ref());
        if let Some(kept) = &run.kept {
            kept.abort();
        }
        ended
    }
}
