//! The command line's grammar. Each command declares its flags in its own file; from these
//! declarations come parsing, help, the man pages and the completions.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use super::commands::{
    backup, consume, generate, get, group, log, produce, restore, serve, stream, table, topic,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Kafka in a directory: topics, produce and consume over a local log directory, with no server.
///
/// The directory holds Apache Kafka's own files. Any number of processes may read and write it at
/// once. Exit status 0 means done: every record was appended and is on disk.
#[derive(Debug, Parser)]
#[command(
    name = "runnel",
    version,
    styles = STYLES,
    max_term_width = 100,
    subcommand_required = true,
    disable_help_flag = true,
    disable_help_subcommand = true,
    infer_long_args = true
)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Flags that stand before or after any command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct GlobalArgs {
    /// The local log directory [default: $XDG_DATA_HOME/runnel]
    #[arg(
        short,
        long,
        global = true,
        value_name = "DIR",
        env = "RUNNEL_DIR",
        hide_env_values = true
    )]
    pub(super) dir: Option<PathBuf>,
    /// Use the directory though others own it or may write there
    #[arg(long, global = true)]
    pub(super) trust_dir: bool,
    /// Print no warnings and no progress
    #[arg(short, long, global = true)]
    pub(super) quiet: bool,
    /// Say what is done; twice, say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto, hide_possible_values = true)]
    pub(super) color: ColorWhen,
    /// Print help
    #[arg(short, long, global = true, action = clap::ArgAction::HelpShort)]
    help: Option<bool>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ColorWhen {
    /// In a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make, list, describe, change and delete topics
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// Append records to a topic
    Produce(Box<produce::ProduceArgs>),
    /// Print the records of topics
    Consume(Box<consume::ConsumeArgs>),
    /// Make results of each record: filter, map, join, split
    Stream(Box<stream::StreamArgs>),
    /// Print the latest value of a key
    Get(get::GetArgs),
    /// Show a topic as a table; make tables that last
    Table(Box<table::TableArgs>),
    /// Show where consumer groups stand, and set it
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Serve the directory to Kafka clients
    Serve(Box<serve::ServeArgs>),
    /// Look after logs
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Put topics, tables, and what groups have committed into one file
    Backup(backup::BackupArgs),
    /// Make topics of a backup, or show what is in it
    Restore(restore::RestoreArgs),
    /// Print a shell's completion script
    Completions(generate::CompletionsArgs),
    /// Print a man page
    Man(generate::ManArgs),
}

/// The whole grammar, for what is generated from it.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// `-f` is `--follow`; before an argument with `%` it is kcat's format.
pub(super) fn kcat_format(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let has_percent = |word: &OsString| word.as_encoded_bytes().contains(&b'%');
    for index in 1..arguments.len().saturating_sub(1) {
        if arguments[index] == "--" {
            break;
        }
        if arguments[index] == "-f" && has_percent(&arguments[index + 1]) {
            arguments[index] = "--format".into();
        }
    }
    arguments
}

/// Reads `KEY=VALUE` of a config.
pub(super) fn parse_config(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("a config is KEY=VALUE (a count of records is -c of `consume`)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn a_format_after_f_is_kcats() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let format = kcat_format(words("runnel consume t -f %s"));
        assert_eq!(format, words("runnel consume t --format %s"));
        let follow = kcat_format(words("runnel consume t -f -o end"));
        assert_eq!(follow, words("runnel consume t -f -o end"));
    }
}
