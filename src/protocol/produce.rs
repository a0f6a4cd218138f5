//! Produce: record batches to append. Source: KIP-98 for the transactional id, KIP-467 for record
//! errors, KIP-951 for the current leader, KIP-516 for topic ids.

use super::message::message;
use super::wire::Records;
use crate::model::Uuid;

message! {
    /// Record batches to append.
    pub struct ProduceRequest {
        /// The transactional id; null where the producer has none.
        pub transactional_id: Option<String>, [3.., null 3..];
        /// Who must have the records before the answer: 0 nobody (there is none), 1 the leader, -1 all.
        pub acks: i16, [3..];
        /// How long the answer may take, in milliseconds.
        pub timeout_ms: i32, [3..];
        /// The records, by topic.
        pub topic_data: Vec<TopicProduceData>, [3..];
    }

    /// Records of one topic.
    pub struct TopicProduceData {
        /// Its name.
        pub name: String, [3..=12];
        /// Its id.
        pub topic_id: Uuid, [13..];
        /// The records, by partition.
        pub partition_data: Vec<PartitionProduceData>, [3..];
    }

    /// Records of one partition.
    pub struct PartitionProduceData {
        /// Its number.
        pub index: i32, [3..];
        /// One record batch.
        pub records: Option<Records>, [3.., null 3..];
    }
}

message! {
    /// What became of the records.
    pub struct ProduceResponse {
        /// By topic.
        pub responses: Vec<TopicProduceResponse>, [3..];
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [3..];
    }
    tags {
        /// Where the leaders are that `current_leader` tells of.
        0 pub node_endpoints: Vec<NodeEndpoint>, [10..];
    }

    /// What became of those of one topic.
    pub struct TopicProduceResponse {
        /// Its name.
        pub name: String, [3..=12];
        /// Its id.
        pub topic_id: Uuid, [13..];
        /// By partition.
        pub partition_responses: Vec<PartitionProduceResponse>, [3..];
    }

    /// What became of those of one partition.
    pub struct PartitionProduceResponse {
        /// Its number.
        pub index: i32, [3..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [3..];
        /// The offset of the first record, -1 where none was appended.
        pub base_offset: i64 = -1, [3..];
        /// The time of the append in milliseconds, where the topic's timestamps are that; else -1.
        pub log_append_time_ms: i64 = -1, [3..];
        /// Where the partition's log starts.
        pub log_start_offset: i64 = -1, [5..];
        /// The records for which the batch was refused.
        pub record_errors: Vec<BatchIndexAndErrorMessage>, [8..];
        /// The error in words.
        pub error_message: Option<String>, [8.., null 8..];
    }
    tags {
        /// The leader, where it is another broker.
        0 pub current_leader: LeaderIdAndEpoch, [10..];
    }

    /// A record for which its batch was refused.
    pub struct BatchIndexAndErrorMessage {
        /// Its place in the batch, from 0.
        pub batch_index: i32, [8..];
        /// What is wrong with it.
        pub batch_index_error_message: Option<String>, [8.., null 8..];
    }

    /// Who leads a partition.
    pub struct LeaderIdAndEpoch {
        /// The leader's id, -1 where it is not known.
        pub leader_id: i32 = -1, [10..];
        /// Its epoch.
        pub leader_epoch: i32 = -1, [10..];
    }

    /// Where a broker is.
    pub struct NodeEndpoint {
        /// Its id.
        pub node_id: i32, [10..];
        /// Where clients reach it.
        pub host: String, [10..];
        /// Its port there.
        pub port: i32, [10..];
        /// Its rack.
        pub rack: Option<String>, [10.., null 10..];
    }
}
