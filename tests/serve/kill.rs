//! `kill -9` of the server under load, again and again: nothing that was acknowledged is lost, nothing comes twice,
//! committed offsets never step back and leader epochs never fall.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use runnel::protocol::init_producer_id::InitProducerIdRequest;
use runnel::protocol::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use runnel::protocol::metadata::{MetadataRequest, MetadataRequestTopic};
use runnel::protocol::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use runnel::protocol::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

use crate::support::World;
use crate::support::served::Client;
use crate::words::{batch, make_topic, read_all, try_produce};
use crate::{ask, try_ask};

/// Producers, each with a topic of its own.
const PRODUCERS: usize = 3;

/// The last versions that name topics.
const COMMIT: i16 = 9;
const COMMITTED: i16 = 7;

/// Kills: 50, or what `RUNNEL_KILLS` says.
fn rounds() -> u64 {
    std::env::var("RUNNEL_KILLS").map_or(50, |rounds| rounds.parse().expect("a number"))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_comes_twice() {
    let world = World::new();
    let mut server = world.serve(&[]);
    let mut client = server.connect();
    let mut producers: Vec<Producer> =
        (0..PRODUCERS).map(|number| Producer::new(&mut client, format!("t{number}"))).collect();
    let mut member = Member::default();
    let mut epochs = Vec::new();
    for round in 0..rounds() {
        let address = server.address.clone();
        let killer = server.process.killer();
        // From one batch to some hundred.
        let delay = Duration::from_millis(2 + round * 37 % 90);
        std::thread::scope(|scope| {
            for producer in &mut producers {
                let address = &address;
                scope.spawn(move || producer.run(address));
            }
            let member = &mut member;
            scope.spawn(|| member.run(&address));
            scope.spawn(move || {
                std::thread::sleep(delay);
                killer.signal(rustix::process::Signal::KILL);
            });
        });
        server.kill();
        server = world.serve(&[]);
        let mut client = server.connect();
        member.check(&mut client);
        let now = leader_epochs(&mut client);
        assert!(now >= epochs, "leader epochs fell from {epochs:?} to {now:?}");
        epochs = now;
    }
    let mut client = server.connect();
    for producer in &mut producers {
        producer.check(&mut client);
    }
    let sent: usize = producers.iter().map(|producer| producer.acknowledged).sum();
    assert!(sent as u64 > rounds(), "{sent} batches: the load was no load");
    server.stop();
    world.runnel(["log", "verify"]).stdout("").run();
}

fn leader_epochs(client: &mut Client) -> Vec<i32> {
    let topics = (0..PRODUCERS).map(|number| MetadataRequestTopic {
        name: Some(format!("t{number}")),
        ..Default::default()
    });
    let request = MetadataRequest { topics: Some(topics.collect()), ..Default::default() };
    let response = ask!(client, Metadata, request);
    response.topics.iter().map(|topic| topic.partitions[0].leader_epoch).collect()
}

/// An idempotent producer that numbers its records, and sends again what was not acknowledged.
struct Producer {
    topic: String,
    id: i64,
    /// Batches that were acknowledged, and so the number of the next.
    acknowledged: usize,
}

impl Producer {
    fn new(client: &mut Client, topic: String) -> Self {
        make_topic(client, &topic);
        let id = ask!(client, InitProducerId, InitProducerIdRequest::default()).producer_id;
        Self { topic, id, acknowledged: 0 }
    }

    /// Sends batches of three records until the server is gone.
    fn run(&mut self, address: &str) {
        let Ok(mut client) = Client::connect(address) else { return };
        loop {
            let first = self.acknowledged * 3;
            let values: Vec<String> = (first..first + 3).map(|number| number.to_string()).collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let sequence = i32::try_from(first).expect("few");
            let batch = batch(&values, Some((self.id, 0, sequence)));
            // Every other one is acknowledged before it is on disk: a kill of the process loses none.
            let acks = if self.acknowledged.is_multiple_of(2) { -1 } else { 1 };
            let Ok(produced) = try_produce(&mut client, &self.topic, acks, &batch) else { return };
            assert_eq!(produced.error_code, 0, "{produced:?}");
            assert_eq!(produced.base_offset, first as i64, "where it was, or went first");
            self.acknowledged += 1;
        }
    }

    /// What is there is 0, 1, 2 …: all that was acknowledged, and at most one batch more.
    fn check(&self, client: &mut Client) {
        let found = read_all(client, &self.topic);
        for (index, (offset, value)) in found.iter().enumerate() {
            assert_eq!((*offset, value.as_str()), (index as i64, index.to_string().as_str()));
        }
        let acknowledged = self.acknowledged * 3;
        assert!(
            (acknowledged..=acknowledged + 3).contains(&found.len()),
            "{} records",
            found.len()
        );
    }
}

/// The only member of a group, which commits one offset after another.
#[derive(Default)]
struct Member {
    id: String,
    /// The last commit that was answered.
    committed: Mutex<Option<i64>>,
    next: i64,
}

const GROUP: &str = "g";

impl Member {
    fn run(&mut self, address: &str) {
        let Ok(mut client) = Client::connect(address) else { return };
        let Ok(generation) = self.join(&mut client) else { return };
        loop {
            let partition = OffsetCommitRequestPartition {
                committed_offset: self.next,
                committed_metadata: Some(format!("at {}", self.next)),
                ..Default::default()
            };
            let partitions = vec![partition];
            let topics = vec![OffsetCommitRequestTopic {
                name: "t0".to_owned(),
                partitions,
                ..Default::default()
            }];
            let request = OffsetCommitRequest {
                group_id: GROUP.to_owned(),
                generation_id_or_member_epoch: generation,
                member_id: self.id.clone(),
                topics,
                ..Default::default()
            };
            let Ok(answer) = try_ask!(client, OffsetCommit, COMMIT, request) else { return };
            assert_eq!(answer.topics[0].partitions[0].error_code, 0);
            *self.committed.lock().expect("one thread") = Some(self.next);
            self.next += 1;
        }
    }

    /// Becomes a member, or stays the one that it was before the server died.
    fn join(&mut self, client: &mut Client) -> std::io::Result<i32> {
        let joined = loop {
            let request = JoinGroupRequest {
                group_id: GROUP.to_owned(),
                session_timeout_ms: 30_000,
                rebalance_timeout_ms: 30_000,
                member_id: self.id.clone(),
                protocol_type: "consumer".to_owned(),
                protocols: vec![JoinGroupRequestProtocol {
                    name: "range".to_owned(),
                    metadata: Bytes::from_static(b"anything"),
                }],
                ..Default::default()
            };
            let joined = try_ask!(client, JoinGroup, 9, request)?;
            match joined.error_code {
                0 => break joined,
                // An id to come back with.
                79 => self.id = joined.member_id,
                // Not durable before the kill: a new one.
                25 => self.id.clear(),
                error => panic!("cannot join: error {error}"),
            }
        };
        self.id.clone_from(&joined.member_id);
        let assignment =
            SyncGroupRequestAssignment { member_id: self.id.clone(), assignment: Bytes::new() };
        let request = SyncGroupRequest {
            group_id: GROUP.to_owned(),
            generation_id: joined.generation_id,
            member_id: self.id.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: joined.protocol_name,
            assignments: vec![assignment],
            ..Default::default()
        };
        assert_eq!(try_ask!(client, SyncGroup, 5, request)?.error_code, 0);
        Ok(joined.generation_id)
    }

    /// The committed offset is the last that was acknowledged, or the one after it.
    fn check(&mut self, client: &mut Client) {
        let topic = OffsetFetchRequestTopic { name: "t0".to_owned(), partition_indexes: vec![0] };
        let request = OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics: Some(vec![topic]),
            ..Default::default()
        };
        let answer = try_ask!(client, OffsetFetch, COMMITTED, request).expect("an answer");
        let partition = &answer.topics[0].partitions[0];
        let acknowledged = self.committed.lock().expect("one thread").unwrap_or(-1);
        let found = partition.committed_offset;
        assert!(
            (acknowledged..=self.next).contains(&found),
            "{found}, {acknowledged} was answered"
        );
        if found >= 0 {
            assert_eq!(partition.metadata.as_deref(), Some(format!("at {found}").as_str()));
        }
        self.next = self.next.max(found + 1);
    }
}
