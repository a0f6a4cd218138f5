//! Threads that take turns at the tasks of a job.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use super::attempt::{Setting, SinceCommit};
use super::failure::RunError;
use super::kept::Named;
use super::shared_front::SharedFront;
use super::sources::Globals;
use super::{Options, Summary};
use crate::filter::Stack;

/// A turn at a task: from where it stands to the end of its partition.
pub(super) struct Turn {
    /// The place of the task among those that are known.
    pub(super) place: usize,
    pub(super) partition: i32,
    /// Whether windows are closed at the end.
    pub(super) closes: bool,
    /// Whether another process had the task before, which may have left something half done.
    pub(super) others_had_it: bool,
    pub(super) since: SinceCommit,
}

/// A turn that was taken, and what came of it; nothing where another process has the task.
pub(super) struct Taken {
    pub(super) turn: Turn,
    pub(super) result: Result<Option<Summary>, RunError>,
}

/// Turns that are to be taken, and those that were.
#[derive(Default)]
struct Queue {
    turns: VecDeque<Turn>,
    taken: Vec<Taken>,
    /// How many threads there are.
    threads: usize,
    /// There will be no more.
    is_closed: bool,
}

/// The threads of a process that are at work at a job.
pub(super) struct Crew<'a> {
    /// For each turn.
    setting: Setting<'a>,
    named: Named<'a>,
    front: &'a SharedFront<'a>,
    globals: Globals,
    queue: Mutex<Queue>,
    /// There is a turn to take, or there will be no more.
    more: Condvar,
    /// One was taken.
    over: Condvar,
}

impl<'a> Crew<'a> {
    pub(super) fn new(
        setting: Setting<'a>,
        named: Named<'a>,
        front: &'a SharedFront<'a>,
    ) -> Result<Self, RunError> {
        let globals = Globals::open(setting.cluster, setting.plan)?;
        let (queue, more, over) = (Mutex::default(), Condvar::new(), Condvar::new());
        Ok(Self { setting, named, front, globals, queue, more, over })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub(super) fn hire<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> std::io::Result<ScopedJoinHandle<'scope, ()>> {
        let thread = Stack::spawn(scope, "task", |_| self.work())?;
        self.queue().threads += 1;
        Ok(thread)
    }

    /// Has a turn taken.
    pub(super) fn give(&self, turn: Turn) {
        self.queue().turns.push_back(turn);
        self.more.notify_one();
    }

    /// Takes back the turns that nobody took yet.
    pub(super) fn take_back(&self) -> VecDeque<Turn> {
        std::mem::take(&mut self.queue().turns)
    }

    /// The turns that were taken since the last call, waited for.
    pub(super) fn taken(&self, wait: Duration) -> Vec<Taken> {
        let mut queue = self.queue();
        if queue.taken.is_empty() && !wait.is_zero() {
            let waited = self.over.wait_timeout(queue, wait);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut queue.taken)
    }

    /// There will be no more turns, and those that are being taken are to end.
    pub(super) fn close(&self) {
        self.front.stop();
        let mut queue = self.queue();
        queue.turns.clear();
        queue.is_closed = true;
        self.more.notify_all();
    }

    /// Takes turns until there are no more.
    fn work(&self) {
        loop {
            let mut queue = self.queue();
            let mut turn = loop {
                match queue.turns.pop_front() {
                    Some(turn) => break turn,
                    None if queue.is_closed => return,
                    None => {
                        queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            let threads = queue.threads.max(1);
            drop(queue);
            let result = self.take(&mut turn, threads);
            self.queue().taken.push(Taken { turn, result });
            self.over.notify_one();
        }
    }

    fn take(&self, turn: &mut Turn, threads: usize) -> Result<Option<Summary>, RunError> {
        let Setting { cluster, options, .. } = self.setting;
        let task = turn.partition.unsigned_abs();
        let Some(_lease) = cluster.lease_task(self.named.job, task)? else { return Ok(None) };
        let (close, cache_bytes) = (turn.closes, options.cache_bytes / threads);
        let options = Options { follow: false, close, cache_bytes, ..options.clone() };
        let setting = Setting { options: &options, task: Some(turn.partition), ..self.setting };
        turn.since.begin_turn(turn.others_had_it);
        let mut front = self.front.of_turn();
        setting.run(&self.globals, &mut turn.since, &mut front).map(Some)
    }
}
