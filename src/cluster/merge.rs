//! Several partitions as one sequence, by time.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::reader::{LocatedRecord, PartitionReader, RecordRange};
use crate::broker::Result;
use crate::model::{Offset, TopicPartition};
use crate::record::{Decompressor, Header, Headers, Record};

/// Bytes decoded ahead, over all partitions.
const AHEAD_BYTES: usize = 8 << 20;
/// Bytes decoded ahead for each partition, however many there are. A record goes over it, at most.
const AHEAD_BYTES_MIN: usize = 32 << 10;

/// A record that owns its bytes.
#[derive(Debug, Clone)]
struct MergedRecord {
    leader_epoch: i32,
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl MergedRecord {
    fn copied(located: &LocatedRecord<'_>) -> Self {
        let Record { offset, timestamp, key, value, headers } = located.record;
        let owned = |header: Header<'_>| (header.key.to_vec(), header.value.map(<[u8]>::to_vec));
        Self {
            leader_epoch: located.leader_epoch,
            offset,
            timestamp,
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: headers.iter().map(owned).collect(),
        }
    }

    /// What it takes in memory, roughly.
    fn size_in_bytes(&self) -> usize {
        let part = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers = self
            .headers
            .iter()
            .map(|(key, value)| size_of::<(Vec<u8>, Option<Vec<u8>>)>() + key.len() + part(value));
        size_of::<Self>() + part(&self.key) + part(&self.value) + headers.sum::<usize>()
    }

    fn give(
        &self,
        partition: &TopicPartition,
        each: &mut impl FnMut(LocatedRecord<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        each(LocatedRecord {
            partition,
            leader_epoch: self.leader_epoch,
            record: Record {
                offset: self.offset,
                timestamp: self.timestamp,
                key: self.key.as_deref(),
                value: self.value.as_deref(),
                headers: Headers::List(&headers),
            },
        })
    }
}

/// Merges partitions by timestamp; records of one partition keep their order, and of two records
/// of one time the one of the earlier reader comes first.
#[derive(Debug)]
pub struct TimeOrder {
    ahead: Vec<Ahead>,
    /// Bytes decoded ahead of one partition.
    ahead_bytes: usize,
}

/// What was decoded of a partition and not given yet.
#[derive(Debug, Default)]
struct Ahead {
    records: VecDeque<MergedRecord>,
}

impl TimeOrder {
    /// A merge over so many readers.
    #[must_use]
    pub fn new(readers: usize) -> Self {
        Self {
            ahead: (0..readers).map(|_| Ahead::default()).collect(),
            ahead_bytes: (AHEAD_BYTES / readers.max(1)).max(AHEAD_BYTES_MIN),
        }
    }

    /// Gives each record in turn, until `each` breaks off or all readers have come to their stop.
    ///
    /// # Errors
    /// As the readers say.
    pub fn visit(
        &mut self,
        readers: &mut [PartitionReader],
        range: RecordRange,
        scratch: &mut Decompressor,
        mut each: impl FnMut(LocatedRecord<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        loop {
            let mut oldest: Option<(i64, usize)> = None;
            for (index, ahead) in self.ahead.iter_mut().enumerate() {
                ahead.fill(&mut readers[index], range, scratch, self.ahead_bytes)?;
                if let Some(record) = ahead.records.front()
                    && oldest.is_none_or(|(best, _)| record.timestamp < best)
                {
                    oldest = Some((record.timestamp, index));
                }
            }
            let Some((_, index)) = oldest else {
                return Ok(ControlFlow::Continue(()));
            };
            if let Some(record) = self.ahead[index].records.pop_front()
                && record.give(readers[index].partition(), &mut each).is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

impl Ahead {
    fn fill(
        &mut self,
        reader: &mut PartitionReader,
        range: RecordRange,
        scratch: &mut Decompressor,
        bytes_max: usize,
    ) -> Result<()> {
        while self.records.is_empty() {
            let Some(chunk) = reader.next_chunk()? else {
                return Ok(());
            };
            let mut next = None;
            let mut bytes = 0;
            let _ = chunk.visit(range, scratch, |located| {
                let record = MergedRecord::copied(&located);
                bytes += record.size_in_bytes();
                self.records.push_back(record);
                if bytes >= bytes_max {
                    next = Some(Offset(located.record.offset).next());
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            if let Some(next) = next {
                reader.seek(next);
            }
        }
        Ok(())
    }
}
