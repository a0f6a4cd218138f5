//! Jobs of which each partition is a task: those that keep nothing between records, and those that were made so. Whoever runs
//! such a job shares it: a task has a lock and a transactional id of its own, and a thread takes it for a turn, from where it
//! stands to the end of its partition, if nobody else has it. So several copies of a job, and the threads of each, share the
//! work as it comes, and what a dead one had in hand is taken by the next that looks.
//!
//! One thread looks for what has come and hands turns out, the others take them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::failure::RunError;
use super::kept::{Kept, Named};
use super::pace::wait;
use super::shared_front::SharedFront;
use super::sources::{Globals, Sources, is_time_to_count};
use super::{COMMIT_INTERVAL_MIN, Front, Options, Setting, SinceCommit, Summary, output};
use crate::cluster::{self, Cluster, JobLease, Watcher};
use crate::filter::Stack;
use crate::job::plan::Plan;
use crate::model::Offset;

/// How often tasks are asked for that others have in hand.
const LEASE_POLL: Duration = Duration::from_millis(20);
/// How long others may have all that is left, before that is told.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it may be until somebody hears that it is to stop.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// Runs a job until all that there was at first is done, by whomever; or goes on with what comes.
pub(super) fn run(
    setting: Setting<'_>,
    named: Named<'_>,
    front: &mut dyn Front,
) -> Result<Summary, RunError> {
    let Setting { cluster, plan, options, .. } = setting;
    let Some(_share) = share(cluster, named, front)? else {
        return Ok(Summary { is_stopped: true, ..Summary::default() });
    };
    settle(setting)?;
    check_partitions(cluster, plan)?;
    let mut tasks = Vec::new();
    add_tasks(&mut tasks, cluster, plan, named)?;
    let total = tasks.iter().map(|task| task.sources.offsets()).sum();
    let at_once = options.threads.min(tasks.len()).max(1);
    let options =
        Options { follow: false, cache_bytes: options.cache_bytes / at_once, ..options.clone() };
    let turns = Turns {
        setting: Setting { options: &options, ..setting },
        named,
        front: SharedFront::new(front, total),
        hands: Mutex::default(),
        more: Condvar::new(),
        over: Condvar::new(),
    };
    thread::scope(|scope| Round::new(&turns, tasks, setting).go(scope))
}

/// Takes part in the job, once nobody has it alone; `None` where the run is to stop first.
fn share(
    cluster: &Cluster,
    named: Named<'_>,
    front: &mut dyn Front,
) -> Result<Option<JobLease>, RunError> {
    loop {
        match cluster.share_job(named.name, named.job) {
            // Whoever makes it anew, or drops it, is soon done.
            Err(cluster::Error::JobRuns(_)) if !front.should_stop() => thread::sleep(LEASE_POLL),
            Err(cluster::Error::JobRuns(_)) => return Ok(None),
            share => return Ok(Some(share?)),
        }
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

/// Refuses a job whose topics have different numbers of partitions where what is in one must be in the same task as what is in
/// another.
///
/// # Errors
/// [`RunError::PartitionCounts`]; as the file system says.
pub fn check_partitions(cluster: &Cluster, plan: &Plan) -> Result<(), RunError> {
    if !plan.has_state || !plan.per_partition {
        return Ok(());
    }
    let mut first = None;
    for input in &plan.inputs {
        let topic = cluster.topic(&input.topic)?;
        let (name, count) = first.get_or_insert_with(|| (topic.name.clone(), topic.partitions));
        if *count != topic.partitions {
            return Err(RunError::PartitionCounts {
                one: (name.clone(), *count),
                other: (topic.name, topic.partitions),
            });
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

/// A task, as a process sees it that may take it.
struct Task {
    partition: i32,
    /// Readers that stand where it was last seen to be.
    sources: Sources,
    doing: Doing,
    /// When it is to have its turn, if it waits for one.
    due: Instant,
}

/// What becomes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// There is nothing to do.
    Nothing,
    /// It waits for a turn.
    Waits,
    /// It was handed out.
    Given,
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
        // A state may be behind its group, and have windows to close.
        let waits = plan.has_state || sources.offsets() > 0;
        let doing = if waits { Doing::Waits } else { Doing::Nothing };
        Ok(Self { partition, sources, doing, due: Instant::now() })
    }

    /// All that there was when it was last looked at is done.
    fn pass(&mut self) {
        for source in &mut self.sources.inputs {
            for reader in &mut source.readers {
                reader.seek(reader.stop());
            }
        }
    }
}

/// A turn at a task.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Its place among the tasks.
    task: usize,
    partition: i32,
    /// Whether windows are closed at the end.
    closes: bool,
}

/// What came of a turn; nothing where another process has the task.
struct Ended {
    task: usize,
    result: Result<Option<Summary>, RunError>,
}

/// Turns that are to be taken, and those that were.
#[derive(Default)]
struct Hands {
    turns: VecDeque<Turn>,
    ended: Vec<Ended>,
    /// There will be no more.
    is_closed: bool,
}

/// What the threads share.
struct Turns<'a> {
    /// For each turn.
    setting: Setting<'a>,
    named: Named<'a>,
    front: SharedFront<'a>,
    hands: Mutex<Hands>,
    /// There is a turn to take, or there will be no more.
    more: Condvar,
    /// One was taken.
    over: Condvar,
}

impl Turns<'_> {
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There will be no more turns, and those that are taken are to end.
    fn close(&self) {
        self.front.stop();
        let mut hands = self.hands();
        hands.turns.clear();
        hands.is_closed = true;
        self.more.notify_all();
    }

    /// Takes turns until there are no more.
    fn work(&self) {
        let mut globals = None;
        loop {
            let mut hands = self.hands();
            let turn = loop {
                match hands.turns.pop_front() {
                    Some(turn) => break turn,
                    None if hands.is_closed => return,
                    None => {
                        hands = self.more.wait(hands).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            drop(hands);
            let result = self.take(turn, &mut globals);
            self.hands().ended.push(Ended { task: turn.task, result });
            self.over.notify_one();
        }
    }

    fn take(&self, turn: Turn, globals: &mut Option<Globals>) -> Result<Option<Summary>, RunError> {
        let Setting { cluster, plan, options, .. } = self.setting;
        let task = turn.partition.unsigned_abs();
        let Some(_lease) = cluster.lease_task(self.named.job, task)? else { return Ok(None) };
        let globals = match globals {
            Some(globals) => globals,
            None => globals.insert(Globals::open(cluster, plan)?),
        };
        let options = Options { close: turn.closes, ..options.clone() };
        let setting = Setting { options: &options, task: Some(turn.partition), ..self.setting };
        let mut front = self.front.of_turn();
        setting.run(globals, &mut SinceCommit::default(), &mut front).map(Some)
    }
}

/// Hands turns out, and hears what came of them.
struct Round<'t, 'a> {
    turns: &'t Turns<'a>,
    tasks: Vec<Task>,
    /// As it was given: of the whole run.
    setting: Setting<'a>,
    summary: Summary,
    failed: Option<RunError>,
    is_stopping: bool,
    /// Nothing that comes from now on is taken.
    is_last: bool,
    /// Turns close windows.
    closes: bool,
    /// When a turn was taken last.
    last_taken: Instant,
    is_waiting_told: bool,
}

impl<'t, 'a> Round<'t, 'a> {
    fn new(turns: &'t Turns<'a>, tasks: Vec<Task>, setting: Setting<'a>) -> Self {
        let follow = setting.options.follow;
        Self {
            turns,
            tasks,
            setting,
            summary: Summary::default(),
            failed: None,
            is_stopping: false,
            is_last: !follow,
            closes: setting.options.close && !follow,
            last_taken: Instant::now(),
            is_waiting_told: false,
        }
    }

    fn go<'scope>(mut self, scope: &'scope Scope<'scope, '_>) -> Result<Summary, RunError>
    where
        't: 'scope,
    {
        let mut workers = Vec::new();
        let gone = self.go_on(scope, &mut workers);
        self.turns.close();
        for worker in workers {
            let worked = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            worked.map_err(RunError::Thread)?;
        }
        gone?;
        match self.failed {
            Some(error) => Err(error),
            None => Ok(Summary { is_stopped: self.is_stopping, ..self.summary }),
        }
    }

    /// Goes on until all is done, or somebody is to stop.
    fn go_on<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        workers: &mut Vec<ScopedJoinHandle<'scope, io::Result<()>>>,
    ) -> Result<(), RunError>
    where
        't: 'scope,
    {
        let Setting { cluster, plan, options, .. } = self.setting;
        let watcher = options.follow.then(|| cluster.watch()).flatten();
        let mut counted = Instant::now();
        loop {
            let turns = self.turns;
            while workers.len() < options.threads.min(self.tasks.len()) {
                workers.push(scope.spawn(move || Stack::run(|_| turns.work())));
            }
            self.is_stopping |= turns.front.should_stop();
            match self.is_stopping {
                true => self.take_back(),
                false => self.hand_out(),
            }
            let has_more = self.is_any(Doing::Waits) && !self.is_stopping;
            let ends = self.is_last || self.is_stopping;
            // A thread ends before it is told to where there was none to be had, or in a panic.
            let is_broken = workers.iter().any(ScopedJoinHandle::is_finished);
            if ends && !has_more && !self.is_any(Doing::Given) || is_broken {
                return Ok(());
            }
            let idle = options.idle.map(|idle| idle.saturating_sub(self.last_taken.elapsed()));
            self.wait(watcher.as_ref(), idle);
            self.hear();
            self.tell_if_waiting();
            if self.is_last || self.is_stopping {
                continue;
            }
            if is_time_to_count(&mut counted) {
                settle(self.setting)?;
                add_tasks(&mut self.tasks, cluster, plan, turns.named)?;
            }
            for task in self.tasks.iter_mut().filter(|task| task.doing == Doing::Nothing) {
                if task.sources.follow(cluster)? {
                    task.doing = Doing::Waits;
                }
            }
            let is_quiet = self.tasks.iter().all(|task| task.doing == Doing::Nothing);
            if is_quiet && options.idle.is_some_and(|idle| self.last_taken.elapsed() >= idle) {
                self.close_windows();
            }
        }
    }

    fn is_any(&self, doing: Doing) -> bool {
        self.tasks.iter().any(|task| task.doing == doing)
    }

    /// Hands out the tasks that are due.
    fn hand_out(&mut self) {
        let now = Instant::now();
        // Another process that begins now begins elsewhere.
        let first = std::process::id() as usize % self.tasks.len().max(1);
        let mut hands = self.turns.hands();
        for place in (first..self.tasks.len()).chain(0..first) {
            let task = &mut self.tasks[place];
            if task.doing == Doing::Waits && task.due <= now {
                task.doing = Doing::Given;
                let (partition, closes) = (task.partition, self.closes);
                hands.turns.push_back(Turn { task: place, partition, closes });
                self.turns.more.notify_one();
            }
        }
    }

    /// Takes back the turns that nobody took yet.
    fn take_back(&mut self) {
        for turn in self.turns.hands().turns.drain(..) {
            self.tasks[turn.task].doing = Doing::Waits;
        }
    }

    /// Waits until a turn is over, a task is due, or something has come; not for long.
    fn wait(&self, watcher: Option<&Watcher>, idle: Option<Duration>) {
        let waiting = self.tasks.iter().filter(|task| task.doing == Doing::Waits);
        let next_due = waiting.map(|task| task.due).min();
        if self.is_any(Doing::Given) {
            let hands = self.turns.hands();
            if hands.ended.is_empty() {
                drop(self.turns.over.wait_timeout(hands, LEASE_POLL));
            }
        } else if let Some(due) = next_due {
            thread::sleep(due.saturating_duration_since(Instant::now()).min(SLEEP_MAX));
        } else {
            wait(watcher, idle);
        }
    }

    /// Hears what came of turns.
    fn hear(&mut self) {
        let ended = std::mem::take(&mut self.turns.hands().ended);
        let interval = match self.setting.options.commit_interval {
            // Nothing waits for others where nothing is kept, or each change is to come out.
            interval if interval.is_zero() || !self.setting.plan.has_state => Duration::ZERO,
            interval => interval.max(COMMIT_INTERVAL_MIN),
        };
        for Ended { task, result } in ended {
            let task = &mut self.tasks[task];
            match result {
                Ok(None) => {
                    task.doing = Doing::Waits;
                    task.due = Instant::now() + LEASE_POLL;
                }
                Ok(Some(summary)) => {
                    task.pass();
                    task.doing = Doing::Nothing;
                    task.due = Instant::now() + interval;
                    self.summary.add(&summary);
                    self.is_stopping |= summary.is_stopped;
                    self.last_taken = Instant::now();
                }
                Err(error) => {
                    task.doing = Doing::Nothing;
                    self.failed.get_or_insert(error);
                    self.is_stopping = true;
                }
            }
        }
        if self.is_stopping {
            self.turns.front.stop();
        }
    }

    /// Tells where nothing is left but what others do not give back, as one that was stopped does not.
    fn tell_if_waiting(&mut self) {
        let is_waiting = self.is_last && self.is_any(Doing::Waits) && !self.is_any(Doing::Given);
        if is_waiting && !self.is_waiting_told && self.last_taken.elapsed() >= PATIENCE {
            self.turns.front.waiting();
            self.is_waiting_told = true;
        }
    }

    /// Nothing has come for long enough: each task has one more turn, at the end of which its windows are closed.
    fn close_windows(&mut self) {
        (self.is_last, self.closes) = (true, true);
        for task in self.tasks.iter_mut().filter(|_| self.setting.plan.has_state) {
            (task.doing, task.due) = (Doing::Waits, Instant::now());
        }
    }
}
