//! Reading a partition of `__consumer_offsets` into groups.
//!
//! Records are taken in their order; the last of a key counts. What a transaction wrote counts from
//! its commit marker on, unless something newer was written meanwhile; what of it has no marker is
//! pending: its coordinator ends it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::answer::Now;
use super::classic::ClassicGroup;
use super::group::Group;
use super::offsets::Committed;
use super::snapshot::Snapshot;
use super::store::Store;
use crate::log::{self, Cursor, Fault, PartitionLog};
use crate::model::limits;
use crate::protocol::group_records::{GroupMetadataValue, GroupRecordKey, OffsetCommitValue};
use crate::record::{Batch, CorruptBatch, Decompressor, Record};

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

/// The groups of a partition, by id.
pub(super) type ById = HashMap<Arc<str>, Group>;

/// Reads all groups of a partition, from its snapshot on if there is one.
pub(super) fn load(store: &Store, log: &PartitionLog, now: Now) -> log::Result<ById> {
    let view = match log.view() {
        // A partition's directory is made with its first record.
        Err(log::Error::Gone) => return Ok(ById::new()),
        view => view?,
    };
    let mut scratch = Decompressor::new(limits::DECOMPRESSED_BYTES_MAX);
    let mut loading = Loading { groups: ById::new(), open: HashMap::new(), now };
    let snapshot = store.snapshot(log, &view);
    for (offset, key, value) in snapshot.iter().flat_map(Snapshot::records) {
        loading.take(offset, key, Some(value));
    }
    let mut cursor = Cursor::at(snapshot.map_or(view.log_start(), |snapshot| snapshot.end));
    while let Some(chunk) = log.read(&view, &mut cursor, READ_BYTES)? {
        for batch in chunk.batches() {
            let taken = batch.check().and_then(|()| loading.take_batch(&batch, &mut scratch));
            taken.map_err(|cause| chunk.fault_at(&batch, Fault::Corrupt(cause)))?;
        }
    }
    loading.groups.retain(|_, group| !group.is_nothing());
    Ok(loading.groups)
}

struct Loading {
    groups: ById,
    /// Groups with offsets that are not decided, by producer.
    open: HashMap<i64, BTreeSet<Arc<str>>>,
    now: Now,
}

impl Loading {
    fn take_batch(
        &mut self,
        batch: &Batch<'_>,
        scratch: &mut Decompressor,
    ) -> Result<(), CorruptBatch> {
        let (attributes, producer) = (batch.attributes(), batch.producer_id());
        for record in batch.records(scratch)? {
            let record = record?;
            let key = record.key.unwrap_or_default();
            if attributes.is_control() {
                self.decide(producer, &record);
            } else if attributes.is_transactional() {
                self.take_pending(producer, record.offset, key, record.value);
            } else {
                self.take(record.offset, key, record.value);
            }
        }
        Ok(())
    }

    /// A marker: version, then 0 for abort or 1 for commit.
    fn decide(&mut self, producer: i64, marker: &Record<'_>) {
        let is_committed = matches!(marker.key, Some([_, _, 0, 1]));
        for id in self.open.remove(&producer).unwrap_or_default() {
            self.group(&id).decide(producer, is_committed);
        }
    }

    /// An offset that a transaction has committed.
    fn take_pending(&mut self, producer: i64, offset: i64, key: &[u8], value: Option<&[u8]>) {
        let Ok(GroupRecordKey::Offset { group, topic, partition }) = GroupRecordKey::read(key)
        else {
            return;
        };
        if let Some(Ok(value)) = value.map(OffsetCommitValue::read) {
            let committed = Committed::of(&value, offset);
            self.group(group).pending.insert(producer, topic, partition, committed);
            if let Some((id, _)) = self.groups.get_key_value(group) {
                self.open.entry(producer).or_default().insert(Arc::clone(id));
            }
        }
    }

    /// One record. One that is none of ours, or of a version that is not known, stays where it is.
    fn take(&mut self, offset: i64, key: &[u8], value: Option<&[u8]>) {
        match GroupRecordKey::read(key) {
            Ok(GroupRecordKey::Offset { group, topic, partition }) => {
                self.take_offset(offset, group, (topic, partition), value);
            }
            Ok(GroupRecordKey::Group { group }) => self.take_group(group, value),
            Ok(GroupRecordKey::Other { .. }) | Err(_) => {}
        }
    }

    fn take_offset(
        &mut self,
        record_offset: i64,
        group: &str,
        (topic, partition): (&str, i32),
        value: Option<&[u8]>,
    ) {
        let group = self.group(group);
        match value.map(OffsetCommitValue::read) {
            Some(Ok(value)) => {
                group.offsets.insert(topic, partition, Committed::of(&value, record_offset));
            }
            Some(Err(_)) => {}
            None => group.forget_offset(topic, partition),
        }
    }

    fn take_group(&mut self, group: &str, value: Option<&[u8]>) {
        let now = self.now;
        let group = self.group(group);
        match value.map(GroupMetadataValue::read) {
            Some(Ok(value)) => {
                group.classic = ClassicGroup::from_record(value, now);
                group.recorded = true;
            }
            Some(Err(_)) => {}
            None => {
                group.classic = ClassicGroup::new(now.wall_ms);
                group.recorded = false;
            }
        }
    }

    fn group(&mut self, id: &str) -> &mut Group {
        // Looked up twice where it is new, so that the others cost no name.
        if !self.groups.contains_key(id) {
            self.groups.insert(id.into(), Group::new(self.now));
        }
        self.groups.get_mut(id).expect("it was put there")
    }
}
