//! ApiVersions: which APIs a broker serves, in which versions. Source: KIP-511, KIP-584.

use super::message::message;

message! {
    /// Asks which APIs are served.
    pub struct ApiVersionsRequest {
        /// The name of the client's software.
        pub client_software_name: String, [3..];
        /// Its version.
        pub client_software_version: String, [3..];
    }
}

message! {
    /// The APIs that are served.
    pub struct ApiVersionsResponse {
        /// 0, or 35 where the request's own version is not served.
        pub error_code: i16, [0..];
        /// The APIs, by key.
        pub api_keys: Vec<ApiVersion>, [0..];
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
    }
    tags {
        /// Features that the broker has.
        0 pub supported_features: Vec<SupportedFeature>, [3..];
        /// What rises when the finalized features change; -1 where it is not known.
        1 pub finalized_features_epoch: i64 = -1, [3..];
        /// Features that are in use in the cluster.
        2 pub finalized_features: Vec<FinalizedFeature>, [3..];
        /// Whether the metadata is ready to be moved off ZooKeeper.
        3 pub zk_migration_ready: bool, [3..];
    }

    /// One API.
    pub struct ApiVersion {
        /// Its key.
        pub api_key: i16, [0..];
        /// The lowest version that is served.
        pub min_version: i16, [0..];
        /// The highest.
        pub max_version: i16, [0..];
    }

    /// A feature that the broker has.
    pub struct SupportedFeature {
        /// Its name.
        pub name: String, [3..];
        /// The lowest level.
        pub min_version: i16, [3..];
        /// The highest.
        pub max_version: i16, [3..];
    }

    /// A feature that is in use.
    pub struct FinalizedFeature {
        /// Its name.
        pub name: String, [3..];
        /// The highest level in use.
        pub max_version_level: i16, [3..];
        /// The lowest.
        pub min_version_level: i16, [3..];
    }
}
