//! The configuration of topics and brokers: Kafka's keys, types, defaults and ranges.
//!
//! `keys` and `broker_keys` are the tables, `value` reads one text by its row, `topic` and `broker`
//! are the typed wholes, `layers` says where a value comes from. A key is declared once, in its
//! table; a test holds the typed defaults to the table's.

mod broker;
mod broker_keys;
mod keys;
mod layers;
mod topic;
mod value;

pub use broker::BrokerConfig;
pub use broker_keys::{BROKER_CONFIG_KEYS, BrokerConfigKey};
pub use keys::{ConfigKey, ConfigType, TOPIC_CONFIG_KEYS, Valid};
pub use layers::{ConfigSource, Layers, Synonym, check_dynamic, check_static};
pub use topic::{CleanupPolicy, CompressionType, TopicConfig};

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no such config.
    #[error("unknown {of} config {key:?}{}", did_you_mean(.close))]
    Unknown {
        /// Of what: a topic or a broker.
        of: &'static str,
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
    /// A config that is no list was to be changed as one.
    #[error("{0} is no list: nothing can be added to it or taken from it")]
    NoList(String),
    /// A broker config that only a restart changes.
    #[error("broker config {0} cannot be changed while the broker runs")]
    ReadOnly(&'static str),
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
    value::read(ConfigKey::find(key)?.rule(), value).map(drop)
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
