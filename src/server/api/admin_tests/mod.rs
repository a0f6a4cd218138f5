//! The handlers of administration over a directory of their own, asked as the wire would.

mod configs;

use std::sync::Arc;

use tokio::sync::watch;

use super::{Advertised, Context};
use crate::broker::{Access, Broker, Home};
use crate::clock::SystemClock;
use crate::model::Uuid;
use crate::model::config::TOPIC_CONFIG_KEYS;
use crate::protocol::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::protocol::create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult,
    CreateTopicsRequest,
};
use crate::protocol::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use crate::protocol::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::protocol::describe_cluster::DescribeClusterRequest;
use crate::protocol::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResult,
};
use crate::protocol::describe_log_dirs::DescribeLogDirsRequest;
use crate::protocol::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, TopicRequest,
};
use crate::protocol::elect_leaders::{ElectLeadersRequest, TopicPartitions};
use crate::protocol::incremental_alter_configs as stepwise;
use crate::record::{BatchBuilder, Compression, Headers, Record};
use crate::server::Node;

/// A node over a fresh directory.
struct Served {
    node: Arc<Node>,
    advertised: Advertised,
    _stop: watch::Sender<bool>,
    _dir: tempfile::TempDir,
}

impl Served {
    fn with(configs: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open_path(dir.path(), Access::Serve, true, "test").expect("opens");
        let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let broker = Broker::new(home, Arc::new(SystemClock))
            .with_static_configs(configs.collect())
            .expect("legal configs");
        let (stop, stopping) = watch::channel(false);
        let node = Node::open(Arc::new(broker), true, stopping).expect("a node");
        let advertised = Advertised { host: "here".to_owned(), port: 9092 };
        Self { node: Arc::new(node), advertised, _stop: stop, _dir: dir }
    }

    fn new() -> Self {
        Self::with(&[])
    }

    fn context(&self, version: i16) -> Context<'_> {
        Context {
            node: &self.node,
            version,
            client_id: "test",
            client_host: "/127.0.0.1",
            advertised: &self.advertised,
        }
    }

    fn create(&self, topics: Vec<CreatableTopic>) -> Vec<CreatableTopicResult> {
        let request = CreateTopicsRequest { topics, ..Default::default() };
        super::create_topics::handle(&self.context(7), &request).topics
    }

    fn describe(&self, resource_type: i8, name: &str, synonyms: bool) -> DescribeConfigsResult {
        let request = DescribeConfigsRequest {
            resources: vec![DescribeConfigsResource {
                resource_type,
                resource_name: name.to_owned(),
                configuration_keys: None,
            }],
            include_synonyms: synonyms,
            include_documentation: false,
        };
        super::describe_configs::handle(&self.context(4), request).results.remove(0)
    }

    fn config(&self, resource_type: i8, name: &str, key: &str) -> DescribeConfigsResourceResult {
        let all = self.describe(resource_type, name, true).configs;
        all.into_iter().find(|entry| entry.name == key).expect("the key is there")
    }

    /// Changes keys one by one, and gives the code.
    fn step(&self, resource_type: i8, name: &str, steps: &[(&str, i8, Option<&str>)]) -> i16 {
        let configs = steps.iter().map(|(key, operation, value)| stepwise::AlterableConfig {
            name: (*key).to_owned(),
            config_operation: *operation,
            value: value.map(str::to_owned),
        });
        let resource = stepwise::AlterConfigsResource {
            resource_type,
            resource_name: name.to_owned(),
            configs: configs.collect(),
        };
        let request = stepwise::IncrementalAlterConfigsRequest {
            resources: vec![resource],
            validate_only: false,
        };
        let context = self.context(1);
        let mut done = super::alter_configs::handle_incremental(&context, request).responses;
        done.remove(0).error_code
    }
}

fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: factor,
        ..Default::default()
    }
}

fn with_config(topic: CreatableTopic, key: &str, value: &str) -> CreatableTopic {
    let config = CreatableTopicConfig { name: key.to_owned(), value: Some(value.to_owned()) };
    CreatableTopic { configs: vec![config], ..topic }
}

fn codes(rows: &[CreatableTopicResult]) -> Vec<(&str, i16)> {
    rows.iter().map(|row| (row.name.as_str(), row.error_code)).collect()
}

/// Codes and words as in a Kafka 4.3.0's answers.
#[test]
fn topics_are_made_or_refused_as_kafka_does() {
    let served = Served::new();
    let rows = served.create(vec![
        topic("a", 3, 1),
        topic("defaults", -1, -1),
        topic("twice", 1, 1),
        topic("twice", 1, 1),
        topic("bad/name*", 1, 1),
        topic("none", 0, 1),
        topic("many", 1, 50),
        with_config(topic("unknown", 1, 1), "no.such.config", "1"),
        with_config(topic("min", 1, 1), "min.insync.replicas", "2"),
        topic("__consumer_offsets", 1, 1),
    ]);
    let expected = [
        ("a", 0),
        ("defaults", 0),
        ("twice", 42),
        ("bad/name*", 17),
        ("none", 37),
        ("many", 38),
        ("unknown", 40),
        ("min", 40),
        ("__consumer_offsets", 17),
    ];
    assert_eq!(codes(&rows), expected);
    assert_eq!((rows[0].num_partitions, rows[0].replication_factor), (3, 1));
    assert_eq!(rows[0].configs.as_ref().map(Vec::len), Some(TOPIC_CONFIG_KEYS.len()));
    assert_ne!(rows[0].topic_id, Uuid::default());
    assert_eq!((rows[2].num_partitions, rows[2].replication_factor), (-1, -1));
    assert_eq!(rows[2].configs, Some(Vec::new()));
    let words = "Number of partitions was set to an invalid non-positive value.";
    assert_eq!(rows[4].error_message.as_deref(), Some(words));
    let again = served.create(vec![topic("a", 1, 1)]);
    assert_eq!(again[0].error_message.as_deref(), Some("Topic 'a' already exists."));
    assert_eq!(codes(&served.create(vec![topic("x.y", 1, 1), topic("x_y", 1, 1)]))[1], ("x_y", 17));
}

#[test]
fn assignments_by_hand_name_this_node() {
    let served = Served::new();
    let assigned = |name: &str, partitions: &[(i32, &[i32])]| CreatableTopic {
        assignments: partitions
            .iter()
            .map(|(partition_index, brokers)| CreatableReplicaAssignment {
                partition_index: *partition_index,
                broker_ids: brokers.to_vec(),
            })
            .collect(),
        ..topic(name, -1, -1)
    };
    let rows = served.create(vec![
        assigned("two", &[(1, &[1]), (0, &[1])]),
        assigned("gap", &[(0, &[1]), (2, &[1])]),
        assigned("other", &[(0, &[7])]),
        assigned("double", &[(0, &[1, 1])]),
        CreatableTopic { num_partitions: 1, ..assigned("both", &[(0, &[1])]) },
    ]);
    let expected = [("two", 0), ("gap", 39), ("other", 39), ("double", 39), ("both", 42)];
    assert_eq!(codes(&rows), expected);
    assert_eq!(rows[0].num_partitions, 2);
}

#[test]
fn a_clamp_takes_many_replicas_for_one_and_defaults_are_the_brokers() {
    let served = Served::with(&[
        ("runnel.clamp.replication.factor", "true"),
        ("default.replication.factor", "3"),
        ("num.partitions", "4"),
        ("log.retention.hours", "1"),
    ]);
    let rows = served.create(vec![
        topic("many", 1, 3),
        topic("defaults", -1, -1),
        with_config(topic("min", 1, 1), "min.insync.replicas", "2"),
    ]);
    assert_eq!(codes(&rows), [("many", 0), ("defaults", 0), ("min", 0)]);
    assert_eq!((rows[1].num_partitions, rows[1].replication_factor), (4, 1));
    let retention = served.config(2, "many", "retention.ms");
    assert_eq!((retention.value.as_deref(), retention.config_source), (Some("3600000"), 4));
    let strict = Served::with(&[("default.replication.factor", "3")]);
    assert_eq!(codes(&strict.create(vec![topic("defaults", -1, -1)])), [("defaults", 38)]);
}

#[test]
fn what_is_only_checked_is_not_made() {
    let served = Served::new();
    let topics = vec![topic("a", 1, 1), topic("none", 0, 1)];
    let request = CreateTopicsRequest { topics, validate_only: true, ..Default::default() };
    let rows = super::create_topics::handle(&served.context(4), &request).topics;
    assert_eq!(codes(&rows), [("a", 0), ("none", 37)]);
    assert!(served.node.broker.topic_named("a").expect("reads").is_none());
}

#[test]
fn topics_go_by_name_or_id() {
    let served = Served::new();
    let made = served.create(vec![topic("a", 2, 1), topic("b", 1, 1)]);
    let by_name =
        |name: &str| DeleteTopicState { name: Some(name.to_owned()), topic_id: Uuid::default() };
    let by_id = |topic_id| DeleteTopicState { name: None, topic_id };
    let topics = vec![
        by_name("a"),
        by_id(made[1].topic_id),
        by_name("b"),
        by_name("c"),
        by_id(Uuid([9; 16])),
        by_id(Uuid::default()),
        DeleteTopicState { topic_id: made[0].topic_id, ..by_name("a") },
    ];
    let request = DeleteTopicsRequest { topics, ..Default::default() };
    let rows = super::delete_topics::handle(&served.context(6), request).responses;
    let rows: Vec<_> = rows.iter().map(|row| (row.name.as_deref(), row.error_code)).collect();
    let expected = [
        (Some("a"), 0),
        (Some("b"), 0),
        (Some("b"), 42),
        (Some("c"), 3),
        (None, 100),
        (None, 42),
        (Some("a"), 42),
    ];
    assert_eq!(rows, expected);
    assert!(served.node.broker.all_topics().expect("reads").is_empty());
    // A topic made anew under an old name is another.
    assert_ne!(served.create(vec![topic("a", 1, 1)])[0].topic_id, made[0].topic_id);
    let strict = Served::with(&[("delete.topic.enable", "false")]);
    for (version, code) in [(5, 73), (2, 42)] {
        let request =
            DeleteTopicsRequest { topic_names: vec!["a".to_owned()], ..Default::default() };
        let rows = super::delete_topics::handle(&strict.context(version), request).responses;
        assert_eq!(rows[0].error_code, code);
    }
}

#[test]
fn partitions_are_added_and_never_taken() {
    let served = Served::new();
    served.create(vec![topic("a", 2, 1), topic("b", 2, 1)]);
    let grow = |name: &str, count| CreatePartitionsTopic {
        name: name.to_owned(),
        count,
        assignments: None,
    };
    let request = |topics| CreatePartitionsRequest { topics, ..Default::default() };
    let topics = vec![grow("a", 4), grow("b", 2), grow("c", 2), grow("d", 1), grow("d", 2)];
    let rows = super::create_partitions::handle(&served.context(3), &request(topics)).results;
    let rows: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.error_code)).collect();
    assert_eq!(rows, [("a", 0), ("b", 37), ("c", 3), ("d", 42)]);
    let fewer = request(vec![grow("a", 2)]);
    let rows = super::create_partitions::handle(&served.context(3), &fewer).results;
    let words = "The topic a currently has 4 partition(s); 2 would not be an increase.";
    assert_eq!(rows[0].error_message.as_deref(), Some(words));
}

fn append(served: &Served, topic: &str, records: i32) {
    let broker = &served.node.broker;
    let info = broker.topic_named(topic).expect("reads").expect("is there");
    let log = broker.log(&info, 0).expect("opens");
    for _ in 0..records {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.push(&Record {
            offset: 0,
            timestamp: 1,
            key: Some(b"k"),
            value: Some(b"v"),
            headers: Headers::List(&[]),
        });
        let mut batch = builder.finish().expect("a batch").to_vec();
        broker.append(&log, &mut batch).expect("appends");
    }
}

#[test]
fn records_are_deleted_up_to_an_offset() {
    let served = Served::new();
    served.create(vec![
        topic("a", 1, 1),
        with_config(topic("compacted", 1, 1), "cleanup.policy", "compact"),
    ]);
    append(&served, "a", 5);
    let delete = |name: &str, index, offset| {
        let partitions = vec![DeleteRecordsPartition { partition_index: index, offset }];
        let topics = vec![DeleteRecordsTopic { name: name.to_owned(), partitions }];
        let request = DeleteRecordsRequest { topics, ..Default::default() };
        let mut topics = super::delete_records::handle(&served.context(2), request).topics;
        let row = topics.remove(0).partitions.remove(0);
        (row.error_code, row.low_watermark)
    };
    assert_eq!(delete("a", 0, 2), (0, 2));
    assert_eq!(delete("a", 0, 1), (0, 2), "below the start is nothing to do");
    assert_eq!(delete("a", 0, 6), (1, -1));
    assert_eq!(delete("a", 0, -1), (0, 5));
    assert_eq!(delete("a", 1, 0), (3, -1));
    assert_eq!(delete("b", 0, 0), (3, -1));
    assert_eq!(delete("compacted", 0, 0), (44, -1));
}

#[test]
fn topics_are_described_a_page_at_a_time() {
    let served = Served::new();
    served.create(vec![topic("a", 2, 1), topic("b", 3, 1), topic("c", 1, 1)]);
    let page = |topics: &[&str], limit, cursor: Option<(&str, i32)>| {
        let request = DescribeTopicPartitionsRequest {
            topics: topics.iter().map(|name| TopicRequest { name: (*name).to_owned() }).collect(),
            response_partition_limit: limit,
            cursor: cursor.map(|(topic, partition_index)| Cursor {
                topic_name: topic.to_owned(),
                partition_index,
            }),
        };
        let response = super::describe_topic_partitions::handle(&served.context(0), &request);
        let of_topic = |row: &crate::protocol::describe_topic_partitions::
            DescribeTopicPartitionsResponseTopic| {
            let partitions: Vec<_> =
                row.partitions.iter().map(|partition| partition.partition_index).collect();
            (row.name.clone().unwrap_or_default(), row.error_code, partitions)
        };
        let next = response.next_cursor.map(|next| (next.topic_name, next.partition_index));
        (response.topics.iter().map(of_topic).collect::<Vec<_>>(), next)
    };
    let row =
        |name: &str, code: i16, partitions: &[i32]| (name.to_owned(), code, partitions.to_vec());
    let next = |name: &str, partition| Some((name.to_owned(), partition));
    let all = vec![row("a", 0, &[0, 1]), row("b", 0, &[0, 1, 2]), row("c", 0, &[0])];
    assert_eq!(page(&[], 2000, None), (all, None));
    let first = vec![row("a", 0, &[0, 1]), row("b", 0, &[0])];
    assert_eq!(page(&[], 3, None), (first, next("b", 1)));
    let rest = vec![row("b", 0, &[1, 2]), row("c", 0, &[0])];
    assert_eq!(page(&[], 3, Some(("b", 1))), (rest, None));
    assert_eq!(page(&[], 2, None), (vec![row("a", 0, &[0, 1])], next("b", 0)));
    let asked = vec![row("b", 0, &[0, 1, 2]), row("x", 3, &[]), row("x/", 17, &[])];
    assert_eq!(page(&["x/", "x", "b"], 2000, None), (asked, None));
}

#[test]
fn one_node_has_the_cluster_the_leaders_and_the_log_directory() {
    let served = Served::new();
    served.create(vec![topic("a", 2, 1)]);
    append(&served, "a", 3);
    let cluster = |endpoint_type| {
        let request = DescribeClusterRequest {
            endpoint_type,
            include_cluster_authorized_operations: true,
            include_fenced_brokers: false,
        };
        super::describe_cluster::handle(&served.context(2), &request)
    };
    let found = cluster(1);
    assert_eq!((found.error_code, found.controller_id, found.brokers.len()), (0, 1, 1));
    assert_eq!((found.brokers[0].host.as_str(), found.brokers[0].port), ("here", 9092));
    assert_eq!(found.cluster_authorized_operations, 8096);
    assert_eq!((cluster(2).error_code, cluster(3).error_code), (114, 115));
    let elect = |topic_partitions| {
        let request = ElectLeadersRequest { topic_partitions, ..Default::default() };
        super::elect_leaders::handle(&served.context(2), request).replica_election_results
    };
    assert_eq!(elect(None), []);
    let asked = TopicPartitions { topic: "a".to_owned(), partitions: vec![0, 2] };
    let rows = elect(Some(vec![asked]));
    let rows: Vec<_> = rows[0].partition_result.iter().map(|row| row.error_code).collect();
    assert_eq!(rows, [84, 3]);
    let request = DescribeLogDirsRequest { topics: None };
    let dirs = super::describe_log_dirs::handle(&served.context(5), &request).results;
    assert_eq!((dirs.len(), dirs[0].topics.len()), (1, 1));
    let sizes: Vec<_> = dirs[0].topics[0].partitions.iter().map(|row| row.partition_size).collect();
    assert!(sizes[0] > 0 && sizes[1] == 0, "{sizes:?}");
    assert!(dirs[0].log_dir.starts_with('/') && dirs[0].total_bytes >= dirs[0].usable_bytes);
}
