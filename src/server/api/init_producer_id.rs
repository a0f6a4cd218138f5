//! InitProducerId 0–5: an id for an idempotent producer, with epoch 0, never given again; or for a
//! transactional one the id of before, with an epoch that nobody had. Both are durable before they
//! are used. A transaction that is open under the transactional id is aborted first: error 51, and
//! the client asks again. Source: KIP-98, KIP-360, KIP-890.

use super::{Answer, Context, errors, later};
use crate::broker::ProducerIdAndEpoch;
use crate::protocol::ErrorCode;
use crate::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

/// From this version on a client knows that it was fenced. Source: KIP-588.
const FENCED_SINCE: i16 = 4;

pub(super) fn handle(context: &Context<'_>, request: &InitProducerIdRequest) -> Answer {
    // Both or neither.
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return failed(ErrorCode::InvalidRequest).into();
    }
    let Some(id) = &request.transactional_id else {
        return idempotent(context).into();
    };
    let expected = (request.producer_id != -1).then_some(ProducerIdAndEpoch {
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
    });
    let (version, timeout_ms) = (context.version, request.transaction_timeout_ms);
    later(|reply| {
        let reply = Box::new(move |result: Result<ProducerIdAndEpoch, ErrorCode>| {
            reply(match result {
                Ok(ProducerIdAndEpoch { producer_id, producer_epoch }) => {
                    InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() }
                }
                Err(error) => failed(errors::of_fencing(error, version, FENCED_SINCE)),
            });
        });
        context.node.transactions.init_producer_id(id, timeout_ms, expected, reply);
    })
}

fn idempotent(context: &Context<'_>) -> InitProducerIdResponse {
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

fn failed(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse { error_code: error.code(), ..Default::default() }
}
