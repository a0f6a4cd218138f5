//! Configs of topics and brokers: shown, changed, in force.

use super::{Served, topic, with_config};
use crate::model::config::BROKER_CONFIG_KEYS;
use crate::protocol::alter_configs as replacing;

/// Name, type, source of what a Kafka 4.3.0 says of a topic that was made with a `retention.ms`.
const OF_KAFKA: &str = "cleanup.policy 7 5 delete|compression.gzip.level 3 5 -1\
    |compression.lz4.level 3 5 9|compression.type 2 5 producer|compression.zstd.level 3 5 3\
    |delete.retention.ms 5 5 86400000|file.delete.delay.ms 5 5 60000\
    |flush.messages 5 5 9223372036854775807|flush.ms 5 5 9223372036854775807\
    |follower.replication.throttled.replicas 7 5 |index.interval.bytes 3 5 4096\
    |leader.replication.throttled.replicas 7 5 |local.retention.bytes 5 5 -2\
    |local.retention.ms 5 5 -2|max.compaction.lag.ms 5 5 9223372036854775807\
    |max.message.bytes 3 5 1048588|message.timestamp.after.max.ms 5 5 3600000\
    |message.timestamp.before.max.ms 5 5 9223372036854775807\
    |message.timestamp.type 2 5 CreateTime|min.cleanable.dirty.ratio 6 5 0.5\
    |min.compaction.lag.ms 5 5 0|min.insync.replicas 3 5 1|preallocate 1 5 false\
    |remote.log.copy.disable 1 5 false|remote.log.delete.on.disable 1 5 false\
    |remote.storage.enable 1 5 false|retention.bytes 5 5 -1|retention.ms 5 1 3600000\
    |segment.bytes 3 5 1073741824|segment.index.bytes 3 5 10485760|segment.jitter.ms 5 5 0\
    |segment.ms 5 5 604800000|unclean.leader.election.enable 1 5 false";

#[test]
fn a_topics_configs_are_kafkas_each_with_where_it_comes_from() {
    let served = Served::new();
    served.create(vec![with_config(topic("a", 1, 1), "retention.ms", "3600000")]);
    let result = served.describe(2, "a", true);
    let rows: Vec<_> = result
        .configs
        .iter()
        .map(|row| {
            let value = row.value.as_deref().expect("each has a value");
            format!("{} {} {} {value}", row.name, row.config_type, row.config_source)
        })
        .collect();
    assert_eq!(rows, OF_KAFKA.split('|').collect::<Vec<_>>());
    assert_eq!(result.configs[0].synonyms[0].name, "log.cleanup.policy");
    assert_eq!(served.describe(2, "b", false).error_code, 3);
    assert_eq!(served.describe(8, "1", false).error_code, 42);
}

#[test]
fn configs_change_step_by_step_and_at_once() {
    let served = Served::new();
    served.create(vec![topic("a", 1, 1)]);
    let info = served.node.broker.topic_named("a").expect("reads").expect("is there");
    let log = served.node.broker.log(&info, 0).expect("opens");
    let set = [("retention.ms", 0, Some("5000")), ("cleanup.policy", 2, Some("compact,delete"))];
    assert_eq!(served.step(2, "a", &set), 0);
    assert_eq!(log.config().retention_ms, 5000, "the open log follows");
    assert!(log.config().cleanup_policy.compact && log.config().cleanup_policy.delete);
    assert_eq!(served.config(2, "a", "cleanup.policy").value.as_deref(), Some("delete,compact"));
    let less = [("cleanup.policy", 3, Some("delete")), ("retention.ms", 1, None)];
    assert_eq!(served.step(2, "a", &less), 0);
    assert_eq!(served.config(2, "a", "cleanup.policy").value.as_deref(), Some("compact"));
    assert_eq!(served.config(2, "a", "retention.ms").config_source, 5);
    for (steps, code) in [
        (&[("retention.ms", 0, None)][..], 42),
        (&[("retention.ms", 9, Some("1"))], 42),
        (&[("retention.ms", 0, Some("1")), ("retention.ms", 1, None)], 42),
        (&[("retention.ms", 2, Some("1"))], 40),
        (&[("retention.ms", 0, Some("soon"))], 40),
        (&[("no.such.config", 0, Some("1"))], 40),
        (&[("min.insync.replicas", 0, Some("2"))], 40),
    ] {
        assert_eq!(served.step(2, "a", steps), code, "{steps:?}");
    }
    assert_eq!(served.step(2, "b", &set), 3);
    // The older way: what is not named is what it inherits.
    let configs = vec![replacing::AlterableConfig {
        name: "segment.ms".to_owned(),
        value: Some("7000".to_owned()),
    }];
    let resource_name = "a".to_owned();
    let resource = replacing::AlterConfigsResource { resource_type: 2, resource_name, configs };
    let request =
        replacing::AlterConfigsRequest { resources: vec![resource], validate_only: false };
    let done = crate::server::api::alter_configs::handle(&served.context(2), request).responses;
    assert_eq!(done[0].error_code, 0);
    assert_eq!(served.config(2, "a", "cleanup.policy").config_source, 5);
    assert_eq!(log.config().segment_ms, 7000);
}

#[test]
fn a_brokers_configs_change_live_and_topics_inherit_them() {
    let served = Served::new();
    served.create(vec![topic("a", 1, 1)]);
    let info = served.node.broker.topic_named("a").expect("reads").expect("is there");
    let log = served.node.broker.log(&info, 0).expect("opens");
    let all = served.describe(4, "1", true);
    assert_eq!((all.error_code, all.configs.len()), (0, BROKER_CONFIG_KEYS.len()));
    assert_eq!(served.config(4, "1", "node.id").value.as_deref(), Some("1"));
    assert!(served.config(4, "1", "num.partitions").read_only);
    assert_eq!(served.describe(4, "", false).configs, []);
    assert_eq!(served.describe(4, "7", false).error_code, 42);
    assert_eq!(served.step(4, "", &[("log.retention.ms", 0, Some("9000"))]), 0);
    assert_eq!(log.config().retention_ms, 9000);
    assert_eq!(served.describe(4, "", false).configs.len(), 1);
    assert_eq!(served.step(4, "1", &[("log.retention.ms", 0, Some("8000"))]), 0);
    assert_eq!(log.config().retention_ms, 8000);
    let retention = served.config(2, "a", "retention.ms");
    let sources: Vec<_> = retention.synonyms.iter().map(|synonym| synonym.source).collect();
    assert_eq!((retention.config_source, sources), (2, vec![2, 3, 5]));
    for (steps, code) in [
        (&[("num.partitions", 0, Some("2"))][..], 40),
        (&[("log.retention.ms", 0, Some("soon"))], 40),
        (&[("retention.ms", 0, Some("1"))], 40),
    ] {
        assert_eq!(served.step(4, "1", steps), code, "{steps:?}");
    }
    assert_eq!(served.step(4, "1", &[("max.connections", 0, Some("5"))]), 0);
    assert_eq!(served.node.broker.config().max_connections, 5);
}
