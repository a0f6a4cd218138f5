//! Locks of byte ranges, as the system's open-file-description locks: they belong to a handle,
//! a handle's new lock replaces its old one where they overlap, and they end with it.

use crate::storage::{LockKind, LockRange};

/// Who asks: one open file of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) process: u64,
    pub(super) handle: u64,
}

/// All the locks of the world.
#[derive(Debug, Default)]
pub(super) struct Locks {
    held: Vec<Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    inode: u64,
    owner: Owner,
    kind: LockKind,
    start: u64,
    /// Exclusive.
    end: u64,
}

impl Locks {
    /// Takes or converts a lock; false where another handle's stands against it.
    pub(super) fn take(
        &mut self,
        inode: u64,
        owner: Owner,
        range: LockRange,
        kind: LockKind,
    ) -> bool {
        let (start, end) = bounds(range);
        let wanted = Held { inode, owner, kind, start, end };
        if self.held.iter().any(|held| held.excludes(&wanted)) {
            return false;
        }
        self.give_up(inode, owner, range);
        self.held.push(wanted);
        true
    }

    /// A lock of another handle that reaches into a range.
    pub(super) fn elsewhere(
        &self,
        inode: u64,
        owner: Owner,
        range: LockRange,
    ) -> Option<LockRange> {
        let (start, end) = bounds(range);
        let wanted = Held { inode, owner, kind: LockKind::Exclusive, start, end };
        let held = self.held.iter().find(|held| held.excludes(&wanted))?;
        let len = if held.end == u64::MAX { 0 } else { held.end - held.start };
        Some(LockRange { start: held.start, len })
    }

    /// Ends the owner's locks within a range.
    pub(super) fn give_up(&mut self, inode: u64, owner: Owner, range: LockRange) {
        let (start, end) = bounds(range);
        let mut kept = Vec::with_capacity(self.held.len());
        for held in self.held.drain(..) {
            if held.inode != inode || held.owner != owner || !held.overlaps(start, end) {
                kept.push(held);
                continue;
            }
            if held.start < start {
                kept.push(Held { end: start, ..held });
            }
            if end < held.end {
                kept.push(Held { start: end, ..held });
            }
        }
        self.held = kept;
    }

    /// Ends the locks of a handle that is closed.
    pub(super) fn close(&mut self, owner: Owner) {
        self.held.retain(|held| held.owner != owner);
    }

    /// Ends the locks of a process.
    pub(super) fn end(&mut self, process: u64) {
        self.held.retain(|held| held.owner.process != process);
    }

    /// Ends all locks.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }
}

impl Held {
    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end
    }

    fn excludes(&self, wanted: &Self) -> bool {
        self.inode == wanted.inode
            && self.owner != wanted.owner
            && self.overlaps(wanted.start, wanted.end)
            && (self.kind, wanted.kind) != (LockKind::Shared, LockKind::Shared)
    }
}

fn bounds(range: LockRange) -> (u64, u64) {
    let end = if range.len == 0 { u64::MAX } else { range.start.saturating_add(range.len) };
    (range.start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_can_be_converted_and_given_up_in_part() {
        let (a, b) = (Owner { process: 1, handle: 1 }, Owner { process: 1, handle: 2 });
        let mut locks = Locks::default();
        let range = |start, len| LockRange { start, len };
        assert!(locks.take(9, a, LockRange::WHOLE_FILE, LockKind::Exclusive));
        assert!(!locks.take(9, b, range(5, 1), LockKind::Shared));
        assert!(locks.take(8, b, range(5, 1), LockKind::Shared), "another file");
        assert!(locks.take(9, a, range(5, 1), LockKind::Shared), "its own lock, converted");
        assert!(locks.take(9, b, range(5, 1), LockKind::Shared));
        assert!(!locks.take(9, a, range(5, 1), LockKind::Exclusive), "b has it too");
        locks.give_up(9, a, range(10, 10));
        assert!(locks.take(9, b, range(10, 10), LockKind::Exclusive));
        assert!(!locks.take(9, b, range(9, 1), LockKind::Exclusive));
        assert!(!locks.take(9, b, range(20, 1), LockKind::Exclusive));
        locks.close(a);
        assert!(locks.take(9, b, LockRange::WHOLE_FILE, LockKind::Exclusive));
    }
}
