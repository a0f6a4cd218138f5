//! All groups that a directory knows, of whatever kind, read once: for `group list`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::replay::each_record;
use crate::broker::{self, Broker};
use crate::protocol::group_records::{GroupMetadataValue, GroupRecordKey, group_of};

/// What kind of group one is, by its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// Kafka's first protocol, or none: offsets alone.
    Classic,
    /// Of KIP-848.
    Consumer,
    /// Of KIP-932.
    Share,
    /// Of KIP-1071.
    Streams,
}

impl GroupKind {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }

    /// By the version of a key. Source: Kafka's `CoordinatorRecordType`.
    const fn of_key(version: i16) -> Self {
        match version {
            ..3 => Self::Classic,
            3..=8 | 16 => Self::Consumer,
            9..=15 => Self::Share,
            17.. => Self::Streams,
        }
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// What kind it is.
    pub kind: GroupKind,
    /// What its members do, in a word of theirs; empty for offsets alone.
    pub protocol_type: String,
    /// How many members the log tells of.
    pub recorded_members: usize,
    /// How many partitions it has committed offsets of.
    pub offsets: usize,
}

/// All groups, by id.
///
/// # Errors
/// As the file system says, and damage.
pub fn list_groups(broker: &Arc<Broker>) -> broker::Result<BTreeMap<String, ListedGroup>> {
    let mut groups = BTreeMap::new();
    each_record(broker, &mut |key, value| take(&mut groups, key, value))?;
    Ok(groups)
}

fn take(groups: &mut BTreeMap<String, ListedGroup>, key: &[u8], value: &[u8]) {
    let Some(id) = group_of(key) else { return };
    if !groups.contains_key(id) {
        let kind = GroupKind::Classic;
        let new =
            ListedGroup { kind, protocol_type: String::new(), recorded_members: 0, offsets: 0 };
        groups.insert(id.to_owned(), new);
    }
    let group = groups.get_mut(id).expect("it was put there");
    match GroupRecordKey::read(key) {
        Ok(GroupRecordKey::Offset { .. }) => group.offsets += 1,
        Ok(GroupRecordKey::Group { .. }) => {
            if let Ok(value) = GroupMetadataValue::read(value) {
                group.protocol_type = value.protocol_type;
                group.recorded_members = value.members.len();
            }
        }
        Ok(GroupRecordKey::Other { version }) => {
            group.kind = group.kind.max(GroupKind::of_key(version));
            // One record each tells of a member: its own, not its assignments.
            group.recorded_members += usize::from(matches!(version, 5 | 10 | 19));
        }
        Err(_) => {}
    }
}
