//! What all connections share: the engine, and who this node says that it is.

use std::sync::Arc;

use tokio::sync::watch;

use super::metrics::{Metrics, expose_partitions};
use super::start::Error;
use crate::broker::{self, Broker, GroupCommit, GroupConfig, Groups};
use crate::model::config::BrokerConfig;

/// The node.
#[derive(Debug)]
pub struct Node {
    /// The engine.
    pub broker: Arc<Broker>,
    /// Makes appends durable; `None` where nothing is to outlive the server.
    pub commit: Option<Arc<GroupCommit>>,
    /// The coordinator of groups.
    pub groups: Groups,
    /// The id of this node, from `meta.properties`.
    pub node_id: i32,
    /// The cluster's id, from there too.
    pub cluster_id: String,
    /// What is counted.
    pub metrics: Metrics,
    /// True once the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

impl Node {
    pub(super) fn open(
        broker: Arc<Broker>,
        durable: bool,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let commit = match durable {
            true => {
                Some(Arc::new(GroupCommit::start(broker.shared_clock()).map_err(Error::Threads)?))
            }
            false => None,
        };
        let groups =
            Groups::new(Arc::clone(&broker), commit.clone(), group_config(&broker.config()))?;
        // What only its directories tell of becomes a topic like others.
        broker.adopt_topics()?;
        let meta = broker.home().meta_properties()?;
        Ok(Self {
            node_id: meta.node_id,
            cluster_id: meta.cluster_id,
            broker,
            commit,
            groups,
            metrics: Metrics::default(),
            stopping,
        })
    }

    /// The metrics as Prometheus takes them.
    pub(super) fn exposition(&self) -> String {
        let mut text = self.metrics.exposition();
        let logs = self.broker.open_logs();
        let mut partitions: Vec<_> = logs
            .iter()
            .filter_map(|log| {
                let view = log.view().ok()?;
                Some((log.partition().clone(), view.log_start().0, view.end().0))
            })
            .collect();
        partitions.sort_unstable_by(|(a, ..), (b, ..)| {
            (&a.topic, a.partition).cmp(&(&b.topic, b.partition))
        });
        expose_partitions(&mut text, &partitions);
        text
    }

    /// Makes everything durable, and leaves the directory as after a clean stop.
    pub(super) fn close(&self) -> broker::Result<()> {
        self.broker.close()
    }
}

fn group_config(config: &BrokerConfig) -> GroupConfig {
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    GroupConfig {
        min_session_timeout_ms: config.group_min_session_timeout_ms,
        max_session_timeout_ms: config.group_max_session_timeout_ms,
        initial_rebalance_delay_ms: config.group_initial_rebalance_delay_ms,
        max_size: size(config.group_max_size),
        offset_metadata_max_bytes: size(config.offset_metadata_max_bytes),
        offsets_retention_ms: i64::from(config.offsets_retention_minutes) * 60_000,
        offsets_retention_check_interval_ms: config.offsets_retention_check_interval_ms,
        offsets_topic_partitions: config.offsets_topic_num_partitions,
        offsets_topic_segment_bytes: config.offsets_topic_segment_bytes,
    }
}
