//! Idempotent producers: each batch is taken once, whoever takes it and whatever has become of snapshots.

use super::*;

/// A batch of `count` records of producer 7, from a sequence on.
fn sent(epoch: i16, base_sequence: i32, count: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(7, epoch, base_sequence, false);
    for number in 0..count {
        let value = format!("sequence {}", base_sequence as usize + number);
        let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 10, key: None, value, headers });
    }
    builder.finish().expect("there are records").to_vec()
}

#[test]
fn a_batch_sent_twice_is_there_once_whoever_takes_it() {
    let storage = laboratory();
    append(&log(&storage), &["of nobody"], 10);
    for (number, log) in [log(&storage), owner(&storage)].iter().enumerate() {
        let first = log.append(&mut sent(number as i16, 0, 2), 0).expect("appends");
        for sequence in [2, 4, 6] {
            log.append(&mut sent(number as i16, sequence, 2), 0).expect("appends");
        }
        let again = log.append(&mut sent(number as i16, 0, 2), 0).expect("is there");
        assert_eq!((again.base_offset, again.last_offset), (first.base_offset, first.last_offset));
        assert!(again.is_duplicate && !first.is_duplicate);
        assert_eq!(again.max_timestamp, 10);
    }
    let fresh = log(&storage);
    let again = fresh.append(&mut sent(1, 4, 2), 0).expect("is there");
    assert_eq!((again.base_offset, again.is_duplicate), (Offset(13), true));
    let refused = fresh.append(&mut sent(1, 9, 1), 0);
    assert!(matches!(refused, Err(Error::OutOfOrderSequence { expected: 8, .. })), "{refused:?}");
    let refused = fresh.append(&mut sent(0, 8, 1), 0);
    assert!(matches!(refused, Err(Error::InvalidProducerEpoch { current: 1, .. })), "{refused:?}");
    assert_eq!(fresh.view().expect("a view").end(), Offset(17));
}

#[test]
fn a_log_without_producers_has_no_snapshots_and_one_with_them_has_one_a_segment() {
    let storage = laboratory();
    let writer = log(&storage);
    for number in 0..20 {
        append(&writer, &[&format!("value {number}")], 10);
    }
    assert!(names(&storage, ".snapshot").is_empty());
    assert!(names(&storage, LOG).len() > 2);
    writer.append(&mut sent(0, 0, 1), 0).expect("appends");
    assert_eq!(names(&storage, ".snapshot"), [20], "of nobody, before the first");
    for number in 0..20 {
        append(&writer, &[&format!("value {number}")], 10);
    }
    writer.close(0).expect("closes");
    let rolled: Vec<_> = names(&storage, LOG).into_iter().filter(|base| *base > 20).collect();
    assert_eq!(names(&storage, ".snapshot"), [rolled, vec![41]].concat());
    // Rolled by a process that knows nothing of the producer, and read by one after it.
    let other = log(&storage);
    for number in 0..20 {
        append(&other, &[&format!("value {number}")], 10);
    }
    let again = log(&storage).append(&mut sent(0, 0, 1), 0).expect("is there");
    assert_eq!((again.base_offset, again.is_duplicate), (Offset(20), true));
}

#[test]
fn damaged_stale_and_future_snapshots_do_no_harm() {
    let day_ms = crate::model::limits::PRODUCER_ID_EXPIRATION_MS;
    let storage = laboratory();
    let writer = log(&storage);
    for sequence in 0..15 {
        writer.append(&mut sent(0, sequence, 1), 0).expect("appends");
    }
    writer.close(0).expect("closes");
    let taken = names(&storage, ".snapshot");
    let newest = path(*taken.last().expect("there are some"), ".snapshot");
    let bytes = storage.file_bytes(&newest).expect("is there");
    storage.corrupt(&newest, 20, 1).expect("there is such a byte");
    for last in [11, 14] {
        let again = log(&storage).append(&mut sent(0, last, 1), 0).expect("is there");
        assert!(again.is_duplicate, "the log is read in its place");
    }
    for base in &taken {
        storage.write_raw(&path(*base, ".snapshot"), b"no snapshot").expect("puts");
    }
    assert!(log(&storage).append(&mut sent(0, 10, 1), 0).expect("is there").is_duplicate);
    // One of more than the log holds is no help, and goes before it can be taken for true.
    storage.write_raw(&path(99, ".snapshot"), &bytes).expect("puts");
    storage.remove_file("run/orders-0").expect("removes");
    assert!(log(&storage).append(&mut sent(0, 14, 1), 0).expect("is there").is_duplicate);
    assert!(!names(&storage, ".snapshot").contains(&99));
    let later = log(&storage);
    later.append(&mut sent(0, 15, 1), 3 * day_ms).expect("appends");
    later.append(&mut sent(0, 99, 1), 3 * day_ms).expect_err("it is known");
    later.append(&mut sent(0, 99, 1), 4 * day_ms).expect("it is forgotten");
}

#[test]
fn who_sends_again_what_nobody_synced_gets_it_synced() {
    use crate::storage::sim::Loss;
    let storage = laboratory();
    for dir in ["", "log"] {
        storage.sync_dir(dir).expect("syncs");
    }
    log(&storage).open_to_append(0).expect("opens");
    log(&storage).append(&mut sent(0, 0, 1), 0).expect("appends, and its process dies");
    let other = owner(&storage);
    assert!(other.append(&mut sent(0, 0, 1), 0).expect("is there").is_duplicate);
    other.sync(0).expect("syncs");
    storage.crash(Loss::Everything);
    let storage = storage.process();
    assert_eq!(log(&storage).view().expect("a view").end(), Offset(1));
}
