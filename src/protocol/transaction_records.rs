//! The records of `__transaction_state`, in which transactional ids are kept.
//!
//! A key is a version, 0, and the id; a value a version and what is known of the id. A null value is a
//! tombstone: the id was forgotten.
//!
//! Kafka 4.3 writes values of version 1 once the feature `transaction.version` is 1 or more, and 0
//! before. Both are read, 1 is written. A later Kafka may add tagged fields; they are skipped.
//!
//! Differs: runnel keeps markers in a tagged field of its own that it has written and not synced; see
//! [`UnsyncedMarker`]. Kafka skips it, as any field of a later version. A clean stop leaves none that
//! matters.
//!
//! Source: Kafka's `TransactionLogKey`, `TransactionLogValue`.

use bytes::BytesMut;

use super::message::message;
use super::wire::{DecodeError, Reader, Wire as _, Writer};

message! {
    /// Whose state it is.
    pub struct TransactionLogKey {
        /// The transactional id.
        pub transactional_id: String, [0..];
    }
}

message! {
    /// The state of a transactional id.
    pub struct TransactionLogValue {
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i16, [0..];
        /// How long a transaction may last, in milliseconds.
        pub transaction_timeout_ms: i32, [0..];
        /// 0 empty, 1 ongoing, 2 prepared to commit, 3 prepared to abort, 4 committed, 5 aborted.
        pub transaction_status: i8, [0..];
        /// Where the transaction wrote to; null of an id that never had one.
        pub transaction_partitions: Option<Vec<TransactionPartitions>>, [0.., null 0..];
        /// When it was written, in milliseconds since the Unix epoch.
        pub transaction_last_update_timestamp_ms: i64, [0..];
        /// When the transaction began, in milliseconds since the Unix epoch; -1 if none did.
        pub transaction_start_timestamp_ms: i64, [0..];
    }
    tags {
        /// The producer's id before this was written; -1 if none.
        0 pub previous_producer_id: i64 = -1, [1..];
        /// The producer's id once the transaction is over; -1 if it stays.
        1 pub next_producer_id: i64 = -1, [1..];
        /// The version of transactions that the client follows.
        2 pub client_transaction_version: i16, [1..];
        /// Markers of transactions that are over which a crash may have taken.
        10_000 pub unsynced_markers: Vec<UnsyncedMarker>, [1..];
    }

    /// A topic that a transaction wrote to.
    pub struct TransactionPartitions {
        /// Its name.
        pub topic: String, [0..];
        /// Its partitions.
        pub partition_ids: Vec<i32>, [0..];
    }

    /// A marker that was written to a partition and not known to be durable there: where the log ends
    /// before it, the transaction is open again, and this is how it ended.
    pub struct UnsyncedMarker {
        /// The topic.
        pub topic: String, [1..];
        /// The partition.
        pub partition: i32, [1..];
        /// The offset of the marker.
        pub offset: i64, [1..];
        /// The producer's id.
        pub producer_id: i64, [1..];
        /// The epoch that the marker carries.
        pub producer_epoch: i16, [1..];
        /// Whether it commits, or aborts.
        pub is_commit: bool, [1..];
    }
}

/// From this version on a value is of the flexible kind.
const FLEXIBLE: i16 = 1;

impl TransactionLogKey {
    /// Reads a key; `None` of one that a later Kafka keeps here too.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        match versioned(bytes, i16::MAX)? {
            (0, mut reader) => finish(Self::read(&mut reader)?, reader).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes a key.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(0, false);
        0_i16.write(&mut writer);
        self.write(&mut writer);
        out.extend_from_slice(&writer.finish().0);
    }
}

impl TransactionLogValue {
    /// Reads a value; `None` of a version that is not known.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        match versioned(bytes, FLEXIBLE)? {
            (0..=1, mut reader) => finish(Self::read(&mut reader)?, reader).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes a value, of the version that Kafka 4.3 writes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(FLEXIBLE, true);
        FLEXIBLE.write(&mut writer);
        self.write(&mut writer);
        out.extend_from_slice(&writer.finish().0);
    }
}

/// The version in front of a record, and a reader of the rest.
fn versioned(bytes: &[u8], flexible: i16) -> Result<(i16, Reader), DecodeError> {
    let version = i16::read(&mut Reader::new(BytesMut::from(bytes), 0, false))?;
    let mut reader = Reader::new(BytesMut::from(bytes), version, version >= flexible);
    i16::read(&mut reader)?;
    Ok((version, reader))
}

fn finish<T>(message: T, reader: Reader) -> Result<T, DecodeError> {
    reader.finish().map(|()| message)
}
