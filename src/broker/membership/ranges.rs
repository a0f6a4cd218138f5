//! The ranges of the lock file that belong to groups: from 2^61 up to 2^62.
//!
//! | what | held | by |
//! | --- | --- | --- |
//! | presence of a group | shared; exclusively while it is deleted | each member |
//! | a slot of (group, topic) | exclusively | a member: how many are held is how many members there are |
//! | a call of (group, topic) | shared | a member who has less than its share |
//! | ownership of (group, topic, partition) | exclusively | the member that reads it |
//!
//! A range is 44 bits of a hash and 17 bits that number the slot, the call or the partition: those of
//! one group and topic never meet, those of two do in one case of 2^44. Then two members count one
//! too many, or a partition waits until the other one is let go: no worse.

use super::share::Call;
use crate::model::{Uuid, limits};
use crate::storage::LockRange;

const GROUPS_BEGIN: u64 = 1 << 61;
const NUMBER_BITS: u32 = 17;
const HASH_BITS: u32 = 44;

/// Members of a group that read one topic, at most.
pub(super) const SLOTS: u64 = 1 << NUMBER_BITS;

const _: () = assert!(limits::PARTITIONS_MAX as u64 <= SLOTS, "a partition's number has its bits");

/// What the bytes of one hash are for; part of what is hashed.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Presence = 1,
    Slots = 2,
    Calls = 3,
    Owners = 4,
}

/// FNV-1a over all that names the range, folded to the bits that there are. Every version of
/// runnel that may run beside another must find the same.
fn hash(kind: Kind, group: &str, topic: Uuid) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let kind = [kind as u8];
    let bytes = topic.0.iter().chain(&kind).chain(group.as_bytes());
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    (hash ^ (hash >> HASH_BITS)) & ((1 << HASH_BITS) - 1)
}

fn first(kind: Kind, group: &str, topic: Uuid) -> u64 {
    GROUPS_BEGIN | (hash(kind, group, topic) << NUMBER_BITS)
}

/// Held by each member of a group.
pub(super) fn presence(group: &str) -> LockRange {
    LockRange::byte(first(Kind::Presence, group, Uuid::default()))
}

/// All slots of a topic's members.
pub(super) fn slots(group: &str, topic: Uuid) -> LockRange {
    LockRange { start: first(Kind::Slots, group, topic), len: SLOTS }
}

/// One of them.
pub(super) fn slot(group: &str, topic: Uuid, number: u64) -> LockRange {
    LockRange::byte(first(Kind::Slots, group, topic) | number)
}

/// Held by members who have less than their share of a topic.
pub(super) fn call(group: &str, topic: Uuid, call: Call) -> LockRange {
    LockRange::byte(first(Kind::Calls, group, topic) | call as u64)
}

/// Held by the member that reads a partition.
pub(super) fn owner(group: &str, topic: Uuid, partition: i32) -> LockRange {
    LockRange::byte(first(Kind::Owners, group, topic) | u64::from(partition.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_where_nobody_elses_are() {
        let topic = Uuid::random().expect("randomness");
        let mut starts = std::collections::HashSet::new();
        for group in ["", "g", "G", "a group"] {
            for topic in [topic, Uuid([0xff; 16])] {
                let slots = slots(group, topic);
                assert_eq!(slots.start, slot(group, topic, 0).start);
                assert_eq!(slots.start + slots.len - 1, slot(group, topic, SLOTS - 1).start);
                let calls = [Call::ForOne, Call::ForSurplus].map(|it| call(group, topic, it));
                let owners = [0, 1, limits::PARTITIONS_MAX].map(|it| owner(group, topic, it));
                for range in calls.into_iter().chain(owners).chain([slots]) {
                    assert!((1 << 61..1 << 62).contains(&range.start));
                    assert!(starts.insert(range.start));
                }
            }
            assert!(starts.insert(presence(group).start));
        }
    }

    /// Another version beside this one must find the same bytes.
    #[test]
    fn golden_ranges() {
        let topic = Uuid([7; 16]);
        assert_eq!(owner("g", topic, 3).start & 0x1_ffff, 3);
        let found = [presence("g").start, owner("g", topic, 0).start];
        assert_eq!(found, GOLDEN);
    }

    const GOLDEN: [u64; 2] = [0x3d63_8f68_caf6_0000, 0x39b0_d4e0_dafa_0000];
}
