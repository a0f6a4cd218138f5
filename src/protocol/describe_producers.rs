//! DescribeProducers: who wrote to a partition of late, and what is in an open transaction.
//! Source: KIP-664.

use super::message::message;

message! {
    /// Asks for the producers of partitions.
    pub struct DescribeProducersRequest {
        /// The topics.
        pub topics: Vec<TopicRequest>, [0..];
    }

    /// A topic that is asked about.
    pub struct TopicRequest {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partition_indexes: Vec<i32>, [0..];
    }
}

message! {
    /// The producers.
    pub struct DescribeProducersResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics.
        pub topics: Vec<TopicResponse>, [0..];
    }

    /// The producers of a topic.
    pub struct TopicResponse {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<PartitionResponse>, [0..];
    }

    /// The producers of a partition.
    pub struct PartitionResponse {
        /// Its number.
        pub partition_index: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
        /// The producers.
        pub active_producers: Vec<ProducerState>, [0..];
    }

    /// A producer.
    pub struct ProducerState {
        /// Its id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i32, [0..];
        /// The sequence number of its last record; -1 for none.
        pub last_sequence: i32 = -1, [0..];
        /// The time of its last batch, in milliseconds; -1 for none.
        pub last_timestamp: i64 = -1, [0..];
        /// The epoch of the coordinator of its last marker.
        pub coordinator_epoch: i32, [0..];
        /// The first offset of its open transaction; -1 for none.
        pub current_txn_start_offset: i64 = -1, [0..];
    }
}
