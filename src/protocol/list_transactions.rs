//! ListTransactions: the transactional ids that there are. Source: KIP-664; KIP-994 for the duration,
//! KIP-1152 for the pattern.

use super::message::message;

message! {
    /// Asks for transactional ids.
    pub struct ListTransactionsRequest {
        /// In these states; in any if empty.
        pub state_filters: Vec<String>, [0..];
        /// Of these producers; of any if empty.
        pub producer_id_filters: Vec<i64>, [0..];
        /// Whose transaction is open for longer than so many milliseconds; -1 for any.
        pub duration_filter: i64 = -1, [1..];
        /// Whose id is matched by this regular expression; null or empty for any.
        pub transactional_id_pattern: Option<String>, [2.., null 2..];
    }
}

message! {
    /// Those that there are.
    pub struct ListTransactionsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// Names that are of no state.
        pub unknown_state_filters: Vec<String>, [0..];
        /// The ids.
        pub transaction_states: Vec<ListedTransaction>, [0..];
    }

    /// A transactional id.
    pub struct ListedTransaction {
        /// The id.
        pub transactional_id: String, [0..];
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// The name of its state.
        pub transaction_state: String, [0..];
    }
}
