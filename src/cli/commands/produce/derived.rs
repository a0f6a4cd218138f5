//! What is made of a record before it is sent: its key and time by jq programs over its value, then
//! the bytes that the serdes make of key and value.

use jiff::tz::TimeZone;

use super::ProduceArgs;
use crate::cli::error::CommandError;
use crate::cli::program::compile;
use crate::cli::time::parse_time;
use crate::filter::{Evaluator, Form, Given, Program, Stack};
use crate::record::Record;
use crate::serde::Serde;

/// The programs of `--key-from` and `--ts-from`.
#[derive(Debug)]
pub(super) struct Programs {
    key: Option<Program>,
    timestamp: Option<Program>,
}

impl Programs {
    pub(super) fn new(args: &ProduceArgs) -> Result<Self, CommandError> {
        let program = |flag, text: &Option<String>| {
            text.as_deref().map(|text| compile(flag, text)).transpose()
        };
        Ok(Self {
            key: program("--key-from", &args.key_from)?,
            timestamp: program("--ts-from", &args.ts_from)?,
        })
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.key.is_none() && self.timestamp.is_none()
    }
}

/// Makes of records what is sent.
#[derive(Debug)]
pub(super) struct Derived<'p> {
    topic: String,
    key_from: Option<Evaluator<'p>>,
    timestamp_from: Option<Evaluator<'p>>,
    key_serde: Serde,
    value_serde: Serde,
    /// Nothing is to be made.
    is_plain: bool,
    text: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'p> Derived<'p> {
    /// `stack` is there where there are programs.
    pub(super) fn new(
        args: &ProduceArgs,
        topic: &str,
        programs: &'p Programs,
        stack: Option<&'p Stack>,
    ) -> Self {
        let value_form = if args.value_serde.is_text() { Form::String } else { Form::Json };
        let evaluator = |program: &'p Option<Program>| {
            let (program, stack) = program.as_ref().zip(stack)?;
            Some(Evaluator::new(program, stack).with_forms(Form::String, value_form))
        };
        let (key_serde, value_serde) = (args.key_serde, args.value_serde);
        Self {
            topic: topic.to_owned(),
            key_from: evaluator(&programs.key),
            timestamp_from: evaluator(&programs.timestamp),
            key_serde,
            value_serde,
            is_plain: programs.is_empty() && key_serde.is_bytes() && value_serde.is_bytes(),
            text: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The record to send for one of the input, or why there is none.
    #[inline]
    pub(super) fn of<'r>(
        &'r mut self,
        record: Record<'r>,
        partition: Option<i32>,
        now_ms: i64,
    ) -> Result<Record<'r>, String> {
        match self.is_plain {
            true => Ok(record),
            false => self.made_of(record, partition, now_ms),
        }
    }

    fn made_of<'r>(
        &'r mut self,
        record: Record<'r>,
        partition: Option<i32>,
        now_ms: i64,
    ) -> Result<Record<'r>, String> {
        let given = Given {
            topic: Some(&self.topic),
            partition,
            offset: None,
            timestamp: Some(record.timestamp),
            key: record.key,
            value: record.value,
            headers: record.headers,
            others: &[],
        };
        let timestamp = match &mut self.timestamp_from {
            None => record.timestamp,
            Some(program) => timestamp(program, &given, &mut self.text, now_ms)
                .map_err(|reason| format!("--ts-from: {reason}"))?,
        };
        let key = match &mut self.key_from {
            None => record.key,
            Some(program) => program
                .one(&given, &mut self.text)
                .map_err(|failure| format!("--key-from: {failure}"))?,
        };
        let key = key.map(|key| self.key_serde.encode(key, &mut self.key)).transpose();
        let value = record.value.map(|it| self.value_serde.encode(it, &mut self.value)).transpose();
        Ok(Record {
            timestamp,
            key: key.map_err(|error| format!("key: {error}"))?,
            value: value.map_err(|error| format!("value: {error}"))?,
            ..record
        })
    }
}

/// A number of milliseconds or seconds, or a time, as `--ts` takes them.
fn timestamp(
    program: &mut Evaluator<'_>,
    given: &Given<'_>,
    text: &mut Vec<u8>,
    now_ms: i64,
) -> Result<i64, String> {
    let result = program.one(given, text).map_err(|failure| failure.to_string())?;
    let result = result.ok_or("the program gave null, which is no time")?;
    let text = String::from_utf8_lossy(result);
    parse_time(&text, now_ms, TimeZone::system).map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        format!("the program gave {shown:?}, which is no time")
    })
}
