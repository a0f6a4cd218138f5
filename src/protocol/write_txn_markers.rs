//! WriteTxnMarkers: ends transactions in partitions. Coordinators send it to brokers, and
//! administrators to abort what hangs. Source: KIP-98, KIP-664; KIP-890 for version 2.

use super::message::message;

message! {
    /// Asks to write markers.
    pub struct WriteTxnMarkersRequest {
        /// The markers.
        pub markers: Vec<WritableTxnMarker>, [1..];
    }

    /// A marker, and where it goes.
    pub struct WritableTxnMarker {
        /// The producer's id.
        pub producer_id: i64, [1..];
        /// Its epoch.
        pub producer_epoch: i16, [1..];
        /// Whether it commits, or aborts.
        pub transaction_result: bool, [1..];
        /// The topics.
        pub topics: Vec<WritableTxnMarkerTopic>, [1..];
        /// The epoch of the coordinator.
        pub coordinator_epoch: i32, [1..];
        /// The version of transactions that it follows.
        pub transaction_version: i8, [2..];
    }

    /// A topic.
    pub struct WritableTxnMarkerTopic {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partition_indexes: Vec<i32>, [1..];
    }
}

message! {
    /// What became of them.
    pub struct WriteTxnMarkersResponse {
        /// The markers.
        pub markers: Vec<WritableTxnMarkerResult>, [1..];
    }

    /// A marker.
    pub struct WritableTxnMarkerResult {
        /// The producer's id.
        pub producer_id: i64, [1..];
        /// The topics.
        pub topics: Vec<WritableTxnMarkerTopicResult>, [1..];
    }

    /// A topic.
    pub struct WritableTxnMarkerTopicResult {
        /// Its name.
        pub name: String, [1..];
        /// Its partitions.
        pub partitions: Vec<WritableTxnMarkerPartitionResult>, [1..];
    }

    /// A partition.
    pub struct WritableTxnMarkerPartitionResult {
        /// Its number.
        pub partition_index: i32, [1..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [1..];
    }
}
