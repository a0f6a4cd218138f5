//! `runnel produce`: append records to a topic.

mod derived;
mod ending;
mod files;
mod streams;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;

use super::Outcome;
use super::topic::topic_name;
use crate::cli::context::Context;
use crate::cli::error::{CommandError, Status};
use crate::cli::escape::parse_delimiter;
use crate::cli::format::Format;
use crate::cli::input::{Input, InputOptions, InputReader, InputRecord, Step};
use crate::cli::progress::{Progress, Unit};
use crate::cli::signals::Signals;
use crate::cli::time::parse_time;
use crate::clock::Clock as _;
use crate::clock::SystemClock;
use crate::cluster::{
    Acks, Cluster, Error, NewTopic, Producer, ProducerOptions, SendError, TopicInfo,
};
use crate::filter::Stack;
use crate::model::limits::GROUP_STRING_BYTES_MAX;
use crate::model::{Compression, TopicName};
use crate::record::{Header, Headers, Record};
use crate::serde::Serde;
use derived::{Derived, Programs};
use streams::{Interruptible, Nothing, is_stop};

/// Bytes that a record's text may take beyond the record: escapes of JSON, hexadecimal digits.
const TEXT_OVERHEAD: usize = 6;
/// Records between two looks at the clock while input keeps coming.
const CLOCK_INTERVAL_RECORDS: u64 = 256;

/// Flags of `runnel produce`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, override_usage = "runnel produce [OPTIONS] <TOPIC> [FILE]...")]
pub(in crate::cli) struct ProduceArgs {
    /// The topic, made with one partition if it is not there
    #[arg(value_name = "TOPIC", required_unless_present = "kafka_topic")]
    topic: Option<String>,
    /// Files to send, each as one record [default: standard input, by lines]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Each line of the files is a record
    #[arg(short, long, requires = "files")]
    lines: bool,

    /// A line is KEY S VALUE, split at the first S
    #[arg(short = 'K', long, value_name = "S", help_heading = "Input", allow_hyphen_values = true)]
    key_delim: Option<String>,
    /// Records end with S; \t \n \r \0 \\ \xNN are understood [default: \n]
    #[arg(
        short = 'D',
        long,
        value_name = "S",
        help_heading = "Input",
        conflicts_with = "null_delim"
    )]
    delim: Option<String>,
    /// Records end with a zero byte
    #[arg(short = '0', long = "null-delim", help_heading = "Input")]
    null_delim: bool,
    /// A JSON envelope a line, as `consume -J` prints it
    #[arg(short = 'J', long, help_heading = "Input", conflicts_with_all = ["format", "frame", "delim", "null_delim", "key_delim"])]
    json: bool,
    /// Records in a format, as `consume --format` prints it
    #[arg(long, value_name = "F", help_heading = "Input", allow_hyphen_values = true, conflicts_with_all = ["frame", "delim", "null_delim", "key_delim"])]
    format: Option<String>,
    /// Length-prefixed binary records, as `consume --frame` prints them
    #[arg(long, help_heading = "Input", conflicts_with_all = ["delim", "null_delim", "key_delim"])]
    frame: bool,
    /// An empty key or value is null
    #[arg(short = 'Z', long, help_heading = "Input")]
    empty_null: bool,
    /// A key or value of S is null
    #[arg(long, value_name = "S", help_heading = "Input", allow_hyphen_values = true)]
    null_marker: Option<String>,
    /// With -J: into the partition that the envelope names
    #[arg(long, help_heading = "Input", requires = "json")]
    keep_partition: bool,

    /// The key of every record
    #[arg(
        short,
        long,
        value_name = "KEY",
        help_heading = "Records",
        allow_hyphen_values = true,
        conflicts_with = "key_delim"
    )]
    key: Option<String>,
    /// The key of each record, by a jq program over its value
    #[arg(
        long,
        value_name = "JQ",
        help_heading = "Records",
        allow_hyphen_values = true,
        conflicts_with = "key"
    )]
    key_from: Option<String>,
    /// A header of every record
    #[arg(short = 'H', long, value_name = "NAME=VALUE", help_heading = "Records", value_parser = parse_header)]
    header: Vec<(String, String)>,
    /// The partition of every record [default: by key, or each in turn]
    #[arg(short, long, value_name = "N", help_heading = "Records", value_parser = parse_partition)]
    partition: Option<i32>,
    /// The time of records that bring none: a date, a time, or a duration ago [default: now]
    #[arg(long, value_name = "TIME", help_heading = "Records", allow_hyphen_values = true)]
    ts: Option<String>,
    /// The time of each record, by a jq program over its value
    #[arg(
        long,
        value_name = "JQ",
        help_heading = "Records",
        allow_hyphen_values = true,
        conflicts_with = "ts"
    )]
    ts_from: Option<String>,
    /// What keys hold: bytes, string, json, short, int, long, float, double or uuid
    #[arg(long, value_name = "SERDE", help_heading = "Records", default_value_t)]
    key_serde: Serde,
    /// What values hold
    #[arg(long, value_name = "SERDE", help_heading = "Records", default_value_t)]
    value_serde: Serde,

    /// Compress batches: none, gzip, snappy, lz4 or zstd
    #[arg(short = 'z', long, value_name = "CODEC", help_heading = "Sending", default_value = "none", value_parser = parse_codec)]
    compression: Compression,
    /// When a record counts as stored: all (on disk), 1 (written) or 0
    #[arg(long, value_name = "ACKS", help_heading = "Sending", value_enum, default_value_t = AcksArg::All, hide_possible_values = true)]
    acks: AcksArg,
    /// The whole input or nothing, as one transaction; who has ID besides is fenced
    #[arg(long, value_name = "ID", help_heading = "Sending", value_parser = parse_transactional_id)]
    transactional_id: Option<String>,
    /// Fail if the topic is not there
    #[arg(long, help_heading = "Sending")]
    no_create: bool,
    /// Print one JSON line about what was done on standard error
    #[arg(long, help_heading = "Sending")]
    stats: bool,

    /// As of Kafka's console producer
    #[arg(long = "topic", value_name = "TOPIC", hide = true)]
    kafka_topic: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  tail -f app.log | runnel produce logs         each line as it comes
  runnel produce users -K : < users.txt         key:value lines
  runnel consume a -J | runnel produce b -J     a copy, to the byte
  runnel produce images *.png                   each file one record";

/// When a record counts as stored.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AcksArg {
    #[value(name = "all", alias = "-1")]
    All,
    #[value(name = "1")]
    Leader,
    #[value(name = "0")]
    None,
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').ok_or("a header is NAME=VALUE")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

fn parse_partition(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| {
        "here -p is the one partition to send to; a list of them is -p of `consume`".to_owned()
    })
}

fn parse_transactional_id(text: &str) -> Result<String, String> {
    match text.len() {
        1..=GROUP_STRING_BYTES_MAX => Ok(text.to_owned()),
        _ => Err(format!("a transactional id has 1 to {GROUP_STRING_BYTES_MAX} bytes")),
    }
}

fn parse_codec(text: &str) -> Result<Compression, String> {
    text.parse().map_err(|_| "the codecs are none, gzip, snappy, lz4 and zstd".to_owned())
}

/// Flags as meant.
#[derive(Debug)]
struct Plan {
    input: Input,
    options: InputOptions,
    key: Option<Vec<u8>>,
    headers: Vec<(String, String)>,
    partition: Option<i32>,
    keep_partition: bool,
    timestamp: Option<i64>,
}

/// Runs `runnel produce`.
pub(super) fn run(context: &Context, mut args: ProduceArgs) -> Outcome {
    let topic = match (args.kafka_topic.take(), args.topic.take()) {
        (None, Some(topic)) => topic,
        (Some(topic), first_file) => {
            args.files.splice(0..0, first_file.map(PathBuf::from));
            topic
        }
        (None, None) => return Err(CommandError::usage("no topic is named")),
    };
    let name = topic_name(&topic)?;
    let (plan, programs) = (plan(&args)?, Programs::new(&args)?);
    let acks = ending::acks(&args)?;
    let send = |stack: Option<&Stack>| {
        let derived = Derived::new(&args, &name, &programs, stack);
        send(context, &args, &name, plan, acks, derived)
    };
    match programs.is_empty() {
        true => send(None),
        // Programs run on a stack of their own, and so does all around them.
        false => Stack::run(|stack| send(Some(stack))).map_err(CommandError::failed)?,
    }
}

/// Sends what comes.
fn send(
    context: &Context,
    args: &ProduceArgs,
    name: &TopicName,
    mut plan: Plan,
    acks: Acks,
    derived: Derived<'_>,
) -> Outcome {
    let signals = Signals::listen().map_err(CommandError::failed)?;
    let cluster = context.open_to_write()?;
    let topic = find_or_create(context, &cluster, name, args)?;
    if let Some(partition) = plan.partition {
        topic.require_partition(partition)?;
    }
    let record_bytes_max = usize::try_from(topic.config.max_message_bytes).unwrap_or_default();
    plan.options.max_bytes = match plan.input {
        Input::Delimited { .. } => record_bytes_max,
        _ => record_bytes_max.saturating_mul(TEXT_OVERHEAD),
    };
    let options = ProducerOptions { compression: args.compression, acks };
    let producer = match &args.transactional_id {
        Some(id) => cluster.transactional_producer(topic, options, id)?,
        None => cluster.producer(topic, options),
    };
    let mut run = Run {
        context,
        signals,
        plan,
        producer,
        derived,
        is_whole: args.transactional_id.is_some(),
        failed: 0,
        now_ms: SystemClock.now_ms(),
        started: Instant::now(),
    };
    let ended = run.send_all(args);
    let ended = run.store(ended);
    context.tell(cluster.take_notices());
    if args.stats {
        run.print_stats(name, ended.is_ok());
    }
    ended
}

fn plan(args: &ProduceArgs) -> Result<Plan, CommandError> {
    let bytes = |text: &Option<String>| {
        text.as_deref().map(parse_delimiter).transpose().map_err(CommandError::usage)
    };
    let input = if args.json {
        Input::Envelope
    } else if args.frame {
        Input::Frame
    } else if let Some(format) = &args.format {
        Input::Format(Format::parse(format, TimeZone::system()).map_err(CommandError::usage)?)
    } else {
        let delimiter = if args.null_delim {
            vec![0]
        } else {
            bytes(&args.delim)?.unwrap_or_else(|| vec![b'\n'])
        };
        Input::Delimited { delimiter, key_delimiter: bytes(&args.key_delim)? }
    };
    if let Input::Format(_) = &input {
        // Whether it can be read backwards is known before anything is touched.
        let options = InputOptions { empty_is_null: false, null_marker: None, max_bytes: 1 };
        InputReader::new(Nothing, input.clone(), options).map_err(CommandError::usage)?;
    }
    let now_ms = SystemClock.now_ms();
    let parse =
        |text: &String| parse_time(text, now_ms, TimeZone::system).map_err(CommandError::usage);
    Ok(Plan {
        input,
        options: InputOptions {
            empty_is_null: args.empty_null,
            null_marker: args.null_marker.clone().map(String::into_bytes),
            max_bytes: 0,
        },
        key: args.key.clone().map(String::into_bytes),
        headers: args.header.clone(),
        partition: args.partition,
        keep_partition: args.keep_partition,
        timestamp: args.ts.as_ref().map(parse).transpose()?,
    })
}

/// The topic, made if it is not there. Another process may make it at the same time.
fn find_or_create(
    context: &Context,
    cluster: &Cluster,
    name: &TopicName,
    args: &ProduceArgs,
) -> Result<TopicInfo, CommandError> {
    match cluster.topic_to_write(name) {
        Err(Error::NoSuchTopic(_)) if !args.no_create => {}
        found => return Ok(found?),
    }
    let partitions = 1;
    if let Some(partition) = args.partition.filter(|it| !(0..partitions).contains(it)) {
        // Before anything is made.
        return Err(Error::NoSuchPartition { topic: name.clone(), partition, partitions }.into());
    }
    let new = NewTopic { name: name.clone(), partitions, configs: BTreeMap::new() };
    match cluster.create_topic(&new) {
        Ok(topic) => {
            context.note(&format!("made topic {name} with 1 partition"));
            Ok(topic)
        }
        Err(Error::TopicExists(_)) => Ok(cluster.topic_to_write(name)?),
        Err(error) => Err(error.into()),
    }
}

/// A run of the command.
struct Run<'c> {
    context: &'c Context,
    signals: Signals,
    plan: Plan,
    producer: Producer<'c>,
    derived: Derived<'c>,
    /// All of the input is stored, or nothing.
    is_whole: bool,
    failed: u64,
    now_ms: i64,
    started: Instant,
}

impl Run<'_> {
    fn send_all(&mut self, args: &ProduceArgs) -> Outcome {
        if args.files.is_empty() {
            let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(CommandError::failed)?;
            return self.send_stream(File::from(stdin));
        }
        let mut status = Status::Done;
        for path in &args.files {
            if let Some(signal) = self.signals.received() {
                return Ok(signal);
            }
            status = status.or(match args.lines {
                true => self.send_stream(files::open(path)?)?,
                false => self.send_file(path)?,
            });
        }
        Ok(status)
    }

    /// Sends the records in a stream.
    fn send_stream(&mut self, file: File) -> Outcome {
        let len =
            file.metadata().ok().filter(std::fs::Metadata::is_file).map_or(0, |file| file.len());
        let progress = Progress::new(self.context, len, Unit::Bytes);
        let source = Interruptible {
            file,
            signals: self.signals.clone(),
            progress,
            done: 0,
            stopped: false,
        };
        let reader = InputReader::new(source, self.plan.input.clone(), self.plan.options.clone());
        let mut reader = reader.map_err(CommandError::usage)?;
        let headers = std::mem::take(&mut self.plan.headers);
        let extra: Vec<_> = headers
            .iter()
            .map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) })
            .collect();
        let result = self.send_steps(&mut reader, &extra);
        self.plan.headers = headers;
        result
    }

    fn send_steps(
        &mut self,
        reader: &mut InputReader<Interruptible>,
        extra: &[Header<'_>],
    ) -> Outcome {
        let mut until_clock = 0;
        loop {
            if until_clock == 0 {
                self.now_ms = SystemClock.now_ms();
                until_clock = CLOCK_INTERVAL_RECORDS;
            }
            until_clock -= 1;
            match reader.step() {
                Ok(Step::Record(record)) => self.send(&record, extra)?,
                Ok(Step::Bad { number, reason }) => {
                    until_clock = 0;
                    self.refuse(number, &reason)?;
                }
                Ok(Step::Idle) => {
                    until_clock = 0;
                    self.producer.flush()?;
                }
                Ok(Step::End { broken: false }) => return Ok(Status::Done),
                Ok(Step::End { broken: true }) => {
                    let error = CommandError::failed("the rest of the input cannot be read");
                    return Err(error.hint("what came before is stored"));
                }
                Err(error) if is_stop(&error) => {
                    return Ok(self.signals.received().unwrap_or(Status::Interrupted));
                }
                Err(error) => {
                    return Err(CommandError::failed(format!("cannot read the input: {error}")));
                }
            }
        }
    }

    fn send(&mut self, input: &InputRecord<'_>, extra: &[Header<'_>]) -> Result<(), CommandError> {
        let all: Vec<Header<'_>>;
        let headers = if extra.is_empty() {
            input.headers
        } else {
            all = input.headers.iter().chain(extra.iter().copied()).collect();
            Headers::List(&all)
        };
        let record = Record {
            offset: 0,
            timestamp: input.timestamp.or(self.plan.timestamp).unwrap_or(self.now_ms),
            key: self.plan.key.as_deref().or(input.key),
            value: input.value,
            headers,
        };
        let named = input.partition.filter(|_| self.plan.keep_partition);
        let partition = self.plan.partition.or(named);
        let record = match self.derived.of(record, partition, self.now_ms) {
            Ok(record) => record,
            Err(reason) => {
                return self.refuse(input.number, &reason);
            }
        };
        match self.producer.send(&record, partition, self.now_ms) {
            Ok(()) => Ok(()),
            Err(SendError::Failed(error)) => Err(error.into()),
            Err(error) => self.refuse(input.number, &error.to_string()),
        }
    }
}
