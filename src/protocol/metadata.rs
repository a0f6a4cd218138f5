//! Metadata: brokers, topics and the leaders of their partitions. A broker may make a topic that
//! is asked for. Source: KIP-516 for topic ids.

use super::message::message;
use crate::model::Uuid;

/// Stands for a set of allowed operations that was not asked for.
pub const OPERATIONS_UNKNOWN: i32 = i32::MIN;

message! {
    /// Asks for brokers and topics.
    pub struct MetadataRequest {
        /// The topics; null for all, and in version 0 an empty list.
        pub topics: Option<Vec<MetadataRequestTopic>>, [0.., null 1..];
        /// Whether topics that are not there may be made.
        pub allow_auto_topic_creation: bool = true, [4..];
        /// Whether to tell what the client may do with the cluster.
        pub include_cluster_authorized_operations: bool, [8..=10];
        /// Whether to tell what the client may do with each topic.
        pub include_topic_authorized_operations: bool, [8..];
    }

    /// A topic that is asked for.
    pub struct MetadataRequestTopic {
        /// Its id; zero where its name is given.
        pub topic_id: Uuid, [10..];
        /// Its name; null where its id is given.
        pub name: Option<String>, [0.., null 10..];
    }
}

message! {
    /// Brokers and topics.
    pub struct MetadataResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [3..];
        /// The brokers that are up.
        pub brokers: Vec<MetadataBroker>, [0..];
        /// The cluster's id.
        pub cluster_id: Option<String>, [2.., null 2..];
        /// The id of the controller, -1 if there is none.
        pub controller_id: i32 = -1, [1..];
        /// The topics.
        pub topics: Vec<MetadataTopic>, [0..];
        /// What the client may do with the cluster, a bit for each operation.
        pub cluster_authorized_operations: i32 = OPERATIONS_UNKNOWN, [8..=10];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [13..];
    }

    /// A broker.
    pub struct MetadataBroker {
        /// Its id.
        pub node_id: i32, [0..];
        /// Where clients reach it.
        pub host: String, [0..];
        /// Its port there.
        pub port: i32, [0..];
        /// Its rack.
        pub rack: Option<String>, [1.., null 1..];
    }

    /// A topic.
    pub struct MetadataTopic {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
        /// Its name; null where an id was asked for that is not there.
        pub name: Option<String>, [0.., null 12..];
        /// Its id.
        pub topic_id: Uuid, [10..];
        /// Whether Kafka itself keeps records there.
        pub is_internal: bool, [1..];
        /// Its partitions.
        pub partitions: Vec<MetadataPartition>, [0..];
        /// What the client may do with it, a bit for each operation.
        pub topic_authorized_operations: i32 = OPERATIONS_UNKNOWN, [8..];
    }

    /// A partition.
    pub struct MetadataPartition {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
        /// Its number.
        pub partition_index: i32, [0..];
        /// The id of its leader, -1 if there is none.
        pub leader_id: i32 = -1, [0..];
        /// The leader's epoch.
        pub leader_epoch: i32 = -1, [7..];
        /// The brokers that have it.
        pub replica_nodes: Vec<i32>, [0..];
        /// Those that are in sync.
        pub isr_nodes: Vec<i32>, [0..];
        /// Those that are not up.
        pub offline_replicas: Vec<i32>, [5..];
    }
}
