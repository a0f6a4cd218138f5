//! The transaction coordinator: in the crash laboratory, where a client lives on and its server does not, and what it does by
//! itself.

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
use runnel::log::{Cursor, Error, TransactionCheck, TransactionVersion};
use runnel::protocol::ErrorCode;
use runnel::protocol::describe_transactions::DescribeTransactionsRequest;
use runnel::protocol::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use runnel::protocol::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use runnel::record::{BatchBuilder, Compression, Decompressor, Headers, Outcome, Record};
use runnel::storage::Storage;
use runnel::storage::sim::{Fault, Loss, SimStorage};

use crate::log_ground::soak;

const ID: &str = "tid";
const GROUP: &str = "g";
const TIMEOUT_MS: i32 = 60_000;

/// A clock that a test sets.
#[derive(Debug)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn told<T: Send + 'static>(ask: impl FnOnce(Reply<T>)) -> T {
    let (sender, receiver) = channel();
    ask(Box::new(move |answer| sender.send(answer).expect("somebody waits")));
    receiver.recv_timeout(Duration::from_secs(60)).expect("an answer")
}

/// A process with the coordinators over a directory.
struct Process {
    transactions: Arc<Transactions>,
    groups: Arc<Groups>,
    broker: Arc<Broker>,
    clock: Arc<Hands>,
}

impl Process {
    fn open(storage: &SimStorage, access: Access) -> Result<Self, String> {
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

    fn make_topic(&self) {
        let name = "t".parse().expect("a name");
        let new = NewTopic { name, partitions: 2, configs: BTreeMap::new() };
        self.broker.create_topic(&new).expect("makes a topic");
    }

    fn begin(&self) -> Result<ProducerIdAndEpoch, ErrorCode> {
        self.transactions.begin(ID, TIMEOUT_MS)
    }

    /// What readers of committed records get of a partition.
    fn committed(&self, partition: i32) -> Vec<String> {
        let topic = self.broker.topic_named("t").expect("a catalog").expect("a topic");
        let log = self.broker.log(&topic, partition).expect("a log");
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

    fn open_transactions(&self) -> usize {
        let topics = self.broker.all_topics().expect("topics");
        let logs = topics.iter().flat_map(|topic| {
            (0..topic.partitions).map(|partition| self.broker.log(topic, partition).expect("a log"))
        });
        logs.map(|log| log.open_transactions(0).map_or(0, |open| open.len())).sum()
    }

    /// The committed offset of the group, or the error.
    fn offset(&self) -> Result<i64, i16> {
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

    fn state(&self) -> (String, i16) {
        let request = DescribeTransactionsRequest { transactional_ids: vec![ID.to_owned()] };
        let described = self.transactions.describe(request).transaction_states.remove(0);
        (described.transaction_state, described.producer_epoch)
    }
}

/// A client of one of the two versions. Each transaction writes to two partitions and commits an offset.
struct Client {
    version: TransactionVersion,
    producer: ProducerIdAndEpoch,
    sequences: [i32; 2],
    round: usize,
    step: usize,
    /// Rounds of which it was told that they are committed, or aborted.
    ended: Vec<(usize, Outcome)>,
}

impl Client {
    fn new(process: &Process, version: TransactionVersion) -> Result<Self, String> {
        let producer = process.begin().map_err(|error| error.to_string())?;
        Ok(Self { version, producer, sequences: [0; 2], round: 0, step: 0, ended: Vec::new() })
    }

    /// A new instance of it, whose next transaction is its first.
    fn begin_anew(&mut self, process: &Process) {
        self.producer = process.begin().expect("the id is to be had");
        (self.sequences, self.step) = ([0; 2], 0);
        self.round += 1;
    }

    const fn sender(&self) -> Sender<'static> {
        Sender { transactional_id: ID, producer: self.producer }
    }

    const fn outcome(&self) -> Outcome {
        if self.round % 3 == 1 { Outcome::Abort } else { Outcome::Commit }
    }

    /// Does the next step of a transaction, or does it again.
    fn go_on(&mut self, process: &Process) -> Result<(), String> {
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

    fn add(&self, process: &Process) -> Result<(), String> {
        let mut all = Partitions::of("t", 0);
        all.insert("t", 1);
        let topic = InternalTopic::ConsumerOffsets.name();
        all.insert(topic, process.groups.partition_of(GROUP));
        let transactions = &process.transactions;
        told(|reply| transactions.add_partitions(self.sender(), &all, reply))
            .map_err(|error| format!("add: {error}"))
    }

    /// As acks=all: it is durable when this returns.
    fn append(&mut self, process: &Process, partition: i32) -> Result<(), String> {
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

    fn commit_offset(&self, process: &Process) -> Result<(), String> {
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
    fn check(&self, process: &Process, context: &str) {
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

/// A directory with a topic and an id, and its client.
fn ground(storage: &SimStorage, version: TransactionVersion) -> (Process, Client) {
    let process = Process::open(storage, Access::Serve).expect("opens");
    process.make_topic();
    let client = Client::new(&process, version).expect("an id");
    (process, client)
}

const ROUNDS: usize = 4;

/// Goes on until something fails or there were enough transactions.
fn work(process: &Process, client: &mut Client) -> Result<(), String> {
    while client.round < ROUNDS {
        client.go_on(process)?;
    }
    Ok(())
}

/// The server dies at an operation. The client lives on: it does again what it was not told of, and goes on
/// with its transaction, or is refused and begins anew.
fn survive(version: TransactionVersion, number: u64, fault: Fault) {
    let storage = SimStorage::seeded(number);
    let (process, mut client) = ground(&storage, version);
    storage.fail_at(number, fault);
    let died = work(&process, &mut client);
    drop(process);
    // Syncs that work beside each other may take one operation less than was counted.
    storage.clear_faults();
    storage.kill();
    let context = format!("{version:?}, {fault:?} at {number}, {died:?}");
    let second = storage.process();
    let process = Process::open(&second, Access::Serve).expect(&context);
    client.check(&process, &context);
    let context = match work(&process, &mut client) {
        Ok(()) => format!("{context}, gone on"),
        Err(error) => {
            client.begin_anew(&process);
            format!("{context}, then {error}")
        }
    };
    client.check(&process, &context);
    while client.ended.last().is_none_or(|(round, _)| *round + 1 < client.round)
        || client.outcome() != Outcome::Commit
        || client.step > 0
    {
        client.go_on(&process).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    client.check(&process, &context);
    assert_eq!(process.open_transactions(), 0, "{context}");
}

fn survive_at_each_operation(version: TransactionVersion) {
    let storage = SimStorage::new();
    let (process, mut client) = ground(&storage, version);
    let first = storage.operations();
    work(&process, &mut client).expect("nothing fails");
    client.check(&process, "nothing failed");
    let last = storage.operations();
    drop(process);
    let step = if soak() { 1 } else { 3 };
    let seeds = if soak() { 8 } else { 1 };
    for number in (first..last).step_by(step) {
        survive(version, number, Fault::Kill);
        survive(version, number, Fault::MachineCrash(Loss::Everything));
        for seed in 0..seeds {
            survive(version, number, Fault::MachineCrash(Loss::Random(number * 100 + seed)));
        }
    }
}

#[test]
fn a_transaction_survives_wholly_or_not_at_all_by_version_1() {
    survive_at_each_operation(TransactionVersion::V1);
}

#[test]
fn a_transaction_survives_wholly_or_not_at_all_by_version_2() {
    survive_at_each_operation(TransactionVersion::V2);
}

/// The disk fails at an operation, and works again. The client asks again where it was refused, or begins anew.
fn bear(version: TransactionVersion, number: u64) {
    let storage = SimStorage::seeded(number);
    let (process, mut client) = ground(&storage, version);
    storage.fail_at(number, Fault::Error(std::io::ErrorKind::StorageFull));
    let mut refusals = Vec::new();
    while client.ended.len() < ROUNDS
        || client.ended.last().is_none_or(|(_, end)| *end == Outcome::Abort)
    {
        if let Err(error) = client.go_on(&process) {
            refusals.push(error);
            // What could not be carried out is tried again.
            process.clock.0.fetch_add(1000, Ordering::Relaxed);
            process.transactions.tick();
            assert!(refusals.len() < 20, "{version:?}, {number}: {refusals:#?}");
            if refusals.len() % 3 == 0 {
                client.begin_anew(&process);
            }
        }
    }
    let context = format!("{version:?}, {number}, {refusals:?}");
    storage.clear_faults();
    // What could not be carried out is, a moment later.
    process.clock.0.fetch_add(1000, Ordering::Relaxed);
    process.transactions.tick();
    client.check(&process, &context);
    assert_eq!(process.open_transactions(), 0, "{context}");
    drop(process);
    storage.crash(Loss::Everything);
    let process = Process::open(&storage.process(), Access::Serve).expect(&context);
    client.check(&process, &context);
}

#[test]
fn a_disk_that_fails_once_is_borne() {
    let storage = SimStorage::new();
    let (process, mut client) = ground(&storage, TransactionVersion::V2);
    let first = storage.operations();
    work(&process, &mut client).expect("nothing fails");
    let last = storage.operations();
    drop(process);
    for number in (first..last).step_by(if soak() { 1 } else { 5 }) {
        bear(TransactionVersion::V1, number);
        bear(TransactionVersion::V2, number);
    }
}

/// Syncs of files, with what is synced.
fn syncs(storage: &SimStorage, since: usize) -> Vec<String> {
    let trace = storage.trace();
    let synced = trace[since..].iter().filter(|line| line.contains("sync_data"));
    synced.cloned().collect()
}

#[test]
fn an_end_syncs_what_was_written_and_then_the_decision() {
    let storage = SimStorage::new();
    let (process, mut client) = ground(&storage, TransactionVersion::V2);
    work(&process, &mut client).expect("nothing fails");
    // What no client waited for yet.
    let topic = process.broker.topic_named("t").expect("a catalog").expect("a topic");
    let log = process.broker.log(&topic, 0).expect("a log");
    for _ in 0..4 {
        client.go_on(&process).expect("nothing fails");
    }
    let ProducerIdAndEpoch { producer_id, producer_epoch } = client.producer;
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(producer_id, producer_epoch, client.sequences[0], true);
    let (key, value, headers) = (None, Some(&b"more"[..]), Headers::NONE);
    builder.push(&Record { offset: 0, timestamp: 1, key, value, headers });
    log.append(builder.finish().expect("a batch"), 0).expect("goes on");
    let before = storage.trace().len();
    let end = |reply| {
        let (of, by) = (client.sender(), TransactionVersion::V2);
        process.transactions.end(of, Outcome::Commit, by, reply);
    };
    told(end).expect("is committed");
    let synced = syncs(&storage, before);
    assert_eq!(synced.len(), 2, "{synced:?} in {:#?}", &storage.trace()[before..]);
    assert!(synced[0].contains("t-0") && synced[1].contains("__transaction_state"), "{synced:?}");
}

#[test]
fn what_takes_too_long_is_aborted_and_its_client_fenced() {
    let storage = SimStorage::new();
    let (process, mut client) = ground(&storage, TransactionVersion::V2);
    for _ in 0..4 {
        client.go_on(&process).expect("nothing fails");
    }
    assert_eq!(process.state(), ("Ongoing".to_owned(), 0));
    assert_eq!(process.offset(), Err(ErrorCode::UnstableOffsetCommit.code()));
    let deadline_ms = process.clock.now_ms() + i64::from(TIMEOUT_MS);
    assert_eq!(process.transactions.next_deadline_ms(), deadline_ms);
    process.clock.0.store(deadline_ms - 1, Ordering::Relaxed);
    process.transactions.tick();
    assert_eq!(process.state().0, "Ongoing");
    process.clock.0.store(deadline_ms, Ordering::Relaxed);
    process.transactions.tick();
    let begun = std::time::Instant::now();
    while process.state().0 != "CompleteAbort" {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", process.state());
        std::thread::yield_now();
    }
    assert_eq!((process.state().1, process.open_transactions()), (1, 0));
    assert_eq!((process.offset(), process.committed(0).len()), (Ok(-1), 0));
    let refused = client.go_on(&process).expect_err("it is over");
    assert_eq!(refused, "end: INVALID_TXN_STATE");
}

#[test]
fn ids_that_nobody_uses_are_forgotten() {
    let storage = SimStorage::new();
    let (process, _) = ground(&storage, TransactionVersion::V2);
    let week_ms = 7 * 24 * 60 * 60 * 1000;
    process.clock.0.fetch_add(week_ms, Ordering::Relaxed);
    process.transactions.tick();
    assert_eq!(process.state().0, "", "no such id");
    drop(process);
    storage.kill();
    let process = Process::open(&storage.process(), Access::Serve).expect("opens");
    assert_eq!(process.state().0, "", "nor after a restart");
    let again = process.begin().expect("as a new one");
    assert_eq!((again.producer_id, again.producer_epoch), (1000, 0), "of a producer of its own");
}

/// Two commands with one id, and one that died.
#[test]
fn commands_fence_each_other_and_clear_up_after_the_dead() {
    let storage = SimStorage::new();
    let open = |storage: &SimStorage| Process::open(storage, Access::Write).expect("opens");
    let first = open(&storage);
    first.make_topic();
    let lease = first.transactions.lease(ID).expect("a lock");
    let mut elder = Client::new(&first, TransactionVersion::V2).expect("an id");
    (elder.step, elder.round) = (1, 0);
    elder.go_on(&first).expect("appends");
    // Who meets it leaves it alone while its command lives.
    let settle = |process: &Process| {
        let topic = process.broker.topic_named("t").expect("a catalog").expect("a topic");
        let log = process.broker.log(&topic, 0).expect("a log");
        process.transactions.settle(&[log]).expect("settles");
        process.open_transactions()
    };
    let other = storage.process();
    let second = open(&other);
    assert_eq!(settle(&second), 1);
    // One with the same id takes it over.
    let mut younger = Client::new(&second, TransactionVersion::V2).expect("the same id");
    assert_eq!(second.open_transactions(), 0);
    assert_eq!(younger.producer.producer_id, elder.producer.producer_id);
    assert_eq!(elder.go_on(&first).expect_err("is fenced"), "verify: PRODUCER_FENCED");
    younger.step = 1;
    younger.round = 7;
    younger.go_on(&second).expect("appends");
    drop(lease);
    drop((first, second));
    other.kill();
    let third = open(&storage.process());
    assert_eq!(settle(&third), 0, "nobody is left who holds it");
    assert_eq!(third.committed(0).len(), 0);
}
