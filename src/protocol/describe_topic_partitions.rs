//! DescribeTopicPartitions: topics and their partitions, a page at a time. Source: KIP-966.

use super::message::message;
use super::metadata::OPERATIONS_UNKNOWN;
use crate::model::Uuid;

message! {
    /// Asks for topics.
    pub struct DescribeTopicPartitionsRequest {
        /// The topics; empty for all.
        pub topics: Vec<TopicRequest>, [0..];
        /// How many partitions the answer may have.
        pub response_partition_limit: i32 = 2000, [0..];
        /// Where to go on; null for the beginning.
        pub cursor: Option<Cursor>, [0.., null 0..];
    }

    /// A topic that is asked for.
    pub struct TopicRequest {
        /// Its name.
        pub name: String, [0..];
    }

    /// A place in the list of all partitions.
    pub struct Cursor {
        /// The topic.
        pub topic_name: String, [0..];
        /// The first partition that was not told yet.
        pub partition_index: i32, [0..];
    }
}

message! {
    /// The topics.
    pub struct DescribeTopicPartitionsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The topics, by name.
        pub topics: Vec<DescribeTopicPartitionsResponseTopic>, [0..];
        /// Where the next request goes on; null at the end.
        pub next_cursor: Option<Cursor>, [0.., null 0..];
    }

    /// A topic.
    pub struct DescribeTopicPartitionsResponseTopic {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
        /// Its name.
        pub name: Option<String>, [0.., null 0..];
        /// Its id.
        pub topic_id: Uuid, [0..];
        /// Whether Kafka itself keeps records there.
        pub is_internal: bool, [0..];
        /// Its partitions.
        pub partitions: Vec<DescribeTopicPartitionsResponsePartition>, [0..];
        /// What the client may do with it, a bit for each operation.
        pub topic_authorized_operations: i32 = OPERATIONS_UNKNOWN, [0..];
    }

    /// A partition.
    pub struct DescribeTopicPartitionsResponsePartition {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
        /// Its number.
        pub partition_index: i32, [0..];
        /// The id of its leader, -1 if there is none.
        pub leader_id: i32, [0..];
        /// The leader's epoch.
        pub leader_epoch: i32 = -1, [0..];
        /// The brokers that have it.
        pub replica_nodes: Vec<i32>, [0..];
        /// Those that are in sync.
        pub isr_nodes: Vec<i32>, [0..];
        /// Those out of sync that may lead all the same.
        pub eligible_leader_replicas: Option<Vec<i32>>, [0.., null 0..];
        /// Those that were so last.
        pub last_known_elr: Option<Vec<i32>>, [0.., null 0..];
        /// Those that are not up.
        pub offline_replicas: Vec<i32>, [0..];
    }
}
