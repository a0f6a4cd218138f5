//! The producers of logs that a real Kafka broker wrote: what is found out of the batches is what
//! the broker noted in its snapshots and indexes of aborted transactions, to the byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use runnel::log::snapshot::{ENTRY_BYTES, HEADER_BYTES, SnapshotEntry};
use runnel::log::{Owned, PartitionLog, Place};
use runnel::model::{Offset, TopicConfig, TopicPartition};
use runnel::record::{BatchBuilder, Compression, Headers, Record, set_base_offset};
use runnel::storage::{Directory, LockRange, LockTable, Open, Storage as _};
use tempfile::TempDir;

use crate::support::World;
use crate::support::data::unpack;

/// A partition directory in a tree of its own, opened to append to.
fn open(home: &Path, partition: &str) -> PartitionLog {
    let storage = Directory::open(home).unwrap();
    let lock = storage.open("lock", Open::Create).unwrap();
    let owned = Owned {
        locks: LockTable::new(lock),
        partition_lock: LockRange::byte(100),
        compaction_lock: LockRange::byte(101),
        checkpoint_lock: LockRange::byte(2),
        cut_dir: "cut".to_owned(),
        exclusive: true,
        recovery_points: Arc::default(),
    };
    let place = Place {
        storage: Arc::new(storage),
        partition: TopicPartition::from_directory_name(partition).unwrap(),
        dir: format!("log/{partition}"),
        log_dir: Some("log".to_owned()),
        only_segment: None,
        control: Some("run/control".to_owned()),
        owned: Some(owned),
    };
    PartitionLog::new(place, Arc::new(TopicConfig::default()))
}

/// The entries of a directory's newest snapshot, in order of the producers' ids; and its name.
fn newest(dir: &Path) -> (String, Vec<SnapshotEntry>) {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.to_str().unwrap().to_owned());
    let name = names.filter(|name| name.ends_with(".snapshot")).max().expect("there is one");
    let bytes = fs::read(dir.join(&name)).unwrap();
    let (entries, rest) = bytes[HEADER_BYTES..].as_chunks::<ENTRY_BYTES>();
    assert!(rest.is_empty());
    let mut entries: Vec<_> = entries.iter().map(SnapshotEntry::from_bytes).collect();
    entries.sort_by_key(|entry| entry.producer_id);
    (name, entries)
}

fn copy(from: &Path, partition: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let to = home.path().join("log").join(partition);
    fs::create_dir_all(&to).unwrap();
    for entry in fs::read_dir(from.join(partition)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    home
}

/// What a directory's indexes of aborted transactions hold, by name.
fn txn_indexes(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let indexes = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "txnindex"));
    indexes
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
        })
        .collect()
}

#[test]
fn the_batches_tell_what_the_broker_noted() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    for partition in ["tx-0", "tx-1", "compacted-0", "segments-0", "__consumer_offsets-0"] {
        let home = copy(&clean, partition);
        let dir = home.path().join("log").join(partition);
        let (expected, indexes) = (newest(&dir), txn_indexes(&dir));
        assert_eq!(!indexes.is_empty(), partition.starts_with("tx"), "{partition}");
        for entry in fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.extension().is_some_and(|suffix| suffix == "snapshot" || suffix == "txnindex")
            {
                fs::remove_file(entry).unwrap();
            }
        }
        let log = open(home.path(), partition);
        log.open_to_append(1).unwrap();
        assert!(txn_indexes(&dir) == indexes, "{partition}: to the byte");
        let view = log.view().unwrap();
        assert_eq!(view.last_stable(), view.end(), "{partition}: no transaction is open");
        log.close(1).unwrap();
        if expected.1.is_empty() {
            assert!(log.producers(1).unwrap().is_empty(), "{partition}");
        } else {
            assert_eq!(newest(&dir), expected, "{partition}");
        }
    }
}

#[test]
fn an_open_transaction_bounds_what_is_stable_and_is_remembered() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let home = copy(&clean, "tx-0");
    let dir = home.path().join("log/tx-0");
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(4711, 0, 0, true);
    let (key, value, headers) = (None, Some(&b"in a transaction"[..]), Headers::NONE);
    builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers });
    let batch = builder.finish().unwrap();
    set_base_offset(batch, Offset(66));
    let path = dir.join("00000000000000000000.log");
    let bytes = [&fs::read(&path).unwrap()[..], batch].concat();
    fs::write(path, bytes).unwrap();
    for _ in 0..2 {
        let log = open(home.path(), "tx-0");
        let view = log.view().unwrap();
        assert_eq!((view.last_stable(), view.end()), (Offset(66), Offset(67)), "by the files");
        log.open_to_append(1).unwrap();
        let view = log.view().unwrap();
        assert_eq!((view.last_stable(), view.end()), (Offset(66), Offset(67)), "as published");
        let producers = log.producers(1).unwrap();
        let open: Vec<_> = producers.iter().filter(|p| p.transaction_start.is_some()).collect();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].producer_id, open[0].transaction_start), (4711, Some(Offset(66))));
        log.close(1).unwrap();
        // Then by the snapshot.
        fs::remove_file(home.path().join("run/control")).unwrap();
    }
}
