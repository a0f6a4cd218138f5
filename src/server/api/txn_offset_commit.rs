//! TxnOffsetCommit 0–5: keeps how far a group has come, within a transaction: it counts once that is
//! committed. Answered once it is durable. From 5 on the group's partition is added to the
//! transaction here. Source: KIP-98, KIP-320, KIP-447 (members), KIP-890.

use super::{Answer, Context, later};
use crate::protocol::txn_offset_commit::TxnOffsetCommitRequest;

pub(super) fn handle(context: &Context<'_>, request: TxnOffsetCommitRequest) -> Answer {
    let node = context.node;
    let (groups, transactions) = (&node.groups, &node.transactions);
    later(|reply| {
        groups.commit_in_transaction(context.version, request, transactions, groups.now(), reply);
    })
}
