//! Jobs of which each partition is a task: those that keep nothing between records, and those that were made so. Whoever runs
//! such a job shares it: a task has a lock and a transactional id of its own, and a thread takes it for a turn, from where it
//! stands to the end of its partition, if nobody else has it. So several copies of a job, and the threads of each, share the
//! work as it comes, and what a dead one had in hand is taken by the next that looks.
//!
//! One thread looks for what has come and gives turns out, the others take them.

use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::attempt::Setting;
use super::crew::{Crew, Taken, Turn};
use super::failure::{RunError, find_or_create};
use super::kept::Named;
use super::pace::wait_for_appends;
use super::shared_front::SharedFront;
use super::sources::is_time_to_count;
use super::tasks::{
    Doing, KnownTask, add_tasks, check_partitions, check_states, check_unchanged, look_at_states,
    partitions,
};
use super::{COMMIT_INTERVAL_MIN, Front, Summary, notes, output};
use crate::cluster::{self, Cluster, JobLease, Watcher};

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
    let Setting { cluster, plan, .. } = setting;
    let Some(_share) = share(cluster, named, front)? else {
        return Ok(Summary { is_stopped: true, ..Summary::default() });
    };
    let _coordinator = cluster.keep_coordinator()?;
    for topic in output::topics(plan, &setting.options.on_error) {
        find_or_create(cluster, topic)?;
    }
    settle(setting)?;
    let partitions = partitions(cluster, plan)?;
    check_partitions(cluster, plan)?;
    check_states(cluster, plan, named)?;
    let mut tasks = Vec::new();
    add_tasks(&mut tasks, setting, named)?;
    let total = tasks.iter().map(KnownTask::offsets).sum();
    let front = SharedFront::new(front, total);
    let crew = Crew::new(setting, named, &front)?;
    let turns = Turns::new(setting, named, (&crew, &front), (tasks, partitions));
    thread::scope(|scope| turns.go(scope))
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

/// A copy that died may have decided to commit, and not got round to telling readers; its task may have nothing to do any
/// more, and get no turn. So this is done at the beginning, at the end, and now and then in between.
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

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It goes on with what comes.
    Follows,
    /// It takes what there is, and closes windows or not.
    Ends { closes: bool },
    /// It begins nothing more.
    Stops,
}

/// Gives turns out, and hears what came of them.
struct Turns<'c, 'a> {
    setting: Setting<'a>,
    named: Named<'a>,
    crew: &'c Crew<'a>,
    front: &'c SharedFront<'a>,
    tasks: Vec<KnownTask>,
    /// How many partitions each input had at first.
    partitions: Vec<i32>,
    phase: Phase,
    summary: Summary,
    failed: Option<RunError>,
    /// When a turn was taken last, or there was something new.
    last_news: Instant,
    /// Since when no turn was taken, and others have the tasks.
    held_since: Option<Instant>,
    is_waiting_told: bool,
}

impl<'c, 'a> Turns<'c, 'a> {
    fn new(
        setting: Setting<'a>,
        named: Named<'a>,
        (crew, front): (&'c Crew<'a>, &'c SharedFront<'a>),
        (tasks, partitions): (Vec<KnownTask>, Vec<i32>),
    ) -> Self {
        let options = setting.options;
        Self {
            setting,
            named,
            crew,
            front,
            tasks,
            partitions,
            phase: match options.follow {
                true => Phase::Follows,
                false => Phase::Ends { closes: options.close },
            },
            summary: Summary::default(),
            failed: None,
            last_news: Instant::now(),
            held_since: None,
            is_waiting_told: false,
        }
    }

    fn go<'scope>(mut self, scope: &'scope Scope<'scope, '_>) -> Result<Summary, RunError>
    where
        'c: 'scope,
    {
        let mut threads = Vec::new();
        let gone = self.go_on(scope, &mut threads);
        // Whatever the reason, nobody waits for a command any more.
        self.setting.plan.interrupt.set();
        self.crew.close();
        for thread in threads {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        gone?;
        if self.failed.is_none() {
            settle(self.setting)?;
        }
        let is_stopped = self.phase == Phase::Stops;
        self.failed.map_or(Ok(Summary { is_stopped, ..self.summary }), Err)
    }

    /// Goes on until all is done, or it is to stop.
    fn go_on<'scope>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        threads: &mut Vec<ScopedJoinHandle<'scope, ()>>,
    ) -> Result<(), RunError>
    where
        'c: 'scope,
    {
        let Setting { cluster, options, .. } = self.setting;
        let watcher = options.follow.then(|| cluster.watch()).flatten();
        let mut counted = Instant::now();
        loop {
            self.hire(scope, threads)?;
            if self.front.should_stop() {
                self.stop();
            }
            self.give_turns();
            let is_done = match self.phase {
                Phase::Follows => false,
                Phase::Ends { .. } => self.tasks.iter().all(|task| task.doing == Doing::Nothing),
                Phase::Stops => !self.is_any(Doing::Given),
            };
            // A thread ends before it is told to in a panic alone.
            if is_done || threads.iter().any(ScopedJoinHandle::is_finished) {
                return Ok(());
            }
            self.hear(watcher.as_ref());
            if self.phase == Phase::Follows {
                if is_time_to_count(&mut counted) {
                    self.count_partitions()?;
                }
                self.look_for_more()?;
            }
            self.tell_if_waiting();
        }
    }

    /// Has as many threads as there are tasks, as far as it may. Fewer are enough, once there is one.
    fn hire<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        threads: &mut Vec<ScopedJoinHandle<'scope, ()>>,
    ) -> Result<(), RunError>
    where
        'c: 'scope,
    {
        let crew: &'scope Crew<'_> = self.crew;
        while threads.len() < self.setting.options.threads.max(1).min(self.tasks.len()) {
            match crew.hire(scope) {
                Ok(thread) => threads.push(thread),
                Err(error) if threads.is_empty() => return Err(RunError::Thread(error)),
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn is_any(&self, doing: Doing) -> bool {
        self.tasks.iter().any(|task| task.doing == doing)
    }

    /// Gives the tasks out that are due, unless nothing more is to begin.
    fn give_turns(&mut self) {
        let closes = match self.phase {
            Phase::Stops => return,
            Phase::Follows => false,
            Phase::Ends { closes } => closes,
        };
        let now = Instant::now();
        // Another process that begins now begins elsewhere.
        let first = std::process::id() as usize % self.tasks.len().max(1);
        for place in (first..self.tasks.len()).chain(0..first) {
            let task = &mut self.tasks[place];
            if task.doing == Doing::Waits && task.due <= now {
                task.doing = Doing::Given;
                let (partition, since) = (task.partition, std::mem::take(&mut task.since));
                let others_had_it = std::mem::take(&mut task.others_have_it);
                self.crew.give(Turn { place, partition, closes, others_had_it, since });
            }
        }
    }

    /// Begins nothing more, and has what is under way end.
    fn stop(&mut self) {
        self.phase = Phase::Stops;
        self.front.stop();
        // Also of who waits for a command.
        self.setting.plan.interrupt.set();
        for turn in self.crew.take_back() {
            self.tasks[turn.place].doing = Doing::Waits;
        }
    }

    /// Waits, not for long, and hears what came of turns.
    fn hear(&mut self, watcher: Option<&Watcher>) {
        let waiting = self.tasks.iter().filter(|task| task.doing == Doing::Waits);
        let next_due = waiting.map(|task| task.due).min();
        let taken = if self.is_any(Doing::Given) {
            self.crew.taken(LEASE_POLL)
        } else {
            match next_due {
                Some(due) => {
                    let left = due.saturating_duration_since(Instant::now());
                    thread::sleep(left.min(SLEEP_MAX));
                }
                None => wait_for_appends(watcher, self.until_idle()),
            }
            self.crew.taken(Duration::ZERO)
        };
        for Taken { turn, result } in taken {
            let task = &mut self.tasks[turn.place];
            task.since = turn.since;
            match result {
                // Another process has it.
                Ok(None) => {
                    task.doing = Doing::Waits;
                    task.due = Instant::now() + LEASE_POLL;
                    task.others_have_it = true;
                    self.held_since.get_or_insert_with(Instant::now);
                }
                Ok(Some(summary)) => {
                    task.pass();
                    task.doing = Doing::Nothing;
                    task.due = Instant::now() + self.setting.turn_interval();
                    self.last_news = Instant::now();
                    self.held_since = None;
                    self.summary.add(&summary);
                    if summary.is_stopped {
                        self.stop();
                    }
                }
                Err(error) => {
                    task.doing = Doing::Nothing;
                    self.failed.get_or_insert(error);
                    self.stop();
                }
            }
        }
    }

    /// How long it is until nothing has come for so long that the run ends.
    fn until_idle(&self) -> Option<Duration> {
        self.setting.options.idle.map(|idle| idle.saturating_sub(self.last_news.elapsed()))
    }

    /// Looks for partitions that have come, and for what a copy that died has left.
    fn count_partitions(&mut self) -> Result<(), RunError> {
        let Setting { cluster, plan, .. } = self.setting;
        settle(self.setting)?;
        if plan.has_state {
            let noted = notes::write_partitions(self.partitions.iter().copied());
            let now = partitions(cluster, plan)?;
            check_unchanged(Some(&noted), &now, |at| plan.inputs[at].topic.clone())?;
            return look_at_states(&mut self.tasks, self.setting, self.named);
        }
        add_tasks(&mut self.tasks, self.setting, self.named)
    }

    /// Looks for records that have come. Where none has for long enough, each task has one more turn, at the end of which its
    /// windows are closed.
    fn look_for_more(&mut self) -> Result<(), RunError> {
        for task in self.tasks.iter_mut().filter(|task| task.doing != Doing::Given) {
            if task.follow(self.setting.cluster)? {
                self.last_news = Instant::now();
            }
        }
        if self.until_idle() == Some(Duration::ZERO) && !self.is_any(Doing::Given) {
            self.phase = Phase::Ends { closes: true };
            for task in &mut self.tasks {
                if self.setting.plan.has_state || task.doing == Doing::Waits {
                    (task.doing, task.due) = (Doing::Waits, Instant::now());
                }
            }
        }
        Ok(())
    }

    /// Tells where nothing is left but what others do not give back, as one that was stopped does not.
    fn tell_if_waiting(&mut self) {
        let is_waiting = matches!(self.phase, Phase::Ends { .. })
            && self.is_any(Doing::Waits)
            && !self.is_any(Doing::Given)
            && self.held_since.is_some_and(|since| since.elapsed() >= PATIENCE);
        if is_waiting && !self.is_waiting_told {
            self.front.waiting();
            self.is_waiting_told = true;
        }
    }
}

impl Setting<'_> {
    /// How long it is from one turn of a task to the next. What changes comes out at the end of a turn: as often as it would
    /// from one that does not end.
    fn turn_interval(self) -> Duration {
        match self.options.commit_interval {
            interval if interval.is_zero() || !self.plan.has_state => Duration::ZERO,
            interval => interval.max(COMMIT_INTERVAL_MIN),
        }
    }
}
