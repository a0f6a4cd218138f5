//! InitProducerId 0–5: an id for an idempotent producer, with epoch 0. It is never given again, and
//! durable before it is used. Transactional ids are refused with error 53: transactions are not
//! served. Source: KIP-98, KIP-360.

use super::{Context, errors};
use crate::protocol::ErrorCode;
use crate::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

pub(super) fn handle(
    context: &Context<'_>,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let failed = |error: ErrorCode| InitProducerIdResponse {
        error_code: error.code(),
        ..Default::default()
    };
    // Both or neither.
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return failed(ErrorCode::InvalidRequest);
    }
    match &request.transactional_id {
        Some(id) if id.is_empty() => return failed(ErrorCode::InvalidRequest),
        Some(_) => return failed(ErrorCode::TransactionalIdAuthorizationFailed),
        None => {}
    }
    match context.node.broker.next_producer_id() {
        Ok(producer_id) => {
            InitProducerIdResponse { producer_id, producer_epoch: 0, ..Default::default() }
        }
        Err(error) => {
            tracing::error!(%error, "cannot give a producer id");
            failed(errors::of_broker(&error))
        }
    }
}
