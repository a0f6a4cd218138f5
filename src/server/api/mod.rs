//! One file for each API: what a request asks for, done with the engine, and said in a response.
//!
//! A handler is given the request's [`Context`] and its message. It runs on a thread of the server's
//! and must not wait for anything but the engine: one whose answer has to wait (for a sync, for
//! records, for the members of a group) gives a future.

pub(super) mod api_versions;
mod errors;
mod fetch;
mod list_offsets;
mod metadata;
mod produce;

use std::pin::Pin;
use std::sync::Arc;

use super::node::Node;
use super::outgoing::Output;
use crate::protocol::{ErrorCode, Request, Response};

/// Who asks, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// The node.
    pub(super) node: &'a Arc<Node>,
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

/// What a connection remembers between requests.
#[derive(Debug, Default)]
pub(super) struct Session {
    positions: fetch::Positions,
}

/// An answer that has to wait; `None` where none will come, and the connection is to be closed.
pub(super) type Waits = Pin<Box<dyn Future<Output = Option<Output>> + Send>>;

/// What comes of a request.
pub(super) enum Answer {
    /// This.
    Ready(Output),
    /// Later.
    Waits(Waits),
    /// Nothing: the client wants none.
    None,
    /// The connection is closed, for this reason.
    Close(&'static str),
}

impl<T: Into<Response>> From<T> for Answer {
    fn from(response: T) -> Self {
        Self::Ready(response.into().into())
    }
}

/// Does what a request asks for.
pub(super) fn answer(context: &Context<'_>, session: &mut Session, request: Request) -> Answer {
    match request {
        Request::Produce(request) => produce::handle(context, request),
        Request::Fetch(request) => fetch::handle(context, session, request),
        Request::ListOffsets(request) => slow(|| list_offsets::handle(context, request)).into(),
        Request::Metadata(request) => slow(|| metadata::handle(context, &request)).into(),
        Request::ApiVersions(request) => api_versions::handle(context, &request).into(),
        _ => Answer::Close("not served yet"),
    }
}

/// Runs what may take the disk's time, and lets other connections go on meanwhile.
fn slow<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// Refuses a client that knows another epoch of a partition's leader than there is; -1 knows none.
/// Source: KIP-320.
const fn check_leader_epoch(known: i32, current: i32) -> Result<(), ErrorCode> {
    if known == -1 || known == current {
        Ok(())
    } else if known < current {
        Err(ErrorCode::FencedLeaderEpoch)
    } else {
        Err(ErrorCode::UnknownLeaderEpoch)
    }
}
