//! `runnel table`: topics as tables, the latest value of each key.

mod rows;
mod view;

use clap::{Args, Subcommand};

use super::Outcome;
use crate::cli::context::Context;
pub(super) use rows::{RowForm, Rows};
use view::ViewArgs;
pub(super) use view::{Decoding, parse_at};

/// Flags of `runnel table`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = AFTER_HELP,
    override_usage = "runnel table [OPTIONS] <TOPIC> [KEY]\n       runnel table <COMMAND>"
)]
pub(in crate::cli) struct TableArgs {
    #[command(subcommand)]
    command: Option<TableCommand>,
    #[command(flatten)]
    view: ViewArgs,
}

/// The commands on tables.
#[derive(Debug, Subcommand)]
enum TableCommand {
    /// Show a topic as a table, also one that is called like a command
    View(ViewArgs),
}

const AFTER_HELP: &str = "\
Examples:
  runnel table users                      the latest value of each key
  runnel table users ann                  of one key
  runnel table users --at yesterday       as it was
  runnel table users -J | jq .value       a JSON object a line";

/// Runs `runnel table`.
pub(super) fn run(context: &Context, args: TableArgs) -> Outcome {
    let args = match args.command {
        Some(TableCommand::View(args)) => args,
        None => args.view,
    };
    view::run(context, &args)
}
