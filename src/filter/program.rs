//! A program, compiled.

use std::collections::BTreeSet;
use std::io;

use jaq_core::Filter;
use jaq_core::compile::{Compiler, Undefined};
use jaq_core::load::{self, Arena, File, Loader, lex};

use super::error::{CompileError, Mistake};
use super::functions::{self, LEFT_OUT};
use super::meter::Metered;
use super::projection;
use super::shortcut::Shortcut;
use super::stack::Stack;

/// Bytes of the longest program: the compiler recurses with it.
const PROGRAM_BYTES_MAX: usize = 16 << 10;

/// What a program may name beside the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Key,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Headers,
}

impl Variable {
    const ALL: [(&'static str, Self); 6] = [
        ("$key", Self::Key),
        ("$topic", Self::Topic),
        ("$partition", Self::Partition),
        ("$offset", Self::Offset),
        ("$ts", Self::Timestamp),
        ("$headers", Self::Headers),
    ];
}

/// A program, compiled. Shared by all threads that run it.
pub struct Program {
    pub(super) filter: Filter<Metered>,
    /// What it names, in the order in which values are bound.
    pub(super) variables: Vec<Variable>,
    pub(super) shortcut: Shortcut,
    /// The members of an object that it looks at; `None` where it may look at any.
    pub(super) members: Option<BTreeSet<String>>,
    text: String,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Program").field(&self.text).finish()
    }
}

impl Program {
    /// Compiles a program.
    ///
    /// # Errors
    /// [`CompileError`] points at the place.
    pub fn new(text: &str) -> Result<Self, CompileError> {
        if text.len() > PROGRAM_BYTES_MAX {
            let message = format!("a program has at most {PROGRAM_BYTES_MAX} bytes");
            return Err(Mistake::at(text, text, message).into());
        }
        let compiled: io::Result<_> = Stack::run(|_| Self::compile(text));
        Ok(compiled.map_err(|error| CompileError::Thread(error.to_string()))??)
    }

    /// The program as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn compile(text: &str) -> Result<Self, Mistake> {
        let arena = Arena::default();
        let loader = Loader::new(functions::definitions());
        let modules = loader
            .load(&arena, File { code: text, path: () })
            .map_err(|errors| first(text, errors, |error| of_loading(text, error)))?;
        let (names, variables): (Vec<_>, _) =
            Variable::ALL.into_iter().filter(|(name, _)| text.contains(name)).unzip();
        let filter = Compiler::default()
            .with_funs(functions::natives())
            .with_global_vars(names)
            .compile(modules)
            .map_err(|errors| first(text, errors, |errors| of_compiling(text, &errors)))?;
        let (shortcut, members) = (Shortcut::of(text), projection::members(text));
        Ok(Self { filter, variables, shortcut, members, text: text.to_owned() })
    }
}

/// The first mistake of the first module; the others often follow from it.
fn first<E>(
    text: &str,
    errors: load::Errors<&str, (), E>,
    mistake: impl Fn(E) -> Option<Mistake>,
) -> Mistake {
    let mut mistakes = errors.into_iter().filter_map(|(_, error)| mistake(error));
    mistakes.next().unwrap_or_else(|| Mistake::at(text, text, "cannot be compiled".to_owned()))
}

fn of_loading(text: &str, error: load::Error<&str>) -> Option<Mistake> {
    match error {
        load::Error::Io(errors) => {
            let (path, _) = errors.into_iter().next()?;
            Some(Mistake::at(text, path, "there are no modules to load".to_owned()))
        }
        load::Error::Lex(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            let name = expected.as_str();
            Some(match expected {
                lex::Expect::Delim(open) => {
                    Mistake::at(text, &open[..1], format!("there is no {name} to this"))
                }
                lex::Expect::Token => Mistake::at(text, character(found), "unexpected".to_owned()),
                _ => Mistake::at(text, character(found), format!("expected {}", article(name))),
            })
        }
        load::Error::Parse(errors) => {
            let (expected, found) = errors.into_iter().next()?;
            let expected = match expected.as_str() {
                "nothing" => "the end".to_owned(),
                word if word.chars().any(|it| !it.is_alphanumeric() && it != ' ') => {
                    format!("`{word}`")
                }
                word => article(word),
            };
            let found_name = match found {
                "" => "the end".to_owned(),
                found => format!("`{}`", found.chars().take(20).collect::<String>()),
            };
            Some(Mistake::at(text, found, format!("expected {expected}, found {found_name}")))
        }
    }
}

fn of_compiling(text: &str, errors: &[(&str, Undefined)]) -> Option<Mistake> {
    let (name, undefined) = errors.first()?;
    let message = match undefined {
        Undefined::Filter(_) if LEFT_OUT.contains(name) => {
            format!("{name} is left out: what a program gives depends on the record alone")
        }
        Undefined::Filter(arity) => format!("there is no function {name}/{arity}"),
        Undefined::Var if *name == "$ENV" => {
            "$ENV is left out: what a program gives depends on the record alone".to_owned()
        }
        undefined => format!("there is no {} {name}", undefined.as_str()),
    };
    Some(Mistake::at(text, name, message))
}

/// The first character of a text.
fn character(text: &str) -> &str {
    &text[..text.chars().next().map_or(0, char::len_utf8)]
}

fn article(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}
