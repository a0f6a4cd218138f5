//! Two doors, one engine: who may use a directory while it is served.

use runnel::protocol::{ApiKey, Response};

use crate::support::World;
use crate::words::{FETCH, batch, fetch_request, make_topic, produce, read_all, values};

#[test]
fn writers_are_refused_and_told_who_serves() {
    let world = World::new();
    world.produce(&["t"], "before\n");
    let server = world.serve(&[]);
    for args in
        [&["produce", "t"][..], &["topic", "create", "u"], &["topic", "delete", "t", "--yes"]]
    {
        let said = world.runnel(args).stdin("x\n").fails(1);
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
