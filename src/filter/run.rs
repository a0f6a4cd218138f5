//! A program, run for one record after another.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jaq_core::Exn;
use jaq_json::{Map, Val};

use super::error::Failure;
use super::meter::{self, Meter, Stopped};
use super::program::{Program, Variable};
use super::shortcut::{self, Outcome, Shortcut};
use super::stack::Stack;
use super::value;
use crate::record::Headers;
use crate::serde::json::Flaw;

/// Characters of what a program says when it fails. It may hold the whole value.
const MESSAGE_CHARACTERS_MAX: usize = 160;

/// What the bytes of keys or values are to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON where they are JSON, else a string.
    Json,
    /// A string, whatever it looks like.
    String,
}

/// A record as a program sees it. What is not known is null.
#[derive(Debug, Clone, Copy, Default)]
pub struct Given<'a> {
    /// `$topic`
    pub topic: Option<&'a str>,
    /// `$partition`
    pub partition: Option<i32>,
    /// `$offset`
    pub offset: Option<i64>,
    /// `$ts`: milliseconds.
    pub timestamp: Option<i64>,
    /// `$key`
    pub key: Option<&'a [u8]>,
    /// `.`
    pub value: Option<&'a [u8]>,
    /// `$headers`: an object; of headers of one name the last counts.
    pub headers: Headers<'a>,
    /// What [`Program::with_others`] named, in that order: JSON or strings; what is missing is null.
    pub others: &'a [Option<&'a [u8]>],
}

/// Runs a program.
#[derive(Debug)]
pub struct Evaluator<'p> {
    program: &'p Program,
    stack: &'p Stack,
    key: Form,
    value: Form,
    result: Vec<u8>,
}

impl<'p> Evaluator<'p> {
    /// Keys are strings, values JSON or strings.
    #[must_use]
    pub const fn new(program: &'p Program, stack: &'p Stack) -> Self {
        let (key, value) = (Form::String, Form::Json);
        Self { program, stack, key, value, result: Vec::new() }
    }

    /// What keys and values are.
    #[must_use]
    pub fn with_forms(self, key: Form, value: Form) -> Self {
        Self { key, value, ..self }
    }

    /// Writes results into this buffer, which was used before.
    #[must_use]
    pub fn with_buffer(self, buffer: Vec<u8>) -> Self {
        Self { result: buffer, ..self }
    }

    /// The buffer, to be used again.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.result
    }

    /// Whether there is a result that is neither false nor null.
    ///
    /// # Errors
    /// [`Failure`] says why that cannot be told of this record.
    pub fn holds(&self, given: &Given<'_>) -> Result<bool, Failure> {
        if let (Some(value), Form::Json) = (given.value, self.value)
            && let Some(holds) = self.told(value)
        {
            return Ok(holds);
        }
        let mut holds = false;
        let (value, _) = self.value_of(given)?;
        self.run(given, value, |result| {
            holds = !matches!(result, Val::Null | Val::Bool(false));
            Ok(if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(holds)
    }

    /// Gives the bytes of each result in turn, `None` for null, until `each` breaks off.
    ///
    /// # Errors
    /// [`Failure`]; the results before it were given.
    pub fn results(
        &mut self,
        given: &Given<'_>,
        mut each: impl FnMut(Option<&[u8]>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        if self.by_shortcut(given, &mut each).is_some() {
            return Ok(());
        }
        let mut out = std::mem::take(&mut self.result);
        let (value, is_part) = self.value_of(given)?;
        let unchanged = value.clone();
        let run = self.run(given, value, |result| {
            let is_unchanged = match is_part {
                false => *result == unchanged,
                true => self.is_whole(result, given)?,
            };
            if is_unchanged {
                return Ok(each(given.value));
            }
            out.clear();
            Ok(each(value::write(result, &mut out)?.then_some(&out)))
        });
        self.result = out;
        run
    }

    /// The bytes of the one result that there must be.
    ///
    /// # Errors
    /// [`Failure`], also where there is none or more than one.
    pub fn one<'a>(
        &mut self,
        given: &Given<'_>,
        out: &'a mut Vec<u8>,
    ) -> Result<Option<&'a [u8]>, Failure> {
        out.clear();
        let (mut count, mut is_null) = (0, false);
        self.results(given, |result| {
            count += 1;
            is_null = result.is_none();
            if count > 1 {
                return ControlFlow::Break(());
            }
            out.extend_from_slice(result.unwrap_or_default());
            ControlFlow::Continue(())
        })?;
        match count {
            0 => Err(Failure::NoResult),
            1 => Ok((!is_null).then_some(out)),
            _ => Err(Failure::SeveralResults),
        }
    }

    /// Whether there is such a result, where the bytes tell.
    fn told(&self, value: &[u8]) -> Option<bool> {
        let Shortcut { selects, result } = &self.program.shortcut;
        if let Some(selects) = selects
            && !selects.holds(value)?
        {
            return Some(false);
        }
        match result {
            Outcome::Truth(condition) => condition.holds(value),
            // A condition holds of objects only, which are neither false nor null.
            Outcome::Value if selects.is_some() => Some(true),
            // A path of one name can't fail there, a longer one can.
            Outcome::Object(members) if selects.is_some() => {
                members.iter().all(|(_, path)| path.len() == 1).then_some(true)
            }
            _ => None,
        }
    }

    /// Gives the results where the bytes tell.
    fn by_shortcut(
        &mut self,
        given: &Given<'_>,
        each: &mut impl FnMut(Option<&[u8]>) -> ControlFlow<()>,
    ) -> Option<()> {
        let Shortcut { selects, result } = &self.program.shortcut;
        if let (None, Outcome::Value) = (selects, result) {
            let _ = each(given.value);
            return Some(());
        }
        let value = given.value.filter(|_| self.value == Form::Json)?;
        if let Some(selects) = selects
            && !selects.holds(value)?
        {
            return Some(());
        }
        let result = match result {
            Outcome::Value => given.value,
            Outcome::Path(path) => shortcut::text_at(value, path)?,
            Outcome::Object(members) => {
                self.result.clear();
                shortcut::write_object(value, members, &mut self.result)?;
                Some(&self.result[..])
            }
            Outcome::Truth(condition) if condition.holds(value)? => Some(&b"true"[..]),
            Outcome::Truth(_) => Some(&b"false"[..]),
            Outcome::Unknown => return None,
        };
        let _ = each(result);
        Some(())
    }

    /// The value, or as much of it as the program looks at; and whether that is not all.
    fn value_of(&self, given: &Given<'_>) -> Result<(Val, bool), Failure> {
        if let (Some(members), Some(bytes), Form::Json) =
            (&self.program.members, given.value, self.value)
        {
            match value::parse_members(bytes, members) {
                Ok(Some(part)) => return Ok(part),
                Ok(None) | Err(Flaw::NotJson) => {}
                Err(flaw) => return Err(flaw.into()),
            }
        }
        Ok((of_form(given.value, self.value)?, false))
    }

    /// Whether a result equals the value, of which only a part was made: one that has no members
    /// beyond that part does not.
    fn is_whole(&self, result: &Val, given: &Given<'_>) -> Result<bool, Failure> {
        let (Val::Obj(members), Some(part)) = (result, &self.program.members) else {
            return Ok(false);
        };
        let is_beyond = |key: &Val| match key {
            Val::TStr(name) => std::str::from_utf8(name).is_ok_and(|name| !part.contains(name)),
            _ => false,
        };
        Ok(members.keys().any(is_beyond) && *result == of_form(given.value, self.value)?)
    }

    /// Gives each result to `each`, within bounds.
    fn run(
        &self,
        given: &Given<'_>,
        value: Val,
        mut each: impl FnMut(&Val) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let bound = self.program.variables.iter().map(|it| self.bind(*it, given));
        let bound = bound.collect::<Result<Vec<_>, _>>()?;
        let meter = Meter::new(self.stack);
        let filter = &self.program.filter;
        // Nothing that a stopped run could leave half done outlives it, but what `each` has; and
        // that is not run while a step is taken.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let context = meter::context(&filter.lut, &meter, bound);
            for result in filter.id.run((context, value)) {
                if each(&result.map_err(failure)?)?.is_break() {
                    break;
                }
            }
            Ok(())
        }));
        run.unwrap_or_else(|panic| {
            Err(match panic.downcast_ref::<Stopped>() {
                Some(Stopped::Steps) => Failure::Steps,
                Some(Stopped::Depth) => Failure::Depth,
                None => Failure::Interpreter,
            })
        })
    }

    fn bind(&self, variable: Variable, given: &Given<'_>) -> Result<Val, Failure> {
        let integer = |number: Option<i64>| number.map_or(Val::Null, value::integer);
        Ok(match variable {
            Variable::Key => of_form(given.key, self.key)?,
            Variable::Topic => given.topic.map_or(Val::Null, |it| value::string(it.as_bytes())),
            Variable::Partition => integer(given.partition.map(i64::from)),
            Variable::Offset => integer(given.offset),
            Variable::Timestamp => integer(given.timestamp),
            Variable::Other(index) => {
                of_form(given.others.get(index).copied().flatten(), Form::Json)?
            }
            Variable::Headers => {
                let header = |it: crate::record::Header<'_>| {
                    (value::string(it.key), it.value.map_or(Val::Null, value::string))
                };
                Val::obj(given.headers.iter().map(header).collect::<Map>())
            }
        })
    }
}

fn of_form(bytes: Option<&[u8]>, form: Form) -> Result<Val, Failure> {
    Ok(match (bytes, form) {
        (None, _) => Val::Null,
        (Some(bytes), Form::String) => value::string(bytes),
        (Some(bytes), Form::Json) => value::from_bytes(bytes)?,
    })
}

/// What a program says when it fails.
fn failure(exception: Exn<'_, Val>) -> Failure {
    let Ok(error) = exception.get_err() else { return Failure::Interpreter };
    let text = match error.into_val() {
        Val::TStr(text) | Val::BStr(text) => String::from_utf8_lossy(&text).into_owned(),
        value => value.to_string(),
    };
    let mut shown: String = text.chars().take(MESSAGE_CHARACTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Failure::Program(shown)
}
