//! The commands, a file each.

pub(super) mod backup;
pub(super) mod consume;
pub(super) mod generate;
pub(super) mod get;
pub(super) mod group;
pub(super) mod log;
pub(super) mod produce;
pub(super) mod restore;
pub(super) mod serve;
pub(super) mod stream;
pub(super) mod table;
pub(super) mod topic;

use super::args::Command;
use super::context::Context;
use super::error::{CommandError, Status};

/// How a command ends.
pub(super) type Outcome = Result<Status, CommandError>;

/// Runs one.
pub(super) fn run(context: &Context, command: Command) -> Outcome {
    match command {
        Command::Topic(command) => topic::run(context, command),
        Command::Produce(args) => produce::run(context, *args),
        Command::Consume(args) => consume::run(context, *args),
        Command::Stream(args) => stream::run(context, &args),
        Command::Get(args) => get::run(context, &args),
        Command::Table(args) => table::run(context, *args),
        Command::Group(command) => group::run(context, command),
        Command::Serve(args) => serve::run(context, *args),
        Command::Log(command) => log::run(context, command),
        Command::Backup(args) => backup::run(context, &args),
        Command::Restore(args) => restore::run(context, &args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    }
}
