//! DescribeGroups 0–6: state and members of groups. One that is not there is `Dead`, from version 6
//! on with error 69. Source: KIP-345, KIP-430 (allowed operations: all), KIP-1043 (the error).

use super::Context;
use crate::protocol::describe_groups::{DescribeGroupsRequest, DescribeGroupsResponse};

pub(super) fn handle(
    context: &Context<'_>,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let groups = &context.node.groups;
    groups.describe(context.version, request, groups.now())
}
