//! From the engine's errors to Kafka's codes: one function for each kind of error.

use crate::broker::{self, ProduceError};
use crate::log;
use crate::protocol::ErrorCode;
use crate::record::{CorruptBatch, InvalidBatch, InvalidRecord, RecordFault};

/// The code of an error of the engine.
pub(super) fn of_broker(error: &broker::Error) -> ErrorCode {
    use broker::Error;
    match error {
        Error::Log { source, .. } => of_log(source),
        Error::NoSuchTopic(_) | Error::NoSuchPartition { .. } => ErrorCode::UnknownTopicOrPartition,
        Error::TopicExists(_) | Error::JobExists(_) => ErrorCode::TopicAlreadyExists,
        Error::Collides { .. } | Error::InvalidName(_) => ErrorCode::InvalidTopicException,
        Error::Config(_) => ErrorCode::InvalidConfig,
        Error::Partitions(_) => ErrorCode::InvalidPartitions,
        Error::KeepsRecords { topic, .. } if topic.is_internal() => {
            ErrorCode::InvalidTopicException
        }
        Error::KeepsRecords { .. } | Error::NotCompacted(_) => ErrorCode::PolicyViolation,
        Error::Storage(_) | Error::Damaged { .. } => ErrorCode::KafkaStorageError,
        _ => ErrorCode::UnknownServerError,
    }
}

/// The code of an error of a partition's log.
pub(super) const fn of_log(error: &log::Error) -> ErrorCode {
    use log::Error;
    match error {
        Error::Storage(_) | Error::Corrupt(_) => ErrorCode::KafkaStorageError,
        Error::Gone => ErrorCode::UnknownTopicOrPartition,
        Error::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        Error::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        Error::Malformed(_) | Error::NotOneBatch => ErrorCode::CorruptMessage,
        Error::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        Error::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        Error::InvalidTxnState { .. } | Error::TransactionNotVerified { .. } => {
            ErrorCode::InvalidTxnState
        }
        Error::CoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
        Error::OffsetsExhausted => ErrorCode::UnknownServerError,
    }
}

/// The code of an error of transactions: clients of before KIP-588 are told of a stale epoch where
/// they were fenced.
pub(super) const fn of_fencing(error: ErrorCode, version: i16, since: i16) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced if version < since => ErrorCode::InvalidProducerEpoch,
        error => error,
    }
}

/// The code of a batch whose transaction was not found to have its partition. Source: Kafka's
/// `ReplicaManager.handleProduceAppend`, KIP-890.
pub(super) const fn of_verification(error: ErrorCode, version: i16) -> ErrorCode {
    match error {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::ConcurrentTransactions if version < 12 => ErrorCode::NotEnoughReplicas,
        ErrorCode::TransactionAbortable if version < 11 => ErrorCode::InvalidTxnState,
        ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable => {
            ErrorCode::NotEnoughReplicas
        }
        error => error,
    }
}

/// The code of a batch that was not appended.
pub(super) fn of_produce(error: &ProduceError) -> ErrorCode {
    match error {
        ProduceError::NotOneBatch => ErrorCode::InvalidRecord,
        ProduceError::Invalid(error) => of_batch(error),
        ProduceError::Rebuild(_) => ErrorCode::InvalidRecord,
        ProduceError::Log(error) => of_log(error),
        ProduceError::Transaction(error) => *error,
    }
}

fn of_batch(error: &InvalidBatch) -> ErrorCode {
    match error {
        InvalidBatch::Corrupt(CorruptBatch::Crc { .. } | CorruptBatch::BatchLength { .. }) => {
            ErrorCode::CorruptMessage
        }
        InvalidBatch::TooLarge { .. } => ErrorCode::MessageTooLarge,
        InvalidBatch::TimestampType => ErrorCode::InvalidTimestamp,
        // Source: Kafka's `LogValidator.processRecordErrors`.
        InvalidBatch::Records(faults) if faults.iter().any(is_of_time) => {
            ErrorCode::InvalidTimestamp
        }
        _ => ErrorCode::InvalidRecord,
    }
}

const fn is_of_time(fault: &RecordFault) -> bool {
    matches!(fault.error, InvalidRecord::Timestamp { .. })
}
