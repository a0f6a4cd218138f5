//! `runnel log verify`: every checksum, every index, and what stands beside them.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::super::topic::{reading, topic_name};
use super::dump::{failed, target_error};
use super::{Outcome, is_path};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::sink::print;
use crate::cli::terminal::{counted, escape_for_terminal, human_bytes};
use crate::cluster::{Cluster, Error, Topic};
use crate::inspect::{
    Finding, KnownTopic, Problem, Report, Severity, Target, TargetKind, bytes_to_verify,
    verify_directory, verify_partition,
};
use crate::log::PartitionLog;
use crate::model::TopicName;
use crate::storage::Storage;

/// Flags of `log verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A topic, or the path of a partition directory, a segment or a log directory [default: all]
    #[arg(value_name = "TOPIC|PATH")]
    target: Option<String>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// What is to be verified.
#[derive(Default)]
struct Wanted {
    logs: Vec<Arc<PartitionLog>>,
    /// The log directory around them, if that is meant too.
    directory: Option<(Arc<dyn Storage>, &'static str)>,
    /// The topics that there should be, if that is known.
    topics: Option<Vec<KnownTopic>>,
    /// What was found before any log was looked at.
    findings: Vec<Finding>,
}

pub(super) fn run(context: &Context, args: &VerifyArgs) -> Outcome {
    let wanted = wanted(context, args.target.as_deref())?;
    let mut total = 0;
    for log in &wanted.logs {
        total += bytes_to_verify(log).map_err(|error| failed(log.place(), error))?;
    }
    write_findings(None, &wanted.findings, args.json)?;
    let mut progress = Progress::new(context, total, Unit::Bytes);
    let (mut before, mut reports) = (0, Vec::new());
    for log in &wanted.logs {
        let report = verify_partition(log, &mut |done| progress.set(before + done));
        let report = report.map_err(|error| failed(log.place(), error))?;
        before += report.bytes;
        write_findings(Some(&report), &report.findings, args.json)?;
        reports.push(report);
    }
    drop(progress);
    let mut around = wanted.findings;
    if let Some((storage, dir)) = &wanted.directory {
        let logs: Vec<_> = wanted.logs.iter().map(|log| &**log).collect();
        let found = verify_directory(&**storage, dir, wanted.topics.as_deref(), &logs);
        let found = found.map_err(|error| CommandError::failed(&error))?;
        write_findings(None, &found, args.json)?;
        around.extend(found);
    }
    let damaged = reports.iter().filter(|report| report.has_damage()).count();
    let is_damaged = around.iter().any(|finding| finding.severity == Severity::Damage);
    if context.verbose || std::io::stderr().is_terminal() {
        context.inform("verified", &summary(&reports, damaged, is_damaged));
    }
    Ok(if damaged > 0 || is_damaged { Status::Damaged } else { Status::Done })
}

/// What is meant.
fn wanted(context: &Context, target: Option<&str>) -> Result<Wanted, CommandError> {
    if let Some(path) = target.filter(|target| is_path(target)) {
        return of_path(Path::new(path));
    }
    if let Some(target) = target {
        let name = topic_name(target)?;
        let cluster = reading(context, std::slice::from_ref(&name))?;
        let topic = cluster.topic(&name)?;
        let logs = logs_of(&cluster, &name, topic.partitions)?;
        return Ok(Wanted { logs, ..Wanted::default() });
    }
    let Some(cluster) = context.open_to_read()? else {
        return Ok(Wanted::default());
    };
    let (storage, dir) = cluster.log_directory();
    let directory = Some((Arc::clone(storage), dir));
    let topics = match cluster.topics() {
        // What it told of is found by the directories that there are.
        Err(Error::Damaged { path, cause }) => {
            let what = Problem::Unreadable(cause);
            let damage = Finding { path, position: None, severity: Severity::Damage, what };
            let log_dir = context.dir()?.join(dir);
            let logs = Target::open(&log_dir).map_err(target_error)?.logs().map_err(Error::from)?;
            return Ok(Wanted { logs, directory, topics: None, findings: vec![damage] });
        }
        topics => topics?,
    };
    let mut logs = Vec::new();
    for (name, topic) in &topics {
        logs.extend(logs_of(&cluster, name, topic.partitions)?);
    }
    let known = |(name, topic): (TopicName, Topic)| KnownTopic {
        name,
        id: topic.id,
        partitions: topic.partitions,
    };
    let topics = Some(topics.into_iter().map(known).collect());
    Ok(Wanted { logs, directory, topics, findings: Vec::new() })
}

fn of_path(path: &Path) -> Result<Wanted, CommandError> {
    let target = Target::open(path).map_err(target_error)?;
    let is_log_directory = target.kind == TargetKind::LogDirectory;
    let logs = target.logs().map_err(Error::from)?;
    let directory = is_log_directory.then(|| (Arc::clone(&target.place.storage), ""));
    Ok(Wanted { logs, directory, ..Wanted::default() })
}

/// The logs of a topic. A directory that is missing is told where the directory is looked at.
fn logs_of(
    cluster: &Cluster,
    name: &TopicName,
    partitions: i32,
) -> Result<Vec<Arc<PartitionLog>>, CommandError> {
    let topic = cluster.topic(name)?;
    let mut logs = Vec::new();
    for partition in 0..partitions {
        logs.push(cluster.log(&topic, partition)?);
    }
    Ok(logs)
}

fn write_findings(
    report: Option<&Report>,
    findings: &[Finding],
    json: bool,
) -> Result<(), CommandError> {
    let mut out = String::new();
    for finding in findings {
        let Finding { path, position, severity, what } = finding;
        if json {
            let object = serde_json::json!({
                "partition": report.map(|report| report.partition.to_string()),
                "severity": severity.name(),
                "path": path,
                "position": position,
                "what": what.to_string(),
            });
            writeln!(out, "{object}").expect("a string takes all that is written");
        } else {
            escape_for_terminal(&mut out, format!("{}: {finding}", severity.name()).as_bytes());
            out.push('\n');
        }
    }
    print(out)
}

fn summary(reports: &[Report], damaged: usize, around: bool) -> String {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let count = |of, what| counted(i64::try_from(sum(of)).unwrap_or(i64::MAX), what);
    let verdict = match damaged {
        0 if around => "what stands around them is damaged".to_owned(),
        0 => "sound".to_owned(),
        damaged => format!("{} damaged", counted(damaged as i64, "partition")),
    };
    format!(
        "{}, {}, {}, {}: {verdict}",
        counted(reports.len() as i64, "partition"),
        count(|report| report.segments, "segment"),
        count(|report| report.records, "record"),
        human_bytes(sum(|report| report.bytes)),
    )
}
