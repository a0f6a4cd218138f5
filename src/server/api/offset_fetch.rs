//! OffsetFetch 1–10: what groups have committed. Answered at once, unless a commit that it tells of
//! is not durable yet.
//!
//! What was not committed is offset -1, and no error; so is a group that is not there.
//! With `require_stable` one that a transaction is about to change is error 88, and asked for again.
//! Member id and epoch are not looked at, as in Kafka for a classic group.
//! Source: KIP-447, KIP-709 (several groups), KIP-848 (topic ids).

use super::{Answer, Context, later};
use crate::protocol::offset_fetch::OffsetFetchRequest;

pub(super) fn handle(context: &Context<'_>, request: OffsetFetchRequest) -> Answer {
    let groups = &context.node.groups;
    later(|reply| groups.fetch_offsets(context.version, request, groups.now(), reply))
}
