//! `runnel table list`, `describe` and `drop`.

use clap::Args;

use super::{definition_of, named_table, table_plan};
use crate::cli::commands::Outcome;
use crate::cli::confirm::confirmed;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;
use crate::cli::terminal::{counted, escape_for_terminal, human_bytes};
use crate::cluster::Error;
use crate::job::Definition;
use crate::job::view::TableView;
use crate::model::TopicName;

/// Flags of `runnel table list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// One JSON object a line
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `runnel table describe`.
#[derive(Debug, Args)]
pub(super) struct DescribeArgs {
    /// The table
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,
    /// One JSON object
    #[arg(short = 'J', long)]
    json: bool,
}

/// Flags of `runnel table drop`.
#[derive(Debug, Args)]
pub(super) struct DropArgs {
    /// The table
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,
    /// Delete the topic that its changes went to, too
    #[arg(long)]
    with_topics: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Runs `runnel table list`.
pub(super) fn list(context: &Context, args: &ListArgs) -> Outcome {
    let Some(cluster) = context.open_to_read()? else { return Ok(Status::Done) };
    let mut out = String::new();
    for (name, job) in cluster.jobs()? {
        if !matches!(definition_of(&name, &job)?, Definition::Table(_)) {
            continue;
        }
        if args.json {
            let object = serde_json::json!({
                "table": &*name, "created_ms": job.created_ms, "definition": job.definition,
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

/// Runs `runnel table describe`.
pub(super) fn describe(context: &Context, args: &DescribeArgs) -> Outcome {
    let name = &args.name;
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchJob(name.clone())))?;
    let (job, definition) = named_table(&cluster, name)?;
    let plan = table_plan(definition)?;
    let view = TableView::open(&cluster, &plan, &job)?;
    let bytes = view.as_ref().map_or(0, TableView::bytes);
    let reflected = view.as_ref().map(TableView::reflected).transpose()?.unwrap_or_default();
    let mut behind = Vec::new();
    for (place, input) in (0..).zip(&plan.inputs) {
        let topic = match cluster.topic(&input.topic) {
            Err(Error::NoSuchTopic(_)) => {
                behind.push((input.topic.clone(), None));
                continue;
            }
            topic => topic?,
        };
        let mut lag = 0;
        for partition in 0..topic.partitions {
            let (start, end) = cluster.reader(&topic, partition)?.bounds();
            let of = |it: &&crate::job::view::Reflected| {
                (it.input, it.topic, it.partition) == (place, topic.id, partition)
            };
            let next = reflected.iter().find(of).map_or(start, |it| it.next.max(start));
            lag += (end - next).max(0);
        }
        behind.push((input.topic.clone(), Some(lag)));
    }
    let mut out = String::new();
    if args.json {
        let inputs: Vec<_> = behind
            .iter()
            .map(|(topic, lag)| serde_json::json!({ "topic": &**topic, "lag": lag }))
            .collect();
        let object = serde_json::json!({
            "table": &**name, "created_ms": job.created_ms, "definition": job.definition,
            "inputs": inputs, "state_bytes": bytes,
        });
        out.push_str(&format!("{object}\n"));
    } else {
        let state = if view.is_some() { human_bytes(bytes) } else { "never updated".to_owned() };
        out.push_str(&format!("table {name}: {state}\n"));
        for (topic, lag) in behind {
            let lag = lag.map_or_else(
                || "which is not there any more".to_owned(),
                |lag| format!("{} behind", counted(lag, "record")),
            );
            out.push_str(&format!("  reads {topic}: {lag}\n"));
        }
        for sink in plan.sinks.iter().filter_map(|sink| sink.topic.as_ref()) {
            out.push_str(&format!("  writes {sink}\n"));
        }
        let text = serde_json::to_string(&job.definition).map_err(CommandError::failed)?;
        out.push_str("  definition ");
        escape_for_terminal(&mut out, text.as_bytes());
        out.push('\n');
    }
    print(out)?;
    Ok(Status::Done)
}

/// Runs `runnel table drop`.
pub(super) fn drop_table(context: &Context, args: &DropArgs) -> Outcome {
    let name = &args.name;
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchJob(name.clone())))?;
    let (_, definition) = named_table(&cluster, name)?;
    let topic = definition.to.filter(|_| args.with_topics);
    let with =
        topic.as_ref().map_or_else(String::new, |topic| format!(" and delete topic {topic}"));
    if !args.yes && !confirmed("dropping a table", &format!("Drop table {name}{with}?"))? {
        return Err(CommandError::failed("nothing was dropped"));
    }
    std::mem::drop(cluster);
    let cluster = context.open_to_write()?;
    cluster.drop_job(name)?;
    if let Some(topic) = topic {
        match cluster.delete_topic(&topic) {
            Err(Error::NoSuchTopic(_)) => {}
            deleted => deleted?,
        }
    }
    context.note(&format!("dropped table {name}"));
    Ok(Status::Done)
}
