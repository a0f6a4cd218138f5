//! Printing a record whose progress is kept: what was printed is marked, until it is written.

use std::ops::ControlFlow;
use std::time::Instant;

use super::output::Printer;
use super::part::{Marks, Part};
use super::plan::Plan;
use super::run::is_to_stop;
use crate::cli::signals::Signals;
use crate::cluster::LocatedRecord;
use crate::model::Offset;

/// Records between two looks at the clock.
const CLOCK_EVERY_RECORDS: u64 = 512;

/// What printing a record takes.
pub(super) struct Printing<'r, 'p> {
    pub(super) plan: &'p Plan,
    pub(super) signals: &'r Signals,
    pub(super) printer: &'r mut Printer<'p>,
    pub(super) marks: &'r mut Marks,
    pub(super) parts: &'r mut [Part],
    pub(super) seen: &'r mut u64,
    pub(super) look_due: Instant,
}

impl Printing<'_, '_> {
    /// Prints a record if it is wanted. Breaks off before it where it is time to look, and
    /// after it where it was the last.
    #[inline]
    pub(super) fn print(&mut self, located: &LocatedRecord<'_>, number: usize) -> ControlFlow<()> {
        *self.seen += 1;
        if self.seen.is_multiple_of(self.plan.records_between_looks(CLOCK_EVERY_RECORDS))
            && self.is_due()
        {
            return ControlFlow::Break(());
        }
        let record = &located.record;
        let part = &mut self.parts[number];
        let is_old = part.since.is_some_and(|since| record.timestamp < since);
        part.next = Offset(record.offset).next();
        if is_old || !self.printer.wants(located) {
            return ControlFlow::Continue(());
        }
        self.printer.put(located);
        self.marks.push(self.parts, number, record.offset, self.printer.position());
        let written_before = self.printer.written();
        let flow = self.printer.go_on();
        if self.printer.written() != written_before {
            self.marks.settle(self.parts, self.printer.written());
        }
        flow
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.look_due || is_to_stop(self.plan, self.signals).is_some()
    }
}
