//! Sending records: gathered into batches, one for each partition, appended when full or flushed.

use std::sync::Arc;

use super::{Cluster, Transaction};
use crate::broker::{Broker, Error, Result, TopicInfo};
use crate::log::PartitionLog;
use crate::model::{Compression, partition_for_key};
use crate::record::{BatchBuilder, BuildError, InvalidRecord, Record, RecordRules};

/// Bytes at which a batch is appended. Large enough that a system call per batch costs nothing,
/// small enough to stay in the processor's cache.
const BATCH_BYTES: usize = 256 << 10;

/// Bytes of records that wait in batches, over all partitions.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// What no transaction of an id has.
const NO_EPOCH: i16 = -1;

/// When a record counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// When it is durable.
    All,
    /// When it is written.
    Leader,
    /// At once.
    None,
}

/// How records are sent.
#[derive(Debug, Clone, Copy)]
pub struct ProducerOptions {
    /// The codec, unless the topic sets one.
    pub compression: Compression,
    /// When a record counts as stored.
    pub acks: Acks,
}

/// What a producer has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records appended.
    pub records: u64,
    /// Batches appended.
    pub batches: u64,
    /// Bytes of those batches, as stored.
    pub bytes: u64,
}

/// Why a record was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The topic does not take this one; others may be sent.
    #[error(transparent)]
    Record(#[from] InvalidRecord),
    /// It names a partition that is not there; others may be sent.
    #[error("the topic has no partition {partition}: it ends at partition {}", *.partitions - 1)]
    Partition {
        /// What it names.
        partition: i32,
        /// How many there are.
        partitions: i32,
    },
    /// Nothing can be sent any more.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Sends records to one topic.
#[derive(Debug)]
pub struct Producer<'c> {
    broker: &'c Arc<Broker>,
    topic: TopicInfo,
    rules: RecordRules,
    acks: Acks,
    partitions: Vec<Option<Sending>>,
    /// Where records without a key go, until their batch is full.
    sticky: i32,
    batch_bytes_max: usize,
    compression: Compression,
    waiting_bytes: usize,
    totals: Totals,
    /// All is in the transaction of this id, where there is one.
    transaction: Option<Transaction>,
}

/// A partition that something was sent to.
#[derive(Debug)]
struct Sending {
    log: Arc<PartitionLog>,
    batch: BatchBuilder,
    /// Of the next batch's first record, within a transaction; and of which epoch of its producer.
    next_sequence: i32,
    epoch: i16,
}

impl Cluster {
    /// A producer for a topic.
    #[must_use]
    pub fn producer(&self, topic: TopicInfo, options: ProducerOptions) -> Producer<'_> {
        let config = &topic.config;
        let compression = config.compression_type.codec_for(options.compression);
        let limit = config.max_message_bytes.min(config.segment_bytes);
        Producer {
            broker: self.broker(),
            rules: RecordRules::from(&*topic.config),
            acks: options.acks,
            partitions: (0..topic.partitions).map(|_| None).collect(),
            sticky: any_partition(topic.partitions),
            batch_bytes_max: BATCH_BYTES.min(usize::try_from(limit).unwrap_or_default()),
            compression,
            waiting_bytes: 0,
            totals: Totals::default(),
            transaction: None,
            topic,
        }
    }

    /// A producer that stores all that it is sent or nothing of it: one transaction. What the id has
    /// open is aborted, and who has it, fenced.
    ///
    /// # Errors
    /// As [`Broker::transactional_id`] says.
    pub fn transactional_producer(
        &self,
        topic: TopicInfo,
        options: ProducerOptions,
        id: &str,
    ) -> Result<Producer<'_>> {
        let transaction = Some(self.transaction(id)?);
        Ok(Producer { transaction, ..self.producer(topic, options) })
    }

    /// A producer of a transaction that others send to other topics in.
    #[must_use]
    pub fn producer_within(
        &self,
        transaction: &Transaction,
        topic: TopicInfo,
        options: ProducerOptions,
    ) -> Producer<'_> {
        Producer { transaction: Some(transaction.clone()), ..self.producer(topic, options) }
    }
}

/// Several producers that run at once should not walk the partitions in step.
fn any_partition(partitions: i32) -> i32 {
    let mut bytes = [0; 4];
    // Without randomness any partition does as well.
    let _ = getrandom::fill(&mut bytes);
    i32::try_from(u32::from_ne_bytes(bytes) % partitions.max(1).unsigned_abs()).unwrap_or(0)
}

impl Producer<'_> {
    /// Puts a record into the batch of its partition: the one that is named, else that of its
    /// key, else the one whose turn it is. Appends what is full.
    ///
    /// # Errors
    /// [`SendError`] tells whether others may be sent after it.
    pub fn send(
        &mut self,
        record: &Record<'_>,
        partition: Option<i32>,
        now_ms: i64,
    ) -> std::result::Result<(), SendError> {
        self.rules.check_record(record, now_ms)?;
        let partitions = self.topic.partitions;
        let mut target = match (partition, record.key) {
            (Some(partition), _) if (0..partitions).contains(&partition) => partition,
            (Some(partition), _) => return Err(SendError::Partition { partition, partitions }),
            (None, Some(key)) => partition_for_key(key, partitions),
            (None, None) => self.sticky,
        };
        while !self.push(target, record)? {
            self.append(target)?;
            if partition.is_none() && record.key.is_none() {
                self.sticky = (self.sticky + 1) % partitions;
                target = self.sticky;
            }
        }
        if self.waiting_bytes > WAITING_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Whether the topic takes a record, which is not sent.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        record: &Record<'_>,
        now_ms: i64,
    ) -> std::result::Result<(), InvalidRecord> {
        self.rules.check_record(record, now_ms)
    }

    /// Puts a record into the batch of a partition. False if that must be appended first.
    #[inline]
    fn push(&mut self, partition: i32, record: &Record<'_>) -> Result<bool> {
        let bytes_max = self.batch_bytes_max;
        let batch = &mut self.sending(partition)?.batch;
        let before = batch.size_in_bytes();
        let pushed = batch.push_within(record, bytes_max);
        let grown = batch.size_in_bytes() - before;
        self.waiting_bytes += grown;
        Ok(pushed)
    }

    /// What is sent to a partition that is there.
    #[inline]
    fn sending(&mut self, partition: i32) -> Result<&mut Sending> {
        let index = usize::try_from(partition).unwrap_or_default();
        if self.partitions[index].is_none() {
            let log = self.broker.log(&self.topic, partition)?;
            self.broker.open_to_append(&log)?;
            let level = self.topic.config.compression_level(self.compression);
            let batch = BatchBuilder::new(self.compression, level);
            self.partitions[index] =
                Some(Sending { log, batch, next_sequence: 0, epoch: NO_EPOCH });
        }
        Ok(self.partitions[index].as_mut().expect("it was put there"))
    }

    /// Appends the batch of a partition.
    fn append(&mut self, partition: i32) -> Result<()> {
        let broker = self.broker;
        let index = usize::try_from(partition).unwrap_or_default();
        let Some(sending) =
            self.partitions[index].as_mut().filter(|sending| !sending.batch.is_empty())
        else {
            return Ok(());
        };
        let waiting = sending.batch.size_in_bytes() - crate::record::HEADER_BYTES;
        let records = sending.batch.records_count() as u64;
        if let Some(transaction) = &self.transaction {
            let producer = transaction.producer();
            let (id, epoch) = (producer.producer_id, producer.producer_epoch);
            if sending.epoch != epoch {
                // Each transaction has an epoch of its own, in which sequences begin anew. Source: KIP-890.
                (sending.epoch, sending.next_sequence) = (epoch, 0);
            }
            sending.batch.with_producer(id, epoch, sending.next_sequence, true);
            sending.next_sequence = following(sending.next_sequence, records);
        }
        let batch = sending.batch.finish().map_err(|error| build_error(&sending.log, error))?;
        let bytes = batch.len() as u64;
        match &mut self.transaction {
            Some(transaction) => transaction.append(&sending.log, batch)?,
            None => broker.append(&sending.log, batch)?,
        };
        sending.batch.clear();
        self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting);
        self.totals.records += records;
        self.totals.bytes += bytes;
        self.totals.batches += 1;
        Ok(())
    }

    /// Appends all that waits. Other processes see it then; it need not be durable.
    ///
    /// # Errors
    /// As [`Broker::append`] says.
    pub fn flush(&mut self) -> Result<()> {
        let sticky = self.sticky;
        if self.partitions.get(sticky as usize).is_some_and(|sending| {
            sending.as_ref().is_some_and(|sending| !sending.batch.is_empty())
        }) {
            self.sticky = (sticky + 1) % self.topic.partitions;
        }
        for partition in 0..self.topic.partitions {
            self.append(partition)?;
        }
        Ok(())
    }

    /// Appends all that waits, and makes everything durable that was sent, unless
    /// [`Acks`] say that nobody waits for that. A transaction is committed.
    ///
    /// # Errors
    /// As [`Broker::append`], [`Broker::sync`] and `TransactionalId::commit` say.
    pub fn finish(&mut self) -> Result<()> {
        self.flush()?;
        if let Some(transaction) = &self.transaction {
            return transaction.commit();
        }
        if self.acks == Acks::All {
            for sending in self.partitions.iter().flatten() {
                self.broker.sync(&sending.log)?;
            }
        }
        Ok(())
    }

    /// Has nothing stored of what was sent within the transaction.
    ///
    /// # Errors
    /// As `TransactionalId::abort` says.
    pub fn abort(&mut self) -> Result<()> {
        self.transaction.as_ref().map_or(Ok(()), Transaction::abort)
    }

    /// What was appended so far.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }
}

/// The sequence so many records after one; they wrap from `i32::MAX` to 0.
fn following(sequence: i32, records: u64) -> i32 {
    let wrapped = (u64::from(sequence.unsigned_abs()) + records) % (1 << 31);
    i32::try_from(wrapped).unwrap_or(0)
}

fn build_error(log: &PartitionLog, error: BuildError) -> Error {
    let source = crate::storage::Error::new(
        "compress a batch for",
        log.partition(),
        std::io::Error::other(error),
    );
    Error::Storage(source)
}
