//! Reading a partition of `__transaction_state`: the last record of an id counts.

use std::collections::HashMap;

use super::transaction::Transaction;
use crate::log::{self, Cursor, Fault, PartitionLog};
use crate::model::limits;
use crate::protocol::transaction_records::{TransactionLogKey, TransactionLogValue};
use crate::record::{Batch, CorruptBatch, Decompressor};

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

/// Ids of which something was read; `None` of one that was forgotten.
pub(super) type Changes = HashMap<String, Option<Transaction>>;

/// Reads what was appended since the cursor was there; from the start if there is none yet.
pub(super) fn read_on(log: &PartitionLog, cursor: &mut Option<Cursor>) -> log::Result<Changes> {
    let mut changes = Changes::new();
    let view = match log.view() {
        // A partition's directory is made with its first record.
        Err(log::Error::Gone) => return Ok(changes),
        view => view?,
    };
    let mut at = match *cursor {
        // A cleaner may have removed what was read, and what was not has a later record.
        Some(cursor) if cursor.offset >= view.log_start() => cursor,
        _ => Cursor::at(view.log_start()),
    };
    let mut scratch = Decompressor::new(limits::DECOMPRESSED_BYTES_MAX);
    while let Some(chunk) = log.read(&view, &mut at, READ_BYTES)? {
        for batch in chunk.batches() {
            let taken = batch.check().and_then(|()| take(&batch, &mut scratch, &mut changes));
            taken.map_err(|cause| chunk.fault_at(&batch, Fault::Corrupt(cause)))?;
        }
    }
    *cursor = Some(at);
    Ok(changes)
}

fn take(
    batch: &Batch<'_>,
    scratch: &mut Decompressor,
    changes: &mut Changes,
) -> Result<(), CorruptBatch> {
    if batch.attributes().is_control() {
        return Ok(());
    }
    for record in batch.records(scratch)? {
        let record = record?;
        // What is none of ours, or of a version that is not known, stays where it is.
        let Ok(Some(key)) = TransactionLogKey::decode(record.key.unwrap_or_default()) else {
            continue;
        };
        let transaction = match record.value.map(TransactionLogValue::decode) {
            None => None,
            Some(Ok(Some(value))) => match Transaction::of(value) {
                None => continue,
                known => known,
            },
            Some(_) => continue,
        };
        changes.insert(key.transactional_id, transaction);
    }
    Ok(())
}
