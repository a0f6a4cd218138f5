//! Going over the bytes of a file piece by piece, in a bounded buffer.

use crate::storage::{File, Result};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// CRC-32C of a file's bytes from one position to another, or to its end where that comes first.
pub(super) fn crc_of(file: &dyn File, mut position: u64, end: u64) -> Result<u32> {
    let mut crc = 0;
    let mut piece =
        vec![
            0;
            READ_BYTES.min(usize::try_from(end.saturating_sub(position)).unwrap_or(READ_BYTES))
        ];
    while position < end {
        let wanted = piece.len().min(usize::try_from(end - position).unwrap_or(usize::MAX));
        let count = read_up_to(file, &mut piece[..wanted], position)?;
        if count == 0 {
            break;
        }
        crc = crc32c::crc32c_append(crc, &piece[..count]);
        position += count as u64;
    }
    Ok(crc)
}

/// The position after the last byte that is no zero between one position and another; the first
/// position where all are zeros.
pub(super) fn end_of_used(file: &dyn File, start: u64, end: u64) -> Result<u64> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut piece = vec![0; ZEROS.len()];
    let (mut position, mut used) = (start, start);
    while position < end {
        let wanted = piece.len().min(usize::try_from(end - position).unwrap_or(usize::MAX));
        let count = read_up_to(file, &mut piece[..wanted], position)?;
        if count == 0 {
            break;
        }
        if piece[..count] != ZEROS[..count] {
            let last = piece[..count].iter().rposition(|byte| *byte != 0).unwrap_or_default();
            used = position + last as u64 + 1;
        }
        position += count as u64;
    }
    Ok(used)
}

/// Fills a buffer as far as the file goes.
pub(super) fn read_up_to(file: &dyn File, buffer: &mut [u8], position: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], position + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}
