//! The machine around the tree: processes that live and die, boots, locks, and the plan that
//! says which operation fails.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use super::faults::{Fault, Loss, Plan};
use super::image::{Image, Operation};
use super::locks::Locks;
use crate::storage::Error;

/// The source of the error of every call of a process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the process has ended")]
pub struct Dead;

impl Dead {
    /// Whether this is why an operation failed.
    #[must_use]
    pub fn is_cause(error: &Error) -> bool {
        let source = error.source.get_ref();
        source.and_then(|source| source.downcast_ref::<Self>()).is_some()
    }
}

/// What all processes share.
#[derive(Debug)]
pub(super) struct World {
    state: Mutex<State>,
    /// Locks or processes have ended.
    pub(super) changed: Condvar,
}

/// A world at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) image: Image,
    pub(super) locks: Locks,
    pub(super) plan: Plan,
    pub(super) boot: u64,
    pub(super) mount: u64,
    alive: BTreeSet<u64>,
    /// The last number given to a process or handle.
    number_last: u64,
}

impl World {
    /// An empty world with one process.
    pub(super) fn new(seed: u64) -> (Self, u64) {
        let mut state = State {
            image: Image::new(),
            locks: Locks::default(),
            plan: Plan::new(seed),
            boot: 1,
            mount: 1,
            alive: BTreeSet::new(),
            number_last: 0,
        };
        let process = state.begin_process();
        (Self { state: Mutex::new(state), changed: Condvar::new() }, process)
    }

    pub(super) fn enter(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait for a lock.
    pub(super) fn notify(&self) {
        self.changed.notify_all();
    }
}

impl State {
    pub(super) fn begin_process(&mut self) -> u64 {
        let process = self.begin_handle();
        self.alive.insert(process);
        process
    }

    pub(super) fn begin_handle(&mut self) -> u64 {
        self.number_last += 1;
        self.number_last
    }

    /// Refuses the dead.
    pub(super) fn check(&self, process: u64) -> io::Result<()> {
        if self.alive.contains(&process) { Ok(()) } else { Err(io::Error::other(Dead)) }
    }

    pub(super) fn kill(&mut self, process: u64) {
        self.alive.remove(&process);
        self.locks.end(process);
    }

    pub(super) fn crash(&mut self, loss: Loss) {
        self.boot += 1;
        self.lose(loss);
    }

    pub(super) fn unplug(&mut self, loss: Loss) {
        self.mount += 1;
        self.lose(loss);
    }

    fn lose(&mut self, loss: Loss) {
        self.alive.clear();
        self.locks.clear();
        self.image.crash(loss);
    }

    /// Counts an operation of a living process and does it, or what the plan leaves of it.
    pub(super) fn perform(
        &mut self,
        process: u64,
        path: &str,
        operation: Operation<'_>,
    ) -> io::Result<()> {
        if matches!(operation, Operation::Read) && !self.plan.counts_reads {
            return Ok(());
        }
        match self.plan.next(format!("{path}: {operation}")) {
            None => self.image.apply(operation),
            Some((Fault::Kill, mut dice)) => {
                self.image.apply(operation.cut_by_kill(&mut dice))?;
                self.kill(process);
                Err(io::Error::other(Dead))
            }
            Some((Fault::MachineCrash(loss), _)) => {
                // A sync in flight has stored any part of what it was to store, as a crash has.
                if !matches!(operation, Operation::SyncData(_) | Operation::SyncDir(_)) {
                    self.image.apply(operation)?;
                }
                self.crash(loss);
                Err(io::Error::other(Dead))
            }
            Some((Fault::Error(kind), mut dice)) => {
                if let Operation::SyncData(file) = operation {
                    self.image.content_mut(file)?.forget_writes();
                    return Err(Errno::IO.into());
                }
                self.image.apply(operation.cut_by_error(&mut dice))?;
                Err(kind.into())
            }
        }
    }
}
