//! `runnel backup`: topics, configs and what groups have committed, in one file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Outcome;
use super::topic::{reading, topic_name};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
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
    let topics: Vec<_> = topics.collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect();
    if let Some(internal) = topics.iter().find(|name| name.is_internal()) {
        return Err(CommandError::usage(format!("{internal} is Kafka's own"))
            .hint("what groups have committed of a topic is in its backup"));
    }
    let cluster = reading(context, &topics)?;
    if !cluster.jobs()?.is_empty()
        && let Ok(writing) = context.open_to_write()
    {
        // What a job decided that died belongs to the backup. A server has done so.
        for name in writing.topics()?.into_keys().filter(|name| !name.is_internal()) {
            writing.settle(&writing.topic_to_write(&name)?)?;
        }
    }
    let done = if args.file == Path::new(STANDARD) {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Err(CommandError::usage("a backup is not for a terminal")
                .hint("name a file, or send it on: runnel backup - | …"));
        }
        let mut out = UntilClosed { out: &mut stdout.lock(), is_closed: false };
        match write(context, &cluster, &topics, &mut out, "standard output") {
            // Whoever reads has gone away.
            Err(_) if out.is_closed => return Ok(Status::Done),
            done => done?,
        }
    } else if is_special(&args.file) {
        let open = File::options().write(true).open(&args.file);
        let name = args.file.display().to_string();
        let failed = |source| CommandError::failed(storage::Error::new("open", &name, source));
        write(context, &cluster, &topics, &mut open.map_err(failed)?, &name)?
    } else {
        // A file that is not whole does not stay.
        let signals = Signals::listen().map_err(CommandError::failed)?;
        match to_file(context, &cluster, &topics, &args.file, &signals) {
            Err(error) => return signals.received().ok_or(error),
            Ok(done) => done,
        }
    };
    if context.verbose || io::stderr().is_terminal() {
        context.inform("backed up", &summary(&done));
    }
    Ok(Status::Done)
}

/// Whether there is something under a name that is written to and not replaced: a pipe, a device.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Writes the file beside, makes it durable, and gives it its name.
fn to_file(
    context: &Context,
    cluster: &Cluster,
    topics: &[TopicName],
    path: &Path,
    signals: &Signals,
) -> Result<BackedUp, CommandError> {
    let failed = |action| {
        move |source| CommandError::failed(storage::Error::new(action, path.display(), source))
    };
    // What a link names is replaced, and not the link.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new()
        .prefix(".runnel-backup-")
        .tempfile_in(dir)
        .map_err(failed("create"))?;
    let name = path.display().to_string();
    let mut out = UntilSignal { out: beside.as_file_mut(), signals };
    let done = write(context, cluster, topics, &mut out, &name)?;
    beside.as_file().sync_all().map_err(failed("sync"))?;
    beside.persist(path).map_err(|error| failed("create")(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync"))?;
    Ok(done)
}

/// Knows whether its reader has gone away.
struct UntilClosed<'a> {
    out: &'a mut dyn Write,
    is_closed: bool,
}

impl Write for UntilClosed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.is_closed |= written.as_ref().is_err_and(|it| it.kind() == ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.is_closed |= flushed.as_ref().is_err_and(|it| it.kind() == ErrorKind::BrokenPipe);
        flushed
    }
}

/// Takes no more once a signal has come.
struct UntilSignal<'a> {
    out: &'a mut File,
    signals: &'a Signals,
}

impl Write for UntilSignal<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.signals.received() {
            Some(_) => Err(io::Error::other("stopped by a signal")),
            None => self.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
