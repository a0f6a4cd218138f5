//! OffsetDelete: forgets offsets of a group in topics that it doesn't read. Source: KIP-496.

use super::message::message;

message! {
    /// Asks to forget offsets.
    pub struct OffsetDeleteRequest {
        /// The group.
        pub group_id: String, [0..];
        /// The topics.
        pub topics: Vec<OffsetDeleteRequestTopic>, [0..];
    }

    /// A topic.
    pub struct OffsetDeleteRequestTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<OffsetDeleteRequestPartition>, [0..];
    }

    /// A partition.
    pub struct OffsetDeleteRequestPartition {
        /// Its number.
        pub partition_index: i32, [0..];
    }
}

message! {
    /// What was forgotten.
    pub struct OffsetDeleteResponse {
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [0..];
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics.
        pub topics: Vec<OffsetDeleteResponseTopic>, [0..];
    }

    /// A topic.
    pub struct OffsetDeleteResponseTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<OffsetDeleteResponsePartition>, [0..];
    }

    /// A partition.
    pub struct OffsetDeleteResponsePartition {
        /// Its number.
        pub partition_index: i32, [0..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
    }
}
