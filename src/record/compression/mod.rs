//! Compressing and decompressing the records of a batch, as Kafka's Java client reads and writes.
//!
//! Decompression is bounded: it never produces more than its limit, and its buffer grows, by
//! doubling, with what the input really yields, not with what the input says of itself. Beside
//! that buffer a codec takes at most what its own largest block or window needs.

mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::io;

use super::error::CorruptBatch;
use crate::model::{Compression, limits};

/// A codec at a level, with whatever it keeps between two batches.
#[derive(Debug)]
pub struct Compressor {
    codec: Compression,
    level: Option<i32>,
    zstd: Option<zstd::Encoder>,
}

impl Compressor {
    /// A compressor; without a level the codec's own default counts. Only gzip (1 to 9, -1) and
    /// zstd (-131072 to 22) have levels here; lz4's and snappy's are not looked at.
    #[must_use]
    pub const fn new(codec: Compression, level: Option<i32>) -> Self {
        Self { codec, level, zstd: None }
    }

    /// Which codec this is.
    #[must_use]
    pub const fn codec(&self) -> Compression {
        self.codec
    }

    /// Appends `input`, compressed, to `out`.
    ///
    /// # Errors
    /// When the codec fails, which only want of memory makes it do.
    pub fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self.codec {
            Compression::None => {
                out.extend_from_slice(input);
                Ok(())
            }
            Compression::Gzip => gzip::compress(self.level, input, out),
            Compression::Snappy => snappy::compress(input, out),
            Compression::Lz4 => lz4::compress(input, out),
            Compression::Zstd => {
                let level = self.level;
                self.zstd.get_or_insert_with(|| zstd::Encoder::new(level)).compress(input, out)
            }
        }
    }
}

/// Appends `input`, compressed, to `out`; see [`Compressor`].
///
/// # Errors
/// When the codec fails, which only want of memory makes it do.
pub fn compress(
    codec: Compression,
    level: Option<i32>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    Compressor::new(codec, level).compress(input, out)
}

/// Room for one batch's records, used again for the next.
#[derive(Debug)]
pub struct Decompressor {
    buffer: Vec<u8>,
    limit: usize,
    zstd: Option<zstd::Decoder>,
}

impl Decompressor {
    /// A decompressor that gives no batch more than `limit_bytes`.
    #[must_use]
    pub const fn new(limit_bytes: usize) -> Self {
        Self { buffer: Vec::new(), limit: limit_bytes, zstd: None }
    }

    /// A decompressor for a topic's batches. `max_message_bytes` below 0 counts as 0.
    #[must_use]
    pub fn for_max_message_bytes(max_message_bytes: i32) -> Self {
        let four_fold = usize::try_from(max_message_bytes).unwrap_or(0).saturating_mul(4);
        Self::new(four_fold.max(limits::DECOMPRESSED_BYTES_MAX))
    }

    /// Decompresses all of `input`; what it gives stands until the next call.
    ///
    /// # Errors
    /// [`CorruptBatch::TooLarge`] past the limit, [`CorruptBatch::Decompression`] otherwise.
    pub fn decompress(&mut self, codec: Compression, input: &[u8]) -> Result<&[u8], CorruptBatch> {
        self.buffer.clear();
        let out = &mut Bounded { bytes: &mut self.buffer, limit: self.limit };
        let done = match codec {
            Compression::None => out.append(input),
            Compression::Gzip => gzip::decompress(input, out),
            Compression::Snappy => snappy::decompress(input, out),
            Compression::Lz4 => lz4::decompress(input, out),
            Compression::Zstd => {
                self.zstd.get_or_insert_with(zstd::Decoder::new).decompress(input, out)
            }
        };
        match done {
            Ok(()) => Ok(&self.buffer),
            Err(Stop::Limit) => Err(CorruptBatch::TooLarge { limit: self.limit }),
            Err(Stop::Malformed(reason)) => Err(CorruptBatch::Decompression { codec, reason }),
        }
    }
}

impl Default for Decompressor {
    /// With the limit for topics of ordinary batches, [`limits::DECOMPRESSED_BYTES_MAX`].
    fn default() -> Self {
        Self::new(limits::DECOMPRESSED_BYTES_MAX)
    }
}

/// Why a decompression ended early.
enum Stop {
    /// More than the limit would come.
    Limit,
    /// The codec says that the bytes are wrong.
    Malformed(String),
}

impl Stop {
    fn malformed(reason: impl ToString) -> Self {
        Self::Malformed(reason.to_string())
    }
}

/// Where decompressed bytes go, up to a limit.
struct Bounded<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

impl Bounded<'_> {
    /// Bytes that may still come.
    fn left(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.len() > self.left() {
            return Err(Stop::Limit);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes all that a reader gives.
    fn append_from(&mut self, reader: &mut dyn io::Read) -> Result<(), Stop> {
        use io::Read as _;
        let left = self.left();
        // One byte past the limit tells too much from just enough.
        let most = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
        let taken = reader.take(most).read_to_end(self.bytes).map_err(Stop::malformed)?;
        if taken > left { Err(Stop::Limit) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> [Vec<u8>; 5] {
        let noise = |n: u32| (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        [Vec::new(), b"x".to_vec(), vec![b'a'; 200_000], noise(100_000), noise(1 << 16)]
    }

    #[test]
    fn every_codec_round_trips_and_keeps_its_limit() {
        for codec in Compression::ALL {
            let mut decompressor = Decompressor::new(1 << 20);
            for (index, sample) in samples().iter().enumerate() {
                let mut packed = Vec::new();
                compress(codec, None, sample, &mut packed).expect("compresses");
                let got = decompressor.decompress(codec, &packed);
                assert!(got == Ok(sample), "{codec} {index}");

                let exact = Decompressor::new(sample.len()).decompress(codec, &packed).is_ok();
                assert!(exact, "{codec} {index}");
                if let Some(limit) = sample.len().checked_sub(1) {
                    let mut tight = Decompressor::new(limit);
                    let error = tight.decompress(codec, &packed).expect_err("too large");
                    assert_eq!(error, CorruptBatch::TooLarge { limit }, "{codec} {index}");
                }
            }
        }
    }

    #[test]
    fn cut_inputs_are_refused() {
        let sample = vec![b'a'; 40_000];
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let mut packed = Vec::new();
            compress(codec, None, &sample, &mut packed).expect("compresses");
            let mut decompressor = Decompressor::new(1 << 20);
            for cut in 1..packed.len() {
                // Xerial frames have no end mark: a cut between two blocks cannot be seen.
                let got = decompressor.decompress(codec, &packed[..cut]);
                let whole_blocks = codec == Compression::Snappy
                    && got.is_ok_and(|out| {
                        out.len() < sample.len() && out.len() % snappy::BLOCK_BYTES == 0
                    });
                let got = decompressor.decompress(codec, &packed[..cut]);
                assert!(whole_blocks || got.is_err(), "{codec} cut at {cut} of {}", packed.len());
            }
        }
    }

    #[test]
    fn codecs_move_between_threads() {
        const fn can_move<T: Send>() {}
        can_move::<Compressor>();
        can_move::<Decompressor>();
    }

    #[test]
    fn levels_out_of_range_are_no_failure() {
        for codec in Compression::ALL {
            for level in [i32::MIN, -1, 0, 9, 22, i32::MAX] {
                let mut packed = Vec::new();
                compress(codec, Some(level), b"records", &mut packed).expect("compresses");
                assert_eq!(
                    Decompressor::new(100).decompress(codec, &packed),
                    Ok(&b"records"[..]),
                    "{codec} {level}"
                );
            }
        }
    }
}
