//! ListOffsets: the offset of a time, or of one of the times below 0 that stand for places of the log.
//! Source: KIP-79; KIP-207 and KIP-320 for leader epochs; KIP-734, KIP-405, KIP-1005 and KIP-1023 for
//! the places.

use super::message::message;

/// The log end, as far as the client may read.
pub const LATEST: i64 = -1;
/// The log start.
pub const EARLIEST: i64 = -2;
/// The record of the largest timestamp, from version 7 on.
pub const MAX_TIMESTAMP: i64 = -3;
/// The start of what is on this broker's disk, from version 8 on.
pub const EARLIEST_LOCAL: i64 = -4;
/// The end of what is in tiered storage, from version 9 on.
pub const LATEST_TIERED: i64 = -5;
/// The first offset that waits to be moved to tiered storage, from version 11 on.
pub const EARLIEST_PENDING_UPLOAD: i64 = -6;

message! {
    /// Asks for the offsets of times.
    pub struct ListOffsetsRequest {
        /// The broker that follows, -1 for a consumer.
        pub replica_id: i32 = -1, [1..];
        /// 0 read uncommitted, 1 read committed.
        pub isolation_level: i8, [2..];
        /// The topics.
        pub topics: Vec<ListOffsetsTopic>, [1..];
        /// How long reading from tiered storage may take, in milliseconds.
        pub timeout_ms: i32, [10..];
    }

    /// A topic that is asked about.
    pub struct ListOffsetsTopic {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partitions: Vec<ListOffsetsPartition>, [1..];
    }

    /// A partition that is asked about.
    pub struct ListOffsetsPartition {
        /// Its number.
        pub partition_index: i32, [1..];
        /// The leader epoch that the client knows, -1 if none.
        pub current_leader_epoch: i32 = -1, [4..];
        /// The time in milliseconds, or a place: see the constants.
        pub timestamp: i64, [1..];
    }
}

message! {
    /// The offsets of times.
    pub struct ListOffsetsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [2..];
        /// By topic.
        pub topics: Vec<ListOffsetsTopicResponse>, [1..];
    }

    /// The offsets of a topic.
    pub struct ListOffsetsTopicResponse {
        /// Its name.
        pub name: String, [1..];
        /// By partition.
        pub partitions: Vec<ListOffsetsPartitionResponse>, [1..];
    }

    /// The offset of a partition.
    pub struct ListOffsetsPartitionResponse {
        /// Its number.
        pub partition_index: i32, [1..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [1..];
        /// The timestamp of the record that was found, -1 if none was.
        pub timestamp: i64 = -1, [1..];
        /// Its offset, -1 if there is none.
        pub offset: i64 = -1, [1..];
        /// Its leader epoch, -1 if it is not known.
        pub leader_epoch: i32 = -1, [4..];
    }
}
