//! Wake-ups by the kernel's file events.
//!
//! An event is a hint to look again, nothing more: events are lost under load, and some file
//! systems give none. Whoever waits sets a limit and looks again when it passes.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

/// Tells when files of one directory have changed.
pub struct Watcher {
    changed: Receiver<()>,
    _events: RecommendedWatcher,
}

impl Watcher {
    /// Begins to watch; `None` where the system gives no events (a limit, a file system).
    pub(super) fn begin(directory: &Path) -> Option<Self> {
        let (wake, changed) = sync_channel(1);
        let mut events =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let read_only = event.is_ok_and(|event| event.kind.is_access());
                if !read_only {
                    // A full channel already holds a wake-up, and that is all there is to say.
                    let _ = wake.try_send(());
                }
            })
            .ok()?;
        events.watch(directory, RecursiveMode::NonRecursive).ok()?;
        Some(Self { changed, _events: events })
    }

    /// Waits for a change since the last call, `limit` at most. True if there was one.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        match self.changed.recv_timeout(limit) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(limit);
                false
            }
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
