//! `runnel table show`: the rows of a table, as of its last commit; with -f as they change.

use std::ops::ControlFlow;

use clap::Args;

use super::live::{EachRow, Live};
use super::rows::{RowForm, Rows};
use super::view::Decoding;
use super::{named_table, table_plan};
use crate::cli::commands::Outcome;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cluster::{Cluster, Error};
use crate::job::plan::Plan;
use crate::job::view::{Keys, Row, TableView, Window};
use crate::model::TopicName;

/// Flags of `runnel table show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The table
    #[arg(value_name = "NAME", value_parser = TopicName::new)]
    name: TopicName,
    /// Only the rows of this key
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    key: Option<String>,
    /// Only rows whose keys start so
    #[arg(long, value_name = "TEXT", conflicts_with = "key", allow_hyphen_values = true)]
    prefix: Option<String>,
    /// Only windows that a time is in
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    window: Option<String>,
    /// A live view, in a terminal: q ends it
    #[arg(short, long, conflicts_with_all = ["json", "csv"])]
    follow: bool,
    #[command(flatten)]
    form: RowForm,
}

/// Runs `runnel table show`.
pub(super) fn run(context: &Context, args: &ShowArgs) -> Outcome {
    let cluster = context
        .open_to_read()?
        .ok_or_else(|| CommandError::from(Error::NoSuchJob(args.name.clone())))?;
    let (job, definition) = named_table(&cluster, &args.name)?;
    let plan = table_plan(definition)?;
    let at = super::view::parse_at(args.window.as_deref())?.map(|after| after - 1);
    let keys = match (&args.key, &args.prefix) {
        (Some(key), _) => Keys::Of(key.as_bytes()),
        (_, Some(prefix)) => Keys::StartingWith(prefix.as_bytes()),
        _ => Keys::All,
    };
    let wanted = Wanted { keys, at };
    wanted.check(&plan, &args.name)?;
    if args.follow {
        let has_windows = plan.view.as_ref().is_some_and(|view| view.windows.is_some());
        let live = Live { context, name: &args.name, has_windows };
        return live.run(&mut |each| {
            let view = TableView::open(&cluster, &plan, &job)?;
            view.map_or(Ok(()), |view| wanted.rows(&plan, &view, each))
        });
    }
    let view = TableView::open(&cluster, &plan, &job)?;
    print(context, &args.form, &plan, view.as_ref(), wanted, &args.name)
}

/// Which rows are asked for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    keys: Keys<'a>,
    /// A time that their windows have in them.
    at: Option<i64>,
}

impl Wanted<'_> {
    fn check(self, plan: &Plan, name: &TopicName) -> Result<(), CommandError> {
        let has_windows = plan.view.as_ref().is_some_and(|view| view.windows.is_some());
        match self.at {
            Some(_) if !has_windows => {
                Err(CommandError::usage(format!("table {name} has no windows")))
            }
            _ => Ok(()),
        }
    }

    /// Gives the rows until `each` breaks off.
    fn rows(
        self,
        plan: &Plan,
        view: &TableView<'_>,
        each: EachRow<'_>,
    ) -> Result<(), CommandError> {
        let windows = plan.view.as_ref().and_then(|view| view.windows);
        // The last millisecond is in windows whose end is inclusive.
        let last = |window: Window| match windows {
            Some(kind) if kind.includes_end() => window.end,
            _ => window.end - 1,
        };
        let rows = view.rows(self.keys, &mut |row, window| {
            let is_wanted = match (self.at, window) {
                (Some(at), Some(window)) => (window.start..=last(window)).contains(&at),
                _ => true,
            };
            match is_wanted {
                true => each(row, window),
                false => ControlFlow::Continue(()),
            }
        });
        Ok(rows?)
    }
}

/// Prints the rows of a table.
fn print(
    context: &Context,
    form: &RowForm,
    plan: &Plan,
    view: Option<&TableView<'_>>,
    wanted: Wanted<'_>,
    name: &TopicName,
) -> Outcome {
    let has_windows = plan.view.as_ref().is_some_and(|view| view.windows.is_some());
    let mut rows = Rows::new(context, form, &Decoding::NONE, has_windows);
    let Some(view) = view else {
        context.warn(&format!(
            "table {name} was never updated; `runnel table update {name}` does that"
        ));
        return rows.end();
    };
    wanted.rows(plan, view, &mut |row, window| match rows
        .push(row, window.map(|window| (window.start, window.end)))
    {
        Ok(()) => ControlFlow::Continue(()),
        Err(()) => ControlFlow::Break(()),
    })?;
    rows.end()
}

/// Prints a table with a name.
pub(super) fn print_table(
    context: &Context,
    cluster: &Cluster,
    name: &TopicName,
    keys: Keys<'_>,
    form: &RowForm,
) -> Outcome {
    let (job, definition) = named_table(cluster, name)?;
    let plan = table_plan(definition)?;
    let view = TableView::open(cluster, &plan, &job)?;
    print(context, form, &plan, view.as_ref(), Wanted { keys, at: None }, name)
}

/// The value of a key in a named table, and when it was written: the last of its windows.
pub(in crate::cli::commands) fn find_in_table(
    cluster: &Cluster,
    name: &TopicName,
    key: &[u8],
) -> Result<Option<(Vec<u8>, i64)>, CommandError> {
    let (job, definition) = named_table(cluster, name)?;
    let plan = table_plan(definition)?;
    let Some(view) = TableView::open(cluster, &plan, &job)? else { return Ok(None) };
    let mut found = None;
    // Several tasks have the key where producers do not agree on its partition.
    view.rows(Keys::Of(key), &mut |Row { value, timestamp, .. }, window| {
        let rank = (window.map(|window| (window.end, window.start)), timestamp);
        if found.as_ref().is_none_or(|(known, _)| *known <= rank) {
            found = Some((rank, value.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(found.map(|((_, timestamp), value)| (value, timestamp)))
}
