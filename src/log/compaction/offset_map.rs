//! The last offset of each key, in bounded memory.
//!
//! A key is known by 128 bits of keyed hashes: two keys that share them would be taken for one, and
//! the earlier one's record lost. The hashes are keyed at random for each map, so nobody can choose
//! keys that do; among 2^32 keys it happens once in 2^65 maps. Source: Kafka's `SkimpyOffsetMap`;
//! differs: Kafka takes MD5, which has no key.
//!
//! The table grows with what it holds. Old and new table together never take more than the budget.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Bytes of a slot: hash and offset.
const SLOT_BYTES: usize = size_of::<Slot>();
/// Slots of the first table.
const SLOTS_MIN: usize = 1 << 10;
/// How full the last table may get; those before it grow earlier, since they can. Source: Kafka's
/// `log.cleaner.io.buffer.load.factor`.
const LOAD_PERCENT_MAX: usize = 90;
const LOAD_PERCENT_TO_GROW: usize = 70;

/// An offset of -1 tells that the slot is free.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Slot {
    hash: [u64; 2],
    offset: i64,
}

const FREE: Slot = Slot { hash: [0; 2], offset: -1 };

/// Offsets by key.
#[derive(Debug)]
pub(super) struct OffsetMap {
    slots: Vec<Slot>,
    count: usize,
    bytes_max: usize,
    hashers: [RandomState; 2],
    /// The last offset that was taken into account, of any record.
    latest: i64,
}

impl OffsetMap {
    /// An empty map that takes at most so many bytes; fewer than the least table takes count as that.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            slots: vec![FREE; SLOTS_MIN],
            count: 0,
            bytes_max,
            hashers: [RandomState::new(), RandomState::new()],
            latest: -1,
        }
    }

    /// Notes that a key's last record so far has this offset; `false`, and nothing noted, if there
    /// is no room for another key.
    pub(super) fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = self.hash(key);
        let mut place = self.find(hash);
        if self.slots[place].offset < 0 {
            if !self.has_room() {
                return false;
            }
            place = self.find(hash);
            self.count += 1;
        }
        self.slots[place] = Slot { hash, offset };
        self.latest = offset;
        true
    }

    /// The last offset of a key; -1 if it was not met.
    pub(super) fn get(&self, key: &[u8]) -> i64 {
        self.slots[self.find(self.hash(key))].offset
    }

    /// Notes that everything up to an offset was taken into account.
    pub(super) fn pass_to(&mut self, offset: i64) {
        self.latest = self.latest.max(offset);
    }

    /// The last offset that was taken into account; -1 if none was.
    pub(super) const fn latest(&self) -> i64 {
        self.latest
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        self.hashers.each_ref().map(|state| {
            let mut hasher = state.build_hasher();
            hasher.write(key);
            hasher.finish()
        })
    }

    /// The slot of a hash, or the free one where it belongs. There is always a free one.
    fn find(&self, hash: [u64; 2]) -> usize {
        let count = self.slots.len();
        let mut place = ((u128::from(hash[0]) * count as u128) >> 64) as usize;
        while self.slots[place].offset >= 0 && self.slots[place].hash != hash {
            place = if place + 1 == count { 0 } else { place + 1 };
        }
        place
    }

    /// Makes room for another key, if that can be.
    fn has_room(&mut self) -> bool {
        let is_fuller = |percent: usize, slots: usize, count| count * 100 >= slots * percent;
        if is_fuller(LOAD_PERCENT_TO_GROW, self.slots.len(), self.count + 1) {
            self.grow();
        }
        !is_fuller(LOAD_PERCENT_MAX, self.slots.len(), self.count + 1)
    }

    fn grow(&mut self) {
        let slots_max = (self.bytes_max / SLOT_BYTES).saturating_sub(self.slots.len());
        // The table after the next would not fit beside it: the next is the last, and takes all.
        let doubled = self.slots.len() * 2;
        let slots = if doubled * 3 > slots_max + self.slots.len() { slots_max } else { doubled };
        if slots <= self.slots.len() {
            return;
        }
        let old = std::mem::replace(&mut self.slots, vec![FREE; slots]);
        for slot in old.into_iter().filter(|slot| slot.offset >= 0) {
            let place = self.find(slot.hash);
            self.slots[place] = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_last_offset_of_each_key() {
        let (mut map, mut model) = (OffsetMap::new(1 << 20), HashMap::new());
        for offset in 0..60_000_i64 {
            let key = (offset.wrapping_mul(2_654_435_761) % 20_011).to_string();
            assert!(map.put(key.as_bytes(), offset));
            model.insert(key, offset);
        }
        for (key, offset) in &model {
            assert_eq!(map.get(key.as_bytes()), *offset, "{key}");
        }
        assert_eq!((map.get(b"another"), map.latest()), (-1, 59_999));
        map.pass_to(60_007);
        map.pass_to(5);
        assert_eq!(map.latest(), 60_007);
    }

    #[test]
    fn memory_is_bounded_and_what_does_not_fit_is_refused() {
        for bytes_max in [0, 1 << 15, 100_000, 1 << 20, 3_000_001] {
            let mut map = OffsetMap::new(bytes_max);
            let mut peak = 0;
            let full = (0..1_000_000_i64).find(|number| {
                let before = map.slots.len();
                let taken = map.put(&number.to_be_bytes(), *number);
                let grown = if map.slots.len() > before { before } else { 0 };
                peak = peak.max((map.slots.len() + grown) * SLOT_BYTES);
                !taken
            });
            let full = full.expect("it gets full") as usize;
            assert!(peak <= bytes_max.max(SLOTS_MIN * SLOT_BYTES), "{peak} of {bytes_max}");
            // Of what may be used, two thirds are, and those nine tenths full.
            let least = bytes_max * 2 / 3 / SLOT_BYTES * 9 / 10;
            assert!(full >= least.max(SLOTS_MIN * 9 / 10 - 1) - 1, "{full} keys in {bytes_max}");
            // Keys that are known are taken all the same.
            assert!(map.put(&0_i64.to_be_bytes(), 2_000_000));
            assert!((1..full as i64).all(|number| map.get(&number.to_be_bytes()) == number));
            assert_eq!(map.get(&(full as i64).to_be_bytes()), -1);
        }
    }
}
