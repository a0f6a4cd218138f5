//! Clients that break the rules: the server stays up, within its memory, and serves the others.

use std::io::Write as _;
use std::time::Duration;

use runnel::protocol::api_versions::ApiVersionsRequest;
use runnel::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use runnel::protocol::{ApiKey, Request};

use crate::ask;
use crate::support::World;
use crate::support::served::{Client, Served, frame};
use crate::words::{FETCH, batch, fetch_request, make_topic, produce};

/// What the server may hold while clients misbehave, in MiB; the maps of files aside.
const MEMORY_MIB_MAX: u64 = 150;

/// A generator of bytes; its seed is in the test.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll() as u8).collect()
    }
}

impl Served {
    fn memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).expect("a number");
        kib.parse::<u64>().expect("a number") / 1024
    }

    /// It answers, and holds no more than it may.
    fn is_well(&self) {
        let response = ask!(self.connect(), ApiVersions, versions_request());
        assert_eq!(response.error_code, 0);
        let memory = self.memory_mib();
        assert!(memory <= MEMORY_MIB_MAX, "{memory} MiB");
    }
}

fn versions_request() -> ApiVersionsRequest {
    ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1".to_owned(),
    }
}

/// A frame of these bytes, whatever they are.
fn framed(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).expect("fits");
    [&len.to_be_bytes()[..], bytes].concat()
}

#[test]
fn random_bytes_close_the_connection_and_nothing_else() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut dice = Dice(0x5eed);
    for _ in 0..200 {
        let mut client = server.connect();
        let len = dice.roll() as usize % 2000;
        let _ = client.stream.write_all(&framed(&dice.bytes(len)));
        let _ = client.stream.write_all(&dice.bytes(100));
    }
    server.is_well();
    server.stop();
}

#[test]
fn every_api_meets_random_bodies() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut dice = Dice(0xb0d1e5);
    for api in ApiKey::ALL {
        for version in api.served() {
            for _ in 0..4 {
                let mut client = server.connect();
                let mut bytes = (*api as i16).to_be_bytes().to_vec();
                bytes.extend(version.to_be_bytes());
                bytes.extend(1_i32.to_be_bytes());
                bytes.extend((-1_i16).to_be_bytes());
                let len = dice.roll() as usize % 60;
                let mut body = dice.bytes(len);
                // Small numbers look more like lengths.
                body.iter_mut().step_by(2).for_each(|byte| *byte %= 4);
                bytes.extend(body);
                let _ = client.stream.write_all(&framed(&bytes));
            }
        }
    }
    server.is_well();
    server.stop();
}

#[test]
fn lengths_that_cannot_be_are_refused_at_once() {
    let world = World::new();
    let server = world.serve(&[]);
    for len in [-1, 0, i32::MIN, i32::MAX, (100 << 20) + 1] {
        let mut client = server.connect();
        client.stream.write_all(&len.to_be_bytes()).expect("sends");
        assert!(client.is_closed(), "{len}");
    }
    server.is_well();
    server.stop();
}

#[test]
fn counts_that_cannot_be_allocate_nothing() {
    let world = World::new();
    let server = world.serve(&[]);
    // Metadata 1, and 2^31 - 1 topics in 4 bytes; the same flexible, and 2^28 in 5.
    let plain = [&[0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff][..], &[0x7f, 0xff, 0xff, 0xff]].concat();
    let flexible =
        [&[0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0][..], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    for bytes in [plain, flexible] {
        let mut client = server.connect();
        client.stream.write_all(&framed(&bytes)).expect("sends");
        assert!(client.is_closed());
    }
    // A count that the frame could hold, of elements that cost more than their bytes.
    let mut many = vec![0, 3, 0, 12, 0, 0, 0, 1, 0xff, 0xff, 0];
    many.extend([0x81, 0x80, 0x80, 0x04]);
    many.resize(many.len() + (8 << 20), 0);
    let mut client = server.connect();
    let _ = client.stream.write_all(&framed(&many));
    assert!(client.is_closed());
    server.is_well();
    server.stop();
}

#[test]
fn frames_that_end_early_wait_and_do_no_harm() {
    let world = World::new();
    let server = world.serve(&[]);
    let whole = frame(4, 1, &Request::ApiVersions(versions_request()));
    let clients: Vec<Client> = (1..whole.len())
        .map(|len| {
            let mut client = server.connect();
            client.stream.write_all(&whole[..len]).expect("sends");
            client
        })
        .collect();
    server.is_well();
    // What follows makes it whole, byte by byte.
    for (mut client, len) in clients.into_iter().zip(1..) {
        for byte in &whole[len..] {
            client.stream.write_all(&[*byte]).expect("sends");
        }
        client.receive(ApiKey::ApiVersions, 4).expect("an answer");
    }
    server.stop();
}

#[test]
fn large_requests_that_never_come_cost_nothing() {
    let world = World::new();
    let server = world.serve(&[]);
    let clients: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = server.connect();
            // 90 MiB are announced, and 1 KiB comes.
            client.stream.write_all(&(90_i32 << 20).to_be_bytes()).expect("sends");
            client.stream.write_all(&[0; 1024]).expect("sends");
            client
        })
        .collect();
    server.is_well();
    drop(clients);
    server.is_well();
    server.stop();
}

#[test]
fn two_thousand_idle_connections_are_held() {
    let world = World::new();
    let server = world.serve(&[]);
    let before = server.memory_mib();
    let mut clients: Vec<Client> = (0..2000).map(|_| server.connect()).collect();
    for client in clients.iter_mut().step_by(100) {
        assert_eq!(ask!(client, ApiVersions, versions_request()).error_code, 0);
    }
    server.is_well();
    let grown = server.memory_mib().saturating_sub(before);
    assert!(grown <= 20, "{grown} MiB for 2000 connections");
    drop(clients);
    server.stop();
}

#[test]
fn who_never_reads_is_not_read_from() {
    let world = World::new();
    let server = world.serve(&[]);
    let mut producer = server.connect();
    make_topic(&mut producer, "t");
    let value = "x".repeat(900_000);
    for _ in 0..5 {
        produce(&mut producer, "t", 1, &batch(&[&value], None));
    }
    let mut deaf = server.connect();
    deaf.stream.set_write_timeout(Some(Duration::from_millis(300))).expect("sets");
    let request = frame(FETCH, 1, &fetch_request("t", 0, 0));
    let mut sent = 0_usize;
    while sent < 100_000 && deaf.stream.write_all(&request).is_ok() {
        sent += 1;
    }
    assert!(sent < 100_000, "the server takes requests without end");
    server.is_well();
    assert_eq!(produce(&mut producer, "t", -1, &batch(&["y"], None)).error_code, 0);
    server.stop();
}

#[test]
fn connections_over_the_limit_are_refused_and_the_others_go_on() {
    let world = World::new();
    let server = world.serve(&["-c", "max.connections=3"]);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        ask!(client, ApiVersions, versions_request());
    }
    assert!(server.connect().is_closed());
    ask!(clients[0], ApiVersions, versions_request());
    drop(clients.pop());
    // A slot is free again, soon.
    while server.connect().is_refused() {}
    server.stop();
}

impl Client {
    /// Whether the server refuses this connection; false once it answers.
    fn is_refused(&mut self) -> bool {
        self.try_ask(4, Request::ApiVersions(versions_request())).is_err()
    }
}

#[test]
fn idle_connections_are_closed() {
    let world = World::new();
    let server = world.serve(&["-c", "connections.max.idle.ms=100"]);
    let mut client = server.connect();
    ask!(client, ApiVersions, versions_request());
    assert!(client.is_closed());
    server.is_well();
    server.stop();
}

#[test]
fn what_is_asked_for_many_times_is_told_once() {
    let world = World::new();
    world.topic("t", 50, &[]);
    let server = world.serve(&[]);
    let name = Some("t".to_owned());
    let topics = vec![MetadataRequestTopic { name, ..Default::default() }; 50_000];
    let request = MetadataRequest { topics: Some(topics), ..Default::default() };
    let response = ask!(server.connect(), Metadata, request);
    assert_eq!(response.topics.len(), 1, "the answer would be fifty times the question");
    server.is_well();
    server.stop();
}
