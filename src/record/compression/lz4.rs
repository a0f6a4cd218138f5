//! LZ4 frames as Kafka's Java client takes them: version 01, independent blocks.
//!
//! We write blocks of 64 KiB, no checksums, no content size. We read one frame, as Java does, and
//! leave what follows it; content size and checksum, which Java skips, must be right if present.
//! Source: Kafka's `Lz4BlockOutputStream` and `Lz4BlockInputStream`.

use std::io::{self, Read, Write as _};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{Bounded, Stop};

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
const FLAG_INDEPENDENT_BLOCKS: u8 = 1 << 5;

/// Appends one frame.
pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let info = FrameInfo::new().block_size(BlockSize::Max64KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(input)?;
    encoder.finish().map_err(io::Error::other)?;
    Ok(())
}

/// Reads the frame at the front.
pub(super) fn decompress(input: &[u8], out: &mut Bounded<'_>) -> Result<(), Stop> {
    // The library also takes older frames and linked blocks, which Java refuses.
    let flags = input.strip_prefix(&MAGIC).and_then(<[u8]>::first);
    let flags = flags.ok_or_else(|| Stop::malformed("not an lz4 frame"))?;
    if flags & FLAG_INDEPENDENT_BLOCKS == 0 {
        return Err(Stop::malformed("blocks depend on one another"));
    }
    let mut decoder = FrameDecoder::new(Source { bytes: input, was_short: false });
    out.append_from(&mut decoder)?;
    if decoder.get_ref().was_short {
        return Err(Stop::malformed("frame is cut short"));
    }
    Ok(())
}

/// The input, which remembers if more of it was asked for than there is: the library takes a
/// frame without its end mark for whole.
struct Source<'a> {
    bytes: &'a [u8],
    was_short: bool,
}

impl Read for Source<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.was_short |= out.len() > self.bytes.len();
        self.bytes.read(out)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decompressor, compress};
    use super::*;
    use crate::model::Compression::Lz4;

    #[test]
    fn the_header_is_the_one_that_java_writes() {
        let mut packed = Vec::new();
        compress(Lz4, None, b"abc", &mut packed).expect("compresses");
        let header = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
        assert_eq!(packed[..7], header);
        assert_eq!(packed[7..11], [3, 0, 0, 0x80], "stored as it is");
        assert_eq!(packed[packed.len() - 4..], [0; 4], "end mark");
    }

    #[test]
    fn linked_blocks_are_refused_as_java_does() {
        let info = FrameInfo::new().block_mode(BlockMode::Linked);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(&[b'x'; 100]).expect("a vec takes all");
        let packed = encoder.finish().expect("a vec takes all");
        assert!(Decompressor::new(1000).decompress(Lz4, &packed).is_err());
    }

    #[test]
    fn checksums_and_other_block_sizes_are_read() {
        let sample: Vec<u8> = (0..300_000_u32).map(|i| (i >> 5) as u8).collect();
        for size in [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max4MB] {
            let info = FrameInfo::new()
                .block_size(size)
                .block_checksums(true)
                .content_checksum(true)
                .content_size(Some(sample.len() as u64));
            let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
            encoder.write_all(&sample).expect("a vec takes all");
            let packed = encoder.finish().expect("a vec takes all");
            let mut decompressor = Decompressor::new(1 << 20);
            assert_eq!(decompressor.decompress(Lz4, &packed), Ok(&sample[..]));
        }
    }
}
