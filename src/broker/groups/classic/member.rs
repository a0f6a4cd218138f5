//! A member of a classic group.

use bytes::Bytes;

use super::super::answer::Reply;
use crate::protocol::join_group::{JoinGroupRequestProtocol, JoinGroupResponse};
use crate::protocol::sync_group::SyncGroupResponse;

/// A member.
pub(in crate::broker::groups) struct Member {
    /// Its id.
    pub(super) id: String,
    /// Its own name, of a static member.
    pub(super) instance: Option<String>,
    /// The name that its client gave itself.
    pub(super) client_id: String,
    /// Where its client is.
    pub(super) client_host: String,
    /// How long a rebalance waits for it.
    pub(super) rebalance_timeout_ms: i32,
    /// After how much silence it is a member no more.
    pub(super) session_timeout_ms: i32,
    /// What it can do, the protocol that it likes best first.
    pub(super) protocols: Vec<Protocol>,
    /// What it is to do in this generation.
    pub(super) assignment: Bytes,
    /// It never was told a generation: nobody can tell whether it is still there.
    pub(super) is_new: bool,
    /// It was told the generation, and did not ask for its assignment yet.
    pub(super) owes_sync: bool,
    /// Its JoinGroup, which waits for the next generation.
    pub(super) join: Option<Reply<JoinGroupResponse>>,
    /// Its SyncGroup, which waits for the leader's.
    pub(super) sync: Option<Reply<SyncGroupResponse>>,
    /// When its session ends.
    pub(super) deadline_ms: i64,
}

/// A protocol, and what a member says of itself for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protocol {
    pub(super) name: String,
    pub(super) metadata: Bytes,
}

impl Member {
    /// Whether a time of silence ends its membership: who waits for us is not silent.
    pub(super) const fn may_expire(&self) -> bool {
        self.is_new || self.join.is_none() && self.sync.is_none()
    }

    /// What it says of itself for a protocol; empty of one that it can't do.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|can| can.name == protocol);
        found.map(|can| can.metadata.clone()).unwrap_or_default()
    }

    /// Whether a request says the same of the member's protocols.
    pub(super) fn matches(&self, protocols: &[JoinGroupRequestProtocol]) -> bool {
        let same = |(mine, asked): (&Protocol, &JoinGroupRequestProtocol)| {
            mine.name == asked.name && mine.metadata == asked.metadata
        };
        self.protocols.len() == protocols.len() && self.protocols.iter().zip(protocols).all(same)
    }
}

/// The protocols of a request, in memory of their own: a part of a frame would keep all of it.
pub(super) fn protocols_of(request: &[JoinGroupRequestProtocol]) -> Vec<Protocol> {
    let own = |asked: &JoinGroupRequestProtocol| Protocol {
        name: asked.name.clone(),
        metadata: Bytes::copy_from_slice(&asked.metadata),
    };
    request.iter().map(own).collect()
}
