//! `runnel log compact`: what a server does on its own, for cron. Each partition that was compacted,
//! or would be, is a line; one that fails is told of, and the others go on.

use std::ops::ControlFlow;

use clap::Args;

use super::open_for_round;
use crate::cli::commands::Outcome;
use crate::cli::commands::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
use crate::cli::sink::print;
use crate::cli::terminal::{counted, human_bytes};
use crate::cluster::{
    self, Compacted, CompactionEnd, CompactionObserver, CompactionRound, Dirtiness,
};
use crate::model::TopicPartition;

/// Flags of `log compact`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CompactArgs {
    /// A topic [default: all topics that are compacted]
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
    /// Compact now, however little there is to gain; begins a new segment first
    #[arg(long)]
    now: bool,
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
    /// Megabytes of memory for the keys of a partition; more keys take more rounds [default: as log.cleaner.dedupe.buffer.size says, 134]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    memory: Option<u32>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

pub(super) fn run(context: &Context, args: &CompactArgs) -> Outcome {
    let only = args.topic.as_deref().map(topic_name).transpose()?;
    let Some(cluster) = open_for_round(context, only.as_ref(), args.dry_run)? else {
        return Ok(Status::Done);
    };
    let round = CompactionRound {
        only: only.as_ref(),
        dry_run: args.dry_run,
        is_forced: args.now,
        map_bytes_max: args.memory.map(|megabytes| megabytes as usize * 1_000_000),
    };
    let mut teller = Teller {
        context,
        args,
        signals: Signals::listen().map_err(CommandError::failed)?,
        progress: Progress::hidden(),
        read: 0,
        status: Status::Done,
        printed: Ok(()),
    };
    cluster.compaction_round(round, &mut teller)?;
    let Teller { signals, status, printed, .. } = teller;
    context.tell(cluster.take_notices());
    printed.map(|()| signals.received().unwrap_or(status))
}

/// Tells a person how it goes.
struct Teller<'c> {
    context: &'c Context,
    args: &'c CompactArgs,
    signals: Signals,
    progress: Progress,
    /// Bytes read of the partition in hand.
    read: u64,
    status: Status,
    printed: Result<(), CommandError>,
}

impl Teller<'_> {
    fn print(&mut self, line: String) {
        // That it can't be told is no reason not to do it.
        if let Err(error) = print(line + "\n") {
            self.printed = Err(error);
        }
    }
}

impl CompactionObserver for Teller<'_> {
    fn begin(&mut self, partition: &TopicPartition, dirtiness: &Dirtiness) {
        if self.args.dry_run {
            let line = match self.args.json {
                true => json_due(partition, dirtiness),
                false => text_due(partition, dirtiness),
            };
            return self.print(line);
        }
        let all = dirtiness.clean_bytes + 2 * dirtiness.dirty_bytes;
        self.progress = Progress::new(self.context, all, Unit::Bytes);
        self.read = 0;
    }

    fn read(&mut self, bytes: u64) -> ControlFlow<()> {
        self.read += bytes;
        self.progress.set(self.read);
        match self.signals.received() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn end(&mut self, partition: &TopicPartition, end: cluster::Result<CompactionEnd>) {
        self.progress = Progress::hidden();
        match end {
            Ok(CompactionEnd::Done(done)) => {
                let line = match self.args.json {
                    true => json_done(partition, &done),
                    false => text_done(partition, &done),
                };
                self.print(line);
            }
            Ok(CompactionEnd::Busy) => {
                self.context.warn(&format!("{partition}: another command is compacting it"));
            }
            Ok(CompactionEnd::Overtaken) => {
                let what = "its oldest records were deleted meanwhile; the next run goes on";
                self.context.warn(&format!("{partition}: {what}"));
            }
            Ok(CompactionEnd::Stopped | CompactionEnd::NotDue) => {}
            Err(error) => {
                let error = CommandError::from(error);
                self.context.report(&error);
                self.status = self.status.or(error.status);
            }
        }
    }
}

fn text_done(partition: &TopicPartition, done: &Compacted) -> String {
    format!(
        "{partition}: {} to {}, {} to {}, {} to {}",
        human_bytes(done.bytes_before),
        human_bytes(done.bytes_after),
        counted(done.records_before as i64, "record"),
        crate::cli::terminal::with_separators(done.records_after as i64),
        counted(done.segments_before as i64, "segment"),
        done.segments_after,
    )
}

fn json_done(partition: &TopicPartition, done: &Compacted) -> String {
    let object = serde_json::json!({
        "topic": partition.topic,
        "partition": partition.partition,
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
        "records_before": done.records_before,
        "records_after": done.records_after,
        "segments_before": done.segments_before,
        "segments_after": done.segments_after,
        "rounds": done.rounds,
        "dry_run": false,
    });
    object.to_string()
}

fn text_due(partition: &TopicPartition, due: &Dirtiness) -> String {
    let all = due.clean_bytes + due.dirty_bytes;
    let active = match due.active_bytes {
        0 => String::new(),
        bytes => format!(" ({} in the active segment)", human_bytes(bytes)),
    };
    format!(
        "{partition}: would compact {}, {} of them never compacted{active}",
        human_bytes(all),
        human_bytes(due.dirty_bytes),
    )
}

fn json_due(partition: &TopicPartition, due: &Dirtiness) -> String {
    let object = serde_json::json!({
        "topic": partition.topic,
        "partition": partition.partition,
        "clean_bytes": due.clean_bytes,
        "dirty_bytes": due.dirty_bytes,
        "active_bytes": due.active_bytes,
        "first_dirty": due.first_dirty.0,
        "first_uncleanable": due.first_uncleanable.0,
        "dry_run": true,
    });
    object.to_string()
}
