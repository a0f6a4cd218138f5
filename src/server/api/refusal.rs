//! What a client is told of one topic, partition or resource that its request is refused for.

use super::errors;
use crate::broker;
use crate::model::{InvalidTopicName, TopicName};
use crate::protocol::ErrorCode;

/// A code, and the same in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// There is no such topic, or no such partition of it.
    pub(super) fn unknown_topic() -> Self {
        let message = "This server does not host this topic-partition.";
        Self::new(ErrorCode::UnknownTopicOrPartition, message)
    }

    /// A name is there twice of which each may be there once.
    pub(super) fn duplicate_topic() -> Self {
        Self::new(ErrorCode::InvalidRequest, "Duplicate topic name.")
    }

    /// A topic that the broker keeps for itself.
    pub(super) fn internal_topic(name: &TopicName) -> Self {
        let message = format!("Topic {name} is kept by the broker itself.");
        Self::new(ErrorCode::InvalidTopicException, message)
    }

    /// The two fields of a response that tell of a result.
    pub(super) fn fields<T>(result: Result<T, Self>) -> (i16, Option<String>) {
        match result {
            Ok(_) => (ErrorCode::None.code(), None),
            Err(Self { code, message }) => (code.code(), Some(message)),
        }
    }
}

impl From<broker::Error> for Refusal {
    fn from(error: broker::Error) -> Self {
        let code = errors::of_broker(&error);
        if code == ErrorCode::UnknownTopicOrPartition {
            return Self::unknown_topic();
        }
        if matches!(code, ErrorCode::KafkaStorageError | ErrorCode::UnknownServerError) {
            tracing::error!(%error, "a request of administration failed");
        }
        Self::new(code, error.to_string())
    }
}

impl From<InvalidTopicName> for Refusal {
    fn from(error: InvalidTopicName) -> Self {
        Self::new(ErrorCode::InvalidTopicException, format!("Topic name is invalid: {error}"))
    }
}
