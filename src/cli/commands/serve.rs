//! `runnel serve`: the directory, for every Kafka client.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Outcome;
use crate::cli::args::parse_config;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::signals::Signals;
use crate::server::{self, Listen, Options, Server};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArgs {
    /// Where to listen; port 0 lets the system pick one [default: 127.0.0.1:9092]
    #[arg(short, long, value_name = "HOST:PORT", value_parser = parse_address)]
    listen: Vec<Listen>,
    /// What clients are told to connect to, where it is not what is listened on
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    advertise: Option<Listen>,
    /// Serve a directory that is made for it and removed afterwards; nothing is synced
    #[arg(long)]
    ephemeral: bool,
    /// Write HOST:PORT of the first listener to a file, once it answers
    #[arg(long, value_name = "FILE")]
    addr_file: Option<PathBuf>,
    /// A broker setting, in Kafka's names
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = parse_config)]
    config: Vec<(String, String)>,
    /// Answer Prometheus there, under /metrics
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    metrics: Option<Listen>,
    /// Run a command with KAFKA_BOOTSTRAP_SERVERS set, stop after it, and end with its status
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Serves until a signal comes, or the command ends.
pub(super) fn run(context: &Context, args: ServeArgs) -> Outcome {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    log_to_stderr(context);
    let ephemeral = match args.ephemeral {
        true => Some(TempDir::with_prefix("runnel-").map_err(CommandError::failed)?),
        false => None,
    };
    let broker = context.open_to_serve(ephemeral.as_ref().map(TempDir::path))?;
    let broker = Arc::new(broker.with_static_configs(args.config.iter().cloned().collect())?);
    let server = Server::start(Arc::clone(&broker), &options(&args))?;
    let ended = serve(context, &args, &broker, &server, &signals);
    let stopped = server.stop();
    drop(broker);
    let status = ended?;
    stopped?;
    Ok(status)
}

fn serve(
    context: &Context,
    args: &ServeArgs,
    broker: &crate::broker::Broker,
    server: &Server,
    signals: &Signals,
) -> Outcome {
    let Some(address) = server.addresses().first().map(ToString::to_string) else {
        return Err(CommandError::usage("nowhere to listen"));
    };
    broker.home().announce(&format!("runnel serve, {address}"))?;
    for address in server.addresses() {
        tracing::info!(%address, directory = %broker.home().storage().display(""), "listening");
    }
    if let Some(address) = server.metrics_address() {
        tracing::info!(%address, "metrics");
    }
    if let Some(file) = &args.addr_file {
        write_address(file, &address)?;
    }
    context.tell(broker.take_notices());
    match args.command.split_first() {
        Some((program, arguments)) => run_command(program, arguments, &address, signals),
        None => {
            signals.wait().map_err(CommandError::failed)?;
            tracing::info!("stopping");
            Ok(Status::Done)
        }
    }
}

fn options(args: &ServeArgs) -> Options {
    let listen = match args.listen.as_slice() {
        [] => vec![Listen { host: "127.0.0.1".to_owned(), port: 9092 }],
        listen => listen.to_vec(),
    };
    Options {
        listen,
        advertise: args.advertise.clone(),
        metrics: args.metrics.clone(),
        durable: !args.ephemeral,
    }
}

/// Puts an address into a file in one step: who waits for the file finds it whole.
fn write_address(file: &Path, address: &str) -> Result<(), CommandError> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = tempfile::NamedTempFile::new_in(dir).and_then(|temporary| {
        std::fs::write(temporary.path(), format!("{address}\n"))?;
        temporary.persist(file).map_err(io::Error::from)
    });
    let failed = |error| CommandError::failed(format!("cannot write {}: {error}", file.display()));
    written.map(drop).map_err(failed)
}

/// Runs a command beside the server. A signal to stop goes on to it, and its end is waited for.
fn run_command(program: &str, arguments: &[String], address: &str, signals: &Signals) -> Outcome {
    let spawned = Command::new(program)
        .args(arguments)
        .env("KAFKA_BOOTSTRAP_SERVERS", address)
        .env("RUNNEL_BOOTSTRAP_SERVER", address)
        .spawn();
    let mut child =
        spawned.map_err(|error| CommandError::failed(format!("cannot run {program}: {error}")))?;
    let (ended, guard) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|errno| CommandError::failed(io::Error::from(errno)))?;
    let id = Pid::from_child(&child);
    let waiting = std::thread::spawn(move || wait(&mut child, guard));
    let has_ended = signals.wait_for(&ended).map_err(CommandError::failed)?;
    if !has_ended {
        // It may have ended meanwhile.
        let _ = kill_process(id, Signal::TERM);
    }
    let status = waiting.join().map_err(|_| CommandError::failed("lost the command"))?;
    let status = status.map_err(CommandError::failed)?;
    Ok(match signals.received() {
        Some(signal) if !has_ended => signal,
        _ => Status::OfCommand(code_of(status)),
    })
}

/// Waits for the end of a command; the pipe's end is closed with it.
fn wait(child: &mut Child, _guard: OwnedFd) -> io::Result<ExitStatus> {
    child.wait()
}

/// What a shell says: the code, or 128 and the number of the signal.
fn code_of(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The server's own words go to standard error, one event a line, as `key=value`.
fn log_to_stderr(context: &Context) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match (context.quiet, context.verbosity) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::INFO,
        (false, 1) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(context.colored_stderr)
        .with_target(false)
        .with_writer(io::stderr)
        .init();
}

/// Reads `HOST:PORT`, with `[…]` around an IPv6 address.
fn parse_address(text: &str) -> Result<Listen, String> {
    let wrong = || format!("{text:?} is not HOST:PORT");
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port = port.parse().map_err(|_| wrong())?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address,
        None if host.is_empty() => "0.0.0.0",
        None if host.contains(':') => {
            return Err(format!("{text:?}: an IPv6 address stands in [ ]"));
        }
        None => host,
    };
    Ok(Listen { host: host.to_owned(), port })
}

impl From<server::Error> for CommandError {
    fn from(error: server::Error) -> Self {
        match error {
            server::Error::Broker(error) => error.into(),
            error @ server::Error::Listen { .. } => Self::failed(&error)
                .hint("-l HOST:PORT names another address; port 0 lets the system pick"),
            error => Self::failed(error),
        }
    }
}
