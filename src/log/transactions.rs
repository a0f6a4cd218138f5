//! Transactions, as a partition's log sees them.
//!
//! A transaction begins here with the first batch of it and ends with a marker, which the
//! coordinator writes. In between, whatever its producer and others append: readers of committed
//! records stop before the first record of the earliest that is open, the *last stable offset*.
//! It is published with the end of the log, in one step: no process ever sees a batch of a
//! transaction under a state that does not know the transaction, nor a marker under one that still
//! bounds it. Who dies before he published leaves a batch or a marker past the published end; the
//! next writer finds out what it was before it publishes anything.
//!
//! A marker is not synced by itself. A machine that stops may lose it, with all that followed it; the
//! transaction is open then, and its coordinator must end it again: it may forget how a transaction
//! ended only once the marker is durable.
//!
//! Source: KIP-98, KIP-890 and Kafka's `ProducerAppendInfo`.

use super::append::Appended;
use super::error::Result;
use super::partition::PartitionLog;
use super::producers::ProducerInfo;
use super::writer::BatchSizes;
use crate::model::TimestampType;
use crate::record::{self, EndTransactionMarker, Outcome};

/// The protocol that a transaction is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionVersion {
    /// The producer's epoch stays through many transactions.
    V1,
    /// Each end raises it, so that nothing of one transaction can get into the next. Source: KIP-890.
    V2,
}

/// What the coordinator has said of a batch's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionCheck {
    /// Nobody has asked it: a batch may go on with a transaction that is open here, not begin one.
    Unverified,
    /// The partition is part of the producer's transaction.
    Verified(TransactionVersion),
}

/// The end of a producer's transaction, as the coordinator has it written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndMarker {
    /// Whose transaction it is.
    pub producer_id: i64,
    /// Its epoch; by [`TransactionVersion::V2`] already the one after the transaction.
    pub producer_epoch: i16,
    /// Of the coordinator; it never falls.
    pub coordinator_epoch: i32,
    /// How it ends.
    pub outcome: Outcome,
    /// By which protocol.
    pub version: TransactionVersion,
}

impl PartitionLog {
    /// Ends a producer's transaction in this partition. Not synced by itself.
    ///
    /// By version 2 a marker that is there already is not written again; by version 1 one is
    /// written in any case, as Kafka does. A sync that follows makes it durable whoever wrote it, also
    /// where it is refused here because the next transaction has begun.
    ///
    /// # Errors
    /// [`super::Error::InvalidProducerEpoch`] and [`super::Error::CoordinatorFenced`] where a later
    /// epoch is known; [`super::Error::InvalidTxnState`] where a transaction is open in the very
    /// epoch that version 2 has begun after the one to end; as for [`PartitionLog::append`].
    pub fn end_transaction(&self, marker: &EndMarker, now_ms: i64) -> Result<Appended> {
        let EndMarker { producer_id, producer_epoch, coordinator_epoch, outcome, .. } = *marker;
        let config = self.config();
        let marked = EndTransactionMarker { outcome, coordinator_epoch };
        let mut batch = marked.batch(producer_id, producer_epoch, now_ms);
        if config.message_timestamp_type == TimestampType::LogAppendTime {
            record::stamp_append_time(&mut batch, now_ms);
        }
        let sizes = BatchSizes::of(&batch)?;
        self.with_writer(now_ms, |place, owned, writer| {
            if !writer.check_marker(place, marker, now_ms)? {
                return Ok(writer.marked_before(now_ms));
            }
            if writer.is_full(&sizes, &config, now_ms) {
                writer.roll(place, owned, &config, now_ms)?;
            }
            writer.append(place, &mut batch, &sizes, &config, now_ms)
        })
    }

    /// The producers with a transaction that is open here, in order of their ids. Costs next to
    /// nothing where there is none.
    ///
    /// # Errors
    /// As for [`PartitionLog::append`].
    pub fn open_transactions(&self, now_ms: i64) -> Result<Vec<ProducerInfo>> {
        if !self.view()?.has_open_transactions() {
            return Ok(Vec::new());
        }
        let mut open = self.producers(now_ms)?;
        open.retain(|producer| producer.transaction_start.is_some());
        Ok(open)
    }
}
