//! The records of a partition of `__consumer_offsets` as they count: in their order, those of a
//! transaction from its commit marker on.

use std::collections::HashMap;
use std::sync::Arc;

use super::snapshot::Snapshot;
use super::store::Store;
use crate::broker::{self, Broker};
use crate::log::{self, Cursor, Fault, PartitionLog, View};
use crate::model::{Offset, limits};
use crate::record::{Batch, CorruptBatch, Decompressor, Record};

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

/// The batch that a replay has come to: what a log must still hold for it to be true of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastBatch {
    pub(super) base_offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) crc: u32,
}

impl LastBatch {
    pub(super) fn of(batch: &Batch<'_>) -> Self {
        let (leader_epoch, crc) = (batch.leader_epoch(), batch.crc());
        Self { base_offset: batch.base_offset().0, leader_epoch, crc }
    }
}

/// A record of a transaction that is not decided yet.
#[derive(Debug)]
struct Undecided {
    offset: i64,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

/// How far a partition was read.
#[derive(Debug)]
pub(super) struct Replay {
    cursor: Cursor,
    /// What is not decided, by producer.
    open: HashMap<i64, Vec<Undecided>>,
    last: Option<LastBatch>,
    scratch: Decompressor,
}

impl Replay {
    /// A replay of what follows a snapshot, or of all there is.
    pub(super) fn after(snapshot: Option<&Snapshot>) -> Self {
        Self {
            cursor: Cursor::at(snapshot.map_or(Offset::ZERO, |snapshot| snapshot.end)),
            open: HashMap::new(),
            last: snapshot.map(|snapshot| snapshot.last),
            scratch: Decompressor::new(limits::DECOMPRESSED_BYTES_MAX),
        }
    }

    /// The offset of the next record.
    pub(super) const fn end(&self) -> Offset {
        self.cursor.offset
    }

    /// Up to which batch all was taken; `None` where nothing was, or a transaction is open.
    pub(super) fn settled(&self) -> Option<LastBatch> {
        self.last.filter(|_| self.open.is_empty())
    }

    /// Takes what a view covers and was not taken yet: offset, key and value of each record.
    pub(super) fn run(
        &mut self,
        log: &PartitionLog,
        view: &View,
        mut take: impl FnMut(i64, &[u8], Option<&[u8]>),
    ) -> log::Result<()> {
        if self.cursor.offset < view.log_start() {
            self.cursor = Cursor::at(view.log_start());
        }
        while let Some(chunk) = log.read(view, &mut self.cursor, READ_BYTES)? {
            for batch in chunk.batches() {
                let taken = batch.check().and_then(|()| self.take_batch(&batch, &mut take));
                taken.map_err(|cause| chunk.fault_at(&batch, Fault::Corrupt(cause)))?;
            }
        }
        Ok(())
    }

    fn take_batch(
        &mut self,
        batch: &Batch<'_>,
        take: &mut impl FnMut(i64, &[u8], Option<&[u8]>),
    ) -> Result<(), CorruptBatch> {
        let (attributes, producer) = (batch.attributes(), batch.producer_id());
        for record in batch.records(&mut self.scratch)? {
            let record = record?;
            let key = record.key.unwrap_or_default();
            if attributes.is_control() {
                decide(self.open.remove(&producer), &record, take);
            } else if attributes.is_transactional() {
                self.open.entry(producer).or_default().push(Undecided {
                    offset: record.offset,
                    key: key.to_vec(),
                    value: record.value.map(<[u8]>::to_vec),
                });
            } else {
                if record.value.is_none() {
                    // With it goes what transactions that are open had of it.
                    for undecided in self.open.values_mut() {
                        undecided.retain(|it| it.key != key);
                    }
                }
                take(record.offset, key, record.value);
            }
        }
        self.last = Some(LastBatch::of(batch));
        Ok(())
    }
}

/// A marker: version, then 0 for abort or 1 for commit.
fn decide(
    undecided: Option<Vec<Undecided>>,
    marker: &Record<'_>,
    take: &mut impl FnMut(i64, &[u8], Option<&[u8]>),
) {
    if matches!(marker.key, Some([_, _, 0, 1])) {
        for record in undecided.unwrap_or_default() {
            take(record.offset, &record.key, record.value.as_deref());
        }
    }
}

/// The last record of each key.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    records: HashMap<Box<[u8]>, (i64, Vec<u8>)>,
}

impl Compacted {
    /// Takes a record. What a transaction committed gives way to what is newer in the log.
    pub(super) fn take(&mut self, offset: i64, key: &[u8], value: Option<&[u8]>) {
        match (self.records.get_mut(key), value) {
            (Some((newer, _)), _) if *newer > offset => {}
            (Some(known), Some(value)) => {
                known.0 = offset;
                known.1.clear();
                known.1.extend_from_slice(value);
            }
            (None, Some(value)) => {
                self.records.insert(key.into(), (offset, value.to_vec()));
            }
            (Some(_), None) => {
                self.records.remove(key);
            }
            (None, None) => {}
        }
    }

    /// Each with its offset, key and value, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &[u8], &[u8])> {
        self.records.iter().map(|(key, (offset, value))| (*offset, &**key, &**value))
    }
}

/// Visits the last record of each key, of all partitions of the topic.
///
/// # Errors
/// As the file system says, and damage.
pub(super) fn each_record(
    broker: &Arc<Broker>,
    each: &mut dyn FnMut(&[u8], &[u8]),
) -> broker::Result<()> {
    let store = Store::new(Arc::clone(broker), None);
    let Some(topic) = store.found()? else { return Ok(()) };
    for partition in 0..topic.partitions {
        let Some(log) = store.to_read(partition)? else { continue };
        let reading = |error| broker::Error::of_log("read the groups of", &log, error);
        let view = match log.view() {
            Err(log::Error::Gone) => continue,
            view => view.map_err(reading)?,
        };
        let snapshot = store.snapshot(&log, &view);
        let mut all = Compacted::default();
        let records = snapshot.iter().flat_map(Snapshot::records);
        records.for_each(|(offset, key, value)| all.take(offset, key, Some(value)));
        let mut replay = Replay::after(snapshot.as_ref());
        let run = replay.run(&log, &view, |offset, key, value| all.take(offset, key, value));
        run.map_err(reading)?;
        all.iter().for_each(|(_, key, value)| each(key, value));
    }
    Ok(())
}
