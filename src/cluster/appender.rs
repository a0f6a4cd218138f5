//! A thread that appends full batches, while the next ones are being filled: reading and encoding
//! go on beside checksums, compression and the writes.
//!
//! One thread, so batches of a partition are appended in the order in which they were handed over.
//! After a failure nothing more is appended.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::producer::Totals;
use crate::broker::{Broker, Error, Result};
use crate::log::PartitionLog;
use crate::record::{BatchBuilder, BuildError};

/// Batches that may be on their way.
const BATCHES_MAX: usize = 2;

/// The thread, and what it has in hand.
#[derive(Debug)]
pub(super) struct Appender {
    full: SyncSender<(Arc<PartitionLog>, BatchBuilder)>,
    appended: Receiver<(BatchBuilder, Result<Totals>)>,
    appending: usize,
}

impl Appender {
    pub(super) fn start(broker: Arc<Broker>) -> io::Result<Self> {
        let (full, to_append) = sync_channel::<(Arc<PartitionLog>, BatchBuilder)>(BATCHES_MAX);
        let (done, appended) = sync_channel(BATCHES_MAX);
        std::thread::Builder::new().name("append".to_owned()).spawn(move || {
            for (log, mut batch) in to_append {
                let result = append(&broker, &log, &mut batch);
                let failed = result.is_err();
                if done.send((batch, result)).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(Self { full, appended, appending: 0 })
    }

    /// Whether another batch must wait until one is appended.
    pub(super) const fn is_full(&self) -> bool {
        self.appending == BATCHES_MAX
    }

    /// Whether nothing is on its way.
    pub(super) const fn is_idle(&self) -> bool {
        self.appending == 0
    }

    /// Hands over a batch.
    pub(super) fn hand_over(&mut self, log: Arc<PartitionLog>, batch: BatchBuilder) -> Result<()> {
        self.appending += 1;
        self.full.send((log, batch)).map_err(|_| ended())
    }

    /// Waits until a batch is appended. Gives its builder back, empty.
    pub(super) fn wait(&mut self) -> Result<(BatchBuilder, Totals)> {
        self.appending -= 1;
        let (batch, result) = self.appended.recv().map_err(|_| ended())?;
        Ok((batch, result?))
    }
}

/// Appends the records of a builder, and empties it.
pub(super) fn append(
    broker: &Broker,
    log: &PartitionLog,
    batch: &mut BatchBuilder,
) -> Result<Totals> {
    let records = batch.records_count() as u64;
    let bytes = batch.finish().map_err(|error| build_error(log, error))?;
    broker.append(log, bytes)?;
    let totals = Totals { records, batches: 1, bytes: bytes.len() as u64 };
    batch.clear();
    Ok(totals)
}

fn build_error(log: &PartitionLog, error: BuildError) -> Error {
    let source = io::Error::other(error);
    crate::storage::Error::new("make a batch for", log.partition(), source).into()
}

/// It ends early only after a failure, which was told.
fn ended() -> Error {
    let source = io::Error::other("an earlier batch failed");
    crate::storage::Error::new("append", "a batch", source).into()
}
