//! CreateTopics: makes topics. Source: KIP-4; KIP-464 for the broker's defaults, KIP-525 for the
//! configs in the answer.

use super::message::message;
use crate::model::Uuid;

message! {
    /// Asks for topics to be made.
    pub struct CreateTopicsRequest {
        /// The topics.
        pub topics: Vec<CreatableTopic>, [2..];
        /// How long to wait for them, in milliseconds.
        pub timeout_ms: i32 = 60_000, [2..];
        /// Whether to say only what would happen.
        pub validate_only: bool, [2..];
    }

    /// A topic that is to be made.
    pub struct CreatableTopic {
        /// Its name.
        pub name: String, [2..];
        /// How many partitions; -1 for the broker's default, or where they are assigned by hand.
        pub num_partitions: i32, [2..];
        /// How many replicas of each; -1 likewise.
        pub replication_factor: i16, [2..];
        /// The brokers of each partition, where they are assigned by hand.
        pub assignments: Vec<CreatableReplicaAssignment>, [2..];
        /// Configs that differ from the defaults.
        pub configs: Vec<CreatableTopicConfig>, [2..];
    }

    /// The brokers of one partition.
    pub struct CreatableReplicaAssignment {
        /// The partition's number.
        pub partition_index: i32, [2..];
        /// The brokers.
        pub broker_ids: Vec<i32>, [2..];
    }

    /// A config of a topic that is to be made.
    pub struct CreatableTopicConfig {
        /// Its key.
        pub name: String, [2..];
        /// Its value.
        pub value: Option<String>, [2.., null 2..];
    }
}

message! {
    /// What became of each topic.
    pub struct CreateTopicsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [2..];
        /// The topics, each once.
        pub topics: Vec<CreatableTopicResult>, [2..];
    }

    /// What became of one topic.
    pub struct CreatableTopicResult {
        /// Its name.
        pub name: String, [2..];
        /// Its id.
        pub topic_id: Uuid, [7..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [2..];
        /// The same in words.
        pub error_message: Option<String>, [2.., null 2..];
        /// How many partitions it has, -1 if it was not made.
        pub num_partitions: i32 = -1, [5..];
        /// How many replicas each has, -1 likewise.
        pub replication_factor: i16 = -1, [5..];
        /// All of its configuration; null where the client may not see it.
        pub configs: Option<Vec<CreatableTopicConfigs>> = Some(Vec::new()), [5.., null 5..];
    }
    tags {
        /// Why the configuration is not there.
        0 pub topic_config_error_code: i16, [5..];
    }

    /// One config of a topic that was made.
    pub struct CreatableTopicConfigs {
        /// Its key.
        pub name: String, [5..];
        /// Its value.
        pub value: Option<String>, [5.., null 5..];
        /// Whether it can't be changed.
        pub read_only: bool, [5..];
        /// Where the value comes from.
        pub config_source: i8 = -1, [5..];
        /// Whether the value is a secret.
        pub is_sensitive: bool, [5..];
    }
}
