//! Heartbeat 0–4: a member is alive; error 27 tells it to join anew. Source: KIP-345.

use super::Context;
use crate::protocol::heartbeat::{HeartbeatRequest, HeartbeatResponse};

pub(super) fn handle(context: &Context<'_>, request: &HeartbeatRequest) -> HeartbeatResponse {
    let groups = &context.node.groups;
    groups.heartbeat(request, groups.now())
}
