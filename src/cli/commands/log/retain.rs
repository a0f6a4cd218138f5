//! `runnel log retain`: what a server does on its own, for cron. Each partition in which something
//! went, or would go, is a line; one that fails is told of, and the others go on.

use clap::Args;

use super::open_for_round;
use crate::cli::commands::Outcome;
use crate::cli::commands::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;
use crate::cli::terminal::{counted, human_bytes};
use crate::cluster::{Retained, RetentionRound, RetentionRule};
use crate::model::TopicPartition;

/// Flags of `log retain`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RetainArgs {
    /// A topic [default: all topics]
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
    /// Only say what is due
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

pub(super) fn run(context: &Context, args: &RetainArgs) -> Outcome {
    let only = args.topic.as_deref().map(topic_name).transpose()?;
    let Some(cluster) = open_for_round(context, only.as_ref(), args.dry_run)? else {
        return Ok(Status::Done);
    };
    let round = RetentionRound { only: only.as_ref(), dry_run: args.dry_run };
    let (mut status, mut printed) = (Status::Done, Ok(()));
    cluster.retention_round(round, &mut |partition, result| match result {
        Ok(retained) => {
            let line = match args.json {
                true => json(&partition, &retained, args.dry_run),
                false => text(&partition, &retained, args.dry_run),
            };
            // That it can't be told is no reason not to do it.
            if let Err(error) = print(line + "\n") {
                printed = Err(error);
            }
        }
        Err(error) => {
            let error = CommandError::from(error);
            context.report(&error);
            status = status.or(error.status);
        }
    })?;
    context.tell(cluster.take_notices());
    printed.map(|()| status)
}

fn text(partition: &TopicPartition, retained: &Retained, dry_run: bool) -> String {
    let Retained { from, to, segments } = retained;
    format!(
        "{partition}: {} {}, {}: from offset {from} to {to} ({})",
        if dry_run { "would remove" } else { "removed" },
        counted(segments.len() as i64, "segment"),
        human_bytes(retained.bytes()),
        rules(retained).join(", "),
    )
}

fn json(partition: &TopicPartition, retained: &Retained, dry_run: bool) -> String {
    let object = serde_json::json!({
        "topic": partition.topic,
        "partition": partition.partition,
        "from": retained.from.0,
        "to": retained.to.0,
        "segments": retained.segments.len(),
        "bytes": retained.bytes(),
        "rules": rules(retained),
        "dry_run": dry_run,
    });
    object.to_string()
}

fn rules(retained: &Retained) -> Vec<&'static str> {
    retained.rules().into_iter().map(RetentionRule::name).collect()
}
