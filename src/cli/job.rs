//! Running a job from the command line: standard output for results, standard error for what failed and the summary, signals,
//! a progress bar; and the flags that jobs share.

use std::time::Duration;

use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::output::{Formatter, OutputRecord};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
use crate::cli::sink::{Sink, SinkError};
use crate::cli::terminal::{counted, with_separators};
use crate::cli::time::parse_duration;
use crate::cluster::{Cluster, Error, JobLease, Wait};
use crate::filter::Stack;
use crate::job::plan::{Plan, PlanError};
use crate::job::run::{
    Closed, Front, Named, OnError, Options, Printed, RunError, Summary, run as run_job,
};
use crate::model::{TopicName, TopicPartition};
use crate::serde::Serde;
use crate::stream;

/// How often changes come out and are kept, unless told otherwise. Source: Kafka Streams' default with exactly-once.
pub(super) const COMMIT_INTERVAL_MS: u64 = 100;

/// How often a job is asked for that another process runs.
const LEASE_POLL: Duration = Duration::from_millis(100);

/// Failed records that are named one by one.
const NAMED_FAILURES: u64 = 10;

/// Standard output and the like.
struct Terminal<'a> {
    context: &'a Context,
    formatter: Formatter,
    sink: Sink,
    signals: Signals,
    progress: Option<Progress>,
    failed: u64,
    stopped: Option<SinkError>,
}

impl<'a> Terminal<'a> {
    /// What `is_kept` was noted as printed must have been taken by who reads.
    fn new(context: &'a Context, formatter: Formatter, signals: Signals, is_kept: bool) -> Self {
        let sink = if is_kept { Sink::as_it_is() } else { Sink::stdout() };
        Self { context, formatter, sink, signals, progress: None, failed: 0, stopped: None }
    }

    /// Writes the rest. The status is that of a signal, if one came.
    fn end(mut self) -> Outcome {
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
        if self.stopped.is_some() {
            return Err(Closed);
        }
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
        if self.stopped.is_some() {
            return Err(Closed);
        }
        let flushed = self.sink.flush();
        self.closed_on(flushed)
    }

    fn failed(&mut self, at: &TopicPartition, offset: i64, why: &str) {
        self.failed += 1;
        if self.failed <= NAMED_FAILURES {
            self.context.error(&format!("{at} offset {offset}: {why}"));
        }
    }

    fn failed_result(&mut self, why: &str) {
        self.failed += 1;
        if self.failed <= NAMED_FAILURES {
            self.context.error(&format!("a result: {why}"));
        }
    }

    fn misplaced(&mut self, at: &TopicPartition, offset: i64) {
        self.context.warn(&format!(
            "{at} offset {offset} has a key that Kafka's partitioner puts elsewhere; what other partitions have of it, \
             other tasks have"
        ));
        self.context.inform("hint", ONE_TASK);
    }

    fn waiting(&mut self) {
        self.context.inform("note", "the rest is in the hands of another process; waiting for it");
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

/// Runs a job, and tells what came of it.
pub(super) fn run(
    context: &Context,
    cluster: &Cluster,
    plan: &Plan,
    named: Option<Named<'_>>,
    options: &Options,
    formatter: Formatter,
) -> Outcome {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    signals.set(&plan.interrupt.0).map_err(CommandError::failed)?;
    // Programs run on a stack of their own, and so does all around them.
    let work = |_: &Stack| -> Outcome {
        let mut terminal = Terminal::new(context, formatter, signals, named.is_some());
        let summary = run_job(cluster, plan, named, options, &mut terminal);
        let ended = terminal.end();
        match summary {
            Err(RunError::Closed) => ended,
            Err(error) => Err(error.into()),
            Ok(summary) => {
                tell(context, &summary);
                let failed = if summary.failed > 0 { Status::SomeFailed } else { Status::Done };
                Ok(ended?.or(failed))
            }
        }
    };
    let outcome = Stack::run(work).map_err(CommandError::failed)?;
    context.tell(cluster.take_notices());
    outcome
}

/// How many tasks of a job are worked at at once.
pub(super) fn threads(wanted: Option<usize>) -> usize {
    wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Reads a number of threads.
pub(super) fn parse_threads(text: &str) -> Result<usize, String> {
    const MAX: usize = 1024;
    let threads = text.parse().ok().filter(|threads| (1..=MAX).contains(threads));
    threads.ok_or_else(|| format!("it is a number from 1 to {MAX}"))
}

/// Takes a job for this process, once no other one runs it; the status of a signal that came first.
pub(super) fn lease(
    context: &Context,
    cluster: &Cluster,
    named: Named<'_>,
) -> Result<Result<JobLease, Status>, CommandError> {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    let mut is_told = false;
    loop {
        if let Some(status) = signals.received() {
            return Ok(Err(status));
        }
        match cluster.lease_job(named.name, named.job, Wait::No) {
            Err(Error::JobRuns(name)) => {
                if !is_told {
                    context.inform(
                        "note",
                        &format!("{name} is being updated by another process; waiting for it"),
                    );
                    is_told = true;
                }
                std::thread::sleep(LEASE_POLL);
            }
            lease => return Ok(Ok(lease?)),
        }
    }
}

/// Says what was done, where somebody wants to know or should.
fn tell(context: &Context, summary: &Summary) {
    let Summary { records_in, records_out, dropped, late, failed, missed, .. } = *summary;
    if missed > 0 {
        let partitions = counted(count(missed as u64), "partition");
        context.warn(&format!("records of {partitions} were deleted before they were taken in"));
    }
    if !context.verbose && dropped + late + failed == 0 {
        return;
    }
    let records = |number: u64| counted(count(number), "record");
    let mut text = format!("{} in, {} out", records(records_in), records(records_out));
    for (number, what) in [(dropped, "dropped"), (late, "late"), (failed, "failed")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", with_separators(count(number))));
        }
    }
    context.inform("summary", &text);
}

/// Results go to topics: their names are no table's and no stream's.
pub(super) fn check_outputs(
    cluster: &Cluster,
    name: &TopicName,
    plan: &Plan,
) -> Result<(), CommandError> {
    for topic in plan.sinks.iter().filter_map(|sink| sink.topic.as_ref()) {
        if topic == name || cluster.job(topic)?.is_some() {
            return Err(CommandError::usage(format!("results cannot go to {topic}"))
                .hint("a table or stream has that name; topics have names of their own"));
        }
    }
    Ok(())
}

/// What comes out does not go in again.
pub(super) fn check_circles(plan: &Plan, on_error: &OnError) -> Result<(), CommandError> {
    let mut topics: Vec<_> = plan.sinks.iter().filter_map(|sink| sink.topic.as_ref()).collect();
    if let OnError::DeadLetter(topic) = on_error {
        topics.push(topic);
    }
    let is_read = |topic: &TopicName| {
        plan.inputs.iter().any(|input| input.topic == *topic)
            || plan.globals.iter().any(|global| global.topic == *topic)
    };
    match topics.into_iter().find(|topic| is_read(topic)) {
        Some(topic) => {
            Err(CommandError::usage(format!("{topic} is read: what goes there comes back"))
                .hint("another topic"))
        }
        None => Ok(()),
    }
}

/// A name that is wanted for a table or stream, and is a topic's.
pub(super) fn taken_name(error: Error) -> CommandError {
    match error {
        Error::TopicExists(name) => CommandError::failed(format!("{name} is a topic"))
            .hint("topics, tables and streams have names of their own"),
        error => error.into(),
    }
}

fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `OnError`, as clap keeps it.
#[derive(Debug, Clone)]
pub(super) struct OnErrorArg(pub(super) OnError);

/// Reads `fail`, `skip` or `dead-letter=TOPIC`.
pub(super) fn parse_on_error(text: &str) -> Result<OnErrorArg, String> {
    Ok(OnErrorArg(match text.split_once('=') {
        None if text == "fail" => OnError::Fail,
        None if text == "skip" => OnError::Skip,
        Some(("dead-letter", topic)) => OnError::DeadLetter(named_topic(topic)?),
        _ => return Err("it is fail, skip or dead-letter=TOPIC".to_owned()),
    }))
}

/// The topic of a flag that holds more than that.
pub(super) fn named_topic(topic: &str) -> Result<TopicName, String> {
    TopicName::new(topic).map_err(|error| format!("bad topic name {topic:?}: {error}"))
}

/// Reads one serde, or `IN:OUT`.
pub(super) fn parse_serde_pair(text: &str) -> Result<(Serde, Serde), String> {
    let (read, written) = text.split_once(':').unwrap_or((text, text));
    Ok((read.parse()?, written.parse()?))
}

/// Reads a duration in milliseconds, of a thousand years at most: no sum of times and such durations overflows.
pub(super) fn milliseconds(text: &str) -> Result<i64, String> {
    const MAX: i64 = 1000 * 366 * 24 * 60 * 60 * 1000;
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    let milliseconds = i64::try_from(duration.as_millis()).ok().filter(|it| *it <= MAX);
    milliseconds.ok_or_else(|| format!("{text} is too long: a thousand years are the most"))
}

/// Reads a number of bytes, with k, m or g for powers of 1024.
pub(super) fn parse_bytes(text: &str) -> Result<usize, String> {
    let wrong = || format!("{text:?} is no number of bytes, as 10m is");
    let split = text.len() - usize::from(text.ends_with(|last: char| last.is_ascii_alphabetic()));
    let (number, unit) = text.split_at(split);
    let scale: usize = match unit {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: usize = number.parse().map_err(|_| wrong())?;
    number.checked_mul(scale).ok_or_else(wrong)
}

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Script(error) => crate::cli::program::mistake(error.flag, &error.source),
            error @ PlanError::Clash(_) => {
                Self::usage(&error).hint("--join NAME=ALIAS gives it another name")
            }
            error @ PlanError::Apart { .. } => Self::usage(&error).hint(format!(
                "`runnel stream TOPIC --key JQ --to OTHER --id NAME` puts them into one first; {ONE_TASK}"
            )),
            error => Self::usage(&error),
        }
    }
}

const ONE_TASK: &str = "without --per-partition one task has all partitions";

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Cluster(error) => error.into(),
            error @ RunError::Record { .. } => Self::failed(&error)
                .hint("--on-error skip leaves such records out, dead-letter=TOPIC keeps them"),
            error @ (RunError::AnotherTopic(_)
            | RunError::CutInput(_)
            | RunError::Notes(_)
            | RunError::Outbox
            | RunError::Damaged(_)
            | RunError::Stream(
                stream::Error::Corrupt { .. } | stream::Error::Format { .. },
            )) => Self::failed(&error).hint(
                "for a table, `runnel table update NAME --rebuild` makes it anew; a stream is \
                     forgotten by `runnel stream --drop NAME`",
            ),
            error @ RunError::PartitionsChanged { .. } => Self::failed(&error).hint(format!(
                "`runnel stream TOPIC --to OTHER --id NAME` has a topic with all keys where they belong; {ONE_TASK}"
            )),
            error @ RunError::PartitionCounts { .. } => Self::failed(&error).hint(format!(
                "`runnel topic create OUT -p N` before the first result has a topic with as many; {ONE_TASK}"
            )),
            error @ RunError::HeldBack(_) => Self::failed(&error)
                .hint("it came of several records, so none can be left out; mend what it says"),
            error => Self::failed(&error),
        }
    }
}
