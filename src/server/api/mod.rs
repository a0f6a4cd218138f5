//! One file for each API: what a request asks for, done with the engine, and said in a response.
//!
//! A handler is given the request's [`Context`] and its message. It runs on a thread of the server's
//! and must not wait for anything but the engine: one whose answer has to wait (for a sync, for
//! records, for the members of a group) gives a future.

#[cfg(test)]
mod admin_tests;
mod alter_configs;
pub(super) mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_topic_partitions;
mod elect_leaders;
mod errors;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod partition_reassignments;
mod produce;
mod refusal;
mod replicas;
mod resource;
mod sync_group;

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::node::Node;
use super::outgoing::Output;
use crate::broker::Reply;
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
        Request::OffsetCommit(request) => offset_commit::handle(context, request),
        Request::OffsetFetch(request) => slow(|| offset_fetch::handle(context, request)),
        Request::FindCoordinator(request) => find_coordinator::handle(context, request).into(),
        Request::JoinGroup(request) => slow(|| join_group::handle(context, &request)),
        Request::Heartbeat(request) => heartbeat::handle(context, &request).into(),
        Request::LeaveGroup(request) => leave_group::handle(context, request).into(),
        Request::SyncGroup(request) => sync_group::handle(context, &request),
        Request::DescribeGroups(request) => {
            slow(|| describe_groups::handle(context, request)).into()
        }
        Request::ListGroups(request) => slow(|| list_groups::handle(context, &request)).into(),
        Request::DeleteGroups(request) => slow(|| delete_groups::handle(context, request)),
        Request::OffsetDelete(request) => slow(|| offset_delete::handle(context, request)),
        Request::CreateTopics(request) => slow(|| create_topics::handle(context, &request)).into(),
        Request::DeleteTopics(request) => slow(|| delete_topics::handle(context, request)).into(),
        Request::DeleteRecords(request) => slow(|| delete_records::handle(context, request)).into(),
        Request::DescribeConfigs(request) => describe_configs::handle(context, request).into(),
        Request::AlterConfigs(request) => slow(|| alter_configs::handle(context, request)).into(),
        Request::IncrementalAlterConfigs(request) => {
            slow(|| alter_configs::handle_incremental(context, request)).into()
        }
        Request::DescribeLogDirs(request) => {
            slow(|| describe_log_dirs::handle(context, &request)).into()
        }
        Request::CreatePartitions(request) => {
            slow(|| create_partitions::handle(context, &request)).into()
        }
        Request::ElectLeaders(request) => elect_leaders::handle(context, request).into(),
        Request::AlterPartitionReassignments(request) => {
            partition_reassignments::alter(context, request).into()
        }
        Request::ListPartitionReassignments(_) => partition_reassignments::list().into(),
        Request::DescribeCluster(request) => describe_cluster::handle(context, &request).into(),
        Request::DescribeProducers(request) => {
            slow(|| describe_producers::handle(context, request)).into()
        }
        Request::DescribeTopicPartitions(request) => {
            slow(|| describe_topic_partitions::handle(context, &request)).into()
        }
        _ => Answer::Close("not served yet"),
    }
}

/// An answer that comes through a callback, perhaps before the callback's taker returns.
fn later<T: Into<Response> + Send + 'static>(ask: impl FnOnce(Reply<T>)) -> Answer {
    let (sender, mut receiver) = oneshot::channel();
    // A connection that is closed by then wants no answer.
    ask(Box::new(move |response| drop(sender.send(response))));
    match receiver.try_recv() {
        Ok(response) => Answer::Ready(Output::from(response)),
        Err(_) => Answer::Waits(Box::pin(async move {
            let response: Option<T> = receiver.await.ok();
            response.map(Output::from)
        })),
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
