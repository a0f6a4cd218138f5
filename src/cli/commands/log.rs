//! `runnel log`: look after logs.

mod compact;
mod dump;
mod repair;
mod retain;
mod verify;

use clap::Subcommand;

use super::Outcome;
use super::topic::reading;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cluster::Cluster;
use crate::log::names;
use crate::model::TopicName;

/// The commands on logs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LogCommand {
    /// Print what the files of a log hold: batches and records, entries of indexes, producers
    Dump(dump::DumpArgs),
    /// Take out of a log what is damaged, and make anew what stands beside it: the plan, then the deed
    Repair(repair::RepairArgs),
    /// Check every checksum and every index entry; findings go to standard output, one a line
    Verify(verify::VerifyArgs),
    /// Remove segments that are older or more than retention.ms and retention.bytes say
    Retain(retain::RetainArgs),
    /// Keep only the last record of each key, in topics whose cleanup.policy says compact
    Compact(compact::CompactArgs),
}

/// Runs a command on logs.
pub(super) fn run(context: &Context, command: LogCommand) -> Outcome {
    match command {
        LogCommand::Dump(args) => dump::run(context, &args),
        LogCommand::Repair(args) => repair::run(context, &args),
        LogCommand::Verify(args) => verify::run(context, &args),
        LogCommand::Retain(args) => retain::run(context, &args),
        LogCommand::Compact(args) => compact::run(context, &args),
    }
}

/// The directory for a round over its partitions; `None` where it is not there yet, and so nothing
/// is due in it.
fn open_for_round(
    context: &Context,
    only: Option<&TopicName>,
    dry_run: bool,
) -> Result<Option<Cluster>, CommandError> {
    let cluster = match only {
        Some(name) => Some(reading(context, std::slice::from_ref(name))?),
        None => context.open_to_read()?,
    };
    if dry_run || cluster.is_none() {
        return Ok(cluster);
    }
    context.open_to_write().map(Some)
}

/// Whether an argument is a path and no topic.
fn is_path(argument: &str) -> bool {
    let suffixes = [names::LOG, names::INDEX, names::TIME_INDEX, names::TXN_INDEX, names::SNAPSHOT];
    argument.contains('/') || suffixes.iter().any(|suffix| argument.ends_with(suffix))
}
