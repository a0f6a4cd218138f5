//! Heartbeat: a member is alive, and learns whether the group rebalances. Source: KIP-345 for
//! static members.

use super::message::message;

message! {
    /// Says that a member is alive.
    pub struct HeartbeatRequest {
        /// The group.
        pub group_id: String, [0..];
        /// The generation that the member is in.
        pub generation_id: i32, [0..];
        /// The member's id.
        pub member_id: String, [0..];
        /// The member's own name, where it has one.
        pub group_instance_id: Option<String>, [3.., null 3..];
    }
}

message! {
    /// What the group says to it.
    pub struct HeartbeatResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong, 0 for nothing; 27 where the group rebalances.
        pub error_code: i16, [0..];
    }
}
