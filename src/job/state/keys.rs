//! Keys of any length in a map whose keys are short, so that scans keep their order.
//!
//! A key of up to [`WHOLE_BYTES_MAX`] bytes is a row. Longer ones that begin with the same bytes share a row, a *bucket*, whose
//! key is those bytes and a 1: it comes after the row of just those bytes, and before whatever follows. A bucket has an
//! entry for each, in the order of the rests of their keys: length of the rest, length of the value, 4 bytes each,
//! big-endian; rest; value.

use crate::storage::DATABASE_KEY_BYTES_MAX;
use crate::stream::StoreId;

/// Bytes of a store's number.
const STORE_BYTES: usize = 2;
/// Bytes of the longest key that is a row.
pub(super) const WHOLE_BYTES_MAX: usize = DATABASE_KEY_BYTES_MAX - STORE_BYTES - 1;
const BUCKET: u8 = 1;

/// Where a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'k> {
    /// In a row of its own.
    Row,
    /// In a bucket; with the rest of the key.
    Bucket(&'k [u8]),
}

impl<'k> Place<'k> {
    /// Writes the key of the row, and tells what it is.
    pub(super) fn of(store: StoreId, key: &'k [u8], row_key: &mut Vec<u8>) -> Self {
        row_key.clear();
        row_key.extend_from_slice(&prefix(store));
        if let Some((start, rest)) =
            key.split_at_checked(WHOLE_BYTES_MAX).filter(|it| !it.1.is_empty())
        {
            row_key.extend_from_slice(start);
            row_key.push(BUCKET);
            return Self::Bucket(rest);
        }
        row_key.extend_from_slice(key);
        Self::Row
    }
}

/// What the keys of a store's rows start with.
pub(super) fn prefix(store: StoreId) -> [u8; STORE_BYTES] {
    u16::try_from(store.index()).expect("a topology has fewer stores").to_be_bytes()
}

/// The bytes that all keys in a bucket begin with, of a row's key without its store; `None` where it is no bucket.
pub(super) fn start_of_bucket(key: &[u8]) -> Option<&[u8]> {
    key.split_at_checked(WHOLE_BYTES_MAX).filter(|(_, rest)| !rest.is_empty()).map(|it| it.0)
}

/// The value of a bucket's row. What is not sound in it ends it.
pub(super) struct Bucket<'b>(pub(super) &'b [u8]);

impl<'b> Bucket<'b> {
    /// Rest of the key, and value, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        let mut bytes = self.0;
        std::iter::from_fn(move || {
            let rest_bytes = take_length(&mut bytes)?;
            let value_bytes = take_length(&mut bytes)?;
            let (rest, after) = bytes.split_at_checked(rest_bytes)?;
            let (value, after) = after.split_at_checked(value_bytes)?;
            bytes = after;
            Some((rest, value))
        })
    }

    pub(super) fn get(&self, wanted: &[u8]) -> Option<&'b [u8]> {
        self.entries().find(|(rest, _)| *rest == wanted).map(|(_, value)| value)
    }

    /// The bucket with another value for a key, or without it.
    pub(super) fn with(&self, changed: &[u8], value: Option<&[u8]>) -> Vec<u8> {
        let mut out =
            Vec::with_capacity(self.0.len() + changed.len() + value.map_or(0, <[u8]>::len) + 8);
        let mut new = value;
        for (rest, value) in self.entries() {
            if rest >= changed
                && let Some(new) = new.take()
            {
                push(&mut out, changed, new);
            }
            if rest != changed {
                push(&mut out, rest, value);
            }
        }
        if let Some(new) = new {
            push(&mut out, changed, new);
        }
        out
    }
}

fn push(out: &mut Vec<u8>, rest: &[u8], value: &[u8]) {
    for length in [rest.len(), value.len()] {
        let length = u32::try_from(length).expect("no key or value of a record is so long");
        out.extend_from_slice(&length.to_be_bytes());
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(value);
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let (length, after) = bytes.split_first_chunk()?;
    *bytes = after;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{StateView, TaskState};
    use super::*;
    use crate::stream::{MemoryState, State};
    use std::ops::ControlFlow;

    fn rows(state: &dyn State, store: StoreId, from: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        let mut each = |key: &[u8], value: &[u8]| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        };
        state.scan(store, from, &mut each).expect("is read");
        rows
    }

    /// Keys of many lengths around the longest that is a row, with long beginnings in common.
    #[test]
    fn any_keys_are_kept_as_memory_keeps_them() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut state = TaskState::open(dir.path()).expect("opens");
        let mut memory = MemoryState::new();
        let mut number = 1_u64;
        let mut below = |limit: u64| {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99_991);
            usize::try_from((number >> 33) % limit).expect("small")
        };
        let lengths =
            [0, 1, 5, WHOLE_BYTES_MAX - 1, WHOLE_BYTES_MAX, WHOLE_BYTES_MAX + 1, 600, 5000];
        let store = StoreId::TASK;
        let mut froms = Vec::new();
        for step in 0..2000_usize {
            let mut key = vec![b'a' + u8::try_from(below(2)).expect("small"); lengths[below(8)]];
            if let Some(last) = key.last_mut() {
                *last = u8::try_from(below(4)).expect("small");
            }
            if below(4) == 0 {
                state.delete(store, &key).expect("is deleted");
                memory.delete(store, &key).expect("is deleted");
            } else {
                let value = vec![1; below(3) * step];
                state.put(store, &key, &value).expect("is put");
                memory.put(store, &key, &value).expect("is put");
            }
            assert_eq!(
                state.get(store, &key).expect("is read"),
                memory.get(store, &key).expect("is read")
            );
            if step % 50 == 0 {
                froms.push(key);
                state.commit(&[]).expect("is committed");
            }
        }
        state.commit(&[]).expect("is committed");
        for from in froms {
            assert!(rows(&state, store, &from) == rows(&memory, store, &from));
        }
        assert!(rows(&state, store, b"").len() > 10);
        drop(state);
        let view = StateView::open(dir.path()).expect("opens").expect("is there");
        assert!(rows(&view, store, b"") == rows(&memory, store, b""));
    }
}
