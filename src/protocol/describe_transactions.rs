//! DescribeTransactions: how transactional ids are. Source: KIP-664.

use super::message::message;

message! {
    /// Asks for transactional ids.
    pub struct DescribeTransactionsRequest {
        /// The ids.
        pub transactional_ids: Vec<String>, [0..];
    }
}

message! {
    /// How they are.
    pub struct DescribeTransactionsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// One for each id.
        pub transaction_states: Vec<TransactionState>, [0..];
    }

    /// A transactional id.
    pub struct TransactionState {
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The id.
        pub transactional_id: String, [0..];
        /// The name of its state.
        pub transaction_state: String, [0..];
        /// How long a transaction of it may last, in milliseconds.
        pub transaction_timeout_ms: i32, [0..];
        /// When its transaction began, in milliseconds since the Unix epoch; -1 if none is open.
        pub transaction_start_time_ms: i64, [0..];
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i16, [0..];
        /// Where it wrote to.
        pub topics: Vec<TopicData>, [0..];
    }

    /// A topic.
    pub struct TopicData {
        /// Its name.
        pub topic: String, [0..];
        /// Its partitions.
        pub partitions: Vec<i32>, [0..];
    }
}
