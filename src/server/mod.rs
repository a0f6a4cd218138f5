//! The engine behind sockets: Kafka's protocol for any number of clients.

mod api;
mod node;

pub use api::Advertised;
pub use node::Node;
