//! CreatePartitions: adds partitions to topics. Source: KIP-195.

use super::message::message;

message! {
    /// Asks for partitions to be added.
    pub struct CreatePartitionsRequest {
        /// The topics.
        pub topics: Vec<CreatePartitionsTopic>, [0..];
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32, [0..];
        /// Whether to say only what would happen.
        pub validate_only: bool, [0..];
    }

    /// A topic that is to have more partitions.
    pub struct CreatePartitionsTopic {
        /// Its name.
        pub name: String, [0..];
        /// How many it is to have.
        pub count: i32, [0..];
        /// The brokers of each new one, where they are assigned by hand.
        pub assignments: Option<Vec<CreatePartitionsAssignment>>, [0.., null 0..];
    }

    /// The brokers of a new partition.
    pub struct CreatePartitionsAssignment {
        /// The brokers.
        pub broker_ids: Vec<i32>, [0..];
    }
}

message! {
    /// What became of each topic.
    pub struct CreatePartitionsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics, each once.
        pub results: Vec<CreatePartitionsTopicResult>, [0..];
    }

    /// What became of one topic.
    pub struct CreatePartitionsTopicResult {
        /// Its name.
        pub name: String, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
    }
}
