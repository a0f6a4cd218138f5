//! The run of `consume` with `-g` or `--cursor-file`: goes on where it stood, and notes how far it
//! has come.
//!
//! What is noted is exactly what was written: a record counts once all of its bytes were taken by
//! standard output, also where that then closes, and what a filter skips counts with the next. So
//! a record is printed again only if the process died before it could note it.
//!
//! Between two records, four times a second, it looks at its group: gives up what is
//! another member's by now, once that is noted, and takes what is its own.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::keeping::{self, Keeping};
use super::output::Printer;
use super::part::{Marks, Part};
use super::plan::Plan;
use super::printing::Printing;
use super::run::{decompressor, end_of_damaged, is_past_until, is_to_stop, wait};
use crate::cli::commands::Outcome;
use crate::cli::commands::table::refuse_group_of_job;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::signals::Signals;
use crate::cluster::{Cluster, RecordRange, TimeOrder, TopicInfo, Watcher};
use crate::filter::Stack;
use crate::model::{TopicPartition, Uuid};
use crate::record::Decompressor;

/// How often it looks at its group.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// How often it does so while others have what should be its own.
const LOOK_INTERVAL_SHORT: Duration = Duration::from_millis(50);
/// How often it notes how far it has come, and looks for new topics and partitions.
const NOTE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits for its share before it ends with nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs a plan.
pub(super) fn run(context: &Context, plan: &Plan, stack: Option<&Stack>) -> Outcome {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    let cluster = keeping::open(plan, context)?;
    if let (Some(cluster), Some(group)) = (&cluster, &plan.group) {
        refuse_group_of_job(cluster, group, false)?;
    }
    // Watching begins before the first look, so that nothing falls in between.
    let watcher = cluster.as_ref().filter(|_| plan.follow).and_then(Cluster::watch);
    let now = Instant::now();
    let mut run = Run {
        context,
        plan,
        signals,
        cluster: cluster.as_ref(),
        keeping: Keeping::begin(plan, cluster.as_ref())?,
        printer: Printer::new(plan, context, stack),
        scratch: Decompressor::default(),
        parts: Vec::new(),
        numbers: HashMap::new(),
        marks: Marks::default(),
        seen: 0,
        look_due: now,
        is_short: false,
        note_due: now + NOTE_INTERVAL,
        began: now,
    };
    run.find_partitions(true)?;
    run.scratch = decompressor(run.parts.iter().map(|part| &part.reader));
    let result = run.go(watcher.as_ref());
    let noted = run.finish();
    let Run { printer, parts, .. } = run;
    let selected = printer.selection.end();
    let (printed, closed) = printer.finish()?;
    let status = result?.or(selected);
    noted?;
    if let Some(cluster) = &cluster {
        context.tell(cluster.take_notices());
    }
    if closed {
        return Ok(Status::Done);
    }
    let was_read = |part: &&Part| part.is_held || part.is_done;
    let status = match plan.follow {
        true => status,
        false => status
            .or(end_of_damaged(parts.iter().filter(was_read).map(|part| &part.reader), context)?),
    };
    Ok(if printed < plan.require { status.or(Status::Unmet) } else { status })
}

struct Run<'p> {
    context: &'p Context,
    plan: &'p Plan,
    signals: Signals,
    cluster: Option<&'p Cluster>,
    keeping: Keeping<'p>,
    printer: Printer<'p>,
    scratch: Decompressor,
    parts: Vec<Part>,
    /// Where in `parts` each is.
    numbers: HashMap<TopicPartition, usize>,
    marks: Marks,
    /// Records that were looked at.
    seen: u64,
    look_due: Instant,
    /// Others have what should be this member's, as of the last look.
    is_short: bool,
    note_due: Instant,
    began: Instant,
}

impl Run<'_> {
    /// Opens the partitions that are there and not known yet. Those that come later are read from
    /// their beginning, where nothing is noted of them.
    fn find_partitions(&mut self, is_first: bool) -> Result<(), CommandError> {
        if let Some(cluster) = self.cluster {
            for name in self.plan.topics(cluster)? {
                let topic = match self.plan.group {
                    Some(_) => cluster.topic_to_write(&name)?,
                    None => cluster.topic(&name)?,
                };
                self.plan.require_partitions(&topic)?;
                self.keeping.subscribe(&topic)?;
                self.find_partitions_of(cluster, &topic, is_first)?;
            }
        }
        if is_first {
            let mut readers = Vec::new();
            self.plan.open_paths(&mut readers)?;
            for reader in readers {
                let limit = self.plan.stop(&reader)?;
                self.add(Part::new(reader, Uuid::default(), limit));
            }
        }
        Ok(())
    }

    fn find_partitions_of(
        &mut self,
        cluster: &Cluster,
        topic: &TopicInfo,
        is_first: bool,
    ) -> Result<(), CommandError> {
        for partition in (0..topic.partitions).filter(|partition| self.plan.wants(*partition)) {
            let named = TopicPartition::new(topic.name.clone(), partition);
            if self.numbers.contains_key(&named) {
                continue;
            }
            let reader = self.plan.reader(cluster, topic, partition)?;
            let limit = self.plan.stop(&reader)?;
            let mut part = Part::new(reader, topic.id, limit);
            part.is_late = !is_first;
            self.add(part);
        }
        Ok(())
    }

    fn add(&mut self, part: Part) {
        let named = part.reader.partition().clone();
        if !self.numbers.contains_key(&named) {
            self.numbers.insert(named, self.parts.len());
            self.parts.push(part);
        }
    }

    fn go(&mut self, watcher: Option<&Watcher>) -> Outcome {
        if self.printer.has_ended() {
            // `-c 0`.
            return Ok(Status::Done);
        }
        let mut last_new = Instant::now();
        let mut had_any = false;
        loop {
            self.look()?;
            let printed = self.printer.printed;
            self.read_held()?;
            had_any |= self.parts.iter().any(|part| part.is_held);
            if let Some(status) = self.stopped() {
                return Ok(status);
            }
            if self.printer.printed > printed {
                last_new = Instant::now();
            }
            if self.is_look_due() {
                self.note_if_due()?;
                continue;
            }
            // All that is held was read to where it stops, for now.
            if self.printer.flush().is_break() {
                return Ok(Status::Done);
            }
            self.settle();
            if !self.plan.follow {
                if self.let_go_of_done()? {
                    self.look_due = Instant::now();
                } else if self.is_short && !had_any && self.began.elapsed() < PATIENCE {
                    wait(self.plan, None, last_new);
                } else {
                    return Ok(Status::Done);
                }
                continue;
            }
            if self.has_more()? {
                continue;
            }
            self.note_if_due()?;
            let is_open = self.parts.iter().any(|part| !part.is_held || part.next < part.limit);
            let idle = self.plan.idle.is_some_and(|idle| last_new.elapsed() >= idle);
            if idle || !is_open || is_past_until(self.plan) {
                return Ok(Status::Done);
            }
            wait(self.plan, watcher, last_new);
        }
    }

    /// Looks at the group, if it is time to.
    fn look(&mut self) -> Result<(), CommandError> {
        if !self.is_look_due() {
            return Ok(());
        }
        let now = Instant::now();
        let (parts, numbers) = (&self.parts, &self.numbers);
        let is_wanted = |partition: &TopicPartition| {
            numbers.get(partition).is_some_and(|number| !parts[*number].is_done)
        };
        let rebalance = self.keeping.rebalance(now, is_wanted, parts)?;
        if !rebalance.surplus.is_empty() && self.printer.flush().is_continue() {
            self.settle();
            let surplus: Vec<_> = rebalance.surplus.iter().map(|it| self.numbers[it]).collect();
            self.let_go(&surplus)?;
        }
        for partition in &rebalance.taken {
            self.take(self.numbers[partition])?;
        }
        let interval = if rebalance.is_short { LOOK_INTERVAL_SHORT } else { LOOK_INTERVAL };
        self.look_due = now + interval;
        self.is_short = rebalance.is_short;
        Ok(())
    }

    /// A partition becomes this process's: puts its reader where it is to go on.
    fn take(&mut self, number: usize) -> Result<(), CommandError> {
        let part = &mut self.parts[number];
        part.reader.follow(part.limit)?;
        let partition = part.reader.partition();
        let Some((offset, leader_epoch)) = self.keeping.noted(partition, part.topic) else {
            let start = match part.is_late {
                true => part.reader.bounds().0,
                false => self.plan.start(&part.reader)?,
            };
            part.reader.seek(start);
            part.begin(None, self.plan.range.since);
            return Ok(());
        };
        if let Some(to) = part.reader.resume(offset, leader_epoch)? {
            self.context.warn(&format!(
                "{} was read up to {offset}; what followed {to} is gone since: going on there",
                part.reader.partition()
            ));
        }
        part.begin(Some(offset), None);
        Ok(())
    }

    /// Notes how far partitions were read, and gives them up.
    fn let_go(&mut self, numbers: &[usize]) -> Result<(), CommandError> {
        self.note(numbers)?;
        for number in numbers {
            self.parts[*number].is_held = false;
            self.keeping.give_up(self.parts[*number].reader.partition());
        }
        Ok(())
    }

    /// Lets go of what was read to its end, for whoever goes on there. True if there was any.
    fn let_go_of_done(&mut self) -> Result<bool, CommandError> {
        let held = self.parts.iter().enumerate().filter(|(_, part)| part.is_held);
        let done: Vec<_> = held.map(|(number, _)| number).collect();
        self.let_go(&done)?;
        for number in &done {
            self.parts[*number].is_done = true;
        }
        Ok(!done.is_empty())
    }

    /// Reads what is held, until it comes to where that stops or it is time to look.
    fn read_held(&mut self) -> Result<(), CommandError> {
        if self.plan.by_time {
            return self.read_by_time();
        }
        for number in 0..self.parts.len() {
            if self.parts[number].is_held && self.read_to_stop(number)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn read_to_stop(&mut self, number: usize) -> Result<ControlFlow<()>, CommandError> {
        while let Some(chunk) = self.parts[number].reader.next_chunk()? {
            let mut printing = Printing {
                plan: self.plan,
                signals: &self.signals,
                printer: &mut self.printer,
                marks: &mut self.marks,
                parts: &mut self.parts,
                seen: &mut self.seen,
                look_due: self.look_due,
            };
            let range = RecordRange { since: None, until: self.plan.range.until };
            let flow = chunk.visit(range, &mut self.scratch, |it| printing.print(&it, number))?;
            self.settle();
            let part = &mut self.parts[number];
            if flow.is_break() {
                part.reader.seek(part.next);
                return Ok(flow);
            }
            part.next = part.reader.position();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn read_by_time(&mut self) -> Result<(), CommandError> {
        let mut parts = std::mem::take(&mut self.parts);
        let result = self.merge(&mut parts);
        self.parts = parts;
        self.settle();
        for part in self.parts.iter_mut().filter(|part| part.is_held) {
            // What was decoded ahead is decoded again.
            part.reader.seek(part.next);
        }
        result
    }

    fn merge(&mut self, parts: &mut [Part]) -> Result<(), CommandError> {
        let range = RecordRange { since: None, until: self.plan.range.until };
        // Of their own, since printing changes the parts.
        let held = parts.iter().filter(|part| part.is_held);
        let mut readers: Vec<_> = held.map(|part| part.reader.clone()).collect();
        let mut merge = TimeOrder::new(readers.len());
        let numbers = &self.numbers;
        let mut printing = Printing {
            plan: self.plan,
            signals: &self.signals,
            printer: &mut self.printer,
            marks: &mut self.marks,
            parts,
            seen: &mut self.seen,
            look_due: self.look_due,
        };
        let flow = merge.visit(&mut readers, range, &mut self.scratch, |located| {
            printing.print(&located, numbers[located.partition])
        })?;
        if flow.is_continue() {
            for reader in &readers {
                parts[self.numbers[reader.partition()]].next = reader.position();
            }
        }
        Ok(())
    }

    /// Whether more has come to what is held.
    fn has_more(&mut self) -> Result<bool, CommandError> {
        let mut has_more = false;
        for part in self.parts.iter_mut().filter(|part| part.is_held) {
            has_more |= part.reader.follow(part.limit)?;
        }
        Ok(has_more)
    }

    /// Learns what is on standard output by now.
    fn settle(&mut self) {
        self.marks.settle(&mut self.parts, self.printer.written());
    }

    fn note_if_due(&mut self) -> Result<(), CommandError> {
        let now = Instant::now();
        if now < self.note_due {
            return Ok(());
        }
        self.note_due = now + NOTE_INTERVAL;
        self.settle();
        let all: Vec<_> = (0..self.parts.len()).collect();
        self.note(&all)?;
        if self.plan.follow { self.find_partitions(false) } else { Ok(()) }
    }

    /// Notes how far partitions were read, where that is not noted yet.
    fn note(&mut self, numbers: &[usize]) -> Result<(), CommandError> {
        let unnoted: Vec<_> =
            numbers.iter().copied().filter(|number| self.parts[*number].is_unnoted()).collect();
        if !self.plan.commits || unnoted.is_empty() {
            return Ok(());
        }
        let parts: Vec<_> = unnoted.iter().map(|number| &self.parts[*number]).collect();
        self.keeping.note(&parts)?;
        for number in unnoted {
            let part = &mut self.parts[number];
            part.noted = Some(part.readable_from());
        }
        Ok(())
    }

    /// Writes the rest, if it can be, and notes what was written.
    fn finish(&mut self) -> Result<(), CommandError> {
        if !self.printer.is_broken() {
            let _ = self.printer.flush();
        }
        self.settle();
        let all: Vec<_> = (0..self.parts.len()).collect();
        self.note(&all)
    }

    fn is_look_due(&self) -> bool {
        Instant::now() >= self.look_due
    }

    /// The status to end with, if it is time to.
    fn stopped(&self) -> Option<Status> {
        match is_to_stop(self.plan, &self.signals) {
            Some(Status::TimedOut) | None if self.printer.has_ended() => Some(Status::Done),
            status => status,
        }
    }
}
