//! `runnel stream`: each record of a topic through a program, beside tables and other streams, to topics or standard
//! output.

mod joins;

use std::time::Duration;

use clap::Args;

use super::Outcome;
use super::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::escape::parse_delimiter;
use crate::cli::job::{self, OnErrorArg, named_topic, parse_on_error, parse_serde_pair};
use crate::cli::output::{Formatter, Output};
use crate::cli::time::parse_duration;
use crate::cluster::{Cluster, Error};
use crate::job::plan::{Plan, plan};
use crate::job::run::{OnError, Options};
use crate::job::{Branch, Definition, Header, KeySerde, Serdes, StreamDefinition};
use crate::model::TopicName;
use crate::serde::Serde;
use joins::Joins;

/// Flags of `runnel stream`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, override_usage = "runnel stream [OPTIONS] <TOPIC>... [JQ]")]
pub(in crate::cli) struct StreamArgs {
    /// Topics, then the program that gives the results of each record: none, one or several
    #[arg(value_name = "TOPIC", required = true)]
    words: Vec<String>,

    /// The key of each result, where `.` is the result and $key the key that was
    #[arg(long, value_name = "JQ", help_heading = "Results", allow_hyphen_values = true)]
    key: Option<String>,
    /// The time of each record: a number of seconds or milliseconds, or a time with a zone
    #[arg(long, value_name = "JQ", help_heading = "Results", allow_hyphen_values = true)]
    ts_from: Option<String>,
    /// A header that each result gets
    #[arg(long, value_name = "NAME=JQ", help_heading = "Results", value_parser = parse_header)]
    header: Vec<Header>,
    /// Results for which a program holds go to this topic; the first that holds counts
    #[arg(long, value_name = "JQ=TOPIC", help_heading = "Results", value_parser = parse_branch, allow_hyphen_values = true)]
    branch: Vec<Branch>,
    /// The topic of the results that no branch takes, made if it is not there; else they are printed
    #[arg(long, value_name = "TOPIC", help_heading = "Results", value_parser = TopicName::new)]
    to: Option<TopicName>,

    #[command(flatten)]
    joins: Joins,

    /// Of a record that fails: fail, skip or dead-letter=TOPIC
    #[arg(long, value_name = "WHAT", help_heading = "Running", default_value = "fail", value_parser = parse_on_error, hide_default_value = true)]
    on_error: OnErrorArg,
    /// Go on with what comes
    #[arg(short, long, help_heading = "Running")]
    follow: bool,
    /// With -f: stop when nothing has come for this long
    #[arg(long, value_name = "DURATION", help_heading = "Running", requires = "follow")]
    idle: Option<String>,

    /// One JSON envelope a line, as of `consume`
    #[arg(short = 'J', long, help_heading = "Output", conflicts_with_all = ["to", "key_delim"])]
    json: bool,
    /// The key and S before each value
    #[arg(
        short = 'K',
        long,
        value_name = "S",
        help_heading = "Output",
        allow_hyphen_values = true,
        conflicts_with = "to"
    )]
    key_delim: Option<String>,
    /// What keys hold, read and written: one serde, or IN:OUT
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value = "bytes", hide_default_value = true, value_parser = parse_serde_pair)]
    key_serde: (Serde, Serde),
    /// What values hold, read and written: one serde, or IN:OUT
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value = "bytes", hide_default_value = true, value_parser = parse_serde_pair)]
    value_serde: (Serde, Serde),
}

const AFTER_HELP: &str = "\
Programs are jq: the value is `.`, or a string where it is no JSON; $key $topic $partition $offset $ts $headers are there too. `empty`
drops a record, several outputs make several. A topic or table that is joined is $ALIAS, null where it has nothing.

Examples:
  runnel stream logs 'select(.level == \"error\") | {user, app}'
  runnel stream orders --key .customer --to orders-by-customer
  runnel stream login_attempt --join apps --global --on .app '. + {name: $apps.name}' --to login_enriched
  runnel stream orders --join-stream payments --within 5m '{order: ., paid: $payments.amount}'
  runnel stream events --branch '.type == \"click\"=clicks' --branch '.type == \"view\"=views' --to others";

fn parse_header(text: &str) -> Result<Header, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok(Header { name: name.to_owned(), value: value.to_owned() })
        }
        _ => Err("a header is NAME=JQ".to_owned()),
    }
}

/// The topic stands behind the last `=`: programs have many.
fn parse_branch(text: &str) -> Result<Branch, String> {
    let (wanted, to) = text.rsplit_once('=').ok_or("a branch is JQ=TOPIC")?;
    Ok(Branch { wanted: wanted.to_owned(), to: named_topic(to)? })
}

/// Runs `runnel stream`.
pub(super) fn run(context: &Context, args: &StreamArgs) -> Outcome {
    let definition = Definition::Stream(definition(context, args)?);
    let plan = plan(&definition)?;
    let idle = args.idle.as_deref().map(parse_duration).transpose();
    let idle: Option<Duration> = idle.map_err(CommandError::usage)?;
    let options = Options {
        follow: args.follow,
        idle,
        on_error: args.on_error.0.clone(),
        close: false,
        commit_interval: Duration::ZERO,
        cache_bytes: 0,
    };
    let writes = plan.sinks.iter().any(|sink| sink.topic.is_some())
        || matches!(options.on_error, OnError::DeadLetter(_));
    let cluster = open(context, &plan, writes)?;
    if writes {
        context.inform(
            "note",
            "it starts at the beginning each time, and sends each result at least once",
        );
    }
    job::run(context, &cluster, &plan, None, &options, Formatter::new(output(args)?, None))
}

/// The directory, as it has to be open. What is read must be there before anything is made.
fn open(context: &Context, plan: &Plan, writes: bool) -> Result<Cluster, CommandError> {
    let reading = plan.inputs.iter().map(|input| &input.topic);
    let mut reading = reading.chain(plan.globals.iter().map(|global| &global.topic));
    let Some(cluster) = context.open_to_read()? else {
        let first = reading.next().ok_or_else(|| CommandError::usage("no topic is named"))?;
        return Err(Error::NoSuchTopic(first.clone()).into());
    };
    for topic in reading {
        cluster.topic(topic)?;
    }
    if writes { context.open_to_write() } else { Ok(cluster) }
}

fn output(args: &StreamArgs) -> Result<Output, CommandError> {
    if args.json {
        return Ok(Output::Envelope { json_values: false });
    }
    let key_delimiter = args.key_delim.as_deref().map(parse_delimiter).transpose();
    Ok(Output::Delimited {
        key_delimiter: key_delimiter.map_err(CommandError::usage)?,
        delimiter: b"\n".to_vec(),
    })
}

/// What is asked for. The last word is the program where it can be no topic, or is none that there is.
fn definition(context: &Context, args: &StreamArgs) -> Result<StreamDefinition, CommandError> {
    let mut words = args.words.clone();
    let mut program = None;
    if words.len() > 1 && words.last().is_some_and(|last| !is_topic(context, last)) {
        program = words.pop();
    }
    let topics = words.iter().map(|word| topic_name(word));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    let (stream_join, joins) = args.joins.resolve()?;
    Ok(StreamDefinition {
        topics,
        timestamp: args.ts_from.clone(),
        joins,
        stream_join,
        program,
        key: args.key.clone(),
        headers: args.header.clone(),
        exec: None,
        branches: args.branch.clone(),
        to: args.to.clone(),
        serdes: Serdes {
            key_in: args.key_serde.0,
            key_out: KeySerde::Plain(args.key_serde.1),
            value_in: args.value_serde.0,
            value_out: args.value_serde.1,
        },
    })
}

/// Whether a word names a topic that there is.
fn is_topic(context: &Context, word: &str) -> bool {
    let Ok(name) = TopicName::new(word) else { return false };
    let cluster = context.open_to_read().ok().flatten();
    cluster.is_some_and(|cluster| cluster.topic(&name).is_ok())
}
