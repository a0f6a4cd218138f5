//! `runnel stream`: each record of a topic through a program, beside tables and other streams, to topics or standard
//! output.

mod joins;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Outcome;
use super::table::definition_of;
use super::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::escape::parse_delimiter;
use crate::cli::job::{
    self, COMMIT_INTERVAL_MS, OnErrorArg, milliseconds, named_topic, parse_on_error,
    parse_serde_pair, parse_threads,
};
use crate::cli::output::{Formatter, Output};
use crate::cli::time::parse_duration;
use crate::cluster::{Cluster, Error, Job};
use crate::job::plan::{Plan, plan};
use crate::job::run::{Named, OnError, Options, check_partitions};
use crate::job::{Branch, Definition, Header, KeySerde, Serdes, StreamDefinition};
use crate::model::TopicName;
use crate::serde::Serde;
use joins::Joins;
pub(super) use joins::parse_alias;

/// Flags of `runnel stream`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, override_usage = "runnel stream [OPTIONS] <TOPIC>... [JQ]")]
pub(in crate::cli) struct StreamArgs {
    /// Topics, then the program that gives the results of each record: none, one or several
    #[arg(value_name = "TOPIC", required_unless_present = "drop")]
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

    /// Each result's value as a line through a command that is kept running and gives a line back
    #[arg(long, value_name = "COMMAND", help_heading = "Results", allow_hyphen_values = true)]
    exec: Option<String>,

    #[command(flatten)]
    joins: Joins,

    /// A name, under which it goes on where it stood, and sends each result exactly once
    #[arg(long, value_name = "NAME", help_heading = "Running", value_parser = TopicName::new)]
    id: Option<TopicName>,
    /// With --id, of joins that keep something: a task for each partition, which cores and copies share
    #[arg(long, help_heading = "Running", requires = "id")]
    per_partition: bool,
    /// With --id: how many partitions are worked at at once [default: as many as there are cores]
    #[arg(long, value_name = "N", help_heading = "Running", requires = "id", value_parser = parse_threads)]
    threads: Option<usize>,
    /// With --id: close the windows of joins that are open at the end
    #[arg(long, help_heading = "Running", requires = "id")]
    close: bool,
    /// With --id: how often results are kept and sent [default: 100ms]
    #[arg(long, value_name = "DURATION", help_heading = "Running", requires = "id", value_parser = milliseconds)]
    commit_interval: Option<i64>,
    /// With --id: exactly-once, or at-least-once: without transactions, so that readers see results at once
    #[arg(long, value_name = "WHICH", help_heading = "Running", hide_possible_values = true)]
    guarantee: Option<Guarantee>,
    /// Forget the stream of this name, and how far it came
    #[arg(long, value_name = "NAME", help_heading = "Running", value_parser = TopicName::new, conflicts_with_all = ["words", "id"])]
    drop: Option<TopicName>,

    /// What becomes of a record that fails: fail (the run ends), skip (it is left out), or dead-letter=TOPIC
    #[arg(long, value_name = "WHAT", help_heading = "Running", default_value = "fail", value_parser = parse_on_error, hide_default_value = true)]
    on_error: OnErrorArg,
    /// Go on with what comes
    #[arg(short, long, help_heading = "Running")]
    follow: bool,
    /// With -f: stop, windows closed, when nothing has come for this long
    #[arg(long, value_name = "DURATION", help_heading = "Running", requires = "follow")]
    idle: Option<String>,

    /// One JSON envelope a line, as of `consume`
    #[arg(short = 'J', long, help_heading = "Output", conflicts_with_all = ["to", "key_delim"])]
    json: bool,
    /// Print the key and S before each value
    #[arg(
        short = 'K',
        long,
        value_name = "S",
        help_heading = "Output",
        allow_hyphen_values = true,
        conflicts_with = "to"
    )]
    key_delim: Option<String>,
    /// What keys hold: bytes, string, json, short, int, long, float, double, uuid; IN:OUT if they differ
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value = "bytes", hide_default_value = true, value_parser = parse_serde_pair)]
    key_serde: (Serde, Serde),
    /// What values hold: the same
    #[arg(long, value_name = "SERDE", help_heading = "Output", default_value = "bytes", hide_default_value = true, value_parser = parse_serde_pair)]
    value_serde: (Serde, Serde),
}

/// How often a result may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Guarantee {
    ExactlyOnce,
    AtLeastOnce,
}

const AFTER_HELP: &str = "\
Programs are jq: the value is `.`, or a string where it is no JSON; $key $topic $partition $offset \
$ts $headers are there too. `empty` drops a record, several outputs make several. A topic or table \
that is joined is $ALIAS, null where it has nothing.

Examples:
  runnel stream logs 'select(.level == \"error\") | {user, app}'
  runnel stream orders --key .customer --to orders-by-customer
  runnel stream logins --join apps --global --on .app '. + {name: $apps.name}' --to enriched
  runnel stream orders --join-stream payments --within 5m '{order: ., paid: $payments.amount}'
  runnel stream events --branch '.type == \"click\"=clicks' --to others
  runnel stream orders --to checked --id check -f";

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
    if let Some(name) = &args.drop {
        return forget(context, name);
    }
    if args.guarantee == Some(Guarantee::ExactlyOnce) && args.id.is_none() {
        return Err(CommandError::usage("--guarantee exactly-once needs --id NAME")
            .hint("under a name a stream knows what it has sent"));
    }
    let reading = context.open_to_read()?;
    let definition = Definition::Stream(definition(reading.as_ref(), args)?);
    let plan = plan(&definition)?;
    if args.per_partition && !plan.has_state {
        return Err(CommandError::usage("--per-partition is for joins that keep something")
            .hint("where nothing is kept, each partition is a task of its own as it is"));
    }
    job::check_circles(&plan, &args.on_error.0)?;
    let idle = args.idle.as_deref().map(parse_duration).transpose();
    let commit_interval = args.commit_interval.map_or(COMMIT_INTERVAL_MS, i64::unsigned_abs);
    let options = Options {
        follow: args.follow,
        idle: idle.map_err(CommandError::usage)?,
        on_error: args.on_error.0.clone(),
        close: args.close,
        commit_interval: Duration::from_millis(commit_interval),
        cache_bytes: 0,
        exactly_once: args.guarantee != Some(Guarantee::AtLeastOnce),
        threads: job::threads(args.threads),
    };
    let reading = reading_all(&plan, reading)?;
    let formatter = Formatter::new(output(args)?, None);
    if let Some(name) = &args.id {
        drop(reading);
        let cluster = context.open_to_write()?;
        job::check_outputs(&cluster, name, &plan)?;
        check_partitions(&cluster, &plan)?;
        let kept = job_of(&cluster, name, &definition)?;
        let named = Named { name, job: &kept };
        let is_alone = !plan.per_partition;
        let _lease = match is_alone.then(|| job::lease(context, &cluster, named)).transpose()? {
            Some(Err(status)) => return Ok(status),
            lease => lease,
        };
        return job::run(context, &cluster, &plan, Some(named), &options, formatter);
    }
    let writes = plan.sinks.iter().any(|sink| sink.topic.is_some());
    if writes {
        context.inform(
            "note",
            "without --id it starts at the beginning each time, and sends each result at least once",
        );
    }
    let cluster = match writes || matches!(options.on_error, OnError::DeadLetter(_)) {
        true => context.open_to_write()?,
        false => reading,
    };
    job::run(context, &cluster, &plan, None, &options, formatter)
}

/// The directory to read; the topics that are read must be there before anything is made.
fn reading_all(plan: &Plan, cluster: Option<Cluster>) -> Result<Cluster, CommandError> {
    let topics = plan.inputs.iter().map(|input| &input.topic);
    let mut topics = topics.chain(plan.globals.iter().map(|global| &global.topic));
    let Some(cluster) = cluster else {
        let first = topics.next().ok_or_else(|| CommandError::usage("no topic is named"))?;
        return Err(Error::NoSuchTopic(first.clone()).into());
    };
    for topic in topics {
        cluster.topic(topic)?;
    }
    Ok(cluster)
}

/// The stream of this name, made where there is none.
fn job_of(
    cluster: &Cluster,
    name: &TopicName,
    definition: &Definition,
) -> Result<Job, CommandError> {
    let stored = serde_json::to_value(definition).map_err(CommandError::failed)?;
    let job = match cluster.job(name)? {
        Some(job) => job,
        None => match cluster.create_job(name, stored.clone()) {
            // Another process came first.
            Err(Error::JobExists(_)) => {
                cluster.job(name)?.ok_or_else(|| Error::NoSuchJob(name.clone()))?
            }
            job => job.map_err(job::taken_name)?,
        },
    };
    if job.definition == stored {
        return Ok(job);
    }
    if job.definition.get("stream").is_none() {
        return Err(CommandError::usage(format!("{name} is a table"))
            .hint("streams and tables have names of their own"));
    }
    let differing = |kept: &serde_json::Value, now: &serde_json::Value| {
        let (Some(kept), Some(now)) = (kept.get("stream"), now.get("stream")) else {
            return String::new();
        };
        let members = [kept, now].map(|it| it.as_object().into_iter().flatten());
        let names = members.into_iter().flatten().map(|(name, _)| name.as_str());
        let names: BTreeSet<_> = names.filter(|name| kept.get(name) != now.get(name)).collect();
        let names: Vec<_> = names.into_iter().collect();
        format!("other than it was: {}", names.join(", "))
    };
    let what = differing(&job.definition, &stored);
    Err(CommandError::usage(format!("{name} is there, and another one; {what}"))
        .hint(format!("`runnel stream --drop {name}` forgets it; another --id leaves it")))
}

/// Drops a stream.
fn forget(context: &Context, name: &TopicName) -> Outcome {
    let cluster = context.open_to_write()?;
    let job = cluster
        .job(name)?
        .ok_or_else(|| CommandError::failed(format!("no stream named {name}")))?;
    if matches!(definition_of(name, &job)?, Definition::Table(_)) {
        return Err(CommandError::failed(format!("{name} is a table"))
            .hint(format!("`runnel table drop {name}` drops it")));
    }
    cluster.drop_job(name)?;
    context.note(&format!("dropped stream {name}"));
    Ok(Status::Done)
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
fn definition(
    cluster: Option<&Cluster>,
    args: &StreamArgs,
) -> Result<StreamDefinition, CommandError> {
    let mut words = args.words.clone();
    let mut program = None;
    if words.len() > 1 && words.last().is_some_and(|last| !is_topic(cluster, last)) {
        program = words.pop();
    }
    let topics = words.iter().map(|word| topic_name(word));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    let (stream_join, joins) = args.joins.resolve(cluster)?;
    Ok(StreamDefinition {
        topics,
        timestamp: args.ts_from.clone(),
        joins,
        stream_join,
        program,
        key: args.key.clone(),
        headers: args.header.clone(),
        exec: args.exec.clone(),
        branches: args.branch.clone(),
        to: args.to.clone(),
        serdes: Serdes {
            key_in: args.key_serde.0,
            key_out: KeySerde::Plain(args.key_serde.1),
            value_in: args.value_serde.0,
            value_out: args.value_serde.1,
        },
        per_partition: args.per_partition,
    })
}

/// Whether a word names a topic that there is.
fn is_topic(cluster: Option<&Cluster>, word: &str) -> bool {
    let Ok(name) = TopicName::new(word) else { return false };
    cluster.is_some_and(|cluster| cluster.topic(&name).is_ok())
}
