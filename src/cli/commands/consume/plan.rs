//! Flags as meant, and the readers that they ask for.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use regex::Regex;

use super::{Commit, ConsumeArgs, Order};
use crate::cli::commands::topic::{reading, topic_name, whole_name};
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::escape::parse_delimiter;
use crate::cli::filter::Filter;
use crate::cli::format::Format;
use crate::cli::offset_spec::{OffsetRange, OffsetSpec};
use crate::cli::output::{Formatter, Output};
use crate::cli::partition_list::parse_partitions;
use crate::cli::program::compile;
use crate::cli::time::{parse_duration, parse_time};
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::{self, Cluster, Error, ForeignLog, PartitionReader, RecordRange, TopicInfo};
use crate::filter::{Form, Program};
use crate::model::{IsolationLevel, Offset, TopicName};
use crate::serde::Serde;

/// What a topic argument names.
#[derive(Debug)]
enum Source {
    Topic(TopicName),
    /// `^REGEX`.
    Topics(Regex),
    Path(String),
}

impl Source {
    /// The topics that it stands for.
    fn topics(&self, cluster: &Cluster) -> Result<Vec<TopicName>, CommandError> {
        Ok(match self {
            Self::Path(_) => Vec::new(),
            Self::Topic(name) => vec![name.clone()],
            Self::Topics(pattern) => {
                let topics = cluster.topics()?.into_keys();
                topics.filter(|it| pattern.is_match(it) && !it.is_internal()).collect()
            }
        })
    }
}

/// Flags as meant.
#[derive(Debug)]
pub(super) struct Plan {
    sources: Vec<Source>,
    partitions: Option<Vec<i32>>,
    offsets: OffsetRange,
    isolation: IsolationLevel,
    pub(super) range: RecordRange,
    pub(super) filter: Filter,
    /// `--where`
    pub(super) program: Option<Program>,
    pub(super) key_serde: Serde,
    pub(super) value_serde: Serde,
    pub(super) tail: Option<u64>,
    pub(super) count: Option<u64>,
    pub(super) require: u64,
    pub(super) follow: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) idle: Option<Duration>,
    pub(super) formatter: Formatter,
    pub(super) by_time: bool,
    pub(super) group: Option<String>,
    pub(super) cursor_file: Option<PathBuf>,
    /// Whether progress is noted, where there is somewhere to note it.
    pub(super) commits: bool,
}

/// What a plan comes to.
pub(super) struct Reading {
    /// The directory; `None` where only paths are read.
    pub(super) cluster: Option<Cluster>,
    pub(super) readers: Vec<PartitionReader>,
    /// Where each reader stops even when the log grows.
    pub(super) limits: Vec<Offset>,
}

impl Plan {
    /// What `$key` is.
    pub(super) fn key_form(&self) -> Form {
        form(self.key_serde, Form::String)
    }

    /// What `.` is.
    pub(super) fn value_form(&self) -> Form {
        form(self.value_serde, Form::Json)
    }

    pub(super) fn new(args: ConsumeArgs) -> Result<Self, CommandError> {
        let now_ms = SystemClock.now_ms();
        let time = |text: &Option<String>| {
            text.as_ref()
                .map(|text| parse_time(text, now_ms, TimeZone::system))
                .transpose()
                .map_err(CommandError::usage)
        };
        let duration = |text: &Option<String>| {
            text.as_ref().map(|text| parse_duration(text)).transpose().map_err(CommandError::usage)
        };
        let until = time(&args.until)?;
        let is_kept = args.group.is_some() || args.cursor_file.is_some();
        if args.commit.is_some() && !is_kept {
            return Err(CommandError::usage("--commit says when a group's offsets are kept")
                .hint("-g GROUP or --cursor-file FILE says where"));
        }
        let offsets = offsets(&args.offset, now_ms, is_kept)?;
        let filter = filter(&args)?;
        let topics = args.topics.iter().chain(&args.kafka_topic);
        Ok(Self {
            sources: topics.map(|text| source(text)).collect::<Result<_, _>>()?,
            partitions: args.partition.as_deref().map(parse_partitions).transpose()?,
            offsets,
            isolation: args.isolation.into(),
            // A time to come is the end as it is now, or with -f no end yet.
            range: RecordRange { since: time(&args.since)?, until },
            filter,
            program: args.program.as_deref().map(|it| compile("--where", it)).transpose()?,
            key_serde: args.key_serde,
            value_serde: args.value_serde,
            tail: args.tail,
            count: args.count,
            require: args.require.unwrap_or(0),
            follow: args.follow,
            deadline: duration(&args.timeout)?
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            idle: duration(&args.idle)?,
            by_time: args.order == Some(Order::Time),
            formatter: Formatter::new(output(&args)?, args.null_marker.map(String::into_bytes)),
            group: args.group,
            cursor_file: args.cursor_file,
            commits: args.commit != Some(Commit::None),
        })
    }

    /// Whether it goes on where it stood, and notes how far it has come.
    pub(super) const fn keeps_progress(&self) -> bool {
        self.group.is_some() || self.cursor_file.is_some()
    }

    /// The directory to read; `None` where only paths are read.
    pub(super) fn cluster(&self, context: &Context) -> Result<Option<Cluster>, CommandError> {
        let names: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Topic(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let local = self.sources.iter().any(|source| !matches!(source, Source::Path(_)));
        local.then(|| reading(context, &names)).transpose()
    }

    /// The topics that are there of those that are to be read.
    pub(super) fn topics(&self, cluster: &Cluster) -> Result<Vec<TopicName>, CommandError> {
        let topics = self.sources.iter().map(|source| source.topics(cluster));
        Ok(topics.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The first path among what is to be read.
    pub(super) fn path(&self) -> Option<&str> {
        self.sources.iter().find_map(|source| match source {
            Source::Path(path) => Some(&**path),
            _ => None,
        })
    }

    /// Refuses partitions that a topic does not have.
    pub(super) fn require_partitions(&self, topic: &TopicInfo) -> Result<(), Error> {
        let wanted = self.partitions.iter().flatten();
        wanted.copied().try_for_each(|partition| topic.require_partition(partition))
    }

    /// Whether a partition is to be read.
    pub(super) fn wants(&self, partition: i32) -> bool {
        self.partitions.as_ref().is_none_or(|wanted| wanted.contains(&partition))
    }

    /// Opens what is to be read, each partition at its start.
    pub(super) fn open(&self, context: &Context) -> Result<Reading, CommandError> {
        let cluster = self.cluster(context)?;
        let mut readers = Vec::new();
        for source in &self.sources {
            if let Source::Path(path) = source {
                self.open_path(path, &mut readers)?;
            }
            if let Some(cluster) = &cluster {
                for name in source.topics(cluster)? {
                    self.open_topic(cluster, &name, &mut readers)?;
                }
            }
        }
        let mut limits = Vec::new();
        for reader in &mut readers {
            limits.push(self.place(reader)?);
        }
        Ok(Reading { cluster, readers, limits })
    }

    fn open_topic(
        &self,
        cluster: &Cluster,
        name: &TopicName,
        readers: &mut Vec<PartitionReader>,
    ) -> Result<(), CommandError> {
        let topic = cluster.topic(name)?;
        let all: Vec<_> = (0..topic.partitions).collect();
        for partition in self.partitions.as_ref().unwrap_or(&all) {
            readers.push(self.reader(cluster, &topic, *partition)?);
        }
        Ok(())
    }

    /// A reader of a partition that sees what is wanted.
    pub(super) fn reader(
        &self,
        cluster: &Cluster,
        topic: &TopicInfo,
        partition: i32,
    ) -> Result<PartitionReader, Error> {
        Ok(cluster.reader(topic, partition)?.with_isolation(self.isolation))
    }

    pub(super) fn open_paths(
        &self,
        readers: &mut Vec<PartitionReader>,
    ) -> Result<(), CommandError> {
        self.sources.iter().try_for_each(|source| match source {
            Source::Path(path) => self.open_path(path, readers),
            _ => Ok(()),
        })
    }

    fn open_path(
        &self,
        path: &str,
        readers: &mut Vec<PartitionReader>,
    ) -> Result<(), CommandError> {
        let opened = ForeignLog::open(Path::new(path)).map_err(|error| {
            let error = CommandError::from(error);
            if path.contains('/') {
                return error;
            }
            let topic = path.replace('.', "\\.");
            error.hint(format!("what ends in .log is a path; '^{topic}' is a topic of that name"))
        });
        let reader = opened?.reader()?.with_isolation(self.isolation);
        let partition = reader.partition().partition;
        if self.partitions.as_ref().is_none_or(|wanted| wanted.contains(&partition)) {
            readers.push(reader);
        }
        Ok(())
    }

    /// Puts a reader where it is to start, and gives where it is to stop.
    fn place(&self, reader: &mut PartitionReader) -> Result<Offset, CommandError> {
        let stop = self.stop(reader)?;
        reader.seek(self.start(reader)?);
        reader.stop_at(stop);
        Ok(stop)
    }

    /// Where a reader is to start of which no progress was noted.
    pub(super) fn start(&self, reader: &PartitionReader) -> Result<Offset, CommandError> {
        Ok(match (self.offsets.start, self.range.since) {
            (Some(start), _) => self.resolve(reader, start)?,
            (None, Some(since)) => reader.resolve(cluster::OffsetSpec::Time(since))?,
            // Only new ones.
            (None, None) if self.follow && self.tail == Some(0) => reader.bounds().1,
            (None, None) => reader.bounds().0,
        })
    }

    /// Where a reader is to stop even when the log grows.
    pub(super) fn stop(&self, reader: &PartitionReader) -> Result<Offset, CommandError> {
        Ok(match self.offsets.stop {
            Some(stop) => self.resolve(reader, stop)?,
            None if self.follow => Offset(i64::MAX),
            None => reader.bounds().1,
        })
    }

    fn resolve(&self, reader: &PartitionReader, spec: OffsetSpec) -> Result<Offset, Error> {
        let (start, _) = reader.bounds();
        reader.resolve(match spec {
            OffsetSpec::Beginning => cluster::OffsetSpec::Beginning,
            OffsetSpec::End | OffsetSpec::Stored => cluster::OffsetSpec::End,
            OffsetSpec::At(offset) => cluster::OffsetSpec::At(offset),
            OffsetSpec::AfterBeginning(count) => cluster::OffsetSpec::At((start + count).0),
            OffsetSpec::BeforeEnd(count) => cluster::OffsetSpec::BeforeEnd(count.unsigned_abs()),
            OffsetSpec::Time(timestamp) => cluster::OffsetSpec::Time(timestamp),
        })
    }
}

/// What a serde's text is to a program.
fn form(serde: Serde, of_bytes: Form) -> Form {
    match serde {
        Serde::Bytes => of_bytes,
        serde if serde.is_text() => Form::String,
        _ => Form::Json,
    }
}

/// A topic argument is a path only if it contains `/` or ends in `.log`.
fn source(text: &str) -> Result<Source, CommandError> {
    if let Some(pattern) = text.strip_prefix('^') {
        return Ok(Source::Topics(whole_name(pattern)?));
    }
    if text.contains('/') || text.ends_with(".log") {
        return Ok(Source::Path(text.to_owned()));
    }
    topic_name(text).map(Source::Topic)
}

/// What all the `-o` say together.
fn offsets(texts: &[String], now_ms: i64, is_kept: bool) -> Result<OffsetRange, CommandError> {
    let mut offsets = OffsetRange::default();
    for text in texts {
        let range =
            OffsetRange::parse(text, now_ms, TimeZone::system).map_err(CommandError::usage)?;
        offsets = offsets.merge(range).map_err(CommandError::usage)?;
    }
    if offsets.start == Some(OffsetSpec::Stored) {
        if is_kept {
            // Where progress was noted that is where it starts anyway.
            offsets.start = None;
            return Ok(offsets);
        }
        return Err(CommandError::usage(
            "-o stored is the offset of a group, and no group is given",
        )
        .hint("-g GROUP names one"));
    }
    Ok(offsets)
}

fn filter(args: &ConsumeArgs) -> Result<Filter, CommandError> {
    let mut filter = Filter::default();
    if let Some(key) = &args.key {
        let mut stored = Vec::new();
        let stored = args
            .key_serde
            .encode(key.as_bytes(), &mut stored)
            .map_err(|error| CommandError::usage(format!("cannot read the key {key:?}: {error}")));
        filter = filter.with_key(stored?);
    }
    if let Some(pattern) = &args.grep {
        filter = filter.with_grep(pattern).map_err(CommandError::usage)?;
    }
    for header in &args.header {
        filter = filter.with_header(header).map_err(CommandError::usage)?;
    }
    Ok(filter)
}

fn output(args: &ConsumeArgs) -> Result<Output, CommandError> {
    if args.json || args.json_value {
        return Ok(Output::Envelope { json_values: args.json_value });
    }
    if args.frame {
        return Ok(Output::Frame);
    }
    if let Some(format) = &args.format {
        return Ok(Output::Format(
            Format::parse(format, TimeZone::system()).map_err(CommandError::usage)?,
        ));
    }
    let parse = |text: &Option<String>| {
        text.as_deref().map(parse_delimiter).transpose().map_err(CommandError::usage)
    };
    let delimiter = match (args.raw, args.null_delim) {
        (true, _) => Vec::new(),
        (_, true) => vec![0],
        _ => parse(&args.delim)?.unwrap_or_else(|| vec![b'\n']),
    };
    Ok(Output::Delimited { delimiter, key_delimiter: parse(&args.key_delim)? })
}
