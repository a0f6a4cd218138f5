//! The partitions that a transaction wrote to.

use std::collections::{BTreeMap, BTreeSet};

/// Partitions by topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partitions(BTreeMap<Box<str>, BTreeSet<i32>>);

impl Partitions {
    /// One.
    #[must_use]
    pub fn of(topic: &str, partition: i32) -> Self {
        Self(BTreeMap::from([(topic.into(), BTreeSet::from([partition]))]))
    }

    /// Adds one.
    pub fn insert(&mut self, topic: &str, partition: i32) {
        match self.0.get_mut(topic) {
            Some(partitions) => {
                partitions.insert(partition);
            }
            None => {
                self.0.insert(topic.into(), BTreeSet::from([partition]));
            }
        }
    }

    /// Adds those of another.
    pub(super) fn extend(&mut self, other: &Self) {
        for (topic, partition) in other.iter() {
            self.insert(topic, partition);
        }
    }

    /// Whether it is there.
    pub(super) fn contains(&self, topic: &str, partition: i32) -> bool {
        self.0.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    /// Whether all of them are in another.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.iter().all(|(topic, partition)| other.contains(topic, partition))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.topics().flat_map(|(topic, partitions)| partitions.iter().map(move |it| (topic, *it)))
    }

    /// The topics, each with its partitions.
    pub(super) fn topics(&self) -> impl Iterator<Item = (&str, &BTreeSet<i32>)> {
        self.0.iter().map(|(topic, partitions)| (&**topic, partitions))
    }
}
