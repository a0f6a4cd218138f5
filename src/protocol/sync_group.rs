//! SyncGroup: the leader says who does what, and each member is told its part. Source: KIP-345 for
//! static members, KIP-559 for the type and name of the protocol.

use bytes::Bytes;

use super::message::message;

message! {
    /// Asks for a member's part, and brings everybody's if it is the leader who asks.
    pub struct SyncGroupRequest {
        /// The group.
        pub group_id: String, [0..];
        /// The generation that the member is in.
        pub generation_id: i32, [0..];
        /// The member's id.
        pub member_id: String, [0..];
        /// The member's own name, where it has one.
        pub group_instance_id: Option<String>, [3.., null 3..];
        /// What kind of group the member takes it for.
        pub protocol_type: Option<String>, [5.., null 5..];
        /// The protocol that the member was told.
        pub protocol_name: Option<String>, [5.., null 5..];
        /// Who does what, from the leader.
        pub assignments: Vec<SyncGroupRequestAssignment>, [0..];
    }

    /// One member's part.
    pub struct SyncGroupRequestAssignment {
        /// The member's id.
        pub member_id: String, [0..];
        /// What it is to do.
        pub assignment: Bytes, [0..];
    }
}

message! {
    /// A member's part.
    pub struct SyncGroupResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// What kind of group it is.
        pub protocol_type: Option<String>, [5.., null 5..];
        /// The protocol of the generation.
        pub protocol_name: Option<String>, [5.., null 5..];
        /// What the member is to do.
        pub assignment: Bytes, [0..];
    }
}
