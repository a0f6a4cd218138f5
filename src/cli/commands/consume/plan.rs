//! Flags as meant, and the readers that they ask for.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use regex::Regex;

use super::{ConsumeArgs, Order};
use crate::cli::commands::topic::{reading, topic_name, whole_name};
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::escape::parse_delimiter;
use crate::cli::filter::Filter;
use crate::cli::format::Format;
use crate::cli::offset_spec::{OffsetRange, OffsetSpec};
use crate::cli::output::{Formatter, Output};
use crate::cli::partition_list::parse_partitions;
use crate::cli::time::{parse_duration, parse_time};
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::{self, Cluster, Error, ForeignLog, PartitionReader, RecordRange};
use crate::model::{IsolationLevel, Offset, TopicName};

/// What a topic argument names.
#[derive(Debug)]
enum Source {
    Topic(TopicName),
    /// `^REGEX`.
    Topics(Regex),
    Path(String),
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
    pub(super) tail: Option<u64>,
    pub(super) count: Option<u64>,
    pub(super) require: u64,
    pub(super) follow: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) idle: Option<Duration>,
    pub(super) formatter: Formatter,
    pub(super) by_time: bool,
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
        let offsets = offsets(&args.offset, now_ms)?;
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
            tail: args.tail,
            count: args.count,
            require: args.require.unwrap_or(0),
            follow: args.follow,
            deadline: duration(&args.timeout)?
                .and_then(|timeout| Instant::now().checked_add(timeout)),
            idle: duration(&args.idle)?,
            by_time: args.order == Some(Order::Time),
            formatter: Formatter::new(output(&args)?, args.null_marker.map(String::into_bytes)),
        })
    }

    /// Opens what is to be read, each partition at its start.
    pub(super) fn open(&self, context: &Context) -> Result<Reading, CommandError> {
        let names: Vec<_> = self
            .sources
            .iter()
            .filter_map(|source| match source {
                Source::Topic(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let local = self.sources.iter().any(|source| !matches!(source, Source::Path(_)));
        let cluster = local.then(|| reading(context, &names)).transpose()?;
        let mut readers = Vec::new();
        for source in &self.sources {
            match (source, &cluster) {
                (Source::Path(path), _) => self.open_path(path, &mut readers)?,
                (Source::Topic(name), Some(cluster)) => {
                    self.open_topic(cluster, name, &mut readers)?;
                }
                (Source::Topics(pattern), Some(cluster)) => {
                    let topics = cluster.topics()?;
                    for name in
                        topics.keys().filter(|name| pattern.is_match(name) && !name.is_internal())
                    {
                        self.open_topic(cluster, name, &mut readers)?;
                    }
                }
                (_, None) => {}
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
            readers.push(cluster.reader(&topic, *partition)?.with_isolation(self.isolation));
        }
        Ok(())
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
        let unbounded = Offset(i64::MAX);
        let start = match (self.offsets.start, self.range.since) {
            (Some(start), _) => self.resolve(reader, start)?,
            (None, Some(since)) => reader.resolve(cluster::OffsetSpec::Time(since))?,
            // Only new ones.
            (None, None) if self.follow && self.tail == Some(0) => reader.bounds().1,
            (None, None) => reader.bounds().0,
        };
        let stop = match self.offsets.stop {
            Some(stop) => self.resolve(reader, stop)?,
            None if self.follow => unbounded,
            None => reader.bounds().1,
        };
        reader.seek(start);
        reader.stop_at(stop);
        Ok(stop)
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
fn offsets(texts: &[String], now_ms: i64) -> Result<OffsetRange, CommandError> {
    let mut offsets = OffsetRange::default();
    for text in texts {
        let range =
            OffsetRange::parse(text, now_ms, TimeZone::system).map_err(CommandError::usage)?;
        offsets = offsets.merge(range).map_err(CommandError::usage)?;
    }
    if offsets.start == Some(OffsetSpec::Stored) {
        return Err(CommandError::usage(
            "-o stored is the offset of a group, and no group is given",
        ));
    }
    Ok(offsets)
}

fn filter(args: &ConsumeArgs) -> Result<Filter, CommandError> {
    let mut filter = Filter::default();
    if let Some(key) = &args.key {
        filter = filter.with_key(key.as_bytes());
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
