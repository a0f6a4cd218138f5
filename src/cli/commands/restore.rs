//! `runnel restore`: topics of a backup, or what is in one.

use std::fs::File;
use std::io::{BufReader, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::backup::STANDARD;
use super::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::sink::print;
use crate::cli::terminal::counted;
use crate::cli::timestamp::write_rfc3339_ms;
use crate::cluster::{BackupContents, Error, Restoring};
use crate::model::TopicName;
use crate::storage;

/// Flags of `restore`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArgs {
    /// The backup; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this topic; may be given several times
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only check the backup, and print what is in it
    #[arg(long, visible_alias = "dry-run", conflicts_with = "topics")]
    list: bool,
    /// With --list: one JSON object a line
    #[arg(short = 'J', long, requires = "list")]
    json: bool,
}

/// Runs it.
pub(super) fn run(context: &Context, args: &RestoreArgs) -> Outcome {
    let topics = args.topics.iter().map(|name| topic_name(name));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    let name = match args.file == Path::new(STANDARD) {
        true => "from standard input".to_owned(),
        false => args.file.display().to_string(),
    };
    if args.file == Path::new(STANDARD) {
        let mut progress = Progress::hidden();
        return with(context, args, &topics, &mut std::io::stdin().lock(), &name, &mut progress);
    }
    let failed = |source| CommandError::failed(storage::Error::new("open", &name, source));
    let file = File::open(&args.file).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let mut input = BufReader::with_capacity(1 << 20, file);
    let mut progress = Progress::new(context, len, Unit::Bytes);
    with(context, args, &topics, &mut input, &name, &mut progress)
}

fn with(
    context: &Context,
    args: &RestoreArgs,
    topics: &[TopicName],
    input: &mut dyn Read,
    name: &str,
    progress: &mut Progress,
) -> Outcome {
    let mut told = |done| progress.set(done);
    if args.list {
        let contents = BackupContents::read(input, name, &mut told)?;
        print(if args.json { json(&contents) } else { text(&contents) })?;
        return Ok(Status::Done);
    }
    let cluster = context.open_alone()?;
    let restored = cluster.restore(input, Restoring { only: topics, name }, &mut told);
    let contents = restored.map_err(refused)?;
    if context.verbose || std::io::stderr().is_terminal() {
        let restored = match topics {
            [] => contents.head.topics.len(),
            some => some.len(),
        };
        context.inform("restored", &counted(restored as i64, "topic"));
    }
    Ok(Status::Done)
}

fn refused(error: Error) -> CommandError {
    let is_taken = matches!(error, Error::TopicExists(_) | Error::JobExists(_));
    let error = CommandError::from(error);
    match is_taken {
        true => {
            error.hint("nothing was restored; -d names another directory, --topic other topics")
        }
        false => error,
    }
}

fn text(contents: &BackupContents) -> String {
    let mut created = Vec::new();
    write_rfc3339_ms(&mut created, contents.head.created_ms);
    let created = String::from_utf8(created).unwrap_or_default();
    let mut out = format!("backup created={created} runnel={}\n", contents.head.runnel);
    for topic in &contents.head.topics {
        out += &format!("topic {} partitions={}", topic.name, topic.partitions);
        for (key, value) in &topic.configs {
            out += &format!(" {key}={value}");
        }
        out.push('\n');
    }
    for job in &contents.head.jobs {
        out += &format!("job {}\n", job.name);
    }
    for (partition, (start, end, counts)) in &contents.partitions {
        out += &format!(
            "partition {partition} start={start} end={end} records={} batches={} bytes={}\n",
            counts.records, counts.batches, counts.bytes
        );
    }
    out + &format!("groups {} offsets={}\n", contents.groups.len(), contents.commits)
}

fn json(contents: &BackupContents) -> String {
    let head = &contents.head;
    let mut objects = vec![serde_json::json!({
        "type": "backup", "created_ms": head.created_ms, "runnel": head.runnel,
        "bytes": contents.bytes,
    })];
    for topic in &head.topics {
        objects.push(serde_json::json!({
            "type": "topic", "topic": topic.name, "id": topic.id, "partitions": topic.partitions,
            "configs": topic.configs,
        }));
    }
    for job in &head.jobs {
        objects.push(serde_json::json!({
            "type": "job", "job": job.name, "created_ms": job.created_ms,
            "definition": job.definition,
        }));
    }
    for (partition, (start, end, counts)) in &contents.partitions {
        objects.push(serde_json::json!({
            "type": "partition", "topic": partition.topic, "partition": partition.partition,
            "start": start, "end": end, "records": counts.records, "batches": counts.batches,
            "bytes": counts.bytes,
        }));
    }
    objects.push(serde_json::json!({
        "type": "groups", "groups": contents.groups, "offsets": contents.commits,
    }));
    objects.iter().map(|object| format!("{object}\n")).collect()
}
