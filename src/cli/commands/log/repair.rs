//! `runnel log repair`: the plan first, the deed with `--yes`.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::super::topic::{reading, topic_name};
use super::dump::{failed, target_error};
use super::{Outcome, is_path};
use crate::broker::Broker;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;
use crate::cli::terminal::{escape_for_terminal, human_bytes};
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::Error;
use crate::inspect::repair::{
    KeptIn, RepairOptions, Repaired, Step, plan_checkpoints, plan_repair, repair,
    repair_checkpoints, topic_id_by_siblings,
};
use crate::inspect::{ForeignLock, Severity, Target, TargetKind};
use crate::log::PartitionLog;
use crate::model::TopicName;
use crate::storage::Storage;

/// Flags of `log repair`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RepairArgs {
    /// A topic, or the path of a partition's directory or a log directory of a stopped Kafka broker
    #[arg(value_name = "PATH|TOPIC")]
    target: String,
    /// Do what the plan says
    #[arg(short, long)]
    yes: bool,
}

pub(super) fn run(context: &Context, args: &RepairArgs) -> Outcome {
    if is_path(&args.target) {
        return foreign(context, Path::new(&args.target), args.yes);
    }
    let name = topic_name(&args.target)?;
    if !args.yes {
        let cluster = reading(context, std::slice::from_ref(&name))?;
        let topic = cluster.topic(&name)?;
        let logs = (0..topic.partitions).map(|partition| cluster.log(&topic, partition));
        let logs = logs.collect::<Result<Vec<_>, _>>()?;
        let (storage, dir) = cluster.log_directory();
        return Job::own(storage, dir, Some(topic.id)).plan(&logs);
    }
    reading(context, std::slice::from_ref(&name))?;
    own(&context.open_to_serve(None)?, &name)
}

/// Repairs a topic of our own directory, which this process has for itself.
fn own(broker: &Broker, name: &TopicName) -> Outcome {
    let topic = broker.topic(name)?;
    let logs = (0..topic.partitions).map(|partition| broker.log(&topic, partition));
    let logs = logs.collect::<Result<Vec<_>, _>>()?;
    let (storage, dir) = broker.log_directory();
    Job::own(storage, dir, Some(topic.id)).carry_out(&logs)
}

/// Plans or repairs what a path names, in somebody else's log directory.
fn foreign(context: &Context, path: &Path, yes: bool) -> Outcome {
    let target = Target::open(path).map_err(target_error)?;
    if matches!(target.kind, TargetKind::File { .. }) {
        return Err(CommandError::usage(format!("{} is a file", path.display()))
            .hint("give the partition's directory"));
    }
    let logs = target.logs().map_err(Error::from)?;
    if target.is_runnels() {
        let dir = context.dir()?;
        return Err(CommandError::usage(format!("{} is in a directory of runnel", path.display()))
            .hint(format!("`runnel -d {} log repair TOPIC`", dir.display())));
    }
    let job = Job::foreign(&target)?;
    if !yes {
        return job.plan(&logs);
    }
    let lock = ForeignLock::take(&target).map_err(Error::from)?;
    let Some(lock) = lock else {
        let directory = target.place.storage.display("");
        return Err(Error::KafkaRunning { directory }.into());
    };
    let outcome = job.carry_out(&logs);
    drop(lock);
    outcome
}

/// A repair of logs of one log directory.
struct Job {
    storage: Arc<dyn Storage>,
    dir: String,
    options: RepairOptions,
}

impl Job {
    fn own(storage: &Arc<dyn Storage>, dir: &str, topic_id: Option<crate::model::Uuid>) -> Self {
        let kept_in = KeptIn { storage: Arc::clone(storage), dir: Broker::CUT_DIR.to_owned() };
        let now_ms = SystemClock.now_ms();
        let options = RepairOptions { kept_in, topic_id, is_own: true, now_ms };
        Self { storage: Arc::clone(storage), dir: dir.to_owned(), options }
    }

    fn foreign(target: &Target) -> Result<Self, CommandError> {
        let kept_in = target.kept_beside().map_err(target_error)?;
        let (topic_id, is_own, now_ms) = (None, false, SystemClock.now_ms());
        let options = RepairOptions { kept_in, topic_id, is_own, now_ms };
        Ok(Self { storage: Arc::clone(&target.place.storage), dir: String::new(), options })
    }

    /// With the topic's id, by the other partitions where only they can tell.
    fn options_for(&self, log: &PartitionLog) -> Result<RepairOptions, CommandError> {
        let mut options = self.options.clone();
        if options.topic_id.is_none() {
            let found = topic_id_by_siblings(log.place());
            options.topic_id = found.map_err(|error| failed(log.place(), error))?;
        }
        Ok(options)
    }

    /// Prints what would be done.
    fn plan(&self, logs: &[Arc<PartitionLog>]) -> Outcome {
        let mut is_damaged = false;
        let steps = plan_checkpoints(&*self.storage, &self.dir).map_err(CommandError::failed)?;
        is_damaged |= !steps.is_empty();
        tell("plan", None, &steps)?;
        for log in logs {
            let plan = plan_repair(log, &self.options_for(log)?);
            let plan = plan.map_err(|error| failed(log.place(), error))?;
            is_damaged |= !plan.steps.is_empty() || !plan.beyond.is_empty();
            tell("plan", Some(log), &plan.steps)?;
            for finding in plan.beyond {
                line("stays", &finding.to_string())?;
            }
        }
        Ok(if is_damaged { Status::Damaged } else { Status::Done })
    }

    /// Does it.
    fn carry_out(&self, logs: &[Arc<PartitionLog>]) -> Outcome {
        let storage = &*self.storage;
        let steps = plan_checkpoints(storage, &self.dir).map_err(CommandError::failed)?;
        if !steps.is_empty() {
            let RepairOptions { kept_in, now_ms, .. } = &self.options;
            let done = repair_checkpoints(storage, &self.dir, kept_in, *now_ms);
            done.map_err(CommandError::failed)?;
            tell("done", None, &steps)?;
        }
        let mut status = Status::Done;
        for log in logs {
            let options = self.options_for(log)?;
            let of_log = |error| failed(log.place(), error);
            let plan = plan_repair(log, &options).map_err(of_log)?;
            for finding in &plan.beyond {
                line("stays", &finding.to_string())?;
                status = status.or(Status::Damaged);
            }
            if plan.steps.is_empty() {
                continue;
            }
            let Repaired { report, also, kept } = repair(log, &options).map_err(of_log)?;
            tell("done", Some(log), &plan.steps)?;
            tell("done", Some(log), &also)?;
            if let Some((path, bytes)) = kept {
                line("kept", &format!("{} in {path}", human_bytes(bytes)))?;
            }
            let left = report.findings.iter().filter(|it| it.severity == Severity::Damage);
            for finding in left.filter(|finding| !plan.beyond.contains(finding)) {
                line("damage", &finding.to_string())?;
                status = status.or(Status::Damaged);
            }
        }
        Ok(status)
    }
}

fn tell(word: &str, log: Option<&Arc<PartitionLog>>, steps: &[Step]) -> Result<(), CommandError> {
    for step in steps {
        match log {
            Some(log) => line(word, &format!("{}: {step}", log.partition()))?,
            None => line(word, &step.to_string())?,
        }
    }
    Ok(())
}

fn line(word: &str, text: &str) -> Result<(), CommandError> {
    let mut out = format!("{word}: ");
    escape_for_terminal(&mut out, text.as_bytes());
    out.push('\n');
    print(out)
}
