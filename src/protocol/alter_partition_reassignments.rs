//! AlterPartitionReassignments: moves replicas between brokers. Source: KIP-455; KIP-860 for
//! changes of the replication factor.

use super::message::message;

message! {
    /// Asks for replicas to be moved, or a move to be called off.
    pub struct AlterPartitionReassignmentsRequest {
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32 = 60_000, [0..];
        /// Whether a partition may get another number of replicas.
        pub allow_replication_factor_change: bool = true, [1..];
        /// The topics.
        pub topics: Vec<ReassignableTopic>, [0..];
    }

    /// A topic whose replicas are to move.
    pub struct ReassignableTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<ReassignablePartition>, [0..];
    }

    /// A partition whose replicas are to move.
    pub struct ReassignablePartition {
        /// Its number.
        pub partition_index: i32, [0..];
        /// The brokers; null calls a move off.
        pub replicas: Option<Vec<i32>>, [0.., null 0..];
    }
}

message! {
    /// What became of each partition.
    pub struct AlterPartitionReassignmentsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// Whether a partition might get another number of replicas.
        pub allow_replication_factor_change: bool = true, [1..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
        /// The topics.
        pub responses: Vec<ReassignableTopicResponse>, [0..];
    }

    /// What became of a topic's partitions.
    pub struct ReassignableTopicResponse {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<ReassignablePartitionResponse>, [0..];
    }

    /// What became of one partition.
    pub struct ReassignablePartitionResponse {
        /// Its number.
        pub partition_index: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
    }
}
