//! One record, borrowed from wherever its bytes are.

use super::varint;

/// A record: what a batch yields, and what a builder takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// Its number in the partition; ignored by a builder, which numbers records as they come.
    pub offset: i64,
    /// Milliseconds since the Unix epoch; -1 where the producer gave none.
    pub timestamp: i64,
    /// `None` is null, which is not the empty key.
    pub key: Option<&'a [u8]>,
    /// `None` is null: a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// In the order in which they were given; names may repeat.
    pub headers: Headers<'a>,
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// UTF-8 by Kafka's rules, which not every producer keeps.
    pub key: &'a [u8],
    /// `None` is null.
    pub value: Option<&'a [u8]>,
}

/// A record's headers, as a list or as they stand encoded in a batch.
#[derive(Debug, Clone, Copy)]
pub enum Headers<'a> {
    /// Given one by one.
    List(&'a [Header<'a>]),
    /// Checked bytes of a record: `count` headers and nothing else.
    Encoded {
        /// How many headers there are.
        count: usize,
        /// `{varint key length, key, varint value length or -1, value}` for each.
        bytes: &'a [u8],
    },
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Self = Self::List(&[]);

    /// Headers as a record has them, one after the other; `None` where the bytes are anything else.
    #[must_use]
    pub fn from_encoded(bytes: &'a [u8]) -> Option<Self> {
        let (mut rest, mut count) = (bytes, 0);
        while !rest.is_empty() {
            take_header(&mut rest)?;
            count += 1;
        }
        Some(Self::Encoded { count, bytes })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Encoded { count, .. } => *count,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each header in order.
    #[must_use]
    pub const fn iter(&self) -> HeadersIter<'a> {
        HeadersIter { rest: *self }
    }
}

impl Default for Headers<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeadersIter<'a>;

    fn into_iter(self) -> HeadersIter<'a> {
        self.iter()
    }
}

/// Walks the headers of a record; ends early on bytes that [`Headers::Encoded`] must not hold.
#[derive(Debug, Clone)]
pub struct HeadersIter<'a> {
    rest: Headers<'a>,
}

impl<'a> Iterator for HeadersIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        match &mut self.rest {
            Headers::List(list) => {
                let (first, rest) = list.split_first()?;
                *list = rest;
                Some(*first)
            }
            Headers::Encoded { count, bytes } => {
                *count = count.checked_sub(1)?;
                take_header(bytes)
            }
        }
    }
}

/// Takes one encoded header off the front of `bytes`; `None` where it is malformed.
pub(super) fn take_header<'a>(bytes: &mut &'a [u8]) -> Option<Header<'a>> {
    let key = take_nullable(bytes)??;
    let value = take_nullable(bytes)?;
    Some(Header { key, value })
}

/// Takes `{varint length or -1, bytes}`; the outer `None` is malformed, the inner one null.
#[inline(always)]
pub(super) fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::take_i32(bytes)?;
    if length < 0 {
        return (length == -1).then_some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}
