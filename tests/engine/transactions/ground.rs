//! The ground of the coordinator's tests: a process with the coordinators, and a client of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use runnel::broker::{
    Access, Broker, GroupCommit, Groups, Home, InternalTopic, NewTopic, Partitions,
    ProducerIdAndEpoch, Reply, Sender, Transactions,
};
use runnel::clock::Clock;
use runnel::log::{Cursor, Error, PartitionLog, TransactionCheck, TransactionVersion};
use runnel::protocol::ErrorCode;
use runnel::protocol::describe_transactions::DescribeTransactionsRequest;
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use runnel::protocol::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use runnel::record::{BatchBuilder, Compression, Decompressor, Headers, Outcome, Record};
use runnel::storage::Storage;
use runnel::storage::sim::SimStorage;

pub(super) const ID: &str = "tid";
pub(super) const GROUP: &str = "g";
pub(super) const TIMEOUT_MS: i32 = 60_000;

/// A clock that a test sets.
#[derive(Debug)]
pub(super) struct Hands(pub(super) AtomicI64);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) fn told<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> T {
    let (sender, receiver) = channel();
    ask(Box::new(move |answer| sender.send(answer).expect("somebody waits")));
    receiver.recv_timeout(Duration::from_secs(60)).expect("an answer")
}

/// A process with the coordinators over a directory.
pub(super) struct Process {
    pub(super) transactions: Arc<Transactions>,
    pub(super) groups: Arc<Groups>,
    pub(super) broker: Arc<Broker>,
    pub(super) clock: Arc<Hands>,
}

impl Process {
    pub(super) fn open(storage: &SimStorage, access: Access) -> Result<Self, String> {
        let clock = Arc::new(Hands(AtomicI64::new(1_790_000_000_000)));
        let storage: Arc<dyn Storage> = Arc::new(storage.clone());
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let home = Home::open(storage, access, "test").map_err(|error| text(&error))?;
        let broker = Arc::new(Broker::new(home, clock.clone()));
        let commit = Arc::new(GroupCommit::start(clock.clone()).expect("threads"));
        let groups = Groups::new(Arc::clone(&broker), Some(Arc::clone(&commit)));
        let groups = Arc::new(groups.map_err(|error| text(&error))?);
        let known = (access == Access::Serve).then(|| Arc::clone(&groups));
        let transactions = Transactions::new(Arc::clone(&broker), Some(commit), known);
        let transactions = transactions.map_err(|error| text(&error))?;
        if access == Access::Serve {
            transactions.recover().map_err(|error| text(&error))?;
        }
        Ok(Self { transactions, groups, broker, clock })
    }

    pub(super) fn make_topic(&self) {
        let name = "t".parse().expect("a name");
        let new = NewTopic { name, partitions: 2, configs: BTreeMap::new() };
        self.broker.create_topic(&new).expect("makes a topic");
    }

    pub(super) fn begin(&self) -> Result<ProducerIdAndEpoch, ErrorCode> {
        self.transactions.begin(ID, TIMEOUT_MS)
    }

    pub(super) fn committed(&self, partition: i32) -> Vec<String> {
        let topic = self.broker.topic_named("t").expect("a catalog").expect("a topic");
        committed(&self.broker.log(&topic, partition).expect("a log"))
    }

    pub(super) fn open_transactions(&self) -> usize {
        let topics = self.broker.all_topics().expect("topics");
        let logs = topics.iter().flat_map(|topic| {
            (0..topic.partitions).map(|partition| self.broker.log(topic, partition).expect("a log"))
        });
        logs.map(|log| log.open_transactions(0).map_or(0, |open| open.len())).sum()
    }

    /// The committed offset of the group, or the error.
    pub(super) fn offset(&self) -> Result<i64, i16> {
        let topic = OffsetFetchRequestTopic { name: "t".to_owned(), partition_indexes: vec![0] };
        let request = OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics: Some(vec![topic]),
            require_stable: true,
            ..Default::default()
        };
        let now = self.groups.now();
        let response = told(|reply| self.groups.fetch_offsets(7, request, now, reply));
        let partition = &response.topics[0].partitions[0];
        match partition.error_code {
            0 => Ok(partition.committed_offset),
            error => Err(error),
        }
    }

    pub(super) fn state(&self) -> (String, i16) {
        let request = DescribeTransactionsRequest { transactional_ids: vec![ID.to_owned()] };
        let described = self.transactions.describe(request).transaction_states.remove(0);
        (described.transaction_state, described.producer_epoch)
    }
}

/// What readers of committed records get of a log.
pub(crate) fn committed(log: &PartitionLog) -> Vec<String> {
    let view = log.view().expect("a view");
    let (mut cursor, mut scratch) = (Cursor::at(view.log_start()), Decompressor::new(1 << 20));
    let (mut open, mut committed) = (BTreeMap::<i64, Vec<String>>::new(), Vec::new());
    while let Some(chunk) = log.read(&view, &mut cursor, 1 << 20).expect("reads") {
        for batch in chunk.batches().filter(|it| it.base_offset() < view.last_stable()) {
            batch.check().expect("a sound batch");
            let is_control = batch.attributes().is_control();
            for record in batch.records(&mut scratch).expect("records") {
                let record = record.expect("a record");
                let of_producer = open.entry(batch.producer_id()).or_default();
                match is_control {
                    true if record.key == Some(&[0, 0, 0, 1]) => committed.append(of_producer),
                    true => of_producer.clear(),
                    false => {
                        let value = record.value.expect("a value");
                        of_producer.push(String::from_utf8_lossy(value).into_owned());
                    }
                }
            }
        }
    }
    committed
}

/// A client of one of the two versions. Each transaction writes to two partitions and commits an offset.
pub(super) struct Client {
    pub(super) version: TransactionVersion,
    pub(super) producer: ProducerIdAndEpoch,
    pub(super) sequences: [i32; 2],
    pub(super) round: usize,
    pub(super) step: usize,
    /// Rounds of which it was told that they are committed, or aborted.
    pub(super) ended: Vec<(usize, Outcome)>,
}

impl Client {
    pub(super) fn new(process: &Process, version: TransactionVersion) -> Result<Self, String> {
        let producer = process.begin().map_err(|error| error.to_string())?;
        Ok(Self { version, producer, sequences: [0; 2], round: 0, step: 0, ended: Vec::new() })
    }

    /// A new instance of it, whose next transaction is its first.
    pub(super) fn begin_anew(&mut self, process: &Process) {
        self.producer = process.begin().expect("the id is to be had");
        (self.sequences, self.step) = ([0; 2], 0);
        self.round += 1;
    }

    pub(super) const fn sender(&self) -> Sender<'static> {
        Sender { transactional_id: ID, producer: self.producer }
    }

    pub(super) const fn outcome(&self) -> Outcome {
        if self.round % 3 == 1 { Outcome::Abort } else { Outcome::Commit }
    }

    /// Does the next step of a transaction, or does it again.
    pub(super) fn go_on(&mut self, process: &Process) -> Result<(), String> {
        match self.step {
            0 if self.version == TransactionVersion::V1 => self.add(process)?,
            0 => {}
            1 | 2 => self.append(process, self.step as i32 - 1)?,
            3 => self.commit_offset(process)?,
            _ => {
                let (outcome, version) = (self.outcome(), self.version);
                let end = |reply| process.transactions.end(self.sender(), outcome, version, reply);
                let producer = told(end).map_err(|error| format!("end: {error}"))?;
                if producer != self.producer {
                    self.sequences = [0; 2];
                }
                self.producer = producer;
                self.ended.push((self.round, outcome));
                (self.round, self.step) = (self.round + 1, 0);
                return Ok(());
            }
        }
        self.step += 1;
        Ok(())
    }

    pub(super) fn add(&self, process: &Process) -> Result<(), String> {
        let mut all = Partitions::of("t", 0);
        all.insert("t", 1);
        let topic = InternalTopic::ConsumerOffsets.name();
        all.insert(topic, process.groups.partition_of(GROUP));
        let transactions = &process.transactions;
        told(|reply| transactions.add_partitions(self.sender(), &all, reply))
            .map_err(|error| format!("add: {error}"))
    }

    /// As acks=all: it is durable when this returns.
    pub(super) fn append(&mut self, process: &Process, partition: i32) -> Result<(), String> {
        let topic = process.broker.topic_named("t").map_err(|error| error.to_string())?;
        let topic = topic.ok_or("no topic")?;
        let log = process.broker.log(&topic, partition).map_err(|error| error.to_string())?;
        let sequence = self.sequences[partition as usize];
        let ProducerIdAndEpoch { producer_id, producer_epoch } = self.producer;
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(producer_id, producer_epoch, sequence, true);
        let value = self.round.to_string();
        let (key, value, headers) = (None, Some(value.as_bytes()), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 1, key, value, headers });
        let batch = builder.finish().expect("a batch");
        let appended = match log.append(batch, 0) {
            Err(Error::TransactionNotVerified { .. }) => {
                let check = TransactionCheck::Verified(self.version);
                let append = || log.append_checked(batch, check, 0);
                let (of, version) = (self.sender(), self.version);
                let appended =
                    process.transactions.append_first(of, log.partition(), version, append);
                appended.map_err(|error| format!("verify: {error}"))?
            }
            appended => appended,
        };
        appended.and_then(|_| log.sync(0)).map_err(|error| format!("append: {error}"))?;
        self.sequences[partition as usize] += 1;
        Ok(())
    }

    pub(super) fn commit_offset(&self, process: &Process) -> Result<(), String> {
        let partition = TxnOffsetCommitRequestPartition {
            committed_offset: self.round as i64,
            ..Default::default()
        };
        let topic =
            TxnOffsetCommitRequestTopic { name: "t".to_owned(), partitions: vec![partition] };
        let request = TxnOffsetCommitRequest {
            transactional_id: ID.to_owned(),
            group_id: GROUP.to_owned(),
            producer_id: self.producer.producer_id,
            producer_epoch: self.producer.producer_epoch,
            topics: vec![topic],
            ..Default::default()
        };
        let version = if self.version == TransactionVersion::V2 { 5 } else { 3 };
        let (groups, transactions) = (&process.groups, &process.transactions);
        let now = groups.now();
        let commit =
            |reply| groups.commit_in_transaction(version, request, transactions, now, reply);
        match told(commit).topics[0].partitions[0].error_code {
            0 => Ok(()),
            error => Err(format!("offset: {error}")),
        }
    }

    /// Each transaction is there wholly or not at all, as its client was told.
    pub(super) fn check(&self, process: &Process, context: &str) {
        let committed = process.committed(0);
        assert_eq!(committed, process.committed(1), "{context}");
        for (round, outcome) in &self.ended {
            let count = committed.iter().filter(|value| **value == round.to_string()).count();
            assert_eq!(count, usize::from(*outcome == Outcome::Commit), "{context}: {round}");
        }
        assert!(committed.is_sorted(), "{context}: {committed:?}");
        let last = committed.last().map_or(-1, |value| value.parse().expect("a number"));
        match process.offset() {
            Ok(offset) => assert_eq!(offset, last, "{context}"),
            Err(error) => assert_eq!(error, ErrorCode::UnstableOffsetCommit.code(), "{context}"),
        }
    }
}
