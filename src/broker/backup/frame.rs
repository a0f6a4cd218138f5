//! The frames that a backup is made of.
//!
//! | bytes of the file | what |
//! | --- | --- |
//! | 0..8 | `RNLBCKUP` |
//! | 8..10 | version 1, u16 |
//!
//! A frame:
//!
//! | bytes | what |
//! | --- | --- |
//! | 0 | kind |
//! | 1 | codec of its content: 0 none, 4 zstd |
//! | 2..6 | bytes of its content, u32 |
//! | 6..10 | bytes of its content as it stands, u32 |
//! | 10..14 | CRC-32C of the ten bytes before and of the content as it stands, u32 |
//! | 14.. | the content |
//!
//! All integers are big-endian. The last frame says how many stand before it, so that a file that was
//! cut can be told from a whole one.

use std::io::{self, Read, Write};

use crate::broker::error::{Error, Result};
use crate::model::{Compression, limits};
use crate::record::{Compressor, Decompressor};

const MAGIC: [u8; 8] = *b"RNLBCKUP";
const VERSION: u16 = 1;
const PREFIX_BYTES: usize = 14;
/// Bytes of a content that is no single large batch.
pub(super) const CONTENT_BYTES: usize = 1 << 20;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Head,
    PartitionHead,
    Batches,
    PartitionEnd,
    Commits,
    Trailer,
}

impl FrameKind {
    const ALL: [Self; 6] = [
        Self::Head,
        Self::PartitionHead,
        Self::Batches,
        Self::PartitionEnd,
        Self::Commits,
        Self::Trailer,
    ];

    fn number(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).map_or(0, |at| at as u8 + 1)
    }

    fn of(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// Writes frames.
pub(super) struct FrameWriter<'w> {
    out: &'w mut dyn Write,
    name: &'w str,
    compressor: Compressor,
    compressed: Vec<u8>,
    pub(super) frames: u64,
    /// CRC-32C of the crcs of all frames.
    pub(super) crc: u32,
    /// Bytes written.
    pub(super) bytes: u64,
}

impl<'w> FrameWriter<'w> {
    /// Begins a file; `name` is what an error calls it.
    pub(super) fn begin(out: &'w mut dyn Write, name: &'w str) -> Result<Self> {
        let compressor = Compressor::new(Compression::Zstd, None);
        let compressed = Vec::new();
        let mut writer = Self { out, name, compressor, compressed, frames: 0, crc: 0, bytes: 0 };
        writer.put(&MAGIC)?;
        writer.put(&VERSION.to_be_bytes())?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(|source| failed("write", self.name, source))
    }

    /// Writes a frame, compressed where that saves something.
    pub(super) fn write(&mut self, kind: FrameKind, content: &[u8]) -> Result<()> {
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.clear();
        let done = self.compressor.compress(content, &mut compressed);
        done.map_err(|source| failed("compress for", self.name, source))?;
        let written = match compressed.len() < content.len() {
            true => self.frame(kind, Compression::Zstd, content.len(), &compressed),
            false => self.frame(kind, Compression::None, content.len(), content),
        };
        self.compressed = compressed;
        written
    }

    fn frame(
        &mut self,
        kind: FrameKind,
        codec: Compression,
        len: usize,
        stored: &[u8],
    ) -> Result<()> {
        let length = |len: usize| {
            u32::try_from(len).map_err(|_| Error::Backup {
                path: self.name.to_owned(),
                position: self.bytes,
                cause: format!("{len} bytes are too many for a frame"),
            })
        };
        let mut prefix = [0; PREFIX_BYTES];
        prefix[0] = kind.number();
        prefix[1] = codec.id();
        prefix[2..6].copy_from_slice(&length(len)?.to_be_bytes());
        prefix[6..10].copy_from_slice(&length(stored.len())?.to_be_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&prefix[..10]), stored);
        prefix[10..].copy_from_slice(&crc.to_be_bytes());
        self.put(&prefix)?;
        self.put(stored)?;
        self.frames += 1;
        self.crc = crc32c::crc32c_append(self.crc, &crc.to_be_bytes());
        Ok(())
    }
}

/// Reads frames.
pub(super) struct FrameReader<'r> {
    input: &'r mut dyn Read,
    name: &'r str,
    usual: Decompressor,
    stored: Vec<u8>,
    content: Vec<u8>,
    pub(super) frames: u64,
    pub(super) crc: u32,
    /// Bytes read.
    pub(super) position: u64,
}

impl<'r> FrameReader<'r> {
    pub(super) fn begin(input: &'r mut dyn Read, name: &'r str) -> Result<Self> {
        let mut reader = Self {
            input,
            name,
            usual: Decompressor::new(CONTENT_BYTES),
            stored: Vec::new(),
            content: Vec::new(),
            frames: 0,
            crc: 0,
            position: 0,
        };
        let mut start = [0; 10];
        let read = reader.fill(&mut start)?;
        if read < start.len() || start[..8] != MAGIC {
            return Err(reader.damaged(0, "it is no backup"));
        }
        let version = u16::from_be_bytes([start[8], start[9]]);
        if version != VERSION {
            let cause = format!("version {version}, and this runnel knows version {VERSION}");
            return Err(reader.damaged(8, cause));
        }
        Ok(reader)
    }

    /// An error about the file.
    pub(super) fn damaged(&self, position: u64, cause: impl Into<String>) -> Error {
        Error::Backup { path: self.name.to_owned(), position, cause: cause.into() }
    }

    /// The next frame and its content, whose crc is right, and where it begins.
    pub(super) fn next(&mut self) -> Result<(FrameKind, u64, &[u8])> {
        let start = self.position;
        let mut prefix = [0; PREFIX_BYTES];
        if self.fill(&mut prefix)? < PREFIX_BYTES {
            return Err(self.damaged(start, "it ends before its last frame: it was cut short"));
        }
        let [kind, codec, a, b, c, d, e, f, g, h, i, j, k, l] = prefix;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        let stored = u32::from_be_bytes([e, f, g, h]);
        let crc = u32::from_be_bytes([i, j, k, l]);
        // Compressed is only what gets smaller by it.
        if len > limits::BATCH_BYTES_MAX || stored as usize > len {
            return Err(self.damaged(start, "a frame is longer than any can be"));
        }
        // What is taken into memory grows as the bytes come, whatever the length says.
        self.stored.clear();
        let taken = self.input.take(u64::from(stored)).read_to_end(&mut self.stored);
        let taken = taken.map_err(|source| failed("read", self.name, source))?;
        self.position += taken as u64;
        if taken < stored as usize {
            return Err(self.damaged(start, "it ends within a frame: it was cut short"));
        }
        let found = crc32c::crc32c_append(crc32c::crc32c(&prefix[..10]), &self.stored);
        if found != crc {
            let cause = format!("crc of the frame is {found:#010x}, expected {crc:#010x}");
            return Err(self.damaged(start, cause));
        }
        let kind = FrameKind::of(kind);
        let kind = kind.ok_or_else(|| self.damaged(start, "a frame of an unknown kind"))?;
        if kind != FrameKind::Trailer {
            self.frames += 1;
            self.crc = crc32c::crc32c_append(self.crc, &crc.to_be_bytes());
        }
        self.unpack(codec, len).map_err(|cause| self.damaged(start, cause))?;
        Ok((kind, start, &self.content))
    }

    fn unpack(&mut self, codec: u8, len: usize) -> std::result::Result<(), String> {
        let codec = Compression::from_id(codec).ok_or("a frame of an unknown codec")?;
        self.content.clear();
        let unpacked = match len <= CONTENT_BYTES {
            true => self.usual.decompress(codec, &self.stored),
            false => {
                let mut large = Decompressor::new(len);
                let unpacked = large.decompress(codec, &self.stored);
                self.content.extend_from_slice(unpacked.map_err(|error| error.to_string())?);
                return self.check_length(len);
            }
        };
        self.content.extend_from_slice(unpacked.map_err(|error| error.to_string())?);
        self.check_length(len)
    }

    fn check_length(&self, len: usize) -> std::result::Result<(), String> {
        let found = self.content.len();
        if found == len {
            Ok(())
        } else {
            Err(format!("a frame has {found} bytes, expected {len}"))
        }
    }

    /// Whether nothing follows.
    pub(super) fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.fill(&mut [0])? == 0)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(failed("read", self.name, source)),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }
}

fn failed(action: &'static str, name: &str, source: io::Error) -> Error {
    crate::storage::Error::new(action, name, source).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(contents: &[(FrameKind, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = FrameWriter::begin(&mut out, "x").expect("begins");
        for (kind, content) in contents {
            writer.write(*kind, content).expect("writes");
        }
        out
    }

    #[test]
    fn golden_bytes() {
        let bytes = written(&[(FrameKind::Head, b"{}")]);
        let expected = [
            &b"RNLBCKUP\0\x01"[..],
            &[1, 0, 0, 0, 0, 2, 0, 0, 0, 2],
            &crc32c::crc32c(&[1, 0, 0, 0, 0, 2, 0, 0, 0, 2, b'{', b'}']).to_be_bytes(),
            b"{}",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn nothing_is_read_of_a_frame_that_says_too_much() {
        for lengths in [[0x7fff_ffff_u32, 0x8000_0000], [2, 3], [0x8000_0000, 2]] {
            let mut bytes = written(&[]);
            bytes.extend_from_slice(&[3, 4]);
            bytes.extend(lengths.iter().flat_map(|length| length.to_be_bytes()));
            bytes.extend_from_slice(&[0; 4]);
            let mut input = bytes.as_slice().chain(io::repeat(0));
            let mut reader = FrameReader::begin(&mut input, "x").expect("begins");
            let error = reader.next().map(drop).expect_err("too long").to_string();
            assert!(error.contains("longer than any can be"), "{lengths:?}: {error}");
            assert_eq!(reader.position, bytes.len() as u64, "{lengths:?}");
        }
    }

    #[test]
    fn no_byte_may_be_another_and_none_may_be_missing() {
        let repeated = [7; 5000];
        let bytes = written(&[(FrameKind::Batches, &repeated), (FrameKind::Head, b"x")]);
        let read = |bytes: &[u8]| -> Result<Vec<u8>> {
            let mut input = bytes;
            let mut reader = FrameReader::begin(&mut input, "x")?;
            let first = reader.next()?.2.to_vec();
            reader.next()?;
            Ok(first)
        };
        assert_eq!(read(&bytes).expect("sound"), repeated);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "byte {at}");
            assert!(read(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
