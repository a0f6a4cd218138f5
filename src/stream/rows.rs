//! Rows that were copied out of a store, so that the store can be changed while they are gone through.

use std::ops::Range;

/// Rows, in the order in which they came, in one piece of memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    places: Vec<(Range<usize>, Range<usize>)>,
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        self.push_with(key, |out| out.extend_from_slice(value));
    }

    /// The value is what `write` appends.
    pub(super) fn push_with(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        write(&mut self.bytes);
        self.places.push((start..middle, middle..self.bytes.len()));
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Key and value, first to last.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        let at = |place: &Range<usize>| &self.bytes[place.clone()];
        self.places.iter().map(move |(key, value)| (at(key), at(value)))
    }

    /// Brings them into the order of their keys.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        self.places.sort_unstable_by(|a, b| bytes[a.0.clone()].cmp(&bytes[b.0.clone()]));
    }
}
