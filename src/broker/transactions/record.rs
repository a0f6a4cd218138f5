//! A transactional id as it is kept, and as it is found again.

use std::collections::BTreeSet;

use super::partitions::Partitions;
use super::transaction::{NO_EPOCH, ProducerIdAndEpoch, State, Transaction};
use crate::log::TransactionVersion;
use crate::protocol::transaction_records::{TransactionLogValue, TransactionPartitions};

impl Transaction {
    /// As it is kept.
    pub(super) fn value(&self) -> TransactionLogValue {
        let topic = |(topic, partitions): (&str, &BTreeSet<i32>)| {
            let partition_ids = partitions.iter().copied().collect();
            TransactionPartitions { topic: topic.to_owned(), partition_ids }
        };
        let partitions = self.partitions.topics().map(topic).collect();
        TransactionLogValue {
            producer_id: self.producer.producer_id,
            producer_epoch: self.producer.producer_epoch,
            transaction_timeout_ms: self.timeout_ms,
            transaction_status: self.state as i8,
            transaction_partitions: (self.state != State::Empty).then_some(partitions),
            transaction_last_update_timestamp_ms: self.updated_ms,
            transaction_start_timestamp_ms: self.start_ms,
            previous_producer_id: self.previous_producer_id,
            next_producer_id: self.next_producer_id,
            client_transaction_version: match self.version {
                TransactionVersion::V1 => 0,
                TransactionVersion::V2 => 2,
            },
            unsynced_markers: self.unsynced.clone(),
        }
    }

    /// As it was kept; `None` of a state that is not known.
    pub(super) fn of(value: TransactionLogValue) -> Option<Self> {
        let status = value.transaction_status;
        let state = State::ALL.into_iter().find(|state| *state as i8 == status)?;
        let mut partitions = Partitions::default();
        for topic in value.transaction_partitions.unwrap_or_default() {
            for partition in topic.partition_ids {
                partitions.insert(&topic.topic, partition);
            }
        }
        let producer_id = value.producer_id;
        Some(Self {
            producer: ProducerIdAndEpoch { producer_id, producer_epoch: value.producer_epoch },
            previous_producer_id: value.previous_producer_id,
            next_producer_id: value.next_producer_id,
            last_epoch: NO_EPOCH,
            timeout_ms: value.transaction_timeout_ms,
            state,
            partitions,
            start_ms: value.transaction_start_timestamp_ms,
            updated_ms: value.transaction_last_update_timestamp_ms,
            version: match value.client_transaction_version {
                ..2 => TransactionVersion::V1,
                2.. => TransactionVersion::V2,
            },
            unsynced: value.unsynced_markers,
        })
    }
}
