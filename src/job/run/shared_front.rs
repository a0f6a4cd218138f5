//! What surrounds a run, for several threads that take turns at it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Closed, Front, Printed};
use crate::model::TopicPartition;

/// What surrounds a run, shared.
pub(super) struct SharedFront<'f> {
    inner: Mutex<Inner<'f>>,
    /// Turns are to end.
    is_stopping: AtomicBool,
}

struct Inner<'f> {
    front: &'f mut dyn Front,
    /// Records that were read, by all.
    done: u64,
    /// Offsets that there were at first.
    total: u64,
    /// A record with a key that belongs elsewhere was told of.
    is_misplaced_told: bool,
}

/// What surrounds a turn.
pub(super) struct TurnFront<'s, 'f> {
    shared: &'s SharedFront<'f>,
    /// Records of this turn that are counted.
    done: u64,
}

impl<'f> SharedFront<'f> {
    pub(super) fn new(front: &'f mut dyn Front, total: u64) -> Self {
        let inner = Mutex::new(Inner { front, done: 0, total, is_misplaced_told: false });
        Self { inner, is_stopping: AtomicBool::new(false) }
    }

    pub(super) const fn of_turn(&self) -> TurnFront<'_, 'f> {
        TurnFront { shared: self, done: 0 }
    }

    /// What is left is in the hands of others.
    pub(super) fn waiting(&self) {
        self.inner().front.waiting();
    }

    /// Has all turns end.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether turns are to end.
    pub(super) fn should_stop(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed) || self.inner().front.should_stop()
    }

    fn inner(&self) -> MutexGuard<'_, Inner<'f>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front for TurnFront<'_, '_> {
    fn print(&mut self, result: &Printed<'_>) -> Result<(), Closed> {
        self.shared.inner().front.print(result)
    }

    fn flush(&mut self) -> Result<(), Closed> {
        self.shared.inner().front.flush()
    }

    fn failed(&mut self, at: &TopicPartition, offset: i64, why: &str) {
        self.shared.inner().front.failed(at, offset, why);
    }

    fn failed_result(&mut self, why: &str) {
        self.shared.inner().front.failed_result(why);
    }

    fn misplaced(&mut self, at: &TopicPartition, offset: i64) {
        let mut inner = self.shared.inner();
        if !std::mem::replace(&mut inner.is_misplaced_told, true) {
            inner.front.misplaced(at, offset);
        }
    }

    fn waiting(&mut self) {
        self.shared.waiting();
    }

    fn progress(&mut self, done: u64, _total: u64) {
        let mut inner = self.shared.inner();
        // One that goes back to its last commit counts from there again.
        inner.done += done.saturating_sub(self.done);
        self.done = done.max(self.done);
        let (done, total) = (inner.done, inner.total);
        inner.front.progress(done, total);
    }

    fn should_stop(&mut self) -> bool {
        self.shared.should_stop()
    }
}
