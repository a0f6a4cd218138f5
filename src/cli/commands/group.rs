//! `runnel group`: what consumer groups have committed, how far they are behind, and how that is
//! changed.

mod set;
mod table;

use clap::{Args, Subcommand};

use super::Outcome;
use super::consume::parse_group;
use super::table::refuse_group_of_job;
use super::topic::whole_name;
use crate::cli::confirm::confirmed;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;
use crate::cli::terminal::{counted, escape_for_terminal};
use crate::cluster::{Behind, Cluster, Commits, CommittedOffset, Error, MemberNote, TopicInfo};
use crate::model::TopicName;

/// The commands on groups.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GroupCommand {
    /// Print the names of groups, one a line
    List(ListArgs),
    /// Show where a group stands in each partition, how far it is behind, and who reads
    Describe(DescribeArgs),
    /// Show how far a group is behind; status 3 where that is more than it may be
    Lag(LagArgs),
    /// Set where a group goes on; prints the plan, and does it when told yes
    Set(set::SetArgs),
    /// Forget a group and all that it has committed
    Delete(DeleteArgs),
}

/// Flags of `group list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// A regular expression that the whole name must match
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `group describe`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DescribeArgs {
    /// The group
    #[arg(value_name = "GROUP", value_parser = parse_group)]
    group: String,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `group lag`.
#[derive(Debug, Args)]
pub(in crate::cli) struct LagArgs {
    /// The group
    #[arg(value_name = "GROUP", value_parser = parse_group)]
    group: String,
    /// End with status 3 if a partition has more than N records that the group has not read
    #[arg(long, value_name = "N")]
    max_lag: Option<u64>,
    /// End with status 3 if the first of them is older than this
    #[arg(long, value_name = "MILLISECONDS")]
    max_lag_ms: Option<u64>,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `group delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArgs {
    /// The group
    #[arg(value_name = "GROUP", value_parser = parse_group)]
    group: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The plan as one JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Runs a command on groups.
pub(super) fn run(context: &Context, command: GroupCommand) -> Outcome {
    match command {
        GroupCommand::List(args) => list(context, &args),
        GroupCommand::Describe(args) => describe(context, &args),
        GroupCommand::Lag(args) => lag(context, &args),
        GroupCommand::Set(args) => set::run(context, &args),
        GroupCommand::Delete(args) => delete(context, &args),
    }
}

fn list(context: &Context, args: &ListArgs) -> Outcome {
    let pattern = args.pattern.as_deref().map(whole_name).transpose()?;
    let Some(cluster) = context.open_to_read()? else {
        return Ok(Status::Done);
    };
    let mut out = String::new();
    for (name, group) in cluster.groups()? {
        if !pattern.as_ref().is_none_or(|pattern| pattern.is_match(&name)) {
            continue;
        }
        if args.json {
            let object = serde_json::json!({
                "group": name, "type": group.kind.name(), "protocol_type": group.protocol_type,
                "members": group.recorded_members, "offsets": group.offsets,
            });
            out.push_str(&object.to_string());
        } else {
            escape_for_terminal(&mut out, name.as_bytes());
        }
        out.push('\n');
    }
    print(out)?;
    Ok(Status::Done)
}

/// The directory to read; without one there is no such group.
fn reading(context: &Context, group: &str) -> Result<Cluster, CommandError> {
    context.open_to_read()?.ok_or_else(|| no_such_group(group))
}

/// What a group has committed that there is.
fn known<'c>(cluster: &'c Cluster, group: &str) -> Result<Commits<'c>, CommandError> {
    let commits = cluster.commits(group)?;
    if commits.is_known() { Ok(commits) } else { Err(no_such_group(group)) }
}

fn no_such_group(group: &str) -> CommandError {
    CommandError::failed(format!("no group named {group}"))
        .hint("`runnel group list` shows the groups there are")
}

/// Where a group stands in a partition.
#[derive(Debug)]
struct Standing<'c> {
    topic: String,
    partition: i32,
    committed: Option<CommittedOffset>,
    /// `None` where the topic is not there any more.
    behind: Option<Behind>,
    /// Whether a command reads it, and which, if it said so.
    owner: Option<Option<&'c MemberNote>>,
}

/// Where a group stands: in all partitions of each topic that it has committed anything of.
fn standings<'c>(
    cluster: &Cluster,
    commits: &'c Commits<'_>,
) -> Result<Vec<Standing<'c>>, CommandError> {
    let mut standings: Vec<Standing<'_>> = Vec::new();
    for (topic, committed) in commits.by_topic() {
        let found = find_topic(cluster, &topic)?;
        let partitions = found.as_ref().map_or(0, |found| found.partitions);
        for partition in 0..partitions {
            let Some(found) = &found else { break };
            standings.push(Standing {
                topic: topic.clone(),
                partition,
                committed: commits.committed(found, partition),
                behind: Some(commits.behind(found, partition)?),
                owner: commits.owner(found, partition)?,
            });
        }
        let gone = committed.into_iter().filter(|(partition, _)| *partition >= partitions);
        standings.extend(gone.map(|(partition, committed)| {
            let topic = topic.clone();
            Standing { topic, partition, committed: Some(committed), behind: None, owner: None }
        }));
    }
    Ok(standings)
}

fn find_topic(cluster: &Cluster, name: &str) -> Result<Option<TopicInfo>, CommandError> {
    let Ok(name) = TopicName::new(name) else { return Ok(None) };
    match cluster.topic(&name) {
        Err(Error::NoSuchTopic(_)) => Ok(None),
        found => Ok(Some(found?)),
    }
}

fn describe(context: &Context, args: &DescribeArgs) -> Outcome {
    let cluster = reading(context, &args.group)?;
    let commits = known(&cluster, &args.group)?;
    let standings = standings(&cluster, &commits)?;
    let mut out = String::new();
    if args.json {
        for standing in &standings {
            let mut object = table::to_json(&args.group, standing);
            table::add_details(&mut object, standing);
            out.push_str(&format!("{object}\n"));
        }
    } else {
        table::write_headline(&mut out, &args.group, &standings, commits.recorded_members());
        table::write_standings(&mut out, &standings, true, context.colored_stdout);
    }
    print(out)?;
    Ok(Status::Done)
}

fn lag(context: &Context, args: &LagArgs) -> Outcome {
    let cluster = reading(context, &args.group)?;
    let commits = known(&cluster, &args.group)?;
    let standings = standings(&cluster, &commits)?;
    let mut out = String::new();
    if args.json {
        for standing in &standings {
            out.push_str(&format!("{}\n", table::to_json(&args.group, standing)));
        }
    } else {
        table::write_standings(&mut out, &standings, false, context.colored_stdout);
    }
    print(out)?;
    // Neither is ever negative.
    let is_over = |value: i64, max: Option<u64>| max.is_some_and(|max| value.unsigned_abs() > max);
    let too_far = standings
        .iter()
        .filter_map(|standing| standing.behind)
        .any(|behind| is_over(behind.lag, args.max_lag) || is_over(behind.lag_ms, args.max_lag_ms));
    Ok(if too_far { Status::Unmet } else { Status::Done })
}

fn delete(context: &Context, args: &DeleteArgs) -> Outcome {
    let group = &args.group;
    let cluster = reading(context, group)?;
    let commits = known(&cluster, group)?;
    refuse_group_of_job(&cluster, group, false)?;
    let (mut out, mut count) = (String::new(), 0);
    for (topic, committed) in commits.by_topic() {
        for (partition, CommittedOffset { offset, .. }) in committed {
            count += 1;
            if args.json {
                let object = serde_json::json!({
                    "group": group, "topic": topic, "partition": partition, "committed": offset, "to": null,
                });
                out.push_str(&format!("{object}\n"));
            } else {
                let topic = quoted(&topic);
                out.push_str(&format!(
                    "{} forgets {topic}-{partition} at {offset}\n",
                    quoted(group)
                ));
            }
        }
    }
    print(out)?;
    let question =
        format!("Delete group {} with {}?", quoted(group), counted(count, "committed offset"));
    if !args.yes && !confirmed("deleting a group", &question)? {
        return Err(CommandError::failed("nothing was deleted"));
    }
    drop(commits);
    drop(cluster);
    let cluster = context.open_to_write()?;
    cluster.commits(group)?.delete()?;
    context.note(&format!("deleted group {group}"));
    Ok(Status::Done)
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    escape_for_terminal(&mut out, text.as_bytes());
    out
}
