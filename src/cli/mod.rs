//! The command line: arguments in, records and answers out. The one room that prints, reads the
//! environment and decides on the exit status.
//!
//! A command is a file in `commands`, named after it, with its flags and what it does. Around
//! them stand the forms of records in and out and the small grammars that flags share.

mod args;
mod commands;
mod confirm;
mod context;
mod error;
mod program;
mod progress;
mod signals;
mod sink;
mod table;

pub mod escape;
pub mod filter;
pub mod format;
mod frame;
pub mod input;
mod job;
mod json;
pub mod offset_spec;
pub mod output;
pub mod partition_list;
pub mod terminal;
pub mod time;
pub mod timestamp;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

pub use args::command;
use args::{Cli, kcat_format};
use context::Context;

/// Runs a command line, program name first, and gives its exit status.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = kcat_format(arguments.into_iter().collect());
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            if error.kind() == ErrorKind::MissingSubcommand && arguments.len() == 1 {
                // Nobody asked for help, so it goes to standard error.
                let help = command().render_help();
                let _ = match std::io::stderr().is_terminal() {
                    true => write!(std::io::stderr(), "{}", help.ansi()),
                    false => write!(std::io::stderr(), "{help}"),
                };
            } else {
                // Help and version come this way too, with status 0.
                let _ = error.print();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    raise_open_files();
    let context = Context::new(&cli.global, &arguments);
    let status = commands::run(&context, cli.command).unwrap_or_else(|error| {
        context.report(&error);
        error.status
    });
    ExitCode::from(status.code())
}

/// Lets the process open as many files as the system will: a partition takes four, and what a
/// shell gives at first is 1024.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Without, it works for topics of fewer partitions.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
