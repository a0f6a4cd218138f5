//! The bytes in the stores, which a task of a later version must read: format 1.
//!
//! | store | key | value |
//! | --- | --- | --- |
//! | the task's | `f` | format: 1 byte |
//! | | `c`, operator: 4 bytes | its clock: time, closed, sequence, earliest: 8 bytes each |
//! | a table | the record's key as it is | timestamp: 8 bytes, value |
//! | a table of windows | key, end, start | timestamp: 8 bytes, value |
//! | a side of a join of streams | key, timestamp, sequence | value |
//! | the index by time of these two | end, start, the record's key as it is | nothing |
//! | its unmatched records | timestamp, side: 1 byte, key, sequence | headers, value |
//! | results held back | closing time, key, start, end | timestamp: 8 bytes, headers, value |
//! | references by a foreign key | foreign key, the left table's key there | nothing |
//!
//! Keys compare as bytes. A *time* there is 8 bytes, big-endian, with the sign bit flipped, so that it sorts as the number
//! does. A *key* that something follows is escaped: `00` is written as `00 ff`, and `00 00` ends it; so keys sort as their
//! bytes do, and none is the beginning of another. Headers are preceded by their length in 4 bytes, big-endian; timestamps
//! in values are big-endian.

use super::record::{Headers, Window};

/// The format that the engine writes.
pub(super) const FORMAT: u8 = 1;
/// Where the task's store says so.
pub(super) const FORMAT_KEY: &[u8] = b"f";

const SIGN: i64 = i64::MIN;
const TIME_BYTES: usize = 8;

pub(super) fn push_time(out: &mut Vec<u8>, time: i64) {
    out.extend_from_slice(&(time ^ SIGN).to_be_bytes());
}

pub(super) fn take_time<'a>(bytes: &mut &'a [u8]) -> Option<i64> {
    let (head, rest): (&'a [u8; TIME_BYTES], _) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i64::from_be_bytes(*head) ^ SIGN)
}

pub(super) fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    push_key_start(out, key);
    out.extend_from_slice(&[0, 0]);
}

/// The bytes that all keys begin with which begin so.
pub(super) fn push_key_start(out: &mut Vec<u8>, start: &[u8]) {
    let mut rest = start;
    while let Some(zero) = memchr::memchr(0, rest) {
        out.extend_from_slice(&rest[..=zero]);
        out.push(0xff);
        rest = &rest[zero + 1..];
    }
    out.extend_from_slice(rest);
}

/// Takes an escaped key off the front and appends it, as it was, to `out`.
pub(super) fn take_key(bytes: &mut &[u8], out: &mut Vec<u8>) -> Option<()> {
    loop {
        let zero = memchr::memchr(0, bytes)?;
        out.extend_from_slice(&bytes[..zero]);
        let mark = *bytes.get(zero + 1)?;
        *bytes = &bytes[zero + 2..];
        match mark {
            0 => return Some(()),
            0xff => out.push(0),
            _ => return None,
        }
    }
}

/// The key of a windowed row. A row of a join's side has its timestamp as the end, its sequence as the start.
pub(super) fn window_key(out: &mut Vec<u8>, key: &[u8], window: Window) {
    out.clear();
    push_key(out, key);
    push_time(out, window.end);
    push_time(out, window.start);
}

/// The window at the end of a windowed row's key, and what stands before it.
pub(super) fn window_of(row_key: &[u8]) -> Option<(&[u8], Window)> {
    let (key, mut times) = row_key.split_at_checked(row_key.len().checked_sub(2 * TIME_BYTES)?)?;
    let end = take_time(&mut times)?;
    let start = take_time(&mut times)?;
    Some((key, Window { start, end }))
}

/// The key of the index entry of a windowed row.
pub(super) fn index_key(out: &mut Vec<u8>, key: &[u8], window: Window) {
    out.clear();
    push_time(out, window.end);
    push_time(out, window.start);
    out.extend_from_slice(key);
}

pub(super) fn take_index_key<'a>(index_key: &mut &'a [u8]) -> Option<(&'a [u8], Window)> {
    let end = take_time(index_key)?;
    let start = take_time(index_key)?;
    Some((index_key, Window { start, end }))
}

pub(super) fn push_row(out: &mut Vec<u8>, timestamp: i64, value: &[u8]) {
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(value);
}

pub(super) fn take_row(row: &[u8]) -> Option<(i64, &[u8])> {
    let (head, value) = row.split_first_chunk()?;
    Some((i64::from_be_bytes(*head), value))
}

pub(super) fn push_headers(out: &mut Vec<u8>, headers: Headers<'_>) {
    let length = u32::try_from(headers.0.len())
        .expect("headers fit into a record, which has a 32-bit length");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(headers.0);
}

pub(super) fn take_headers<'a>(bytes: &mut &'a [u8]) -> Option<Headers<'a>> {
    let (length, rest): (&[u8; 4], _) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (headers, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(Headers(headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        push_key(&mut out, key);
        out
    }

    #[test]
    fn a_windowed_key_has_these_bytes() {
        let mut out = Vec::new();
        window_key(&mut out, b"a\0b", Window { start: 1, end: 258 });
        let golden = b"a\0\xffb\0\0\x80\0\0\0\0\0\x01\x02\x80\0\0\0\0\0\0\x01";
        assert_eq!(out, golden);
        index_key(&mut out, b"a\0b", Window { start: 1, end: 258 });
        assert_eq!(out, b"\x80\0\0\0\0\0\x01\x02\x80\0\0\0\0\0\0\x01a\0b");
        out.clear();
        push_row(&mut out, 258, b"v");
        push_headers(&mut out, Headers(b"hh"));
        assert_eq!(out, b"\0\0\0\0\0\0\x01\x02v\0\0\0\x02hh");
    }

    #[test]
    fn keys_sort_as_their_bytes_do_and_come_back() {
        let keys: [&[u8]; 9] =
            [b"", b"\0", b"\0\0", b"\0\xff", b"\x01", b"a", b"a\0", b"a\0b", b"a\x01"];
        for pair in keys.windows(2) {
            assert!(escaped(pair[0]) < escaped(pair[1]), "{pair:?}");
            assert!(!escaped(pair[1]).starts_with(&escaped(pair[0])), "{pair:?}");
        }
        for key in keys {
            let bytes = escaped(key);
            let (mut rest, mut back) = (&bytes[..], Vec::new());
            assert_eq!(take_key(&mut rest, &mut back), Some(()));
            assert_eq!((back.as_slice(), rest), (key, &b""[..]));
        }
    }

    #[test]
    fn times_sort_as_numbers_do() {
        let times = [i64::MIN, -1, 0, 1, 255, 256, i64::MAX];
        let bytes = times.map(|time| {
            let mut out = Vec::new();
            push_time(&mut out, time);
            out
        });
        assert!(bytes.is_sorted());
        for (time, bytes) in times.into_iter().zip(&bytes) {
            assert_eq!(take_time(&mut bytes.as_slice()), Some(time));
        }
    }

    #[test]
    fn damaged_bytes_give_nothing() {
        for bytes in [&b""[..], b"a", b"a\0", b"a\0\x07", b"a\0\xff"] {
            assert_eq!(take_key(&mut { bytes }, &mut Vec::new()), None, "{bytes:?}");
        }
        assert_eq!(window_of(b"too short"), None);
        assert_eq!(take_row(b"1234567"), None);
        assert_eq!(take_headers(&mut &b"\0\0\0\x03ab"[..]), None);
    }
}
