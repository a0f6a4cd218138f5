//! ListGroups: the groups there are. Source: KIP-518 for the filter by state, KIP-848 for types.

use super::message::message;

message! {
    /// Asks for groups.
    pub struct ListGroupsRequest {
        /// The states that are asked for; empty for all.
        pub states_filter: Vec<String>, [4..];
        /// The types that are asked for; empty for all.
        pub types_filter: Vec<String>, [5..];
    }
}

message! {
    /// The groups.
    pub struct ListGroupsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [0..];
        /// The groups.
        pub groups: Vec<ListedGroup>, [0..];
    }

    /// A group.
    pub struct ListedGroup {
        /// The group.
        pub group_id: String, [0..];
        /// What kind of group it is.
        pub protocol_type: String, [0..];
        /// The name of its state.
        pub group_state: String, [4..];
        /// Its type, `classic` for one.
        pub group_type: String, [5..];
    }
}
