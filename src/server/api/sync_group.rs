//! SyncGroup 0–5: gives a member its part; answered when the leader has said who does what, and
//! that is durable. Source: KIP-345 (static members), KIP-559 (protocol type and name).

use super::{Answer, Context, from_others};
use crate::protocol::sync_group::SyncGroupRequest;

pub(super) fn handle(context: &Context<'_>, request: &SyncGroupRequest) -> Answer {
    let groups = &context.node.groups;
    from_others(context, |reply| groups.sync(request, groups.now(), reply))
}
