//! DescribeConfigs: the configuration of topics and brokers, with where each value comes from.
//! Source: KIP-133, KIP-226 for synonyms, KIP-569 for types and documentation.

use super::message::message;

message! {
    /// Asks for configurations.
    pub struct DescribeConfigsRequest {
        /// Of what.
        pub resources: Vec<DescribeConfigsResource>, [1..];
        /// Whether to list what a value would be taken from otherwise.
        pub include_synonyms: bool, [1..];
        /// Whether to say what each key does.
        pub include_documentation: bool, [3..];
    }

    /// A topic, a broker …
    pub struct DescribeConfigsResource {
        /// What it is: 2 a topic, 4 a broker.
        pub resource_type: i8, [1..];
        /// Its name; a broker's is its id, and empty stands for all brokers.
        pub resource_name: String, [1..];
        /// The keys; null for all.
        pub configuration_keys: Option<Vec<String>>, [1.., null 1..];
    }
}

message! {
    /// The configurations.
    pub struct DescribeConfigsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// One for each resource.
        pub results: Vec<DescribeConfigsResult>, [1..];
    }

    /// One configuration.
    pub struct DescribeConfigsResult {
        /// What went wrong, 0 for nothing.
        pub error_code: i16, [1..];
        /// The same in words.
        pub error_message: Option<String>, [1.., null 1..];
        /// What it is of.
        pub resource_type: i8, [1..];
        /// The name of that.
        pub resource_name: String, [1..];
        /// The entries.
        pub configs: Vec<DescribeConfigsResourceResult>, [1..];
    }

    /// One key and its value.
    pub struct DescribeConfigsResourceResult {
        /// The key.
        pub name: String, [1..];
        /// The value; null where it is a secret or there is none.
        pub value: Option<String>, [1.., null 1..];
        /// Whether it can't be changed.
        pub read_only: bool, [1..];
        /// Where the value comes from.
        pub config_source: i8 = -1, [1..];
        /// Whether the value is a secret.
        pub is_sensitive: bool, [1..];
        /// What it is taken from, the most specific first.
        pub synonyms: Vec<DescribeConfigsSynonym>, [1..];
        /// The type of the value.
        pub config_type: i8, [3..];
        /// What the key does.
        pub documentation: Option<String>, [3.., null 3..];
    }

    /// A key that a value may be taken from.
    pub struct DescribeConfigsSynonym {
        /// The key.
        pub name: String, [1..];
        /// Its value.
        pub value: Option<String>, [1.., null 1..];
        /// Where that comes from.
        pub source: i8, [1..];
    }
}
