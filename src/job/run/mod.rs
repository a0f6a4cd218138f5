//! A job at work: records of topics go through its topology, and what comes out goes to topics or is printed.
//!
//! One task reads all partitions of all inputs. Several inputs are taken by time, the lowest timestamp first, and tables
//! before streams; a single one is taken partition by partition where nothing is kept between records, else by time too.
//!
//! A job without a name has its state in memory: a run begins at the beginning, closes its windows at its end, and sends what
//! it sends at least once; all of it is on disk when it returns. A job with a name goes on where it stood (`kept`); one that keeps
//! nothing between records, or was made so, is as many tasks as its topics have partitions, which threads and processes
//! share (`turns`).

mod attempt;
mod crew;
mod failure;
mod feed;
mod kept;
pub(super) mod notes;
mod opened;
mod outbox;
mod output;
mod pace;
mod record;
mod shared_front;
mod sources;
mod tasks;
mod turns;

use std::sync::RwLockReadGuard;
use std::time::{Duration, Instant};

pub use failure::{OnError, RunError};
pub use kept::Named;
pub use tasks::check_partitions;

use super::plan::Plan;
use crate::clock::Clock as _;
use crate::clock::SystemClock;
use crate::cluster::{Cluster, Watcher};
use crate::model::TopicPartition;
use crate::record::Record;
pub use crate::stream::Origin;
use crate::stream::{Counts, GlobalTables, Outside, Task};
use attempt::{Behind, Setting, SinceCommit};
use kept::Kept;
use notes::outbox_piece;
use output::Results;
use pace::{Looks, wait_for_appends};
use sources::{Globals, Sources};

const TABLES: &str = "global tables are there but while it is looked for what has come";

/// How often state is kept at most: a commit waits for the disk.
const COMMIT_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// How a job is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether to go on with what comes, or to stop at the end as it is now.
    pub follow: bool,
    /// Whether a follower stops, its windows closed, when nothing has come for so long.
    pub idle: Option<Duration>,
    /// What becomes of records that fail.
    pub on_error: OnError,
    /// Whether windows are closed at the end, though the job has a name and may go on.
    pub close: bool,
    /// How often what changed comes out and is kept; 0 brings each change out at once.
    pub commit_interval: Duration,
    /// Bytes of changes that may wait until then.
    pub cache_bytes: usize,
    /// Whether a job with a name sends each result once; else at least once, and readers see it at once.
    pub exactly_once: bool,
    /// How many of a job's tasks are worked at at once, where it has several.
    pub threads: usize,
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

impl Summary {
    /// Counts what another turn did.
    fn add(&mut self, other: &Self) {
        let Self { records_in, records_out, dropped, late, failed, missed, .. } = *other;
        self.records_in += records_in;
        self.records_out += records_out;
        self.dropped += dropped;
        self.late += late;
        self.failed += failed;
        self.missed += missed;
    }
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
pub trait Front: Send {
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

    /// A result that no record alone caused, as that of a window that is closed, is not taken by its topic, and left out.
    fn failed_result(&mut self, why: &str);

    /// A record has a key that Kafka's partitioner puts into another partition, which is another task's. Told of the first.
    fn misplaced(&mut self, at: &TopicPartition, offset: i64);

    /// All that is left has been in the hands of other processes for a while. Told once.
    fn waiting(&mut self);

    /// How many records are read, and of how many offsets.
    fn progress(&mut self, done: u64, total: u64);

    /// Whether to stop.
    fn should_stop(&mut self) -> bool;
}

/// Runs a job, on a thread that [`crate::filter::Stack::run`] began. With a name it goes on where it stood; one that is a single task,
/// this process has alone ([`Cluster::lease_job`]).
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
    let setting = Setting { cluster, plan, named, options, task: None };
    match named {
        Some(named) if plan.per_partition => turns::run(setting, named, front),
        _ => {
            let globals = Globals::open(cluster, plan)?;
            setting.run(&globals, &mut SinceCommit::default(), front)
        }
    }
}

/// A run.
struct Run<'r> {
    cluster: &'r Cluster,
    plan: &'r Plan,
    options: &'r Options,
    task: Task,
    /// Of a job with a name.
    kept: Option<Kept>,
    globals: &'r Globals,
    /// The global tables; there but while it is looked for what has come.
    tables: Option<RwLockReadGuard<'r, GlobalTables>>,
    output: Results<'r>,
    front: &'r mut dyn Front,
    since: &'r mut SinceCommit,
    summary: Summary,
    /// What of the task's counts is in it.
    counted: Counts,
    now_ms: i64,
    /// How many partitions each input has, while keys are looked at whether they belong where they are.
    partitions: Option<Vec<i32>>,
    /// When what changed is to be kept.
    commit_due: Instant,
    looks: Looks,
    /// It was asked to stop, or nobody takes its results.
    is_stopped: bool,
    /// Nobody takes its results: what they are of is not taken in.
    is_closed: bool,
}

impl Run<'_> {
    /// Takes what there is, and with `-f` what comes.
    fn go(
        &mut self,
        sources: &mut Sources,
        unsent: usize,
        behind: Option<Behind>,
        watcher: Option<&Watcher>,
    ) -> Result<Summary, RunError> {
        if let Some(kept) = self.kept.as_mut().filter(|_| unsent > 0) {
            for piece in 0..unsent {
                let piece = self.task.state_mut().noted(&outbox_piece(piece))?;
                self.output.send_kept(piece.unwrap_or_default(), self.now_ms)?;
            }
            kept.commit_transaction(self.now_ms)?;
        }
        if let Some(Behind { is_closed }) = behind {
            self.output.is_discarding = true;
            self.feed(sources)?;
            self.put_out(is_closed)?;
            self.output.is_discarding = false;
            self.look_for_more(sources)?;
        }
        if !self.is_stopped {
            self.feed(sources)?;
        }
        let closes = self.options.close || self.kept.is_none();
        self.put_out(closes && !self.options.follow)?;
        if self.options.follow && !self.is_stopped {
            self.follow(sources, watcher)?;
        }
        self.end()
    }

    /// Goes on with what comes.
    fn follow(&mut self, sources: &mut Sources, watcher: Option<&Watcher>) -> Result<(), RunError> {
        let mut last_new = Instant::now();
        let mut is_kept = true;
        while !self.is_stopped {
            if self.look_for_more(sources)? {
                self.follow_globals()?;
                self.now_ms = SystemClock.now_ms();
                self.feed(sources)?;
                is_kept = false;
                last_new = Instant::now();
            } else {
                let idle = self.options.idle.map(|idle| idle.saturating_sub(last_new.elapsed()));
                if idle == Some(Duration::ZERO) {
                    return self.put_out(true);
                }
                let due = self.commit_due.saturating_duration_since(Instant::now());
                wait_for_appends(
                    watcher,
                    if is_kept { idle } else { Some(idle.map_or(due, |it| it.min(due))) },
                );
                self.is_stopped |= self.front.should_stop();
            }
            let is_due = self.kept.is_none()
                || self.options.commit_interval.is_zero()
                || Instant::now() >= self.commit_due;
            if !is_kept && is_due {
                self.put_out(false)?;
                is_kept = true;
            }
        }
        self.put_out(false)
    }

    /// Takes up what has come of global tables.
    fn follow_globals(&mut self) -> Result<(), RunError> {
        self.tables = None;
        let followed = self.globals.follow(self.cluster);
        self.tables = Some(self.globals.tables());
        followed
    }

    /// Looks for what has come. True if there is anything.
    fn look_for_more(&mut self, sources: &mut Sources) -> Result<bool, RunError> {
        let has_more = sources.follow(self.cluster)?;
        if let Some(kept) = &mut self.kept {
            kept.follow(sources);
        }
        Ok(has_more)
    }

    /// Nobody takes results any more.
    const fn close(&mut self) {
        (self.is_closed, self.is_stopped) = (true, true);
    }

    /// Brings out what waits, and what a window holds back if that is to be closed.
    fn put_out(&mut self, close: bool) -> Result<(), RunError> {
        if self.is_closed {
            return Ok(());
        }
        // What was stopped is not at its end.
        let close = close && !self.is_stopped;
        let mut ready = self.output.ready(self.front, self.now_ms);
        let tables = self.tables.as_deref().expect(TABLES);
        let outside = &mut Outside { globals: tables, output: &mut ready };
        let done = match close {
            true => self.task.close(outside),
            false => self.task.commit(outside),
        };
        let refused = ready.take_refused();
        drop(ready);
        if let Err(error) = done {
            self.failed_without_record(error, refused)?;
        }
        if self.front.flush().is_err() {
            self.close();
        }
        if self.is_closed {
            return Ok(());
        }
        let Some(kept) = &mut self.kept else { return Ok(self.output.flush()?) };
        self.now_ms = SystemClock.now_ms();
        kept.commit(self.task.state_mut(), &mut self.output, close, self.now_ms)?;
        let kept = &*kept;
        self.since
            .left_out
            .retain(|(input, partition, offset), _| !kept.has_taken(*input, *partition, *offset));
        self.count();
        self.since.summary = self.summary;
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
        let (records, left_out) = self.output.take_counts();
        self.summary.records_out += records;
        self.summary.failed += left_out;
    }

    fn end(&mut self) -> Result<Summary, RunError> {
        self.output.finish()?;
        if let Some(kept) = self.kept.as_mut().filter(|_| !self.is_closed) {
            kept.end(self.task.state_mut(), self.now_ms)?;
        }
        self.count();
        self.summary.is_stopped = self.is_stopped;
        Ok(self.summary)
    }
}
