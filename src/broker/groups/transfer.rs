//! Commits of all groups at once, as they stand in the log: for who copies them to another directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::replay::each_record;
use super::store::{BATCH_RECORDS, RecordBatch, Store};
use crate::broker::internal::partition_of;
use crate::broker::{self, Broker};
use crate::protocol::group_records::{GroupRecordKey, OffsetCommitValue};

/// A committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::broker) struct CommitRecord<'a> {
    pub(in crate::broker) group: &'a str,
    pub(in crate::broker) topic: &'a str,
    pub(in crate::broker) partition: i32,
    pub(in crate::broker) value: OffsetCommitValue<'a>,
}

/// Visits what is committed now. A record of no known form is passed over.
///
/// # Errors
/// As the file system says, and damage.
pub(in crate::broker) fn each_commit(
    broker: &Arc<Broker>,
    each: &mut dyn FnMut(CommitRecord<'_>),
) -> broker::Result<()> {
    each_record(broker, &mut |key, value| {
        if let (Ok(GroupRecordKey::Offset { group, topic, partition }), Ok(value)) =
            (GroupRecordKey::read(key), OffsetCommitValue::read(value))
        {
            each(CommitRecord { group, topic, partition, value });
        }
    })
}

/// Commits offsets; durable when this returns.
///
/// # Errors
/// As the file system says; some may be committed then.
pub(in crate::broker) fn write_commits(
    broker: &Arc<Broker>,
    commits: &[CommitRecord<'_>],
) -> broker::Result<()> {
    if commits.is_empty() {
        return Ok(());
    }
    let store = Store::new(Arc::clone(broker), None);
    let partitions = store.partitions()?;
    let mut by_partition: BTreeMap<i32, Vec<&CommitRecord<'_>>> = BTreeMap::new();
    for commit in commits {
        by_partition.entry(partition_of(commit.group, partitions)).or_default().push(commit);
    }
    let mut batch = RecordBatch::default();
    for (partition, commits) in by_partition {
        let log = store.to_write(partition)?;
        for commits in commits.chunks(BATCH_RECORDS) {
            batch.clear();
            for CommitRecord { group, topic, partition, value } in commits.iter().copied() {
                let (group, topic, partition) = (*group, *topic, *partition);
                batch.offset(&GroupRecordKey::Offset { group, topic, partition }, value);
            }
            batch.append_plainly(broker, &log)?;
        }
        broker.sync(&log)?;
    }
    Ok(())
}
