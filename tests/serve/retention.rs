//! A server's own rounds of retention, beside clients that wait and clients that lag.

use std::time::{Duration, Instant};

use runnel::protocol::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use runnel::protocol::list_offsets::{
    EARLIEST, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use runnel::protocol::{ApiKey, Response};

use crate::ask;
use crate::support::served::Client;
use crate::support::{PATIENCE, World};
use crate::words::{FETCH, batch, fetch_request, make_topic, produce, values};

const OUT_OF_RANGE: i16 = 1;

/// Changes a config of a topic while the server runs.
fn alter(client: &mut Client, topic: &str, key: &str, value: &str) {
    let change = AlterableConfig {
        name: key.to_owned(),
        config_operation: 0,
        value: Some(value.to_owned()),
    };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: topic.to_owned(),
        configs: vec![change],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    let response = ask!(client, IncrementalAlterConfigs, request);
    assert_eq!(response.responses[0].error_code, 0, "{response:?}");
}

fn earliest(client: &mut Client, topic: &str) -> i64 {
    let partition = ListOffsetsPartition { timestamp: EARLIEST, ..Default::default() };
    let asked = ListOffsetsTopic { name: topic.to_owned(), partitions: vec![partition] };
    let response =
        ask!(client, ListOffsets, ListOffsetsRequest { topics: vec![asked], ..Default::default() });
    response.topics[0].partitions[0].offset
}

fn until_earliest_is(client: &mut Client, topic: &str, expected: i64) {
    let deadline = Instant::now() + PATIENCE;
    while earliest(client, topic) != expected {
        assert!(Instant::now() < deadline, "it begins at {}", earliest(client, topic));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn old_records_go_beside_clients_that_wait_and_lag() {
    let world = World::new();
    let server = world.serve(&["-c", "log.retention.check.interval.ms=20"]);
    let (mut client, mut waiting, mut lagging) =
        (server.connect(), server.connect(), server.connect());
    make_topic(&mut client, "t");
    make_topic(&mut client, "kept");
    for topic in ["t", "kept"] {
        for value in ["a", "b", "c", "d"] {
            assert_eq!(produce(&mut client, topic, -1, &batch(&[value], None)).error_code, 0);
        }
    }
    let fetched = |client: &mut Client, offset| match client
        .try_ask(FETCH, fetch_request("t", offset, 0))
        .expect("an answer")
    {
        Response::Fetch(response) => response,
        other => panic!("another answer: {other:?}"),
    };
    assert_eq!(values(&fetched(&mut lagging, 1))[0], (1, "b".to_owned()));
    waiting.send(FETCH, &fetch_request("t", 4, i32::MAX)).expect("sends");

    // The records are of 1970.
    alter(&mut client, "t", "retention.ms", "1000");
    until_earliest_is(&mut client, "t", 4);
    let answer = fetched(&mut lagging, 2).responses.remove(0).partitions.remove(0);
    assert_eq!(answer.error_code, OUT_OF_RANGE, "{answer:?}");
    assert_eq!(earliest(&mut client, "kept"), 0, "of another topic nothing goes");

    alter(&mut client, "t", "retention.ms", "-1");
    assert_eq!(produce(&mut client, "t", -1, &batch(&["e"], None)).base_offset, 4);
    let (_, answer) = waiting.receive(ApiKey::Fetch, FETCH).expect("an answer");
    let Response::Fetch(answer) = answer else { panic!("another answer: {answer:?}") };
    assert_eq!(values(&answer), [(4, "e".to_owned())], "who waited goes on");

    let said = server.stop();
    let told = said.stderr.lines().filter(|line| line.contains("retention")).count();
    assert_eq!(told, 1, "told once: {said}");
    world.runnel(["log", "verify"]).stdout("").run();
    assert_eq!(world.consume(&["t"]), "e\n");
    assert_eq!(world.consume(&["kept"]), "a\nb\nc\nd\n");
}

/// The broker's own configs hold for topics that set nothing; what it does not touch it does not open.
#[test]
fn the_brokers_configs_hold_for_topics_that_say_nothing() {
    let world = World::new();
    world.topic("t", 1, &["internal.segment.bytes=100"]);
    world.topic("own", 1, &["retention.bytes=-1"]);
    for value in ["a\n", "b\n", "c\n"] {
        world.produce(&["t"], value);
        world.produce(&["own"], value);
    }
    let server =
        world.serve(&["-c", "log.retention.check.interval.ms=20", "-c", "log.retention.bytes=60"]);
    let mut client = server.connect();
    until_earliest_is(&mut client, "t", 2);
    assert_eq!(earliest(&mut client, "own"), 0);
    server.stop();
    assert_eq!(world.consume(&["t"]), "c\n");
}
