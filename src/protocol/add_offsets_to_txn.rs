//! AddOffsetsToTxn: a group whose offsets a transaction is going to commit. Source: KIP-98.

use super::message::message;

message! {
    /// Asks to add the offsets of a group.
    pub struct AddOffsetsToTxnRequest {
        /// The transactional id.
        pub transactional_id: String, [0..];
        /// The producer's id.
        pub producer_id: i64, [0..];
        /// Its epoch.
        pub producer_epoch: i16, [0..];
        /// The group.
        pub group_id: String, [0..];
    }
}

message! {
    /// What became of it.
    pub struct AddOffsetsToTxnResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
    }
}
