//! AddPartitionsToTxn 0–5: partitions that a transaction is going to write to. From 4 on it speaks of
//! several transactions, and may ask only whether the partitions are in them, as brokers ask each
//! other. Where one partition is not there, none is added: error 55 for the others.
//! Source: KIP-98, KIP-890.

use tokio::sync::oneshot;

use super::{Answer, Context, errors};
use crate::broker::{Partitions, ProducerIdAndEpoch, Sender};
use crate::model::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use crate::server::outgoing::Output;

/// From this version on there are several transactions.
const BATCHED_SINCE: i16 = 4;
/// From this version on a client knows that it was fenced. Source: KIP-588.
const FENCED_SINCE: i16 = 2;

pub(super) fn handle(context: &Context<'_>, request: AddPartitionsToTxnRequest) -> Answer {
    let version = context.version;
    let transactions = match version {
        BATCHED_SINCE.. => request.transactions,
        _ => vec![AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            verify_only: false,
            topics: request.v3_and_below_topics,
        }],
    };
    let results: Vec<_> = transactions.into_iter().map(|it| add(context, it)).collect();
    Answer::Waits(Box::pin(async move {
        let mut told = Vec::with_capacity(results.len());
        for result in results {
            told.push(result.await.ok()?);
        }
        Some(Output::from(respond(version, told)))
    }))
}

/// What is done with one transaction; the result comes when it is durable.
fn add(
    context: &Context<'_>,
    asked: AddPartitionsToTxnTransaction,
) -> oneshot::Receiver<AddPartitionsToTxnResult> {
    let (sender, receiver) = oneshot::channel();
    let version = context.version;
    let reply = move |asked: AddPartitionsToTxnTransaction,
                      code: &dyn Fn(&str, i32) -> ErrorCode| {
        let code = |topic: &str, partition| {
            errors::of_fencing(code(topic, partition), version, FENCED_SINCE)
        };
        // A connection that is closed by then wants no answer.
        let _ = sender.send(result(asked, code));
    };
    let producer =
        ProducerIdAndEpoch { producer_id: asked.producer_id, producer_epoch: asked.producer_epoch };
    let is_there = |topic: &str, partition: i32| {
        let found = context.node.broker.topic_named(topic).ok().flatten();
        found.is_some_and(|found| (0..found.partitions).contains(&partition))
    };
    let all = || {
        asked.topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| (&*topic.name, *it)))
    };
    if !asked.verify_only && !all().all(|(topic, partition)| is_there(topic, partition)) {
        reply(asked, &|topic, partition| match is_there(topic, partition) {
            true => ErrorCode::OperationNotAttempted,
            false => ErrorCode::UnknownTopicOrPartition,
        });
        return receiver;
    }
    let mut partitions = Partitions::default();
    all().for_each(|(topic, partition)| partitions.insert(topic, partition));
    let transactional_id = asked.transactional_id.clone();
    let from = Sender { transactional_id: &transactional_id, producer };
    let transactions = &context.node.transactions;
    if asked.verify_only {
        reply(asked, &|topic, partition| {
            let Ok(topic) = topic.parse() else { return ErrorCode::UnknownTopicOrPartition };
            let verified = transactions.verify(from, &TopicPartition::new(topic, partition));
            verified.err().unwrap_or_default()
        });
        return receiver;
    }
    transactions.add_partitions(
        from,
        &partitions,
        Box::new(move |added: Result<(), ErrorCode>| {
            let error = added.err().unwrap_or_default();
            reply(asked, &|_, _| error);
        }),
    );
    receiver
}

fn result(
    asked: AddPartitionsToTxnTransaction,
    code: impl Fn(&str, i32) -> ErrorCode,
) -> AddPartitionsToTxnResult {
    let topic = |topic: AddPartitionsToTxnTopic| {
        let partition = |partition_index: &i32| AddPartitionsToTxnPartitionResult {
            partition_index: *partition_index,
            partition_error_code: code(&topic.name, *partition_index).code(),
        };
        let results_by_partition = topic.partitions.iter().map(partition).collect();
        AddPartitionsToTxnTopicResult { name: topic.name, results_by_partition }
    };
    let topic_results = asked.topics.into_iter().map(topic).collect();
    AddPartitionsToTxnResult { transactional_id: asked.transactional_id, topic_results }
}

fn respond(version: i16, mut results: Vec<AddPartitionsToTxnResult>) -> AddPartitionsToTxnResponse {
    if version >= BATCHED_SINCE {
        return AddPartitionsToTxnResponse {
            results_by_transaction: results,
            ..Default::default()
        };
    }
    let results = results.pop().unwrap_or_default().topic_results;
    AddPartitionsToTxnResponse { results_by_topic_v3_and_below: results, ..Default::default() }
}
