//! Which batch of a producer with an id is taken, and which marker.
//!
//! Each batch is taken once and in order: one that is there already is answered with the offsets
//! that it has, one that does not follow the last is refused. A transaction is begun by nothing
//! that the coordinator has not been asked about: a batch that was late would open one that nobody
//! ends, and one that no marker came before would go on with the transaction before it. Offsets of
//! a group that are committed in a transaction have no sequence, and come from the group's
//! coordinator alone.
//!
//! Source: KIP-98, KIP-890 and Kafka's `ProducerAppendInfo`, `UnifiedLog.analyzeAndValidateProducerState`.

use super::error::{Error, Result};
use super::producers::{Producer, Producers, SentBatch, StoredBatch};
use super::transactions::{EndMarker, TransactionCheck, TransactionVersion};

impl Producers {
    /// Whether a batch that a client sent may be appended: an error if not, the batch that is in
    /// the log if it is there already.
    pub(super) fn check(
        &self,
        sent: &SentBatch,
        check: TransactionCheck,
    ) -> Result<Option<StoredBatch>> {
        let (producer_id, found) = (sent.producer_id, sent.base_sequence);
        if sent.is_control {
            return Err(Error::InvalidTxnState { producer_id });
        }
        if found < 0 && !sent.is_transactional {
            return Err(Error::OutOfOrderSequence { producer_id, found, expected: 0 });
        }
        let producer = self.get(producer_id);
        if found >= 0
            && let Some(duplicate) = producer.and_then(|producer| producer.duplicate(sent))
        {
            return Ok(Some(duplicate));
        }
        let goes_on = producer.is_some_and(|producer| producer.has_open(sent.producer_epoch));
        if sent.is_transactional && !goes_on && check == TransactionCheck::Unverified {
            return Err(Error::TransactionNotVerified { producer_id });
        }
        match producer {
            Some(producer) => producer.check(sent)?,
            // A new one, or one that was forgotten: it may go on where it is, unless each
            // transaction begins an epoch.
            None if check == TransactionCheck::Verified(TransactionVersion::V2) && found > 0 => {
                return Err(Error::OutOfOrderSequence { producer_id, found, expected: 0 });
            }
            None => {}
        }
        Ok(None)
    }

    /// Whether a marker is to be written; an error if it may not be.
    pub(super) fn check_marker(&self, marker: &EndMarker) -> Result<bool> {
        let Some(producer) = self.get(marker.producer_id) else {
            return Ok(true);
        };
        let (producer_id, found, current) =
            (marker.producer_id, marker.producer_epoch, producer.epoch);
        if found < current {
            return Err(Error::InvalidProducerEpoch { producer_id, found, current });
        }
        let (told, known) = (marker.coordinator_epoch, producer.coordinator_epoch);
        if told < known {
            return Err(Error::CoordinatorFenced { producer_id, found: told, current: known });
        }
        if marker.version == TransactionVersion::V2 && found == current {
            // The epoch that this marker begins is here: so was the marker.
            return match producer.transaction_start {
                Some(_) => Err(Error::InvalidTxnState { producer_id }),
                None => Ok(false),
            };
        }
        Ok(true)
    }
}

impl Producer {
    /// Whether a transaction of this epoch is open.
    fn has_open(&self, epoch: i16) -> bool {
        self.transaction_start.is_some() && self.epoch == epoch
    }

    /// Refuses a batch that does not follow the last.
    fn check(&self, sent: &SentBatch) -> Result<()> {
        let (producer_id, found) = (sent.producer_id, sent.base_sequence);
        let (epoch, current) = (sent.producer_epoch, self.epoch);
        if epoch < current {
            return Err(Error::InvalidProducerEpoch { producer_id, found: epoch, current });
        }
        let expected = match self.last_sequence() {
            last if epoch == current && last < i32::MAX => last + 1,
            _ => 0,
        };
        if found >= 0 && found != expected {
            return Err(Error::OutOfOrderSequence { producer_id, found, expected });
        }
        // Differs: Kafka lets a transaction of an older epoch go on. Its marker is missing, and by that
        // of the next one it would come to another end than it was promised.
        if self.transaction_start.is_some() && (!sent.is_transactional || epoch != current) {
            return Err(Error::InvalidTxnState { producer_id });
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Batches of producer 7 and others, for tests of what is taken and of what is followed.

    use super::super::producers::SentBatch;
    use crate::record::{EndTransactionMarker, Outcome};

    /// A batch of producer 7.
    pub(in crate::log) fn sent(epoch: i16, base_sequence: i32, count: i32) -> SentBatch {
        SentBatch {
            producer_id: 7,
            producer_epoch: epoch,
            base_sequence,
            last_sequence: ((i64::from(base_sequence) + i64::from(count) - 1) % (1 << 31)) as i32,
            offset_delta: count - 1,
            max_timestamp: 1000,
            is_transactional: false,
            is_control: false,
        }
    }

    /// The first batch of a producer, in a transaction.
    pub(in crate::log) fn transactional(producer_id: i64) -> SentBatch {
        SentBatch { producer_id, is_transactional: true, ..sent(0, 0, 1) }
    }

    /// The batch of a producer's marker.
    pub(in crate::log) fn control(producer_id: i64, epoch: i16) -> SentBatch {
        let (last_sequence, is_control) = (-1, true);
        SentBatch {
            producer_id,
            is_transactional: true,
            is_control,
            last_sequence,
            ..sent(epoch, -1, 1)
        }
    }

    /// What is in it.
    pub(in crate::log) fn marker(outcome: Outcome) -> Option<EndTransactionMarker> {
        Some(EndTransactionMarker { outcome, coordinator_epoch: 3 })
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{control, marker, sent, transactional};
    use super::*;
    use crate::model::Offset;
    use crate::record::Outcome;

    fn told(producers: &Producers, sent: &SentBatch) -> String {
        told_of(producers.check(sent, TransactionCheck::Unverified))
    }

    fn told_of(checked: Result<Option<StoredBatch>>) -> String {
        match checked {
            Ok(None) => "append".to_owned(),
            Ok(Some(batch)) => format!("at {}", batch.base_offset()),
            Err(Error::OutOfOrderSequence { expected, .. }) => format!("{expected} must come"),
            Err(Error::InvalidProducerEpoch { current, .. }) => format!("epoch is {current}"),
            Err(Error::InvalidTxnState { .. }) => "transaction".to_owned(),
            Err(Error::TransactionNotVerified { .. }) => "unverified".to_owned(),
            Err(Error::CoordinatorFenced { current, .. }) => format!("coordinator is {current}"),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn each_batch_is_taken_once_and_in_order() {
        let mut producers = Producers::none(Offset(0));
        assert_eq!(told(&producers, &sent(0, 40, 2)), "append", "unknown: any sequence");
        for number in 0..7 {
            producers.follow(&sent(0, number * 2, 2), Offset(i64::from(number) * 10), None, 0);
        }
        let cases = [
            (sent(0, 14, 1), "append"),
            (sent(0, 12, 2), "at 60"),
            (sent(0, 4, 2), "at 20"),
            (sent(0, 2, 2), "14 must come"),
            (sent(0, 12, 1), "14 must come"),
            (sent(0, 15, 1), "14 must come"),
            (sent(1, 0, 1), "append"),
            (sent(1, 14, 1), "0 must come"),
            (sent(-1, 14, 1), "epoch is 0"),
            (SentBatch { producer_id: 8, ..sent(0, 99, 1) }, "append"),
            (sent(0, -1, 1), "0 must come"),
            (SentBatch { is_transactional: true, ..sent(0, 14, 1) }, "unverified"),
            (SentBatch { is_transactional: true, ..sent(0, 12, 2) }, "at 60"),
            (control(7, 0), "transaction"),
        ];
        for (batch, expected) in cases {
            assert_eq!(told(&producers, &batch), expected, "{batch:?}");
        }
        producers.follow(&sent(1, 0, 1), Offset(70), None, 0);
        assert_eq!(told(&producers, &sent(0, 12, 2)), "epoch is 1", "another epoch's batches");
    }

    #[test]
    fn sequences_wrap() {
        let mut producers = Producers::none(Offset(0));
        producers.follow(&sent(0, i32::MAX - 1, 4), Offset(5), None, 0);
        assert_eq!(told(&producers, &sent(0, i32::MAX - 1, 4)), "at 5");
        assert_eq!(told(&producers, &sent(0, 2, 1)), "append");
        producers.follow(&sent(0, i32::MAX, 1), Offset(9), None, 0);
        assert_eq!(told(&producers, &sent(0, 0, 1)), "append");
    }

    #[test]
    fn a_transaction_begins_with_what_was_verified() {
        use TransactionVersion::{V1, V2};
        let mut producers = Producers::none(Offset(0));
        let checked = |producers: &Producers, sent: &SentBatch, version| {
            told_of(producers.check(sent, TransactionCheck::Verified(version)))
        };
        let of = |epoch, sequence| SentBatch { is_transactional: true, ..sent(epoch, sequence, 1) };
        assert_eq!(told(&producers, &of(0, 0)), "unverified");
        assert_eq!(checked(&producers, &of(0, 4), V1), "append", "unknown: any sequence");
        assert_eq!(checked(&producers, &of(0, 4), V2), "0 must come", "of a new epoch the first");
        assert_eq!(checked(&producers, &of(0, 0), V2), "append");
        producers.follow(&of(0, 0), Offset(0), None, 0);
        assert_eq!(told(&producers, &of(0, 1)), "append", "it goes on");
        assert_eq!(told(&producers, &of(0, 0)), "at 0");
        assert_eq!(told(&producers, &of(1, 0)), "unverified", "another epoch's");
        assert_eq!(checked(&producers, &of(1, 0), V1), "transaction", "no marker came before");
        assert_eq!(told(&producers, &sent(0, 1, 1)), "transaction");
        // Offsets of a group.
        assert_eq!(told(&producers, &of(0, -1)), "append", "it goes on");
        assert_eq!(told(&producers, &of(1, -1)), "unverified");
        assert_eq!(checked(&producers, &of(1, -1), V2), "transaction");
        assert_eq!(checked(&producers, &SentBatch { producer_id: 8, ..of(1, -1) }, V2), "append");
        producers.follow(&control(7, 1), Offset(1), marker(Outcome::Abort), 0);
        assert_eq!(told(&producers, &of(1, 0)), "unverified", "it has ended");
        assert_eq!(checked(&producers, &of(0, 1), V1), "epoch is 1");
    }

    #[test]
    fn a_marker_is_of_no_past_epoch() {
        let mut producers = Producers::none(Offset(0));
        let told = |producers: &Producers, epoch, coordinator_epoch, version| {
            let (producer_id, outcome) = (7, Outcome::Commit);
            let marker = EndMarker {
                producer_id,
                producer_epoch: epoch,
                coordinator_epoch,
                outcome,
                version,
            };
            match producers.check_marker(&marker) {
                Ok(is_needed) => is_needed.to_string(),
                Err(error) => told_of(Err(error)),
            }
        };
        use TransactionVersion::{V1, V2};
        assert_eq!(told(&producers, 0, 0, V2), "true", "of an unknown one");
        producers.follow(&SentBatch { producer_id: 7, ..transactional(7) }, Offset(0), None, 0);
        assert_eq!(told(&producers, 0, 0, V1), "true");
        assert_eq!(told(&producers, 0, 0, V2), "transaction", "of the transaction before");
        assert_eq!(told(&producers, 1, 0, V2), "true");
        producers.follow(&control(7, 1), Offset(1), marker(Outcome::Commit), 0);
        assert_eq!(told(&producers, 1, 3, V2), "false", "it is there");
        assert_eq!(told(&producers, 1, 3, V1), "true");
        assert_eq!(told(&producers, 1, 2, V1), "coordinator is 3");
        assert_eq!(told(&producers, 0, 3, V1), "epoch is 1");
    }
}
