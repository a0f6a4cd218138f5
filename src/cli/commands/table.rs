//! `runnel table`: topics as tables, the latest value of each key; and tables that are made of topics and of each other,
//! which last.

mod create;
mod grammar;
mod live;
mod manage;
mod rows;
mod show;
mod update;
mod view;

use clap::{Args, Subcommand};

use super::Outcome;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cluster::{Cluster, Error, Job};
use crate::job::plan::{Plan, plan};
use crate::job::{Definition, TableDefinition};
use crate::model::TopicName;
pub(super) use create::table_source;
pub(super) use rows::{RowForm, Rows};
pub(super) use show::find_in_table;
use view::ViewArgs;
pub(super) use view::{Decoding, no_past, parse_at, tell_what_is_gone};

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
    /// Make a table of a topic or of another table
    Create(Box<create::CreateArgs>),
    /// Bring a table up to date, from cron or with -f
    Update(update::UpdateArgs),
    /// Show the rows of a table
    Show(show::ShowArgs),
    /// Print the names of tables, one a line
    List(manage::ListArgs),
    /// Show what a table is made of, and how far behind it is
    Describe(manage::DescribeArgs),
    /// Drop a table with all that is kept of it
    Drop(manage::DropArgs),
    /// Show a topic as a table, also one that is called like a command
    View(ViewArgs),
}

const AFTER_HELP: &str = "\
Examples:
  runnel table users                      the latest value of each key
  runnel table users ann                  of one key
  runnel table users --at yesterday       as it was
  runnel table users -J | jq .value       a JSON object a line
  runnel table create visits --from clicks --by .user --agg count";

/// Runs `runnel table`.
pub(super) fn run(context: &Context, args: TableArgs) -> Outcome {
    match args.command {
        Some(TableCommand::Create(args)) => create::run(context, &args),
        Some(TableCommand::Update(args)) => update::run(context, &args),
        Some(TableCommand::Show(args)) => show::run(context, &args),
        Some(TableCommand::List(args)) => manage::list(context, &args),
        Some(TableCommand::Describe(args)) => manage::describe(context, &args),
        Some(TableCommand::Drop(args)) => manage::drop_table(context, &args),
        Some(TableCommand::View(args)) => view::run(context, &args),
        None => view::run(context, &args.view),
    }
}

/// What the catalog says that a job is to do.
pub(super) fn definition_of(name: &TopicName, job: &Job) -> Result<Definition, CommandError> {
    serde_json::from_value(job.definition.clone()).map_err(|error| {
        CommandError::failed(format!("cannot read the definition of {name}: {error}"))
            .hint("a later version of runnel may have made it")
    })
}

/// Refuses the group of a table or stream, which says how far that is; with `is_to_move` only where it does not go by it.
pub(super) fn refuse_group_of_job(
    cluster: &Cluster,
    group: &str,
    is_to_move: bool,
) -> Result<(), CommandError> {
    let Ok(name) = TopicName::new(group) else { return Ok(()) };
    let Some(job) = cluster.job(&name)? else { return Ok(()) };
    let definition = definition_of(&name, &job)?;
    if is_to_move && !plan(&definition)?.has_state {
        return Ok(());
    }
    let (what, hint) = match definition {
        Definition::Table(_) => ("table", format!("`runnel table update {name} --rebuild`")),
        Definition::Stream(_) => ("stream", format!("`runnel stream --drop {name}`")),
    };
    Err(CommandError::usage(format!("{name} is the group of a {what}, which says how far that is"))
        .hint(format!("{hint} has it begin anew")))
}

/// A table by its name.
fn named_table(
    cluster: &Cluster,
    name: &TopicName,
) -> Result<(Job, TableDefinition), CommandError> {
    let job = cluster.job(name)?.ok_or_else(|| Error::NoSuchJob(name.clone()))?;
    match definition_of(name, &job)? {
        Definition::Table(definition) => Ok((job, definition)),
        Definition::Stream(_) => Err(Error::NoSuchJob(name.clone()).into()),
    }
}

fn table_plan(definition: TableDefinition) -> Result<Plan, CommandError> {
    Ok(plan(&Definition::Table(definition))?)
}
