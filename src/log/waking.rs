//! Waking those who wait for a log to change.
//!
//! Who waits registers a waker and then looks at the log: what changes after the look wakes it.
//! A registration lasts until its [`Listener`] is dropped, and wakes at each change; so a log holds
//! one entry for each listener that lives, and nothing else. Changes that other processes make are
//! not seen here: `storage::Watcher` tells of those.

use std::sync::{Arc, Mutex};
use std::task::Waker;

use super::partition::guard;

/// The wakers of one log.
#[derive(Debug, Default)]
pub(super) struct Listeners(Mutex<Registered>);

#[derive(Debug, Default)]
struct Registered {
    last_key: u64,
    wakers: Vec<(u64, Waker)>,
}

/// A registration with a log; ends when it is dropped.
#[derive(Debug)]
#[must_use = "nothing wakes once it is dropped"]
pub struct Listener {
    listeners: Arc<Listeners>,
    key: u64,
}

impl Listeners {
    pub(super) fn listen(self: &Arc<Self>, waker: &Waker) -> Listener {
        let mut registered = guard(&self.0);
        registered.last_key += 1;
        let key = registered.last_key;
        registered.wakers.push((key, waker.clone()));
        Listener { listeners: Arc::clone(self), key }
    }

    /// Wakes all who are registered. No lock is held then: a waker may do as it likes.
    pub(super) fn wake(&self) {
        let wakers: Vec<_> = {
            let registered = guard(&self.0);
            registered.wakers.iter().map(|(_, waker)| waker.clone()).collect()
        };
        for waker in wakers {
            waker.wake();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut registered = guard(&self.listeners.0);
        // Keys rise along the list, but for the last that took the place of one that left.
        if let Some(place) = registered.wakers.iter().position(|(key, _)| *key == self.key) {
            let entry = registered.wakers.swap_remove(place);
            drop(registered);
            drop(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_listener_wakes_at_each_change_until_it_is_dropped() {
        let listeners = Arc::new(Listeners::default());
        let counts: Vec<_> = (0..3).map(|_| Arc::new(Count::default())).collect();
        let mut alive: Vec<_> =
            counts.iter().map(|count| listeners.listen(&Waker::from(Arc::clone(count)))).collect();
        listeners.wake();
        drop(alive.remove(0));
        listeners.wake();
        let woken: Vec<_> = counts.iter().map(|count| count.0.load(Ordering::Relaxed)).collect();
        assert_eq!(woken, [1, 2, 2]);
        drop(alive);
        assert!(guard(&listeners.0).wakers.is_empty(), "nothing is left behind");
    }
}
