//! ListGroups 0–5: the groups there are, by state and type if asked; all are of type `classic`.
//! Names in filters may be in any case; those that mean nothing match nothing. Source: KIP-518
//! (states), KIP-848 (types).

use super::Context;
use crate::protocol::list_groups::{ListGroupsRequest, ListGroupsResponse};

pub(super) fn handle(context: &Context<'_>, request: &ListGroupsRequest) -> ListGroupsResponse {
    let groups = &context.node.groups;
    groups.list(request, groups.now())
}
