//! The write-back cache of a table's store: the latest row of each key that changed since the last commit.
//!
//! It is what makes a table forward a key once for many updates. A row stays until the cache is emptied, or until it is the
//! one that was left alone longest and the cache is full. It holds only rows that the store has not seen; what the key had
//! before is in the store.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use super::program::Value;
use super::record::Headers;

/// What a row takes besides its bytes, roughly.
const ROW_BYTES: usize = size_of::<Slot>() + 64;
/// Buffers of rows that left, kept for rows that come.
const SPARES_MAX: usize = 64;
/// No slot.
const NONE: usize = usize::MAX;

/// A row that the store does not have yet.
#[derive(Debug)]
pub(super) struct DirtyRow {
    pub(super) key: Arc<[u8]>,
    /// `None`: the row was removed.
    pub(super) value: Value,
    pub(super) timestamp: i64,
    headers: Vec<u8>,
}

impl DirtyRow {
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers(&self.headers)
    }

    fn size_in_bytes(&self) -> usize {
        let value = self.value.get().map_or(0, <[u8]>::len);
        ROW_BYTES + self.key.len() + value + self.headers.len()
    }
}

/// A row in the list from the one that was left alone longest to the latest.
#[derive(Debug)]
struct Slot {
    row: DirtyRow,
    older: usize,
    newer: usize,
}

#[derive(Debug)]
pub(super) struct Cache {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    by_key: HashMap<Arc<[u8]>, usize>,
    /// The keys in order, where rows are also gone through by key.
    ordered: Option<BTreeSet<Arc<[u8]>>>,
    oldest: usize,
    newest: usize,
    bytes: usize,
    bytes_max: usize,
    spares: Vec<(Value, Vec<u8>)>,
}

impl Cache {
    /// An empty one; `is_ordered` if [`Cache::from`] is needed.
    pub(super) fn new(bytes_max: usize, is_ordered: bool) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
            ordered: is_ordered.then(BTreeSet::new),
            oldest: NONE,
            newest: NONE,
            bytes: 0,
            bytes_max,
            spares: Vec::new(),
        }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<&DirtyRow> {
        self.by_key.get(key).map(|slot| &self.slot(*slot).row)
    }

    /// The rows from a key on, in order, which it must keep.
    pub(super) fn from<'a>(&'a self, key: &[u8]) -> impl Iterator<Item = &'a DirtyRow> + use<'a> {
        debug_assert!(self.ordered.is_some(), "rows are searched in a cache that keeps no order");
        let range = (Bound::Included(key), Bound::Unbounded);
        let keys = self.ordered.as_ref().map(|keys| keys.range::<[u8], _>(range));
        keys.into_iter().flatten().filter_map(|key| self.get(key))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// True while it holds more than it may.
    pub(super) fn is_over(&self) -> bool {
        self.bytes > self.bytes_max
    }

    /// Sets a row, or that it is removed; it is the latest now.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: Headers<'_>,
    ) {
        let slot = match self.by_key.get(key) {
            Some(slot) => *slot,
            None => self.insert(key),
        };
        self.unlink(slot);
        let row = &mut self.slot_mut(slot).row;
        let before = row.size_in_bytes();
        row.value.set(value);
        row.timestamp = timestamp;
        row.headers.clear();
        row.headers.extend_from_slice(headers.0);
        let after = row.size_in_bytes();
        self.bytes = self.bytes + after - before;
        self.link_newest(slot);
    }

    /// Takes the row that was left alone longest.
    pub(super) fn pop_oldest(&mut self) -> Option<DirtyRow> {
        let slot = self.oldest;
        if slot == NONE {
            return None;
        }
        self.unlink(slot);
        let row = self.slots[slot].take().expect("a linked slot is taken").row;
        self.free.push(slot);
        self.by_key.remove(&row.key);
        if let Some(keys) = &mut self.ordered {
            keys.remove(&row.key);
        }
        self.bytes -= row.size_in_bytes();
        Some(row)
    }

    /// Takes the buffers of a row that left.
    pub(super) fn recycle(&mut self, row: DirtyRow) {
        if self.spares.len() < SPARES_MAX {
            self.spares.push((row.value, row.headers));
        }
    }

    /// A slot for a key that has none, linked as the newest.
    fn insert(&mut self, key: &[u8]) -> usize {
        let (mut value, mut headers) = self.spares.pop().unwrap_or_default();
        value.clear();
        headers.clear();
        let key: Arc<[u8]> = key.into();
        let row = DirtyRow { key: Arc::clone(&key), value, timestamp: 0, headers };
        self.bytes += row.size_in_bytes();
        let slot = Slot { row, older: NONE, newer: NONE };
        let at = if let Some(at) = self.free.pop() {
            self.slots[at] = Some(slot);
            at
        } else {
            self.slots.push(Some(slot));
            self.slots.len() - 1
        };
        if let Some(keys) = &mut self.ordered {
            keys.insert(Arc::clone(&key));
        }
        self.by_key.insert(key, at);
        self.link_newest(at);
        at
    }

    fn link_newest(&mut self, at: usize) {
        let older = self.newest;
        let slot = self.slot_mut(at);
        (slot.older, slot.newer) = (older, NONE);
        if older == NONE {
            self.oldest = at;
        } else {
            self.slot_mut(older).newer = at;
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: usize) {
        let Slot { older, newer, .. } = *self.slot(at);
        if older == NONE {
            self.oldest = newer;
        } else {
            self.slot_mut(older).newer = newer;
        }
        if newer == NONE { self.newest = older } else { self.slot_mut(newer).older = older }
    }

    fn slot(&self, at: usize) -> &Slot {
        self.slots[at].as_ref().expect("a key's slot is taken")
    }

    fn slot_mut(&mut self, at: usize) -> &mut Slot {
        self.slots[at].as_mut().expect("a key's slot is taken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popped(cache: &mut Cache) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let row = cache.pop_oldest()?;
        Some((row.key.to_vec(), row.value.get().map(<[u8]>::to_vec)))
    }

    #[test]
    fn the_row_left_alone_longest_goes_first_and_all_bytes_come_back() {
        let mut cache = Cache::new(1000, true);
        for (key, value) in [(b"a", "1"), (b"b", "2"), (b"c", "3"), (b"a", "longer than it was")] {
            cache.put(key, Some(value.as_bytes()), 7, Headers(b"h"));
        }
        cache.put(b"b", None, 8, Headers::default());
        let row = cache.get(b"b").expect("a removed row is known");
        assert_eq!((row.value.get(), row.timestamp), (None, 8));
        let keys: Vec<_> = cache.from(b"b").map(|row| row.key.to_vec()).collect();
        assert_eq!(keys, [b"b", b"c"]);
        assert_eq!(popped(&mut cache), Some((b"c".to_vec(), Some(b"3".to_vec()))));
        assert_eq!(popped(&mut cache).map(|row| row.0), Some(b"a".to_vec()));
        assert_eq!(popped(&mut cache), Some((b"b".to_vec(), None)));
        assert_eq!(popped(&mut cache), None);
        assert_eq!((cache.bytes, cache.is_empty()), (0, true));
    }

    #[test]
    fn it_is_over_when_it_holds_more_than_it_may() {
        let mut cache = Cache::new(2 * (ROW_BYTES + 3), false);
        cache.put(b"a", Some(b"12"), 0, Headers::default());
        cache.put(b"b", Some(b"12"), 0, Headers::default());
        assert!(!cache.is_over());
        cache.put(b"b", Some(b"123"), 0, Headers::default());
        assert!(cache.is_over());
        let row = cache.pop_oldest().expect("a row");
        cache.recycle(row);
        assert!(!cache.is_over());
        cache.put(b"c", None, 0, Headers::default());
        assert_eq!(cache.get(b"c").expect("a row").value.get(), None, "no old bytes in it");
    }
}
