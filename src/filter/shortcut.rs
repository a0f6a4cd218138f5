//! What can be told of a record without running the program, from its bytes.
//!
//! A comparison of a path with a literal, with `and` and `or`, as the program or as the `select(…)`
//! that it begins with; a plain path, an object of such, the identity. The whole record is looked at, since of keys that stand twice the last
//! counts and since what follows may be no JSON. Whatever is not plain — another kind of program,
//! no object, an escape in a key, a number of many digits, an index into a string — is left to the
//! interpreter: each answer here is the one that it would give.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Cmp;
use jaq_core::path::{Opt, Part, Path};

use super::projection::{plain, selected};
use crate::serde::json::{DEPTH_MAX, Scalar, Scanner};

/// Whole numbers up to here are the same as 64-bit floats and as integers.
const WHOLE_MAX: i64 = 1 << 53;
/// Characters of the longest number that is compared here.
const NUMBER_CHARACTERS_MAX: usize = 15;

/// What is known of a program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shortcut {
    /// It begins with `select(…)`: where that does not hold there is no result.
    pub(super) selects: Option<Condition>,
    /// What its result is otherwise.
    pub(super) result: Outcome,
}

/// What the result of a program is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Outcome {
    /// Not known.
    #[default]
    Unknown,
    /// `.`
    Value,
    /// `.a.b`
    Path(Vec<String>),
    /// `{a, b: .c.d}`: what stands before each member, and where it is found.
    Object(Vec<(String, Vec<String>)>),
    /// A condition.
    Truth(Condition),
}

/// A condition on plain paths.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Compare(Vec<String>, Cmp, Literal),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// What is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
}

impl Shortcut {
    /// What is known of a program that compiles.
    pub(super) fn of(program: &str) -> Self {
        let Some(term) = jaq_core::load::parse(program, |parser| parser.term()) else {
            return Self::default();
        };
        match &term {
            Term::BinOp(left, BinaryOp::Pipe(None), right) => {
                let selects = selected(left).and_then(condition);
                let result = if selects.is_some() { outcome(right) } else { Outcome::Unknown };
                Self { selects, result }
            }
            term => match selected(term).and_then(condition) {
                Some(selects) => Self { selects: Some(selects), result: Outcome::Value },
                None => Self { selects: None, result: outcome(term) },
            },
        }
    }
}

fn outcome(term: &Term<&str>) -> Outcome {
    if matches!(term, Term::Id) {
        return Outcome::Value;
    }
    let known = path(term).map(Outcome::Path);
    let known = known.or_else(|| object(term).map(Outcome::Object));
    known.or_else(|| condition(term).map(Outcome::Truth)).unwrap_or_default()
}

fn object(term: &Term<&str>) -> Option<Vec<(String, Vec<String>)>> {
    let Term::Obj(entries) = term else { return None };
    let mut members = Vec::new();
    for (key, value) in entries {
        let Term::Str(None, name) = key else { return None };
        let name = plain(name)?;
        let path = value.as_ref().map_or_else(|| Some(vec![name.clone()]), path)?;
        let comma = if members.is_empty() { '{' } else { ',' };
        members.push((format!("{comma}{}:", serde_json::Value::from(name)), path));
    }
    let names: BTreeSet<_> = members.iter().map(|(name, _)| &name[1..]).collect();
    // Of those that stand twice one is left.
    (!members.is_empty() && names.len() == members.len()).then_some(members)
}

fn path(term: &Term<&str>) -> Option<Vec<String>> {
    let Term::Path(of, Path(parts)) = term else { return None };
    if !matches!(**of, Term::Id) {
        return None;
    }
    let name = |(part, option): &(Part<Term<&str>>, Opt)| match (part, option) {
        (Part::Index(Term::Str(None, text)), Opt::Essential) => plain(text),
        _ => None,
    };
    parts.iter().map(name).collect()
}

fn condition(term: &Term<&str>) -> Option<Condition> {
    let Term::BinOp(left, operator, right) = term else { return None };
    let both = || Some((Box::new(condition(left)?), Box::new(condition(right)?)));
    match operator {
        BinaryOp::And => both().map(|(left, right)| Condition::And(left, right)),
        BinaryOp::Or => both().map(|(left, right)| Condition::Or(left, right)),
        BinaryOp::Cmp(cmp) => Some(Condition::Compare(path(left)?, *cmp, literal(right)?)),
        _ => None,
    }
}

fn literal(term: &Term<&str>) -> Option<Literal> {
    Some(match term {
        Term::Str(None, text) => Literal::String(plain(text)?),
        Term::Num(text) => Literal::Number(plain_number(text)?),
        Term::Neg(term) => match literal(term)? {
            Literal::Number(number) => Literal::Number(-number),
            _ => return None,
        },
        Term::Call(name, arguments) if arguments.is_empty() => match *name {
            "null" => Literal::Null,
            "true" => Literal::Bool(true),
            "false" => Literal::Bool(false),
            _ => return None,
        },
        _ => return None,
    })
}

/// A number for which the interpreter's kinds of numbers make no difference.
fn plain_number(text: &str) -> Option<f64> {
    if text.len() > NUMBER_CHARACTERS_MAX {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    (number.abs() < WHOLE_MAX as f64).then_some(number)
}

impl Condition {
    /// Whether it holds for a record's value; `None` leaves it to the interpreter.
    pub(super) fn holds(&self, value: &[u8]) -> Option<bool> {
        match self {
            Self::And(left, right) => Some(left.holds(value)? && right.holds(value)?),
            Self::Or(left, right) => Some(left.holds(value)? || right.holds(value)?),
            Self::Compare(path, cmp, literal) => {
                let found = find(value, path)?.map_or("null", |found| found);
                let ordering = compare(found, literal)?;
                Some(match cmp {
                    Cmp::Eq => ordering.is_eq(),
                    Cmp::Ne => ordering.is_ne(),
                    Cmp::Lt => ordering.is_lt(),
                    Cmp::Le => ordering.is_le(),
                    Cmp::Gt => ordering.is_gt(),
                    Cmp::Ge => ordering.is_ge(),
                })
            }
        }
    }
}

/// The bytes that a plain path gives: `Some(None)` is null, `None` leaves it to the interpreter.
pub(super) fn text_at<'a>(value: &'a [u8], path: &[String]) -> Option<Option<&'a [u8]>> {
    let Some(found) = find(value, path)? else { return Some(None) };
    let text = scalar(found)?;
    Some((text != "null").then(|| text.trim_matches('"').as_bytes()))
}

/// Appends the object whose members are found at plain paths; `None` leaves it to the interpreter,
/// as where it might equal the value.
pub(super) fn write_object(
    value: &[u8],
    members: &[(String, Vec<String>)],
    out: &mut Vec<u8>,
) -> Option<()> {
    if !has_other_member(value, members)? {
        return None;
    }
    for (before, path) in members {
        out.extend_from_slice(before.as_bytes());
        let found = find(value, path)?.map_or(Some("null"), scalar)?;
        out.extend_from_slice(found.as_bytes());
    }
    out.push(b'}');
    Some(())
}

/// Sound JSON that the interpreter would write just as it is.
fn scalar(found: &str) -> Option<&str> {
    match Scanner::of_text(found).scalar().ok()? {
        Scalar::Number(number) if number.text == "-0" => None,
        Scalar::String(text) if text.is_escaped => None,
        _ => Some(found),
    }
}

/// Whether an object has a member beside these, so that it does not equal an object of these.
fn has_other_member(value: &[u8], members: &[(String, Vec<String>)]) -> Option<bool> {
    let mut scanner = Scanner::new(value)?;
    scanner.expect(b'{').ok()?;
    if scanner.eat(b'}') {
        return Some(false);
    }
    loop {
        let key = scanner.string().ok()?;
        // What stands before a member is `{` or `,`, the name in quotes, and a colon.
        let is_key = |(before, _): &(String, _)| before[2..before.len() - 2] == *key.raw;
        if !key.is_escaped && !members.iter().any(is_key) {
            return Some(true);
        }
        scanner.expect(b':').ok()?;
        scanner.skip_value(DEPTH_MAX).ok()?;
        if !scanner.eat(b',') {
            return Some(false);
        }
    }
}

/// The JSON at a path: `Some(None)` where there is none, `None` leaves it to the interpreter.
fn find<'a>(value: &'a [u8], path: &[String]) -> Option<Option<&'a str>> {
    let (first, rest) = path.split_first()?;
    let mut scanner = Scanner::new(value)?;
    let mut found = member(&mut scanner, first, DEPTH_MAX)?;
    scanner.end().ok()?;
    for name in rest {
        let Some(inside) = found.filter(|it| *it != "null") else { return Some(None) };
        found = member(&mut Scanner::of_text(inside), name, DEPTH_MAX)?;
    }
    Some(found)
}

/// The last member of an object that has this name, after a look at all of them.
fn member<'a>(scanner: &mut Scanner<'a>, name: &str, levels: usize) -> Option<Option<&'a str>> {
    let mut found = None;
    scanner.expect(b'{').ok()?;
    if scanner.eat(b'}') {
        return Some(None);
    }
    loop {
        let key = scanner.string().ok()?;
        if key.is_escaped {
            return None;
        }
        scanner.expect(b':').ok()?;
        scanner.peek()?;
        let start = scanner.position();
        scanner.skip_value(levels - 1).ok()?;
        if key.raw == name {
            found = Some(scanner.since(start));
        }
        if !scanner.eat(b',') {
            scanner.expect(b'}').ok()?;
            return Some(found);
        }
    }
}

/// How sound JSON compares with a literal, by jq's order of kinds.
fn compare(found: &str, literal: &Literal) -> Option<Ordering> {
    let rank = match literal {
        Literal::Null => 0,
        Literal::Bool(false) => 1,
        Literal::Bool(true) => 2,
        Literal::Number(_) => 3,
        Literal::String(_) => 4,
    };
    let found_rank = match found.as_bytes().first()? {
        b'n' => 0,
        b'f' => 1,
        b't' => 2,
        b'"' => 4,
        b'[' => 5,
        b'{' => 6,
        _ => 3,
    };
    if rank != found_rank {
        return Some(found_rank.cmp(&rank));
    }
    match (literal, Scanner::of_text(found).scalar().ok()?) {
        (Literal::Number(literal), Scalar::Number(number)) => {
            plain_number(number.text)?.partial_cmp(literal)
        }
        (Literal::String(literal), Scalar::String(text)) => {
            (!text.is_escaped).then(|| text.raw.cmp(literal))
        }
        _ => Some(Ordering::Equal),
    }
}
