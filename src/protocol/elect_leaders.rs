//! ElectLeaders: has leaders of partitions elected. Source: KIP-183, KIP-460.

use super::message::message;

message! {
    /// Asks for elections.
    pub struct ElectLeadersRequest {
        /// 0 the preferred replica, 1 any that is there.
        pub election_type: i8, [1..];
        /// The partitions; null for all.
        pub topic_partitions: Option<Vec<TopicPartitions>>, [0.., null 0..];
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32 = 60_000, [0..];
    }

    /// A topic that is asked about.
    pub struct TopicPartitions {
        /// Its name.
        pub topic: String, [0..];
        /// Its partitions.
        pub partitions: Vec<i32>, [0..];
    }
}

message! {
    /// What became of each partition.
    pub struct ElectLeadersResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [1..];
        /// The topics.
        pub replica_election_results: Vec<ReplicaElectionResult>, [0..];
    }

    /// What became of a topic's partitions.
    pub struct ReplicaElectionResult {
        /// Its name.
        pub topic: String, [0..];
        /// Its partitions.
        pub partition_result: Vec<PartitionResult>, [0..];
    }

    /// What became of one partition.
    pub struct PartitionResult {
        /// Its number.
        pub partition_id: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
    }
}
