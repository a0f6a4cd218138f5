//! DescribeLogDirs: what lies in a broker's log directories. Source: KIP-113; KIP-827 for the
//! sizes of the volume.

use super::message::message;

message! {
    /// Asks what lies in the log directories.
    pub struct DescribeLogDirsRequest {
        /// The topics; null for all.
        pub topics: Option<Vec<DescribableLogDirTopic>>, [1.., null 1..];
    }

    /// A topic that is asked about.
    pub struct DescribableLogDirTopic {
        /// Its name.
        pub topic: String, [1..];
        /// Its partitions.
        pub partitions: Vec<i32>, [1..];
    }
}

message! {
    /// What lies there.
    pub struct DescribeLogDirsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// What went wrong with all of it, 0 for nothing.
        pub error_code: i16, [3..];
        /// The directories.
        pub results: Vec<DescribeLogDirsResult>, [1..];
    }

    /// One directory.
    pub struct DescribeLogDirsResult {
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [1..];
        /// Its absolute path.
        pub log_dir: String, [1..];
        /// The topics that have something there.
        pub topics: Vec<DescribeLogDirsTopic>, [1..];
        /// Bytes of its volume; -1 where they are not known.
        pub total_bytes: i64 = -1, [4..];
        /// Bytes of it that can still be used; -1 where they are not known.
        pub usable_bytes: i64 = -1, [4..];
        /// Whether no new replica may go there.
        pub is_cordoned: bool, [5..];
    }

    /// A topic's part of it.
    pub struct DescribeLogDirsTopic {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partitions: Vec<DescribeLogDirsPartition>, [1..];
    }

    /// A partition's part of it.
    pub struct DescribeLogDirsPartition {
        /// Its number.
        pub partition_index: i32, [1..];
        /// Bytes of its segments.
        pub partition_size: i64, [1..];
        /// How far it is behind the leader's log, in records.
        pub offset_lag: i64, [1..];
        /// Whether it is being moved there.
        pub is_future_key: bool, [1..];
    }
}
