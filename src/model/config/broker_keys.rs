//! The table of broker configs: those that runnel honours, and those that tools ask a broker for.
//!
//! Source: Kafka 4.3's `KafkaConfig`, `ServerLogConfigs`, `GroupCoordinatorConfig` and others; what
//! may be changed at run time is in its `DynamicBrokerConfig`. Keys of replication, tiers and
//! security that would have nothing to act on are left out.

use super::keys::{Rule, close_names};
use super::{ConfigError, ConfigType, TOPIC_CONFIG_KEYS, Valid};

/// One broker config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokerConfigKey {
    /// Its name, as in `log.retention.hours`.
    pub name: &'static str,
    /// How its text is read.
    pub kind: ConfigType,
    /// The text of its default; `None` where there is none.
    pub default: Option<&'static str>,
    /// Which values it takes.
    pub valid: Valid,
    /// Whether it can be changed while the broker runs.
    pub dynamic: bool,
    /// One line on what it does.
    pub doc: &'static str,
}

impl BrokerConfigKey {
    /// The row of a key.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`], with keys of a similar name.
    pub fn find(key: &str) -> Result<&'static Self, ConfigError> {
        BROKER_CONFIG_KEYS.iter().find(|row| row.name == key).ok_or_else(|| ConfigError::Unknown {
            of: "broker",
            key: key.chars().take(128).collect(),
            close: close_to(key),
        })
    }

    pub(super) const fn rule(&self) -> Rule {
        Rule { name: self.name, kind: self.kind, valid: self.valid }
    }

    /// Whether a value counts as a secret, which is never shown.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind == ConfigType::Password
    }
}

/// Keys that `key` may have been meant for: the broker's form of a topic config, or a slip.
fn close_to(key: &str) -> Vec<&'static str> {
    let meant = TOPIC_CONFIG_KEYS.iter().find(|row| row.name == key);
    match meant.and_then(|row| row.synonyms.first()) {
        Some(synonym) => vec![synonym],
        None => close_names(key, BROKER_CONFIG_KEYS.iter().map(|row| row.name)),
    }
}

/// A config that only a restart changes.
const fn fixed(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    valid: Valid,
    doc: &'static str,
) -> BrokerConfigKey {
    BrokerConfigKey { name, kind, default: Some(default), valid, dynamic: false, doc }
}

/// A config that can be changed while the broker runs.
const fn live(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    valid: Valid,
    doc: &'static str,
) -> BrokerConfigKey {
    BrokerConfigKey { name, kind, default: Some(default), valid, dynamic: true, doc }
}

/// One that has no value unless it is given.
const fn unset(key: BrokerConfigKey) -> BrokerConfigKey {
    BrokerConfigKey { default: None, ..key }
}

use ConfigType::{Boolean, Double, Int, List, Long, Short, String as Text};
use Valid::{Any, AtLeast, Between, GzipLevel, Words};

/// The largest number of 64 bits.
const MAX: &str = "9223372036854775807";

/// Every broker config, by name.
#[rustfmt::skip]
pub const BROKER_CONFIG_KEYS: &[BrokerConfigKey] = &[
    unset(fixed("advertised.listeners", List, "", Any,
        "Where clients are told to connect.")),
    fixed("authorizer.class.name", Text, "", Words(&[""]),
        "Who decides what clients may do; there is none, and all may do everything."),
    fixed("auto.create.topics.enable", Boolean, "true", Any,
        "Whether a topic is made when a client asks for one that is not there."),
    fixed("broker.id", Int, "-1", AtLeast(-1),
        "The id of this node, as it was called before node.id."),
    unset(fixed("broker.rack", Text, "", Any,
        "The rack of this node, as clients are told.")),
    live("compression.gzip.level", Int, "-1", GzipLevel,
        "Level where compression.type is gzip; -1 is gzip's own default."),
    live("compression.lz4.level", Int, "9", Between(1, 17),
        "Level where compression.type is lz4."),
    live("compression.type", Text, "producer", Words(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "Codec of stored batches; producer keeps what the producer chose."),
    live("compression.zstd.level", Int, "3", Between(-131_072, 22),
        "Level where compression.type is zstd."),
    fixed("connections.max.idle.ms", Long, "600000", Any,
        "Milliseconds after which a connection is closed on which nothing happens."),
    fixed("default.replication.factor", Int, "1", AtLeast(1),
        "Replicas of a topic that is made without saying how many; one node keeps one."),
    fixed("delete.topic.enable", Boolean, "true", Any,
        "Whether clients may delete topics."),
    fixed("fetch.max.bytes", Int, "57671680", AtLeast(1024),
        "Bytes of records that an answer to a fetch has at most, whatever the client asks for."),
    fixed("group.coordinator.rebalance.protocols", List, "classic", Words(&["classic"]),
        "The protocols by which members of groups share partitions."),
    fixed("group.initial.rebalance.delay.ms", Int, "3000", AtLeast(0),
        "Milliseconds that a new group waits for more members before it shares out partitions."),
    fixed("group.max.session.timeout.ms", Int, "1800000", AtLeast(1),
        "The longest session timeout that a member of a group may ask for, in milliseconds."),
    fixed("group.max.size", Int, "2147483647", AtLeast(1),
        "Members that a group may have."),
    fixed("group.min.session.timeout.ms", Int, "6000", AtLeast(1),
        "The shortest session timeout that a member of a group may ask for, in milliseconds."),
    unset(fixed("listener.security.protocol.map", Text, "", Any,
        "Which protocol each listener speaks.")),
    fixed("listeners", List, "PLAINTEXT://:9092", Any,
        "Where the broker listens."),
    live("log.cleaner.backoff.ms", Long, "15000", AtLeast(0),
        "Milliseconds that compaction sleeps when there is nothing to do."),
    live("log.cleaner.dedupe.buffer.size", Long, "134217728", AtLeast(1 << 20),
        "Bytes of memory that compaction may take to remember keys in."),
    live("log.cleaner.delete.retention.ms", Long, "86400000", AtLeast(0),
        "Milliseconds that compaction keeps tombstones for."),
    fixed("log.cleaner.enable", Boolean, "true", Any,
        "Whether compacted topics are compacted."),
    live("log.cleaner.max.compaction.lag.ms", Long, MAX, AtLeast(1),
        "Milliseconds after which a record must become open to compaction."),
    live("log.cleaner.min.cleanable.ratio", Double, "0.5", Between(0, 1),
        "Share of a log that must be uncompacted before compaction runs."),
    live("log.cleaner.min.compaction.lag.ms", Long, "0", AtLeast(0),
        "Milliseconds that a record stays safe from compaction."),
    live("log.cleaner.threads", Int, "1", AtLeast(0),
        "Threads that compact."),
    live("log.cleanup.policy", List, "delete", Words(&["compact", "delete"]),
        "What becomes of old records: delete whole segments, compact by key, both, or (empty) neither."),
    fixed("log.dir", Text, "/tmp/kafka-logs", Any,
        "The log directory, where log.dirs does not say."),
    unset(fixed("log.dirs", Text, "", Any,
        "The log directory.")),
    live("log.flush.interval.messages", Long, MAX, AtLeast(1),
        "Records between two forced syncs to disk."),
    unset(live("log.flush.interval.ms", Long, "", AtLeast(0),
        "Milliseconds after which a record is synced to disk.")),
    fixed("log.flush.scheduler.interval.ms", Long, MAX, AtLeast(0),
        "Milliseconds between two looks for what is to be synced."),
    live("log.index.interval.bytes", Int, "4096", AtLeast(0),
        "Bytes of log between two entries of the offset index."),
    live("log.index.size.max.bytes", Int, "10485760", AtLeast(4),
        "Bytes of a segment's offset index and of its time index; a fuller one is rolled."),
    live("log.local.retention.bytes", Long, "-2", AtLeast(-2),
        "Bytes kept locally before tiered storage; -2 is log.retention.bytes."),
    live("log.local.retention.ms", Long, "-2", AtLeast(-2),
        "Milliseconds kept locally before tiered storage; -2 is log.retention.ms."),
    live("log.message.timestamp.after.max.ms", Long, "3600000", AtLeast(0),
        "Milliseconds that a record's timestamp may be ahead of the log's clock."),
    live("log.message.timestamp.before.max.ms", Long, MAX, AtLeast(0),
        "Milliseconds that a record's timestamp may be behind the log's clock."),
    live("log.message.timestamp.type", Text, "CreateTime", Words(&["CreateTime", "LogAppendTime"]),
        "Whose time a record bears: its producer's or the log's."),
    live("log.preallocate", Boolean, "false", Any,
        "Whether a new segment's file gets its space at once."),
    live("log.retention.bytes", Long, "-1", Any,
        "Bytes of one partition beyond which old segments go; negative is unlimited."),
    fixed("log.retention.check.interval.ms", Long, "300000", AtLeast(1),
        "Milliseconds between two looks for segments that are too old."),
    fixed("log.retention.hours", Int, "168", Any,
        "Hours after which old segments go, where neither minutes nor milliseconds are given."),
    unset(fixed("log.retention.minutes", Int, "", Any,
        "Minutes after which old segments go, where no milliseconds are given.")),
    unset(live("log.retention.ms", Long, "", AtLeast(-1),
        "Milliseconds after which old segments go; -1 is unlimited.")),
    fixed("log.roll.hours", Int, "168", AtLeast(1),
        "Hours after which a segment is rolled even if it is not full, where no milliseconds are given."),
    fixed("log.roll.jitter.hours", Int, "0", AtLeast(0),
        "Hours taken at random off log.roll.hours, where no milliseconds are given."),
    unset(live("log.roll.jitter.ms", Long, "", AtLeast(0),
        "Milliseconds taken at random off log.roll.ms, lest all segments roll at once.")),
    unset(live("log.roll.ms", Long, "", AtLeast(1),
        "Milliseconds after which a segment is rolled even if it is not full.")),
    live("log.segment.bytes", Int, "1073741824", AtLeast(1 << 20),
        "Bytes of a segment's log file; a fuller one is rolled."),
    live("log.segment.delete.delay.ms", Long, "60000", AtLeast(0),
        "Milliseconds between a segment's removal from the log and that of its files."),
    live("max.connections", Int, "2147483647", AtLeast(0),
        "Connections that may be open."),
    live("message.max.bytes", Int, "1048588", AtLeast(0),
        "Bytes of the largest batch, as stored, header included."),
    live("min.insync.replicas", Int, "1", AtLeast(1),
        "Replicas that must have a record before acks=all is answered; one node has one."),
    fixed("node.id", Int, "-1", AtLeast(-1),
        "The id of this node."),
    fixed("num.io.threads", Int, "8", AtLeast(1),
        "Threads that answer requests; of no effect, there are as many as are needed."),
    fixed("num.network.threads", Int, "3", AtLeast(1),
        "Threads that read and write connections; of no effect, there are as many as are needed."),
    fixed("num.partitions", Int, "1", AtLeast(1),
        "Partitions of a topic that is made without saying how many."),
    fixed("offset.metadata.max.bytes", Int, "4096", AtLeast(0),
        "Bytes of what a client may put beside a committed offset."),
    fixed("offsets.retention.check.interval.ms", Long, "600000", AtLeast(1),
        "Milliseconds between two looks for committed offsets that are too old."),
    fixed("offsets.retention.minutes", Int, "10080", AtLeast(1),
        "Minutes that the offsets of a group are kept after its last member left."),
    fixed("offsets.topic.compression.codec", Int, "0", Between(0, 4),
        "Codec of committed offsets; 0 is none."),
    fixed("offsets.topic.num.partitions", Int, "50", Between(1, 1000),
        "Partitions of __consumer_offsets; of effect before it is made."),
    fixed("offsets.topic.replication.factor", Short, "1", AtLeast(1),
        "Replicas of __consumer_offsets; one node keeps one."),
    fixed("offsets.topic.segment.bytes", Int, "104857600", AtLeast(1 << 20),
        "Bytes of a segment of __consumer_offsets."),
    fixed("process.roles", List, "broker,controller", Any,
        "What this node is to the cluster: all of it."),
    live("producer.id.expiration.ms", Int, "86400000", AtLeast(1),
        "Milliseconds after which a partition forgets a producer that wrote nothing more."),
    fixed("queued.max.request.bytes", Long, "-1", Any,
        "Bytes of requests that may be in memory; -1 leaves it to the broker."),
    fixed("queued.max.requests", Int, "500", AtLeast(1),
        "Requests that may wait; of no effect, their bytes are what is limited."),
    fixed("remote.log.storage.system.enable", Boolean, "false", Valid::False,
        "Tiered storage; not available."),
    live("runnel.clamp.replication.factor", Boolean, "false", Any,
        "Whether more replicas than one node has are taken for one; else they are refused, as Kafka does."),
    fixed("security.inter.broker.protocol", Text, "PLAINTEXT", Any,
        "What brokers speak among each other; there is one."),
    fixed("socket.request.max.bytes", Int, "104857600", AtLeast(1),
        "Bytes of the largest request."),
    fixed("transaction.max.timeout.ms", Int, "900000", AtLeast(1),
        "The longest transaction that a producer may ask for, in milliseconds."),
    fixed("transaction.state.log.min.isr", Int, "1", AtLeast(1),
        "Replicas that must have a record of __transaction_state; one node has one."),
    fixed("transaction.state.log.num.partitions", Int, "50", Between(1, 1000),
        "Partitions of __transaction_state; of effect before it is made."),
    fixed("transaction.state.log.replication.factor", Short, "1", AtLeast(1),
        "Replicas of __transaction_state; one node keeps one."),
    fixed("transaction.state.log.segment.bytes", Int, "104857600", AtLeast(1 << 20),
        "Bytes of a segment of __transaction_state."),
    fixed("transactional.id.expiration.ms", Int, "604800000", AtLeast(1),
        "Milliseconds after which a transactional id is forgotten that is not used."),
    live("unclean.leader.election.enable", Boolean, "false", Any,
        "Whether a replica out of sync may lead; of no effect on one node."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_their_defaults_are_legal() {
        assert!(BROKER_CONFIG_KEYS.is_sorted_by(|a, b| a.name < b.name));
        for row in BROKER_CONFIG_KEYS {
            let Some(default) = row.default else { continue };
            assert!(super::super::value::read(row.rule(), default).is_ok(), "{}", row.name);
        }
    }

    #[test]
    fn every_synonym_of_a_topic_config_is_a_broker_config() {
        for row in TOPIC_CONFIG_KEYS {
            for synonym in row.synonyms {
                BrokerConfigKey::find(synonym).expect("there is one");
            }
        }
    }

    #[test]
    fn unknown_keys_are_told_what_was_meant() {
        let message = |key| BrokerConfigKey::find(key).expect_err("no key").to_string();
        assert_eq!(
            message("retention.ms"),
            "unknown broker config \"retention.ms\"; did you mean log.retention.ms?"
        );
        assert_eq!(
            message("num.partition"),
            "unknown broker config \"num.partition\"; did you mean num.partitions?"
        );
        assert_eq!(message("zookeeper.connect"), "unknown broker config \"zookeeper.connect\"");
    }
}
