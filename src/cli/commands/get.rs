//! `runnel get`: the latest value of a key.

use clap::Args;

use super::Outcome;
use super::table::{Decoding, RowForm, Rows, find_in_table, no_past, parse_at, tell_what_is_gone};
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::sink::print;
use crate::cluster::Error;
use crate::job::view::{self, Row};
use crate::model::TopicName;

/// Flags of `runnel get`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct GetArgs {
    /// The topic or table
    #[arg(value_name = "TOPIC|TABLE", value_parser = TopicName::new)]
    topic: TopicName,
    /// The key
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    key: String,
    /// As it was then: of records with a timestamp up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// Nothing after the value
    #[arg(long, help_heading = "Output", conflicts_with_all = ["json", "csv"])]
    raw: bool,
    #[command(flatten)]
    form: RowForm,
    #[command(flatten)]
    decoding: Decoding,
}

const AFTER_HELP: &str = "\
The topic is searched from its end, in all partitions. The status is 3 where it has no such key, or a null value came last.

Examples:
  runnel get users ann
  runnel get config timeout --at 2026-01-01 || echo 'not set then'";

/// Runs `runnel get`.
pub(super) fn run(context: &Context, args: &GetArgs) -> Outcome {
    let before = parse_at(args.at.as_deref())?;
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchTopic(args.topic.clone())))?;
    let is_table = cluster.job(&args.topic)?.is_some();
    let key = match is_table {
        true => args.key.as_bytes().to_vec(),
        false => args.decoding.key(&args.key)?,
    };
    let found = match is_table {
        true if before.is_some() => return Err(no_past()),
        true => {
            args.decoding.refuse()?;
            find_in_table(&cluster, &args.topic, &key)?
        }
        false => {
            let topic = cluster.topic(&args.topic)?;
            if before.is_some() {
                tell_what_is_gone(context, &cluster, &topic)?;
            }
            view::find(&cluster, &topic, &key, before)?
        }
    };
    let Some((value, timestamp)) = found else { return Ok(Status::Unmet) };
    if !args.form.is_table() {
        let mut rows = Rows::new(context, &args.form, &args.decoding, false);
        let _ = rows.push(Row { key: &key, value: &value, timestamp }, None);
        return rows.end();
    }
    let mut scratch = Vec::new();
    let text = args.decoding.value_serde.decode(&value, &mut scratch);
    let text = text.map_err(|error| CommandError {
        status: Status::SomeFailed,
        ..CommandError::failed(format!("the value of {}: {error}", args.key))
    })?;
    let mut out = text.to_vec();
    if !args.raw {
        out.push(b'\n');
    }
    print(out)?;
    Ok(Status::Done)
}
