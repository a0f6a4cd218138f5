//! When a record counts as stored, and what becomes of a run at its end: what was read is stored,
//! however the reading ended; or within a transaction the whole input is, or nothing.

use super::{AcksArg, Outcome, ProduceArgs, Run};
use crate::cli::error::{CommandError, Status};
use crate::cluster::{Acks, Totals};
use crate::model::TopicName;

/// What is said where an input is stored as a whole or not at all.
const NOTHING: &str = "nothing was stored";

/// When a record counts as stored. Within a transaction none does before the end of it.
pub(super) fn acks(args: &ProduceArgs) -> Result<Acks, CommandError> {
    match args.acks {
        AcksArg::All => Ok(Acks::All),
        _ if args.transactional_id.is_some() => {
            Err(CommandError::usage("--transactional-id stores with --acks all only"))
        }
        AcksArg::Leader => Ok(Acks::Leader),
        AcksArg::None => Ok(Acks::None),
    }
}

impl Run<'_> {
    /// Says that a record is not stored. Of an input that is to be stored as a whole it is the end.
    pub(super) fn refuse(&mut self, number: u64, reason: &str) -> Result<(), CommandError> {
        self.failed += 1;
        let message = format!("record {number}: {reason}");
        if self.is_whole {
            return Err(CommandError {
                status: Status::SomeFailed,
                ..CommandError::failed(message)
            });
        }
        self.context.error(&message);
        Ok(())
    }

    /// Stores what was sent, or has nothing of it stored; says what came of the run.
    pub(super) fn store(&mut self, ended: Outcome) -> Outcome {
        if self.is_whole {
            return self.store_whole(ended);
        }
        let stored = self.producer.finish().map_err(CommandError::from);
        let status = ended?;
        stored?;
        Ok(if self.failed > 0 { status.or(Status::SomeFailed) } else { status })
    }

    fn store_whole(&mut self, ended: Outcome) -> Outcome {
        // One that came with the end of the input counts too.
        let signal = self.signals.received();
        let error = match ended {
            Ok(Status::Done) if self.failed == 0 && signal.is_none() => {
                match self.producer.finish() {
                    Ok(()) => return Ok(Status::Done),
                    Err(error) => CommandError::from(error),
                }
            }
            // A file that is too large for a record: it was told of.
            Ok(Status::Done) if self.failed > 0 => CommandError {
                status: Status::SomeFailed,
                ..CommandError::failed("not every record could be sent")
            },
            Ok(status) => CommandError {
                status: signal.unwrap_or(status),
                ..CommandError::failed("stopped by a signal")
            },
            Err(error) => error,
        };
        match self.producer.abort() {
            Ok(()) => Err(error.hint(NOTHING)),
            Err(cause) => {
                self.context.error(&format!("cannot abort the transaction: {cause}"));
                Err(error.hint("the next command with this transactional id ends it"))
            }
        }
    }

    /// Says what was stored, if anything was.
    pub(super) fn print_stats(&self, topic: &TopicName, is_well: bool) {
        let is_stored = is_well || !self.is_whole;
        let totals = if is_stored { self.producer.totals() } else { Totals::default() };
        let Totals { records, batches, bytes } = totals;
        let object = serde_json::json!({
            "topic": topic,
            "records": records,
            "failed": self.failed,
            "batches": batches,
            "bytes": bytes,
            "ms": u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        self.context.stats(&object.to_string());
    }
}
