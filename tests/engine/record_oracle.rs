//! Batches of ours read by the kafka-protocol crate, and batches of its read by us.
//!
//! The oracle keeps headers in a map, so that names must not repeat here, and wants UTF-8 names;
//! it splits a batch wherever offset minus sequence changes, so that sequences must count up.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as oracle;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::string::string_regex;
use runnel::record::{
    Batch, BatchBuilder, Compression, Decompressor, Frame, Header, Headers, Record,
};

#[derive(Debug, Clone)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || of(vec(any::<u8>(), 0..100));
    let headers =
        btree_map(string_regex("[a-zé]{0,6}").unwrap(), of(vec(any::<u8>(), 0..20)), 0..3);
    let record = (0..2_000_000_000_000_i64, bytes(), bytes(), headers).prop_map(
        |(timestamp, key, value, headers)| Owned {
            timestamp,
            key,
            value,
            headers: headers.into_iter().collect(),
        },
    );
    vec(record, 1..30)
}

fn codecs() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&Compression::ALL[..])
}

fn theirs(codec: Compression) -> oracle::Compression {
    match codec {
        Compression::None => oracle::Compression::None,
        Compression::Gzip => oracle::Compression::Gzip,
        Compression::Snappy => oracle::Compression::Snappy,
        Compression::Lz4 => oracle::Compression::Lz4,
        Compression::Zstd => oracle::Compression::Zstd,
    }
}

fn their_record(offset: usize, record: &Owned) -> oracle::Record {
    let headers: IndexMap<_, _> = record
        .headers
        .iter()
        .map(|(name, value)| (StrBytes::from_string(name.clone()), value.clone().map(Bytes::from)))
        .collect();
    oracle::Record {
        transactional: true,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 4000,
        producer_epoch: 3,
        timestamp_type: oracle::TimestampType::Creation,
        offset: offset as i64,
        sequence: 7 + offset as i32,
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers,
    }
}

fn build(records: &[Owned], codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    builder.with_producer(4000, 3, 7, true);
    for record in records {
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(name, value)| Header { key: name.as_bytes(), value: value.as_deref() })
            .collect();
        builder.push(&Record {
            offset: 0,
            timestamp: record.timestamp,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: Headers::List(&headers),
        });
    }
    builder.finish().expect("a batch").to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_read_ours(records in records(), codec in codecs()) {
        let mut bytes = Bytes::from(build(&records, codec));
        let set = oracle::RecordBatchDecoder::decode(&mut bytes).expect("decodes");
        let expected: Vec<_> =
            records.iter().enumerate().map(|(offset, record)| their_record(offset, record)).collect();
        prop_assert_eq!(set.records, expected);
        prop_assert_eq!(set.compression, theirs(codec));
        prop_assert!(bytes.is_empty());
    }

    #[test]
    fn we_read_theirs(records in records(), codec in codecs()) {
        let input: Vec<_> =
            records.iter().enumerate().map(|(offset, record)| their_record(offset, record)).collect();
        let mut bytes = BytesMut::new();
        let options = oracle::RecordEncodeOptions { version: 2, compression: theirs(codec) };
        oracle::RecordBatchEncoder::encode(&mut bytes, &input, &options).expect("encodes");
        let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes) else { panic!("no batch") };
        prop_assert_eq!(batch.size_in_bytes(), bytes.len());
        prop_assert_eq!(batch.check(), Ok(()));
        prop_assert_eq!(batch.producer_id(), 4000);
        prop_assert_eq!(batch.producer_epoch(), 3);
        prop_assert_eq!(batch.base_sequence(), 7);
        prop_assert!(batch.attributes().is_transactional());
        let mut scratch = Decompressor::new(1 << 20);
        let mut count = 0;
        for (offset, (got, expected)) in batch.records(&mut scratch).unwrap().zip(&records).enumerate() {
            let got = got.unwrap();
            prop_assert_eq!(got.offset, offset as i64);
            prop_assert_eq!(got.timestamp, expected.timestamp);
            prop_assert_eq!(got.key, expected.key.as_deref());
            prop_assert_eq!(got.value, expected.value.as_deref());
            let headers = got.headers.iter().map(|header| {
                let name = String::from_utf8(header.key.to_vec()).unwrap();
                (name, header.value.map(<[u8]>::to_vec))
            });
            prop_assert_eq!(headers.collect::<Vec<_>>(), expected.headers.clone());
            count += 1;
        }
        prop_assert_eq!(count, records.len());
    }
}
