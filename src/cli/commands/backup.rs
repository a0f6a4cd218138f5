//! `runnel backup`: topics, configs and what groups have committed, in one file.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::topic::{reading, topic_name};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::terminal::{counted, human_bytes};
use crate::cluster::{BackedUp, Cluster};
use crate::model::TopicName;
use crate::storage;

/// What stands for standard output or input.
pub(super) const STANDARD: &str = "-";

/// Flags of `backup`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BackupArgs {
    /// The file; one that is there is replaced once the new one is whole. - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Topics [default: all but Kafka's own]
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
}

/// Runs it.
pub(super) fn run(context: &Context, args: &BackupArgs) -> Outcome {
    let topics = args.topics.iter().map(|name| topic_name(name));
    let topics = topics.collect::<Result<Vec<_>, _>>()?;
    if let Some(internal) = topics.iter().find(|name| name.is_internal()) {
        return Err(CommandError::usage(format!("{internal} is Kafka's own"))
            .hint("what groups have committed of a topic is in its backup"));
    }
    let cluster = reading(context, &topics)?;
    let done = if args.file == Path::new(STANDARD) {
        let stdout = std::io::stdout();
        if stdout.is_terminal() {
            return Err(CommandError::usage("a backup is not for a terminal")
                .hint("name a file, or send it on: runnel backup - | …"));
        }
        write(context, &cluster, &topics, &mut stdout.lock(), "standard output")?
    } else {
        to_file(context, &cluster, &topics, &args.file)?
    };
    if context.verbose || std::io::stderr().is_terminal() {
        context.inform("backed up", &summary(&done));
    }
    Ok(Status::Done)
}

/// Writes the file beside, makes it durable, and gives it its name.
fn to_file(
    context: &Context,
    cluster: &Cluster,
    topics: &[TopicName],
    path: &Path,
) -> Result<BackedUp, CommandError> {
    let failed = |action| {
        move |source| CommandError::failed(storage::Error::new(action, path.display(), source))
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new()
        .prefix(".runnel-backup-")
        .tempfile_in(dir)
        .map_err(failed("create"))?;
    let name = path.display().to_string();
    let done = write(context, cluster, topics, beside.as_file_mut(), &name)?;
    beside.as_file().sync_all().map_err(failed("sync"))?;
    beside.persist(path).map_err(|error| failed("create")(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync"))?;
    Ok(done)
}

fn write(
    context: &Context,
    cluster: &Cluster,
    topics: &[TopicName],
    out: &mut dyn Write,
    name: &str,
) -> Result<BackedUp, CommandError> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let mut progress: Option<Progress> = None;
    let done = cluster.back_up(topics, &mut out, name, &mut |done, total| {
        progress.get_or_insert_with(|| Progress::new(context, total, Unit::Bytes)).set(done);
    })?;
    out.flush()
        .map_err(|source| CommandError::failed(storage::Error::new("write", name, source)))?;
    Ok(done)
}

fn summary(done: &BackedUp) -> String {
    let count = |number: u64, what| counted(i64::try_from(number).unwrap_or(i64::MAX), what);
    format!(
        "{}, {}, {}: {} in {}",
        count(done.topics, "topic"),
        count(done.counts.records, "record"),
        count(done.commits, "committed offset"),
        human_bytes(done.counts.bytes),
        human_bytes(done.bytes),
    )
}
