//! What all connections share: the engine, and who this node says that it is.

use std::sync::Arc;

use crate::broker::{Broker, GroupCommit};

/// The node.
#[derive(Debug)]
pub struct Node {
    /// The engine.
    pub broker: Arc<Broker>,
    /// Makes appends durable.
    pub commit: Arc<GroupCommit>,
    /// The id of this node, from `meta.properties`.
    pub node_id: i32,
    /// The cluster's id, from there too.
    pub cluster_id: String,
}
