//! DeleteGroups: forgets groups without members, and their offsets. Source: KIP-229.

use super::message::message;

message! {
    /// Asks to forget groups.
    pub struct DeleteGroupsRequest {
        /// The groups.
        pub groups_names: Vec<String>, [0..];
    }
}

message! {
    /// What was forgotten.
    pub struct DeleteGroupsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// The groups.
        pub results: Vec<DeletableGroupResult>, [0..];
    }

    /// A group.
    pub struct DeletableGroupResult {
        /// The group.
        pub group_id: String, [0..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
    }
}
