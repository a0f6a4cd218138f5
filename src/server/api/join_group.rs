//! JoinGroup 0–9: makes the client a member of a group; answered when the next generation begins.
//!
//! From version 4 on, who comes without an id gets one with error 79, and is to come again.
//! The reason is not kept. Source: KIP-345 (static members), KIP-394 (the id first), KIP-559
//! (protocol type), KIP-800 (reason), KIP-814 (a static leader that need not assign).

use super::{Answer, Context, from_others};
use crate::broker::Client;
use crate::protocol::join_group::JoinGroupRequest;

pub(super) fn handle(context: &Context<'_>, request: &JoinGroupRequest) -> Answer {
    let groups = &context.node.groups;
    let (version, id, host) = (context.version, context.client_id, context.client_host);
    from_others(context, |reply| {
        groups.join(Client { version, id, host }, request, groups.now(), reply);
    })
}
