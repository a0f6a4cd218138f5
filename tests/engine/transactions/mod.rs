//! The transaction coordinator: in the crash laboratory, where a client lives on and its server does not, and what it does by
//! itself.

mod ground;

use std::sync::atomic::Ordering;
use std::time::Duration;

use runnel::broker::{Access, ProducerIdAndEpoch};
use runnel::clock::Clock as _;
use runnel::log::TransactionVersion;
use runnel::protocol::ErrorCode;
use runnel::record::{BatchBuilder, Compression, Headers, Outcome, Record};
use runnel::storage::sim::{Fault, Loss, SimStorage};

use crate::log_ground::soak;
pub(crate) use ground::committed;
use ground::{Client, ID, Process, TIMEOUT_MS, told};

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
