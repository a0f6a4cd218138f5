//! Kafka's variable-length integers: zigzag, then seven bits a byte, low ones first.

/// Longest encoding of a 64-bit integer, in bytes.
pub const I64_BYTES_MAX: usize = 10;

/// Takes a 64-bit integer off the front of `bytes`; `None` if it is cut short or too long.
#[inline]
pub fn take_i64(bytes: &mut &[u8]) -> Option<i64> {
    // Most integers of a record are lengths and deltas of one byte or two.
    match **bytes {
        [low @ ..0x80, ref rest @ ..] => {
            *bytes = rest;
            Some(unzigzag(u64::from(low)))
        }
        [low, high @ ..0x80, ref rest @ ..] => {
            *bytes = rest;
            Some(unzigzag(u64::from(low & 0x7f) | u64::from(high) << 7))
        }
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &mut &[u8]) -> Option<i64> {
    let mut raw = 0_u64;
    for (index, &byte) in bytes.iter().take(I64_BYTES_MAX).enumerate() {
        raw |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            if index == I64_BYTES_MAX - 1 && byte > 1 {
                return None;
            }
            *bytes = &bytes[index + 1..];
            return Some(unzigzag(raw));
        }
    }
    None
}

/// Takes a 32-bit integer off the front of `bytes`; `None` if it is cut short or out of range.
#[inline]
pub fn take_i32(bytes: &mut &[u8]) -> Option<i32> {
    i32::try_from(take_i64(bytes)?).ok()
}

/// Appends `value` to `out`.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, value: i64) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// How many bytes [`put_i64`] appends.
#[inline]
#[must_use]
pub const fn len_i64(value: i64) -> usize {
    let top_bit = 63 - (zigzag(value) | 1).leading_zeros() as usize;
    // The same as a division of the bits by 7, rounded up, but quicker.
    (top_bit * 9 + 73) / 64
}

pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(raw: u64) -> i64 {
    (raw >> 1) as i64 ^ -((raw & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        for (value, expected) in [
            (0, &[0_u8][..]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ] {
            let mut out = Vec::new();
            put_i64(&mut out, value);
            assert_eq!(out, expected, "{value}");
            assert_eq!(len_i64(value), expected.len(), "{value}");
            assert_eq!(take_i64(&mut &out[..]), Some(value));
        }
    }

    #[test]
    fn lengths_are_those_of_the_encodings() {
        for shift in 0..64 {
            for value in
                [1_i64 << shift, (1_i64 << shift).wrapping_sub(1), (1_i64 << shift).wrapping_neg()]
            {
                let mut out = Vec::new();
                put_i64(&mut out, value);
                assert_eq!(len_i64(value), out.len(), "{value}");
                assert_eq!(take_i64(&mut &out[..]), Some(value));
            }
        }
    }

    #[test]
    fn cut_and_overlong_encodings_are_refused() {
        assert_eq!(take_i64(&mut &[][..]), None);
        assert_eq!(take_i64(&mut &[0x80, 0x80][..]), None);
        assert_eq!(take_i64(&mut &[0x80; 11][..]), None);
        assert_eq!(take_i32(&mut &[0xff, 0xff, 0xff, 0xff, 0x1f][..]), None);
    }
}
