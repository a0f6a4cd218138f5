//! What readers find: torn tails, small buffers, overlap, no control file; and what is gone.

use std::sync::Arc;

use super::names::{INDEX, LOG, TIME_INDEX, segment_file};
use super::{Cursor, Error, Owned, PartitionLog, Place};
use crate::model::{Offset, TopicConfig, TopicName, TopicPartition};
use crate::record::{BatchBuilder, Compression, Headers, Record};
use crate::storage::sim::SimStorage;
use crate::storage::{LockRange, LockTable, Open, Storage};

mod deletion;
mod owner;
mod producers;
mod retention;
mod transactions;

const DIR: &str = "log/orders-0";

fn laboratory() -> SimStorage {
    let storage = SimStorage::new();
    for dir in ["log", DIR, "run"] {
        storage.create_dir(dir).expect("makes a directory");
    }
    storage
}

fn log(storage: &SimStorage) -> PartitionLog {
    let owned = Owned {
        locks: LockTable::new(storage.open("lock", Open::Create).expect("opens")),
        partition_lock: LockRange::byte(100),
        compaction_lock: LockRange::byte(101),
        checkpoint_lock: LockRange::byte(2),
        cut_dir: "cut".to_owned(),
        exclusive: false,
        recovery_points: std::sync::Arc::default(),
    };
    let place = Place {
        storage: Arc::new(storage.clone()),
        partition: TopicPartition::new(TopicName::new("orders").expect("legal"), 0),
        dir: DIR.to_owned(),
        log_dir: Some("log".to_owned()),
        control: Some("run/orders-0".to_owned()),
        only_segment: None,
        owned: Some(owned),
    };
    let config =
        TopicConfig { segment_bytes: 700, index_interval_bytes: 100, ..TopicConfig::default() };
    PartitionLog::new(place, Arc::new(config))
}

fn append(log: &PartitionLog, values: &[&str], timestamp: i64) {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for value in values {
        let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp, key: None, value, headers });
    }
    let batch = builder.finish().expect("there are records");
    log.append(batch, 0).expect("appends");
}

/// Base offsets of the batches from an offset on, chunk by chunk.
fn chunks(log: &PartitionLog, from: i64, bytes_max: usize) -> Vec<Vec<i64>> {
    let view = log.view().expect("a view");
    let (mut cursor, mut chunks) = (Cursor::at(Offset(from)), Vec::new());
    while let Some(chunk) = log.read(&view, &mut cursor, bytes_max).expect("reads") {
        chunks.push(chunk.batches().map(|batch| batch.base_offset().0).collect());
    }
    chunks
}

fn path(base: i64, suffix: &str) -> String {
    format!("{DIR}/{}", segment_file(Offset(base), suffix))
}

#[test]
fn a_batch_larger_than_the_buffer_comes_alone() {
    let storage = laboratory();
    let log = log(&storage);
    for values in [&["a", "b"][..], &["c"], &["d"]] {
        append(&log, values, 10);
    }
    assert_eq!(chunks(&log, 1, 0), [[0], [2], [3]]);
    assert_eq!(chunks(&log, 1, 1), [[0], [2], [3]]);
    assert_eq!(chunks(&log, 0, 1000), [[0, 2, 3]]);
    assert_eq!(chunks(&log, 4, 1000), Vec::<Vec<i64>>::new());
    let view = log.view().expect("a view");
    let beyond = log.read(&view, &mut Cursor::at(Offset(5)), 10);
    assert!(matches!(beyond, Err(Error::OffsetOutOfRange { .. })), "{beyond:?}");
}

#[test]
fn a_torn_tail_is_never_read_and_then_cut() {
    let storage = laboratory();
    let writer = log(&storage);
    append(&writer, &["a"], 10);
    append(&writer, &["b"], 10);
    let whole = storage.file_bytes(&path(0, LOG)).expect("is there");
    let file = storage.open(&path(0, LOG), Open::Write).expect("opens");
    file.write_all_at(&whole[..whole.len() / 2 - 5], whole.len() as u64).expect("writes");
    assert_eq!(chunks(&log(&storage), 0, 1000), [[0, 1]]);
    // Without the control file the end is where the sound batches end.
    storage.remove_file("run/orders-0").expect("removes");
    let reader = log(&storage);
    assert_eq!(chunks(&reader, 0, 1000), [[0, 1]]);
    assert!(reader.view().expect("a view").tail_fault().is_some());
    append(&writer, &["c"], 10);
    assert_eq!(chunks(&reader, 0, 1000), [[0, 1, 2]]);
    assert_eq!(writer.take_notices().len(), 1, "the cut is told of");
}

#[test]
fn segments_that_overlap_give_each_record_once() {
    let storage = laboratory();
    let writer = log(&storage);
    for number in 0..30 {
        append(&writer, &[&format!("value {number}")], 10);
    }
    let bases = writer.view().expect("a view").segments().to_vec();
    let [first, second, third, ..] = bases[..] else { unreachable!("it rolled: {bases:?}") };
    // As compaction leaves it that died before it removed the second: the first covers both.
    let bytes = |base: Offset| storage.file_bytes(&path(base.0, LOG)).expect("is there");
    let joined = [bytes(first), bytes(second)].concat();
    storage.write_raw(&path(first.0, LOG), &joined).expect("puts");
    assert_eq!(chunks(&log(&storage), 0, 150).concat(), (0..30).collect::<Vec<_>>());
    for from in [first.0, second.0, second.0 + 1, third.0 - 1, third.0] {
        let found = chunks(&log(&storage), from, 150).concat();
        assert_eq!(found, (from..30).collect::<Vec<_>>(), "from {from}");
    }
}

#[test]
fn times_are_found_without_and_with_false_indexes() {
    let storage = laboratory();
    let writer = log(&storage);
    for timestamp in [50, 20, 90, 30, 70, 95, 60, 10, 99, 40, 5, 98, 97] {
        append(&writer, &["some value", "and another one"], timestamp);
    }
    let search = |timestamp| {
        let log = log(&storage);
        let found = log.offset_for_time(&log.view().expect("a view"), timestamp).expect("searches");
        found.map(|found| (found.offset.0, found.timestamp))
    };
    let expected = [(0, Some((0, 50))), (51, Some((4, 90))), (96, Some((16, 99))), (100, None)];
    let check = |what: &str| {
        for (timestamp, first) in expected {
            assert_eq!(search(timestamp), first, "{timestamp}, {what}");
        }
    };
    check("true indexes");
    for base in writer.view().expect("a view").segments() {
        let file = storage.open(&path(base.0, TIME_INDEX), Open::Write).expect("opens");
        let len = file.metadata().expect("is there").len;
        file.write_all_at(&[0, 0, 0, 0, 0, 0, 0, 1], len.saturating_sub(12)).expect("writes");
    }
    check("a low last entry");
    for base in writer.view().expect("a view").segments() {
        for suffix in [INDEX, TIME_INDEX] {
            storage.remove_file(&path(base.0, suffix)).expect("removes");
        }
    }
    check("no indexes");
}

#[test]
fn a_directory_made_anew_is_another_log() {
    let storage = laboratory();
    let writer = log(&storage);
    append(&writer, &["a"], 10);
    storage.rename(DIR, "log/orders-0.deleted").expect("renames");
    let mut batch = BatchBuilder::new(Compression::None, None);
    let record = Record { offset: 0, timestamp: 1, key: None, value: None, headers: Headers::NONE };
    batch.push(&record);
    let bytes = batch.finish().expect("a batch");
    assert!(matches!(writer.append(bytes, 0), Err(Error::Gone)));
    storage.create_dir(DIR).expect("makes a directory");
    for _ in 0..2 {
        assert!(matches!(writer.append(bytes, 0), Err(Error::Gone)));
    }
    assert!(storage.list(DIR).expect("lists").is_empty());
}

#[test]
fn what_was_durable_is_never_cut_off_for_damage_before_it() {
    use crate::storage::sim::Loss;
    let storage = laboratory();
    append(&log(&storage), &["a", "b"], 10);
    append(&log(&storage), &["c"], 10);
    storage.crash(Loss::Nothing);
    // Opening after a crash checks all, and notes that it is durable.
    let storage = storage.process();
    append(&log(&storage), &["d"], 10);
    storage.crash(Loss::Nothing);
    storage.corrupt(&path(0, LOG), 70, 1).expect("there is such a byte");
    let storage = storage.process();
    let before = storage.file_bytes(&path(0, LOG));
    let refused = log(&storage).open_to_append(0);
    assert!(matches!(refused, Err(Error::Corrupt(_))), "{refused:?}");
    assert_eq!(storage.file_bytes(&path(0, LOG)), before, "nothing was cut off");
    assert_eq!(chunks(&log(&storage), 2, 1), [[2], [3]], "what is sound is still read");
}

/// The crc of a batch does not cover its base offset.
#[test]
fn a_batch_with_anothers_offsets_is_told_not_passed_over() {
    let storage = laboratory();
    let writer = log(&storage);
    for number in 0..4 {
        append(&writer, &[&format!("value {number}")], 10);
    }
    let batch_bytes = storage.file_bytes(&path(0, LOG)).expect("is there").len() as u64 / 4;
    // The lowest byte of the third batch's base offset, and its third: 2 is then 0 or 65538.
    for (byte, xor) in [(7, 2), (5, 1)] {
        let position = 2 * batch_bytes + byte;
        storage.corrupt(&path(0, LOG), position, xor).expect("there is such a byte");
        for from in [0, 1, 2, 3] {
            let log = log(&storage);
            let view = log.view().expect("a view");
            let mut cursor = Cursor::at(Offset(from));
            let told = loop {
                match log.read(&view, &mut cursor, 1) {
                    Ok(Some(_)) => {}
                    Ok(None) => break false,
                    Err(Error::Corrupt(_)) => break true,
                    Err(error) => panic!("{error}"),
                }
            };
            assert!(told, "{byte} {xor}: from {from}");
            assert!(cursor.offset <= Offset(from.max(2)), "{:?}", cursor.offset);
        }
        storage.corrupt(&path(0, LOG), position, xor).expect("there is such a byte");
    }
    assert_eq!(chunks(&log(&storage), 0, 1).concat(), [0, 1, 2, 3]);
}

#[test]
fn a_log_that_ends_below_what_was_durable_is_told_of() {
    use crate::storage::sim::Loss;
    let storage = laboratory();
    append(&log(&storage), &["a"], 10);
    let len = storage.file_bytes(&path(0, LOG)).expect("is there").len() as u64;
    append(&log(&storage), &["b"], 10);
    storage.crash(Loss::Nothing);
    // Opening after a crash checks all, and notes that it is durable.
    let storage = storage.process();
    log(&storage).open_to_append(0).expect("opens");
    let file = storage.open(&path(0, LOG), Open::Write).expect("opens");
    file.set_len(len).expect("cuts");
    let refused = log(&storage).open_to_append(0).expect_err("a record is gone").to_string();
    let expected = "the log ends at offset 1, but all below offset 2 was on disk";
    assert!(refused.ends_with(expected), "{refused}");
    assert_eq!(chunks(&log(&storage), 0, 1000), [[0]], "what is there is still read");
    let view = log(&storage).view().expect("a view");
    assert_eq!(view.tail_fault().map(|fault| fault.fault.to_string()).as_deref(), Some(expected));
}

/// As [`log`], of a process that owns the directory alone.
fn owner(storage: &SimStorage) -> PartitionLog {
    let log = log(storage);
    let mut place = log.place().clone();
    place.owned = place.owned.map(|owned| Owned { exclusive: true, ..owned });
    PartitionLog::new(place, log.config())
}

/// Offsets in the names of the directory's files with a suffix, in order.
fn names(storage: &SimStorage, suffix: &str) -> Vec<i64> {
    let names = storage.list(DIR).expect("lists").into_iter();
    let mut found: Vec<_> =
        names.filter_map(|e| Some(super::names::base_offset(&e.name, suffix)?.0)).collect();
    found.sort_unstable();
    found
}
