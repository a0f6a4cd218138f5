//! DescribeCluster: the brokers of the cluster. Source: KIP-700; KIP-919 for controllers, KIP-1073
//! for fenced brokers.

use super::message::message;
use super::metadata::OPERATIONS_UNKNOWN;

message! {
    /// Asks for the brokers.
    pub struct DescribeClusterRequest {
        /// Whether to tell what the client may do with the cluster.
        pub include_cluster_authorized_operations: bool, [0..];
        /// Whose addresses: 1 the brokers', 2 the controllers'.
        pub endpoint_type: i8 = 1, [1..];
        /// Whether to list fenced brokers too.
        pub include_fenced_brokers: bool, [2..];
    }
}

message! {
    /// The brokers.
    pub struct DescribeClusterResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
        /// Whose addresses they are.
        pub endpoint_type: i8 = 1, [1..];
        /// The cluster's id.
        pub cluster_id: String, [0..];
        /// The id of the controller, -1 if there is none.
        pub controller_id: i32 = -1, [0..];
        /// The brokers.
        pub brokers: Vec<DescribeClusterBroker>, [0..];
        /// What the client may do with the cluster, a bit for each operation.
        pub cluster_authorized_operations: i32 = OPERATIONS_UNKNOWN, [0..];
    }

    /// A broker.
    pub struct DescribeClusterBroker {
        /// Its id.
        pub broker_id: i32, [0..];
        /// Where clients reach it.
        pub host: String, [0..];
        /// Its port there.
        pub port: i32, [0..];
        /// Its rack.
        pub rack: Option<String>, [0.., null 0..];
        /// Whether it is kept from leading.
        pub is_fenced: bool, [2..];
    }
}
