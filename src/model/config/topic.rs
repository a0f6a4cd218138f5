//! A topic's whole configuration, typed.

use std::collections::BTreeMap;

use super::value::{self, Value};
use super::{ConfigError, ConfigKey};
use crate::model::{Compression, TimestampType, limits};

/// What becomes of old records. Neither is legal too: records then stay for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Whole segments go, by age and size.
    pub delete: bool,
    /// Of records with one key only the last stays.
    pub compact: bool,
}

/// Which codec stored batches have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionType {
    /// Whichever the producer chose.
    Producer,
    /// This one; batches of another are recompressed.
    Codec(Compression),
}

impl CompressionType {
    /// The codec that a batch is stored with which was sent with `sent`.
    #[must_use]
    pub const fn codec_for(self, sent: Compression) -> Compression {
        match self {
            Self::Producer => sent,
            Self::Codec(codec) => codec,
        }
    }
}

/// A topic's configuration with every default filled in.
///
/// The fields are what the engine reads and may be set past the ranges that users are held to
/// (tests want segments smaller than 1 MiB); [`TopicConfig::from_overrides`] checks them.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`.
    pub compression_type: CompressionType,
    /// `compression.gzip.level`: 1 to 9, -1 is gzip's default.
    pub compression_gzip_level: i32,
    /// `compression.lz4.level`: 1 to 17.
    pub compression_lz4_level: i32,
    /// `compression.zstd.level`: -131072 to 22.
    pub compression_zstd_level: i32,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: records between two syncs.
    pub flush_messages: i64,
    /// `flush.ms`.
    pub flush_ms: i64,
    /// `index.interval.bytes`.
    pub index_interval_bytes: i32,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`: of a batch as stored, header included.
    pub max_message_bytes: i32,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio`: 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `preallocate`.
    pub preallocate: bool,
    /// `retention.bytes`: negative is unlimited.
    pub retention_bytes: i64,
    /// `retention.ms`: -1 is unlimited.
    pub retention_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: i32,
    /// `segment.index.bytes`: of each index of a segment.
    pub segment_index_bytes: i32,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.ms`.
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`; kept, of no effect.
    pub unclean_leader_election_enable: bool,
}

impl Default for TopicConfig {
    fn default() -> Self {
        const DAY_MS: i64 = 86_400_000;
        Self {
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            compression_type: CompressionType::Producer,
            compression_gzip_level: -1,
            compression_lz4_level: 9,
            compression_zstd_level: 3,
            delete_retention_ms: DAY_MS,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            max_compaction_lag_ms: i64::MAX,
            max_message_bytes: limits::MAX_MESSAGE_BYTES_DEFAULT,
            message_timestamp_after_max_ms: 3_600_000,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_ratio: 0.5,
            min_compaction_lag_ms: 0,
            min_insync_replicas: 1,
            preallocate: false,
            retention_bytes: -1,
            retention_ms: 7 * DAY_MS,
            segment_bytes: 1 << 30,
            segment_index_bytes: 10 << 20,
            segment_jitter_ms: 0,
            segment_ms: 7 * DAY_MS,
            unclean_leader_election_enable: false,
        }
    }
}

/// Kafka's own way around the least `segment.bytes`, for tests: it wins over that key, and no list
/// of configs shows it. Source: Kafka's `LogConfig.INTERNAL_SEGMENT_BYTES_CONFIG`.
pub(super) const INTERNAL_SEGMENT_BYTES: &str = "internal.segment.bytes";

/// Reads the value of [`INTERNAL_SEGMENT_BYTES`].
pub(super) fn internal_segment_bytes(text: &str) -> Result<i32, ConfigError> {
    text.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| ConfigError::Invalid {
        key: INTERNAL_SEGMENT_BYTES,
        value: text.chars().take(128).collect(),
        expected: "a positive number of bytes".to_owned(),
    })
}

impl TopicConfig {
    /// The defaults with a topic's own configs laid over them.
    ///
    /// # Errors
    /// The first key that is unknown or has a bad value, in the order of names; then values that
    /// exclude each other.
    pub fn from_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        for (key, text) in overrides {
            if key == INTERNAL_SEGMENT_BYTES {
                continue;
            }
            let row = ConfigKey::find(key)?;
            config.set(row.name, value::read(row.rule(), text)?);
        }
        if let Some(text) = overrides.get(INTERNAL_SEGMENT_BYTES) {
            config.segment_bytes = internal_segment_bytes(text)?;
        }
        if config.min_compaction_lag_ms > config.max_compaction_lag_ms {
            return Err(ConfigError::Conflict(
                "min.compaction.lag.ms cannot be more than max.compaction.lag.ms",
            ));
        }
        Ok(config)
    }

    /// Milliseconds after which a segment is rolled: the active one is never compacted, so that a
    /// record may wait there no longer than `max.compaction.lag.ms`. Source: Kafka's
    /// `LogConfig.maxSegmentMs`.
    #[must_use]
    pub fn max_segment_ms(&self) -> i64 {
        match self.cleanup_policy.compact {
            true => self.segment_ms.min(self.max_compaction_lag_ms),
            false => self.segment_ms,
        }
    }

    /// The level for a codec, where one can be set.
    #[must_use]
    pub const fn compression_level(&self, codec: Compression) -> Option<i32> {
        match codec {
            Compression::None | Compression::Snappy => None,
            Compression::Gzip => Some(self.compression_gzip_level),
            Compression::Lz4 => Some(self.compression_lz4_level),
            Compression::Zstd => Some(self.compression_zstd_level),
        }
    }

    /// Sets a checked value; keys without a field have no effect here.
    fn set(&mut self, key: &str, value: Value<'_>) {
        match value {
            Value::Boolean(on) => self.set_boolean(key, on),
            Value::Text(text) => self.set_text(key, text),
            Value::Int(number) => self.set_int(key, number),
            Value::Long(number) => self.set_long(key, number),
            Value::Double(number) => self.min_cleanable_dirty_ratio = number,
            Value::List(words) => {
                if key == "cleanup.policy" {
                    let has = |word| words.contains(&word);
                    self.cleanup_policy =
                        CleanupPolicy { delete: has("delete"), compact: has("compact") };
                }
            }
        }
    }

    fn set_boolean(&mut self, key: &str, on: bool) {
        match key {
            "preallocate" => self.preallocate = on,
            "unclean.leader.election.enable" => self.unclean_leader_election_enable = on,
            _ => {}
        }
    }

    fn set_text(&mut self, key: &str, text: &str) {
        match key {
            "message.timestamp.type" => {
                self.message_timestamp_type = text.parse().unwrap_or_default();
            }
            "compression.type" => {
                self.compression_type =
                    text.parse().map_or(CompressionType::Producer, CompressionType::Codec);
            }
            _ => {}
        }
    }

    fn set_int(&mut self, key: &str, number: i32) {
        let field = match key {
            "compression.gzip.level" => &mut self.compression_gzip_level,
            "compression.lz4.level" => &mut self.compression_lz4_level,
            "compression.zstd.level" => &mut self.compression_zstd_level,
            "index.interval.bytes" => &mut self.index_interval_bytes,
            "max.message.bytes" => &mut self.max_message_bytes,
            "min.insync.replicas" => &mut self.min_insync_replicas,
            "segment.bytes" => &mut self.segment_bytes,
            "segment.index.bytes" => &mut self.segment_index_bytes,
            _ => return,
        };
        *field = number;
    }

    fn set_long(&mut self, key: &str, number: i64) {
        let field = match key {
            "delete.retention.ms" => &mut self.delete_retention_ms,
            "file.delete.delay.ms" => &mut self.file_delete_delay_ms,
            "flush.messages" => &mut self.flush_messages,
            "flush.ms" => &mut self.flush_ms,
            "max.compaction.lag.ms" => &mut self.max_compaction_lag_ms,
            "message.timestamp.after.max.ms" => &mut self.message_timestamp_after_max_ms,
            "message.timestamp.before.max.ms" => &mut self.message_timestamp_before_max_ms,
            "min.compaction.lag.ms" => &mut self.min_compaction_lag_ms,
            "retention.bytes" => &mut self.retention_bytes,
            "retention.ms" => &mut self.retention_ms,
            "segment.jitter.ms" => &mut self.segment_jitter_ms,
            "segment.ms" => &mut self.segment_ms,
            _ => return,
        };
        *field = number;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{TOPIC_CONFIG_KEYS, validate};
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<TopicConfig, ConfigError> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        TopicConfig::from_overrides(&pairs.collect())
    }

    #[test]
    fn the_tables_defaults_are_the_typed_ones() {
        let all: Vec<_> = TOPIC_CONFIG_KEYS.iter().map(|row| (row.name, row.default)).collect();
        assert_eq!(with(&all), Ok(TopicConfig::default()));
        assert_eq!(with(&[]), Ok(TopicConfig::default()));
    }

    /// Keys that change nothing in the engine; every other one must reach a field.
    #[test]
    fn every_key_reaches_its_field() {
        let no_effect = ["replication.throttled", "local.retention", "remote."];
        for row in TOPIC_CONFIG_KEYS {
            let other = ["7", "true", "compact", "gzip", "LogAppendTime", "0.25", "2000000"];
            let changed = other
                .iter()
                .filter(|text| **text != row.default)
                .filter_map(|text| with(&[(row.name, *text)]).ok())
                .any(|config| config != TopicConfig::default());
            let expected = !no_effect.iter().any(|part| row.name.contains(part));
            assert_eq!(changed, expected, "{}", row.name);
        }
    }

    #[test]
    fn cleanup_policies() {
        for (text, delete, compact) in [
            ("delete", true, false),
            ("compact", false, true),
            (" compact , delete", true, true),
            ("", false, false),
        ] {
            let policy = with(&[("cleanup.policy", text)]).expect("legal").cleanup_policy;
            assert_eq!(policy, CleanupPolicy { delete, compact }, "{text:?}");
        }
        for text in ["none", "compact,compact", "delete,", ","] {
            assert!(validate("cleanup.policy", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ranges() {
        for (key, good, bad) in [
            ("segment.bytes", "1048576", "1048575"),
            ("retention.ms", "-1", "-2"),
            ("retention.bytes", "-9", "x"),
            ("max.message.bytes", "0", "2147483648"),
            ("min.cleanable.dirty.ratio", "1", "NaN"),
            ("compression.gzip.level", "-1", "0"),
            ("compression.zstd.level", "22", "23"),
            ("compression.type", "uncompressed", "none"),
            ("preallocate", "TRUE", "yes"),
            ("leader.replication.throttled.replicas", "0:1,1:2", "0"),
            ("remote.storage.enable", "false", "true"),
            ("segment.ms", " 1 ", "0"),
        ] {
            assert_eq!(validate(key, good), Ok(()), "{key}");
            assert!(validate(key, bad).is_err(), "{key}");
        }
        let error = validate("retention.ms", "1h").expect_err("not a number").to_string();
        assert_eq!(
            error,
            "invalid value \"1h\" for retention.ms: expected a whole number of 64 bits, at least -1"
        );
        assert!(with(&[("min.compaction.lag.ms", "2"), ("max.compaction.lag.ms", "1")]).is_err());
    }
}
