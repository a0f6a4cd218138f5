//! One file for each API: what a request asks for, done with the engine, and said in a response.
//!
//! A handler is given the request's [`Context`] and its message. It runs on a thread of the server's
//! and must not wait for anything but the engine: one whose answer has to wait (for a sync, for
//! records, for the members of a group) gives a future.

use crate::server::node::Node;

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The node.
    pub(super) node: &'a Node,
    /// The version of the request, one of those that are served.
    pub(super) version: i16,
    /// The name that the client gave itself.
    pub(super) client_id: &'a str,
    /// Where the client is, as `/10.0.0.7`: Kafka shows hosts so.
    pub(super) client_host: &'a str,
    /// Where clients of this listener reach this node.
    pub(super) advertised: &'a Advertised,
}

/// A host and a port that clients are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}
