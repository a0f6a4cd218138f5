//! `runnel table create`: what a table is made of, and how.

use clap::Args;

use super::grammar::{AggregateArg, EmitArg, WindowArg, parse_aggregate, parse_emit, parse_window};
use crate::cli::commands::Outcome;
use crate::cli::commands::stream::parse_alias;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::job::{
    check_circles, check_outputs, milliseconds, parse_bytes, parse_serde_pair, taken_name,
};
use crate::cluster::{Cluster, Error};
use crate::job::plan::plan;
use crate::job::run::{OnError, check_partitions};
use crate::job::{
    Aggregate, Definition, JoinKind, KeySerde, Serdes, Source, TableDefinition, TableJoin, Window,
};
use crate::model::TopicName;
use crate::serde::Serde;

/// Flags of `runnel table create`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CreateArgs {
    /// Its name, which no topic has
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,
    /// The topic whose records are aggregated, or the table whose rows are
    #[arg(long, value_name = "TOPIC|TABLE", value_parser = TopicName::new)]
    from: TopicName,
    /// Of a topic: the latest record of each key is a row
    #[arg(long)]
    latest: bool,
    /// It is no error if the same table is there already
    #[arg(long)]
    if_not_exists: bool,

    /// The time of each record of a topic: seconds, milliseconds, or a time with a zone
    #[arg(long, value_name = "JQ", help_heading = "What goes in", allow_hyphen_values = true)]
    ts_from: Option<String>,
    /// A table or topic beside each record or row, by key, as $ALIAS
    #[arg(long, value_name = "TABLE[=ALIAS]", help_heading = "What goes in")]
    join: Option<String>,
    /// The key to look up there: for rows, a foreign key
    #[arg(
        long,
        value_name = "JQ",
        help_heading = "What goes in",
        requires = "join",
        allow_hyphen_values = true
    )]
    on: Option<String>,
    /// Keep what has no match there
    #[arg(long, help_heading = "What goes in", requires = "join")]
    left: bool,
    /// Of two tables: keep the rows of both that have no match
    #[arg(long, help_heading = "What goes in", requires = "join", conflicts_with = "left")]
    outer: bool,
    /// Only records or rows for which a program gives anything but false and null
    #[arg(
        long = "where",
        value_name = "JQ",
        help_heading = "What goes in",
        allow_hyphen_values = true
    )]
    wanted: Option<String>,
    /// The value of each
    #[arg(long, value_name = "JQ", help_heading = "What goes in", allow_hyphen_values = true)]
    value: Option<String>,

    /// The group of each; else its key
    #[arg(
        long,
        value_name = "JQ",
        help_heading = "What is made of it",
        allow_hyphen_values = true
    )]
    by: Option<String>,
    /// count, sum(JQ), min(JQ), max(JQ), avg(JQ), first(JQ), last(JQ), collect(JQ) or reduce(INIT; UPDATE); NAME= before it
    #[arg(long, value_name = "AGGREGATE", help_heading = "What is made of it", value_parser = parse_aggregate)]
    agg: Vec<AggregateArg>,
    /// tumbling=5m, hopping=5m/1m, sliding=5m or session=30s
    #[arg(long, value_name = "WINDOW", help_heading = "What is made of it", value_parser = parse_window)]
    window: Option<WindowArg>,
    /// How long windows wait for late records [default: 0]
    #[arg(long, value_name = "DURATION", help_heading = "What is made of it", requires = "window", value_parser = milliseconds)]
    grace: Option<i64>,
    /// change [default]; final: each window once, when it is closed; every=1m: what changed, so often
    #[arg(long, value_name = "WHEN", help_heading = "What is made of it", default_value = "change", hide_default_value = true, value_parser = parse_emit)]
    emit: EmitArg,

    /// One task has all partitions, which is the default
    #[arg(long, hide = true, conflicts_with = "per_partition")]
    global: bool,
    /// A task for each partition, with rows of its own, which cores and copies share
    #[arg(long, help_heading = "What goes in")]
    per_partition: bool,

    /// How often changes come out; 0 for each one [default: 100ms]
    #[arg(long, value_name = "DURATION", help_heading = "Where it goes", value_parser = milliseconds)]
    commit_interval: Option<i64>,
    /// Bytes of changes that may wait until then [default: 10m]
    #[arg(long, value_name = "BYTES", help_heading = "Where it goes", value_parser = parse_bytes)]
    cache_max_bytes: Option<usize>,
    /// The topic that changes go to, made if it is not there
    #[arg(long, value_name = "TOPIC", help_heading = "Where it goes", value_parser = TopicName::new)]
    to: Option<TopicName>,
    /// What keys hold: bytes, string, json, short, int, long, float, double, uuid; IN:OUT; OUT may be windowed
    #[arg(
        long,
        value_name = "SERDE",
        help_heading = "Where it goes",
        default_value = "bytes",
        hide_default_value = true
    )]
    key_serde: String,
    /// What values hold: the same, but windowed
    #[arg(long, value_name = "SERDE", help_heading = "Where it goes", default_value = "bytes", hide_default_value = true, value_parser = parse_serde_pair)]
    value_serde: (Serde, Serde),
}

const AFTER_HELP: &str = "\
`runnel table update NAME` brings it up to date, from cron or with -f; `runnel table show NAME` shows it meanwhile.

Examples:
  runnel table create visits --from clicks --by .user --agg count
  runnel table create shops --from orders --by .shop --agg count --agg 'sum(.price)' --to sales
  runnel table create per-minute --from clicks --agg count --window tumbling=1m --grace 10s
  runnel table create big --from visits --where '. > 100'";

/// What a name is a table of, on the right of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum As {
    Stream,
    Table,
}

/// Runs `runnel table create`.
pub(super) fn run(context: &Context, args: &CreateArgs) -> Outcome {
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchTopic(args.from.clone())))?;
    let table = definition(&cluster, args)?;
    let definition = Definition::Table(table);
    // All mistakes are found before anything is made.
    let plan = plan(&definition)?;
    check_partitions(&cluster, &plan)?;
    check_outputs(&cluster, &args.name, &plan)?;
    check_circles(&plan, &OnError::Fail)?;
    let stored = serde_json::to_value(&definition).map_err(CommandError::failed)?;
    if args.if_not_exists
        && let Some(job) = cluster.job(&args.name)?
    {
        return match job.definition == stored {
            true => Ok(Status::Done),
            false => {
                Err(CommandError::failed(format!("table {} is there, and another one", args.name))
                    .hint(format!("`runnel table describe {}` shows what it is", args.name)))
            }
        };
    }
    drop(cluster);
    let made = context.open_to_write()?.create_job(&args.name, stored);
    made.map_err(taken_name)?;
    context.note(&format!("made table {}", args.name));
    Ok(Status::Done)
}

fn definition(cluster: &Cluster, args: &CreateArgs) -> Result<TableDefinition, CommandError> {
    let from = source(cluster, &args.from, if args.latest { As::Table } else { As::Stream })?;
    if args.latest && !matches!(from, Source::Latest(_)) {
        return Err(CommandError::usage(
            "--latest is for topics: a table has one row for each key",
        ));
    }
    if args.agg.is_empty() && matches!(from, Source::Stream(_)) {
        return Err(CommandError::usage("a topic is made a table by --agg or --latest").hint(
            "--agg count counts the records of each key, --latest keeps the latest of each",
        ));
    }
    let join = args.join.as_deref().map(|text| join(cluster, text, args)).transpose()?;
    let aggregates: Vec<_> = args.agg.iter().map(|arg| arg.0.clone()).collect();
    check_names(&aggregates)?;
    let grace_ms = args.grace.unwrap_or_default();
    let window = args.window.as_ref().map(|window| Window { kind: window.0, grace_ms });
    let (key_in, key_out) = match args.key_serde.as_str() {
        "windowed" => (Serde::Bytes, KeySerde::Windowed),
        text => match text.split_once(':') {
            Some((read, "windowed")) => (serde(read)?, KeySerde::Windowed),
            _ => {
                let (read, written) = parse_serde_pair(text).map_err(CommandError::usage)?;
                (read, KeySerde::Plain(written))
            }
        },
    };
    if matches!(key_out, KeySerde::Windowed) && window.is_none() {
        return Err(CommandError::usage("--key-serde windowed is for tables with a --window"));
    }
    let (value_in, value_out) = args.value_serde;
    Ok(TableDefinition {
        from,
        timestamp: args.ts_from.clone(),
        join,
        wanted: args.wanted.clone(),
        value: args.value.clone(),
        by: args.by.clone(),
        aggregates,
        window,
        emit: args.emit.0,
        to: args.to.clone(),
        serdes: Serdes { key_in, key_out, value_in, value_out },
        commit_interval_ms: args.commit_interval.map(i64::unsigned_abs),
        cache_max_bytes: args.cache_max_bytes.map(|bytes| bytes as u64),
        per_partition: args.per_partition,
    })
}

fn serde(text: &str) -> Result<Serde, CommandError> {
    text.parse().map_err(|error: String| CommandError::usage(error))
}

/// Members of an object have names of their own.
fn check_names(aggregates: &[Aggregate]) -> Result<(), CommandError> {
    for (index, aggregate) in aggregates.iter().enumerate() {
        if aggregates[..index].iter().any(|other| other.name == aggregate.name) {
            let name = &aggregate.name;
            return Err(CommandError::usage(format!("two aggregates are called {name}"))
                .hint("NAME=AGGREGATE gives one another name"));
        }
    }
    Ok(())
}

fn join(cluster: &Cluster, text: &str, args: &CreateArgs) -> Result<TableJoin, CommandError> {
    let (name, alias) = parse_alias(text)?;
    let kind = match (args.left, args.outer) {
        (true, _) => JoinKind::Left,
        (_, true) => JoinKind::Outer,
        _ => JoinKind::Inner,
    };
    let table = source(cluster, &name, As::Table)?;
    Ok(TableJoin { table, alias, global: false, on: args.on.clone(), kind })
}

/// What a name stands for where records are wanted, or rows.
fn source(cluster: &Cluster, name: &TopicName, as_what: As) -> Result<Source, CommandError> {
    if as_what == As::Stream && cluster.job(name)?.is_none() {
        cluster.topic(name)?;
        return Ok(Source::Stream(name.clone()));
    }
    table_source(cluster, name)
}

/// What a name stands for as a table: the latest of each key in a topic; or a table, which is read from its topic where it has
/// one.
pub(in crate::cli::commands) fn table_source(
    cluster: &Cluster,
    name: &TopicName,
) -> Result<Source, CommandError> {
    let Some(job) = cluster.job(name)? else {
        cluster.topic(name)?;
        return Ok(Source::Latest(name.clone()));
    };
    match super::definition_of(name, &job)? {
        Definition::Table(TableDefinition { to: Some(topic), .. }) => Ok(Source::Latest(topic)),
        Definition::Table(definition) => {
            Ok(Source::Table { name: name.clone(), definition: Box::new(definition) })
        }
        Definition::Stream(_) => Err(CommandError::usage(format!("{name} is a stream, no table"))),
    }
}
