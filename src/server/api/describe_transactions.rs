//! DescribeTransactions 0: how transactional ids are. Source: KIP-664.

use super::Context;
use crate::protocol::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse,
};

pub(super) fn handle(
    context: &Context<'_>,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    context.node.transactions.describe(request)
}
