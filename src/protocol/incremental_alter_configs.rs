//! IncrementalAlterConfigs: changes single keys of configurations. Source: KIP-339.

use super::message::message;

message! {
    /// Asks for configurations to be changed.
    pub struct IncrementalAlterConfigsRequest {
        /// Of what.
        pub resources: Vec<AlterConfigsResource>, [0..];
        /// Whether to say only what would happen.
        pub validate_only: bool, [0..];
    }

    /// A topic, a broker …
    pub struct AlterConfigsResource {
        /// What it is: 2 a topic, 4 a broker.
        pub resource_type: i8, [0..];
        /// Its name; a broker's is its id, and empty stands for all brokers.
        pub resource_name: String, [0..];
        /// The changes.
        pub configs: Vec<AlterableConfig>, [0..];
    }

    /// One change.
    pub struct AlterableConfig {
        /// The key.
        pub name: String, [0..];
        /// 0 sets it, 1 takes it away, 2 adds to a list, 3 takes from one.
        pub config_operation: i8, [0..];
        /// The value.
        pub value: Option<String>, [0.., null 0..];
    }
}

message! {
    /// What became of each.
    pub struct IncrementalAlterConfigsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [0..];
        /// One for each resource.
        pub responses: Vec<AlterConfigsResourceResponse>, [0..];
    }

    /// What became of one.
    pub struct AlterConfigsResourceResponse {
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [0..];
        /// The same in words.
        pub error_message: Option<String>, [0.., null 0..];
        /// What it is of.
        pub resource_type: i8, [0..];
        /// The name of that.
        pub resource_name: String, [0..];
    }
}
