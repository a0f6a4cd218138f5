//! ListTransactions 0–2: the transactional ids there are. Source: KIP-664, KIP-994, KIP-1152.

use super::Context;
use crate::protocol::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};

pub(super) fn handle(
    context: &Context<'_>,
    request: &ListTransactionsRequest,
) -> ListTransactionsResponse {
    context.node.transactions.list(request)
}
