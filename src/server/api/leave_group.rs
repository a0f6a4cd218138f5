//! LeaveGroup 0–5: members go, several at once from version 3 on; a static member may be named by
//! its own name alone. The reason is not kept. Source: KIP-345, KIP-800.

use super::Context;
use crate::protocol::leave_group::{LeaveGroupRequest, LeaveGroupResponse};

pub(super) fn handle(context: &Context<'_>, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let groups = &context.node.groups;
    groups.leave(context.version, request, groups.now())
}
