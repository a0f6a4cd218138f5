//! Commands with a transactional id in the crash laboratory: each stores the whole of what it sends or nothing, and the next
//! one goes on at once.

use std::sync::Arc;

use runnel::broker::{Access, Broker, Home, NewTopic};
use runnel::clock::SystemClock;
use runnel::log::PartitionLog;
use runnel::record::{BatchBuilder, Compression, Headers, Record};
use runnel::storage::Storage;
use runnel::storage::sim::{Fault, Loss, SimStorage};

use crate::log_ground::soak;
use crate::transactions::committed;

const ID: &str = "tid";

fn open(storage: &SimStorage) -> Result<Arc<Broker>, String> {
    let storage: Arc<dyn Storage> = Arc::new(storage.clone());
    let home = Home::open(storage, Access::Write, "test").map_err(|error| error.to_string())?;
    Ok(Arc::new(Broker::new(home, Arc::new(SystemClock))))
}

fn logs(broker: &Broker) -> Result<Vec<Arc<PartitionLog>>, String> {
    let topic = broker.topic(&"t".parse().expect("a name")).map_err(|error| error.to_string())?;
    let log = |partition| broker.log(&topic, partition).map_err(|error| error.to_string());
    (0..topic.partitions).map(log).collect()
}

/// What a command does: sends its number to both partitions.
fn command(storage: &SimStorage, number: usize) -> Result<(), String> {
    let broker = open(storage)?;
    let text = |error: runnel::broker::Error| error.to_string();
    let mut transaction = broker.transactional_id(ID).map_err(text)?;
    for log in logs(&broker)? {
        broker.open_to_append(&log).map_err(text)?;
        let producer = transaction.producer();
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(producer.producer_id, producer.producer_epoch, 0, true);
        let value = number.to_string();
        let (key, value, headers) = (None, Some(value.as_bytes()), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 1, key, value, headers });
        transaction.append(&log, builder.finish().expect("a batch")).map_err(text)?;
    }
    transaction.commit().map_err(text)
}

/// Commands in what they leave to each other; the second dies or is refused at an operation.
fn survive(number: u64, fault: Fault) {
    let storage = SimStorage::seeded(number);
    ground(&storage);
    let dies = storage.process();
    storage.fail_at(number, fault);
    let second = command(&dies, 1);
    storage.clear_faults();
    dies.kill();
    let context = format!("{fault:?} at {number}: {second:?}");
    let third = storage.process();
    command(&third, 2).unwrap_or_else(|error| panic!("{context}: {error}"));
    third.kill();
    storage.crash(Loss::Everything);
    let broker = open(&storage.process()).expect(&context);
    let found: Vec<_> = logs(&broker).expect(&context).iter().map(|log| committed(log)).collect();
    assert_eq!(found[0], found[1], "{context}");
    let expected: &[&str] = if second.is_ok() { &["0", "1", "2"] } else { &["0", "2"] };
    let is_doubtful = second.is_err() && found[0] == ["0", "1", "2"];
    assert!(found[0] == expected || is_doubtful, "{context}: {:?}", found[0]);
}

fn ground(storage: &SimStorage) {
    let broker = open(storage).expect("opens");
    let (name, configs) = ("t".parse().expect("a name"), std::collections::BTreeMap::new());
    broker.create_topic(&NewTopic { name, partitions: 2, configs }).expect("makes a topic");
    drop(broker);
    command(storage, 0).expect("nothing fails");
    storage.kill();
}

#[test]
fn a_command_stores_all_or_nothing() {
    let storage = SimStorage::new();
    ground(&storage);
    let first = storage.operations();
    command(&storage.process(), 1).expect("nothing fails");
    let last = storage.operations();
    for number in (first..last).step_by(if soak() { 1 } else { 2 }) {
        survive(number, Fault::Kill);
        survive(number, Fault::MachineCrash(Loss::Everything));
        survive(number, Fault::Error(std::io::ErrorKind::StorageFull));
        for seed in 0..if soak() { 8 } else { 1 } {
            survive(number, Fault::MachineCrash(Loss::Random(number * 100 + seed)));
        }
    }
}
