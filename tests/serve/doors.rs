//! Two doors, one engine: who may use a directory while it is served.

use runnel::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use runnel::protocol::{ApiKey, Response};

use crate::support::World;
use crate::try_ask;
use crate::words::{FETCH, batch, fetch_request, make_topic, produce, read_all, values};

#[test]
fn writers_are_refused_and_told_who_serves() {
    let world = World::new();
    world.produce(&["t"], "before\n");
    let server = world.serve(&[]);
    for args in [
        &["produce", "t"][..],
        &["topic", "create", "u"],
        &["topic", "delete", "t", "--yes"],
        &["consume", "t", "-g", "g"],
        &["group", "set", "g", "t", "--to", "end", "--yes"],
    ] {
        let said = world.runnel(args).stdin("x\n").status(1).run();
        said.says("is being served by").says(&server.address).has_hint();
    }
    let second = world.runnel(["serve", "-l", "127.0.0.1:0"]).fails(1);
    second.says(&server.address);
    server.stop();
    world.produce(&["t"], "after\n");
    assert_eq!(world.consume(&["t"]), "before\nafter\n");
}

#[test]
fn readers_work_beside_a_server() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let mut follower = world.runnel(["consume", "t", "-f"]).spawn();
    for number in 0..20 {
        let value = format!("value {number}");
        produce(&mut client, "t", 1, &batch(&[&value], None));
        assert_eq!(follower.line(), value);
    }
    assert_eq!(world.consume(&["t", "-c", "1"]), "value 0\n");
    let listed = world.runnel(["topic", "list"]).run().text();
    assert_eq!(listed, "t\n");
    world.runnel(["topic", "describe", "t"]).run();
    world.runnel(["log", "verify"]).stdout("").run();
    server.stop();
    assert_eq!(world.consume(&["t", "-n", "1"]), "value 19\n");
}

#[test]
fn a_server_is_refused_where_a_command_writes() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let mut writer = world.runnel(["produce", "t"]).spawn();
    writer.feed(b"one\n");
    world.until_consume_prints("t", "one\n");
    let refused = world.runnel(["serve", "-l", "127.0.0.1:0"]).fails(1);
    refused.says("runnel produce t").has_hint();
    assert_eq!(writer.wait().status, 0);
    world.serve(&[]).stop();
}

#[test]
fn what_commands_wrote_is_served_and_the_other_way_round() {
    let world = World::new();
    world.topic("t", 1, &["segment.bytes=1048576"]);
    let lines: String = (0..50_000).map(|n| format!("line {n} of some length to fill\n")).collect();
    world.produce(&["t"], lines.clone());
    let server = world.serve(&[]);
    let mut client = server.connect();
    let served: String =
        read_all(&mut client, "t").iter().map(|(_, value)| format!("{value}\n")).collect();
    assert!(served == lines, "{} bytes served of {}", served.len(), lines.len());
    produce(&mut client, "t", -1, &batch(&["a", "b"], None));
    server.stop();
    assert_eq!(world.consume(&["t", "-n", "2"]), "a\nb\n");
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn a_parked_fetch_is_woken_by_an_append() {
    let world = World::new();
    let server = world.serve(&[]);
    let (mut consumer, mut producer) = (server.connect(), server.connect());
    make_topic(&mut producer, "t");
    consumer.send(FETCH, &fetch_request("t", 0, 60_000)).expect("sends");
    produce(&mut producer, "t", 1, &batch(&["woken"], None));
    // Longer than this test may take, were it not woken.
    let (_, answer) = consumer.receive(ApiKey::Fetch, FETCH).expect("an answer");
    let Response::Fetch(response) = answer else { panic!("another answer") };
    assert_eq!(values(&response), [(0, "woken".to_owned())]);
    server.stop();
}

/// What a command has committed a client goes on from, and the other way round.
#[test]
fn a_group_goes_on_through_the_other_door() {
    let world = World::new();
    world.produce(&["t"], "a\nb\nc\n");
    assert_eq!(world.consume(&["t", "-g", "g", "-c", "1"]), "a\n");
    let server = world.serve(&[]);
    let mut client = server.connect();
    let topics = vec![OffsetFetchRequestTopic { name: "t".to_owned(), partition_indexes: vec![0] }];
    let group_id = "g".to_owned();
    let fetch = OffsetFetchRequest { group_id, topics: Some(topics), ..Default::default() };
    let fetched = try_ask!(client, OffsetFetch, 7, fetch).expect("an answer");
    assert_eq!(fetched.topics[0].partitions[0].committed_offset, 1);
    let partition = OffsetCommitRequestPartition {
        partition_index: 0,
        committed_offset: 2,
        committed_leader_epoch: 0,
        committed_metadata: None,
    };
    let topic = OffsetCommitRequestTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let group_id = "g".to_owned();
    let commit = OffsetCommitRequest { group_id, topics: vec![topic], ..Default::default() };
    let committed = try_ask!(client, OffsetCommit, 8, commit).expect("an answer");
    assert_eq!(committed.topics[0].partitions[0].error_code, 0);
    world.runnel(["group", "list"]).stdout("g\n").run();
    let lag = world.runnel(["group", "lag", "g", "-J"]).run().text();
    assert!(lag.contains(r#""committed":2,"end":3,"lag":1"#), "{lag}");
    server.stop();
    assert_eq!(world.consume(&["t", "-g", "g"]), "c\n");
}
