//! ListPartitionReassignments: which replicas are on the move. Source: KIP-455.

use super::message::message;

message! {
    /// Asks which replicas are on the move.
    pub struct ListPartitionReassignmentsRequest {
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32 = 60_000, [0..];
        /// The topics; null for all.
        pub topics: Option<Vec<ListPartitionReassignmentsTopics>>, [0.., null 0..];
    }

    /// A topic that is asked about.
    pub struct ListPartitionReassignmentsTopics {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partition_indexes: Vec<i32>, [0..];
    }
}

message! {
    /// The replicas that are on the move.
    pub struct ListPartitionReassignmentsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
        /// The topics that have some.
        pub topics: Vec<OngoingTopicReassignment>, [0..];
    }

    /// A topic of which replicas are on the move.
    pub struct OngoingTopicReassignment {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<OngoingPartitionReassignment>, [0..];
    }

    /// A partition of which replicas are on the move.
    pub struct OngoingPartitionReassignment {
        /// Its number.
        pub partition_index: i32, [0..];
        /// The brokers that have it.
        pub replicas: Vec<i32>, [0..];
        /// Those that get it.
        pub adding_replicas: Vec<i32>, [0..];
        /// Those that lose it.
        pub removing_replicas: Vec<i32>, [0..];
    }
}
