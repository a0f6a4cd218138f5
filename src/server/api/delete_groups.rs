//! DeleteGroups 0–2: forgets groups without members, and their offsets; answered once that is
//! durable. Source: KIP-229.

use super::{Answer, Context, later};
use crate::protocol::delete_groups::DeleteGroupsRequest;

pub(super) fn handle(context: &Context<'_>, request: DeleteGroupsRequest) -> Answer {
    let groups = &context.node.groups;
    later(|reply| groups.delete(request, groups.now(), reply))
}
