//! `runnel table TOPIC`: the view of a topic.

use std::ops::ControlFlow;

use clap::Args;
use jiff::tz::TimeZone;

use super::rows::{RowForm, Rows};
use super::show::print_table;
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::progress::{Progress, Unit};
use crate::cli::terminal::counted;
use crate::cli::time::parse_time;
use crate::cluster::{Cluster, Error, TopicInfo};
use crate::job::view::{self, Keys, Reading, Row, TopicView};
use crate::model::TopicName;
use crate::serde::Serde;

/// Bytes of rows in memory, before a temporary file is used.
const MEMORY_BYTES: usize = 256 << 20;

/// Flags of `runnel table TOPIC`.
#[derive(Debug, Args)]
pub(super) struct ViewArgs {
    /// The topic
    #[arg(value_name = "TOPIC", required = true, value_parser = TopicName::new)]
    topic: Option<TopicName>,
    /// Only the row of this key
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,
    /// Only rows whose keys start so
    #[arg(long, value_name = "TEXT", conflicts_with = "key", allow_hyphen_values = true)]
    prefix: Option<String>,
    /// As it was then: of records with a timestamp up to this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    #[command(flatten)]
    form: RowForm,
    #[command(flatten)]
    decoding: Decoding,
}

/// What keys and values hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(in crate::cli::commands) struct Decoding {
    /// What keys hold: bytes, string, json, short, int, long, float, double or uuid
    #[arg(long, value_name = "SERDE", default_value_t)]
    pub(in crate::cli::commands) key_serde: Serde,
    /// What values hold
    #[arg(long, value_name = "SERDE", default_value_t)]
    pub(in crate::cli::commands) value_serde: Serde,
}

impl Decoding {
    /// What a table with a name holds is text.
    pub(in crate::cli::commands) const NONE: Self =
        Self { key_serde: Serde::Bytes, value_serde: Serde::Bytes };

    /// Refuses serdes for a table with a name.
    pub(in crate::cli::commands) fn refuse(&self) -> Result<(), CommandError> {
        match (self.key_serde, self.value_serde) {
            (Serde::Bytes, Serde::Bytes) => Ok(()),
            _ => Err(CommandError::usage("serdes are for topics: what a table holds is text")),
        }
    }

    /// The bytes of a key that was typed.
    pub(in crate::cli::commands) fn key(&self, text: &str) -> Result<Vec<u8>, CommandError> {
        let mut scratch = Vec::new();
        let key = self.key_serde.encode(text.as_bytes(), &mut scratch);
        let key = key.map_err(|error| CommandError::usage(format!("the key {text:?}: {error}")))?;
        Ok(key.to_vec())
    }
}

/// Reads `--at`; the first millisecond that is not seen any more.
pub(in crate::cli::commands) fn parse_at(text: Option<&str>) -> Result<Option<i64>, CommandError> {
    let Some(text) = text else { return Ok(None) };
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let at = parse_time(text, now_ms, TimeZone::system);
    let at = at.map_err(|error| CommandError::usage(format!("--at: {error}")))?;
    Ok(Some(at.saturating_add(1)))
}

/// Runs `runnel table TOPIC`.
pub(super) fn run(context: &Context, args: &ViewArgs) -> Outcome {
    let name = args.topic.as_ref().ok_or_else(|| CommandError::usage("no topic is named"))?;
    let before = parse_at(args.at.as_deref())?;
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchTopic(name.clone())))?;
    let keys = match (&args.key, &args.prefix) {
        (Some(key), _) => Keys::Of(key.as_bytes()),
        (_, Some(prefix)) => Keys::StartingWith(prefix.as_bytes()),
        _ => Keys::All,
    };
    if cluster.job(name)?.is_some() {
        if before.is_some() {
            return Err(no_past());
        }
        args.decoding.refuse()?;
        return print_table(context, &cluster, name, keys, &args.form);
    }
    let topic = cluster.topic(name)?;
    if before.is_some() {
        tell_what_is_gone(context, &cluster, &topic)?;
    }
    let mut rows = Rows::new(context, &args.form, &args.decoding, false);
    if let Some(key) = &args.key {
        let key = args.decoding.key(key)?;
        if let Some((value, timestamp)) = view::find(&cluster, &topic, &key, before)? {
            let _ = rows.push(Row { key: &key, value: &value, timestamp }, None);
        }
        return rows.end();
    }
    let mut progress = None;
    let reading = Reading {
        before,
        prefix: args.prefix.as_deref().unwrap_or_default().as_bytes(),
        memory_bytes: MEMORY_BYTES,
        scratch: &std::env::temp_dir(),
    };
    let view = TopicView::read(&cluster, &topic, reading, &mut |done, total| {
        progress.get_or_insert_with(|| Progress::new(context, total, Unit::Records)).set(done);
    })?;
    drop(progress);
    view.rows(&mut |row| match rows.push(row, None) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    })?;
    rows.end()
}

/// Tables that have a name can't be seen as they were.
pub(in crate::cli::commands) fn no_past() -> CommandError {
    CommandError::usage("--at is for topics: a table keeps no past")
}

/// Says what a view of the past can't show.
pub(in crate::cli::commands) fn tell_what_is_gone(
    context: &Context,
    cluster: &Cluster,
    topic: &TopicInfo,
) -> Result<(), CommandError> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let gone = view::gone(cluster, topic, now_ms)?;
    let of = |count: usize| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        counted(count, "partition")
    };
    if gone.compacted > 0 {
        context.warn(&format!(
            "{}: compaction took older values of keys in {}; what they were then is not known",
            topic.name,
            of(gone.compacted)
        ));
    }
    if gone.deleted > 0 {
        context.warn(&format!(
            "{}: the first records of {} were deleted; keys that only they had are missing",
            topic.name,
            of(gone.deleted)
        ));
    }
    Ok(())
}

impl From<view::ViewError> for CommandError {
    fn from(error: view::ViewError) -> Self {
        match error {
            view::ViewError::Read(error) => error.into(),
            error => Self { status: Status::Failed, ..Self::failed(&error) }
                .hint("TMPDIR names another directory for temporary files"),
        }
    }
}
