//! Zstandard frames.
//!
//! Frames follow one another, as zstd-jni reads them. A frame's window may be 128 MiB at most
//! (the library's own bound, and what level 22 asks for); that memory is reserved when a frame
//! says so, but touched only as far as the frame really fills it.

use std::fmt;
use std::io;

use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, compress_bound,
    get_error_name,
};

use super::{Bounded, Stop};

const LEVEL_DEFAULT: i32 = 3;
/// Binary logarithm of the largest window in bytes.
const WINDOW_LOG_MAX: u32 = 27;
/// Bytes to make room for at a time: the largest block.
const STEP_BYTES: usize = 128 << 10;

/// A compression context, kept because making one costs more than compressing a small batch.
pub(super) struct Encoder(CCtx<'static>);

impl Encoder {
    pub(super) fn new(level: Option<i32>) -> Self {
        let mut context = CCtx::create();
        // Levels out of range are clamped by the library.
        let level = CParameter::CompressionLevel(level.unwrap_or(LEVEL_DEFAULT));
        let _ = context.set_parameter(level);
        Self(context)
    }

    /// Appends one frame.
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        out.resize(start + compress_bound(input.len()), 0);
        let length = self.0.compress2(&mut out[start..], input);
        let length = length.map_err(|code| io::Error::other(get_error_name(code)))?;
        out.truncate(start + length);
        Ok(())
    }
}

/// A decompression context with its window.
pub(super) struct Decoder(DCtx<'static>);

impl Decoder {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        let _ = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        Self(context)
    }

    /// Reads frame after frame.
    pub(super) fn decompress(&mut self, input: &[u8], out: &mut Bounded<'_>) -> Result<(), Stop> {
        let failed = |code| Stop::malformed(get_error_name(code));
        self.0.reset(ResetDirective::SessionOnly).map_err(failed)?;
        let mut source = InBuffer::around(input);
        let mut frame_is_open = false;
        loop {
            // One byte past the limit tells too much from just enough.
            out.bytes.reserve(STEP_BYTES.min(out.left().saturating_add(1)));
            let start = out.bytes.len();
            let room = out.bytes.capacity() - start;
            let mut sink = OutBuffer::around_pos(&mut *out.bytes, start);
            if source.pos() < input.len() || frame_is_open {
                let hint = self.0.decompress_stream(&mut sink, &mut source).map_err(failed)?;
                frame_is_open = hint != 0;
            }
            let produced = sink.pos() - start;
            if out.bytes.len() > out.limit {
                return Err(Stop::Limit);
            }
            if source.pos() == input.len() && produced < room {
                break;
            }
        }
        if frame_is_open { Err(Stop::malformed("frame is cut short")) } else { Ok(()) }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zstd::Encoder")
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("zstd::Decoder")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::super::{Decompressor, compress};
    use crate::model::Compression::Zstd;

    #[test]
    fn frames_follow_one_another() {
        let mut packed = Vec::new();
        compress(Zstd, None, b"one ", &mut packed).expect("compresses");
        compress(Zstd, Some(19), b"two", &mut packed).expect("compresses");
        let mut decompressor = Decompressor::new(64);
        assert_eq!(decompressor.decompress(Zstd, &packed), Ok(&b"one two"[..]));
        assert!(decompressor.decompress(Zstd, &packed[..packed.len() - 1]).is_err());
        assert_eq!(decompressor.decompress(Zstd, &packed), Ok(&b"one two"[..]), "used again");
    }

    #[test]
    fn streamed_frames_without_content_size_are_read() {
        let sample = vec![7; 1 << 20];
        // The window of level 22, the largest that a client asks for, without its work.
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.window_log(27).expect("a legal window");
        encoder.write_all(&sample).expect("compresses");
        let packed = encoder.finish().expect("compresses");
        let mut decompressor = Decompressor::new(1 << 20);
        assert_eq!(decompressor.decompress(Zstd, &packed), Ok(&sample[..]));
    }
}
