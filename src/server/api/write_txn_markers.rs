//! WriteTxnMarkers 1–2: ends transactions in partitions, whatever their coordinator knows: by it an
//! administrator aborts what hangs. Source: KIP-98, KIP-664, KIP-890.

use super::{Context, errors};
use crate::protocol::write_txn_markers::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

pub(super) fn handle(
    context: &Context<'_>,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    context.node.transactions.write_markers(request, errors::of_broker)
}
