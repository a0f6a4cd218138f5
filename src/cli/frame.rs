//! `--frame`: records as length-prefixed binary, the form that keeps everything. All integers are
//! big-endian; see `docs/frame.md`.
//!
//! | bytes | field |
//! | --- | --- |
//! | 4 | length: u32, bytes that follow it |
//! | 1 | version: 1 |
//! | 8 | timestamp: i64, ms; -1 none; the smallest i64: not given, `produce` takes now |
//! | 4 | partition: i32; -1 not given |
//! | 8 | offset: i64; -1 not given; `produce` ignores it |
//! | 2 + n | topic: u16 length, bytes; may be empty; `produce` ignores it |
//! | 4 + n | key: i32 length or -1 for null, bytes |
//! | 4 + n | value: likewise |
//! | 4 | header count: u32 |
//! | 4 + n, 4 + n | for each header: name, value; each i32 length or -1 (value only), bytes |
//!
//! A frame ends where its last header does: bytes left over are an error, as is another version.

use super::output::OutputRecord;
use crate::record::{Header, varint};

/// The version that is written, and the only one that is read.
pub(super) const VERSION: u8 = 1;
/// Bytes of the length field.
pub(super) const LENGTH_BYTES: usize = 4;
/// Stands for a timestamp that the writer leaves to `produce`.
const TIMESTAMP_ABSENT: i64 = i64::MIN;
/// Bytes of a frame beyond topic, key, value and headers, without its length field.
const FIXED_BYTES: usize = 1 + 8 + 4 + 8 + 2 + 4 + 4 + 4;

/// A frame as read; names and values of headers are in the scratch that [`read`] was given.
#[derive(Debug, PartialEq)]
pub(super) struct Frame<'a> {
    pub(super) timestamp: Option<i64>,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) header_count: usize,
}

/// Appends one frame.
pub(super) fn write(out: &mut Vec<u8>, output: &OutputRecord<'_>) {
    let record = &output.record;
    let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    out.reserve(LENGTH_BYTES + FIXED_BYTES + size(record.key) + size(record.value));
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, VERSION]);
    out.extend_from_slice(&record.timestamp.to_be_bytes());
    out.extend_from_slice(&output.partition.to_be_bytes());
    out.extend_from_slice(&record.offset.to_be_bytes());
    let topic = &output.topic.as_bytes()[..output.topic.len().min(usize::from(u16::MAX))];
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic);
    write_nullable(out, record.key);
    write_nullable(out, record.value);
    out.extend_from_slice(&length(record.headers.len()).to_be_bytes());
    for Header { key, value } in record.headers {
        write_nullable(out, Some(key));
        write_nullable(out, value);
    }
    let written = length(out.len() - start - LENGTH_BYTES);
    out[start..start + LENGTH_BYTES].copy_from_slice(&written.to_be_bytes());
}

/// Reads the bytes behind a length field; headers are appended to `headers` as a batch has them.
pub(super) fn read<'a>(body: &'a [u8], headers: &mut Vec<u8>) -> Result<Frame<'a>, String> {
    let mut rest = body;
    match take(&mut rest)? {
        [VERSION] => {}
        [version] => return Err(wrong_version(version)),
    }
    let timestamp = i64::from_be_bytes(take(&mut rest)?);
    let partition = i32::from_be_bytes(take(&mut rest)?);
    let _offset: [u8; 8] = take(&mut rest)?;
    let topic = u16::from_be_bytes(take(&mut rest)?);
    take_slice(&mut rest, usize::from(topic))?;
    let key = take_nullable(&mut rest)?;
    let value = take_nullable(&mut rest)?;
    let count = u32::from_be_bytes(take(&mut rest)?);
    for _ in 0..count {
        let name = take_nullable(&mut rest)?.ok_or("a header's name is null")?;
        push_header(headers, name, take_nullable(&mut rest)?);
    }
    if !rest.is_empty() {
        return Err(format!("{} bytes after the last header", rest.len()));
    }
    Ok(Frame {
        timestamp: (timestamp != TIMESTAMP_ABSENT).then_some(timestamp),
        partition: (partition >= 0).then_some(partition),
        key,
        value,
        header_count: count as usize,
    })
}

/// Says that a frame has another version than this one.
pub(super) fn wrong_version(version: u8) -> String {
    format!("no frame: version {version} where {VERSION} is due")
}

/// Appends a header in the encoding of record batches.
pub(super) fn push_header(out: &mut Vec<u8>, name: &[u8], value: Option<&[u8]>) {
    push_varint_bytes(out, Some(name));
    push_varint_bytes(out, value);
}

fn push_varint_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint::put_i64(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let Some(bytes) = bytes else { return out.extend_from_slice(&(-1_i32).to_be_bytes()) };
    out.extend_from_slice(&length(bytes.len()).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A length as it is written. A batch is below 2 GiB; were one not, its frame would read as broken.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (taken, after) = rest.split_first_chunk().ok_or("the frame is too short")?;
    *rest = after;
    Ok(*taken)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let too_long = || format!("a field of {length} bytes in a frame with {} left", rest.len());
    let (taken, after) = rest.split_at_checked(length).ok_or_else(too_long)?;
    *rest = after;
    Ok(taken)
}

fn take_nullable<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, String> {
    let length = i32::from_be_bytes(take(rest)?);
    match usize::try_from(length) {
        Ok(length) => take_slice(rest, length).map(Some),
        Err(_) if length == -1 => Ok(None),
        Err(_) => Err(format!("a field of {length} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Headers, Record};

    #[test]
    fn golden_bytes() {
        let headers = [Header { key: b"h", value: None }, Header { key: b"", value: Some(b"x") }];
        let record = Record {
            offset: 7,
            timestamp: -1,
            key: None,
            value: Some(b"v\n"),
            headers: Headers::List(&headers),
        };
        let mut out = Vec::new();
        let output = OutputRecord { topic: "t", partition: 2, leader_epoch: 0, record };
        write(&mut out, &output);
        let expected = b"\0\0\0\x38\x01\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02\
            \0\0\0\0\0\0\0\x07\0\x01t\xff\xff\xff\xff\0\0\0\x02v\n\0\0\0\x02\
            \0\0\0\x01h\xff\xff\xff\xff\0\0\0\0\0\0\0\x01x";
        assert_eq!(out, expected);
        let mut encoded = Vec::new();
        let frame = read(&out[LENGTH_BYTES..], &mut encoded).expect("a frame");
        assert_eq!((frame.timestamp, frame.partition), (Some(-1), Some(2)));
        assert_eq!((frame.key, frame.value), (None, Some(&b"v\n"[..])));
        let read_back = Headers::Encoded { count: frame.header_count, bytes: &encoded };
        assert_eq!(read_back, record.headers);
    }

    #[test]
    fn broken_frames_are_refused() {
        let record =
            Record { offset: 0, timestamp: 0, key: None, value: None, headers: Headers::NONE };
        let mut out = Vec::new();
        let output = OutputRecord { topic: "", partition: 0, leader_epoch: 0, record };
        write(&mut out, &output);
        let body = &out[LENGTH_BYTES..];
        for end in 0..body.len() {
            assert!(read(&body[..end], &mut Vec::new()).is_err(), "{end}");
        }
        let longer = [body, b"x"].concat();
        assert!(read(&longer, &mut Vec::new()).is_err());
        let mut other = body.to_vec();
        other[0] = 2;
        assert!(read(&other, &mut Vec::new()).is_err());
    }
}
