//! The engine behind sockets: Kafka's protocol for any number of clients.
//!
//! A [`Server`] owns a directory and the threads of its runtime. What a connection does is in
//! `connection.rs`, what an API does in `api/`, what all share in `node.rs`. Requests run on the
//! runtime's threads; syncs have threads of their own ([`crate::broker::GroupCommit`]).

mod api;
mod connection;
mod group_timers;
mod housekeeping;
mod incoming;
mod listener;
mod metrics;
mod node;
mod outgoing;
mod prometheus;
mod start;
mod transaction_timers;

pub use api::Advertised;
pub use metrics::Metrics;
pub use node::Node;
pub use start::{Error, Listen, Options, Server};
