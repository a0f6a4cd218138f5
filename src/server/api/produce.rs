//! Produce 3–13: appends record batches, one for each partition that is named, each on its own.
//!
//! acks=0 has no answer; where something failed the connection is closed, so that the client asks
//! for metadata anew. acks=1 is answered once the batch is written. acks=-1 is answered once it is
//! durable: one sync of a partition answers all who wait for it. The timeout is not looked at:
//! nobody else is waited for.
//!
//! Source: KIP-98 (idempotence), KIP-467 (record errors), KIP-516 (topic ids), KIP-679.
//! KIP-890: the first batch of a transaction in a partition is appended once the coordinator has the
//! partition in it; from version 12 on the batch itself adds it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::{Answer, Context, errors};
use crate::broker::{GroupCommit, ProduceError, Produced, ProducerIdAndEpoch, Sender, TopicInfo};
use crate::log::{self, Appended, PartitionLog, TransactionCheck, TransactionVersion};
use crate::model::Uuid;
use crate::protocol::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::protocol::{ErrorCode, Records};
use crate::record::{Batch, Compression, Decompressor, Frame, InvalidBatch, RecordFault};
use crate::server::outgoing::Output;

/// From this version on a batch may be compressed with zstd. Source: KIP-110.
const ZSTD_SINCE: i16 = 7;
/// From this version on a batch adds its partition to its transaction. Source: KIP-890.
const ADDS_SINCE: i16 = 12;
/// The name of the clients that may write to internal topics. Source: Kafka's `AdminUtils`.
const ADMIN_CLIENT: &str = "__admin_client";

pub(super) fn handle(context: &Context<'_>, request: ProduceRequest) -> Answer {
    let acks = request.acks;
    let refusal = if !matches!(acks, -1..=1) {
        Some(ErrorCode::InvalidRequiredAcks)
    } else {
        check_producer(&request).err()
    };
    let transactional_id = request.transactional_id.as_deref();
    let mut work = Work { context, transactional_id, refusal, scratch: None, written: Vec::new() };
    let topics = request.topic_data.into_iter().enumerate();
    let responses = topics.map(|(place, topic)| work.topic(place, topic)).collect();
    let written = work.written;
    let response = ProduceResponse { responses, ..Default::default() };
    match (acks, &context.node.commit) {
        (0, _) if has_error(&response) => Answer::Close("a batch with acks=0 was refused"),
        (0, _) => Answer::None,
        (-1, Some(commit)) if !written.is_empty() => when_durable(commit, response, written),
        _ => response.into(),
    }
}

/// Refuses a request whose transactional batches are of no transactional id, or of several producers.
fn check_producer(request: &ProduceRequest) -> Result<(), ErrorCode> {
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let mut one = None;
    for partition in partitions {
        let Some(Records::Here(bytes)) = &partition.records else { continue };
        let Ok(header) = facts_of(bytes) else { continue };
        if !header.is_transactional {
            continue;
        }
        if request.transactional_id.is_none() {
            return Err(ErrorCode::TransactionalIdAuthorizationFailed);
        }
        if *one.get_or_insert(header.producer) != header.producer {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
    }
    Ok(())
}

/// What the partitions of one request share.
struct Work<'a> {
    context: &'a Context<'a>,
    transactional_id: Option<&'a str>,
    /// What the whole request is refused for.
    refusal: Option<ErrorCode>,
    scratch: Option<Decompressor>,
    written: Vec<Written>,
}

/// A log that was written, and the place in the response that tells of it.
struct Written {
    topic: usize,
    partition: usize,
    log: Arc<PartitionLog>,
}

impl Work<'_> {
    fn topic(&mut self, place: usize, data: TopicProduceData) -> TopicProduceResponse {
        let topic = self.find(&data.name, data.topic_id);
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for (partition, data) in data.partition_data.into_iter().enumerate() {
            let index = data.index;
            let appended = match &topic {
                Ok(topic) => self.append(topic, data),
                Err(error) => Err(Refused::from(*error)),
            };
            partition_responses.push(match appended {
                Ok((log, produced)) => {
                    self.written.push(Written { topic: place, partition, log });
                    accepted(index, &produced)
                }
                Err(refused) => refused.response(index),
            });
        }
        TopicProduceResponse { name: data.name, topic_id: data.topic_id, partition_responses }
    }

    fn find(&self, name: &str, id: Uuid) -> Result<Arc<TopicInfo>, ErrorCode> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let broker = &self.context.node.broker;
        let (topic, unknown) = match self.context.version {
            13.. => (broker.topic_with_id(id), ErrorCode::UnknownTopicId),
            _ => (broker.topic_named(name), ErrorCode::UnknownTopicOrPartition),
        };
        let topic = topic.map_err(|error| errors::of_broker(&error))?.ok_or(unknown)?;
        if topic.name.is_internal() && self.context.client_id != ADMIN_CLIENT {
            return Err(ErrorCode::InvalidTopicException);
        }
        Ok(topic)
    }

    fn append(
        &mut self,
        topic: &TopicInfo,
        data: PartitionProduceData,
    ) -> Result<(Arc<PartitionLog>, Produced), Refused> {
        let node = self.context.node;
        let log = node.broker.log(topic, data.index).map_err(|error| errors::of_broker(&error))?;
        let Some(Records::Here(mut bytes)) = data.records.filter(|records| !records.is_empty())
        else {
            return Err(ErrorCode::InvalidRecord.into());
        };
        let header = facts_of(&bytes)?;
        if header.codec == Compression::Zstd && self.context.version < ZSTD_SINCE {
            return Err(ErrorCode::UnsupportedCompressionType.into());
        }
        let config = log.config();
        let scratch = self
            .scratch
            .get_or_insert_with(|| Decompressor::for_max_message_bytes(config.max_message_bytes));
        let produced = match self.transactional_id.filter(|_| header.is_transactional) {
            None => node.broker.produce(&log, &mut bytes, scratch),
            Some(transactional_id) => {
                let sender = Sender { transactional_id, producer: header.producer };
                node.broker.produce_by(&log, &mut bytes, scratch, |batch, now_ms| {
                    append_transactional(self.context, sender, &log, batch, now_ms)
                })
            }
        };
        let produced = produced.map_err(|error| {
            tracing::debug!(partition = %log.partition(), %error, "batch refused");
            Refused::of(&error)
        })?;
        let metrics = &node.metrics;
        if !produced.appended.is_duplicate {
            metrics.produced_batches.fetch_add(1, Relaxed);
            metrics.produced_records.fetch_add(header.records, Relaxed);
            metrics.produced_bytes.fetch_add(bytes.len() as u64, Relaxed);
        }
        Ok((log, produced))
    }
}

/// Appends a batch of a transaction, which the coordinator is asked about where it begins here.
fn append_transactional(
    context: &Context<'_>,
    sender: Sender<'_>,
    log: &PartitionLog,
    batch: &mut [u8],
    now_ms: i64,
) -> Result<Appended, ProduceError> {
    match log.append(batch, now_ms) {
        Err(log::Error::TransactionNotVerified { .. }) => {}
        appended => return Ok(appended?),
    }
    let version = match context.version {
        ADDS_SINCE.. => TransactionVersion::V2,
        _ => TransactionVersion::V1,
    };
    let check = TransactionCheck::Verified(version);
    let append = || log.append_checked(batch, check, now_ms);
    let transactions = &context.node.transactions;
    let appended = transactions.append_first(sender, log.partition(), version, append);
    let code = |error| errors::of_verification(error, context.version);
    Ok(appended.map_err(|error| ProduceError::Transaction(code(error)))??)
}

/// What is asked of a batch before it is checked.
struct HeaderFacts {
    codec: Compression,
    is_transactional: bool,
    producer: ProducerIdAndEpoch,
    records: u64,
}

fn facts_of(bytes: &[u8]) -> Result<HeaderFacts, Refused> {
    match Batch::at_front(bytes) {
        Ok(Frame::Whole(batch)) => Ok(HeaderFacts {
            codec: batch.attributes().compression().unwrap_or(Compression::None),
            is_transactional: batch.attributes().is_transactional(),
            producer: ProducerIdAndEpoch {
                producer_id: batch.producer_id(),
                producer_epoch: batch.producer_epoch(),
            },
            records: u64::try_from(batch.records_count()).unwrap_or(0),
        }),
        Ok(Frame::Incomplete { .. }) => Err(ErrorCode::CorruptMessage.into()),
        Err(_) => Err(ErrorCode::InvalidRecord.into()),
    }
}

/// Why a partition's batch was refused.
struct Refused {
    error: ErrorCode,
    message: Option<String>,
    records: Vec<BatchIndexAndErrorMessage>,
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self { error, message: None, records: Vec::new() }
    }
}

impl Refused {
    fn of(error: &ProduceError) -> Self {
        let faults: &[RecordFault] = match error {
            ProduceError::Invalid(InvalidBatch::Records(faults)) => faults,
            _ => &[],
        };
        let records = faults.iter().map(|fault| BatchIndexAndErrorMessage {
            batch_index: i32::try_from(fault.index).unwrap_or(i32::MAX),
            batch_index_error_message: Some(fault.error.to_string()),
        });
        Self {
            error: errors::of_produce(error),
            message: Some(error.to_string()),
            records: records.collect(),
        }
    }

    fn response(self, index: i32) -> PartitionProduceResponse {
        PartitionProduceResponse {
            index,
            error_code: self.error.code(),
            record_errors: self.records,
            error_message: self.message,
            ..Default::default()
        }
    }
}

fn accepted(index: i32, produced: &Produced) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: produced.appended.base_offset.0,
        log_append_time_ms: produced.log_append_time_ms.unwrap_or(-1),
        log_start_offset: produced.appended.log_start_offset.0,
        ..Default::default()
    }
}

fn has_error(response: &ProduceResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.any(|partition| partition.error_code != ErrorCode::None.code())
}

/// The answer once every log that was written is durable; what can't be made so is an error.
fn when_durable(commit: &GroupCommit, response: ProduceResponse, written: Vec<Written>) -> Answer {
    let (done, answered) = oneshot::channel();
    let gathering =
        Arc::new(Mutex::new(Gathering { left: written.len(), response, done: Some(done) }));
    for Written { topic, partition, log } in written {
        let gathering = Arc::clone(&gathering);
        commit.when_durable(
            &log,
            Box::new(move |synced| {
                let mut gathering = gathering.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = synced {
                    tracing::error!(%error, "a produced batch is not durable");
                    gathering.fail(topic, partition);
                }
                gathering.count_down();
            }),
        );
    }
    Answer::Waits(Box::pin(async move { answered.await.ok().map(Output::from) }))
}

/// A response whose logs are being synced.
struct Gathering {
    left: usize,
    response: ProduceResponse,
    done: Option<oneshot::Sender<ProduceResponse>>,
}

impl Gathering {
    fn fail(&mut self, topic: usize, partition: usize) {
        let failed = &mut self.response.responses[topic].partition_responses[partition];
        let index = failed.index;
        *failed = Refused::from(ErrorCode::KafkaStorageError).response(index);
    }

    fn count_down(&mut self) {
        self.left -= 1;
        if self.left == 0
            && let Some(done) = self.done.take()
        {
            // The connection may be gone.
            let _ = done.send(std::mem::take(&mut self.response));
        }
    }
}
