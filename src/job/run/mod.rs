//! A job at work: records of topics go through its topology, and what comes out goes to topics or is printed.
//!
//! One task reads all partitions of all inputs. Several inputs are taken by time, the lowest timestamp first, and tables
//! before streams; a single one is taken partition by partition where nothing is kept between records, else by time too.
//!
//! A job without a name has its state in memory: a run begins at the beginning, closes its windows at its end, and sends what
//! it sends at least once; all of it is on disk when it returns. A job with a name goes on where it stood ([`kept`]).

mod failure;
mod feed;
pub(super) mod kept;
mod outbox;
mod output;
mod record;
mod sources;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use failure::{OnError, RunError};
pub use kept::Named;

use super::plan::Plan;
use crate::clock::Clock as _;
use crate::clock::SystemClock;
use crate::cluster::{Cluster, Watcher};
use crate::model::TopicPartition;
use crate::record::Record;
pub use crate::stream::Origin;
use crate::stream::{Counts, GlobalTables, MemoryState, Outside, State, Task};
use failure::LeftOut;
use kept::Kept;
use output::Results;
use sources::{Global, Sources};

/// How long a follower sleeps at most where it hears of appends, and where it does not.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const POLL_INTERVAL_BLIND: Duration = Duration::from_millis(50);

/// Records between two looks at whether to stop.
const LOOK_EVERY_RECORDS: u64 = 1024;

/// How often state is kept at most: a commit waits for the disk.
const COMMIT_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// How a job is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to go on with what comes, or to stop at the end as it is now.
    pub follow: bool,
    /// Whether a follower stops when nothing has come for so long.
    pub idle: Option<Duration>,
    /// What becomes of records that fail.
    pub on_error: OnError,
    /// Whether windows are closed at the end, though the job has a name and may go on.
    pub close: bool,
    /// How often what changed comes out and is kept; 0 brings each change out at once.
    pub commit_interval: Duration,
    /// Bytes of changes that may wait until then.
    pub cache_bytes: usize,
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records that were read, those of tables included.
    pub records_in: u64,
    /// Results.
    pub records_out: u64,
    /// Records that a key, value or timestamp was missing of that was needed.
    pub dropped: u64,
    /// Windows that records came too late for.
    pub late: u64,
    /// Records that failed.
    pub failed: u64,
    /// Whether it was stopped before its end.
    pub is_stopped: bool,
    /// Partitions of which records were deleted that it had not taken in.
    pub missed: usize,
}

/// A result that goes to no topic.
#[derive(Debug, Clone, Copy)]
pub struct Printed<'a> {
    /// The record that caused it, where one did.
    pub origin: Option<Origin<'a>>,
    /// The result.
    pub record: Record<'a>,
}

/// Nobody takes printed results any more.
#[derive(Debug)]
pub struct Closed;

/// What surrounds a run.
pub trait Front {
    /// Takes a result that goes to no topic.
    ///
    /// # Errors
    /// [`Closed`] ends the run.
    fn print(&mut self, result: &Printed<'_>) -> Result<(), Closed>;

    /// Nothing more is ready just now.
    ///
    /// # Errors
    /// [`Closed`] ends the run.
    fn flush(&mut self) -> Result<(), Closed>;

    /// A record failed, and is left out.
    fn failed(&mut self, at: &TopicPartition, offset: i64, why: &str);

    /// How many records are read, and of how many offsets.
    fn progress(&mut self, done: u64, total: u64);

    /// Whether to stop.
    fn should_stop(&mut self) -> bool;
}

/// Runs a job, on a thread that [`crate::filter::Stack::run`] began. With a name it goes on where it stood; this process has
/// it alone ([`Cluster::lease_job`]).
///
/// # Errors
/// [`RunError`]. Without a name, what was sent before is on its topics, though perhaps not on disk; with one, all is as of the
/// last commit.
pub fn run(
    cluster: &Cluster,
    plan: &Plan,
    named: Option<Named<'_>>,
    options: &Options,
    front: &mut dyn Front,
) -> Result<Summary, RunError> {
    let mut since = SinceCommit::default();
    loop {
        let setting = Setting { cluster, plan, named, options };
        match attempt(setting, &mut since, &mut *front) {
            // The state as of the last commit is taken again, without that record.
            Err(RunError::Again { at, offset, why, .. }) if options.on_error == OnError::Fail => {
                return Err(RunError::Record { at, offset, why });
            }
            Err(RunError::Again { input, at, offset, why }) => {
                since.left_out.insert((input, at.partition, offset), LeftOut::new(&why));
            }
            ended => return ended,
        }
    }
}

/// What is run, and how.
#[derive(Clone, Copy)]
struct Setting<'a> {
    cluster: &'a Cluster,
    plan: &'a Plan,
    named: Option<Named<'a>>,
    options: &'a Options,
}

/// What must be known where a run goes back to its last commit.
#[derive(Debug, Default)]
struct SinceCommit {
    /// The summary as it was then.
    summary: Summary,
    /// Records that failed since, by the place of their input, partition and offset.
    left_out: BTreeMap<(usize, i32, i64), LeftOut>,
}

fn attempt(
    setting: Setting<'_>,
    since: &mut SinceCommit,
    front: &mut dyn Front,
) -> Result<Summary, RunError> {
    let Setting { cluster, plan, named, options } = setting;
    let watcher = options.follow.then(|| cluster.watch()).flatten();
    let mut sources = Sources::open(cluster, plan)?;
    let mut summary = since.summary;
    let (mut unsent, mut is_lost) = (None, false);
    let (state, kept): (Box<dyn State>, _) = match named {
        None => (Box::new(MemoryState::new()), None),
        Some(named) => {
            let writes_topics = !output::topics(plan, &options.on_error).is_empty();
            let opened = Kept::open(cluster, named, writes_topics, &mut sources)?;
            (unsent, is_lost) = (opened.unsent, opened.is_lost);
            summary.missed = opened.missed;
            (Box::new(opened.state), Some(opened.kept))
        }
    };
    sources.count();
    let transaction = kept.as_ref().and_then(|kept| kept.transaction.as_ref());
    let output = Results::new(cluster, plan, &options.on_error, transaction)?;
    let is_immediate = options.commit_interval.is_zero() || kept.is_none();
    let cache_bytes = if is_immediate { 0 } else { options.cache_bytes };
    let mut run = Run {
        plan,
        options,
        globals: GlobalTables::new(Box::new(MemoryState::new())),
        task: Task::new(plan.topology.clone(), state, cache_bytes)?,
        kept,
        output,
        front,
        since,
        summary,
        counted: Counts::default(),
        now_ms: SystemClock.now_ms(),
        commit_due: Instant::now(),
        is_stopped: false,
    };
    if let (Some(unsent), Some(kept)) = (unsent, &mut run.kept) {
        run.output.send_kept(&unsent, run.now_ms)?;
        kept.commit_transaction(run.now_ms)?;
    }
    let mut globals = Global::open(cluster, plan)?;
    for global in &mut globals {
        run.load(global)?;
    }
    if is_lost {
        run.output.is_discarding = true;
        run.feed(&mut sources)?;
        run.put_out(false)?;
        run.output.is_discarding = false;
        sources.follow()?;
    }
    if !run.is_stopped {
        run.feed(&mut sources)?;
    }
    let closes = options.close || run.kept.is_none();
    run.put_out(closes && !options.follow)?;
    if options.follow && !run.is_stopped {
        run.follow(&mut sources, &mut globals, watcher.as_ref())?;
    }
    run.end()
}

/// A run.
struct Run<'r> {
    plan: &'r Plan,
    options: &'r Options,
    task: Task,
    /// Of a job with a name.
    kept: Option<Kept>,
    globals: GlobalTables,
    output: Results<'r>,
    front: &'r mut dyn Front,
    since: &'r mut SinceCommit,
    summary: Summary,
    /// What of the task's counts is in it.
    counted: Counts,
    now_ms: i64,
    /// When what changed is to be kept.
    commit_due: Instant,
    /// It was asked to stop, or nobody takes its results.
    is_stopped: bool,
}

impl Run<'_> {
    /// Goes on with what comes.
    fn follow(
        &mut self,
        sources: &mut Sources,
        globals: &mut [Global],
        watcher: Option<&Watcher>,
    ) -> Result<(), RunError> {
        let mut last_new = Instant::now();
        while !self.is_stopped {
            for global in globals.iter_mut() {
                if global.follow()? {
                    self.load(global)?;
                }
            }
            if sources.follow()? {
                if let Some(kept) = &mut self.kept {
                    kept.follow(sources);
                }
                self.now_ms = SystemClock.now_ms();
                self.feed(sources)?;
                self.put_out(false)?;
                last_new = Instant::now();
                continue;
            }
            let idle = self.options.idle.map(|idle| idle.saturating_sub(last_new.elapsed()));
            if idle == Some(Duration::ZERO) {
                return self.put_out(self.options.close || self.kept.is_none());
            }
            let limit = if watcher.is_some() { POLL_INTERVAL } else { POLL_INTERVAL_BLIND };
            let limit = idle.map_or(limit, |idle| idle.min(limit));
            match watcher {
                Some(watcher) => drop(watcher.wait(limit)),
                None => std::thread::sleep(limit),
            }
            self.is_stopped |= self.front.should_stop();
        }
        Ok(())
    }

    /// Brings out what waits, and what a window holds back if that is to be closed.
    fn put_out(&mut self, close: bool) -> Result<(), RunError> {
        let mut ready = self.output.ready(self.front, self.now_ms);
        let outside = &mut Outside { globals: &self.globals, output: &mut ready };
        let done = match close && !self.is_stopped {
            true => self.task.close(outside),
            false => self.task.commit(outside),
        };
        let refused = ready.take_refused();
        drop(ready);
        if let Err(error) = done {
            self.failed_without_record(error, refused)?;
        }
        if self.front.flush().is_err() {
            // What was not printed is not taken in.
            self.is_stopped = true;
            return Ok(());
        }
        let Some(kept) = &mut self.kept else { return Ok(self.output.flush()?) };
        self.now_ms = SystemClock.now_ms();
        kept.commit(self.task.state_mut(), &mut self.output, self.now_ms)?;
        self.count();
        self.since.summary = self.summary;
        self.since.left_out.clear();
        self.commit_due = Instant::now() + self.options.commit_interval.max(COMMIT_INTERVAL_MIN);
        Ok(())
    }

    /// Brings the summary up to what the task and its output have counted.
    fn count(&mut self) {
        let (counts, known) = (self.task.counts(), &mut self.counted);
        let dropped =
            |counts: &Counts| counts.null_key + counts.null_value + counts.negative_timestamp;
        self.summary.dropped += dropped(&counts) - dropped(known);
        self.summary.late += counts.late - known.late;
        *known = counts;
        self.summary.records_out += self.output.take_records();
    }

    fn end(mut self) -> Result<Summary, RunError> {
        self.output.finish()?;
        if let Some(kept) = &mut self.kept {
            kept.tell_group(self.now_ms)?;
        }
        self.count();
        self.summary.is_stopped = self.is_stopped;
        Ok(self.summary)
    }
}
