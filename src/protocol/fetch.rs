//! Fetch: record batches from offsets on. Source: KIP-227 for sessions, KIP-320 for leader epochs,
//! KIP-392 for replicas to read from, KIP-516 for topic ids, KIP-903 for the replica's state, KIP-951
//! for the current leader.

use super::message::message;
use super::wire::Records;
use crate::model::Uuid;

message! {
    /// Asks for record batches from offsets on.
    pub struct FetchRequest {
        /// The broker that follows, -1 for a consumer.
        pub replica_id: i32 = -1, [4..=14];
        /// How long to wait for `min_bytes`, in milliseconds.
        pub max_wait_ms: i32, [4..];
        /// Bytes to wait for.
        pub min_bytes: i32, [4..];
        /// Bytes of all partitions at most; the first batch comes in any case.
        pub max_bytes: i32 = i32::MAX, [4..];
        /// 0 read uncommitted, 1 read committed.
        pub isolation_level: i8, [4..];
        /// The fetch session, 0 for none.
        pub session_id: i32, [7..];
        /// Its epoch: -1 without a session, 0 for a new one.
        pub session_epoch: i32 = -1, [7..];
        /// The topics; within a session those that changed.
        pub topics: Vec<FetchTopic>, [4..];
        /// What the session shall leave out from now on.
        pub forgotten_topics_data: Vec<ForgottenTopic>, [7..];
        /// The client's rack.
        pub rack_id: String, [11..];
    }
    tags {
        /// The cluster that the request is meant for.
        0 pub cluster_id: Option<String>, [12..];
        /// The broker that follows.
        1 pub replica_state: ReplicaState, [15..];
    }

    /// A broker that follows.
    pub struct ReplicaState {
        /// Its id, -1 for a consumer.
        pub replica_id: i32 = -1, [15..];
        /// Its epoch.
        pub replica_epoch: i64 = -1, [15..];
    }

    /// A topic to fetch.
    pub struct FetchTopic {
        /// Its name.
        pub topic: String, [4..=12];
        /// Its id.
        pub topic_id: Uuid, [13..];
        /// Its partitions.
        pub partitions: Vec<FetchPartition>, [4..];
    }

    /// A partition to fetch.
    pub struct FetchPartition {
        /// Its number.
        pub partition: i32, [4..];
        /// The leader epoch that the client knows, -1 if none.
        pub current_leader_epoch: i32 = -1, [9..];
        /// The first offset that is wanted.
        pub fetch_offset: i64, [4..];
        /// The epoch of the last record that a follower has, -1 if none.
        pub last_fetched_epoch: i32 = -1, [12..];
        /// Where a follower's log starts, -1 for a consumer.
        pub log_start_offset: i64 = -1, [5..];
        /// Bytes of this partition at most.
        pub partition_max_bytes: i32, [4..];
    }
    tags {
        /// The log directory of a follower.
        0 pub replica_directory_id: Uuid, [17..];
        /// The high watermark that a follower knows.
        1 pub high_watermark: i64 = i64::MAX, [18..];
    }

    /// A topic that a session shall leave out.
    pub struct ForgottenTopic {
        /// Its name.
        pub topic: String, [7..=12];
        /// Its id.
        pub topic_id: Uuid, [13..];
        /// Its partitions.
        pub partitions: Vec<i32>, [7..];
    }
}

message! {
    /// Record batches.
    pub struct FetchResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [4..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [7..];
        /// The fetch session, 0 for none.
        pub session_id: i32, [7..];
        /// By topic.
        pub responses: Vec<FetchableTopicResponse>, [4..];
    }
    tags {
        /// Where the leaders are that `current_leader` tells of.
        0 pub node_endpoints: Vec<NodeEndpoint>, [16..];
    }

    /// Record batches of a topic.
    pub struct FetchableTopicResponse {
        /// Its name.
        pub topic: String, [4..=12];
        /// Its id.
        pub topic_id: Uuid, [13..];
        /// By partition.
        pub partitions: Vec<PartitionData>, [4..];
    }

    /// Record batches of a partition.
    pub struct PartitionData {
        /// Its number.
        pub partition_index: i32, [4..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [4..];
        /// The high watermark, -1 where it is not known.
        pub high_watermark: i64 = -1, [4..];
        /// The last stable offset, -1 where it is not known.
        pub last_stable_offset: i64 = -1, [4..];
        /// Where the log starts, -1 where it is not known.
        pub log_start_offset: i64 = -1, [5..];
        /// Aborted transactions that begin before the end of the records; null unless read committed.
        pub aborted_transactions: Option<Vec<AbortedTransaction>>, [4.., null 4..];
        /// The replica to read from instead, -1 for none.
        pub preferred_read_replica: i32 = -1, [11..];
        /// The batches. Where there are none they are empty and not null, which librdkafka refuses.
        pub records: Option<Records> = Some(Records::default()), [4.., null 4..];
    }
    tags {
        /// Where a follower's log parts from the leader's.
        0 pub diverging_epoch: EpochEndOffset, [12..];
        /// The leader, where it is another broker.
        1 pub current_leader: LeaderIdAndEpoch, [12..];
        /// The snapshot to fetch instead.
        2 pub snapshot_id: SnapshotId, [12..];
    }

    /// The end of a leader epoch.
    pub struct EpochEndOffset {
        /// The epoch.
        pub epoch: i32 = -1, [12..];
        /// The offset after its last record.
        pub end_offset: i64 = -1, [12..];
    }

    /// Who leads a partition.
    pub struct LeaderIdAndEpoch {
        /// The leader's id, -1 where it is not known.
        pub leader_id: i32 = -1, [12..];
        /// Its epoch.
        pub leader_epoch: i32 = -1, [12..];
    }

    /// A snapshot of the metadata log.
    pub struct SnapshotId {
        /// The offset after its last record.
        pub end_offset: i64 = -1, [12..];
        /// The epoch of its last record.
        pub epoch: i32 = -1, [12..];
    }

    /// A transaction whose records don't count.
    pub struct AbortedTransaction {
        /// Its producer's id.
        pub producer_id: i64, [4..];
        /// Its first offset.
        pub first_offset: i64, [4..];
    }

    /// Where a broker is.
    pub struct NodeEndpoint {
        /// Its id.
        pub node_id: i32, [16..];
        /// Where clients reach it.
        pub host: String, [16..];
        /// Its port there.
        pub port: i32, [16..];
        /// Its rack.
        pub rack: Option<String>, [16.., null 16..];
    }
}
