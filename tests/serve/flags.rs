//! The flags of `serve`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use runnel::protocol::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use runnel::protocol::metadata::MetadataRequest;

use crate::ask;
use crate::support::World;
use crate::support::served::Client;
use crate::words::{batch, make_topic, produce};

#[test]
fn a_command_runs_beside_it_and_its_status_counts() {
    let world = World::new();
    let said = world
        .runnel(["serve", "-q", "-l", "127.0.0.1:0", "--", "sh", "-c"])
        .args(["echo $KAFKA_BOOTSTRAP_SERVERS; exit 7"])
        .status(7)
        .run();
    let address = said.text();
    assert!(address.starts_with("127.0.0.1:") && !address.contains(":0\n"), "{address}");
    Client::connect(address.trim()).map(drop).expect_err("it has stopped");
    let missing = world.runnel(["serve", "-l", "127.0.0.1:0", "--", "no-such-program"]).fails(1);
    missing.says("cannot run no-such-program");
    let killed = world.runnel(["serve", "-q", "-l", "127.0.0.1:0", "--", "sh", "-c", "kill -9 $$"]);
    killed.status(137).run();
}

#[test]
fn an_ephemeral_directory_goes_away() {
    let world = World::new();
    let server = world.serve(&["--ephemeral"]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    assert_eq!(produce(&mut client, "t", -1, &batch(&["a"], None)).base_offset, 0);
    let made = || {
        let names = fs::read_dir(world.path("")).expect("lists").flatten();
        names.filter(|name| name.file_name().to_string_lossy().starts_with("runnel-")).count()
    };
    assert_eq!(made(), 1);
    server.stop();
    assert_eq!(made(), 0);
    assert!(!world.dir().exists(), "the world's own directory was not touched");
}

#[test]
fn what_is_advertised_is_what_clients_are_told() {
    let world = World::new();
    let server = world.serve(&["--advertise", "kafka.example:9999"]);
    let response = ask!(server.connect(), Metadata, MetadataRequest::default());
    let broker = &response.brokers[0];
    assert_eq!((broker.host.as_str(), broker.port), ("kafka.example", 9999));
    server.stop();
    let server = world.serve(&[]);
    let response = ask!(server.connect(), Metadata, MetadataRequest::default());
    let broker = &response.brokers[0];
    assert_eq!(format!("{}:{}", broker.host, broker.port), server.address);
    server.stop();
}

#[test]
fn broker_settings_count_and_are_shown() {
    let world = World::new();
    let server = world.serve(&["-c", "num.partitions=3", "-c", "log.retention.hours=1"]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    let response = ask!(client, Metadata, MetadataRequest { topics: None, ..Default::default() });
    assert_eq!(response.topics[0].partitions.len(), 3);
    let resource = DescribeConfigsResource {
        resource_type: 2,
        resource_name: "t".to_owned(),
        configuration_keys: Some(vec!["retention.ms".to_owned()]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let response = ask!(client, DescribeConfigs, request);
    assert_eq!(response.results[0].configs[0].value.as_deref(), Some("3600000"));
    server.stop();
    let wrong = world.runnel(["serve", "-l", "127.0.0.1:0", "-c", "num.partition=3"]).fails(1);
    wrong.says("num.partition").says("num.partitions");
    world.runnel(["serve", "-l", "127.0.0.1:0", "-c", "num.partitions=x"]).fails(1);
}

#[test]
fn prometheus_is_answered() {
    let world = World::new();
    let address = free_address();
    let server = world.serve(&["--metrics", &address]);
    let mut client = server.connect();
    make_topic(&mut client, "t");
    produce(&mut client, "t", 1, &batch(&["a", "b"], None));
    let said = metrics(&address);
    for line in [
        "runnel_produced_records_total 2",
        "runnel_request_seconds_count{api=\"Produce\"} 1",
        "runnel_log_end_offset{topic=\"t\",partition=\"0\"} 2",
    ] {
        assert!(said.lines().any(|said| said == line), "{line:?} is not in {said}");
    }
    server.stop();
}

fn free_address() -> String {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    probe.local_addr().expect("an address").to_string()
}

fn metrics(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").expect("sends");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("an answer");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    said
}

#[test]
fn an_address_that_is_taken_is_told() {
    let world = World::new();
    let server = world.serve(&[]);
    let other = World::new();
    other.runnel(["serve", "-l", &server.address]).fails(1).says("cannot listen on").has_hint();
    for wrong in ["localhost", "localhost:x", "::1:9092", "127.0.0.1:70000"] {
        other.runnel(["serve", "-l", wrong]).status(2).run();
    }
    server.stop();
}
