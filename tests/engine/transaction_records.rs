//! The records of transactional ids that Kafka 4.3.0 wrote, read and written back to the byte.

use std::collections::BTreeMap;

use proptest::prelude::*;
use runnel::protocol::transaction_records::{TransactionLogKey, TransactionLogValue};
use runnel::record::{Batch, Decompressor, Frame};

use crate::support::data::broker_file;

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn kafkas_records_are_read_and_written_to_the_byte() {
    let log = broker_file("unclean", "__transaction_state-0/00000000000000000000.log");
    let (mut rest, mut last) = (&log[..], BTreeMap::new());
    while let Ok(Frame::Whole(batch)) = Batch::at_front(rest) {
        batch.check().expect("sound");
        for record in batch.records(&mut Decompressor::new(1 << 20)).expect("records") {
            let record = record.expect("a record");
            let (key, value) = (record.key.expect("a key"), record.value.expect("no tombstones"));
            let id = TransactionLogKey::decode(key).expect("a key").expect("of version 0");
            assert_eq!(written(|out| id.encode(out)), key);
            let state = TransactionLogValue::decode(value).expect("a value").expect("is known");
            assert_eq!(written(|out| state.encode(out)), value);
            last.insert(id.transactional_id, state);
        }
        rest = &rest[batch.size_in_bytes()..];
    }
    let told = |id: &str| {
        let state = &last[id];
        (state.producer_id, state.producer_epoch, state.transaction_status)
    };
    assert_eq!((told("tid-0"), told("tid-1"), told("tid-2")), ((0, 3, 5), (1, 3, 4), (2, 3, 5)));
    assert_eq!(last["tid-0"].transaction_timeout_ms, 60_000);
}

/// Bytes of version 0, which Kafka wrote before, by hand.
#[test]
fn the_older_version_is_read() {
    let bytes = [
        &0_i16.to_be_bytes()[..],
        &7_i64.to_be_bytes(),
        &3_i16.to_be_bytes(),
        &9000_i32.to_be_bytes(),
        &[1],
        &1_i32.to_be_bytes(),
        &[0, 1, b't'],
        &1_i32.to_be_bytes(),
        &5_i32.to_be_bytes(),
        &100_i64.to_be_bytes(),
        &90_i64.to_be_bytes(),
    ];
    let value = TransactionLogValue::decode(&bytes.concat()).expect("a value").expect("is known");
    assert_eq!((value.producer_id, value.producer_epoch, value.transaction_status), (7, 3, 1));
    let partitions = value.transaction_partitions.expect("there are some");
    assert_eq!((&*partitions[0].topic, &partitions[0].partition_ids[..]), ("t", &[5][..]));
    assert_eq!((value.previous_producer_id, value.client_transaction_version), (-1, 0));
    assert_eq!(TransactionLogValue::decode(&[0, 2]), Ok(None), "of a version to come");
    assert_eq!(TransactionLogKey::decode(&[0, 1]), Ok(None), "of another kind");
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = TransactionLogKey::decode(&bytes);
        for version in 0..2 {
            let _ = TransactionLogValue::decode(&[&[0, version], &bytes[..]].concat());
        }
    }
}
