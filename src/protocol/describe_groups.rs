//! DescribeGroups: state and members of groups. Source: KIP-430 for the allowed operations, KIP-345
//! for static members, KIP-1043 for the error of a group that is not there.

use bytes::Bytes;

use super::message::message;
use super::metadata::OPERATIONS_UNKNOWN;

message! {
    /// Asks how groups are.
    pub struct DescribeGroupsRequest {
        /// The groups.
        pub groups: Vec<String>, [0..];
        /// Whether to tell what the client may do with each.
        pub include_authorized_operations: bool, [3..];
    }
}

message! {
    /// How groups are.
    pub struct DescribeGroupsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// The groups.
        pub groups: Vec<DescribedGroup>, [0..];
    }

    /// A group.
    pub struct DescribedGroup {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [6.., null 6..];
        /// The group.
        pub group_id: String, [0..];
        /// The name of its state.
        pub group_state: String, [0..];
        /// What kind of group it is.
        pub protocol_type: String, [0..];
        /// The protocol of its generation.
        pub protocol_data: String, [0..];
        /// Its members.
        pub members: Vec<DescribedGroupMember>, [0..];
        /// What the client may do with it, a bit for each operation.
        pub authorized_operations: i32 = OPERATIONS_UNKNOWN, [3..];
    }

    /// A member.
    pub struct DescribedGroupMember {
        /// Its id.
        pub member_id: String, [0..];
        /// Its own name, where it has one.
        pub group_instance_id: Option<String>, [4.., null 4..];
        /// The name that its client gave itself.
        pub client_id: String, [0..];
        /// Where its client is.
        pub client_host: String, [0..];
        /// What it said of itself for the chosen protocol.
        pub member_metadata: Bytes, [0..];
        /// What it is to do.
        pub member_assignment: Bytes, [0..];
    }
}
