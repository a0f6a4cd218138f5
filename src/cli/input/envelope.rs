//! `-J`: a JSON envelope a line.
//!
//! Fields that are not known are ignored, one that stands twice is an error. What is a JSON string
//! counts as the bytes it stands for, any other key or value as its compact JSON text.

use std::borrow::Cow;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lines::{Line, Splitter};
use super::{Fields, Place, Scan};
use crate::cli::json;

/// The parser of envelopes.
#[derive(Debug)]
pub(super) struct Envelopes {
    split: Splitter,
    /// A header's bytes while it is read.
    header: Vec<u8>,
}

/// An object as it stands in a line; values are not looked at yet.
#[derive(Debug, Default)]
struct Raw<'a> {
    ts: Option<&'a RawValue>,
    partition: Option<&'a RawValue>,
    key: Option<&'a RawValue>,
    key_b64: Option<&'a RawValue>,
    value: Option<&'a RawValue>,
    value_b64: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
}

impl Envelopes {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { split: Splitter::new(b"\n", max_bytes), header: Vec::new() }
    }

    pub(super) fn scan(&mut self, window: &[u8], at_end: bool, fields: &mut Fields) -> Scan {
        let (line, used) = match self.split.next(window, at_end) {
            Line::Whole { length, used } => (&window[..length], used),
            Line::Other(scan) => return scan,
        };
        if line.trim_ascii().is_empty() {
            return Scan::Blank(used);
        }
        fields.clear();
        match self.read(line, fields) {
            Ok(()) => Scan::Record(used),
            Err(reason) => Scan::Bad(used, reason),
        }
    }

    fn read(&mut self, line: &[u8], fields: &mut Fields) -> Result<(), String> {
        let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
        let raw = parse_object(text)?;
        fields.key = self::place(fields, line, "key", raw.key, raw.key_b64)?;
        fields.value = self::place(fields, line, "value", raw.value, raw.value_b64)?;
        fields.timestamp = raw.ts.map_or(Ok(None), |ts| read_integer("ts", ts))?;
        let partition = raw.partition.map_or(Ok(None), |raw| read_integer("partition", raw))?;
        let partition = partition.map(i32::try_from).transpose();
        fields.partition = partition.map_err(|_| "partition is out of range".to_owned())?;
        raw.headers.map_or(Ok(()), |headers| self.read_headers(headers.get(), fields))
    }

    fn read_headers(&mut self, list: &str, fields: &mut Fields) -> Result<(), String> {
        if list == "null" {
            return Ok(());
        }
        let visitor = HeadersVisitor { header: &mut self.header, fields };
        let mut deserializer = serde_json::Deserializer::from_str(list);
        deserializer.deserialize_seq(visitor).map_err(|error| reason("headers", &error))
    }
}

/// Reads one field that may be text or base64; the text is JSON of `line`.
fn place(
    fields: &mut Fields,
    line: &[u8],
    name: &str,
    text: Option<&RawValue>,
    base64: Option<&RawValue>,
) -> Result<Place, String> {
    let start = fields.scratch.len();
    let in_line = match (text, base64) {
        (Some(_), Some(_)) => return Err(format!("both {name} and {name}_b64")),
        (None, None) => return Ok(Place::Null),
        (Some(text), None) => read_text(name, text.get(), &mut fields.scratch)?,
        (None, Some(base64)) => read_base64(name, base64.get(), &mut fields.scratch)?,
    };
    Ok(match in_line {
        Found::Null => Place::Null,
        Found::Scratch => Place::Scratch(start..fields.scratch.len()),
        Found::Slice(slice) => {
            let from = slice.as_ptr().addr() - line.as_ptr().addr();
            Place::Window(from..from + slice.len())
        }
    })
}

/// Where the bytes of a JSON value went.
pub(super) enum Found<'a> {
    Null,
    /// They stand in the text itself.
    Slice(&'a [u8]),
    /// They were appended to the scratch.
    Scratch,
}

/// Reads any JSON value, already known to be one; `out` is a scratch that it may append to.
pub(super) fn read_text<'a>(
    name: &str,
    text: &'a str,
    out: &mut Vec<u8>,
) -> Result<Found<'a>, String> {
    let bytes = text.as_bytes();
    match bytes {
        b"null" => Ok(Found::Null),
        [b'"', inside @ .., b'"'] if memchr::memchr(b'\\', inside).is_none() => {
            Ok(Found::Slice(inside))
        }
        [b'"', inside @ .., b'"'] => match json::write_unescaped(out, inside) {
            true => Ok(Found::Scratch),
            false => Err(format!("{name} holds half a surrogate pair")),
        },
        _ => {
            json::write_compact(out, bytes);
            Ok(Found::Scratch)
        }
    }
}

fn read_base64<'a>(name: &str, text: &str, out: &mut Vec<u8>) -> Result<Found<'a>, String> {
    let wrong = || format!("{name}_b64 is no base64");
    if text == "null" {
        return Ok(Found::Null);
    }
    // Escapes, as of a slash, are rare enough to allocate for.
    let text: Cow<'_, str> = match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(inside) if !inside.contains('\\') => inside.into(),
        _ => serde_json::from_str::<String>(text).map_err(|_| wrong())?.into(),
    };
    if json::read_base64(out, text.as_bytes()) { Ok(Found::Scratch) } else { Err(wrong()) }
}

/// An integer; a number such as `1.7e12` that is one will do, null is none.
fn read_integer(name: &str, raw: &RawValue) -> Result<Option<i64>, String> {
    let text = raw.get();
    if text == "null" {
        return Ok(None);
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Ok(Some(integer));
    }
    /// Integers up to here are exact in a float.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let float = text.parse::<f64>().ok();
    let exact = float.filter(|float| float.fract() == 0.0 && float.abs() <= EXACT_MAX);
    exact.map(|float| Some(float as i64)).ok_or_else(|| format!("{name} is no integer"))
}

fn parse_object(text: &str) -> Result<Raw<'_>, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let raw = deserializer.deserialize_map(RawVisitor).map_err(|error| reason("", &error))?;
    deserializer.end().map_err(|error| reason("", &error))?;
    Ok(raw)
}

/// What serde says, without the line, which is always 1.
fn reason(within: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let place = format!("{text} at column {}", error.column());
    if within.is_empty() { place } else { format!("{within}: {place}") }
}

/// Names of fields, borrowed where they hold no escape.
struct Name;

impl<'de> serde::de::DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the name of a field")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Collects the fields of an object, of the whole envelope or of one header.
struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
        let mut raw = Raw::default();
        while let Some(name) = map.next_key_seed(Name)? {
            let (field, name) = match &*name {
                "ts" => (&mut raw.ts, "ts"),
                "partition" => (&mut raw.partition, "partition"),
                "key" => (&mut raw.key, "key"),
                "key_b64" => (&mut raw.key_b64, "key_b64"),
                "value" => (&mut raw.value, "value"),
                "value_b64" => (&mut raw.value_b64, "value_b64"),
                "headers" => (&mut raw.headers, "headers"),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if field.replace(map.next_value()?).is_some() {
                return Err(serde::de::Error::duplicate_field(name));
            }
        }
        Ok(raw)
    }
}

/// Reads the list of headers into the fields, one by one.
struct HeadersVisitor<'a> {
    header: &'a mut Vec<u8>,
    fields: &'a mut Fields,
}

impl<'de> Visitor<'de> for HeadersVisitor<'_> {
    type Value = ();

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a list of headers")
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<&RawValue>()? {
            parse_object(raw.get())
                .and_then(|raw| push_header(&raw, self.header, self.fields))
                .map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

fn push_header(raw: &Raw<'_>, scratch: &mut Vec<u8>, fields: &mut Fields) -> Result<(), String> {
    scratch.clear();
    let name = match (raw.key, raw.key_b64) {
        (Some(_), Some(_)) => return Err("both key and key_b64".to_owned()),
        (Some(key), None) if !key.get().starts_with('"') => {
            return Err("the key of a header is no string".to_owned());
        }
        (Some(key), None) => read_text("key", key.get(), scratch)?,
        (None, Some(base64)) => read_base64("key", base64.get(), scratch)?,
        (None, None) => Found::Null,
    };
    let name_end = scratch.len();
    let value = match (raw.value, raw.value_b64) {
        (Some(_), Some(_)) => return Err("both value and value_b64".to_owned()),
        (Some(value), None) => read_text("value", value.get(), scratch)?,
        (None, Some(base64)) => read_base64("value", base64.get(), scratch)?,
        (None, None) => Found::Null,
    };
    let (name_bytes, value_bytes) = scratch.split_at(name_end);
    let name = match name {
        Found::Null => return Err("a header without a key".to_owned()),
        Found::Slice(slice) => slice,
        Found::Scratch => name_bytes,
    };
    fields.push_header(
        name,
        match value {
            Found::Null => None,
            Found::Slice(slice) => Some(slice),
            Found::Scratch => Some(value_bytes),
        },
    );
    Ok(())
}
