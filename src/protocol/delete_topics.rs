//! DeleteTopics: deletes topics, by name or by id. Source: KIP-4; KIP-516 for ids.

use super::message::message;
use crate::model::Uuid;

message! {
    /// Asks for topics to be deleted.
    pub struct DeleteTopicsRequest {
        /// The topics, by name or id.
        pub topics: Vec<DeleteTopicState>, [6..];
        /// Their names.
        pub topic_names: Vec<String>, [1..=5];
        /// How long to wait for it, in milliseconds.
        pub timeout_ms: i32, [1..];
    }

    /// A topic that is to be deleted: one of the two is given.
    pub struct DeleteTopicState {
        /// Its name.
        pub name: Option<String>, [6.., null 6..];
        /// Its id.
        pub topic_id: Uuid, [6..];
    }
}

message! {
    /// What became of each topic.
    pub struct DeleteTopicsResponse {
        /// How long the client was made to wait, in milliseconds.
        pub throttle_time_ms: i32, [1..];
        /// The topics.
        pub responses: Vec<DeletableTopicResult>, [1..];
    }

    /// What became of one topic.
    pub struct DeletableTopicResult {
        /// Its name; null where an id was given that is not there.
        pub name: Option<String>, [1.., null 6..];
        /// Its id.
        pub topic_id: Uuid, [6..];
        /// What went wrong with it, 0 for nothing.
        pub error_code: i16, [1..];
        /// The same in words.
        pub error_message: Option<String>, [5.., null 5..];
    }
}
