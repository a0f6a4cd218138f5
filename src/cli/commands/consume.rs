//! `runnel consume`: print the records of topics.

mod cursor;
mod keeping;
mod output;
mod part;
mod plan;
mod printing;
mod resuming;
mod run;
mod selection;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Outcome;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::filter::Stack;
use crate::model::IsolationLevel;
use crate::model::limits::GROUP_STRING_BYTES_MAX;
use crate::serde::Serde;

/// Flags of `runnel consume`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, override_usage = "runnel consume [OPTIONS] <TOPIC>...")]
pub(in crate::cli) struct ConsumeArgs {
    /// Topics; ^REGEX for all that match; or the path of a partition directory or .log file
    #[arg(value_name = "TOPIC", required_unless_present = "kafka_topic")]
    topics: Vec<String>,

    /// Where to start, or START:STOP: beginning, end, N, -N (before the end), @TIME
    #[arg(
        short,
        long,
        value_name = "OFFSET",
        help_heading = "Which records",
        allow_hyphen_values = true
    )]
    offset: Vec<String>,
    /// From this time on: a duration ago (2h), a date, a time
    #[arg(long, value_name = "TIME", help_heading = "Which records", allow_hyphen_values = true)]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", help_heading = "Which records", allow_hyphen_values = true)]
    until: Option<String>,
    /// The last N that match, over all partitions, by time
    #[arg(short = 'n', long, value_name = "N", help_heading = "Which records", value_parser = parse_count)]
    tail: Option<u64>,
    /// Stop after N
    #[arg(short = 'c', long, value_name = "N", alias = "max-messages", help_heading = "Which records", value_parser = parse_count)]
    count: Option<u64>,
    /// Partitions, as in 0,2-4
    #[arg(short, long, value_name = "LIST", help_heading = "Which records")]
    partition: Option<String>,
    /// Only records with this key
    #[arg(long, value_name = "K", help_heading = "Which records", allow_hyphen_values = true)]
    key: Option<String>,
    /// Only records whose value matches a regular expression
    #[arg(long, value_name = "RE", help_heading = "Which records", allow_hyphen_values = true)]
    grep: Option<String>,
    /// Only records with this header
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Which records")]
    header: Vec<String>,
    /// Only records for which a jq program gives anything but false and null
    #[arg(
        long = "where",
        value_name = "JQ",
        help_heading = "Which records",
        allow_hyphen_values = true
    )]
    program: Option<String>,

    /// Of transactions: read-committed or read-uncommitted [default: read-committed]
    #[arg(
        long,
        value_name = "LEVEL",
        alias = "isolation-level",
        help_heading = "Which records",
        value_enum,
        default_value_t = Isolation::ReadCommitted,
        hide_possible_values = true,
        hide_default_value = true
    )]
    isolation: Isolation,
    /// Go on where the group stands, commit what was written, share the partitions with its members
    #[arg(short, long, value_name = "GROUP", help_heading = "Going on", value_parser = parse_group, conflicts_with_all = ["partition", "tail", "cursor_file"])]
    group: Option<String>,
    /// Go on where this file says, and note in it what was written
    #[arg(long, value_name = "FILE", help_heading = "Going on", conflicts_with = "tail")]
    cursor_file: Option<PathBuf>,
    /// Whether to commit what was written: auto or none
    #[arg(
        long,
        value_name = "WHEN",
        help_heading = "Going on",
        value_enum,
        hide_possible_values = true
    )]
    commit: Option<Commit>,

    /// Go on with what comes, from the beginning unless -o or -n say otherwise
    #[arg(short, long, help_heading = "How long")]
    follow: bool,
    /// Stop at the end of the log as it is now: the default
    #[arg(short, long, help_heading = "How long", conflicts_with = "follow")]
    exit: bool,
    /// Stop after this time, with status 124
    #[arg(long, value_name = "DURATION", help_heading = "How long")]
    timeout: Option<String>,
    /// With -f: stop when nothing has come for this long
    #[arg(long, value_name = "DURATION", help_heading = "How long")]
    idle: Option<String>,
    /// End with status 3 if fewer than N were printed
    #[arg(long, value_name = "N", help_heading = "How long", value_parser = parse_count)]
    require: Option<u64>,

    /// A format: %s value, %k key, %h headers, %T timestamp, %t topic, %p partition, %o offset
    #[arg(long, value_name = "F", help_heading = "Output", allow_hyphen_values = true, conflicts_with_all = ["json", "json_value", "key_delim", "raw", "null_delim", "frame"])]
    format: Option<String>,
    /// A JSON envelope a line
    #[arg(short = 'J', long, help_heading = "Output", conflicts_with_all = ["key_delim", "raw", "null_delim", "frame"])]
    json: bool,
    /// As -J, values that are JSON standing as such
    #[arg(long, help_heading = "Output", conflicts_with_all = ["key_delim", "raw", "null_delim", "frame"])]
    json_value: bool,
    /// The key and S before each value
    #[arg(
        short = 'K',
        long,
        value_name = "S",
        help_heading = "Output",
        allow_hyphen_values = true,
        conflicts_with = "frame"
    )]
    key_delim: Option<String>,
    /// S after each record [default: \n]
    #[arg(short = 'D', long, value_name = "S", help_heading = "Output", allow_hyphen_values = true, conflicts_with_all = ["frame", "json", "json_value", "format", "raw", "null_delim"])]
    delim: Option<String>,
    /// Nothing after each record
    #[arg(long, help_heading = "Output", conflicts_with_all = ["null_delim", "frame"])]
    raw: bool,
    /// A zero byte after each record
    #[arg(short = '0', long = "null-delim", help_heading = "Output", conflicts_with = "frame")]
    null_delim: bool,
    /// Length-prefixed binary records
    #[arg(long, help_heading = "Output")]
    frame: bool,
    /// What a null key or value is printed as
    #[arg(long, value_name = "S", help_heading = "Output", allow_hyphen_values = true)]
    null_marker: Option<String>,
    /// Merge the partitions by timestamp
    #[arg(
        long,
        value_name = "BY",
        help_heading = "Output",
        value_enum,
        hide_possible_values = true
    )]
    order: Option<Order>,
    /// What keys hold: bytes, string, json, short, int, long, float, double or uuid
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value_t)]
    key_serde: Serde,
    /// What values hold
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value_t)]
    value_serde: Serde,

    /// As of Kafka's console consumer
    #[arg(long = "topic", value_name = "TOPIC", hide = true)]
    kafka_topic: Option<String>,
    /// As of Kafka's console consumer
    #[arg(long, hide = true)]
    from_beginning: bool,
}

const AFTER_HELP: &str = "\
Examples:
  runnel consume logs -f -n 10                  as tail -f
  runnel consume logs --since 1h --grep ERROR
  runnel consume logs --where '.status >= 500'  by a jq program
  runnel consume orders -g billing -f | ./bill  a queue, shared by all who run this
  runnel consume /var/lib/kafka/orders-0        a stopped broker's files";

/// What records are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// By timestamp
    Time,
}

/// Which records of transactions are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Isolation {
    /// Those of committed ones
    #[value(alias = "read_committed")]
    ReadCommitted,
    /// All of them
    #[value(alias = "read_uncommitted")]
    ReadUncommitted,
}

impl From<Isolation> for IsolationLevel {
    fn from(isolation: Isolation) -> Self {
        match isolation {
            Isolation::ReadCommitted => Self::ReadCommitted,
            Isolation::ReadUncommitted => Self::ReadUncommitted,
        }
    }
}

/// Whether progress is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Commit {
    /// Every second, and at the end
    Auto,
    /// Never
    None,
}

/// Reads a group's id.
pub(in crate::cli) fn parse_group(text: &str) -> Result<String, String> {
    match text.len() {
        0 => Err("a group's name can't be empty".to_owned()),
        1..=GROUP_STRING_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("a group's name has {GROUP_STRING_BYTES_MAX} bytes at most")),
    }
}

fn parse_count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| match text.contains('=') {
        true => {
            "here -c is a count of records; configs are set by `topic create` and `topic alter`"
                .to_owned()
        }
        false => "not a count of records".to_owned(),
    })
}

/// Runs `runnel consume`.
pub(super) fn run(context: &Context, args: ConsumeArgs) -> Outcome {
    let plan = plan::Plan::new(args)?;
    let run = |stack: Option<&Stack>| match plan.keeps_progress() {
        true => resuming::run(context, &plan, stack),
        false => run::run(context, &plan, stack),
    };
    match plan.program {
        None => run(None),
        // Programs run on a stack of their own, and so does all around them.
        Some(_) => Stack::run(|stack| run(Some(stack))).map_err(CommandError::failed)?,
    }
}
