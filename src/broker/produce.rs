//! A batch as a client sent it: checked, brought into the topic's form, appended.
//!
//! Source: Kafka's `LogValidator`. What a client sends is kept to the byte, except where the topic
//! says otherwise: another codec (`compression.type`), the log's own time
//! (`message.timestamp.type`), a largest timestamp that is not true, or offsets that are not 0, 1,
//! 2, …; and where the log numbers it, which the crc does not cover.

use super::Broker;
use crate::log::{self, Appended, PartitionLog};
use crate::model::{TimestampType, TopicConfig};
use crate::protocol::ErrorCode;
use crate::record::{
    self, Batch, BatchBuilder, BatchFacts, BuildError, Compression, CorruptBatch, Decompressor,
    Frame, InvalidBatch, RecordRules,
};

/// Why a client's batch was not appended.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// There are not exactly the bytes of one batch.
    #[error("the records are not exactly one batch")]
    NotOneBatch,
    /// The batch breaks a rule of the topic.
    #[error(transparent)]
    Invalid(#[from] InvalidBatch),
    /// The batch could not be brought into the topic's form.
    #[error("cannot bring the batch into the topic's form: {0}")]
    Rebuild(#[from] BuildError),
    /// The coordinator of the batch's transaction said no.
    #[error("the transaction's coordinator says {0}")]
    Transaction(ErrorCode),
    /// The log said no.
    #[error(transparent)]
    Log(#[from] log::Error),
}

/// A batch that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Where it went.
    pub appended: Appended,
    /// The time that the log gave its records, in milliseconds; `None` where they kept their own.
    pub log_append_time_ms: Option<i64>,
}

impl Broker {
    /// Appends the one batch that a client sent; changes it in place where it can.
    ///
    /// # Errors
    /// [`ProduceError`]; the log is as it was.
    pub fn produce(
        &self,
        log: &PartitionLog,
        bytes: &mut [u8],
        scratch: &mut Decompressor,
    ) -> Result<Produced, ProduceError> {
        self.produce_by(log, bytes, scratch, |batch, now_ms| Ok(log.append(batch, now_ms)?))
    }

    /// As [`Broker::produce`]; the batch, once it has the form of the topic, is appended by `append`.
    ///
    /// # Errors
    /// [`ProduceError`], and as `append` says.
    pub fn produce_by(
        &self,
        log: &PartitionLog,
        bytes: &mut [u8],
        scratch: &mut Decompressor,
        append: impl FnOnce(&mut [u8], i64) -> Result<Appended, ProduceError>,
    ) -> Result<Produced, ProduceError> {
        let now_ms = self.clock().now_ms();
        let config = log.config();
        let rules = RecordRules::from(&*config);
        let batch = one_batch(bytes)?;
        let facts = rules.check_batch(&batch, now_ms, scratch)?;
        let stamped = config.message_timestamp_type == TimestampType::LogAppendTime;
        let appended = match rebuilt(&batch, &facts, &config, scratch)? {
            Some(mut bytes) => {
                // As it is stored, it may be larger than it was sent.
                let size = one_batch(&bytes)?.size_in_bytes();
                let max = config.max_message_bytes;
                if usize::try_from(max).map_or(true, |max| size > max) {
                    return Err(InvalidBatch::TooLarge { size, max }.into());
                }
                if stamped {
                    record::stamp_append_time(&mut bytes, now_ms);
                }
                append(&mut bytes, now_ms)?
            }
            None => {
                let is_true = batch.max_timestamp() == facts.max_timestamp;
                if stamped {
                    record::stamp_append_time(bytes, now_ms);
                } else if !is_true {
                    record::set_max_timestamp(bytes, facts.max_timestamp);
                }
                append(bytes, now_ms)?
            }
        };
        Ok(Produced { appended, log_append_time_ms: stamped.then_some(appended.max_timestamp) })
    }
}

fn one_batch(bytes: &[u8]) -> Result<Batch<'_>, ProduceError> {
    match Batch::at_front(bytes) {
        Ok(Frame::Whole(batch)) if batch.size_in_bytes() == bytes.len() => Ok(batch),
        Err(error @ CorruptBatch::BatchLength { .. }) => Err(InvalidBatch::Corrupt(error).into()),
        _ => Err(ProduceError::NotOneBatch),
    }
}

/// The batch built anew, where it can't be stored as it is; `None` where it can.
fn rebuilt(
    batch: &Batch<'_>,
    facts: &BatchFacts,
    config: &TopicConfig,
    scratch: &mut Decompressor,
) -> Result<Option<Vec<u8>>, ProduceError> {
    let sent = batch.attributes().compression().map_err(InvalidBatch::Corrupt)?;
    let stored = config.compression_type.codec_for(sent);
    if stored == sent && facts.is_in_sequence {
        return Ok(None);
    }
    let level = match stored {
        Compression::None => None,
        codec => config.compression_level(codec),
    };
    let mut builder = BatchBuilder::new(stored, level);
    let is_transactional = batch.attributes().is_transactional();
    builder.with_producer(
        batch.producer_id(),
        batch.producer_epoch(),
        batch.base_sequence(),
        is_transactional,
    );
    for record in batch.records(scratch).map_err(InvalidBatch::Corrupt)? {
        builder.push(&record.map_err(InvalidBatch::Corrupt)?);
    }
    Ok(Some(builder.finish()?.to_vec()))
}
