//! Offsets that were committed in transactions which are open: each counts from its transaction's
//! commit on, unless something newer was written meanwhile; an abort drops it.
//!
//! Until then whoever asks for a stable offset must ask again, and the offset that is there does not
//! expire. Source: KIP-98, KIP-447.

use std::collections::BTreeMap;

use super::offsets::{Committed, Offsets};

/// The offsets of a group that are not decided, by producer.
#[derive(Debug, Default)]
pub(super) struct Pending {
    by_producer: BTreeMap<i64, Offsets>,
}

impl Pending {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.by_producer.is_empty()
    }

    /// The producers with a transaction that is open.
    pub(super) fn producers(&self) -> impl Iterator<Item = i64> {
        self.by_producer.keys().copied()
    }

    /// Whether a transaction that is open has committed an offset of a partition.
    pub(super) fn contains(&self, topic: &str, partition: i32) -> bool {
        self.by_producer.values().any(|offsets| offsets.get(topic, partition).is_some())
    }

    /// Keeps one of a producer.
    pub(super) fn insert(&mut self, producer: i64, topic: &str, partition: i32, it: Committed) {
        self.by_producer.entry(producer).or_default().insert(topic, partition, it);
    }

    /// Forgets those of a partition.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        self.by_producer.retain(|_, offsets| {
            offsets.remove(topic, partition);
            !offsets.is_empty()
        });
    }

    /// Gives up those of a producer.
    pub(super) fn take(&mut self, producer: i64) -> Offsets {
        self.by_producer.remove(&producer).unwrap_or_default()
    }

    /// The partitions that a condition holds for.
    pub(super) fn matching(&self, condition: impl Fn(&str) -> bool) -> Vec<(String, i32)> {
        let all = self.by_producer.values();
        all.flat_map(|offsets| offsets.matching(|topic, _| condition(topic))).collect()
    }
}
