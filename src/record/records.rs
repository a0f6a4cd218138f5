//! The records of a batch, one by one.
//!
//! A record is
//!
//! | field | encoding |
//! | --- | --- |
//! | length: bytes after it | varint |
//! | attributes, unused | 1 byte |
//! | timestamp delta | varlong |
//! | offset delta | varint |
//! | key length, -1 is null; key | varint; bytes |
//! | value length, -1 is null; value | varint; bytes |
//! | headers count | varint |
//! | headers: key length, key, value length or -1, value | varint, bytes, varint, bytes |
//!
//! Offset deltas are taken as they stand: their order is a matter of validation, not of reading.
//! Source: Kafka's `DefaultRecord`.

use super::batch::Batch;
use super::error::CorruptBatch;
use super::types::{Headers, Record, take_header, take_nullable};
use super::varint;
use crate::model::TimestampType;

/// Bytes of the smallest record: null key, null value, no headers.
pub(super) const RECORD_BYTES_MIN: usize = 7;
/// Bytes of the smallest header: empty key, null value.
const HEADER_BYTES_MIN: usize = 2;

/// Walks the records of a batch; ends after the first error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    count: usize,
    index: usize,
    base_offset: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
}

impl<'a> Records<'a> {
    /// The records of `batch`, whose bytes are `payload` once decompressed.
    pub(super) fn new(batch: &Batch<'_>, payload: &'a [u8]) -> Result<Self, CorruptBatch> {
        let max = payload.len() / RECORD_BYTES_MIN;
        let count = usize::try_from(batch.records_count()).ok().filter(|count| *count <= max);
        let Some(count) = count else {
            let (found, bytes) = (batch.records_count(), payload.len());
            return Err(CorruptBatch::RecordsCount { found, bytes, max });
        };
        let append_time = match batch.attributes().timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(batch.max_timestamp()),
        };
        Ok(Self {
            rest: payload,
            count,
            index: 0,
            base_offset: batch.base_offset().0,
            base_timestamp: batch.base_timestamp(),
            append_time,
        })
    }

    /// The next record, with its bytes as they stand in the batch, its length before them.
    #[inline]
    pub fn next_with_bytes(&mut self) -> Option<Result<(Record<'a>, &'a [u8]), CorruptBatch>> {
        let before = self.rest;
        let record = self.next()?;
        let bytes = before.len() - self.rest.len();
        Some(record.map(|record| (record, &before[..bytes])))
    }

    #[inline(always)]
    fn take(&mut self) -> Result<Record<'a>, &'static str> {
        let length = varint::take_i32(&mut self.rest).ok_or("its length is no varint")?;
        let length = usize::try_from(length).map_err(|_| "its length is negative")?;
        let (mut body, rest) =
            self.rest.split_at_checked(length).ok_or("it is longer than the batch")?;
        self.rest = rest;
        let body = &mut body;
        let (_attributes, after) = body.split_first().ok_or("it has no attributes")?;
        *body = after;
        let timestamp_delta = varint::take_i64(body).ok_or("its timestamp is no varint")?;
        let offset_delta = varint::take_i32(body).ok_or("its offset is no varint")?;
        Ok(Record {
            offset: self.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp: match self.append_time {
                Some(timestamp) => timestamp,
                None => self.base_timestamp.wrapping_add(timestamp_delta),
            },
            key: take_nullable(body).ok_or("its key does not fit")?,
            value: take_nullable(body).ok_or("its value does not fit")?,
            headers: take_headers(body)?,
        })
    }

    /// After an error nothing that follows can be trusted.
    fn stop(&mut self) {
        self.rest = &[];
        self.count = self.index;
    }
}

/// Takes the headers, which must be the last of a record.
#[inline(always)]
fn take_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, &'static str> {
    if **body == [0] { Ok(Headers::NONE) } else { take_some_headers(body) }
}

fn take_some_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, &'static str> {
    let count = varint::take_i32(body).ok_or("its headers count is no varint")?;
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= body.len() / HEADER_BYTES_MIN)
        .ok_or("it has not as many headers as it says")?;
    let bytes = *body;
    for _ in 0..count {
        take_header(body).ok_or("a header does not fit")?;
    }
    if !body.is_empty() {
        return Err("bytes follow its headers");
    }
    Ok(Headers::Encoded { count, bytes })
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, CorruptBatch>;

    // A record that goes through memory between here and whoever prints it takes twice the time.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index == self.count {
            let found = self.rest.len();
            self.rest = &[];
            return (found != 0).then_some(Err(CorruptBatch::TrailingBytes { found }));
        }
        let index = self.index;
        self.index += 1;
        match self.take() {
            Ok(record) => Some(Ok(record)),
            Err(reason) => {
                self.stop();
                Some(Err(CorruptBatch::Record { index, reason }))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.count - self.index;
        (0, Some(left.saturating_add(usize::from(!self.rest.is_empty()))))
    }
}

impl std::iter::FusedIterator for Records<'_> {}
