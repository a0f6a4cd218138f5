//! AddOffsetsToTxn 0–4: a group whose offsets a transaction is going to commit: its partition of
//! `__consumer_offsets` is added to the transaction. Source: KIP-98.

use super::{Answer, Context, errors, later};
use crate::broker::{InternalTopic, Partitions, ProducerIdAndEpoch, Sender};
use crate::protocol::ErrorCode;
use crate::protocol::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

/// From this version on a client knows that it was fenced. Source: KIP-588.
const FENCED_SINCE: i16 = 2;

pub(super) fn handle(context: &Context<'_>, request: &AddOffsetsToTxnRequest) -> Answer {
    let node = context.node;
    let topic = InternalTopic::ConsumerOffsets;
    let respond = |error: ErrorCode| AddOffsetsToTxnResponse {
        error_code: error.code(),
        ..AddOffsetsToTxnResponse::default()
    };
    if let Err(error) = node.broker.internal_topic(topic) {
        return respond(errors::of_broker(&error)).into();
    }
    let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
    let sender = Sender {
        transactional_id: &request.transactional_id,
        producer: ProducerIdAndEpoch { producer_id, producer_epoch },
    };
    let partitions = Partitions::of(topic.name(), node.groups.partition_of(&request.group_id));
    let version = context.version;
    later(|reply| {
        let reply = Box::new(move |added: Result<(), ErrorCode>| {
            let error = added.err().unwrap_or_default();
            reply(respond(errors::of_fencing(error, version, FENCED_SINCE)));
        });
        node.transactions.add_partitions(sender, &partitions, reply);
    })
}
