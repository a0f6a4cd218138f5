//! How often a run looks up from its records, and how long a follower sleeps.

use std::time::{Duration, Instant};

use crate::cluster::Watcher;

/// How long a follower sleeps at most where it hears of appends, and where it does not.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const POLL_INTERVAL_BLIND: Duration = Duration::from_millis(50);

/// Records between two looks at the clock, and at whether to stop: no more than this, and fewer where they take long.
const LOOK_EVERY_MAX: u32 = 1024;
/// How long it may be from one look to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Counts records from one look to the next: so many that it costs nothing, and so few that it is never long.
pub(super) struct Looks {
    last: Instant,
    every: u32,
    left: u32,
}

impl Looks {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), every: 1, left: 1 }
    }

    /// The next record is one to look at.
    pub(super) const fn look_soon(&mut self) {
        (self.every, self.left) = (1, 1);
    }

    /// Counts a record.
    #[inline]
    pub(super) fn is_due(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 && self.begin_anew()
    }

    #[cold]
    fn begin_anew(&mut self) -> bool {
        let now = Instant::now();
        let took = now - self.last;
        self.every = match took > LOOK_INTERVAL {
            true => (self.every / 4).max(1),
            false if took < LOOK_INTERVAL / 4 => (self.every * 2).min(LOOK_EVERY_MAX),
            false => self.every,
        };
        (self.last, self.left) = (now, self.every);
        true
    }
}

/// Sleeps until something is appended, or for a while: no longer than what is left until a follower is idle.
pub(super) fn wait_for_appends(watcher: Option<&Watcher>, idle: Option<Duration>) {
    let limit = if watcher.is_some() { POLL_INTERVAL } else { POLL_INTERVAL_BLIND };
    let limit = idle.map_or(limit, |idle| idle.min(limit));
    match watcher {
        Some(watcher) => drop(watcher.wait(limit)),
        None => std::thread::sleep(limit),
    }
}
