//! `runnel log`: look after logs.

use clap::Subcommand;

use super::Outcome;
use crate::cli::context::Context;

/// The commands on logs.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum LogCommand {}

/// Runs a command on logs.
pub(super) fn run(_context: &Context, command: LogCommand) -> Outcome {
    match command {}
}
