//! Deleting records at the beginning; what is found of times, epochs and sizes then.

use super::*;
use crate::log::epochs::LeaderEpochs;
use crate::storage::sim::{Fault, Loss};

/// A log of 30 batches of one record each, in several segments.
fn filled(storage: &SimStorage) -> PartitionLog {
    let writer = log(storage);
    for number in 0..30 {
        append(&writer, &[&format!("value {number}")], 100 + number % 7);
    }
    writer
}

#[test]
fn records_are_deleted_with_the_segments_that_hold_no_others() {
    let storage = laboratory();
    let writer = filled(&storage);
    let bases = names(&storage, LOG);
    let [_, _, third, fourth, ..] = bases[..] else { unreachable!("it rolled: {bases:?}") };
    let reader = log(&storage);
    let held = reader.view().expect("a view");
    assert_eq!(writer.delete_records(Offset(third + 1), 0).expect("deletes"), Offset(third + 1));
    assert_eq!(names(&storage, LOG), bases[2..]);
    assert_eq!(names(&storage, INDEX), bases[2..]);
    assert_eq!(names(&storage, TIME_INDEX), bases[2..]);
    for log in [&writer, &reader, &log(&storage), &owner(&storage)] {
        let view = log.view().expect("a view");
        assert_eq!((view.log_start(), view.end()), (Offset(third + 1), Offset(30)));
        assert_eq!(view.segments().first(), Some(&Offset(third)));
        let below = log.read(&view, &mut Cursor::at(Offset(third)), 1);
        assert!(matches!(below, Err(Error::OffsetOutOfRange { .. })), "{below:?}");
        assert_eq!(chunks(log, third + 1, 1).concat(), (third + 1..30).collect::<Vec<_>>());
    }
    // Who held a view of before is told where the log begins now.
    let overtaken = reader.read(&held, &mut Cursor::at(Offset(0)), 1);
    let start = Offset(third + 1);
    assert!(matches!(overtaken, Err(Error::OffsetOutOfRange { start: s, .. }) if s == start));
    assert_eq!(reader.offset_for_time(&held, 0).expect("searches").map(|f| f.offset), Some(start));
    // It never falls, and never goes past the end.
    assert_eq!(writer.delete_records(Offset(3), 0).expect("nothing to do"), start);
    assert!(matches!(writer.delete_records(Offset(31), 0), Err(Error::OffsetOutOfRange { .. })));
    assert_eq!(writer.delete_records(Offset(fourth), 0).expect("deletes"), Offset(fourth));
    assert_eq!(writer.delete_records(Offset(30), 0).expect("deletes"), Offset(30));
    append(&writer, &["after all"], 10);
    assert_eq!(chunks(&log(&storage), 30, 100), [[30]]);
}

#[test]
fn a_deletion_that_stops_anywhere_is_finished_or_never_began() {
    for after in 0..40 {
        let storage = laboratory();
        for dir in ["", "log", "run"] {
            storage.sync_dir(dir).expect("syncs");
        }
        filled(&storage).close(0).expect("closes");
        for fault in [Fault::Kill, Fault::MachineCrash(Loss::Everything)] {
            let storage = storage.process();
            let writer = log(&storage);
            let start = writer.view().expect("a view").log_start();
            storage.fail_at(storage.operations() + after, fault);
            let deleted = writer.delete_records(start + 11, 0);
            storage.clear_faults();
            let storage = storage.process();
            let before = log(&storage).view().expect("a view").log_start();
            log(&storage).open_to_append(0).expect("opens");
            let view = log(&storage).view().expect("a view");
            assert!(before <= view.log_start(), "{after}: the log start fell");
            assert!([start, start + 11].contains(&view.log_start()), "{after}: {view:?}");
            assert!(deleted.is_err() || view.log_start() == start + 11, "{after}: it was deleted");
            assert_eq!(names(&storage, LOG)[0], view.segments()[0].0, "{after}: leftovers");
            let (first, end) = (view.log_start().0, view.end().0);
            assert_eq!(
                (chunks(&log(&storage), first, 1).concat(), end),
                ((first..30).collect(), 30)
            );
        }
    }
}

#[test]
fn what_producers_sent_is_remembered_when_it_is_deleted() {
    let storage = laboratory();
    let writer = log(&storage);
    let sent = |sequence: i32| {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(7, 0, sequence, false);
        let (value, headers) = (Some(&b"some value or other"[..]), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 10, key: None, value, headers });
        builder.finish().expect("a batch").to_vec()
    };
    for sequence in 0..25 {
        writer.append(&mut sent(sequence), 0).expect("appends");
    }
    writer.close(0).expect("closes");
    writer.delete_records(Offset(25), 0).expect("deletes");
    assert_eq!(names(&storage, ".snapshot").last(), Some(&25));
    storage.remove_file("run/orders-0").expect("removes");
    let opened = log(&storage);
    assert!(opened.append(&mut sent(24), 0).expect("is there").is_duplicate);
    assert!(!opened.append(&mut sent(25), 0).expect("appends").is_duplicate);
    let producers = opened.producers(0).expect("lists");
    let [producer] = producers[..] else { panic!("{producers:?}") };
    assert_eq!((producer.producer_id, producer.last_sequence), (7, 25));
    assert_eq!((producer.last_timestamp, producer.transaction_start), (10, None));
}

#[test]
fn the_latest_record_is_found_where_it_is_and_after_it_is_deleted() {
    let storage = laboratory();
    let writer = log(&storage);
    let timestamps = [50, 99, 90, 30, 70, 95, 99, 10, 60, 98, 5, 98, -1];
    for timestamp in timestamps {
        append(&writer, &["some value", "and another one"], timestamp);
    }
    let largest = |log: &PartitionLog| {
        let found = log.offset_of_max_timestamp(&log.view().expect("a view")).expect("searches");
        found.map(|found| (found.offset.0, found.timestamp))
    };
    let expected = |start: i64| {
        let offsets = (0..).zip(timestamps.iter().flat_map(|t| [*t, *t]));
        let left = offsets.filter(|(offset, timestamp)| *offset >= start && *timestamp >= 0);
        left.max_by_key(|(offset, timestamp)| (*timestamp, std::cmp::Reverse(*offset)))
    };
    for start in 0..=26 {
        writer.delete_records(Offset(start), 0).expect("deletes");
        assert_eq!(largest(&writer), expected(start), "from {start}");
        if start % 5 == 0 {
            let storage = storage.process();
            storage.remove_file("run/orders-0").expect("removes");
            assert_eq!(largest(&log(&storage)), expected(start), "from {start}, of the files");
            writer.open_to_append(0).expect("opens");
        }
    }
    let bytes = writer.size_in_bytes(&writer.view().expect("a view")).expect("sums up");
    let files = names(&storage, LOG).into_iter().map(|base| storage.file_bytes(&path(base, LOG)));
    assert_eq!(bytes, files.map(|bytes| bytes.expect("is there").len() as u64).sum::<u64>());
}

#[test]
fn epochs_are_told_by_their_ends() {
    let storage = laboratory();
    LeaderEpochs::parse("0\n2\n0 0\n3 5\n").expect("legal").write(&storage, DIR).expect("writes");
    let writer = filled(&storage);
    let view = writer.view().expect("a view");
    let end = |epoch| writer.end_offset_for_epoch(&view, epoch).expect("reads");
    assert_eq!(end(0), Some((0, Offset(5))));
    assert_eq!(end(2), Some((0, Offset(5))));
    assert_eq!(end(3), Some((3, Offset(30))));
    assert_eq!(end(4), None);
    assert_eq!(writer.epoch_at(&view, Offset(4)).expect("reads"), 0);
    writer.delete_records(Offset(6), 0).expect("deletes");
    assert_eq!(end(0), Some((0, Offset(6))), "the first offset of the first epoch that is left");
    assert_eq!(writer.epoch_at(&view, Offset(6)).expect("reads"), 3);
}

/// The active segment is as it was, and still the log begins later.
#[test]
fn a_reader_without_a_control_file_sees_the_new_start() {
    let storage = laboratory();
    let writer = filled(&storage);
    let reader = log(&storage);
    for start in [0, 0, 3] {
        writer.delete_records(Offset(start), 0).expect("deletes");
        writer.sync(0).expect("syncs");
        storage.remove_file("run/orders-0").expect("removes");
        assert_eq!(reader.view().expect("a view").log_start(), Offset(start));
    }
}
