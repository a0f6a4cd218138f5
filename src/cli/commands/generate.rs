//! `runnel completions` and `runnel man`: what is generated from the declaration of the flags.

use clap::Args;
use clap_complete::Shell;

use super::Outcome;
use crate::cli::args::command;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;

/// Flags of `runnel completions`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell: bash, zsh or fish
    #[arg(value_name = "SHELL", value_parser = clap::value_parser!(Shell), hide_possible_values = true)]
    shell: Shell,
}

/// Flags of `runnel man`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ManArgs {
    /// The command whose page is wanted, as in `runnel man topic create`
    #[arg(value_name = "COMMAND")]
    path: Vec<String>,
}

/// Prints a completion script.
pub(super) fn completions(args: &CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "runnel", &mut script);
    print(script)?;
    Ok(Status::Done)
}

/// Prints a man page.
pub(super) fn man(args: &ManArgs) -> Outcome {
    let mut page = command();
    page.build();
    for name in &args.path {
        page = page.find_subcommand(name).cloned().ok_or_else(|| {
            CommandError::usage(format!("no command {name}")).hint("`runnel --help` lists them")
        })?;
    }
    let name = match args.path.as_slice() {
        [] => "runnel".to_owned(),
        path => format!("runnel-{}", path.join("-")),
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page.display_name(name.clone()).name(name))
        .render(&mut roff)
        .map_err(CommandError::stdout)?;
    print(roff)?;
    Ok(Status::Done)
}
