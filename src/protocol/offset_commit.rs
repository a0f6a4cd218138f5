//! OffsetCommit: how far a group has come in its partitions. Source: KIP-320 for the leader epoch,
//! KIP-345 for static members, KIP-848 for the member epoch and topics by id.

use super::message::message;
use crate::model::Uuid;

message! {
    /// Asks to keep offsets.
    pub struct OffsetCommitRequest {
        /// The group.
        pub group_id: String, [2..];
        /// The generation that the member is in; -1 of who is no member.
        pub generation_id_or_member_epoch: i32 = -1, [2..];
        /// The member; empty of who is none.
        pub member_id: String, [2..];
        /// The member's own name, where it has one.
        pub group_instance_id: Option<String>, [7.., null 7..];
        /// How long to keep the offsets, in milliseconds; -1 as long as the broker says.
        pub retention_time_ms: i64 = -1, [2..=4];
        /// The topics.
        pub topics: Vec<OffsetCommitRequestTopic>, [2..];
    }

    /// A topic of which offsets are to be kept.
    pub struct OffsetCommitRequestTopic {
        /// Its name.
        pub name: String, [2..=9];
        /// Its id.
        pub topic_id: Uuid, [10..];
        /// Its partitions.
        pub partitions: Vec<OffsetCommitRequestPartition>, [2..];
    }

    /// A partition whose offset is to be kept.
    pub struct OffsetCommitRequestPartition {
        /// Its number.
        pub partition_index: i32, [2..];
        /// The offset of the next record to read.
        pub committed_offset: i64, [2..];
        /// The leader epoch of the last record that was read, -1 if not known.
        pub committed_leader_epoch: i32 = -1, [6..];
        /// What the member wants to be told with the offset.
        pub committed_metadata: Option<String>, [2.., null 2..];
    }
}

message! {
    /// What was kept.
    pub struct OffsetCommitResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [3..];
        /// The topics.
        pub topics: Vec<OffsetCommitResponseTopic>, [2..];
    }

    /// A topic.
    pub struct OffsetCommitResponseTopic {
        /// Its name.
        pub name: String, [2..=9];
        /// Its id.
        pub topic_id: Uuid, [10..];
        /// Its partitions.
        pub partitions: Vec<OffsetCommitResponsePartition>, [2..];
    }

    /// A partition.
    pub struct OffsetCommitResponsePartition {
        /// Its number.
        pub partition_index: i32, [2..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [2..];
    }
}
