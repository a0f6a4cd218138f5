//! OffsetDelete 0: forgets offsets of a group in topics that it doesn't read; answered once that is
//! durable. Source: KIP-496.

use super::{Answer, Context, later};
use crate::protocol::offset_delete::OffsetDeleteRequest;

pub(super) fn handle(context: &Context<'_>, request: OffsetDeleteRequest) -> Answer {
    let groups = &context.node.groups;
    later(|reply| groups.delete_offsets(request, groups.now(), reply))
}
