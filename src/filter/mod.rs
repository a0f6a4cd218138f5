//! jq programs over records: which to keep, and what to make of them.
//!
//! A [`Program`] is compiled once and run for each record by an [`Evaluator`], with the value as
//! `.` and `$key`, `$topic`, `$partition`, `$offset`, `$ts` and `$headers` bound. A value that is
//! no JSON is a string. Results become bytes: a string its own, null none, anything else compact
//! JSON; a result that equals the value passes the value's bytes.
//!
//! Invariants:
//! - What a program gives depends on the record alone: there is no clock, no environment, no other
//!   input ([`functions`]).
//! - No record and no program ends the process: steps, depth of calls and depth of JSON are
//!   bounded, and what goes beyond fails that record ([`meter`], [`stack`]). Memory is not: a
//!   program that doubles a string sixty times gets as much as there is.
//! - A shortcut gives what the interpreter would give, or leaves it to it ([`shortcut`]); and what a
//!   program does not look at is not made a value of ([`projection`]).
//!
//! The language is that of the interpreter, jaq, which differs from jq in details.

mod error;
mod functions;
mod meter;
mod program;
mod projection;
mod run;
mod shortcut;
mod stack;
mod value;

pub use error::{CompileError, Failure, Mistake};
pub use meter::STEPS_MAX;
pub use program::Program;
pub use run::{Evaluator, Form, Given};
pub use stack::Stack;

#[cfg(test)]
mod tests;
