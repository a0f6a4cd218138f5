//! TxnOffsetCommit: offsets that count once their transaction is committed. Source: KIP-98; KIP-447
//! for the member, KIP-890 for version 5.

use super::message::message;

message! {
    /// Asks to keep offsets within a transaction.
    pub struct TxnOffsetCommitRequest {
        /// The transactional id.
        pub transactional_id: String, [0..];
        /// The group.
        pub group_id: String, [0..];
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i16, [0..];
        /// The generation that the member is in; -1 of who is no member.
        pub generation_id: i32 = -1, [3..];
        /// The member; empty of who is none.
        pub member_id: String, [3..];
        /// The member's own name, where it has one.
        pub group_instance_id: Option<String>, [3.., null 3..];
        /// The topics.
        pub topics: Vec<TxnOffsetCommitRequestTopic>, [0..];
    }

    /// A topic of which offsets are to be kept.
    pub struct TxnOffsetCommitRequestTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<TxnOffsetCommitRequestPartition>, [0..];
    }

    /// A partition whose offset is to be kept.
    pub struct TxnOffsetCommitRequestPartition {
        /// Its number.
        pub partition_index: i32, [0..];
        /// The offset of the next record to read.
        pub committed_offset: i64, [0..];
        /// The leader epoch of the last record that was read, -1 if not known.
        pub committed_leader_epoch: i32 = -1, [2..];
        /// What the member wants to be told with the offset.
        pub committed_metadata: Option<String>, [0.., null 0..];
    }
}

message! {
    /// What was kept.
    pub struct TxnOffsetCommitResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics.
        pub topics: Vec<TxnOffsetCommitResponseTopic>, [0..];
    }

    /// A topic.
    pub struct TxnOffsetCommitResponseTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<TxnOffsetCommitResponsePartition>, [0..];
    }

    /// A partition.
    pub struct TxnOffsetCommitResponsePartition {
        /// Its number.
        pub partition_index: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
    }
}
