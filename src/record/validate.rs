//! What a topic accepts: of a record that a producer gives, of a batch that a client sends.
//!
//! Source: Kafka's `LogValidator` and `UnifiedLog.analyzeAndValidateRecords`.

use super::batch::Batch;
use super::builder::{size_alone, size_alone_max};
use super::compression::Decompressor;
use super::error::CorruptBatch;
use super::types::Record;
use crate::model::{TimestampType, TopicConfig};

/// A record without a timestamp has this one.
const NO_TIMESTAMP: i64 = -1;

/// The part of a topic's configuration that records are held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordRules {
    /// Bytes of the largest batch as stored, header included.
    pub max_message_bytes: i32,
    /// Whose time the records bear.
    pub timestamp_type: TimestampType,
    /// Milliseconds that a timestamp may be behind now.
    pub timestamp_before_max_ms: i64,
    /// Milliseconds that a timestamp may be ahead of now.
    pub timestamp_after_max_ms: i64,
    /// Whether the topic is compacted, which needs keys.
    pub key_required: bool,
}

impl From<&TopicConfig> for RecordRules {
    fn from(config: &TopicConfig) -> Self {
        Self {
            max_message_bytes: config.max_message_bytes,
            timestamp_type: config.message_timestamp_type,
            timestamp_before_max_ms: config.message_timestamp_before_max_ms,
            timestamp_after_max_ms: config.message_timestamp_after_max_ms,
            key_required: config.cleanup_policy.compact,
        }
    }
}

/// Why a topic refuses a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Compaction works by key.
    #[error("a compacted topic needs a key in every record")]
    KeyRequired,
    /// Outside `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`.
    #[error("timestamp {timestamp} is {away_ms} ms {side} now, and {key} is {max_ms}")]
    Timestamp {
        /// The record's, in milliseconds.
        timestamp: i64,
        /// How far from now it is, in milliseconds.
        away_ms: i64,
        /// `ahead of` or `behind`.
        side: &'static str,
        /// The config that it breaks.
        key: &'static str,
        /// What that allows, in milliseconds.
        max_ms: i64,
    },
    /// Even alone in a batch it is more than `max.message.bytes`.
    #[error("a batch of {size} bytes is larger than max.message.bytes, {max}")]
    TooLarge {
        /// Bytes of the smallest batch that holds it.
        size: usize,
        /// Bytes that a batch may have.
        max: i32,
    },
}

/// Why a topic refuses a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBatch {
    /// Its bytes are not sound.
    #[error(transparent)]
    Corrupt(#[from] CorruptBatch),
    /// Offsets are the log's to give.
    #[error("base offset of a produced batch is {found}, expected 0")]
    BaseOffset {
        /// What the header says.
        found: i64,
    },
    /// More than `max.message.bytes`.
    #[error("a batch of {size} bytes is larger than max.message.bytes, {max}")]
    TooLarge {
        /// Bytes of the batch.
        size: usize,
        /// Bytes that it may have.
        max: i32,
    },
    /// A produced batch has a record for each of its offsets, and at least one.
    #[error("a batch of {count} records has last offset delta {last_offset_delta}")]
    Count {
        /// What the header says.
        count: i32,
        /// What the header says.
        last_offset_delta: i32,
    },
    /// Markers are the coordinator's to write.
    #[error("clients cannot write control batches")]
    Control,
    /// An idempotent producer numbers its records.
    #[error("a batch of producer {producer_id} has no sequence number")]
    NoSequence {
        /// The producer.
        producer_id: i64,
    },
    /// An idempotent producer has an epoch.
    #[error("a batch of producer {producer_id} has no epoch")]
    NoEpoch {
        /// The producer.
        producer_id: i64,
    },
    /// The log's time in a topic that wants the producer's.
    #[error("timestamp type LogAppendTime is the topic's to set, not the producer's")]
    TimestampType,
    /// Records break a rule.
    #[error("{}", first_of(.0))]
    Records(Vec<RecordFault>),
}

/// A record of a batch that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The rule.
    pub error: InvalidRecord,
}

/// Records of one batch that are told of by name; more are refused with it all the same.
const RECORD_FAULTS_MAX: usize = 10_000;

fn first_of(faults: &[RecordFault]) -> String {
    match faults {
        [] => "no record".to_owned(),
        [fault] => format!("record {} of the batch: {}", fault.index, fault.error),
        [fault, ..] => format!(
            "{} records of the batch, the first of them record {}: {}",
            faults.len(),
            fault.index,
            fault.error
        ),
    }
}

/// What a walk through a batch has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchFacts {
    /// Largest timestamp of the records in milliseconds; -1 is none. The header may say otherwise.
    pub max_timestamp: i64,
    /// Distance from the base offset to the first record with that timestamp; to the last record
    /// where no record has one.
    pub offset_delta_of_max_timestamp: i32,
    /// Whether offset deltas are 0, 1, 2 and so on. If not, the batch must be built anew.
    pub is_in_sequence: bool,
}

impl RecordRules {
    /// Checks a record that is to be appended.
    ///
    /// # Errors
    /// The first rule that it breaks: key, timestamp, size.
    #[inline]
    pub fn check_record(&self, record: &Record<'_>, now_ms: i64) -> Result<(), InvalidRecord> {
        self.check_key_and_timestamp(record, now_ms)?;
        // Almost every record is far from the limit, which a sum of lengths tells.
        if !exceeds(size_alone_max(record), self.max_message_bytes) {
            return Ok(());
        }
        let size = size_alone(record);
        if exceeds(size, self.max_message_bytes) {
            return Err(InvalidRecord::TooLarge { size, max: self.max_message_bytes });
        }
        Ok(())
    }

    /// Checks a batch as a client sent it, its crc and every record.
    ///
    /// # Errors
    /// The first rule that it breaks; of the rules for records, every record that breaks one.
    pub fn check_batch(
        &self,
        batch: &Batch<'_>,
        now_ms: i64,
        scratch: &mut Decompressor,
    ) -> Result<BatchFacts, InvalidBatch> {
        self.check_header(batch)?;
        let mut facts = BatchFacts {
            max_timestamp: NO_TIMESTAMP,
            offset_delta_of_max_timestamp: batch.last_offset_delta(),
            is_in_sequence: true,
        };
        let mut faults = Vec::new();
        for (index, record) in batch.records(scratch)?.enumerate() {
            let record = record?;
            if let Err(error) = self.check_key_and_timestamp(&record, now_ms)
                && faults.len() < RECORD_FAULTS_MAX
            {
                faults.push(RecordFault { index, error });
            }
            facts.is_in_sequence &= usize::try_from(record.offset) == Ok(index);
            if record.timestamp > facts.max_timestamp {
                facts.max_timestamp = record.timestamp;
                facts.offset_delta_of_max_timestamp = index as i32;
            }
        }
        if !faults.is_empty() {
            return Err(InvalidBatch::Records(faults));
        }
        Ok(facts)
    }

    fn check_header(&self, batch: &Batch<'_>) -> Result<(), InvalidBatch> {
        let base = batch.base_offset().0;
        if base != 0 {
            return Err(InvalidBatch::BaseOffset { found: base });
        }
        let size = batch.size_in_bytes();
        if exceeds(size, self.max_message_bytes) {
            return Err(InvalidBatch::TooLarge { size, max: self.max_message_bytes });
        }
        batch.check()?;
        let (count, last_offset_delta) = (batch.records_count(), batch.last_offset_delta());
        if count == 0 || last_offset_delta != count - 1 {
            return Err(InvalidBatch::Count { count, last_offset_delta });
        }
        if batch.attributes().is_control() {
            return Err(InvalidBatch::Control);
        }
        let producer_id = batch.producer_id();
        if producer_id >= 0 && batch.base_sequence() < 0 {
            return Err(InvalidBatch::NoSequence { producer_id });
        }
        // A snapshot of a producer without an epoch is none.
        if producer_id >= 0 && batch.producer_epoch() < 0 {
            return Err(InvalidBatch::NoEpoch { producer_id });
        }
        let own_time = self.timestamp_type == TimestampType::CreateTime;
        if own_time && batch.attributes().timestamp_type() == TimestampType::LogAppendTime {
            return Err(InvalidBatch::TimestampType);
        }
        Ok(())
    }

    #[inline]
    fn check_key_and_timestamp(
        &self,
        record: &Record<'_>,
        now_ms: i64,
    ) -> Result<(), InvalidRecord> {
        if self.key_required && record.key.is_none() {
            return Err(InvalidRecord::KeyRequired);
        }
        let timestamp = record.timestamp;
        if self.timestamp_type == TimestampType::LogAppendTime || timestamp == NO_TIMESTAMP {
            return Ok(());
        }
        let (ahead_ms, behind_ms) =
            (timestamp.saturating_sub(now_ms), now_ms.saturating_sub(timestamp));
        let (away_ms, side, key, max_ms) = if ahead_ms > self.timestamp_after_max_ms {
            (ahead_ms, "ahead of", "message.timestamp.after.max.ms", self.timestamp_after_max_ms)
        } else if behind_ms > self.timestamp_before_max_ms {
            (behind_ms, "behind", "message.timestamp.before.max.ms", self.timestamp_before_max_ms)
        } else {
            return Ok(());
        };
        Err(InvalidRecord::Timestamp { timestamp, away_ms, side, key, max_ms })
    }
}

fn exceeds(size: usize, max: i32) -> bool {
    usize::try_from(max).map_or(true, |max| size > max)
}

#[cfg(test)]
mod tests {
    use super::super::header::{at, put, seal};
    use super::super::{BatchBuilder, Compression, Frame, Headers, set_base_offset};
    use super::*;
    use crate::model::Offset;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn rules() -> RecordRules {
        RecordRules::from(&TopicConfig::default())
    }

    fn record(timestamp: i64) -> Record<'static> {
        let headers = Headers::NONE;
        Record { offset: 0, timestamp, key: None, value: Some(b"v"), headers }
    }

    fn batch(timestamps: &[i64]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Compression::None, None);
        for timestamp in timestamps {
            builder.push(&record(*timestamp));
        }
        builder.finish().expect("a batch").to_vec()
    }

    fn check(rules: &RecordRules, bytes: &[u8]) -> Result<BatchFacts, InvalidBatch> {
        let Ok(Frame::Whole(batch)) = Batch::at_front(bytes) else { panic!("no batch") };
        rules.check_batch(&batch, NOW_MS, &mut Decompressor::new(1 << 20))
    }

    #[test]
    fn timestamps_have_a_window() {
        let rules = RecordRules { timestamp_before_max_ms: 10, ..rules() };
        let hour = 3_600_000;
        for (timestamp, good) in [
            (NOW_MS, true),
            (NOW_MS - 10, true),
            (NOW_MS - 11, false),
            (NOW_MS + hour, true),
            (NOW_MS + hour + 1, false),
            (-1, true),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            let single = rules.check_record(&record(timestamp), NOW_MS);
            assert_eq!(single.is_ok(), good, "{timestamp}");
            assert_eq!(check(&rules, &batch(&[timestamp])).is_ok(), good, "{timestamp}");
            let rules = RecordRules { timestamp_type: TimestampType::LogAppendTime, ..rules };
            assert!(rules.check_record(&record(timestamp), NOW_MS).is_ok());
        }
    }

    #[test]
    fn compacted_topics_need_keys() {
        let rules = RecordRules { key_required: true, ..rules() };
        let keyless = rules.check_record(&record(NOW_MS), NOW_MS);
        assert_eq!(keyless, Err(InvalidRecord::KeyRequired));
        let error = InvalidRecord::KeyRequired;
        let fault = |index| RecordFault { index, error: error.clone() };
        let refused = InvalidBatch::Records(vec![fault(0), fault(1)]);
        assert_eq!(check(&rules, &batch(&[NOW_MS, NOW_MS])), Err(refused), "all of them");
    }

    #[test]
    fn sizes_are_those_of_the_batch() {
        let bytes = batch(&[NOW_MS]);
        let max = bytes.len() as i32;
        let exact = RecordRules { max_message_bytes: max, ..rules() };
        assert_eq!(exact.check_record(&record(NOW_MS), NOW_MS), Ok(()));
        assert!(check(&exact, &bytes).is_ok());
        let tight = RecordRules { max_message_bytes: max - 1, ..rules() };
        let (size, max) = (bytes.len(), max - 1);
        assert_eq!(
            tight.check_record(&record(NOW_MS), NOW_MS),
            Err(InvalidRecord::TooLarge { size, max })
        );
        assert_eq!(check(&tight, &bytes), Err(InvalidBatch::TooLarge { size, max }));
    }

    #[test]
    fn facts_are_of_the_records_not_of_the_header() {
        let mut bytes = batch(&[NOW_MS, NOW_MS + 7, NOW_MS + 7, -1]);
        put(&mut bytes, at::MAX_TIMESTAMP, 3_i64.to_be_bytes());
        seal(&mut bytes);
        let facts = BatchFacts {
            max_timestamp: NOW_MS + 7,
            offset_delta_of_max_timestamp: 1,
            is_in_sequence: true,
        };
        assert_eq!(check(&rules(), &bytes), Ok(facts));
        let none = check(&rules(), &batch(&[-1, -1])).expect("legal");
        assert_eq!((none.max_timestamp, none.offset_delta_of_max_timestamp), (-1, 1));
    }

    #[test]
    fn headers_that_no_producer_may_send() {
        let with = |at: usize, field: &[u8]| {
            let mut bytes = batch(&[NOW_MS]);
            bytes[at..at + field.len()].copy_from_slice(field);
            seal(&mut bytes);
            check(&rules(), &bytes).expect_err("illegal")
        };
        let count = InvalidBatch::Count { count: 1, last_offset_delta: 1 };
        assert_eq!(with(at::LAST_OFFSET_DELTA, &[0, 0, 0, 1]), count);
        assert_eq!(with(at::ATTRIBUTES, &[0, 1 << 5]), InvalidBatch::Control);
        assert_eq!(with(at::ATTRIBUTES, &[0, 1 << 3]), InvalidBatch::TimestampType);
        let producer_id = 8;
        let no_sequence = InvalidBatch::NoSequence { producer_id };
        assert_eq!(with(at::PRODUCER_ID, &producer_id.to_be_bytes()), no_sequence);
        let mut no_epoch = batch(&[NOW_MS]);
        put(&mut no_epoch, at::PRODUCER_ID, producer_id.to_be_bytes());
        put(&mut no_epoch, at::BASE_SEQUENCE, 0_i32.to_be_bytes());
        seal(&mut no_epoch);
        assert_eq!(check(&rules(), &no_epoch), Err(InvalidBatch::NoEpoch { producer_id }));
        let mut bytes = batch(&[NOW_MS]);
        set_base_offset(&mut bytes, Offset(4));
        assert_eq!(check(&rules(), &bytes), Err(InvalidBatch::BaseOffset { found: 4 }));
        bytes = batch(&[NOW_MS]);
        bytes[65] ^= 1;
        let crc = check(&rules(), &bytes);
        assert!(matches!(crc, Err(InvalidBatch::Corrupt(CorruptBatch::Crc { .. }))));
    }

    #[test]
    fn offsets_out_of_sequence_are_told() {
        let mut bytes = batch(&[NOW_MS, NOW_MS]);
        let first_delta = 61 + 3;
        bytes[first_delta] = 2;
        seal(&mut bytes);
        assert!(!check(&rules(), &bytes).expect("legal").is_in_sequence);
    }
}
