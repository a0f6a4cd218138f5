//! What all connections share: the engine, and who this node says that it is.

use std::sync::Arc;

use tokio::sync::watch;

use super::metrics::{Metrics, expose_partitions};
use super::start::Error;
use crate::broker::{self, Broker, GroupCommit, Groups, Transactions};

/// The node.
#[derive(Debug)]
pub struct Node {
    /// The engine.
    pub broker: Arc<Broker>,
    /// Makes appends durable; `None` where nothing is to outlive the server.
    pub commit: Option<Arc<GroupCommit>>,
    /// The coordinator of groups.
    pub groups: Arc<Groups>,
    /// The coordinator of transactions.
    pub transactions: Arc<Transactions>,
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
        // What only its directories tell of becomes a topic like others.
        broker.adopt_topics()?;
        let groups = Arc::new(Groups::new(Arc::clone(&broker), commit.clone())?);
        let coordinated = Some(Arc::clone(&groups));
        let transactions = Transactions::new(Arc::clone(&broker), commit.clone(), coordinated)?;
        transactions.recover()?;
        let meta = broker.home().meta_properties()?;
        Ok(Self {
            node_id: meta.node_id,
            cluster_id: meta.cluster_id,
            broker,
            commit,
            groups,
            transactions,
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
        self.transactions.settle_down();
        self.broker.close()
    }
}
