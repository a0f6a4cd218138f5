//! The timers of groups: sessions, rebalances, retention.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::node::Node;

/// How long to sleep where no timer runs: until somebody says otherwise.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Looks at the groups whenever a timer of theirs ends, until the server stops.
pub(super) async fn run(node: Arc<Node>, mut stopping: watch::Receiver<bool>) {
    let sooner = Arc::new(Notify::new());
    let waker = Arc::clone(&sooner);
    node.groups.set_waker(Box::new(move || waker.notify_one()));
    loop {
        let groups = &node.groups;
        for failure in groups.take_failures() {
            tracing::warn!(failure, "groups");
        }
        let now_ms = groups.now().steady_ms;
        let wait = groups.next_deadline_ms().map_or(FOREVER, |at_ms| {
            Duration::from_millis(u64::try_from(at_ms - now_ms).unwrap_or(0))
        });
        tokio::select! {
            () = sooner.notified() => {}
            () = tokio::time::sleep(wait) => {
                tokio::task::block_in_place(|| groups.tick(groups.now()));
            }
            _ = stopping.changed() => return,
        }
    }
}
