//! The table of topic configs.
//!
//! Source: Kafka 4.x `LogConfig`, `TopicConfig` and `ServerTopicConfigSynonyms`.

use super::ConfigError;

/// One topic config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigKey {
    /// Its name, as in `retention.ms`.
    pub name: &'static str,
    /// How its text is read.
    pub kind: ConfigType,
    /// The text of its default.
    pub default: &'static str,
    /// Which values it takes.
    pub valid: Valid,
    /// The broker's configs of the same meaning, the most specific first; may be empty.
    pub synonyms: &'static [&'static str],
    /// One line on what it does.
    pub doc: &'static str,
}

/// How a config's text is read; the number is that of `DescribeConfigs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean = 1,
    /// Any text.
    String = 2,
    /// 32 bits, signed, decimal.
    Int = 3,
    /// 16 bits, signed, decimal.
    Short = 4,
    /// 64 bits, signed, decimal.
    Long = 5,
    /// A floating point number.
    Double = 6,
    /// Texts, parted by commas.
    List = 7,
    /// A text that is never shown.
    Password = 9,
}

/// Which values of its type a config takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Valid {
    /// All.
    Any,
    /// This and more.
    AtLeast(i64),
    /// From the first to the second, both included.
    Between(i64, i64),
    /// -1, and from 1 to 9. Source: `GzipCompression.LevelValidator`.
    GzipLevel,
    /// One of these words; of a list, each at most once.
    Words(&'static [&'static str]),
    /// `*`, or pairs `partition:broker`.
    Replicas,
    /// Only `false`: what it would turn on is not there.
    False,
}

/// What a value is checked by: the same for topics and brokers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) kind: ConfigType,
    pub(super) valid: Valid,
}

impl ConfigKey {
    pub(super) const fn rule(&self) -> Rule {
        Rule { name: self.name, kind: self.kind, valid: self.valid }
    }

    /// The row of a key.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`], with keys of a similar name.
    pub fn find(key: &str) -> Result<&'static Self, ConfigError> {
        TOPIC_CONFIG_KEYS.iter().find(|row| row.name == key).ok_or_else(|| ConfigError::Unknown {
            of: "topic",
            key: key.chars().take(128).collect(),
            close: close_to(key),
        })
    }
}

/// Keys that `key` may have been meant for: broker synonyms, other separators, slips of a finger.
fn close_to(key: &str) -> Vec<&'static str> {
    let key = normal(key);
    let meant = TOPIC_CONFIG_KEYS.iter().find(|row| row.synonyms.contains(&key.as_str()));
    let mut close: Vec<_> = meant.map(|row| row.name).into_iter().collect();
    for name in close_names(&key, TOPIC_CONFIG_KEYS.iter().map(|row| row.name)) {
        if !close.contains(&name) && close.len() < CLOSE_MAX {
            close.push(name);
        }
    }
    close
}

/// Names that may have been meant, at most so many.
const CLOSE_MAX: usize = 3;

fn normal(key: &str) -> String {
    key.chars().take(64).collect::<String>().to_lowercase().replace('_', ".")
}

/// The names that differ from `key` by a slip or two, the nearest first.
pub(super) fn close_names(
    key: &str,
    names: impl Iterator<Item = &'static str>,
) -> Vec<&'static str> {
    let key = normal(key);
    let mut close: Vec<(usize, &'static str)> = names
        .filter_map(|name| {
            let edits = edits_between(key.as_bytes(), name.as_bytes());
            let near = edits <= 1 + name.len() / 6;
            near.then_some((edits, name))
        })
        .collect();
    close.sort_unstable();
    close.truncate(CLOSE_MAX);
    close.into_iter().map(|(_, name)| name).collect()
}

/// Levenshtein's distance.
fn edits_between(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (done, a) in left.iter().enumerate() {
        let mut diagonal = done;
        let mut before = done + 1;
        row[0] = before;
        for (b, cell) in right.iter().zip(&mut row[1..]) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            before = replaced.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row[right.len()]
}

const fn key(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    valid: Valid,
    synonyms: &'static [&'static str],
    doc: &'static str,
) -> ConfigKey {
    ConfigKey { name, kind, default, valid, synonyms, doc }
}

use ConfigType::{Boolean, Double, Int, List, Long, String as Text};
use Valid::{Any, AtLeast, Between, False, GzipLevel, Replicas, Words};

/// Every topic config, by name.
#[rustfmt::skip]
pub const TOPIC_CONFIG_KEYS: &[ConfigKey] = &[
    key("cleanup.policy", List, "delete", Words(&["compact", "delete"]), &["log.cleanup.policy"],
        "What becomes of old records: delete whole segments, compact by key, both, or (empty) neither."),
    key("compression.gzip.level", Int, "-1", GzipLevel, &["compression.gzip.level"],
        "Level where compression.type is gzip; -1 is gzip's own default."),
    key("compression.lz4.level", Int, "9", Between(1, 17), &["compression.lz4.level"],
        "Level where compression.type is lz4."),
    key("compression.type", Text, "producer", Words(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), &["compression.type"],
        "Codec of stored batches; producer keeps what the producer chose."),
    key("compression.zstd.level", Int, "3", Between(-131_072, 22), &["compression.zstd.level"],
        "Level where compression.type is zstd."),
    key("delete.retention.ms", Long, "86400000", AtLeast(0), &["log.cleaner.delete.retention.ms"],
        "Milliseconds that compaction keeps tombstones for."),
    key("file.delete.delay.ms", Long, "60000", AtLeast(0), &["log.segment.delete.delay.ms"],
        "Milliseconds between a segment's removal from the log and that of its files."),
    key("flush.messages", Long, "9223372036854775807", AtLeast(1), &["log.flush.interval.messages"],
        "Records between two forced syncs to disk."),
    key("flush.ms", Long, "9223372036854775807", AtLeast(0), &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "Milliseconds after which a record is synced to disk."),
    key("follower.replication.throttled.replicas", List, "", Replicas, &[],
        "Replicas whose replication is throttled on the follower's side; of no effect on one node."),
    key("index.interval.bytes", Int, "4096", AtLeast(0), &["log.index.interval.bytes"],
        "Bytes of log between two entries of the offset index."),
    key("leader.replication.throttled.replicas", List, "", Replicas, &[],
        "Replicas whose replication is throttled on the leader's side; of no effect on one node."),
    key("local.retention.bytes", Long, "-2", AtLeast(-2), &["log.local.retention.bytes"],
        "Bytes kept locally before tiered storage; -2 is retention.bytes."),
    key("local.retention.ms", Long, "-2", AtLeast(-2), &["log.local.retention.ms"],
        "Milliseconds kept locally before tiered storage; -2 is retention.ms."),
    key("max.compaction.lag.ms", Long, "9223372036854775807", AtLeast(1), &["log.cleaner.max.compaction.lag.ms"],
        "Milliseconds after which a record must become open to compaction."),
    key("max.message.bytes", Int, "1048588", AtLeast(0), &["message.max.bytes"],
        "Bytes of the largest batch, as stored, header included."),
    key("message.timestamp.after.max.ms", Long, "3600000", AtLeast(0), &["log.message.timestamp.after.max.ms"],
        "Milliseconds that a record's timestamp may be ahead of the log's clock."),
    key("message.timestamp.before.max.ms", Long, "9223372036854775807", AtLeast(0), &["log.message.timestamp.before.max.ms"],
        "Milliseconds that a record's timestamp may be behind the log's clock."),
    key("message.timestamp.type", Text, "CreateTime", Words(&["CreateTime", "LogAppendTime"]), &["log.message.timestamp.type"],
        "Whose time a record bears: its producer's or the log's."),
    key("min.cleanable.dirty.ratio", Double, "0.5", Between(0, 1), &["log.cleaner.min.cleanable.ratio"],
        "Share of the log that must be uncompacted before compaction runs."),
    key("min.compaction.lag.ms", Long, "0", AtLeast(0), &["log.cleaner.min.compaction.lag.ms"],
        "Milliseconds that a record stays safe from compaction."),
    key("min.insync.replicas", Int, "1", AtLeast(1), &["min.insync.replicas"],
        "Replicas that must have a record before acks=all is answered."),
    key("preallocate", Boolean, "false", Any, &["log.preallocate"],
        "Whether a new segment's file gets its space at once."),
    key("remote.log.copy.disable", Boolean, "false", Any, &[],
        "Whether tiered storage takes no new segments; of no effect without it."),
    key("remote.log.delete.on.disable", Boolean, "false", Any, &[],
        "Whether turning tiered storage off deletes what is there; of no effect without it."),
    key("remote.storage.enable", Boolean, "false", False, &[],
        "Tiered storage; not available, as in a broker without a remote log storage system."),
    key("retention.bytes", Long, "-1", Any, &["log.retention.bytes"],
        "Bytes of one partition beyond which old segments go; negative is unlimited."),
    key("retention.ms", Long, "604800000", AtLeast(-1), &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
        "Milliseconds after which old segments go; -1 is unlimited."),
    key("segment.bytes", Int, "1073741824", AtLeast(1 << 20), &["log.segment.bytes"],
        "Bytes of a segment's log file; a fuller one is rolled."),
    key("segment.index.bytes", Int, "10485760", AtLeast(4), &["log.index.size.max.bytes"],
        "Bytes of a segment's offset index and of its time index; a fuller one is rolled."),
    key("segment.jitter.ms", Long, "0", AtLeast(0), &["log.roll.jitter.ms", "log.roll.jitter.hours"],
        "Milliseconds taken at random off segment.ms, lest all segments roll at once."),
    key("segment.ms", Long, "604800000", AtLeast(1), &["log.roll.ms", "log.roll.hours"],
        "Milliseconds after which a segment is rolled even if it is not full."),
    key("unclean.leader.election.enable", Boolean, "false", Any, &["unclean.leader.election.enable"],
        "Whether a replica out of sync may lead; of no effect on one node."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_alone() {
        assert!(TOPIC_CONFIG_KEYS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn unknown_keys_are_told_what_was_meant() {
        let close = |key| match ConfigKey::find(key) {
            Err(ConfigError::Unknown { close, .. }) => close,
            other => panic!("{key}: {other:?}"),
        };
        assert_eq!(close("retention_ms")[0], "retention.ms");
        assert_eq!(close("retention.mss")[0], "retention.ms");
        assert_eq!(close("log.retention.hours"), ["retention.ms"]);
        assert_eq!(close("message.max.bytes")[0], "max.message.bytes");
        assert_eq!(close("cleanup.polcy"), ["cleanup.policy"]);
        assert_eq!(close("message.downconversion.enable"), [] as [&str; 0]);
        let error = ConfigKey::find("segment.byte").expect_err("no key").to_string();
        assert_eq!(error, "unknown topic config \"segment.byte\"; did you mean segment.bytes?");
    }
}
