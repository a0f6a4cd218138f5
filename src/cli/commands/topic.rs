//! `runnel topic`: make, list, describe, change, truncate and delete topics.

mod describe;
mod truncate;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use regex::Regex;

use super::Outcome;
use crate::cli::args::parse_config;
use crate::cli::confirm::confirmed;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::filter::regex_cause;
use crate::cli::sink::print;
use crate::cluster::{Cluster, Error, NewTopic, TopicInfo};
use crate::model::TopicName;

/// The commands on topics.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TopicCommand {
    /// Make topics
    Create(CreateArgs),
    /// Print the names of topics, one a line
    List(ListArgs),
    /// Show the partitions of topics: offsets, records, bytes, segments, and each one's share
    Describe(DescribeArgs),
    /// Change a topic's configs, or add partitions
    Alter(AlterArgs),
    /// Delete topics with all their records
    Delete(DeleteArgs),
    /// Delete the records of a topic before an offset or a time
    Truncate(truncate::TruncateArgs),
}

/// Flags of `topic create`.
#[derive(Debug, Args)]
pub(in crate::cli) struct CreateArgs {
    /// Names: letters, digits, '.', '_' and '-', 249 at most
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// How many partitions each gets
    #[arg(short, long, value_name = "N", default_value = "1", value_parser = parse_partition_count)]
    partitions: i32,
    /// A config in Kafka's names, such as retention.ms=86400000
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<(String, String)>,
    /// Leave a topic as it is that is there already
    #[arg(long)]
    if_not_exists: bool,
}

/// Flags of `topic list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// A regular expression that the whole name must match
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    /// Kafka's own topics too
    #[arg(long)]
    internal: bool,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `topic describe`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DescribeArgs {
    /// Topics to describe
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `topic alter`.
#[derive(Debug, Args)]
pub(in crate::cli) struct AlterArgs {
    /// The topic
    #[arg(value_name = "NAME")]
    name: String,
    /// How many partitions it is to have; never fewer than it has
    #[arg(short, long, value_name = "N", value_parser = parse_partition_count)]
    partitions: Option<i32>,
    /// A config to set
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<(String, String)>,
    /// A config to put back to its default
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// Flags of `topic delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArgs {
    /// Topics to delete
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Runs a command on topics.
pub(super) fn run(context: &Context, command: TopicCommand) -> Outcome {
    match command {
        TopicCommand::Create(args) => create(context, &args),
        TopicCommand::List(args) => list(context, &args),
        TopicCommand::Describe(args) => describe(context, &args),
        TopicCommand::Alter(args) => alter(context, &args),
        TopicCommand::Delete(args) => delete(context, &args),
        TopicCommand::Truncate(args) => truncate::run(context, &args),
    }
}

fn parse_partition_count(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| {
        "here -p is how many partitions there are to be; which ones to read is -p of `consume`"
            .to_owned()
    })
}

/// A topic's name, or how it breaks the rules.
pub(in crate::cli) fn topic_name(text: &str) -> Result<TopicName, CommandError> {
    TopicName::new(text)
        .map_err(|error| CommandError::usage(format!("bad topic name {text:?}: {error}")))
}

fn topic_names(names: &[String]) -> Result<Vec<TopicName>, CommandError> {
    names.iter().map(|name| topic_name(name)).collect()
}

fn create(context: &Context, args: &CreateArgs) -> Outcome {
    let configs: BTreeMap<_, _> = args.config.iter().cloned().collect();
    let names = topic_names(&args.names)?;
    let cluster = context.open_to_write()?;
    let new = |name| NewTopic { name, partitions: args.partitions, configs: configs.clone() };
    let new: Vec<_> = names.into_iter().map(new).collect();
    let mut failed = None;
    for made in cluster.create_topics(&new)? {
        match made {
            Ok(TopicInfo { name, partitions, .. }) => {
                context.note(&format!("made topic {name} with {partitions} partitions"));
            }
            Err(Error::TopicExists(_)) if args.if_not_exists => {}
            Err(error) => failed = failed.or(Some(config_error(error))),
        }
    }
    failed.map_or(Ok(Status::Done), Err)
}

/// A config that Kafka does not have is wrong usage.
fn config_error(error: Error) -> CommandError {
    match error {
        Error::Config(_) => CommandError::usage(error),
        error => error.into(),
    }
}

fn list(context: &Context, args: &ListArgs) -> Outcome {
    let pattern = args.pattern.as_deref().map(whole_name).transpose()?;
    let Some(cluster) = context.open_to_read()? else {
        return Ok(Status::Done);
    };
    let mut out = String::new();
    for (name, topic) in cluster.topics()? {
        let wanted = pattern.as_ref().is_none_or(|pattern| pattern.is_match(&name));
        if !wanted || (name.is_internal() && !args.internal) {
            continue;
        }
        if args.json {
            let object = serde_json::json!({
                "topic": name, "id": topic.id, "partitions": topic.partitions, "configs": topic.configs,
            });
            out.push_str(&object.to_string());
        } else {
            out.push_str(&name);
        }
        out.push('\n');
    }
    print(out)?;
    Ok(Status::Done)
}

/// An expression that must match from the first character to the last. A leading `^` may stand.
pub(in crate::cli) fn whole_name(pattern: &str) -> Result<Regex, CommandError> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        CommandError::usage(format!("bad pattern {pattern:?}: {}", regex_cause(&error)))
    })
}

fn describe(context: &Context, args: &DescribeArgs) -> Outcome {
    let names = topic_names(&args.names)?;
    let cluster = reading(context, &names)?;
    let mut out = String::new();
    for (number, name) in names.iter().enumerate() {
        let topic = cluster.topic(name)?;
        let partitions = cluster.describe(&topic)?;
        if args.json {
            describe::write_json(&mut out, &topic, &partitions);
            continue;
        }
        if number > 0 {
            out.push('\n');
        }
        describe::write_table(&mut out, &topic, &partitions, context.colored_stdout);
    }
    print(out)?;
    Ok(Status::Done)
}

/// The directory to read; without one there is none of these topics.
pub(in crate::cli) fn reading(
    context: &Context,
    names: &[TopicName],
) -> Result<Cluster, CommandError> {
    match (context.open_to_read()?, names.first()) {
        (Some(cluster), _) => Ok(cluster),
        (None, name) => {
            let error = match name {
                Some(name) => Error::NoSuchTopic(name.clone()).into(),
                None => CommandError::failed("there are no topics"),
            };
            let dir = context.dir()?;
            Err(error.hint(format!(
                "{} is not there yet; -d or RUNNEL_DIR names another directory",
                dir.display()
            )))
        }
    }
}

fn alter(context: &Context, args: &AlterArgs) -> Outcome {
    let name = topic_name(&args.name)?;
    if args.partitions.is_none() && args.config.is_empty() && args.unset.is_empty() {
        return Err(CommandError::usage("nothing to change")
            .hint("--partitions, --config or --unset says what"));
    }
    let set = args.config.iter().cloned().collect();
    let cluster = context.open_to_write()?;
    cluster.alter_topic(&name, args.partitions, &set, &args.unset).map_err(config_error)?;
    Ok(Status::Done)
}

fn delete(context: &Context, args: &DeleteArgs) -> Outcome {
    let names = topic_names(&args.names)?;
    let list: Vec<_> = names.iter().map(TopicName::as_str).collect();
    let question = format!("Delete {} and all records in it?", list.join(", "));
    if !args.yes && !confirmed("deleting topics", &question)? {
        return Err(CommandError::failed("nothing was deleted"));
    }
    let cluster = context.open_to_write()?;
    for name in &names {
        cluster.topic(name)?;
    }
    for name in &names {
        cluster.delete_topic(name)?;
        context.note(&format!("deleted topic {name}"));
    }
    Ok(Status::Done)
}
