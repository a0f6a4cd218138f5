//! OffsetCommit 2–10: keeps how far a group has come, as one batch; answered once that is durable.
//!
//! Unknown topics and partitions are refused each on its own, before the group is looked at.
//! A commit without generation and member makes the group if it is not there.
//! Source: KIP-320 (leader epochs), KIP-345 (static members), KIP-848 (topic ids). Members of the
//! newer group protocols are not served: their groups are unknown.

use super::{Answer, Context, later};
use crate::protocol::offset_commit::OffsetCommitRequest;

pub(super) fn handle(context: &Context<'_>, request: OffsetCommitRequest) -> Answer {
    let groups = &context.node.groups;
    later(|reply| groups.commit_offsets(context.version, request, groups.now(), reply))
}
