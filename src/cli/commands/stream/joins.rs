//! `--join` and `--join-stream` with the flags behind each: they count for the join before them.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::cli::commands::table::table_source;
use crate::cli::commands::topic::topic_name;
use crate::cli::error::CommandError;
use crate::cli::job::milliseconds;
use crate::cluster::Cluster;
use crate::job::{JoinKind, Source, StreamJoin, TableJoin, alias_of};
use crate::model::TopicName;

const HEADING: &str = "Joins: the flags behind one are its own";

/// A flag with its value, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Flag {
    Join(String),
    JoinStream(String),
    On(String),
    Global,
    Left,
    Outer,
    Within(String),
    Grace(String),
}

impl Flag {
    const fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "--join",
            Self::JoinStream(_) => "--join-stream",
            Self::On(_) => "--on",
            Self::Global => "--global",
            Self::Left => "--left",
            Self::Outer => "--outer",
            Self::Within(_) => "--within",
            Self::Grace(_) => "--grace",
        }
    }
}

/// The joins of a command line.
#[derive(Debug, Clone, Default)]
pub(super) struct Joins(Vec<Flag>);

/// A join in the making.
#[derive(Debug)]
struct Building {
    topic: TopicName,
    alias: String,
    is_stream: bool,
    on: Option<String>,
    global: bool,
    kind: JoinKind,
    within: Option<i64>,
    grace: Option<i64>,
}

impl Joins {
    /// The stream beside, and the tables.
    pub(super) fn resolve(
        &self,
        cluster: Option<&Cluster>,
    ) -> Result<(Option<StreamJoin>, Vec<TableJoin>), CommandError> {
        let mut joins: Vec<Building> = Vec::new();
        for flag in &self.0 {
            match flag {
                Flag::Join(text) => joins.push(building(text, false)?),
                Flag::JoinStream(text) => joins.push(building(text, true)?),
                flag => {
                    let name = flag.name();
                    let join = joins.last_mut().ok_or_else(|| {
                        CommandError::usage(format!("{name} stands behind the join that it is of"))
                    })?;
                    add(join, flag)?;
                }
            }
        }
        let (streams, tables): (Vec<_>, Vec<_>) =
            joins.into_iter().partition(|join| join.is_stream);
        if streams.len() > 1 {
            return Err(CommandError::usage("--join-stream is given once"));
        }
        let stream = streams.into_iter().next().map(stream_join).transpose()?;
        let tables = tables.into_iter().map(|join| table_join(cluster, join));
        Ok((stream, tables.collect::<Result<_, _>>()?))
    }
}

/// Reads `NAME` or `NAME=ALIAS`.
pub(in crate::cli::commands) fn parse_alias(
    text: &str,
) -> Result<(TopicName, String), CommandError> {
    let (topic, alias) = match text.split_once('=') {
        None => (topic_name(text)?, None),
        Some((topic, alias)) => (topic_name(topic)?, Some(alias.to_owned())),
    };
    let alias = alias.unwrap_or_else(|| alias_of(&topic));
    if alias.is_empty() || alias_of(&alias) != alias {
        return Err(CommandError::usage(format!(
            "the alias {alias:?} is no name for programs: letters, digits and _ make one"
        )));
    }
    Ok((topic, alias))
}

fn building(text: &str, is_stream: bool) -> Result<Building, CommandError> {
    let (topic, alias) = parse_alias(text)?;
    let (on, global, kind) = (None, false, JoinKind::Inner);
    Ok(Building { topic, alias, is_stream, on, global, kind, within: None, grace: None })
}

fn add(join: &mut Building, flag: &Flag) -> Result<(), CommandError> {
    let duration = |text: &str| milliseconds(text).map_err(CommandError::usage);
    match flag {
        Flag::On(text) if !join.is_stream => join.on = Some(text.clone()),
        Flag::Global if !join.is_stream => join.global = true,
        Flag::Left => join.kind = JoinKind::Left,
        Flag::Outer if join.is_stream => join.kind = JoinKind::Outer,
        Flag::Within(text) if join.is_stream => join.within = Some(duration(text)?),
        Flag::Grace(text) if join.is_stream => join.grace = Some(duration(text)?),
        flag => {
            let (name, of) = (flag.name(), if join.is_stream { "--join" } else { "--join-stream" });
            return Err(CommandError::usage(format!("{name} is for {of}")));
        }
    }
    Ok(())
}

fn stream_join(join: Building) -> Result<StreamJoin, CommandError> {
    let within = join.within.ok_or_else(|| {
        CommandError::usage(
            "--join-stream needs --within DURATION: how far apart two records may be",
        )
    })?;
    Ok(StreamJoin {
        topic: join.topic,
        alias: join.alias,
        within_ms: within,
        grace_ms: join.grace.unwrap_or_default(),
        kind: join.kind,
    })
}

fn table_join(cluster: Option<&Cluster>, join: Building) -> Result<TableJoin, CommandError> {
    if join.global && join.on.is_none() {
        return Err(CommandError::usage("--global needs --on JQ: the key to look up"));
    }
    let table = match cluster {
        Some(cluster) => table_source(cluster, &join.topic)?,
        None => Source::Latest(join.topic),
    };
    Ok(TableJoin { table, alias: join.alias, global: join.global, on: join.on, kind: join.kind })
}

impl Args for Joins {
    fn augment_args(command: Command) -> Command {
        let valued = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .help(help)
                .action(ArgAction::Append)
                .allow_hyphen_values(name == "on")
                .help_heading(HEADING)
        };
        let flag = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .help(help)
                .num_args(0)
                .default_missing_value("")
                .action(ArgAction::Append)
                .help_heading(HEADING)
        };
        command
            .arg(valued(
                "join",
                "TABLE|TOPIC[=ALIAS]",
                "A table beside each record, or the latest of each key in a topic",
            ))
            .arg(valued("on", "JQ", "The key to look up, which becomes the record's; else its own"))
            .arg(flag("global", "The whole table is read first; the record keeps its key"))
            .arg(flag("left", "Keep records that have no match"))
            .arg(valued(
                "join-stream",
                "TOPIC[=ALIAS]",
                "Records of another topic, with the same key and near in time",
            ))
            .arg(valued("within", "DURATION", "How far apart their timestamps may be"))
            .arg(valued("grace", "DURATION", "How much later records may come [default: 0]"))
            .arg(flag("outer", "Keep records of both streams that have no match"))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Joins {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut joins = Self::default();
        joins.update_from_arg_matches(matches)?;
        Ok(joins)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let mut flags = Vec::new();
        let mut collect = |name: &str, make: fn(String) -> Flag| {
            let values = matches.get_many::<String>(name).into_iter().flatten();
            let indices = matches.indices_of(name).into_iter().flatten();
            flags.extend(indices.zip(values).map(|(index, value)| (index, make(value.clone()))));
        };
        collect("join", Flag::Join);
        collect("join-stream", Flag::JoinStream);
        collect("on", Flag::On);
        collect("global", |_| Flag::Global);
        collect("left", |_| Flag::Left);
        collect("outer", |_| Flag::Outer);
        collect("within", Flag::Within);
        collect("grace", Flag::Grace);
        flags.sort_by_key(|(index, _)| *index);
        self.0 = flags.into_iter().map(|(_, flag)| flag).collect();
        Ok(())
    }
}
