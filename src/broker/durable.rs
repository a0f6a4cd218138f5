//! Group commit: one sync of a partition for all who wait for one.
//!
//! Who needs an append durable asks for it and is called back. The syncs run on threads of their
//! own: while one works, requests for the same partition gather, and the next sync covers them
//! all. Partitions are synced beside each other, as many as there are threads.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::log::{self, PartitionLog};

/// Syncs that may run at once.
const THREADS: usize = 4;

/// What is called once an append is durable, or can't be made so.
pub type WhenDurable = Box<dyn FnOnce(Result<(), Arc<log::Error>>) + Send>;

/// The partitions that are to be synced, and who waits for it. Dropping it makes durable what was
/// asked for before, and then ends the threads.
#[derive(Debug)]
pub struct GroupCommit {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    more: Condvar,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Queue {
    /// By the address of the log: who waits, and whether a thread has it in hand.
    waiting: HashMap<usize, Waiting>,
    /// Logs that wait and that no thread has in hand.
    ready: VecDeque<Arc<PartitionLog>>,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Waiting {
    callbacks: Vec<WhenDurable>,
    in_hand: bool,
}

fn key_of(log: &Arc<PartitionLog>) -> usize {
    Arc::as_ptr(log) as usize
}

impl GroupCommit {
    /// Starts the threads.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn start(clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), more: Condvar::new(), clock });
        let threads = (0..THREADS).map(|number| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("runnel-sync-{number}"))
                .spawn(move || shared.work())
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok(Self { shared, threads })
    }

    /// Calls back once all that was appended to a log before is durable.
    pub fn when_durable(&self, log: &Arc<PartitionLog>, done: WhenDurable) {
        let mut queue = self.shared.queue();
        let waiting = queue.waiting.entry(key_of(log)).or_default();
        let is_first = waiting.callbacks.is_empty() && !waiting.in_hand;
        waiting.callbacks.push(done);
        if is_first {
            queue.ready.push_back(Arc::clone(log));
            self.shared.more.notify_one();
        }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.queue();
        loop {
            let Some(log) = queue.ready.pop_front() else {
                if queue.closed {
                    return;
                }
                queue = self.more.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waiting = queue.waiting.entry(key_of(&log)).or_default();
            waiting.in_hand = true;
            let callbacks = std::mem::take(&mut waiting.callbacks);
            drop(queue);
            let result = log.sync(self.clock.now_ms()).map_err(Arc::new);
            for done in callbacks {
                done(result.clone());
            }
            queue = self.queue();
            let more = queue.waiting.get_mut(&key_of(&log)).is_some_and(|waiting| {
                waiting.in_hand = false;
                !waiting.callbacks.is_empty()
            });
            if more {
                queue.ready.push_back(log);
                self.more.notify_one();
            } else {
                queue.waiting.remove(&key_of(&log));
            }
        }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.more.notify_all();
        let this = std::thread::current().id();
        for thread in self.threads.drain(..) {
            // The last who held it may have been called back by one of the threads.
            if thread.thread().id() == this {
                continue;
            }
            // A thread that panicked has told of it already.
            let _ = thread.join();
        }
    }
}
