//! The run of `consume`: to the end as it stood at the start, then, with `-f`, on with what comes.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::output::Printer;
use super::plan::{Plan, Reading};
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::{PartitionReader, TimeOrder, Watcher, starts_of_last};
use crate::filter::Stack;
use crate::log::Fault;
use crate::model::Offset;
use crate::record::Decompressor;

/// How long a follower sleeps at most: where no file event comes, this is when it looks again.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How long one that gets no file events at all sleeps.
const POLL_INTERVAL_BLIND: Duration = Duration::from_millis(50);

/// Records between two looks at whether to stop, where a chunk may be of millions.
const LOOK_EVERY_RECORDS: u64 = 4096;

/// Runs a plan.
pub(super) fn run(context: &Context, plan: &Plan, stack: Option<&Stack>) -> Outcome {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    let reading = plan.open(context)?;
    // Watching begins before the first look, so that nothing falls in between.
    let watcher = match (&reading.cluster, plan.follow) {
        (Some(cluster), true) => cluster.watch(),
        _ => None,
    };
    let total = reading
        .readers
        .iter()
        .map(|reader| (reader.stop() - reader.position()).max(0).unsigned_abs())
        .sum();
    let progress = Progress::new(context, total, Unit::Records);
    let mut run = Run {
        plan,
        signals,
        printer: Printer::new(plan, context, stack),
        scratch: decompressor(reading.readers.iter()),
        progress,
        by_time: plan.by_time,
        read: 0,
    };
    let result = run.read_all(reading, watcher.as_ref(), context);
    let selected = run.printer.selection.end();
    let (printed, closed) = run.printer.finish()?;
    let status = result?.or(selected);
    if closed {
        return Ok(Status::Done);
    }
    Ok(if printed < plan.require { status.or(Status::Unmet) } else { status })
}

/// Room for a batch of any of these logs.
pub(super) fn decompressor<'r>(readers: impl Iterator<Item = &'r PartitionReader>) -> Decompressor {
    let largest = readers.map(|reader| reader.log().config().max_message_bytes).max();
    largest.map_or_else(Decompressor::default, Decompressor::for_max_message_bytes)
}

struct Run<'p> {
    plan: &'p Plan,
    signals: Signals,
    printer: Printer<'p>,
    scratch: Decompressor,
    progress: Progress,
    by_time: bool,
    /// Offsets gone through.
    read: u64,
}

impl Run<'_> {
    fn read_all(
        &mut self,
        reading: Reading,
        watcher: Option<&Watcher>,
        context: &Context,
    ) -> Outcome {
        let Reading { mut readers, limits, cluster } = reading;
        if self.printer.has_ended() {
            // `-c 0`.
            return Ok(Status::Done);
        }
        if let Some(count) = self.plan.tail {
            self.go_to_last(&mut readers, count)?;
            if let Some(status) = self.stopped() {
                return Ok(status);
            }
        }
        if self.by_time {
            self.read_by_time(&mut readers)?;
        } else {
            for reader in &mut readers {
                self.read_to_stop(reader)?;
                if self.stopped().is_some() {
                    break;
                }
            }
        }
        if let Some(status) = self.stopped() {
            return Ok(status);
        }
        if self.plan.follow {
            let _ = self.printer.flush();
            self.progress = Progress::hidden();
            return self.follow(&mut readers, &limits, watcher);
        }
        drop(cluster);
        end_of_damaged(readers.iter(), context)
    }

    /// Puts the readers where the last records begin.
    fn go_to_last(
        &mut self,
        readers: &mut [PartitionReader],
        count: u64,
    ) -> Result<(), CommandError> {
        let (plan, signals, selection) = (self.plan, &self.signals, &mut self.printer.selection);
        let mut looked_at = 0_u64;
        let look_every = plan.records_between_looks(LOOK_EVERY_RECORDS);
        let starts = starts_of_last(readers, count, plan.range, &mut self.scratch, |located| {
            looked_at += 1;
            if looked_at.is_multiple_of(look_every) && is_to_stop(plan, signals).is_some() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(selection.would_take(located))
        })?;
        for (reader, start) in readers.iter_mut().zip(starts) {
            reader.seek(start);
        }
        self.by_time |= readers.len() > 1;
        Ok(())
    }

    fn read_to_stop(&mut self, reader: &mut PartitionReader) -> Result<(), CommandError> {
        let before = reader.position();
        let look_every = self.plan.records_between_looks(LOOK_EVERY_RECORDS);
        while let Some(chunk) = reader.next_chunk()? {
            let (plan, signals, printer) = (self.plan, &self.signals, &mut self.printer);
            let mut seen = 0_u64;
            let flow = chunk.visit(plan.range, &mut self.scratch, |located| {
                seen += 1;
                if seen.is_multiple_of(look_every) && is_to_stop(plan, signals).is_some() {
                    return ControlFlow::Break(());
                }
                printer.print(&located)
            })?;
            self.progress.set(self.read + (reader.position() - before).unsigned_abs());
            if flow.is_break() || self.stopped().is_some() {
                return Ok(());
            }
        }
        self.read += (reader.position() - before).unsigned_abs();
        Ok(())
    }

    fn read_by_time(&mut self, readers: &mut [PartitionReader]) -> Result<(), CommandError> {
        let mut merge = TimeOrder::new(readers.len());
        let (plan, signals) = (self.plan, &self.signals);
        let look_every = plan.records_between_looks(LOOK_EVERY_RECORDS);
        let (printer, progress) = (&mut self.printer, &mut self.progress);
        let _ = merge.visit(readers, plan.range, &mut self.scratch, |located| {
            self.read += 1;
            if self.read.is_multiple_of(look_every) {
                progress.set(self.read);
                if is_to_stop(plan, signals).is_some() {
                    return ControlFlow::Break(());
                }
            }
            printer.print(&located)
        })?;
        Ok(())
    }

    /// Goes on with what comes.
    fn follow(
        &mut self,
        readers: &mut [PartitionReader],
        limits: &[Offset],
        watcher: Option<&Watcher>,
    ) -> Outcome {
        let mut last_new = Instant::now();
        loop {
            let printed = self.printer.printed;
            let mut open = false;
            for (reader, limit) in readers.iter_mut().zip(limits) {
                open |= reader.position() < *limit;
                if reader.follow(*limit)? && !self.by_time {
                    self.read_to_stop(reader)?;
                }
                if let Some(status) = self.stopped() {
                    return Ok(status);
                }
            }
            if self.by_time {
                self.read_by_time(readers)?;
            }
            if self.printer.flush().is_break() {
                return Ok(Status::Done);
            }
            if self.printer.printed > printed {
                last_new = Instant::now();
            }
            if let Some(status) = self.stopped() {
                return Ok(status);
            }
            let idle = self.plan.idle.is_some_and(|idle| last_new.elapsed() >= idle);
            if idle || !open || is_past_until(self.plan) {
                return Ok(Status::Done);
            }
            wait(self.plan, watcher, last_new);
        }
    }

    /// The status to end with, if it is time to.
    fn stopped(&self) -> Option<Status> {
        match is_to_stop(self.plan, &self.signals) {
            Some(Status::TimedOut) | None if self.printer.has_ended() => Some(Status::Done),
            status => status,
        }
    }
}

/// Whether no record can come any more that is before `--until`.
pub(super) fn is_past_until(plan: &Plan) -> bool {
    plan.range.until.is_some_and(|until| SystemClock.now_ms() > until)
}

/// Sleeps until something happens, or it is time to look.
pub(super) fn wait(plan: &Plan, watcher: Option<&Watcher>, last_new: Instant) {
    let mut limit = if watcher.is_some() { POLL_INTERVAL } else { POLL_INTERVAL_BLIND };
    let now = Instant::now();
    let idle_end = plan.idle.and_then(|idle| last_new.checked_add(idle));
    for moment in [plan.deadline, idle_end].into_iter().flatten() {
        limit = limit.min(moment.saturating_duration_since(now));
    }
    match watcher {
        Some(watcher) => {
            let _ = watcher.wait(limit);
        }
        None => std::thread::sleep(limit),
    }
}

/// The status to end with where a signal has come, or `--timeout` has passed.
pub(super) fn is_to_stop(plan: &Plan, signals: &Signals) -> Option<Status> {
    let late = || plan.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    signals.received().or_else(|| late().then_some(Status::TimedOut))
}

/// Whether a log whose end had to be found out from its files ends in damage. A batch that is
/// cut short at the very end is what a stopped writer leaves: nothing of it was acknowledged.
pub(super) fn end_of_damaged<'r>(
    readers: impl Iterator<Item = &'r PartitionReader>,
    context: &Context,
) -> Outcome {
    let mut status = Status::Done;
    for reader in readers.filter(|reader| reader.stop() == reader.bounds().1) {
        match reader.tail_fault() {
            None => {}
            Some(fault) if fault.fault == Fault::Incomplete => {
                context.note(&format!("{} ends in a batch that is cut short", reader.partition()));
            }
            Some(fault) => {
                context.error(&format!(
                    "{} is damaged in segment {} at position {}: {}",
                    reader.partition(),
                    fault.segment,
                    fault.position,
                    fault.fault
                ));
                status = Status::Damaged;
            }
        }
    }
    Ok(status)
}
