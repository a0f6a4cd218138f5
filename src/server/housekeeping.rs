//! What a server does on its own, time and again: old segments go, and of each key only the last
//! record stays where that is wanted.
//!
//! Each job has a timer of its own, and its rounds run on a thread apart from those of requests, one
//! at a time. A round that fails is told of, and the next one comes all the same. A stop ends a round
//! between two partitions.

mod compaction;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::node::Node;
use crate::broker::{self, RetentionRound};
use crate::log::{Retained, RetentionRule};
use crate::model::TopicPartition;
use crate::model::config::BrokerConfig;

/// How long a server that has just started leaves the disk to its clients, unless rounds are more
/// frequent. Source: Kafka's `log.initial.task.delay.ms`.
const FIRST_ROUND: Duration = Duration::from_secs(30);

/// For ever, as far as a timer goes.
const INTERVAL_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Work that comes round.
struct Job {
    /// What a message calls it.
    name: &'static str,
    /// Milliseconds between the end of a round and the next one; asked after each.
    interval_ms: fn(&BrokerConfig) -> i64,
    /// One round, which ends early where it is told to stop.
    round: fn(&Node, &Stop) -> broker::Result<()>,
}

const JOBS: [Job; 2] = [
    Job {
        name: "retention",
        interval_ms: |config| config.log_retention_check_interval_ms,
        round: retention,
    },
    Job { name: "compaction", interval_ms: compaction::interval_ms, round: compaction::round },
];

/// Whether a round is to end.
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

/// Does every job when it is time, until the server stops.
pub(super) async fn run(node: Arc<Node>, stopping: watch::Receiver<bool>) {
    let mut jobs = tokio::task::JoinSet::new();
    for job in &JOBS {
        jobs.spawn(repeat(job, Arc::clone(&node), stopping.clone()));
    }
    jobs.join_all().await;
}

async fn repeat(job: &'static Job, node: Arc<Node>, mut stopping: watch::Receiver<bool>) {
    let mut wait = interval(job, &node).min(FIRST_ROUND);
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stopping.changed() => return,
        }
        let (stop, of) = (Stop(stopping.clone()), Arc::clone(&node));
        let round = tokio::task::spawn_blocking(move || (job.round)(&of, &stop)).await;
        match round {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, job = job.name, "housekeeping"),
            // It panicked, and has told of it.
            Err(_) => tracing::error!(job = job.name, "housekeeping: a round broke off"),
        }
        wait = interval(job, &node);
    }
}

fn interval(job: &Job, node: &Node) -> Duration {
    let ms = (job.interval_ms)(&node.broker.config());
    u64::try_from(ms).map_or(INTERVAL_MAX, |ms| Duration::from_millis(ms).min(INTERVAL_MAX))
}

/// Old segments go, by time and size.
fn retention(node: &Node, stop: &Stop) -> broker::Result<()> {
    let mut tell = |partition: TopicPartition, result: broker::Result<Retained>| match result {
        Ok(retained) => tracing::info!(
            %partition,
            segments = retained.segments.len(),
            bytes = retained.bytes(),
            log_start = %retained.to,
            rules = %rules(&retained),
            "retention"
        ),
        Err(error) => tracing::warn!(%error, %partition, "retention"),
    };
    node.broker.retention_round(RetentionRound::default(), &|| stop.is_asked(), &mut tell)
}

fn rules(retained: &Retained) -> String {
    let names: Vec<_> = retained.rules().into_iter().map(RetentionRule::name).collect();
    names.join(",")
}
