//! A topic's configuration: Kafka's keys, types, defaults and ranges.
//!
//! `keys` is the table, `value` reads one text by its row, `topic` is the typed whole. A key is
//! declared once, in the table; a test holds the typed defaults to the table's.

mod keys;
mod topic;
mod value;

pub use keys::{ConfigKey, ConfigType, TOPIC_CONFIG_KEYS, Valid};
pub use topic::{CleanupPolicy, CompressionType, TopicConfig};

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Kafka has no such topic config.
    #[error("unknown topic config {key:?}{}", did_you_mean(.close))]
    Unknown {
        /// What was asked for.
        key: String,
        /// Keys that were perhaps meant, the likeliest first.
        close: Vec<&'static str>,
    },
    /// The value is not of the key's type or not in its range.
    #[error("invalid value {value:?} for {key}: {expected}")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The text that was given.
        value: String,
        /// What the key takes.
        expected: String,
    },
    /// Two values that exclude each other.
    #[error("{0}")]
    Conflict(&'static str),
}

/// Checks one key and its value.
///
/// # Errors
/// [`ConfigError::Unknown`] or [`ConfigError::Invalid`].
pub fn validate(key: &str, value: &str) -> Result<(), ConfigError> {
    if key == topic::INTERNAL_SEGMENT_BYTES {
        return topic::internal_segment_bytes(value).map(drop);
    }
    value::read(ConfigKey::find(key)?, value).map(drop)
}

/// Checks that there is such a key.
///
/// # Errors
/// [`ConfigError::Unknown`].
pub fn find(key: &str) -> Result<(), ConfigError> {
    if key == topic::INTERNAL_SEGMENT_BYTES {
        return Ok(());
    }
    ConfigKey::find(key).map(drop)
}

fn did_you_mean(close: &[&'static str]) -> String {
    match close {
        [] => String::new(),
        close => format!("; did you mean {}?", close.join(" or ")),
    }
}
