//! Transactions that were aborted, by a segment's `.txnindex`: whose records readers of committed
//! ones leave out.
//!
//! | bytes of an entry | what |
//! | --- | --- |
//! | 0..2 | version, 0 |
//! | 2..10 | producer id |
//! | 10..18 | offset of its first record |
//! | 18..26 | offset of its abort marker |
//! | 26..34 | last stable offset when that was written |
//!
//! Source: Kafka's `AbortedTxn` and `TransactionIndex`.

use super::error::Result;
use super::names::{self, TXN_INDEX};
use super::partition::PartitionLog;
use super::view::View;
use crate::model::Offset;
use crate::storage::{self, Open};

const ENTRY_BYTES: usize = AbortedEntry::BYTES;
const VERSION: i16 = 0;

/// An aborted transaction with records in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Whose it was.
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: Offset,
}

/// An entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedEntry {
    /// The producer.
    pub producer_id: i64,
    /// Offset of the first record.
    pub first_offset: i64,
    /// Offset of the abort marker.
    pub last_offset: i64,
    /// The last stable offset when that was written.
    pub last_stable_offset: i64,
}

impl AbortedEntry {
    /// Bytes of an entry.
    pub const BYTES: usize = 34;

    /// Reads what stands in the file; `None` of a version that is not known.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Option<Self> {
        let long = |at: usize| i64::from_be_bytes(std::array::from_fn(|index| bytes[at + index]));
        let version = i16::from_be_bytes([bytes[0], bytes[1]]);
        (version == VERSION).then(|| Self {
            producer_id: long(2),
            first_offset: long(10),
            last_offset: long(18),
            last_stable_offset: long(26),
        })
    }
}

impl PartitionLog {
    /// The aborted transactions with records from `from` on and before `to`. There may be some that
    /// have none in that range: who leaves out their records loses nothing.
    ///
    /// # Errors
    /// As the file system says.
    pub fn aborted_transactions(
        &self,
        view: &View,
        from: Offset,
        to: Offset,
    ) -> Result<Vec<AbortedTransaction>> {
        let mut aborted = Vec::new();
        let Some(first) = view.segment_of(from) else {
            return Ok(aborted);
        };
        // The marker of a transaction may stand in a later segment than its records.
        for base in view.segments().iter().filter(|base| **base >= first) {
            for entry in self.aborted_in(*base)? {
                if entry.last_offset >= from.0 && entry.first_offset < to.0 {
                    let (producer_id, first_offset) =
                        (entry.producer_id, Offset(entry.first_offset));
                    aborted.push(AbortedTransaction { producer_id, first_offset });
                }
                if entry.last_stable_offset >= to.0 {
                    return Ok(aborted);
                }
            }
        }
        Ok(aborted)
    }

    /// The entries of a segment; most have no such file.
    fn aborted_in(&self, base: Offset) -> Result<Vec<AbortedEntry>> {
        let place = self.place();
        let path = place.path_of(&names::segment_file(base, TXN_INDEX));
        let Some(file) = storage::found(place.storage.open(&path, Open::Read))? else {
            return Ok(Vec::new());
        };
        let entries = file.metadata()?.len / ENTRY_BYTES as u64;
        let mut bytes = [0; ENTRY_BYTES];
        let mut found = Vec::new();
        for entry in 0..entries {
            file.read_exact_at(&mut bytes, entry * ENTRY_BYTES as u64)?;
            found.extend(AbortedEntry::from_bytes(&bytes));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_kafkas() {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[9] = 7;
        bytes[16..18].copy_from_slice(&[1, 2]);
        bytes[25] = 9;
        bytes[33] = 10;
        let entry = AbortedEntry::from_bytes(&bytes).expect("version 0");
        assert_eq!((entry.producer_id, entry.first_offset), (7, 258));
        assert_eq!((entry.last_offset, entry.last_stable_offset), (9, 10));
        bytes[1] = 1;
        assert!(AbortedEntry::from_bytes(&bytes).is_none());
    }
}
