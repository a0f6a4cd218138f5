//! `runnel log dump`: what the files of a log hold.

mod json;
mod text;

use std::ops::ControlFlow;
use std::path::Path;

use clap::Args;

use super::super::topic::{reading, topic_name};
use super::{Outcome, is_path};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::{Sink, SinkError};
use crate::cluster;
use crate::inspect::dump::{DumpOptions, Flow, Item, dump_file, dump_partition};
use crate::inspect::{Severity, Target, TargetError, TargetKind};
use crate::log::{self, PartitionLog, Place};
use crate::model::TopicPartition;

/// Flags of `log dump`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DumpArgs {
    /// A topic, a partition's directory, or a file of one: .log, .index, .timeindex, .txnindex,
    /// .snapshot, a checkpoint
    #[arg(value_name = "PATH|TOPIC")]
    target: String,
    /// Batches alone, without their records
    #[arg(long)]
    batches: bool,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

pub(super) fn run(context: &Context, args: &DumpArgs) -> Outcome {
    let options = DumpOptions { batches_only: args.batches };
    let mut printer = Printer::new(args.json);
    if is_path(&args.target) {
        let target = Target::open(Path::new(&args.target)).map_err(target_error)?;
        if let TargetKind::File { path, kind } = &target.kind {
            printer.begin(&target.place.partition);
            let each: &mut dyn FnMut(Item<'_>) -> Flow = &mut |item| printer.item(&item);
            let dumped = dump_file(&target.place, path, *kind, options, each);
            let _: Flow = dumped.map_err(|error| failed(&target.place, error))?;
        } else {
            let logs = target.logs().map_err(cluster::Error::from)?;
            printer.logs(logs.iter().map(|log| &**log), options)?;
        }
        return printer.finish();
    }
    let name = topic_name(&args.target)?;
    let cluster = reading(context, std::slice::from_ref(&name))?;
    let topic = cluster.topic(&name)?;
    for partition in 0..topic.partitions {
        let reader = cluster.reader(&topic, partition)?;
        printer.logs([reader.log()], options)?;
        if printer.failed.is_some() {
            break;
        }
    }
    printer.finish()
}

/// A path that is nothing to look into.
pub(super) fn target_error(error: TargetError) -> CommandError {
    match error {
        TargetError::Storage(error) => cluster::Error::from(error).into(),
        error @ TargetError::NotALog(_) => CommandError::failed(error),
    }
}

/// What the log room says, with the partition's name.
pub(super) fn failed(place: &Place, source: log::Error) -> CommandError {
    let (action, partition) = ("read", place.partition.clone());
    cluster::Error::Log { action, partition, source }.into()
}

/// Prints items as they come.
struct Printer {
    json: bool,
    sink: Sink,
    partition: Option<TopicPartition>,
    path: String,
    has_damage: bool,
    failed: Option<SinkError>,
}

impl Printer {
    fn new(json: bool) -> Self {
        let (partition, path) = (None, String::new());
        Self { json, sink: Sink::stdout(), partition, path, has_damage: false, failed: None }
    }

    fn begin(&mut self, partition: &TopicPartition) {
        self.partition = Some(partition.clone());
    }

    fn logs<'l>(
        &mut self,
        logs: impl IntoIterator<Item = &'l PartitionLog>,
        options: DumpOptions,
    ) -> Result<(), CommandError> {
        for log in logs {
            self.begin(log.partition());
            let dumped = dump_partition(log, options, &mut |item| self.item(&item));
            if dumped.map_err(|error| failed(log.place(), error))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item<'_>) -> Flow {
        match item {
            Item::File { path, .. } => (*path).clone_into(&mut self.path),
            Item::Finding(finding) => self.has_damage |= finding.severity == Severity::Damage,
            _ => {}
        }
        let out = self.sink.buffer();
        match (self.json, &self.partition) {
            (true, Some(partition)) => json::write(out, item, partition, &self.path),
            _ => text::write(out, item),
        }
        if self.sink.is_full() {
            let written = self.sink.hand_over();
            return self.end_on(written);
        }
        ControlFlow::Continue(())
    }

    fn end_on(&mut self, written: Result<(), SinkError>) -> Flow {
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn finish(mut self) -> Outcome {
        if self.failed.is_none() {
            let flushed = self.sink.flush();
            let _ = self.end_on(flushed);
        }
        match self.failed {
            Some(SinkError::Io(error)) => Err(CommandError::stdout(error)),
            // Nobody reads on: that is a quiet end.
            Some(SinkError::Closed) => Ok(Status::Done),
            None if self.has_damage => Ok(Status::Damaged),
            None => Ok(Status::Done),
        }
    }
}
