//! AddPartitionsToTxn: partitions that a transaction is going to write to. From version 4 on it speaks
//! of several transactions, as brokers do among themselves. Source: KIP-98; KIP-890 for version 4.

use super::message::message;

message! {
    /// Asks to add partitions.
    pub struct AddPartitionsToTxnRequest {
        /// The transactions.
        pub transactions: Vec<AddPartitionsToTxnTransaction>, [4..];
        /// The transactional id.
        pub v3_and_below_transactional_id: String, [0..=3];
        /// The producer's id.
        pub v3_and_below_producer_id: i64, [0..=3];
        /// Its epoch.
        pub v3_and_below_producer_epoch: i16, [0..=3];
        /// The topics.
        pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>, [0..=3];
    }

    /// A transaction that partitions are added to.
    pub struct AddPartitionsToTxnTransaction {
        /// The transactional id.
        pub transactional_id: String, [4..];
        /// The producer's id.
        pub producer_id: i64, [4..];
        /// Its epoch.
        pub producer_epoch: i16, [4..];
        /// Whether to ask only whether the partitions are in the transaction.
        pub verify_only: bool, [4..];
        /// The topics.
        pub topics: Vec<AddPartitionsToTxnTopic>, [4..];
    }

    /// A topic.
    pub struct AddPartitionsToTxnTopic {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub partitions: Vec<i32>, [0..];
    }
}

message! {
    /// What became of them.
    pub struct AddPartitionsToTxnResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [4..];
        /// The transactions.
        pub results_by_transaction: Vec<AddPartitionsToTxnResult>, [4..];
        /// The topics.
        pub results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>, [0..=3];
    }

    /// A transaction.
    pub struct AddPartitionsToTxnResult {
        /// The transactional id.
        pub transactional_id: String, [4..];
        /// The topics.
        pub topic_results: Vec<AddPartitionsToTxnTopicResult>, [4..];
    }

    /// A topic.
    pub struct AddPartitionsToTxnTopicResult {
        /// Its name.
        pub name: String, [0..];
        /// Its partitions.
        pub results_by_partition: Vec<AddPartitionsToTxnPartitionResult>, [0..];
    }

    /// A partition.
    pub struct AddPartitionsToTxnPartitionResult {
        /// Its number.
        pub partition_index: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub partition_error_code: i16, [0..];
    }
}
