//! `runnel table update`: brings a table up to date.

use std::time::Duration;

use clap::Args;

use super::{named_table, table_plan};
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::job::{
    self, COMMIT_INTERVAL_MS, OnErrorArg, milliseconds, parse_bytes, parse_on_error, parse_threads,
};
use crate::cli::output::{Formatter, Output};
use crate::cli::time::parse_duration;
use crate::job::Emit;
use crate::job::run::{Named, Options};
use crate::model::TopicName;

/// Source: Kafka Streams' `statestore.cache.max.bytes`.
const CACHE_BYTES: usize = 10 << 20;

/// Flags of `runnel table update`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct UpdateArgs {
    /// The table
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,
    /// Go on with what comes
    #[arg(short, long)]
    follow: bool,
    /// With -f: stop, windows closed, when nothing has come for this long
    #[arg(long, value_name = "DURATION", requires = "follow")]
    idle: Option<String>,
    /// Close the windows that are open at the end: what comes for them later is late
    #[arg(long)]
    close: bool,
    /// What becomes of a record that fails: fail (the run ends), skip (it is left out), or dead-letter=TOPIC
    #[arg(long, value_name = "WHAT", default_value = "fail", value_parser = parse_on_error, hide_default_value = true)]
    on_error: OnErrorArg,
    /// How often changes come out; 0 for each one [default: what the table says]
    #[arg(long, value_name = "DURATION", value_parser = milliseconds)]
    commit_interval: Option<i64>,
    /// Bytes of changes that may wait until then [default: what the table says]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    cache_max_bytes: Option<usize>,
    /// How many tasks are worked at at once, of a table that has several [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    threads: Option<usize>,
    /// Forget what is kept, and make it again from the beginning of the topics
    #[arg(long)]
    rebuild: bool,
}

const AFTER_HELP: &str = "\
It goes on where it stood, and takes as long as what is new needs. Stopped at any moment, it loses nothing and counts nothing twice.

Examples:
  runnel table update visits          from cron
  runnel table update visits -f       keeps up
  runnel table update visits -f --idle 10s";

/// Runs `runnel table update`.
pub(super) fn run(context: &Context, args: &UpdateArgs) -> Outcome {
    let idle = args.idle.as_deref().map(parse_duration).transpose().map_err(CommandError::usage)?;
    let cluster = context.open_to_write()?;
    let (kept, definition) = named_table(&cluster, &args.name)?;
    let interval_ms = args.commit_interval.map(i64::unsigned_abs);
    let interval_ms = match (interval_ms.or(definition.commit_interval_ms), definition.emit) {
        (Some(interval_ms), _) | (None, Emit::Every(interval_ms)) => interval_ms,
        (None, Emit::Change | Emit::Final) => COMMIT_INTERVAL_MS,
    };
    let of_table =
        definition.cache_max_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let cache_bytes = args.cache_max_bytes.or(of_table).unwrap_or(CACHE_BYTES);
    let plan = table_plan(definition)?;
    job::check_circles(&plan, &args.on_error.0)?;
    let options = Options {
        follow: args.follow,
        idle,
        on_error: args.on_error.0.clone(),
        close: args.close,
        commit_interval: Duration::from_millis(interval_ms),
        cache_bytes,
        exactly_once: true,
        threads: job::threads(args.threads),
    };
    let named = Named { name: &args.name, job: &kept };
    let is_alone = args.rebuild || !plan.per_partition;
    let lease = match is_alone.then(|| job::lease(context, &cluster, named)).transpose()? {
        Some(Err(status)) => return Ok(status),
        lease => lease,
    };
    if args.rebuild {
        cluster.forget_job_state(&kept)?;
    }
    // Where it is shared, who comes after this has its part in making it anew.
    let _lease = lease.filter(|_| !plan.per_partition);
    let output = Output::Delimited { key_delimiter: None, delimiter: b"\n".to_vec() };
    job::run(context, &cluster, &plan, Some(named), &options, Formatter::new(output, None))
}
