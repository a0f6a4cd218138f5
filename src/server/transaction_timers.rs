//! The timers of transactions: those that take too long, ids that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::node::Node;

/// How long to sleep at most: deadlines are by a clock that may be set. Source: Kafka's
/// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
const SLEEP_MAX: Duration = Duration::from_secs(10);

/// Looks at the transactions whenever something is due, until the server stops.
pub(super) async fn run(node: Arc<Node>, mut stopping: watch::Receiver<bool>) {
    let sooner = Arc::new(Notify::new());
    let waker = Arc::clone(&sooner);
    node.transactions.set_waker(Arc::new(move || waker.notify_one()));
    loop {
        let transactions = &node.transactions;
        for failure in transactions.take_failures() {
            tracing::warn!(failure, "transactions");
        }
        let wait_ms = transactions.next_deadline_ms().saturating_sub(node.broker.clock().now_ms());
        let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)).min(SLEEP_MAX);
        tokio::select! {
            () = sooner.notified() => {}
            () = tokio::time::sleep(wait) => {
                tokio::task::block_in_place(|| transactions.tick());
            }
            _ = stopping.changed() => return,
        }
    }
}
