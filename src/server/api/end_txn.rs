//! EndTxn 0–5: commits a transaction, or aborts it. Answered once that is durable and the markers are
//! written, so that the next transaction need not wait for this one. From 5 on each end begins an
//! epoch, which the answer tells. Source: KIP-98, KIP-890.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Answer, Context, errors, later};
use crate::broker::{ProducerIdAndEpoch, Sender};
use crate::log::TransactionVersion;
use crate::protocol::ErrorCode;
use crate::protocol::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::record::Outcome;

/// From this version on a client knows that it was fenced. Source: KIP-588.
const FENCED_SINCE: i16 = 2;
/// From this version on each end begins an epoch.
const EPOCHS_SINCE: i16 = 5;

pub(super) fn handle(context: &Context<'_>, request: &EndTxnRequest) -> Answer {
    let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
    let sender = Sender {
        transactional_id: &request.transactional_id,
        producer: ProducerIdAndEpoch { producer_id, producer_epoch },
    };
    let outcome = if request.committed { Outcome::Commit } else { Outcome::Abort };
    let version = context.version;
    let by = match version {
        EPOCHS_SINCE.. => TransactionVersion::V2,
        _ => TransactionVersion::V1,
    };
    let node = Arc::clone(context.node);
    later(|reply| {
        let reply = Box::new(move |ended: Result<ProducerIdAndEpoch, ErrorCode>| {
            reply(match ended {
                Ok(ProducerIdAndEpoch { producer_id, producer_epoch }) => {
                    let metrics = &node.metrics;
                    let ended = match outcome {
                        Outcome::Commit => &metrics.transactions_committed,
                        Outcome::Abort => &metrics.transactions_aborted,
                    };
                    ended.fetch_add(1, Relaxed);
                    EndTxnResponse { producer_id, producer_epoch, ..Default::default() }
                }
                Err(error) => EndTxnResponse {
                    error_code: errors::of_fencing(error, version, FENCED_SINCE).code(),
                    ..EndTxnResponse::default()
                },
            });
        });
        context.node.transactions.end(sender, outcome, by, reply);
    })
}
