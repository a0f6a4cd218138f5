//! What can go wrong with a partition's log.

use crate::model::Offset;
use crate::record::CorruptBatch;
use crate::storage::{self, File};

/// What an operation on a log gives.
pub type Result<T> = std::result::Result<T, Error>;

/// Bytes of a log that are not what they must be.
#[derive(Debug, thiserror::Error)]
#[error("{path} is damaged at position {position}: {cause}")]
pub struct Corruption {
    /// The file, as a person would type it.
    pub path: String,
    /// The byte at which the damaged batch begins.
    pub position: u64,
    /// What is wrong with it.
    pub cause: Fault,
}

/// What can be wrong with the bytes at a place where a batch should stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends within the batch: what a writer leaves that was stopped half way.
    #[error("the batch is cut short")]
    Incomplete,
    /// No batch.
    #[error(transparent)]
    Corrupt(#[from] CorruptBatch),
    /// A sound batch that can't stand here.
    #[error("the batch begins at offset {found}, where {expected} or later must come")]
    Misplaced {
        /// Its base offset.
        found: Offset,
        /// The lowest base offset that would be right.
        expected: Offset,
    },
    /// A sound batch past what the log holds.
    #[error("the batch ends at offset {found}, where the log ends before {end}")]
    PastEnd {
        /// Its last offset.
        found: Offset,
        /// The offset after the log's last.
        end: Offset,
    },
    /// No batch, where there were some that are known to have been durable.
    #[error("the log ends at offset {end}, but all below offset {recovery_point} was on disk")]
    EndsEarly {
        /// The offset after the last sound batch.
        end: Offset,
        /// What the checkpoint says.
        recovery_point: Offset,
    },
}

impl Error {
    /// Whether this is how a look ends at files that were removed or replaced meanwhile.
    pub(super) fn may_be_overtaken(&self) -> bool {
        match self {
            Self::Storage(error) => {
                error.is_not_found() || error.source.kind() == std::io::ErrorKind::UnexpectedEof
            }
            Self::Corrupt(_) => true,
            _ => false,
        }
    }
}

impl Fault {
    /// As an error about a file.
    #[must_use]
    pub fn at(self, file: &dyn File, position: u64) -> Error {
        let path = file.display().to_owned();
        Error::Corrupt(Box::new(Corruption { path, position, cause: self }))
    }
}

/// Why an operation on a log did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world: the file system said no.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Bytes on disk that can't be what was written.
    #[error(transparent)]
    Corrupt(#[from] Box<Corruption>),
    /// The partition was deleted, or deleted and made anew, since it was opened.
    #[error("the partition was deleted meanwhile")]
    Gone,
    /// There is no such offset, and there will not be (below the start) or not yet be (past the end).
    #[error("offset {offset} is out of range: the log has {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The first offset there is.
        start: Offset,
        /// The offset after the last.
        end: Offset,
    },
    /// A batch larger than a segment may be.
    #[error("a batch of {size} bytes exceeds segment.bytes of {max}")]
    LargerThanSegment {
        /// The batch, in bytes.
        size: usize,
        /// The limit, in bytes.
        max: u64,
    },
    /// The batch to append is malformed.
    #[error("the batch to append is malformed: {0}")]
    Malformed(CorruptBatch),
    /// The bytes to append are less or more than one batch.
    #[error("the bytes to append are not one whole batch")]
    NotOneBatch,
    /// A producer's batch does not follow the last one that it sent. Source: KIP-98.
    #[error("producer {producer_id} sent sequence {found}, where {expected} must come")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// Base sequence of its batch.
        found: i32,
        /// The sequence that would be right.
        expected: i32,
    },
    /// A producer that another one with the same id has taken the place of. Source: KIP-98.
    #[error("producer {producer_id} has epoch {current} by now, not {found}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// Epoch of its batch.
        found: i16,
        /// The epoch that the log knows.
        current: i16,
    },
    /// A batch in a transaction that was not begun here, or beside one that was. Source: KIP-98.
    #[error("producer {producer_id} is not in a state for such a batch, by its transactions")]
    InvalidTxnState {
        /// The producer.
        producer_id: i64,
    },
    /// A batch in a transaction of which the coordinator has not been asked. Source: KIP-890.
    #[error("producer {producer_id} has no transaction here that was verified")]
    TransactionNotVerified {
        /// The producer.
        producer_id: i64,
    },
    /// A marker of a coordinator that another one has taken the place of. Source: KIP-98.
    #[error("the coordinator of producer {producer_id} has epoch {current} by now, not {found}")]
    CoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// Epoch of the marker's coordinator.
        found: i32,
        /// The epoch that the log knows.
        current: i32,
    },
    /// No offset is left.
    #[error("the partition has no offsets left")]
    OffsetsExhausted,
}
