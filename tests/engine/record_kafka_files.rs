//! Reads log files that Kafka 4.3.0 wrote, and compares with what its consumer got from them.

use std::collections::BTreeMap;

use runnel::record::{
    Batch, BatchBuilder, Compression, Decompressor, Frame, Record, TimestampType,
};

use crate::support::data::{broker_file, expected};
use crate::support::record as plain;

/// A record by its offset.
type Row = (i64, plain::Record);

/// The first segment of a partition.
fn log(partition: &str) -> Vec<u8> {
    broker_file("clean", &format!("{partition}/00000000000000000000.log"))
}

/// What Kafka's consumer got.
fn expected_rows(partition: &str) -> Vec<Row> {
    expected()[partition].iter().map(|stored| (stored.offset, stored.record.clone())).collect()
}

fn batches(mut log: &[u8]) -> Vec<Batch<'_>> {
    let mut batches = Vec::new();
    while !log.is_empty() {
        let Ok(Frame::Whole(batch)) = Batch::at_front(log) else {
            panic!("no batch {} bytes before the end", log.len());
        };
        batch.check().expect("sound");
        log = &log[batch.size_in_bytes()..];
        batches.push(batch);
    }
    batches
}

fn row(record: &Record<'_>) -> Row {
    let headers = record.headers.iter().map(|header| {
        (String::from_utf8(header.key.to_vec()).expect("UTF-8"), header.value.map(<[u8]>::to_vec))
    });
    let plain = plain::Record::new(record.timestamp, record.key, record.value);
    (record.offset, plain::Record { headers: headers.collect(), ..plain })
}

fn rows(batch: &Batch<'_>) -> Vec<Row> {
    let mut scratch = Decompressor::new(1 << 20);
    let records = batch.records(&mut scratch).expect("records");
    records.map(|record| row(&record.expect("record"))).collect()
}

#[test]
fn codecs() {
    for codec in Compression::ALL {
        let partition = format!("codec-{codec}-0");
        let log = log(&partition);
        let mut got = Vec::new();
        for batch in batches(&log) {
            assert_eq!(batch.attributes().compression(), Ok(codec));
            assert_eq!(batch.base_offset().0, got.len() as i64);
            assert_eq!(batch.records_count(), batch.last_offset_delta() + 1);
            let rows = rows(&batch);
            assert_eq!(rows.iter().map(|row| row.1.ts).max(), Some(batch.max_timestamp()));
            got.extend(rows);
        }
        assert!(got == expected_rows(&partition), "{partition}");
    }
}

#[test]
fn append_time_is_every_records_time() {
    let log = log("logappend-0");
    let mut got = Vec::new();
    for batch in batches(&log) {
        assert_eq!(batch.attributes().timestamp_type(), TimestampType::LogAppendTime);
        got.extend(rows(&batch));
    }
    assert_eq!(got, expected_rows("logappend-0"));
}

#[test]
fn compacted_batches_have_gaps() {
    let log = log("compacted-0");
    let expected = expected_rows("compacted-0");
    let batches = batches(&log);
    let got: Vec<Row> = batches.iter().flat_map(rows).collect();
    assert_eq!(got[..], expected[..got.len()]);
    let thinned = |batch: &&Batch<'_>| batch.records_count() <= batch.last_offset_delta();
    assert!(batches.iter().find(thinned).is_some(), "none is thinned out");
}

#[test]
fn transactions() {
    for partition in ["tx-0", "tx-1"] {
        let log = log(partition);
        let (mut aborted, mut markers) = (BTreeMap::<i64, Vec<Row>>::new(), 0);
        let mut committed = BTreeMap::new();
        for batch in batches(&log) {
            let producer = batch.producer_id();
            if !batch.attributes().is_control() {
                assert!(batch.attributes().is_transactional() || producer < 0);
                match producer {
                    -1 => committed.extend(rows(&batch)),
                    _ => aborted.entry(producer).or_default().extend(rows(&batch)),
                }
                continue;
            }
            let rows = rows(&batch);
            assert_eq!((rows.len(), batch.base_sequence()), (1, -1));
            // Version 0; 1 is a commit and 0 an abort.
            let pending = aborted.remove(&producer).unwrap_or_default();
            if rows[0].1.key.as_deref() == Some(&[0, 0, 0, 1]) {
                committed.extend(pending);
            }
            markers += 1;
        }
        assert!(markers > 0);
        assert_eq!(
            committed.into_iter().collect::<Vec<_>>(),
            expected_rows(partition),
            "{partition}"
        );
    }
}

/// What librdkafka made of these records, we make of them too, to the byte.
#[test]
fn uncompressed_batches_are_built_alike() {
    let log = log("codec-none-0");
    let mut scratch = Decompressor::new(1 << 20);
    for batch in batches(&log) {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(
            batch.producer_id(),
            batch.producer_epoch(),
            batch.base_sequence(),
            batch.attributes().is_transactional(),
        );
        for record in batch.records(&mut scratch).expect("records") {
            builder.push(&record.expect("record"));
        }
        let built = builder.finish().expect("a batch");
        runnel::record::set_base_offset(built, batch.base_offset());
        runnel::record::set_leader_epoch(built, batch.leader_epoch());
        assert!(built == batch.as_bytes(), "batch at {}", batch.base_offset());
    }
}
