//! Wake-ups by the kernel's file events.
//!
//! An event is a hint to look again, nothing more: events are lost under load, and some file
//! systems give none. Whoever waits sets a limit and looks again when it passes.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Tells when files of one directory have changed. Needs no thread: a user may have no more.
#[derive(Debug)]
pub struct Watcher {
    events: OwnedFd,
}

impl Watcher {
    /// Begins to watch; `None` where the system gives no events (a limit, a file system).
    pub(super) fn begin(directory: &Path) -> Option<Self> {
        let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        let changes = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM;
        inotify::add_watch(&events, directory, changes | WatchFlags::ONLYDIR).ok()?;
        Some(Self { events })
    }

    /// Waits for a change since the last call, `limit` at most. True if there was one. A signal
    /// ends the wait, too.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        let limit = Timespec::try_from(limit).ok();
        let mut fds = [PollFd::new(&self.events, PollFlags::IN)];
        if poll(&mut fds, limit.as_ref()).unwrap_or(0) == 0 {
            return false;
        }
        // What changed does not matter, only that all of it is taken.
        let mut buffer = [0_u8; 4096];
        while rustix::io::read(&self.events, &mut buffer).is_ok_and(|count| count > 0) {}
        true
    }
}
