//! Printing: counts what was printed, and stops where enough was.

use std::ops::ControlFlow;

use super::plan::Plan;
use super::selection::Selection;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::output::OutputRecord;
use crate::cli::sink::{Sink, SinkError};
use crate::cluster::LocatedRecord;
use crate::filter::Stack;

/// What is printed, and how much of it was.
pub(super) struct Printer<'p> {
    plan: &'p Plan,
    pub(super) selection: Selection<'p>,
    sink: Sink,
    pub(super) printed: u64,
    ended: Option<Ended>,
}

/// Why printing ended early.
#[derive(Debug)]
pub(super) enum Ended {
    /// As many were printed as were asked for.
    Enough,
    /// Whoever read has gone away.
    Closed,
    /// Standard output failed.
    Failed(std::io::Error),
}

impl<'p> Printer<'p> {
    /// `stack` is there where the plan has a program.
    pub(super) fn new(plan: &'p Plan, context: &'p Context, stack: Option<&'p Stack>) -> Self {
        let ended = (plan.count == Some(0)).then_some(Ended::Enough);
        let selection = Selection::new(plan, context, stack);
        let sink = if plan.keeps_progress() { Sink::as_it_is() } else { Sink::stdout() };
        Self { plan, selection, sink, printed: 0, ended }
    }

    /// Prints a record if it is wanted.
    #[inline(always)]
    pub(super) fn print(&mut self, located: &LocatedRecord<'_>) -> ControlFlow<()> {
        if !self.wants(located) {
            return ControlFlow::Continue(());
        }
        self.put(located);
        self.go_on()
    }

    /// Whether a record is to be printed.
    #[inline(always)]
    pub(super) fn wants(&mut self, located: &LocatedRecord<'_>) -> bool {
        self.selection.takes(located)
    }

    /// Puts a record where it is going to be written from.
    #[inline(always)]
    pub(super) fn put(&mut self, located: &LocatedRecord<'_>) {
        let output = OutputRecord {
            topic: &located.partition.topic,
            partition: located.partition.partition,
            leader_epoch: located.leader_epoch,
            record: self.selection.shown(&located.record),
        };
        self.plan.formatter.write(&output, self.sink.buffer());
        self.printed += 1;
    }

    /// After a record was put there: breaks off if it was the last, writes if enough has gathered.
    #[inline(always)]
    pub(super) fn go_on(&mut self) -> ControlFlow<()> {
        if self.plan.count == Some(self.printed) {
            self.ended = Some(Ended::Enough);
            return ControlFlow::Break(());
        }
        if self.sink.is_full() {
            let handed_over = self.sink.hand_over();
            return self.end_on(handed_over);
        }
        ControlFlow::Continue(())
    }

    /// Writes what has gathered.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        let flushed = self.sink.flush();
        self.end_on(flushed)
    }

    /// Ends printing where nothing more can be written.
    fn end_on(&mut self, written: Result<(), SinkError>) -> ControlFlow<()> {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.ended = Some(match error {
                    SinkError::Closed => Ended::Closed,
                    SinkError::Io(error) => Ended::Failed(error),
                });
                ControlFlow::Break(())
            }
        }
    }

    /// Bytes that were printed so far: where the last record ends.
    pub(super) fn position(&self) -> u64 {
        self.sink.position()
    }

    /// How many of them are on standard output for certain.
    pub(super) const fn written(&self) -> u64 {
        self.sink.written()
    }

    /// Whether standard output takes no more.
    pub(super) const fn is_broken(&self) -> bool {
        matches!(self.ended, Some(Ended::Closed | Ended::Failed(_)))
    }

    /// Whether nothing more is to be printed.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Writes the rest. True if whoever read has gone away.
    pub(super) fn finish(mut self) -> Result<(u64, bool), CommandError> {
        if !matches!(self.ended, Some(Ended::Closed | Ended::Failed(_))) {
            let _ = self.flush();
        }
        match self.ended {
            Some(Ended::Failed(error)) => Err(CommandError::stdout(error)),
            Some(Ended::Closed) => Ok((self.printed, true)),
            Some(Ended::Enough) | None => Ok((self.printed, false)),
        }
    }
}
