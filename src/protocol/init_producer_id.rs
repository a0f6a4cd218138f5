//! InitProducerId: the id and epoch that make a producer idempotent or transactional.
//! Source: KIP-98; KIP-360 for a new epoch of a known id.

use super::message::message;

message! {
    /// Asks for a producer id.
    pub struct InitProducerIdRequest {
        /// The transactional id; null for a producer that is idempotent only.
        pub transactional_id: Option<String>, [0.., null 0..];
        /// How long a transaction may last before it is aborted, in milliseconds.
        pub transaction_timeout_ms: i32, [0..];
        /// The id that the producer has, -1 if none.
        pub producer_id: i64 = -1, [3..];
        /// Its epoch, -1 if none.
        pub producer_epoch: i16 = -1, [3..];
    }
}

message! {
    /// A producer id.
    pub struct InitProducerIdResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The id, -1 if something went wrong.
        pub producer_id: i64 = -1, [0..];
        /// Its epoch, -1 if something went wrong.
        pub producer_epoch: i16 = -1, [0..];
    }
}
