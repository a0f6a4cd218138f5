//! Transactions: what bounds readers of committed records, what they leave out, and what of that
//! is found again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::log::names::TXN_INDEX;
use crate::log::{EndMarker, TransactionVersion};
use crate::record::Outcome;

/// A batch of one record of a producer, in a transaction.
fn sent(producer_id: i64, epoch: i16, sequence: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(producer_id, epoch, sequence, true);
    let value = format!("{sequence} of producer {producer_id}");
    let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
    builder.push(&Record { offset: 0, timestamp: 10, key: None, value, headers });
    builder.finish().expect("there is a record").to_vec()
}

fn end(log: &PartitionLog, producer_id: i64, outcome: Outcome) -> Offset {
    let (producer_epoch, coordinator_epoch, version) = (0, 0, TransactionVersion::V1);
    let marker = EndMarker { producer_id, producer_epoch, coordinator_epoch, outcome, version };
    log.end_transaction(&marker, 20).expect("ends").last_offset
}

/// Log end, last stable offset, and what was aborted: producer, first offset, marker.
type Seen = (i64, i64, Vec<(i64, i64, i64)>);

fn seen(log: &PartitionLog) -> Seen {
    let view = log.view().expect("a view");
    let aborted = log.aborted_transactions(&view, view.log_start(), view.end()).expect("reads");
    let aborted = aborted.iter().map(|a| (a.producer_id, a.first_offset.0, a.last_offset.0));
    (view.end().0, view.last_stable().0, aborted.collect())
}

#[test]
fn a_transaction_bounds_what_is_stable_until_its_marker() {
    let storage = laboratory();
    for (round, log) in [log(&storage), owner(&storage)].into_iter().enumerate() {
        let (pid, base) = (round as i64 * 10, round as i64 * 7);
        let reader = super::log(&storage);
        let check = |end, stable| {
            for log in [&log, &reader] {
                let view = log.view().expect("a view");
                assert_eq!((view.end().0, view.last_stable().0), (base + end, base + stable));
            }
        };
        append(&log, &["of nobody"], 10);
        assert!(log.open_transactions(0).expect("none").is_empty());
        let refused = log.append(&mut sent(pid, 0, 0), 0);
        assert!(matches!(refused, Err(Error::TransactionNotVerified { .. })), "{refused:?}");
        check(1, 1);
        log.append_verified(&mut sent(pid, 0, 0), 0).expect("begins");
        check(2, 1);
        append(&log, &["of nobody"], 10);
        log.append_verified(&mut sent(pid + 1, 0, 0), 0).expect("begins");
        log.append(&mut sent(pid, 0, 1), 0).expect("goes on");
        check(5, 1);
        let open = log.open_transactions(0).expect("two");
        let open: Vec<_> =
            open.iter().map(|p| (p.producer_id, p.transaction_start.map(|o| o.0))).collect();
        assert_eq!(open, [(pid, Some(base + 1)), (pid + 1, Some(base + 3))]);
        end(&log, pid, Outcome::Abort);
        check(6, 3);
        end(&log, pid + 1, Outcome::Commit);
        check(7, 7);
        assert!(log.open_transactions(0).expect("none").is_empty());
    }
    let expected = (14, 14, vec![(0, 1, 5), (10, 8, 12)]);
    assert_eq!(seen(&log(&storage)), expected);
    let view = log(&storage).view().expect("a view");
    for (range, producers) in
        [(0..1, vec![]), (0..2, vec![0]), (5..8, vec![0]), (6..8, vec![]), (6..9, vec![10])]
    {
        let (from, to) = (Offset(range.start), Offset(range.end));
        let found = log(&storage).aborted_transactions(&view, from, to).expect("reads");
        let found: Vec<_> = found.iter().map(|aborted| aborted.producer_id).collect();
        assert_eq!(found, producers, "{range:?}");
    }
    // Found out from the batches, by a reader and then by a writer.
    storage.remove_file("run/orders-0").expect("removes");
    storage.remove_file(&path(8, TXN_INDEX)).expect("removes");
    assert_eq!(seen(&log(&storage)), expected, "by the batches");
    let writer = log(&storage);
    writer.open_to_append(0).expect("recovers");
    assert_eq!(seen(&log(&storage)), expected, "recovered");
    assert_eq!(names(&storage, TXN_INDEX), [0, 8]);
}

#[test]
fn a_marker_wakes_and_stands_in_a_later_segment_than_the_records() {
    let storage = laboratory();
    let log = log(&storage);
    log.append_verified(&mut sent(3, 0, 0), 0).expect("begins");
    for number in 0..30 {
        append(&log, &[&format!("value {number}")], 10);
    }
    let view = log.view().expect("a view");
    assert!(view.segments().len() > 2 && view.last_stable() == Offset(0));
    assert!(!view.may_have_aborted());
    let marker = end(&log, 3, Outcome::Abort);
    let base = *view.segments().last().expect("some");
    assert!(storage.file_bytes(&path(base.0, TXN_INDEX)).is_some(), "beside the marker");
    let expected = (32, 32, vec![(3, 0, marker.0)]);
    assert_eq!(seen(&log), expected);
    for number in 0..30 {
        append(&log, &[&format!("value {number}")], 10);
    }
    let view = log.view().expect("a view");
    let found = log.aborted_transactions(&view, Offset(0), Offset(1)).expect("reads");
    assert_eq!(found.len(), 1, "in a finished segment");
    assert!(log.aborted_transactions(&view, Offset(32), Offset(62)).expect("reads").is_empty());
    log.delete_records(Offset(60), 0).expect("deletes");
    assert!(storage.file_bytes(&path(base.0, TXN_INDEX)).is_none(), "goes with the segment");
    assert_eq!(seen(&log).2, []);
}

#[test]
fn by_version_two_a_marker_is_written_once() {
    let storage = laboratory();
    let log = log(&storage);
    log.append_verified(&mut sent(3, 4, 0), 0).expect("begins");
    let (outcome, version) = (Outcome::Commit, TransactionVersion::V2);
    let marker =
        EndMarker { producer_id: 3, producer_epoch: 4, coordinator_epoch: 1, outcome, version };
    let refused = log.end_transaction(&marker, 0);
    assert!(matches!(refused, Err(Error::InvalidTxnState { .. })), "{refused:?}");
    let marker = EndMarker { producer_epoch: 5, ..marker };
    let first = log.end_transaction(&marker, 0).expect("ends");
    assert_eq!((first.base_offset, first.is_duplicate), (Offset(1), false));
    let again = log.end_transaction(&marker, 0).expect("has ended");
    assert!(again.is_duplicate);
    let refused = log.end_transaction(&EndMarker { coordinator_epoch: 0, ..marker }, 0);
    assert!(matches!(refused, Err(Error::CoordinatorFenced { current: 1, .. })), "{refused:?}");
    let refused = log.append_verified(&mut sent(3, 4, 1), 0);
    assert!(matches!(refused, Err(Error::InvalidProducerEpoch { current: 5, .. })), "{refused:?}");
    assert_eq!(seen(&log), (2, 2, vec![]));
}

#[test]
fn an_index_that_a_person_removed_is_made_anew() {
    let storage = laboratory();
    let writer = log(&storage);
    let abort = |pid| {
        writer.append_verified(&mut sent(pid, 0, 0), 0).expect("begins");
        end(&writer, pid, Outcome::Abort);
    };
    abort(1);
    storage.remove_file(&path(0, TXN_INDEX)).expect("removes");
    let reader = log(&storage);
    let view = reader.view().expect("a view");
    let read = reader.aborted_transactions(&view, Offset(0), Offset(9));
    assert!(read.is_err(), "it does not pass for none");
    abort(2);
    let expected = vec![(1, 0, 1), (2, 2, 3)];
    assert_eq!(seen(&reader).2, expected);
    storage.remove_file(&path(0, TXN_INDEX)).expect("removes");
    log(&storage).open_to_append(0).expect("opens");
    assert_eq!(seen(&reader).2, expected);
}

/// Whoever waits for committed records hears of the marker, which is all that he waits for.
#[test]
fn a_marker_wakes_who_listens() {
    struct Flag(AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let storage = laboratory();
    for log in [log(&storage), owner(&storage)] {
        let epoch = i64::from(log.place().owned.as_ref().is_some_and(|owned| owned.exclusive));
        log.append_verified(&mut sent(epoch, 0, 0), 0).expect("begins");
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let _listener = log.listen(&Arc::clone(&flag).into());
        end(&log, epoch, Outcome::Commit);
        assert!(flag.0.load(Ordering::Relaxed));
    }
}

/// What a view says of a log without aborted transactions is all that is needed of it.
#[test]
fn that_nothing_was_aborted_costs_no_look_at_a_file() {
    let storage = laboratory();
    let writer = log(&storage);
    for number in 0..30 {
        append(&writer, &[&format!("value {number}")], 10);
        writer.append_verified(&mut sent(number, 0, 0), 0).expect("begins");
        end(&writer, number, Outcome::Commit);
    }
    let reader = log(&storage);
    let view = reader.view().expect("a view");
    assert!(view.segments().len() > 2 && !view.may_have_aborted());
    for entry in storage.list(DIR).expect("lists") {
        storage.remove_file(&format!("{DIR}/{}", entry.name)).expect("removes");
    }
    let aborted = reader.aborted_transactions(&view, Offset(0), view.end());
    assert_eq!(aborted.expect("nothing is read"), []);
}

#[test]
fn the_log_start_is_stable() {
    let storage = laboratory();
    let log = log(&storage);
    log.append_verified(&mut sent(3, 0, 0), 0).expect("begins");
    for _ in 0..3 {
        append(&log, &["of nobody"], 10);
    }
    log.delete_records(Offset(2), 0).expect("deletes");
    assert_eq!(seen(&log), (4, 2, vec![]));
    end(&log, 3, Outcome::Abort);
    assert_eq!(seen(&log), (5, 5, vec![(3, 0, 4)]));
}

/// Where damage hides how a transaction ended, its records are left out, and readers come to the
/// damage and tell of it.
#[test]
fn what_damage_leaves_undecided_is_not_shown() {
    let storage = laboratory();
    let writer = log(&storage);
    writer.append_verified(&mut sent(9, 0, 0), 0).expect("begins");
    end(&writer, 9, Outcome::Commit);
    while writer.view().expect("a view").segments().len() < 2 {
        append(&writer, &["of nobody"], 10);
    }
    let base = *writer.view().expect("a view").segments().last().expect("some");
    let first = writer.append_verified(&mut sent(3, 0, 0), 0).expect("begins").base_offset;
    append(&writer, &["damaged"], 10);
    end(&writer, 3, Outcome::Commit);
    for number in 0..30 {
        append(&writer, &[&format!("value {number}")], 10);
    }
    writer.close(0).expect("closes");
    let bytes = storage.file_bytes(&path(base.0, LOG)).expect("is there");
    let damaged = bytes.windows(7).position(|bytes| bytes == b"damaged").expect("is there");
    // The magic of its batch: a walk cannot pass over it.
    storage.corrupt(&path(base.0, LOG), damaged as u64 - 51, 0x7f).expect("there is such a byte");
    storage.remove_file("run/orders-0").expect("removes");
    let view = log(&storage).view().expect("a view");
    assert_eq!(view.last_stable(), view.end(), "the snapshot tells");
    assert!(!view.may_have_aborted());
    for offset in names(&storage, ".snapshot").into_iter().filter(|offset| *offset > base.0) {
        storage.remove_file(&path(offset, ".snapshot")).expect("removes");
    }
    let reader = log(&storage);
    let view = reader.view().expect("a view");
    assert_eq!(view.last_stable(), view.end(), "readers come to the damage");
    let aborted = reader.aborted_transactions(&view, Offset(0), first.next()).expect("reads");
    let aborted: Vec<_> = aborted.iter().map(|a| (a.producer_id, a.first_offset)).collect();
    assert_eq!(aborted, [(3, first)], "it may have been aborted");
}
