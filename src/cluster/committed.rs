//! Leaving out what was aborted.

use crate::log::AbortedTransaction;
use crate::record::Batch;

/// The aborted transactions that reach into some chunk of a log.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// By producer, then by marker: no two of one producer overlap.
    transactions: Vec<AbortedTransaction>,
}

impl Aborted {
    pub(super) fn new(mut transactions: Vec<AbortedTransaction>) -> Self {
        transactions.sort_unstable_by_key(|aborted| (aborted.producer_id, aborted.last_offset));
        Self { transactions }
    }

    /// Whether a batch's records were aborted.
    pub(super) fn hides(&self, batch: &Batch<'_>) -> bool {
        if self.transactions.is_empty() || !batch.attributes().is_transactional() {
            return false;
        }
        let (producer_id, base_offset) = (batch.producer_id(), batch.base_offset());
        let ended_before = |aborted: &AbortedTransaction| {
            (aborted.producer_id, aborted.last_offset) < (producer_id, base_offset)
        };
        let place = self.transactions.partition_point(ended_before);
        self.transactions.get(place).is_some_and(|aborted| {
            aborted.producer_id == producer_id && aborted.first_offset <= base_offset
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Compression, Offset};
    use crate::record::{BatchBuilder, Frame, Headers, Record, set_base_offset};

    fn hidden(aborted: &Aborted, producer_id: i64, is_transactional: bool, at: i64) -> bool {
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(producer_id, 0, 0, is_transactional);
        let (key, value, headers) = (None, None, Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 0, key, value, headers });
        let bytes = builder.finish().expect("a batch");
        set_base_offset(bytes, Offset(at));
        match Batch::at_front(bytes) {
            Ok(Frame::Whole(batch)) => aborted.hides(&batch),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_producers_batches_between_first_record_and_marker_are_hidden() {
        let of = |producer_id, first, last| AbortedTransaction {
            producer_id,
            first_offset: Offset(first),
            last_offset: Offset(last),
            last_stable: Offset(last.saturating_add(1)),
        };
        let aborted = Aborted::new(vec![of(7, 30, 35), of(7, 10, 20), of(3, 12, i64::MAX)]);
        for (producer_id, at, expected) in [
            (7, 9, false),
            (7, 10, true),
            (7, 19, true),
            (7, 21, false),
            (7, 30, true),
            (7, 36, false),
            (3, 11, false),
            (3, 1000, true),
            (5, 15, false),
            (9, 15, false),
        ] {
            assert_eq!(hidden(&aborted, producer_id, true, at), expected, "{producer_id} at {at}");
            assert!(!hidden(&aborted, producer_id, false, at), "of no transaction");
        }
        assert!(!hidden(&Aborted::default(), 7, true, 10));
    }
}
