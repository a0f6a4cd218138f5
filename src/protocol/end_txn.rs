//! EndTxn: commits a transaction, or aborts it. Source: KIP-98; KIP-890 for the epoch that version 5
//! gives the next one.

use super::message::message;

message! {
    /// Asks to end a transaction.
    pub struct EndTxnRequest {
        /// The transactional id.
        pub transactional_id: String, [0..];
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i16, [0..];
        /// Whether it is committed, or aborted.
        pub committed: bool, [0..];
    }
}

message! {
    /// What became of it.
    pub struct EndTxnResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The id to go on with; -1 if something went wrong.
        pub producer_id: i64 = -1, [5..];
        /// The epoch to go on with; -1 if something went wrong.
        pub producer_epoch: i16 = -1, [5..];
    }
}
