//! OffsetForLeaderEpoch: where a leader epoch ends, by which clients see that a log was cut.
//! Source: KIP-320.

use super::message::message;

message! {
    /// Asks for the ends of leader epochs.
    pub struct OffsetForLeaderEpochRequest {
        /// The broker that follows: -1 a consumer, -2 one that debugs.
        pub replica_id: i32 = -2, [3..];
        /// The topics.
        pub topics: Vec<OffsetForLeaderTopic>, [2..];
    }

    /// A topic that is asked about.
    pub struct OffsetForLeaderTopic {
        /// Its name.
        pub topic: String, [2..];
        /// Its partitions.
        pub partitions: Vec<OffsetForLeaderPartition>, [2..];
    }

    /// A partition that is asked about.
    pub struct OffsetForLeaderPartition {
        /// Its number.
        pub partition: i32, [2..];
        /// The leader epoch that the client knows, -1 if none.
        pub current_leader_epoch: i32 = -1, [2..];
        /// The epoch whose end is asked for.
        pub leader_epoch: i32, [2..];
    }
}

message! {
    /// The ends of leader epochs.
    pub struct OffsetForLeaderEpochResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [2..];
        /// By topic.
        pub topics: Vec<OffsetForLeaderTopicResult>, [2..];
    }

    /// The ends of epochs of a topic.
    pub struct OffsetForLeaderTopicResult {
        /// Its name.
        pub topic: String, [2..];
        /// By partition.
        pub partitions: Vec<EpochEndOffset>, [2..];
    }

    /// The end of an epoch of a partition.
    pub struct EpochEndOffset {
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [2..];
        /// The partition's number.
        pub partition: i32, [2..];
        /// The epoch: that which was asked for, or the last before it that has records; -1 if none has.
        pub leader_epoch: i32 = -1, [2..];
        /// The offset after its last record, -1 if there is no such epoch.
        pub end_offset: i64 = -1, [2..];
    }
}
