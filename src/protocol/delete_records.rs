//! DeleteRecords: moves the log start offset up. Source: KIP-107.

use super::message::message;

message! {
    /// Asks for records to be deleted.
    pub struct DeleteRecordsRequest {
        /// The topics.
        pub topics: Vec<DeleteRecordsTopic>, [0..];
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32, [0..];
    }

    /// A topic of which records are to be deleted.
    pub struct DeleteRecordsTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<DeleteRecordsPartition>, [0..];
    }

    /// A partition of which records are to be deleted.
    pub struct DeleteRecordsPartition {
        /// Its number.
        pub partition_index: i32, [0..];
        /// The first offset that stays; -1 for the high watermark.
        pub offset: i64, [0..];
    }
}

message! {
    /// What became of each partition.
    pub struct DeleteRecordsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics.
        pub topics: Vec<DeleteRecordsTopicResult>, [0..];
    }

    /// What became of a topic's partitions.
    pub struct DeleteRecordsTopicResult {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<DeleteRecordsPartitionResult>, [0..];
    }

    /// What became of one partition.
    pub struct DeleteRecordsPartitionResult {
        /// Its number.
        pub partition_index: i32, [0..];
        /// The log start offset as it is now; -1 on an error.
        pub low_watermark: i64, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
    }
}
