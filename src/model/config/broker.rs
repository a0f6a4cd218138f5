//! A broker's whole configuration, typed: what the server and the coordinator read.

use std::collections::BTreeMap;

use super::value::{self, Value};
use super::{BROKER_CONFIG_KEYS, BrokerConfigKey, ConfigError, Layers};

/// A broker's configuration with every default filled in. What topics inherit from it is in each
/// topic's own, see [`Layers::topic_config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// `auto.create.topics.enable`.
    pub auto_create_topics_enable: bool,
    /// `broker.rack`.
    pub broker_rack: Option<String>,
    /// `connections.max.idle.ms`; negative is for ever.
    pub connections_max_idle_ms: i64,
    /// `default.replication.factor`.
    pub default_replication_factor: i32,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: i32,
    /// `group.initial.rebalance.delay.ms`.
    pub group_initial_rebalance_delay_ms: i32,
    /// `group.max.session.timeout.ms`.
    pub group_max_session_timeout_ms: i32,
    /// `group.max.size`: members.
    pub group_max_size: i32,
    /// `group.min.session.timeout.ms`.
    pub group_min_session_timeout_ms: i32,
    /// `log.cleaner.backoff.ms`.
    pub log_cleaner_backoff_ms: i64,
    /// `log.cleaner.dedupe.buffer.size`.
    pub log_cleaner_dedupe_buffer_size: i64,
    /// `log.cleaner.enable`.
    pub log_cleaner_enable: bool,
    /// `log.cleaner.threads`.
    pub log_cleaner_threads: i32,
    /// `log.retention.check.interval.ms`.
    pub log_retention_check_interval_ms: i64,
    /// `max.connections`.
    pub max_connections: i32,
    /// `message.max.bytes`: of a batch, header included.
    pub message_max_bytes: i32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: i32,
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_max_bytes: i32,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval_ms: i64,
    /// `offsets.retention.minutes`.
    pub offsets_retention_minutes: i32,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_num_partitions: i32,
    /// `offsets.topic.segment.bytes`.
    pub offsets_topic_segment_bytes: i32,
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i32,
    /// `queued.max.request.bytes`; negative leaves it to the server.
    pub queued_max_request_bytes: i64,
    /// `runnel.clamp.replication.factor`.
    pub clamp_replication_factor: bool,
    /// `socket.request.max.bytes`.
    pub socket_request_max_bytes: i32,
    /// `transaction.max.timeout.ms`.
    pub transaction_max_timeout_ms: i32,
    /// `transaction.state.log.num.partitions`.
    pub transaction_state_log_num_partitions: i32,
    /// `transaction.state.log.segment.bytes`.
    pub transaction_state_log_segment_bytes: i32,
    /// `transactional.id.expiration.ms`.
    pub transactional_id_expiration_ms: i32,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self::from_layers(&Layers::default()).expect("a test reads every default")
    }
}

impl BrokerConfig {
    /// What the layers come to.
    ///
    /// # Errors
    /// The first value that is not legal, in the order of names; then values that exclude each
    /// other.
    pub fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let values = Values::of(layers)?;
        let config = Self {
            auto_create_topics_enable: values.boolean("auto.create.topics.enable"),
            broker_rack: layers.broker_value("broker.rack").map(str::to_owned),
            connections_max_idle_ms: values.long("connections.max.idle.ms"),
            default_replication_factor: values.int("default.replication.factor"),
            delete_topic_enable: values.boolean("delete.topic.enable"),
            fetch_max_bytes: values.int("fetch.max.bytes"),
            group_initial_rebalance_delay_ms: values.int("group.initial.rebalance.delay.ms"),
            group_max_session_timeout_ms: values.int("group.max.session.timeout.ms"),
            group_max_size: values.int("group.max.size"),
            group_min_session_timeout_ms: values.int("group.min.session.timeout.ms"),
            log_cleaner_backoff_ms: values.long("log.cleaner.backoff.ms"),
            log_cleaner_dedupe_buffer_size: values.long("log.cleaner.dedupe.buffer.size"),
            log_cleaner_enable: values.boolean("log.cleaner.enable"),
            log_cleaner_threads: values.int("log.cleaner.threads"),
            log_retention_check_interval_ms: values.long("log.retention.check.interval.ms"),
            max_connections: values.int("max.connections"),
            message_max_bytes: values.int("message.max.bytes"),
            min_insync_replicas: values.int("min.insync.replicas"),
            num_partitions: values.int("num.partitions"),
            offset_metadata_max_bytes: values.int("offset.metadata.max.bytes"),
            offsets_retention_check_interval_ms: values.long("offsets.retention.check.interval.ms"),
            offsets_retention_minutes: values.int("offsets.retention.minutes"),
            offsets_topic_num_partitions: values.int("offsets.topic.num.partitions"),
            offsets_topic_segment_bytes: values.int("offsets.topic.segment.bytes"),
            producer_id_expiration_ms: values.int("producer.id.expiration.ms"),
            queued_max_request_bytes: values.long("queued.max.request.bytes"),
            clamp_replication_factor: values.boolean("runnel.clamp.replication.factor"),
            socket_request_max_bytes: values.int("socket.request.max.bytes"),
            transaction_max_timeout_ms: values.int("transaction.max.timeout.ms"),
            transaction_state_log_num_partitions: values
                .int("transaction.state.log.num.partitions"),
            transaction_state_log_segment_bytes: values.int("transaction.state.log.segment.bytes"),
            transactional_id_expiration_ms: values.int("transactional.id.expiration.ms"),
        };
        if config.group_min_session_timeout_ms > config.group_max_session_timeout_ms {
            return Err(ConfigError::Conflict(
                "group.min.session.timeout.ms cannot be more than group.max.session.timeout.ms",
            ));
        }
        Ok(config)
    }
}

/// The checked values by key; a key that is not set has none.
struct Values<'a>(BTreeMap<&'static str, Value<'a>>);

impl<'a> Values<'a> {
    fn of(layers: &'a Layers) -> Result<Self, ConfigError> {
        let set = |row: &'static BrokerConfigKey| {
            let text = layers.broker_value(row.name)?;
            Some(value::read(row.rule(), text).map(|value| (row.name, value)))
        };
        BROKER_CONFIG_KEYS.iter().filter_map(set).collect::<Result<_, _>>().map(Self)
    }

    fn boolean(&self, key: &str) -> bool {
        matches!(self.0.get(key), Some(Value::Boolean(true)))
    }

    fn int(&self, key: &str) -> i32 {
        match self.0.get(key) {
            Some(Value::Int(number)) => *number,
            _ => unreachable!("a test reads every field: {key}"),
        }
    }

    fn long(&self, key: &str) -> i64 {
        match self.0.get(key) {
            Some(Value::Long(number)) => *number,
            _ => unreachable!("a test reads every field: {key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_what_is_laid_over_them() {
        let default = BrokerConfig::default();
        assert_eq!((default.num_partitions, default.offsets_topic_num_partitions), (1, 50));
        assert_eq!((default.clamp_replication_factor, default.broker_rack), (false, None));
        let mut layers = Layers::default();
        for (key, value) in
            [("num.partitions", "3"), ("max.connections", "10"), ("broker.rack", "r")]
        {
            layers.static_broker.insert(key.to_owned(), value.to_owned());
        }
        layers.dynamic_default.insert("max.connections".to_owned(), "20".to_owned());
        let config = BrokerConfig::from_layers(&layers).expect("legal");
        assert_eq!((config.num_partitions, config.max_connections), (3, 20));
        assert_eq!(config.broker_rack.as_deref(), Some("r"));
        layers.dynamic_broker.insert("max.connections".to_owned(), "-1".to_owned());
        assert!(BrokerConfig::from_layers(&layers).is_err());
    }

    #[test]
    fn session_timeouts_must_leave_a_range() {
        let mut layers = Layers::default();
        layers.static_broker.insert("group.max.session.timeout.ms".to_owned(), "5000".to_owned());
        assert!(matches!(BrokerConfig::from_layers(&layers), Err(ConfigError::Conflict(_))));
    }
}
