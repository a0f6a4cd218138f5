//! `runnel log`: look after logs.

mod retain;

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::path::Path;

use clap::{Args, Subcommand};

use super::Outcome;
use super::topic::{reading, topic_name};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::sink::print;
use crate::cli::terminal::{counted, human_bytes};
use crate::cluster::{ForeignLog, PartitionReader};
use crate::inspect::{self, Finding, Report};

/// The commands on logs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LogCommand {
    /// Check every checksum and every index entry; findings go to standard output, one a line
    Verify(VerifyArgs),
    /// Remove segments that are older or more than retention.ms and retention.bytes say
    Retain(retain::RetainArgs),
}

/// Flags of `log verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A topic, or the path of a partition directory or .log file [default: all topics]
    #[arg(value_name = "TOPIC|PATH")]
    target: Option<String>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Runs a command on logs.
pub(super) fn run(context: &Context, command: LogCommand) -> Outcome {
    match command {
        LogCommand::Verify(args) => verify(context, &args),
        LogCommand::Retain(args) => retain::run(context, &args),
    }
}

fn verify(context: &Context, args: &VerifyArgs) -> Outcome {
    let readers = targets(context, args.target.as_deref())?;
    let mut total = 0;
    for reader in &readers {
        total += inspect::bytes_to_verify(reader.log()).map_err(|error| reader.failed(error))?;
    }
    let mut progress = Progress::new(context, total, Unit::Bytes);
    let (mut before, mut reports) = (0, Vec::new());
    for reader in &readers {
        let report =
            inspect::verify_partition(reader.log(), &mut |done| progress.set(before + done));
        let report = report.map_err(|error| reader.failed(error))?;
        before += report.bytes;
        write_findings(&report, args.json)?;
        reports.push(report);
    }
    drop(progress);
    let damaged = reports.iter().filter(|report| report.has_damage()).count();
    if context.verbose || std::io::stderr().is_terminal() {
        context.inform("verified", &summary(&reports, damaged));
    }
    Ok(if damaged > 0 { Status::Damaged } else { Status::Done })
}

/// The partitions that are meant.
fn targets(context: &Context, target: Option<&str>) -> Result<Vec<PartitionReader>, CommandError> {
    if let Some(path) = target.filter(|target| target.contains('/') || target.ends_with(".log")) {
        return Ok(vec![ForeignLog::open(Path::new(path))?.reader()?]);
    }
    let named = target.map(topic_name).transpose()?;
    let cluster = match named.as_ref().map(std::slice::from_ref) {
        Some(names) => reading(context, names)?,
        None => match context.open_to_read()? {
            Some(cluster) => cluster,
            None => return Ok(Vec::new()),
        },
    };
    let names = match named {
        Some(name) => vec![name],
        None => cluster.topics()?.into_keys().collect(),
    };
    let mut readers = Vec::new();
    for name in names {
        let topic = cluster.topic(&name)?;
        for partition in 0..topic.partitions {
            readers.push(cluster.reader(&topic, partition)?);
        }
    }
    Ok(readers)
}

fn write_findings(report: &Report, json: bool) -> Result<(), CommandError> {
    let mut out = String::new();
    for finding in &report.findings {
        let Finding { path, position, severity, what } = finding;
        let written = if json {
            let object = serde_json::json!({
                "partition": report.partition.to_string(),
                "severity": severity.name(),
                "path": path,
                "position": position,
                "what": what.to_string(),
            });
            writeln!(out, "{object}")
        } else {
            writeln!(out, "{}: {finding}", severity.name())
        };
        written.expect("a string takes all that is written");
    }
    print(out)
}

fn summary(reports: &[Report], damaged: usize) -> String {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let count = |of, what| counted(i64::try_from(sum(of)).unwrap_or(i64::MAX), what);
    let verdict = match damaged {
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
