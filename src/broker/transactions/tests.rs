//! What may become of a transactional id, state by state.

use super::partitions::Partitions;
use super::transaction::{End, Init, ProducerIdAndEpoch, State, Transaction};
use crate::log::TransactionVersion::{self, V1, V2};
use crate::protocol::ErrorCode;
use crate::record::Outcome::{self, Abort, Commit};

const PRODUCER: i64 = 7;
const NEW: i64 = 1000;
const NOW_MS: i64 = 50_000;

fn producer(producer_id: i64, producer_epoch: i16) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch { producer_id, producer_epoch }
}

fn new_id() -> Result<i64, ErrorCode> {
    Ok(NEW)
}

fn no_id() -> Result<i64, ErrorCode> {
    panic!("no id is needed")
}

/// An id in a state, of producer 7 in an epoch.
fn at(state: State, epoch: i16) -> Transaction {
    let mut transaction = Transaction::new(PRODUCER, 60_000, 0);
    transaction.producer.producer_epoch = epoch;
    transaction.previous_producer_id = PRODUCER;
    transaction.state = state;
    if state != State::Empty {
        (transaction.partitions, transaction.start_ms) = (Partitions::of("t", 0), 40_000);
    }
    transaction
}

/// What comes of an EndTxn: the state and epoch, or the error.
fn ended(
    from: &Transaction,
    by: ProducerIdAndEpoch,
    outcome: Outcome,
    version: TransactionVersion,
) -> String {
    match from.end(by, outcome, version, &mut new_id, NOW_MS) {
        Ok(End::Done) => "done".to_owned(),
        Ok(End::Prepare(next)) => {
            assert_eq!((next.updated_ms, next.version), (NOW_MS, version));
            format!("{} {}", next.state.name(), next.producer.producer_epoch)
        }
        Err(error) => error.name().to_owned(),
    }
}

#[test]
fn a_client_of_version_1_ends_what_is_open() {
    use State::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
    let cases = [
        (Empty, Commit, "INVALID_TXN_STATE"),
        (Empty, Abort, "INVALID_TXN_STATE"),
        (Ongoing, Commit, "PrepareCommit 5"),
        (Ongoing, Abort, "PrepareAbort 5"),
        (PrepareCommit, Commit, "CONCURRENT_TRANSACTIONS"),
        (PrepareCommit, Abort, "INVALID_TXN_STATE"),
        (PrepareAbort, Commit, "INVALID_TXN_STATE"),
        (PrepareAbort, Abort, "CONCURRENT_TRANSACTIONS"),
        (CompleteCommit, Commit, "done"),
        (CompleteCommit, Abort, "INVALID_TXN_STATE"),
        (CompleteAbort, Commit, "INVALID_TXN_STATE"),
        (CompleteAbort, Abort, "done"),
    ];
    for (state, outcome, expected) in cases {
        let from = at(state, 5);
        let told = ended(&from, producer(PRODUCER, 5), outcome, V1);
        assert_eq!(told, expected, "{state:?} {outcome:?}");
        for other in [4, 6] {
            let told = ended(&from, producer(PRODUCER, other), outcome, V1);
            assert_eq!(told, "PRODUCER_FENCED", "{state:?} {outcome:?} {other}");
        }
        let told = ended(&from, producer(8, 5), outcome, V1);
        assert_eq!(told, "INVALID_PRODUCER_ID_MAPPING", "{state:?} {outcome:?}");
    }
}

/// The table of KIP-890: a client in the epoch of now ends what it began, one in the epoch before asks
/// again.
#[test]
fn a_client_of_version_2_ends_each_transaction_in_an_epoch_of_its_own() {
    use State::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
    let cases = [
        // State, outcome; in the epoch of now, in the epoch before.
        (Empty, Commit, "INVALID_TXN_STATE", "PRODUCER_FENCED"),
        (Empty, Abort, "PrepareAbort 6", "PRODUCER_FENCED"),
        (Ongoing, Commit, "PrepareCommit 6", "PRODUCER_FENCED"),
        (Ongoing, Abort, "PrepareAbort 6", "PRODUCER_FENCED"),
        (PrepareCommit, Commit, "PRODUCER_FENCED", "CONCURRENT_TRANSACTIONS"),
        (PrepareCommit, Abort, "PRODUCER_FENCED", "INVALID_TXN_STATE"),
        (PrepareAbort, Commit, "PRODUCER_FENCED", "INVALID_TXN_STATE"),
        (PrepareAbort, Abort, "PRODUCER_FENCED", "CONCURRENT_TRANSACTIONS"),
        (CompleteCommit, Commit, "INVALID_TXN_STATE", "done"),
        (CompleteCommit, Abort, "PrepareAbort 6", "INVALID_TXN_STATE"),
        (CompleteAbort, Commit, "INVALID_TXN_STATE", "INVALID_TXN_STATE"),
        (CompleteAbort, Abort, "PrepareAbort 6", "done"),
    ];
    for (state, outcome, current, retry) in cases {
        let from = at(state, 5);
        let told = |epoch| ended(&from, producer(PRODUCER, epoch), outcome, V2);
        assert_eq!(told(5), current, "{state:?} {outcome:?}");
        assert_eq!(told(4), retry, "{state:?} {outcome:?}, again");
        assert_eq!(told(3), "PRODUCER_FENCED", "{state:?} {outcome:?}, of long ago");
        assert_eq!(told(6), "PRODUCER_FENCED", "{state:?} {outcome:?}, of no epoch yet");
        let told = ended(&from, producer(8, 5), outcome, V2);
        assert_eq!(told, "INVALID_PRODUCER_ID_MAPPING", "{state:?} {outcome:?}");
    }
}

#[test]
fn what_is_open_keeps_its_partitions_until_all_have_heard() {
    let open = at(State::Ongoing, 5);
    let End::Prepare(prepared) =
        open.end(producer(PRODUCER, 5), Commit, V2, &mut no_id, NOW_MS).expect("ends")
    else {
        panic!("it is to be done");
    };
    assert_eq!((&prepared.partitions, prepared.start_ms), (&open.partitions, 40_000));
    let over = prepared.completed(NOW_MS + 1);
    assert_eq!((over.state, over.producer), (State::CompleteCommit, producer(PRODUCER, 6)));
    assert_eq!((over.partitions.iter().count(), over.start_ms), (0, 40_000));
    // An abort of nothing has a time all the same.
    let End::Prepare(empty) =
        over.end(producer(PRODUCER, 6), Abort, V2, &mut no_id, NOW_MS).expect("ends")
    else {
        panic!("it is to be done");
    };
    assert_eq!((empty.start_ms, empty.partitions.iter().count()), (NOW_MS, 0));
}

#[test]
fn epochs_that_are_used_up_are_followed_by_another_id() {
    let last = i16::MAX - 1;
    let open = at(State::Ongoing, last);
    let End::Prepare(prepared) =
        open.end(producer(PRODUCER, last), Commit, V2, &mut new_id, NOW_MS).expect("ends")
    else {
        panic!("it is to be done");
    };
    assert_eq!(prepared.producer, producer(PRODUCER, i16::MAX), "to fence what was");
    assert_eq!(prepared.next_producer_id, NEW);
    let over = prepared.completed(NOW_MS);
    assert_eq!((over.producer, over.previous_producer_id), (producer(NEW, 0), PRODUCER));
    assert_eq!(ended(&over, producer(PRODUCER, last), Commit, V2), "done", "asked again");
    assert_eq!(
        ended(&over, producer(PRODUCER, last - 1), Commit, V2),
        "INVALID_PRODUCER_ID_MAPPING"
    );
    assert_eq!(ended(&over, producer(NEW, 0), Abort, V2), "PrepareAbort 1");
    // By InitProducerId.
    let told = at(State::Empty, last).init(1, None, &mut new_id, NOW_MS);
    let Ok(Init::Empty(next)) = told else { panic!("{told:?}") };
    assert_eq!((next.producer, next.previous_producer_id), (producer(NEW, 0), PRODUCER));
    let again = next.init(1, Some(producer(PRODUCER, last)), &mut no_id, NOW_MS);
    assert_eq!(again.expect_err("its epoch is another"), ErrorCode::ProducerFenced);
}

#[test]
fn an_id_begins_with_an_epoch_that_nobody_had() {
    let init = |from: &Transaction, expected| match from.init(9, expected, &mut no_id, NOW_MS) {
        Ok(Init::Empty(next)) => {
            assert_eq!((next.state, next.timeout_ms, next.start_ms), (State::Empty, 9, -1));
            format!("{} after {}", next.producer.producer_epoch, next.last_epoch)
        }
        Ok(Init::Abort(next)) => {
            assert_eq!(next.state, State::PrepareAbort);
            format!("aborts {}", next.producer.producer_epoch)
        }
        Err(error) => error.name().to_owned(),
    };
    assert_eq!(init(&Transaction::new(PRODUCER, 1, 0), None), "0 after -1");
    for state in [State::Empty, State::CompleteCommit, State::CompleteAbort] {
        let mut from = at(state, 5);
        assert_eq!(init(&from, None), "6 after -1");
        assert_eq!(init(&from, Some(producer(PRODUCER, 5))), "6 after 5");
        assert_eq!(init(&from, Some(producer(PRODUCER, 4))), "PRODUCER_FENCED");
        assert_eq!(init(&from, Some(producer(8, 5))), "PRODUCER_FENCED");
        from.last_epoch = 4;
        assert_eq!(init(&from, Some(producer(PRODUCER, 4))), "5 after 4", "asked again");
    }
    for state in [State::PrepareCommit, State::PrepareAbort] {
        assert_eq!(init(&at(state, 5), None), "CONCURRENT_TRANSACTIONS");
    }
    assert_eq!(init(&at(State::Ongoing, 5), None), "aborts 6");
    assert_eq!(init(&at(State::Ongoing, 5), Some(producer(8, 5))), "PRODUCER_FENCED");
    // The epoch after the last is there for this.
    assert_eq!(init(&at(State::Ongoing, i16::MAX - 1), None), "aborts 32767");
}

#[test]
fn partitions_are_added_by_who_has_the_epoch() {
    let more = Partitions::of("t", 1);
    let add = |from: &Transaction, epoch| from.add(producer(PRODUCER, epoch), &more, V2, NOW_MS);
    for state in [State::Empty, State::CompleteCommit, State::CompleteAbort] {
        let next = add(&at(state, 5), 5).expect("begins").expect("is another");
        assert_eq!((next.state, next.start_ms, next.version), (State::Ongoing, NOW_MS, V2));
        assert_eq!(next.partitions, more, "none of the last transaction");
    }
    let next = add(&at(State::Ongoing, 5), 5).expect("goes on").expect("is another");
    assert_eq!(next.start_ms, 40_000, "it began before");
    assert_eq!(next.partitions.iter().collect::<Vec<_>>(), [("t", 0), ("t", 1)]);
    assert_eq!(add(&next, 5), Ok(None), "it is there");
    assert_eq!(next.times_out_at_ms(), Some(100_000));
    for state in [State::PrepareCommit, State::PrepareAbort] {
        assert_eq!(add(&at(state, 5), 5), Err(ErrorCode::ConcurrentTransactions));
    }
    assert_eq!(add(&next, 4), Err(ErrorCode::ProducerFenced));
    assert_eq!(next.verify(producer(PRODUCER, 5), "t", 1), Ok(()));
    assert_eq!(next.verify(producer(PRODUCER, 5), "t", 2), Err(ErrorCode::TransactionAbortable));
    let over = at(State::CompleteCommit, 5).verify(producer(PRODUCER, 5), "t", 0);
    assert_eq!(over, Err(ErrorCode::TransactionAbortable));
}

#[test]
fn who_is_fenced_learns_it_whatever_he_asks() {
    for (state, version) in [(State::Ongoing, V1), (State::Ongoing, V2), (State::Empty, V2)] {
        let mut from = at(state, 5);
        from.version = version;
        let fenced = from.fenced(&Partitions::of("lost", 3), NOW_MS);
        assert_eq!((fenced.state, fenced.version), (State::PrepareAbort, version));
        assert!(fenced.partitions.contains("lost", 3));
        assert_eq!(fenced.partitions.contains("t", 0), state == State::Ongoing);
        let over = fenced.completed(NOW_MS);
        assert_eq!(over.producer, producer(PRODUCER, 6));
        assert_eq!(ended(&over, producer(PRODUCER, 5), Commit, V1), "PRODUCER_FENCED");
        assert_eq!(ended(&over, producer(PRODUCER, 5), Commit, V2), "INVALID_TXN_STATE");
        assert_eq!(ended(&over, producer(PRODUCER, 5), Abort, V2), "done", "and goes on with 6");
    }
}

#[test]
fn what_is_kept_comes_back() {
    for state in State::ALL {
        let mut transaction = at(state, 5);
        (transaction.version, transaction.next_producer_id) = (V2, NEW);
        let value = transaction.value();
        assert_eq!(value.transaction_partitions.is_none(), state == State::Empty);
        assert_eq!(Transaction::of(value), Some(transaction));
    }
    let mut unknown = at(State::Empty, 5).value();
    unknown.transaction_status = 6;
    assert_eq!(Transaction::of(unknown), None);
}
