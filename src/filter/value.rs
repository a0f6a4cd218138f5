//! Records' bytes as jq values, and back.
//!
//! JSON is parsed straight into the interpreter's values. Numbers keep what they were written as
//! while nothing is calculated with them: `1.10` stays `1.10`. Of keys that stand twice in an
//! object the last counts. What is no JSON is a string of its bytes, UTF-8 or not.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jaq_json::{Map, Num, Val};

use super::Failure;
use crate::serde::json::{DEPTH_MAX, Flaw, Number, Scalar, Scanner, Text};

/// Digits of the longest whole number that is exact. Longer ones keep their text, and are
/// calculated with as 64-bit floats: conversion takes time in the square of the digits.
const EXACT_DIGITS_MAX: usize = 1000;

/// A record's bytes: JSON, or else a string.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<Val, Flaw> {
    match parse(bytes) {
        Err(Flaw::NotJson) => Ok(string(bytes)),
        parsed => parsed,
    }
}

/// A string of these bytes.
pub(super) fn string(bytes: &[u8]) -> Val {
    Val::utf8_str(bytes.to_vec())
}

/// An integer.
pub(super) fn integer(number: i64) -> Val {
    Val::Num(Num::from_integral(number))
}

/// One JSON value.
pub(super) fn parse(bytes: &[u8]) -> Result<Val, Flaw> {
    let mut scanner = Scanner::new(bytes).ok_or(Flaw::NotJson)?;
    let parser = Parser { source: Bytes::copy_from_slice(bytes) };
    let value = parser.value(&mut scanner, DEPTH_MAX)?;
    scanner.end()?;
    Ok(value)
}

/// An object with only those of its members that have these names, and whether it has others.
/// `None` leaves it to [`parse`]: it is no object.
pub(super) fn parse_members(
    bytes: &[u8],
    names: &BTreeSet<String>,
) -> Result<Option<(Val, bool)>, Flaw> {
    let mut scanner = Scanner::new(bytes).ok_or(Flaw::NotJson)?;
    if scanner.peek() != Some(b'{') {
        return Ok(None);
    }
    let parser = Parser { source: Bytes::copy_from_slice(bytes) };
    let (mut members, mut has_others) = (Map::default(), false);
    scanner.expect(b'{')?;
    if !scanner.eat(b'}') {
        loop {
            let key = scanner.string()?;
            let end = scanner.position();
            scanner.expect(b':')?;
            // A name with an escape may be any.
            if key.is_escaped || names.contains(key.raw) {
                let value = parser.value(&mut scanner, DEPTH_MAX - 1)?;
                members.insert(parser.string(key, end), value);
            } else {
                has_others = true;
                scanner.skip_value(DEPTH_MAX - 1)?;
            }
            if !scanner.eat(b',') {
                break;
            }
        }
        scanner.expect(b'}')?;
    }
    scanner.end()?;
    Ok(Some((Val::obj(members), has_others)))
}

/// Makes values of what a scanner finds. Strings without escapes are slices of one copy.
struct Parser {
    source: Bytes,
}

impl Parser {
    fn value(&self, scanner: &mut Scanner<'_>, levels: usize) -> Result<Val, Flaw> {
        match scanner.peek() {
            Some(b'{') => self.object(scanner, inner(levels)?),
            Some(b'[') => self.array(scanner, inner(levels)?),
            Some(b'"') => {
                let text = scanner.string()?;
                Ok(self.string(text, scanner.position()))
            }
            _ => Ok(match scanner.scalar()? {
                Scalar::Null => Val::Null,
                Scalar::Bool(truth) => Val::Bool(truth),
                Scalar::Number(written) => Val::Num(number(written)),
                // A quote came above.
                Scalar::String(text) => self.string(text, scanner.position()),
            }),
        }
    }

    fn array(&self, scanner: &mut Scanner<'_>, levels: usize) -> Result<Val, Flaw> {
        scanner.expect(b'[')?;
        let mut elements = Vec::new();
        if !scanner.eat(b']') {
            loop {
                elements.push(self.value(scanner, levels)?);
                if !scanner.eat(b',') {
                    break;
                }
            }
            scanner.expect(b']')?;
        }
        Ok(Val::Arr(Arc::new(elements)))
    }

    fn object(&self, scanner: &mut Scanner<'_>, levels: usize) -> Result<Val, Flaw> {
        scanner.expect(b'{')?;
        let mut members = Map::default();
        if !scanner.eat(b'}') {
            loop {
                let key = scanner.string()?;
                let key = self.string(key, scanner.position());
                scanner.expect(b':')?;
                let value = self.value(scanner, levels)?;
                members.insert(key, value);
                if !scanner.eat(b',') {
                    break;
                }
            }
            scanner.expect(b'}')?;
        }
        Ok(Val::obj(members))
    }

    /// A string whose closing quote ends at `end`.
    fn string(&self, text: Text<'_>, end: usize) -> Val {
        if text.is_escaped {
            let mut meant = Vec::with_capacity(text.raw.len());
            text.unescape(&mut meant);
            return Val::utf8_str(meant);
        }
        let start = end - 1 - text.raw.len();
        Val::utf8_str(self.source.slice(start..end - 1))
    }
}

const fn inner(levels: usize) -> Result<usize, Flaw> {
    match levels.checked_sub(1) {
        Some(levels) => Ok(levels),
        None => Err(Flaw::TooDeep),
    }
}

fn number(Number { text, is_integer }: Number<'_>) -> Num {
    let exact = || match is_integer && text.len() <= EXACT_DIGITS_MAX {
        true => Num::from_str_radix(text, 10),
        false => None,
    };
    exact().unwrap_or_else(|| Num::Dec(Arc::new(text.to_owned())))
}

/// Appends a result's bytes: a string as it is, anything else as compact JSON. False for null,
/// which has none.
pub(super) fn write(value: &Val, out: &mut Vec<u8>) -> Result<bool, Failure> {
    match value {
        Val::Null => return Ok(false),
        Val::TStr(bytes) | Val::BStr(bytes) => out.extend_from_slice(bytes),
        value => write_json(value, out, DEPTH_MAX)?,
    }
    Ok(true)
}

/// Appends compact JSON. What JSON cannot express is written as jq does: NaN as null, infinity as
/// the largest number; bytes that are not UTF-8 as U+FFFD.
fn write_json(value: &Val, out: &mut Vec<u8>, levels: usize) -> Result<(), Failure> {
    match value {
        Val::Null => out.extend_from_slice(b"null"),
        Val::Bool(true) => out.extend_from_slice(b"true"),
        Val::Bool(false) => out.extend_from_slice(b"false"),
        Val::Num(number) => write_number(number, out),
        Val::TStr(bytes) | Val::BStr(bytes) => write_string(bytes, out),
        Val::Arr(elements) => {
            let levels = inner(levels).map_err(|_| Failure::ResultDepth)?;
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_json(element, out, levels)?;
            }
            out.push(b']');
        }
        Val::Obj(members) => {
            let levels = inner(levels).map_err(|_| Failure::ResultDepth)?;
            out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let (Val::TStr(key) | Val::BStr(key)) = key else {
                    return Err(Failure::ResultKey);
                };
                write_string(key, out);
                out.push(b':');
                write_json(value, out, levels)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_number(number: &Num, out: &mut Vec<u8>) {
    match number {
        Num::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(*number).as_bytes()),
        Num::Float(number) if number.is_nan() => out.extend_from_slice(b"null"),
        Num::Float(number) if number.is_infinite() => {
            let largest = Num::Float(f64::MAX.copysign(*number));
            out.extend_from_slice(largest.to_string().as_bytes());
        }
        number => out.extend_from_slice(number.to_string().as_bytes()),
    }
}

fn write_string(bytes: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(bytes);
    // A vector takes all that is written to it, and text is always JSON.
    let _ = serde_json::to_writer(out, &*text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(value: &Val) -> String {
        let mut out = Vec::new();
        write_json(value, &mut out, DEPTH_MAX).expect("JSON");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn compact_json_passes_unchanged() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-17",
            "1.10",
            "1e400",
            "123456789012345678901234567890",
            r#""a\"b\\c\n\u0001é""#,
            "[]",
            "[1,[2,{}]]",
            r#"{"b":1,"a":[null,"x"]}"#,
        ] {
            assert_eq!(written(&parse(text.as_bytes()).expect(text)), text);
        }
        let long = "7".repeat(EXACT_DIGITS_MAX * 3);
        assert_eq!(written(&parse(long.as_bytes()).expect("a number")), long);
        for (text, expected) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#""\u00e9\ud83d\ude00\/""#, "\"é😀/\""),
            (" [ 1 , 2 ] ", "[1,2]"),
        ] {
            assert_eq!(written(&parse(text.as_bytes()).expect(text)), expected);
        }
    }

    #[test]
    fn what_is_no_json_is_a_string() {
        for text in ["", "hello", "01", "NaN", "# x", "b\"x\"", "{\"a\":1", "\u{feff}{}"] {
            assert_eq!(from_bytes(text.as_bytes()), Ok(string(text.as_bytes())), "{text}");
        }
        let mut out = Vec::new();
        assert!(write(&from_bytes(b"\xff\xfe").expect("a string"), &mut out).is_ok_and(|it| it));
        assert_eq!(out, b"\xff\xfe");
    }

    #[test]
    fn what_json_cannot_express() {
        for (value, expected) in [
            (Val::from(f64::NAN), "null"),
            (Val::from(f64::NEG_INFINITY), "-1.7976931348623157e308"),
            ([string(b"a\xff")].into_iter().collect(), "[\"a\u{fffd}\"]"),
        ] {
            assert_eq!(written(&value), expected);
        }
        let members = [(integer(1), Val::Null)].into_iter().collect();
        let failed = write(&Val::obj(members), &mut Vec::new());
        assert!(matches!(failed, Err(Failure::ResultKey)));
    }

    /// Any JSON.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::vec((".{0,4}", inner), 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn as_another_reader_has_it(value in json()) {
            for text in [value.to_string(), format!("{value:#}")] {
                let parsed = parse(text.as_bytes()).expect("JSON");
                let back: serde_json::Value = serde_json::from_str(&written(&parsed)).expect("JSON");
                prop_assert_eq!(&back, &value);
            }
        }
    }
}
