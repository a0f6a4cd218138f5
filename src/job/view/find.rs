//! The row of one key, found from the end backwards and without memory for any other.

use std::ops::ControlFlow;

use super::{Rank, ViewError};
use crate::cluster::{Cluster, PartitionReader, RecordRange, TopicInfo};
use crate::model::Offset;
use crate::record::Decompressor;

/// Offsets that are looked through at the end of a partition first; then four times as many, and so on.
const FIRST_OFFSETS: i64 = 1 << 14;

/// The record that counts of those that were found.
#[derive(Debug, Default)]
struct Latest {
    rank: Option<Rank>,
    value: Option<Vec<u8>>,
}

/// The value and timestamp of a key, from records before a time (exclusive, in milliseconds) where one is given; `None` where
/// the topic as a table has no such key.
///
/// # Errors
/// As the file system says, and damage on the way.
pub fn find(
    cluster: &Cluster,
    topic: &TopicInfo,
    key: &[u8],
    before: Option<i64>,
) -> Result<Option<(Vec<u8>, i64)>, ViewError> {
    let mut scratch = Decompressor::for_max_message_bytes(topic.config.max_message_bytes);
    let mut latest = Latest::default();
    for partition in 0..topic.partitions {
        let mut reader = cluster.reader(topic, partition)?;
        let found = find_in(&mut reader, key, before, &mut scratch)?;
        if found.rank > latest.rank {
            latest = found;
        }
    }
    Ok(latest.rank.and_then(|rank| Some((latest.value?, rank.timestamp))))
}

/// The last record of a key in a partition.
fn find_in(
    reader: &mut PartitionReader,
    key: &[u8],
    before: Option<i64>,
    scratch: &mut Decompressor,
) -> Result<Latest, ViewError> {
    let (start, mut stop) = reader.bounds();
    let (mut latest, mut offsets) = (Latest::default(), FIRST_OFFSETS);
    let partition = reader.partition().partition;
    while stop > start && latest.rank.is_none() {
        let from = Offset(stop.0.saturating_sub(offsets)).max(start);
        reader.seek(from);
        reader.stop_at(stop);
        let range = RecordRange { until: before, ..RecordRange::default() };
        while let Some(chunk) = reader.next_chunk()? {
            let _ = chunk.visit(range, scratch, |located| {
                let record = located.record;
                if record.key == Some(key) {
                    latest.rank = Some(Rank { timestamp: record.timestamp, partition });
                    keep(&mut latest.value, record.value);
                }
                ControlFlow::Continue(())
            })?;
        }
        (stop, offsets) = (from, offsets.saturating_mul(4));
    }
    Ok(latest)
}

/// Replaces a value, in the memory that it has.
pub(super) fn keep(kept: &mut Option<Vec<u8>>, value: Option<&[u8]>) {
    match (kept.as_mut(), value) {
        (Some(kept), Some(value)) => {
            kept.clear();
            kept.extend_from_slice(value);
        }
        (_, value) => *kept = value.map(<[u8]>::to_vec),
    }
}
