//! A clean stop: what waits is answered, what was written is durable, and the next start has nothing to check.

use std::fs;

use bytes::Bytes;
use runnel::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use runnel::protocol::{ApiKey, Request, Response};

use crate::support::World;
use crate::words::{FETCH, batch, fetch_request, make_topic, produce, read_all, values};

#[test]
fn parked_fetches_are_answered() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    client.send(FETCH, &fetch_request("t", 0, 600_000)).expect("sends");
    // An answer to another client shows that the server has had time for the first.
    make_topic(&mut server.connect(), "u");
    server.stop();
    let (_, answer) = client.receive(ApiKey::Fetch, FETCH).expect("an answer");
    let Response::Fetch(response) = answer else { panic!("another answer") };
    assert_eq!(values(&response), []);
    assert!(client.is_closed());
}

#[test]
fn it_leaves_what_kafka_leaves() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    produce(&mut client, "t", 1, &batch(&["a", "b", "c"], Some((1000, 0, 0))));
    server.stop();
    let log = world.dir().join("log");
    let marker = fs::read_to_string(log.join(".kafka_cleanshutdown")).expect("a marker");
    assert!(marker.contains("\"version\":0"), "{marker}");
    let checkpoint = fs::read_to_string(log.join("recovery-point-offset-checkpoint"));
    assert!(checkpoint.expect("a checkpoint").contains("t 0 3\n"));
    let snapshot = log.join("t-0/00000000000000000003.snapshot");
    assert!(snapshot.exists(), "the producers' state at the end");
    world.runnel(["log", "verify"]).stdout("").run();
    // The next writer takes the marker away before its first byte.
    world.produce(&["t"], "d\n");
    assert!(!log.join(".kafka_cleanshutdown").exists());
    let server = world.serve(&[]);
    assert_eq!(read_all(&mut server.connect(), "t").len(), 4);
    server.stop();
}

/// A member that waits for another to come back holds up nothing: its answer depends on that other.
#[test]
fn parked_members_are_let_go() {
    let world = World::new();
    let server = world.serve(&[]);
    let join = |id: &str| {
        Request::JoinGroup(JoinGroupRequest {
            group_id: "g".to_owned(),
            session_timeout_ms: 600_000,
            rebalance_timeout_ms: 600_000,
            member_id: id.to_owned(),
            protocol_type: "consumer".to_owned(),
            protocols: vec![JoinGroupRequestProtocol {
                name: "range".to_owned(),
                metadata: Bytes::new(),
            }],
            ..Default::default()
        })
    };
    let (mut first, mut second) = (server.connect(), server.connect());
    // Before version 4 nobody is sent away for an id.
    assert!(
        matches!(first.try_ask(3, join("")), Ok(Response::JoinGroup(joined)) if joined.error_code == 0)
    );
    second.send(3, &join("")).expect("sends");
    make_topic(&mut server.connect(), "t");
    let said = server.stop();
    assert!(second.is_closed());
    said.says("the request was given up");
}
