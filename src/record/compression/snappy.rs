//! Snappy blocks in snappy-java's framing ("xerial"), and bare blocks when reading.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `82 53 4e 41 50 50 59 00` |
//! | 4 | version, 1 |
//! | 4 | lowest compatible version, 1 |
//! | then | {4 bytes of length, big-endian; block} as often as it takes |

use std::io;

use super::{Bounded, Stop};

const MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
const HEADER: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";

/// Bytes of a block before compression. Source: snappy-java's default.
pub(super) const BLOCK_BYTES: usize = 32 << 10;

/// No snappy block grows to more than this many times its size: a copy of 64 bytes takes 3.
const EXPANSION_MAX: usize = 22;

/// Appends a framed stream.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = snap::raw::Encoder::new();
    out.extend_from_slice(HEADER);
    for block in input.chunks(BLOCK_BYTES) {
        let length_at = out.len();
        let block_at = length_at + 4;
        out.resize(block_at + snap::raw::max_compress_len(block.len()), 0);
        let length = encoder.compress(block, &mut out[block_at..])?;
        out.truncate(block_at + length);
        let length = u32::try_from(length).map_err(io::Error::other)?;
        out[length_at..block_at].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

/// Reads a framed stream, or, as librdkafka writes it, one bare block.
pub(super) fn decompress(input: &[u8], out: &mut Bounded<'_>) -> Result<(), Stop> {
    if !input.starts_with(MAGIC) {
        return decompress_block(input, out);
    }
    let mut rest = input;
    while !rest.is_empty() {
        // As snappy-java does, take streams that were put one after the other.
        if rest.starts_with(MAGIC) {
            rest =
                rest.get(HEADER.len()..).ok_or_else(|| Stop::malformed("header is cut short"))?;
            continue;
        }
        let (block, after) =
            split_block(rest).ok_or_else(|| Stop::malformed("block is cut short"))?;
        decompress_block(block, out)?;
        rest = after;
    }
    Ok(())
}

fn split_block(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn decompress_block(block: &[u8], out: &mut Bounded<'_>) -> Result<(), Stop> {
    let length = snap::raw::decompress_len(block).map_err(Stop::malformed)?;
    if length > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(Stop::malformed("block says that it is larger than it can be"));
    }
    if length > out.left() {
        return Err(Stop::Limit);
    }
    let start = out.bytes.len();
    out.bytes.resize(start + length, 0);
    snap::raw::Decoder::new()
        .decompress(block, &mut out.bytes[start..])
        .map_err(Stop::malformed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Decompressor, compress};
    use crate::model::Compression::Snappy;

    #[test]
    fn framing_is_xerials() {
        let mut packed = Vec::new();
        compress(Snappy, None, b"abc", &mut packed).expect("compresses");
        let expected = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x05\x03\x08abc";
        assert_eq!(packed, expected);
        packed.extend_from_slice(expected);
        let mut decompressor = Decompressor::new(64);
        assert_eq!(decompressor.decompress(Snappy, &packed), Ok(&b"abcabc"[..]));
    }

    #[test]
    fn bare_blocks_are_read() {
        let mut decompressor = Decompressor::new(64);
        assert_eq!(decompressor.decompress(Snappy, b"\x03\x08abc"), Ok(&b"abc"[..]));
    }

    #[test]
    fn a_lie_about_the_size_allocates_nothing() {
        let mut decompressor = Decompressor::new(usize::MAX);
        let lie = b"\xff\xff\xff\xff\x0f\x08abc";
        assert!(decompressor.decompress(Snappy, lie).is_err());
        assert_eq!(decompressor.buffer.capacity(), 0);
    }

    #[test]
    fn the_densest_block_is_within_the_bound() {
        let mut packed = vec![0; snap::raw::max_compress_len(1 << 20)];
        let zeros = vec![0; 1 << 20];
        let length = snap::raw::Encoder::new().compress(&zeros, &mut packed).expect("fits");
        let mut decompressor = Decompressor::new(1 << 20);
        assert_eq!(decompressor.decompress(Snappy, &packed[..length]), Ok(&zeros[..]));
    }
}
