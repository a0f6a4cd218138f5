//! The view of one record batch; `header` has its layout.

use super::attributes::Attributes;
use super::compression::Decompressor;
use super::error::CorruptBatch;
use super::header::{FRAME_PREFIX_BYTES, HEADER_BYTES, MAGIC, at, crc_of};
use super::records::Records;
use crate::model::{Compression, Offset, limits};

/// Bytes up to and including magic, which decide what a frame is.
const MAGIC_END: usize = 17;
/// Smallest message of the old formats, in bytes after the length field. Shorter is no message.
const OLD_MESSAGE_BYTES_MIN: i32 = 14;

/// Exactly one whole batch: its size and magic are checked, its crc is not yet.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    header: &'a [u8; HEADER_BYTES],
    bytes: &'a [u8],
}

/// What stands at the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub enum Frame<'a> {
    /// A batch; more may follow it.
    Whole(Batch<'a>),
    /// The beginning of a batch, or nothing.
    Incomplete {
        /// Bytes of the whole batch; known once 17 bytes are there.
        size_in_bytes: Option<usize>,
    },
}

impl<'a> Batch<'a> {
    /// Looks at the batch that begins with the first byte. Checks size and magic only.
    ///
    /// # Errors
    /// [`CorruptBatch::BatchLength`], [`CorruptBatch::OldMagic`] or [`CorruptBatch::BadMagic`]:
    /// no batch can begin here.
    pub fn at_front(bytes: &'a [u8]) -> Result<Frame<'a>, CorruptBatch> {
        let Some(start) = bytes.first_chunk::<MAGIC_END>() else {
            return Ok(Frame::Incomplete { size_in_bytes: None });
        };
        let size = size_in_bytes(start)?;
        let whole = bytes.get(..size);
        Ok(match whole.and_then(|bytes| Some(Self { header: bytes.first_chunk()?, bytes })) {
            Some(batch) => Frame::Whole(batch),
            None => Frame::Incomplete { size_in_bytes: Some(size) },
        })
    }

    /// The batch, header and all.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes of the batch as it stands, 61 and more.
    #[must_use]
    pub const fn size_in_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Offset that the batch's deltas count from; of its first record unless compaction took that.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        Offset(i64::from_be_bytes(self.field::<{ at::BASE_OFFSET }, 8>()))
    }

    /// Offset of the last record that was ever in the batch, inclusive.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset() + i64::from(self.last_offset_delta())
    }

    /// Offset after the batch. Saturates.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// Distance from base offset to last offset; 0 or more in a checked batch.
    #[must_use]
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.field::<{ at::LAST_OFFSET_DELTA }, 4>())
    }

    /// Epoch of the leader that appended the batch; anything in a batch that a producer made.
    #[must_use]
    pub fn leader_epoch(&self) -> i32 {
        i32::from_be_bytes(self.field::<{ at::LEADER_EPOCH }, 4>())
    }

    /// CRC-32C of what follows the field, as the header says.
    #[must_use]
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.field::<{ at::CRC }, 4>())
    }

    /// Codec and flags.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes(u16::from_be_bytes(self.field::<{ at::ATTRIBUTES }, 2>()))
    }

    /// Milliseconds that the records' timestamp deltas count from: the first record's timestamp,
    /// or the delete horizon.
    #[must_use]
    pub fn base_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.field::<{ at::BASE_TIMESTAMP }, 8>())
    }

    /// Largest timestamp of the records in milliseconds, as the header says; -1 is none.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        i64::from_be_bytes(self.field::<{ at::MAX_TIMESTAMP }, 8>())
    }

    /// The idempotent producer's id; -1 is none.
    #[must_use]
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.field::<{ at::PRODUCER_ID }, 8>())
    }

    /// The producer's epoch; -1 is none.
    #[must_use]
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(self.field::<{ at::PRODUCER_EPOCH }, 2>())
    }

    /// Sequence number of the first record; -1 is none.
    #[must_use]
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.field::<{ at::BASE_SEQUENCE }, 4>())
    }

    /// Sequence number of the last record: after 2147483647 comes 0. -1 is none.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        let base = self.base_sequence();
        if base < 0 {
            return base;
        }
        let last = i64::from(base) + i64::from(self.last_offset_delta());
        (last & i64::from(i32::MAX)) as i32
    }

    /// How many records the batch holds; fewer than its offsets after compaction, even 0.
    #[must_use]
    pub fn records_count(&self) -> i32 {
        i32::from_be_bytes(self.field::<{ at::RECORDS_COUNT }, 4>())
    }

    /// Checks the crc, and that offsets, count and codec can be. Does not decompress.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), CorruptBatch> {
        let found = crc_of(self.bytes);
        if found != self.crc() {
            return Err(CorruptBatch::Crc { expected: self.crc(), found });
        }
        let (base, last_delta) = (self.base_offset().0, self.last_offset_delta());
        if base < 0 || last_delta < 0 || base.checked_add(i64::from(last_delta)).is_none() {
            return Err(CorruptBatch::Offsets { base, last_delta });
        }
        let codec = self.attributes().compression()?;
        let found = self.records_count();
        if found < 0 {
            let bytes = self.payload().len();
            return Err(CorruptBatch::RecordsCount { found, bytes, max: 0 });
        }
        if codec == Compression::None {
            Records::new(self, self.payload())?;
        }
        Ok(())
    }

    /// The records in order. They stand in the batch itself, or in `scratch` if it is compressed.
    ///
    /// Does not check the crc: see [`Batch::check`].
    ///
    /// # Errors
    /// When the records cannot be decompressed, or there cannot be as many as the header says.
    pub fn records<'s>(&self, scratch: &'s mut Decompressor) -> Result<Records<'s>, CorruptBatch>
    where
        'a: 's,
    {
        let payload = match self.attributes().compression()? {
            Compression::None => self.payload(),
            // A batch that compaction has emptied keeps its codec, but has nothing to decompress.
            _ if self.payload().is_empty() => &[],
            codec => scratch.decompress(codec, self.payload())?,
        };
        Records::new(self, payload)
    }

    /// What follows the header.
    pub(super) fn payload(&self) -> &'a [u8] {
        self.bytes.split_at(HEADER_BYTES).1
    }

    #[inline]
    fn field<const AT: usize, const BYTES: usize>(&self) -> [u8; BYTES] {
        std::array::from_fn(|index| self.header[AT + index])
    }
}

/// Bytes of the whole batch that begins so.
fn size_in_bytes(start: &[u8; MAGIC_END]) -> Result<usize, CorruptBatch> {
    const LENGTH_MIN: i32 = (HEADER_BYTES - FRAME_PREFIX_BYTES) as i32;
    let length = i32::from_be_bytes(std::array::from_fn(|index| start[at::BATCH_LENGTH + index]));
    let magic = i8::from_be_bytes([start[at::MAGIC]]);
    let bad_length = CorruptBatch::BatchLength { found: length, min: LENGTH_MIN };
    if length < OLD_MESSAGE_BYTES_MIN {
        return Err(bad_length);
    }
    match magic {
        MAGIC => {}
        0 | 1 => return Err(CorruptBatch::OldMagic(magic)),
        found => return Err(CorruptBatch::BadMagic { found }),
    }
    match usize::try_from(length).ok().map(|length| length.saturating_add(FRAME_PREFIX_BYTES)) {
        Some(size) if length >= LENGTH_MIN && size <= limits::BATCH_BYTES_MAX => Ok(size),
        _ => Err(bad_length),
    }
}

#[cfg(test)]
mod tests {
    use super::super::header::{put, seal};
    use super::super::{BatchBuilder, Headers, Record};
    use super::*;

    /// One record: timestamp 1000, key "k", value "v", no headers.
    #[rustfmt::skip]
    const GOLDEN: [u8; 70] = [
        0, 0, 0, 0, 0, 0, 0, 0, // base offset
        0, 0, 0, 58, // batch length
        0xff, 0xff, 0xff, 0xff, // leader epoch
        2, // magic
        0x71, 0x6a, 0x61, 0x89, // crc
        0, 0, // attributes
        0, 0, 0, 0, // last offset delta
        0, 0, 0, 0, 0, 0, 0x03, 0xe8, // base timestamp
        0, 0, 0, 0, 0, 0, 0x03, 0xe8, // max timestamp
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // producer id
        0xff, 0xff, // producer epoch
        0xff, 0xff, 0xff, 0xff, // base sequence
        0, 0, 0, 1, // records count
        16, 0, 0, 0, 2, b'k', 2, b'v', 0, // the record
    ];

    fn golden() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.push(&Record {
            offset: 5,
            timestamp: 1000,
            key: Some(b"k"),
            value: Some(b"v"),
            headers: Headers::NONE,
        });
        builder.finish().expect("a batch").to_vec()
    }

    fn whole(bytes: &[u8]) -> Batch<'_> {
        match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) => batch,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(golden(), GOLDEN);
        let batch = whole(&GOLDEN);
        assert_eq!(batch.check(), Ok(()));
        assert_eq!(batch.as_bytes(), GOLDEN);
        assert_eq!((batch.base_offset(), batch.next_offset()), (Offset(0), Offset(1)));
        assert_eq!((batch.leader_epoch(), batch.records_count()), (-1, 1));
        assert_eq!((batch.base_timestamp(), batch.max_timestamp()), (1000, 1000));
        assert_eq!((batch.producer_id(), batch.producer_epoch()), (-1, -1));
        assert_eq!((batch.base_sequence(), batch.last_sequence()), (-1, -1));
    }

    #[test]
    fn what_is_no_batch_is_named() {
        let with = |at: usize, field: &[u8]| {
            let mut bytes = golden();
            bytes[at..at + field.len()].copy_from_slice(field);
            Batch::at_front(&bytes).map(drop).map_err(|error| error.to_string())
        };
        let old = "magic 1 (message format of before Kafka 0.11) is not supported";
        assert_eq!(with(at::MAGIC, &[1]), Err(old.into()));
        assert_eq!(with(at::MAGIC, &[3]), Err("batch with magic 3, expected 2".into()));
        let short = "batch length 48 is out of range, expected at least 49";
        assert_eq!(with(at::BATCH_LENGTH, &48_i32.to_be_bytes()), Err(short.into()));
        assert!(with(at::BATCH_LENGTH, &(-1_i32).to_be_bytes()).is_err());
        assert!(with(at::BATCH_LENGTH, &i32::MAX.to_be_bytes()).is_err());
        // Space that was preallocated and never written is no old message.
        let zeros = Batch::at_front(&[0; 100]).map(drop);
        assert_eq!(zeros, Err(CorruptBatch::BatchLength { found: 0, min: 49 }));
    }

    #[test]
    fn headers_that_cannot_be_fail_the_check() {
        let with = |at: usize, field: &[u8]| {
            let mut bytes = golden();
            bytes[at..at + field.len()].copy_from_slice(field);
            seal(&mut bytes);
            whole(&bytes).check()
        };
        let base = 0;
        assert_eq!(
            with(at::LAST_OFFSET_DELTA, &[0xff; 4]),
            Err(CorruptBatch::Offsets { base, last_delta: -1 })
        );
        assert!(with(at::BASE_OFFSET, &[0xff; 8]).is_err());
        assert_eq!(with(at::ATTRIBUTES, &[0, 5]), Err(CorruptBatch::Codec(5)));
        assert_eq!(
            with(at::RECORDS_COUNT, &2_i32.to_be_bytes()),
            Err(CorruptBatch::RecordsCount { found: 2, bytes: 9, max: 1 })
        );
        assert!(with(at::RECORDS_COUNT, &[0xff; 4]).is_err());
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut bytes = golden();
        put(&mut bytes, at::BASE_SEQUENCE, (i32::MAX - 1).to_be_bytes());
        put(&mut bytes, at::LAST_OFFSET_DELTA, 3_i32.to_be_bytes());
        assert_eq!(whole(&bytes).last_sequence(), 1);
    }

    /// Compaction leaves such batches for the sake of the producer's state.
    #[test]
    fn emptied_batches_are_sound() {
        for codec in Compression::ALL {
            let mut bytes = golden();
            bytes.truncate(HEADER_BYTES);
            put(&mut bytes, at::BATCH_LENGTH, 49_i32.to_be_bytes());
            put(&mut bytes, at::RECORDS_COUNT, 0_i32.to_be_bytes());
            put(&mut bytes, at::ATTRIBUTES, u16::from(codec.id()).to_be_bytes());
            seal(&mut bytes);
            let batch = whole(&bytes);
            assert_eq!(batch.check(), Ok(()));
            let mut scratch = Decompressor::new(100);
            assert!(batch.records(&mut scratch).expect("empty").next().is_none());
        }
    }
}
