//! One file for each API: what a request asks for, done with the engine, and said in a response.
//!
//! A handler is given the request's [`Context`] and its message. It runs on a thread of the server's
//! and must not wait for anything but the engine: one whose answer has to wait (for a sync, for
//! records, for the members of a group) gives a future.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
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
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod errors;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_groups;
mod list_offsets;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod partition_reassignments;
mod produce;
mod refusal;
mod replicas;
mod resource;
mod sync_group;
mod txn_offset_commit;
mod write_txn_markers;

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::node::Node;
use super::outgoing::Output;
use crate::broker::Reply;
use crate::protocol::{ApiKey, ErrorCode, Request, Response};

/// The isolation level of a client that wants no record of an open or aborted transaction.
const READ_COMMITTED: i8 = 1;

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

/// Does what a request asks for. What may take the disk's time lets other connections go on
/// meanwhile, but for what moves records: the page cache is quick, and they are many.
pub(super) fn answer(context: &Context<'_>, session: &Session, request: Request) -> Answer {
    let moves_records = matches!(request.api(), ApiKey::Produce | ApiKey::Fetch);
    match moves_records {
        true => handle(context, session, request),
        false => tokio::task::block_in_place(|| handle(context, session, request)),
    }
}

fn handle(context: &Context<'_>, session: &Session, request: Request) -> Answer {
    use Request as R;
    match request {
        R::Produce(request) => produce::handle(context, request),
        R::Fetch(request) => fetch::handle(context, session, request),
        R::ListOffsets(request) => list_offsets::handle(context, request).into(),
        R::Metadata(request) => metadata::handle(context, &request).into(),
        R::OffsetCommit(request) => offset_commit::handle(context, request),
        R::OffsetFetch(request) => offset_fetch::handle(context, request),
        R::FindCoordinator(request) => find_coordinator::handle(context, request).into(),
        R::JoinGroup(request) => join_group::handle(context, &request),
        R::Heartbeat(request) => heartbeat::handle(context, &request).into(),
        R::LeaveGroup(request) => leave_group::handle(context, request).into(),
        R::SyncGroup(request) => sync_group::handle(context, &request),
        R::DescribeGroups(request) => describe_groups::handle(context, request).into(),
        R::ListGroups(request) => list_groups::handle(context, &request).into(),
        R::CreateTopics(request) => create_topics::handle(context, &request).into(),
        R::DeleteTopics(request) => delete_topics::handle(context, request).into(),
        R::DeleteRecords(request) => delete_records::handle(context, request).into(),
        R::InitProducerId(request) => init_producer_id::handle(context, &request),
        R::OffsetForLeaderEpoch(request) => {
            offset_for_leader_epoch::handle(context, request).into()
        }
        R::AddPartitionsToTxn(request) => add_partitions_to_txn::handle(context, request),
        R::AddOffsetsToTxn(request) => add_offsets_to_txn::handle(context, &request),
        R::EndTxn(request) => end_txn::handle(context, &request),
        R::WriteTxnMarkers(request) => write_txn_markers::handle(context, request).into(),
        R::TxnOffsetCommit(request) => txn_offset_commit::handle(context, request),
        R::DescribeTransactions(request) => describe_transactions::handle(context, request).into(),
        R::ListTransactions(request) => list_transactions::handle(context, &request).into(),
        R::ApiVersions(request) => api_versions::handle(context, &request).into(),
        R::DescribeConfigs(request) => describe_configs::handle(context, request).into(),
        R::AlterConfigs(request) => alter_configs::handle(context, request).into(),
        R::DescribeLogDirs(request) => describe_log_dirs::handle(context, &request).into(),
        R::CreatePartitions(request) => create_partitions::handle(context, &request).into(),
        R::DeleteGroups(request) => delete_groups::handle(context, request),
        R::ElectLeaders(request) => elect_leaders::handle(context, request).into(),
        R::IncrementalAlterConfigs(request) => {
            alter_configs::handle_incremental(context, request).into()
        }
        R::AlterPartitionReassignments(request) => {
            partition_reassignments::alter(context, request).into()
        }
        R::ListPartitionReassignments(_) => partition_reassignments::list().into(),
        R::OffsetDelete(request) => offset_delete::handle(context, request),
        R::DescribeCluster(request) => describe_cluster::handle(context, &request).into(),
        R::DescribeProducers(request) => describe_producers::handle(context, request).into(),
        R::DescribeTopicPartitions(request) => {
            describe_topic_partitions::handle(context, &request).into()
        }
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

/// An answer that depends on what other clients do, and that no server that stops has time for.
fn from_others<T: Into<Response> + Send + 'static>(
    context: &Context<'_>,
    ask: impl FnOnce(Reply<T>),
) -> Answer {
    match later(ask) {
        Answer::Waits(answer) => {
            let mut stopping = context.node.stopping.clone();
            Answer::Waits(Box::pin(async move {
                tokio::select! {
                    biased;
                    answer = answer => answer,
                    _ = stopping.wait_for(|stopping| *stopping) => None,
                }
            }))
        }
        answer => answer,
    }
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
