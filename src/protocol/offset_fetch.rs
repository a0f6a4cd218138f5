//! OffsetFetch: what groups have committed, of one group up to version 7 and of several from 8 on.
//! Source: KIP-447 for `require_stable`, KIP-709 for several groups, KIP-848 for topics
//! by id.

use super::message::message;
use crate::model::Uuid;

message! {
    /// Asks for committed offsets.
    pub struct OffsetFetchRequest {
        /// The group.
        pub group_id: String, [1..=7];
        /// The topics; null for all.
        pub topics: Option<Vec<OffsetFetchRequestTopic>>, [1..=7, null 2..];
        /// The groups.
        pub groups: Vec<OffsetFetchRequestGroup>, [8..];
        /// Whether an offset that a transaction is about to change is an error.
        pub require_stable: bool, [7..];
    }

    /// A topic.
    pub struct OffsetFetchRequestTopic {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partition_indexes: Vec<i32>, [1..];
    }

    /// A group.
    pub struct OffsetFetchRequestGroup {
        /// The group.
        pub group_id: String, [8..];
        /// The member; null of who is none, and of a member of a classic group.
        pub member_id: Option<String>, [9.., null 9..];
        /// The member's epoch, -1 of who has none.
        pub member_epoch: i32 = -1, [9..];
        /// The topics; null for all.
        pub topics: Option<Vec<OffsetFetchRequestTopics>>, [8.., null 8..];
    }

    /// A topic of a group.
    pub struct OffsetFetchRequestTopics {
        /// Its name.
        pub name: String, [8..=9];
        /// Its id.
        pub topic_id: Uuid, [10..];
        /// Its partitions.
        pub partition_indexes: Vec<i32>, [8..];
    }
}

message! {
    /// Committed offsets.
    pub struct OffsetFetchResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [3..];
        /// The topics.
        pub topics: Vec<OffsetFetchResponseTopic>, [1..=7];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [2..=7];
        /// The groups.
        pub groups: Vec<OffsetFetchResponseGroup>, [8..];
    }

    /// A topic.
    pub struct OffsetFetchResponseTopic {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partitions: Vec<OffsetFetchResponsePartition>, [1..];
    }

    /// A partition.
    pub struct OffsetFetchResponsePartition {
        /// Its number.
        pub partition_index: i32, [1..];
        /// The offset of the next record to read, -1 if none was committed.
        pub committed_offset: i64 = -1, [1..];
        /// The leader epoch that came with it, -1 if none did.
        pub committed_leader_epoch: i32 = -1, [5..];
        /// What the member wanted to be told with the offset.
        pub metadata: Option<String> = Some(String::new()), [1.., null 1..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [1..];
    }

    /// A group.
    pub struct OffsetFetchResponseGroup {
        /// The group.
        pub group_id: String, [8..];
        /// The topics.
        pub topics: Vec<OffsetFetchResponseTopics>, [8..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [8..];
    }

    /// A topic of a group.
    pub struct OffsetFetchResponseTopics {
        /// Its name.
        pub name: String, [8..=9];
        /// Its id.
        pub topic_id: Uuid, [10..];
        /// Its partitions.
        pub partitions: Vec<OffsetFetchResponsePartition>, [8..];
    }
}
