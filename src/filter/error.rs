//! Why a program cannot be compiled, or fails for a record.

use crate::serde::json::Flaw;

use super::meter::STEPS_MAX;

/// Why there is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// There is a mistake in it.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// The system gives no thread to compile it on.
    #[error("no thread to compile it on: {0}")]
    Thread(String),
}

/// A mistake in a program, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}, at line {line}, column {column}")]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// The line that it stands in, from 1.
    pub line: usize,
    /// The character of the line that it begins at, from 1.
    pub column: usize,
    /// The text of that line.
    pub text: String,
    /// Characters that are meant, at least one.
    pub width: usize,
}

impl Mistake {
    /// What is wrong at `place`, which is a part of `program`.
    pub(super) fn at(program: &str, place: &str, message: String) -> Self {
        let start = place.as_ptr().addr().wrapping_sub(program.as_ptr().addr());
        // A place that is no part of the program means its end.
        let start = if start <= program.len() { start } else { program.len() };
        let before = &program[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let text = program[line_start..].lines().next().unwrap_or_default();
        let shown = place.lines().next().unwrap_or_default().chars().count();
        Self {
            message,
            line: before.matches('\n').count() + 1,
            column: program[line_start..start].chars().count() + 1,
            text: text.to_owned(),
            width: shown.max(1),
        }
    }

    /// The line, and below it a mark under what is meant; the line is cut down where it is long.
    #[must_use]
    pub fn picture(&self) -> [String; 2] {
        const SHOWN_MAX: usize = 72;
        let skipped = (self.column + self.width.min(20)).saturating_sub(SHOWN_MAX);
        let line: String = self.text.chars().skip(skipped).take(SHOWN_MAX).collect();
        let at = self.column - 1 - skipped;
        let mark = "^".repeat(self.width.min(SHOWN_MAX.saturating_sub(at)).max(1));
        [line.replace('\t', " "), format!("{}{mark}", " ".repeat(at))]
    }
}

/// Why a program gave no result for a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The program failed, and says why.
    #[error("{0}")]
    Program(String),
    /// It took too many steps.
    #[error("the program took more than {STEPS_MAX} steps")]
    Steps,
    /// It recursed too deeply.
    #[error("the program recursed too deeply")]
    Depth,
    /// The interpreter gave up.
    #[error("the program could not be run")]
    Interpreter,
    /// The record cannot be read.
    #[error(transparent)]
    Input(#[from] Flaw),
    /// The result cannot be written.
    #[error("the result is nested too deeply")]
    ResultDepth,
    /// The result is no JSON.
    #[error("the result has an object with a key that is no string")]
    ResultKey,
    /// One result was asked for.
    #[error("the program gave no result")]
    NoResult,
    /// One result was asked for.
    #[error("the program gave more than one result")]
    SeveralResults,
}
