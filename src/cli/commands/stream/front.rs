//! What surrounds a run of a job: standard output for results, standard error for what failed, signals, a progress bar.

use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::output::{Formatter, OutputRecord};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
use crate::cli::sink::{Sink, SinkError};
use crate::job::run::{Closed, Front, Printed};
use crate::model::TopicPartition;

/// Failed records that are named one by one.
const NAMED_FAILURES: u64 = 10;

/// Standard output and the like.
pub(super) struct Terminal<'a> {
    context: &'a Context,
    formatter: Formatter,
    sink: Sink,
    signals: Signals,
    progress: Option<Progress>,
    failed: u64,
    stopped: Option<SinkError>,
}

impl<'a> Terminal<'a> {
    pub(super) fn new(context: &'a Context, formatter: Formatter) -> Result<Self, CommandError> {
        let signals = Signals::listen().map_err(CommandError::failed)?;
        let sink = Sink::stdout();
        Ok(Self { context, formatter, sink, signals, progress: None, failed: 0, stopped: None })
    }

    /// Writes the rest. The status is that of a signal, if one came.
    pub(super) fn end(mut self) -> Outcome {
        if self.stopped.is_none()
            && let Err(error) = self.sink.flush()
        {
            self.stopped = Some(error);
        }
        if let Some(SinkError::Io(error)) = self.stopped {
            return Err(CommandError::stdout(error));
        }
        if self.failed > NAMED_FAILURES {
            let more = self.failed - NAMED_FAILURES;
            self.context.error(&format!("{more} more records failed"));
        }
        Ok(self.signals.received().unwrap_or(Status::Done))
    }

    fn closed_on(&mut self, written: Result<(), SinkError>) -> Result<(), Closed> {
        written.map_err(|error| {
            self.stopped = Some(error);
            Closed
        })
    }
}

impl Front for Terminal<'_> {
    fn print(&mut self, result: &Printed<'_>) -> Result<(), Closed> {
        let origin = result.origin;
        let mut record = result.record;
        record.offset = origin.map_or(-1, |origin| origin.offset);
        let output = OutputRecord {
            topic: origin.map_or("", |origin| origin.topic),
            partition: origin.map_or(-1, |origin| origin.partition),
            leader_epoch: -1,
            record,
        };
        self.formatter.write(&output, self.sink.buffer());
        if self.sink.is_full() {
            let handed_over = self.sink.hand_over();
            return self.closed_on(handed_over);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Closed> {
        let flushed = self.sink.flush();
        self.closed_on(flushed)
    }

    fn failed(&mut self, at: &TopicPartition, offset: i64, why: &str) {
        self.failed += 1;
        if self.failed <= NAMED_FAILURES {
            self.context.error(&format!("{at} offset {offset}: {why}"));
        }
    }

    fn progress(&mut self, done: u64, total: u64) {
        let context = self.context;
        self.progress
            .get_or_insert_with(|| Progress::new(context, total, Unit::Records))
            .set(done.min(total));
    }

    fn should_stop(&mut self) -> bool {
        self.signals.received().is_some()
    }
}
