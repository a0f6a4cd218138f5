//! TxnOffsetCommit: offsets that count once their transaction is committed.
//!
//! They are a transactional batch in the group's partition, without a sequence. A client that does not
//! say before that its transaction has offsets has the partition added to it here.

use super::answer::{Now, Reply};
use super::commit::{Topic, each, value_of};
use super::offsets::Committed;
use super::shard::Locked;
use super::{Groups, WriteError, check_group_id, is_too_long};
use crate::broker::{self, ProducerIdAndEpoch, Sender, Transactions};
use crate::log::{self, EndMarker, TransactionCheck, TransactionVersion};
use crate::model::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::group_records::GroupRecordKey;
use crate::protocol::offset_commit::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use crate::protocol::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::record::Outcome;

/// From this version on partitions are added as they are written to. Source: KIP-890.
const ADDS_SINCE: i16 = 5;
/// From this version on a client knows that it can abort and go on.
const ABORTABLE_SINCE: i16 = 4;

/// Why offsets were not kept.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// The transaction's coordinator was not asked yet.
    NotVerified,
    /// For good.
    Code(ErrorCode),
}

impl From<ErrorCode> for Refused {
    fn from(error: ErrorCode) -> Self {
        Self::Code(error)
    }
}

impl Groups {
    /// Keeps offsets within a transaction; the answer comes when they are durable.
    pub fn commit_in_transaction(
        &self,
        version: i16,
        mut request: TxnOffsetCommitRequest,
        transactions: &Transactions,
        now: Now,
        reply: Reply<TxnOffsetCommitResponse>,
    ) {
        let metadata_max = self.metadata_bytes_max();
        let topics = std::mem::take(&mut request.topics).into_iter().map(plain);
        let topics: Vec<Topic> = topics.map(|topic| self.resolve(0, topic, metadata_max)).collect();
        let id = &request.group_id;
        if check_group_id(id).is_err() || is_too_long(&request.member_id) {
            return reply(respond(topics, ErrorCode::InvalidGroupId));
        }
        if each(&topics).next().is_none() {
            return reply(respond(topics, ErrorCode::None));
        }
        match self.keep_pending(version, &request, &topics, transactions, now) {
            Err(error) => reply(respond(topics, error)),
            Ok(locked) => {
                locked.when_durable(move |durable| {
                    let error = if durable { ErrorCode::None } else { WriteError::Failed.code() };
                    reply(respond(topics, error));
                });
                self.release(locked);
            }
        }
    }

    /// The partition of a group, as a transaction knows it.
    #[must_use]
    pub fn partition_of(&self, group: &str) -> i32 {
        let count = i32::try_from(self.shards.len()).unwrap_or(i32::MAX);
        super::partition_of(group, count)
    }

    fn keep_pending(
        &self,
        version: i16,
        request: &TxnOffsetCommitRequest,
        topics: &[Topic],
        transactions: &Transactions,
        now: Now,
    ) -> Result<Locked<'_>, ErrorCode> {
        let keep = |check| {
            let mut locked = self.lock(&request.group_id, now)?;
            let kept = keep(&mut locked, request, topics, check, now);
            locked.reschedule(&request.group_id);
            kept.map(|()| locked)
        };
        match keep(TransactionCheck::Unverified) {
            Ok(locked) => return Ok(locked),
            Err(Refused::Code(error)) => return Err(error),
            Err(Refused::NotVerified) => {}
        }
        let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
        let sender = Sender {
            transactional_id: &request.transactional_id,
            producer: ProducerIdAndEpoch { producer_id, producer_epoch },
        };
        let by = match version {
            ADDS_SINCE.. => TransactionVersion::V2,
            _ => TransactionVersion::V1,
        };
        let topic = super::store::topic_name().map_err(|_| ErrorCode::UnknownServerError)?;
        let partition = TopicPartition::new(topic, self.partition_of(&request.group_id));
        let verified = TransactionCheck::Verified(by);
        let kept = transactions.append_first(sender, &partition, by, || keep(verified));
        match kept {
            Ok(Ok(locked)) => Ok(locked),
            Ok(Err(Refused::Code(error))) => Err(error),
            Ok(Err(Refused::NotVerified)) => Err(ErrorCode::InvalidTxnState),
            Err(ErrorCode::ProducerFenced) => Err(ErrorCode::InvalidProducerEpoch),
            Err(ErrorCode::TransactionAbortable) if version < ABORTABLE_SINCE => {
                Err(ErrorCode::InvalidTxnState)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a transaction in a partition of `__consumer_offsets`: its offsets count from here on, or
    /// are forgotten. The marker is not durable yet; whoever is told of the offsets waits for that.
    ///
    /// # Errors
    /// As [`log::PartitionLog::end_transaction`] says, with the partition's name.
    pub fn end_transaction(
        &self,
        partition: i32,
        marker: &EndMarker,
    ) -> broker::Result<log::Appended> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let Some(shard) = self.shards.get(index) else {
            let (topic, partitions) = (super::store::topic_name()?, 0);
            return Err(broker::Error::NoSuchPartition { topic, partition, partitions });
        };
        let mut locked = shard.lock(&self.store, self.now())?;
        let ended = locked.end_transaction(marker);
        self.release(locked);
        ended
    }
}

/// Writes offsets, as one batch, and then knows them.
fn keep(
    locked: &mut Locked<'_>,
    request: &TxnOffsetCommitRequest,
    topics: &[Topic],
    check: TransactionCheck,
    now: Now,
) -> Result<(), Refused> {
    let (group_id, member_id) = (&request.group_id, &request.member_id);
    let instance = request.group_instance_id.as_deref();
    match locked.group(group_id) {
        Some(group) => {
            let classic = &group.classic;
            classic.check_transactional_commit(request.generation_id, member_id, instance)?;
        }
        None if request.generation_id < 0 => {}
        None => return Err(ErrorCode::IllegalGeneration.into()),
    }
    locked.group_or_new(group_id)?;
    let producer = (request.producer_id, request.producer_epoch);
    let base_offset = locked.append_transactional(producer, check, |batch| {
        for (topic, partition) in each(topics) {
            let (topic_name, index) = (topic.name.as_str(), partition.partition_index);
            let key =
                GroupRecordKey::Offset { group: group_id, topic: topic_name, partition: index };
            batch.offset(&key, &value_of(-1, topic.id, partition, now));
        }
    });
    let base_offset = base_offset.map_err(|error| match error {
        log::Error::TransactionNotVerified { .. } => Refused::NotVerified,
        log::Error::InvalidProducerEpoch { .. } => Refused::Code(ErrorCode::InvalidProducerEpoch),
        log::Error::InvalidTxnState { .. } => Refused::Code(ErrorCode::InvalidTxnState),
        log::Error::LargerThanSegment { .. } => Refused::Code(WriteError::TooLarge.code()),
        _ => Refused::Code(WriteError::Failed.code()),
    })?;
    let kept = (base_offset..).zip(each(topics)).map(|(record_offset, (topic, partition))| {
        let value = value_of(-1, topic.id, partition, now);
        (topic, partition.partition_index, Committed::of(&value, record_offset))
    });
    for (topic, partition, committed) in kept {
        locked.pend(group_id, request.producer_id, (&topic.name, partition), committed)?;
    }
    let step = locked.step();
    if let Some(group) = locked.group(group_id) {
        group.classic.committed(member_id, &step);
    }
    Ok(())
}

/// A topic of the request as one of OffsetCommit.
fn plain(topic: TxnOffsetCommitRequestTopic) -> OffsetCommitRequestTopic {
    let partitions = topic.partitions.into_iter().map(|it| OffsetCommitRequestPartition {
        partition_index: it.partition_index,
        committed_offset: it.committed_offset,
        committed_leader_epoch: it.committed_leader_epoch,
        committed_metadata: it.committed_metadata,
    });
    let partitions = partitions.collect();
    OffsetCommitRequestTopic { name: topic.name, partitions, ..Default::default() }
}

/// The answer; `error` is of what was to be written.
fn respond(topics: Vec<Topic>, error: ErrorCode) -> TxnOffsetCommitResponse {
    let partition = |(partition, own): (OffsetCommitRequestPartition, ErrorCode)| {
        TxnOffsetCommitResponsePartition {
            partition_index: partition.partition_index,
            error_code: if own.is_error() { own } else { error }.code(),
        }
    };
    let topic = |topic: Topic| TxnOffsetCommitResponseTopic {
        name: topic.name,
        partitions: topic.partitions.into_iter().map(partition).collect(),
    };
    let topics = topics.into_iter().map(topic).collect();
    TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() }
}

impl Locked<'_> {
    /// Keeps an offset that a transaction has committed.
    fn pend(
        &mut self,
        group: &str,
        producer: i64,
        (topic, partition): (&str, i32),
        committed: Committed,
    ) -> Result<(), ErrorCode> {
        self.group_or_new(group)?.pending.insert(producer, topic, partition, committed);
        self.note_producer(producer, group);
        Ok(())
    }

    fn end_transaction(&mut self, marker: &EndMarker) -> broker::Result<log::Appended> {
        let appended = self.append_marker(marker)?;
        for id in self.take_groups_of(marker.producer_id) {
            if let Some(group) = self.group(&id) {
                group.decide(marker.producer_id, marker.outcome == Outcome::Commit);
            }
            self.reschedule(&id);
        }
        Ok(appended)
    }
}
