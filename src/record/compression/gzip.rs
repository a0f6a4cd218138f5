//! gzip, RFC 1952.

use std::io::{self, Write as _};

use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::{Bounded, Stop};

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Appends one member.
pub(super) fn compress(level: Option<i32>, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let level = match level.and_then(|level| u32::try_from(level).ok()) {
        Some(level) => flate2::Compression::new(level.min(9)),
        None => flate2::Compression::default(),
    };
    let mut encoder = GzEncoder::new(out, level);
    encoder.write_all(input)?;
    encoder.finish()?;
    Ok(())
}

/// Reads member after member. As in Java, what follows the last one and is no member is ignored.
pub(super) fn decompress(mut input: &[u8], out: &mut Bounded<'_>) -> Result<(), Stop> {
    loop {
        let mut member = GzDecoder::new(input);
        out.append_from(&mut member)?;
        input = member.into_inner();
        if !input.starts_with(&MAGIC) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decompressor, compress};
    use crate::model::Compression::Gzip;

    #[test]
    fn members_follow_one_another() {
        let mut packed = Vec::new();
        compress(Gzip, Some(1), b"one ", &mut packed).expect("compresses");
        compress(Gzip, Some(9), b"two", &mut packed).expect("compresses");
        packed.extend_from_slice(b"garbage");
        let mut decompressor = Decompressor::new(64);
        assert_eq!(decompressor.decompress(Gzip, &packed), Ok(&b"one two"[..]));
    }
}
