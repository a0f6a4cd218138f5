//! `runnel group set`: where a group goes on.

use clap::Args;
use jiff::tz::TimeZone;

use super::super::Outcome;
use super::super::consume::parse_group;
use super::super::table::refuse_group_of_job;
use super::super::topic::{reading, topic_name};
use super::{quoted, table};
use crate::cli::confirm::confirmed;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::offset_spec::OffsetSpec;
use crate::cli::partition_list::{PartitionListError, parse_partitions};
use crate::cli::sink::print;
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::{self, Cluster, Commits, TopicInfo};
use crate::model::{Offset, TopicName};

/// Flags of `group set`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct SetArgs {
    /// The group; one that is not there is made
    #[arg(value_name = "GROUP", value_parser = parse_group)]
    group: String,
    /// The topic, and which of its partitions: orders, orders:3, orders:0,2-4
    #[arg(value_name = "TOPIC[:LIST]")]
    topic: String,
    /// Where to: beginning, end, OFFSET, @TIME; +N or -N from where the group stands
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    to: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The plan as one JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

const AFTER_HELP: &str = "\
Examples:
  runnel group set billing orders --to beginning
  runnel group set billing orders:3 --to @2h --yes
  runnel group set billing orders:3 --to -100 --yes    once more the last 100 that it has read";

/// A partition, where the group stands in it, and where it is to stand.
#[derive(Debug)]
pub(super) struct Move {
    pub(super) partition: i32,
    pub(super) from: Option<i64>,
    pub(super) to: Offset,
}

/// Runs it.
pub(super) fn run(context: &Context, args: &SetArgs) -> Outcome {
    let now_ms = SystemClock.now_ms();
    let spec = OffsetSpec::parse(&args.to, now_ms, TimeZone::system);
    let spec = spec.filter(|spec| *spec != OffsetSpec::Stored).ok_or_else(|| {
        CommandError::usage(format!("cannot read the offset {:?}", args.to))
            .hint("--to takes beginning, end, an offset, @TIME, +N or -N")
    })?;
    let (name, partitions) = topic_and_partitions(&args.topic)?;
    let cluster = reading(context, std::slice::from_ref(&name))?;
    let topic = cluster.topic(&name)?;
    refuse_group_of_job(&cluster, &args.group, true)?;
    let commits = cluster.commits(&args.group)?;
    let plan = plan(&cluster, &topic, &commits, partitions, spec)?;
    let mut out = String::new();
    match args.json {
        true => table::write_plan_json(&mut out, &args.group, &name, &plan),
        false => table::write_plan(&mut out, &name, &plan, context.colored_stdout),
    }
    print(out)?;
    let question = format!("Set group {} so?", quoted(&args.group));
    if !args.yes && !confirmed("setting a group's offsets", &question)? {
        return Err(CommandError::failed("nothing was set"));
    }
    drop(commits);
    drop(cluster);
    let cluster = context.open_to_write()?;
    // In the catalog from now on, so that its id stays.
    let topic = cluster.topic_to_write(&name)?;
    let moves: Vec<_> = plan.iter().map(|it| (it.partition, it.to)).collect();
    cluster.commits(&args.group)?.set(&topic, &moves)?;
    context.note(&format!("set group {}", args.group));
    Ok(Status::Done)
}

/// `TOPIC` or `TOPIC:LIST`; a topic's name has no colon.
fn topic_and_partitions(text: &str) -> Result<(TopicName, Option<Vec<i32>>), CommandError> {
    let (topic, list) = match text.split_once(':') {
        Some((topic, list)) => (topic, Some(list)),
        None => (text, None),
    };
    let partitions = list.map(parse_partitions).transpose().map_err(|error| match error {
        PartitionListError::Range(_) => CommandError::failed(error),
        error => CommandError::usage(error),
    })?;
    Ok((topic_name(topic)?, partitions))
}

fn plan(
    cluster: &Cluster,
    topic: &TopicInfo,
    commits: &Commits<'_>,
    partitions: Option<Vec<i32>>,
    spec: OffsetSpec,
) -> Result<Vec<Move>, CommandError> {
    let partitions = partitions.unwrap_or_else(|| (0..topic.partitions).collect());
    let mut plan = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let reader = cluster.reader(topic, partition)?;
        let (start, end) = reader.bounds();
        let from = commits.committed(topic, partition).map(|committed| committed.offset);
        let stands = from.map_or(start, Offset);
        let to = match spec {
            OffsetSpec::AfterBeginning(count) => (stands + count).clamp(start, end),
            OffsetSpec::BeforeEnd(count) => (stands + -count).clamp(start, end),
            OffsetSpec::Beginning => start,
            OffsetSpec::End | OffsetSpec::Stored => end,
            OffsetSpec::At(offset) => Offset(offset).clamp(start, end),
            OffsetSpec::Time(at) => reader.resolve(cluster::OffsetSpec::Time(at))?,
        };
        plan.push(Move { partition, from, to });
    }
    Ok(plan)
}
