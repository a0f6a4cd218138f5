//! `runnel topic truncate`: Kafka's DeleteRecords. The plan is printed first; then the deed, if yes.

use clap::Args;
use jiff::tz::TimeZone;

use super::{reading, topic_name};
use crate::cli::commands::Outcome;
use crate::cli::confirm::confirmed;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::offset_spec::OffsetSpec;
use crate::cli::partition_list::parse_partitions;
use crate::cli::sink::print;
use crate::cli::terminal::counted;
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::{self, Cluster, Error, TopicInfo};
use crate::log;
use crate::model::Offset;

/// Flags of `topic truncate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct TruncateArgs {
    /// The topic
    #[arg(value_name = "NAME")]
    name: String,
    /// Only these partitions, as in 0,2-4
    #[arg(short, long, value_name = "LIST")]
    partition: Option<String>,
    /// The first offset to keep: OFFSET, @TIME, end, or -N for the last N
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    before: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// What is to be deleted of a partition: the records from one offset to another, exclusive.
struct Cut {
    partition: i32,
    from: Offset,
    to: Offset,
}

pub(super) fn run(context: &Context, args: &TruncateArgs) -> Outcome {
    let name = topic_name(&args.name)?;
    let before = first_kept(&args.before)?;
    let partitions = args.partition.as_deref().map(parse_partitions).transpose()?;
    // Reading makes no directory.
    reading(context, std::slice::from_ref(&name))?.topic(&name)?;
    let cluster = context.open_to_write()?;
    let topic = cluster.topic_to_write(&name)?;
    cluster.require_deletable(&topic)?;
    let partitions = partitions.unwrap_or_else(|| (0..topic.partitions).collect());
    let cuts = plan(&cluster, &topic, &partitions, before)?;
    print(written(&topic, &cuts, args.json))?;
    let records: i64 = cuts.iter().map(|cut| cut.to - cut.from).sum();
    let question = format!("Delete {} of {name}?", counted(records, "record"));
    if !cuts.is_empty() && !args.yes && !confirmed("deleting records", &question)? {
        return Err(CommandError::failed("nothing was deleted"));
    }
    for cut in &cuts {
        cluster.delete_records(&topic, cut.partition, cut.to)?;
    }
    context.tell(cluster.take_notices());
    Ok(Status::Done)
}

/// Where deletion is to end.
fn first_kept(text: &str) -> Result<cluster::OffsetSpec, CommandError> {
    use cluster::OffsetSpec as Kept;
    match OffsetSpec::parse(text, SystemClock.now_ms(), TimeZone::system) {
        Some(OffsetSpec::At(offset)) => Ok(Kept::At(offset)),
        Some(OffsetSpec::Time(time)) => Ok(Kept::Time(time)),
        Some(OffsetSpec::End) => Ok(Kept::End),
        Some(OffsetSpec::BeforeEnd(count)) => Ok(Kept::BeforeEnd(count.unsigned_abs())),
        _ => Err(CommandError::usage(format!("cannot read --before {text:?}"))
            .hint("it is the first offset to keep, @TIME, end, or -N for the last N")),
    }
}

/// What there is to delete, partition by partition; those where there is nothing are left out.
fn plan(
    cluster: &Cluster,
    topic: &TopicInfo,
    partitions: &[i32],
    before: cluster::OffsetSpec,
) -> Result<Vec<Cut>, CommandError> {
    let mut cuts = Vec::new();
    for partition in partitions {
        let reader = cluster.reader(topic, *partition)?;
        let (from, end) = reader.bounds();
        // An offset that is not there yet is a slip, as it is for Kafka.
        if let cluster::OffsetSpec::At(offset) = before
            && offset > end.0
        {
            let error = log::Error::OffsetOutOfRange { offset: Offset(offset), start: from, end };
            let (action, partition) = ("truncate", reader.partition().clone());
            return Err(CommandError::from(Error::Log { action, partition, source: error })
                .hint("-p names the partitions, --before end deletes all records"));
        }
        let to = reader.resolve(before)?;
        if to > from {
            cuts.push(Cut { partition: *partition, from, to });
        }
    }
    Ok(cuts)
}

fn written(topic: &TopicInfo, cuts: &[Cut], json: bool) -> String {
    let line = |Cut { partition, from, to }: &Cut| {
        let (name, records) = (&topic.name, *to - *from);
        if !json {
            let records = counted(records, "record");
            return format!("{name}-{partition}: from offset {from} to {to}: {records}\n");
        }
        let object = serde_json::json!({
            "topic": name, "partition": partition, "from": from.0, "to": to.0, "records": records,
        });
        format!("{object}\n")
    };
    cuts.iter().map(line).collect()
}
