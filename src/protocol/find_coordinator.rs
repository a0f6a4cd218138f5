//! FindCoordinator: which broker looks after a group or a transactional id; one key up to version
//! 3, several from 4 on. Source: KIP-98, KIP-699 for several keys, KIP-932 for share groups.

use super::message::message;

/// A key is the id of a group.
pub const KEY_TYPE_GROUP: i8 = 0;
/// A key is a transactional id.
pub const KEY_TYPE_TRANSACTION: i8 = 1;
/// A key is a group, topic and partition of a share group.
pub const KEY_TYPE_SHARE: i8 = 2;

message! {
    /// Asks for coordinators.
    pub struct FindCoordinatorRequest {
        /// The key.
        pub key: String, [0..=3];
        /// What the keys are.
        pub key_type: i8, [1..];
        /// The keys.
        pub coordinator_keys: Vec<String>, [4..];
    }
}

message! {
    /// Where the coordinators are.
    pub struct FindCoordinatorResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..=3];
        /// The same in words.
        pub error_message: Option<String>, [1..=3, null 1..];
        /// The broker's id.
        pub node_id: i32, [0..=3];
        /// Where clients reach it.
        pub host: String, [0..=3];
        /// Its port there.
        pub port: i32, [0..=3];
        /// One for each key.
        pub coordinators: Vec<Coordinator>, [4..];
    }

    /// Where one key's coordinator is.
    pub struct Coordinator {
        /// The key.
        pub key: String, [4..];
        /// The broker's id.
        pub node_id: i32, [4..];
        /// Where clients reach it.
        pub host: String, [4..];
        /// Its port there.
        pub port: i32, [4..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [4..];
        /// The same in words.
        pub error_message: Option<String>, [4.., null 4..];
    }
}
