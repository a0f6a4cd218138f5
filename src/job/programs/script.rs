//! A jq program, and what it may name, run over the records of a topology.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::tuple::Tuple;
use crate::filter::{CompileError, Evaluator, Failure, Form, Given, Program, Stack};
use crate::job::Serdes;
use crate::record::Headers;
use crate::stream::{Error, Record, Result};

/// A program that cannot be compiled, and where it was given.
#[derive(Debug, thiserror::Error)]
#[error("{flag}: {source}")]
pub struct ScriptError {
    /// The flag.
    pub flag: &'static str,
    /// What is wrong with it.
    pub source: CompileError,
}

/// A program that failed on a record, and where it was given.
#[derive(Debug, thiserror::Error)]
#[error("{flag}: {failure}")]
pub(super) struct ScriptFailure {
    flag: &'static str,
    failure: Problem,
}

/// Why a program gave nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(transparent)]
    Program(#[from] Failure),
    #[error("the program gave {0:?}, which is no time")]
    Time(String),
    #[error("the program gave null or nothing, which is no time")]
    NoTime,
    #[error("programs run only on a thread that has the stack for it")]
    Stack,
    #[error("{0:?} is no number")]
    Number(String),
    #[error("a joined value is none")]
    Tuple,
}

/// What programs are compiled and run with.
#[derive(Debug, Clone, Copy)]
pub(in crate::job) struct Setting<'a> {
    /// The sides of the values, in order: variables without the `$`.
    pub(in crate::job) sides: &'a [String],
    /// What keys and values are.
    pub(in crate::job) serdes: Serdes,
}

impl<'a> Setting<'a> {
    /// The same with other sides.
    pub(super) fn with_sides(self, sides: &'a [String]) -> Self {
        Self { sides, ..self }
    }
}

/// A program, compiled.
#[derive(Debug)]
pub(super) struct Script {
    flag: &'static str,
    program: Program,
    pub(super) sides: usize,
    key: Form,
    value: Form,
}

thread_local! {
    /// Buffers that programs have used, to be used again.
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer, empty.
pub(super) fn take_buffer() -> Vec<u8> {
    let mut buffer = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_default();
    buffer.clear();
    buffer
}

/// Gives a buffer back.
pub(super) fn give_buffer(buffer: Vec<u8>) {
    BUFFERS.with_borrow_mut(|buffers| buffers.push(buffer));
}

impl Script {
    /// Compiles a program that was given with a flag.
    pub(super) fn new(
        flag: &'static str,
        text: &str,
        setting: Setting<'_>,
    ) -> std::result::Result<Self, ScriptError> {
        let names: Vec<_> = setting.sides.iter().map(|side| format!("${side}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let program = Program::with_others(text, &names);
        let form = |is_text| if is_text { Form::String } else { Form::Json };
        Ok(Self {
            flag,
            program: program.map_err(|source| ScriptError { flag, source })?,
            sides: names.len(),
            // Keys of unknown form are strings, as `consume --where` has them.
            key: form(setting.serdes.key_in.is_text() || setting.serdes.key_in.is_bytes()),
            value: form(setting.serdes.value_in.is_text()),
        })
    }

    /// The same with what is done to each of its results. Mistakes are those of the program alone.
    pub(super) fn wrapped(
        flag: &'static str,
        text: &str,
        then: &str,
        setting: Setting<'_>,
    ) -> std::result::Result<Self, ScriptError> {
        Self::new(flag, text, setting)?;
        Self::new(flag, &format!("({text}\n) | {then}"), setting)
    }

    /// Gives an evaluator, and the record as the program sees it.
    pub(super) fn with<T>(
        &self,
        record: &Record<'_>,
        run: impl FnOnce(&mut Evaluator<'_>, &Given<'_>) -> std::result::Result<T, Problem>,
    ) -> Result<T> {
        let tuple = self.tuple(record)?;
        self.with_value(record, tuple.value, &tuple, run)
    }

    /// The same with another value: one that was made of the record.
    pub(super) fn with_value<T>(
        &self,
        record: &Record<'_>,
        value: Option<&[u8]>,
        tuple: &Tuple<'_>,
        run: impl FnOnce(&mut Evaluator<'_>, &Given<'_>) -> std::result::Result<T, Problem>,
    ) -> Result<T> {
        let stack = Stack::current().ok_or_else(|| self.failed(Problem::Stack))?;
        let given = Given {
            topic: record.origin.map(|origin| origin.topic),
            partition: record.origin.map(|origin| origin.partition),
            offset: record.origin.map(|origin| origin.offset),
            timestamp: Some(record.timestamp),
            key: record.key,
            value,
            headers: Headers::from_encoded(record.headers.0).unwrap_or_default(),
            others: &tuple.sides[..self.sides],
        };
        let mut evaluator = Evaluator::new(&self.program, &stack)
            .with_forms(self.key, self.value)
            .with_buffer(take_buffer());
        let result = run(&mut evaluator, &given);
        give_buffer(evaluator.into_buffer());
        result.map_err(|problem| self.failed(problem))
    }

    /// Whether values are strings, whatever they look like.
    pub(super) fn is_text(&self) -> bool {
        self.value == Form::String
    }

    /// A record's value and its sides.
    pub(super) fn tuple<'r>(&self, record: &Record<'r>) -> Result<Tuple<'r>> {
        Tuple::read(record.value, self.sides).ok_or_else(|| self.failed(Problem::Tuple))
    }

    /// Appends the one result there is to `out`; false where it is null or there is none.
    pub(super) fn one(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<bool> {
        self.with(record, |evaluator, given| one(evaluator, given, out))
    }

    pub(super) fn failed(&self, failure: Problem) -> Error {
        Error::program(ScriptFailure { flag: self.flag, failure })
    }
}

/// Appends the one result there is; false where it is null or there is none.
pub(super) fn one(
    evaluator: &mut Evaluator<'_>,
    given: &Given<'_>,
    out: &mut Vec<u8>,
) -> std::result::Result<bool, Problem> {
    let (mut count, mut is_some) = (0, false);
    evaluator.results(given, |result| {
        count += 1;
        is_some = result.is_some();
        if count > 1 {
            return ControlFlow::Break(());
        }
        out.extend_from_slice(result.unwrap_or_default());
        ControlFlow::Continue(())
    })?;
    if count > 1 { Err(Failure::SeveralResults.into()) } else { Ok(is_some) }
}
