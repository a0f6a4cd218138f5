//! JoinGroup: becomes or stays a member; the answer comes when the group's next generation begins.
//! Source: KIP-345 for static members, KIP-394 for the id that is asked for first, KIP-559 for the
//! type and name of the protocol, KIP-800 for the reason, KIP-814 for `skip_assignment`.

use bytes::Bytes;

use super::message::message;

message! {
    /// Asks to be a member.
    pub struct JoinGroupRequest {
        /// The group.
        pub group_id: String, [0..];
        /// A member of which nothing is heard for so many milliseconds is one no more.
        pub session_timeout_ms: i32, [0..];
        /// How many milliseconds a rebalance waits for the member; -1 in version 0, which means the
        /// session timeout.
        pub rebalance_timeout_ms: i32 = -1, [1..];
        /// The member's id; empty of who has none yet.
        pub member_id: String, [0..];
        /// The member's own name, where it has one.
        pub group_instance_id: Option<String>, [5.., null 5..];
        /// What kind of group it is: `consumer`, `connect` and so on.
        pub protocol_type: String, [0..];
        /// The protocols that the member can do, the one it likes best first.
        pub protocols: Vec<JoinGroupRequestProtocol>, [0..];
        /// Why it joins, in words.
        pub reason: Option<String>, [8.., null 8..];
    }

    /// A protocol, that is a way to assign.
    pub struct JoinGroupRequestProtocol {
        /// Its name.
        pub name: String, [0..];
        /// What the leader will be told of the member.
        pub metadata: Bytes, [0..];
    }
}

message! {
    /// The generation that the member is in.
    pub struct JoinGroupResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [2..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The generation.
        pub generation_id: i32 = -1, [0..];
        /// What kind of group it is.
        pub protocol_type: Option<String>, [7.., null 7..];
        /// The protocol that all can do and most like best.
        pub protocol_name: Option<String>, [0.., null 7..];
        /// The id of the member who assigns.
        pub leader: String, [0..];
        /// Whether the leader is not to assign this time.
        pub skip_assignment: bool, [9..];
        /// The member's id.
        pub member_id: String, [0..];
        /// All members, told to the leader only.
        pub members: Vec<JoinGroupResponseMember>, [0..];
    }

    /// A member.
    pub struct JoinGroupResponseMember {
        /// Its id.
        pub member_id: String, [0..];
        /// Its own name, where it has one.
        pub group_instance_id: Option<String>, [5.., null 5..];
        /// What it said of itself for the chosen protocol.
        pub metadata: Bytes, [0..];
    }
}
