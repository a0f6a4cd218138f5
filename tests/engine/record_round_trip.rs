//! Random records through builder and reader, and random bytes into the reader.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use runnel::record::{
    Batch, BatchBuilder, Compression, CorruptBatch, Decompressor, Frame, HEADER_BYTES, Header,
    Headers, Record, compress,
};

const LIMIT: usize = 1 << 20;

type OwnedHeader = (Vec<u8>, Option<Vec<u8>>);

#[derive(Debug, Clone)]
struct Owned {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<OwnedHeader>,
}

impl Owned {
    fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
    }

    fn record<'a>(&'a self, offset: i64, headers: &'a [Header<'a>]) -> Record<'a> {
        Record {
            offset,
            timestamp: self.timestamp,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: Headers::List(headers),
        }
    }
}

fn timestamps() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_700_000_000_000..1_800_000_000_000_i64,
        1 => Just(-1),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
        1 => any::<i64>(),
    ]
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || vec(any::<u8>(), 0..200);
    let headers = vec((vec(any::<u8>(), 0..10), of(vec(any::<u8>(), 0..80))), 0..4);
    let record = (timestamps(), of(bytes()), of(bytes()), headers)
        .prop_map(|(timestamp, key, value, headers)| Owned { timestamp, key, value, headers });
    vec(record, 1..40)
}

fn codecs() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&Compression::ALL[..])
}

fn build(records: &[Owned], codec: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, None);
    for record in records {
        let headers = record.headers();
        let record = record.record(99, &headers);
        let size = builder.size_with(&record);
        builder.push(&record);
        assert_eq!(builder.size_in_bytes(), size);
    }
    builder.finish().expect("a batch").to_vec()
}

fn whole(bytes: &[u8]) -> Batch<'_> {
    match Batch::at_front(bytes) {
        Ok(Frame::Whole(batch)) => batch,
        other => panic!("{other:?}"),
    }
}

/// Reads whatever is there, to the end or the first error.
fn read_all(bytes: &[u8], scratch: &mut Decompressor) -> Result<usize, CorruptBatch> {
    let Frame::Whole(batch) = Batch::at_front(bytes)? else { return Ok(0) };
    let _ = (batch.last_offset(), batch.next_offset(), batch.last_sequence(), batch.check());
    let mut records = batch.records(scratch)?;
    let mut count = 0;
    for record in records.by_ref() {
        let record = record?;
        assert_eq!(record.headers.iter().count(), record.headers.len());
        count += 1;
    }
    assert!(records.next().is_none(), "fused");
    Ok(count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_built_is_read(records in records(), codec in codecs()) {
        let bytes = build(&records, codec);
        let batch = whole(&bytes);
        prop_assert_eq!(batch.check(), Ok(()));
        prop_assert_eq!(batch.size_in_bytes(), bytes.len());
        prop_assert_eq!(batch.attributes().compression(), Ok(codec));
        prop_assert_eq!(batch.records_count() as usize, records.len());
        prop_assert_eq!(batch.max_timestamp(), records.iter().map(|r| r.timestamp).max().unwrap());
        let mut scratch = Decompressor::new(LIMIT);
        let mut got = batch.records(&mut scratch).unwrap();
        for (offset, record) in records.iter().enumerate() {
            let headers = record.headers();
            let expected = record.record(offset as i64, &headers);
            prop_assert_eq!(got.next(), Some(Ok(expected)));
        }
        prop_assert_eq!(got.next(), None);
    }

    #[test]
    fn records_read_are_records_to_build(records in records()) {
        let bytes = build(&records, Compression::None);
        let mut scratch = Decompressor::new(LIMIT);
        let mut builder = BatchBuilder::new(Compression::None, None);
        for record in whole(&bytes).records(&mut scratch).unwrap() {
            builder.push(&record.unwrap());
        }
        prop_assert_eq!(&builder.finish().unwrap()[..], &bytes[..]);
    }

    #[test]
    fn any_cut_is_incomplete(records in records(), cut in any::<prop::sample::Index>()) {
        let bytes = build(&records, Compression::None);
        let cut = cut.index(bytes.len());
        let Ok(Frame::Incomplete { size_in_bytes }) = Batch::at_front(&bytes[..cut]) else {
            panic!("not incomplete at {cut}");
        };
        prop_assert_eq!(size_in_bytes, (cut >= 17).then_some(bytes.len()));
    }

    #[test]
    fn any_flipped_bit_past_the_crc_is_seen(records in records(), codec in codecs(), bit in any::<prop::sample::Index>()) {
        let mut bytes = build(&records, codec);
        let bit = 17 * 8 + bit.index((bytes.len() - 17) * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let checked = whole(&bytes).check();
        let is_crc = matches!(checked, Err(CorruptBatch::Crc { .. }));
        prop_assert!(is_crc, "{:?}", checked);
    }

    /// Not the crc but the parsers must hold here.
    #[test]
    fn mutated_batches_never_panic(
        records in records(),
        codec in codecs(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        header_too in any::<bool>(),
    ) {
        let mut bytes = build(&records, codec);
        let from = if header_too { 17 } else { HEADER_BYTES };
        for (at, byte) in edits {
            let at = from + at.index(bytes.len() - from);
            bytes[at] = byte;
        }
        let mut scratch = Decompressor::new(10_000);
        let _ = read_all(&bytes, &mut scratch);
    }

    #[test]
    fn any_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let mut scratch = Decompressor::new(10_000);
        let _ = read_all(&bytes, &mut scratch);
        for codec in Compression::ALL {
            if let Ok(out) = scratch.decompress(codec, &bytes) {
                assert!(out.len() <= 10_000);
            }
        }
    }

    #[test]
    fn any_payload_behind_a_sound_header(payload in vec(any::<u8>(), 0..200), count in 0..50_i32) {
        let mut bytes = build(&[Owned { timestamp: 0, key: None, value: None, headers: Vec::new() }], Compression::None);
        bytes.truncate(HEADER_BYTES);
        bytes.extend_from_slice(&payload);
        bytes[8..12].copy_from_slice(&(49 + payload.len() as i32).to_be_bytes());
        bytes[57..61].copy_from_slice(&count.to_be_bytes());
        if let Ok(read) = read_all(&bytes, &mut Decompressor::new(LIMIT)) {
            prop_assert_eq!(read, count as usize);
        }
    }
}

#[test]
fn bombs_are_stopped_at_the_limit() {
    let zeros = vec![0; 32 << 20];
    for codec in Compression::ALL {
        let mut packed = Vec::new();
        compress(codec, None, &zeros, &mut packed).expect("compresses");
        let error = Decompressor::new(LIMIT).decompress(codec, &packed).expect_err("too large");
        assert_eq!(error, CorruptBatch::TooLarge { limit: LIMIT }, "{codec}");
    }
}
