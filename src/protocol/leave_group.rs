//! LeaveGroup: a member goes, from version 3 on several at once. Source: KIP-345 for the list,
//! KIP-800 for the reason.

use super::message::message;

message! {
    /// Takes members out of a group.
    pub struct LeaveGroupRequest {
        /// The group.
        pub group_id: String, [0..];
        /// The member's id.
        pub member_id: String, [0..=2];
        /// The members.
        pub members: Vec<MemberIdentity>, [3..];
    }

    /// Who leaves.
    pub struct MemberIdentity {
        /// Its id; empty where an administrator removes a static member.
        pub member_id: String, [3..];
        /// Its own name, where it has one.
        pub group_instance_id: Option<String>, [3.., null 3..];
        /// Why, in words.
        pub reason: Option<String>, [5.., null 5..];
    }
}

message! {
    /// Who left.
    pub struct LeaveGroupResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [0..];
        /// The members.
        pub members: Vec<MemberResponse>, [3..];
    }

    /// A member.
    pub struct MemberResponse {
        /// Its id.
        pub member_id: String, [3..];
        /// Its own name, where it has one.
        pub group_instance_id: Option<String>, [3.., null 3..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [3..];
    }
}
