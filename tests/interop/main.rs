//! Real clients against the real server: what Kafka's users have, unchanged.
//!
//! Each client has a server of its own on a fresh directory. Its scripts produce, consume, form groups and administer,
//! each script's checks beside each other. Then the server is stopped, and what it left is held to what all other log
//! directories are held to: `log verify` finds nothing, a reader that is not ours finds the same records as `consume`.
//! scripts/test installs the clients; one that is missing fails.
#![allow(clippy::panic, reason = "a helper of tests fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod corpus;
mod served;

use served::{Client, Served};

#[test]
fn kcat() {
    Served::start().run(&Client { scripts: &["kcat/kcat.sh"], corpus: None });
}

/// What breaks naive brokers, sent by hand.
#[test]
fn traps() {
    Served::start().run(&Client { scripts: &["traps/records.py"], corpus: None });
}

#[test]
fn confluent_kafka() {
    let scripts = [
        "confluent-kafka/records.py",
        "confluent-kafka/groups.py",
        "confluent-kafka/transactions.py",
        "confluent-kafka/admin.py",
    ];
    Served::start().run(&Client { scripts: &scripts, corpus: Some(corpus::whole()) });
}

#[test]
fn kafka_python() {
    let scripts = [
        "kafka-python/records.py",
        "kafka-python/groups.py",
        "kafka-python/transactions.py",
        "kafka-python/admin.py",
    ];
    let corpus = corpus::without_null_headers(corpus::without_nothing(corpus::whole()));
    Served::start().run(&Client { scripts: &scripts, corpus: Some(corpus) });
}

#[test]
fn aiokafka() {
    let scripts = [
        "aiokafka/records.py",
        "aiokafka/groups.py",
        "aiokafka/transactions.py",
        "aiokafka/admin.py",
    ];
    let corpus = corpus::without_nothing(corpus::whole());
    Served::start().run(&Client { scripts: &scripts, corpus: Some(corpus) });
}

#[test]
fn kafkajs() {
    let scripts =
        ["kafkajs/records.js", "kafkajs/groups.js", "kafkajs/transactions.js", "kafkajs/admin.js"];
    let corpus = corpus::without_null_headers(corpus::whole());
    Served::start().run(&Client { scripts: &scripts, corpus: Some(corpus) });
}
