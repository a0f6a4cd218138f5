//! `--format`: one parse of the format string, used by `Format::write` and, read backwards, by
//! [`super::input`].
//!
//! | token | prints | modifiers |
//! | --- | --- | --- |
//! | `%s` `%k` | value, key | `{hex}` `{base64}` `{json}` |
//! | `%S` `%K` | their lengths in bytes, -1 for null | |
//! | `%h` | headers, `name=value,name=value` | |
//! | `%h{…}` | the inner format for each header: `%k %v %K %V`, literals | as for `%s` |
//! | `%T` | timestamp, ms | `{iso}` `{strftime[…]}` |
//! | `%t %p %o %e` | topic, partition, offset, leader epoch | |
//! | `%%` | a percent sign | |
//!
//! A `{` right behind a token opens a modifier; `\x7b` and `\x7d` are braces. Null prints as the
//! null marker; as `-` in `{hex}` and `{base64}`, which neither can yield; as `null` in `{json}`,
//! where bytes that are not UTF-8 are `{"b64":"…"}`.

use jiff::tz::TimeZone;
use thiserror::Error;

use super::escape::{EscapeError, take_escape};
use super::json;
use super::output::{NO_TIMESTAMP, OutputRecord, write_integer};
use super::timestamp::{check_strftime, write_rfc3339_ms, write_strftime};
use crate::record::{Header, Headers};

/// Stands for null in hexadecimal and base64.
pub(super) const ENCODED_NULL: &[u8] = b"-";
/// What begins and ends bytes that are not UTF-8 in `{json}`.
pub(super) const JSON_BYTES: (&[u8], &[u8]) = (br#"{"b64":""#, br#""}"#);

/// Why a format string could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// A backslash escape is wrong.
    #[error(transparent)]
    Escape(#[from] EscapeError),
    /// A `%` at the end.
    #[error("a lone % at the end; write %% for a percent sign")]
    Lone,
    /// No such token here.
    #[error("unknown token %{0}; there are {1}")]
    Token(char, &'static str),
    /// No such modifier for this token.
    #[error("%{0} takes no {{{1}}}; write \\x7b for a brace")]
    Modifier(char, String),
    /// A brace that nothing closes.
    #[error("the brace after %{0} is never closed")]
    Open(char),
    /// jiff does not take the strftime format.
    #[error("strftime[{0}]: {1}")]
    Strftime(String, String),
    /// The format prints, but cannot be read backwards.
    #[error("cannot read records by this format: {0}")]
    Backwards(String),
}

/// A parsed format string.
#[derive(Debug, Clone)]
pub struct Format {
    pub(super) tokens: Vec<Token>,
    pub(super) zone: TimeZone,
}

/// How bytes are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Hex,
    Base64,
    Json,
}

/// How a timestamp is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimeStyle {
    Milliseconds,
    Iso,
    Strftime(String),
}

/// A piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Literal(Vec<u8>),
    /// The value; that of a header inside `%h{…}`.
    Value(Encoding),
    ValueLength,
    /// The key; the name of a header inside `%h{…}`.
    Key(Encoding),
    KeyLength,
    /// `%h`
    HeaderList,
    /// `%h{…}`
    HeaderEach(Vec<Token>),
    Timestamp(TimeStyle),
    Topic,
    Partition,
    Offset,
    LeaderEpoch,
}

impl Format {
    /// Parses `text`; `zone` is what `{strftime[…]}` is local to.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, FormatError> {
        let mut rest = text;
        let tokens = parse_tokens(&mut rest, false)?;
        Ok(Self { tokens, zone })
    }

    /// Appends a record.
    pub(super) fn write(&self, output: &OutputRecord<'_>, null_marker: &[u8], out: &mut Vec<u8>) {
        let record = &output.record;
        for token in &self.tokens {
            match token {
                Token::Literal(bytes) => out.extend_from_slice(bytes),
                Token::Value(encoding) => write_bytes(out, record.value, *encoding, null_marker),
                Token::ValueLength => write_length(out, record.value),
                Token::Key(encoding) => write_bytes(out, record.key, *encoding, null_marker),
                Token::KeyLength => write_length(out, record.key),
                Token::HeaderList => write_header_list(out, record.headers, null_marker),
                Token::HeaderEach(inner) => {
                    for header in record.headers {
                        write_header(out, inner, &header, null_marker);
                    }
                }
                Token::Timestamp(style) => self.write_timestamp(out, record.timestamp, style),
                Token::Topic => out.extend_from_slice(output.topic.as_bytes()),
                Token::Partition => write_integer(out, output.partition),
                Token::Offset => write_integer(out, record.offset),
                Token::LeaderEpoch => write_integer(out, output.leader_epoch),
            }
        }
    }

    /// A record without a timestamp prints -1 as a number and nothing as a date.
    fn write_timestamp(&self, out: &mut Vec<u8>, timestamp: i64, style: &TimeStyle) {
        match style {
            TimeStyle::Milliseconds => write_integer(out, timestamp),
            _ if timestamp == NO_TIMESTAMP => {}
            TimeStyle::Iso => write_rfc3339_ms(out, timestamp),
            TimeStyle::Strftime(format) => write_strftime(out, timestamp, format, &self.zone),
        }
    }
}

fn write_header_list(out: &mut Vec<u8>, headers: Headers<'_>, null_marker: &[u8]) {
    for (index, Header { key, value }) in headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        out.push(b'=');
        out.extend_from_slice(value.unwrap_or(null_marker));
    }
}

fn write_header(out: &mut Vec<u8>, inner: &[Token], header: &Header<'_>, null_marker: &[u8]) {
    for token in inner {
        match token {
            Token::Literal(bytes) => out.extend_from_slice(bytes),
            Token::Value(encoding) => write_bytes(out, header.value, *encoding, null_marker),
            Token::ValueLength => write_length(out, header.value),
            Token::Key(encoding) => write_bytes(out, Some(header.key), *encoding, null_marker),
            Token::KeyLength => write_length(out, Some(header.key)),
            // The parser lets no other token into a header.
            _ => {}
        }
    }
}

fn write_length(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => write_integer(out, bytes.len()),
        None => out.extend_from_slice(b"-1"),
    }
}

fn write_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>, encoding: Encoding, null_marker: &[u8]) {
    match (encoding, bytes) {
        (Encoding::Plain, bytes) => out.extend_from_slice(bytes.unwrap_or(null_marker)),
        (Encoding::Json, None) => out.extend_from_slice(b"null"),
        (Encoding::Hex | Encoding::Base64, None) => out.extend_from_slice(ENCODED_NULL),
        (Encoding::Base64, Some(bytes)) => json::write_base64(out, bytes),
        (Encoding::Hex, Some(bytes)) => {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            out.extend(bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte & 15)]));
        }
        (Encoding::Json, Some(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) => json::write_string(out, text),
            Err(_) => {
                out.extend_from_slice(JSON_BYTES.0);
                json::write_base64(out, bytes);
                out.extend_from_slice(JSON_BYTES.1);
            }
        },
    }
}

/// Parses to the end, or to the brace that closes `%h{`.
fn parse_tokens(rest: &mut &str, in_header: bool) -> Result<Vec<Token>, FormatError> {
    let mut tokens = Vec::new();
    let mut literal = Vec::new();
    while let Some(next) = rest.chars().next() {
        let after = &rest[next.len_utf8()..];
        match next {
            '}' if in_header => break,
            '\\' => {
                let (byte, after) = take_escape(after)?;
                literal.push(byte);
                *rest = after;
            }
            '%' if after.starts_with('%') => {
                literal.push(b'%');
                *rest = &after[1..];
            }
            '%' => {
                push_literal(&mut tokens, &mut literal);
                *rest = after;
                tokens.push(parse_token(rest, in_header)?);
            }
            _ => {
                literal.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
                *rest = after;
            }
        }
    }
    push_literal(&mut tokens, &mut literal);
    Ok(tokens)
}

fn push_literal(tokens: &mut Vec<Token>, literal: &mut Vec<u8>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal)));
    }
}

/// Parses the letter behind a `%`, and its modifier.
fn parse_token(rest: &mut &str, in_header: bool) -> Result<Token, FormatError> {
    let letter = rest.chars().next().ok_or(FormatError::Lone)?;
    *rest = &rest[letter.len_utf8()..];
    if letter == 'h' && !in_header {
        return parse_headers(rest);
    }
    let modifier = take_modifier(rest, letter)?;
    match (letter, in_header) {
        ('s', false) | ('v', true) => Ok(Token::Value(parse_encoding(letter, modifier)?)),
        ('k', _) => Ok(Token::Key(parse_encoding(letter, modifier)?)),
        ('T', false) => Ok(Token::Timestamp(parse_time_style(modifier)?)),
        _ => {
            let token = match (letter, in_header) {
                ('S', false) | ('V', true) => Token::ValueLength,
                ('K', _) => Token::KeyLength,
                ('t', false) => Token::Topic,
                ('p', false) => Token::Partition,
                ('o', false) => Token::Offset,
                ('e', false) => Token::LeaderEpoch,
                (_, true) => return Err(FormatError::Token(letter, "%k %v %K %V %% inside %h{}")),
                (_, false) => {
                    let known = "%s %S %k %K %h %T %t %p %o %e %%";
                    return Err(FormatError::Token(letter, known));
                }
            };
            match modifier {
                Some(modifier) => Err(FormatError::Modifier(letter, modifier.to_owned())),
                None => Ok(token),
            }
        }
    }
}

fn parse_headers(rest: &mut &str) -> Result<Token, FormatError> {
    let Some(inner) = rest.strip_prefix('{') else { return Ok(Token::HeaderList) };
    *rest = inner;
    let tokens = parse_tokens(rest, true)?;
    *rest = rest.strip_prefix('}').ok_or(FormatError::Open('h'))?;
    Ok(Token::HeaderEach(tokens))
}

/// Takes `{…}` off the front; strftime's brackets may hold braces.
fn take_modifier<'a>(rest: &mut &'a str, letter: char) -> Result<Option<&'a str>, FormatError> {
    let Some(inside) = rest.strip_prefix('{') else { return Ok(None) };
    let end = match inside.starts_with("strftime[") {
        true => inside.find("]}").map(|at| at + 1),
        false => inside.find('}'),
    };
    let end = end.ok_or(FormatError::Open(letter))?;
    *rest = &inside[end + 1..];
    Ok(Some(&inside[..end]))
}

fn parse_encoding(letter: char, modifier: Option<&str>) -> Result<Encoding, FormatError> {
    match modifier {
        None => Ok(Encoding::Plain),
        Some("hex") => Ok(Encoding::Hex),
        Some("base64") => Ok(Encoding::Base64),
        Some("json") => Ok(Encoding::Json),
        Some(other) => Err(FormatError::Modifier(letter, other.to_owned())),
    }
}

fn parse_time_style(modifier: Option<&str>) -> Result<TimeStyle, FormatError> {
    let Some(modifier) = modifier else { return Ok(TimeStyle::Milliseconds) };
    if modifier == "iso" {
        return Ok(TimeStyle::Iso);
    }
    let format = modifier.strip_prefix("strftime[").and_then(|text| text.strip_suffix(']'));
    let format = format.ok_or_else(|| FormatError::Modifier('T', modifier.to_owned()))?;
    match check_strftime(format) {
        Ok(()) => Ok(TimeStyle::Strftime(format.to_owned())),
        Err(reason) => Err(FormatError::Strftime(format.to_owned(), reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn print(format: &str, key: Option<&[u8]>, value: Option<&[u8]>, marker: &str) -> String {
        let headers = [
            Header { key: b"a", value: Some(b"1") },
            Header { key: b"b", value: None },
            Header { key: b"a", value: Some(b"") },
        ];
        let timestamp = 1_700_000_000_123;
        let record = Record { offset: 7, timestamp, key, value, headers: Headers::List(&headers) };
        let output = OutputRecord { topic: "orders", partition: 2, leader_epoch: 5, record };
        let zone = TimeZone::get("Europe/Berlin").expect("a zone of the database");
        let mut out = Vec::new();
        let format = Format::parse(format, zone).expect("a format");
        format.write(&output, marker.as_bytes(), &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn tokens() {
        let (key, value) = (Some(&b"key"[..]), Some(&b"v\"\xc3\xa9"[..]));
        for (format, expected) in [
            (r"%k\t%s\n", "key\tv\"é\n"),
            ("%K:%k%S:%s", "3:key4:v\"é"),
            ("%s{hex} %s{base64} %s{json}", r#"7622c3a9 diLDqQ== "v\"é""#),
            ("%t-%p@%o e%e 100%%", "orders-2@7 e5 100%"),
            ("%T %T{iso}", "1700000000123 2023-11-14T22:13:20.123Z"),
            ("%T{strftime[%F {%H:%M}]}", "2023-11-14 {23:13}"),
            ("%h", "a=1,b=,a="),
            ("%h{ %k=%v }|", " a=1  b=  a= |"),
            (r"%h{%K:%k\x7d%v{json};}", r#"1:a}"1";1:b}null;1:a}"";"#),
            ("é}%s", "é}v\"é"),
            ("", ""),
        ] {
            assert_eq!(print(format, key, value, ""), expected, "{format}");
        }
    }

    #[test]
    fn nulls_and_bytes() {
        let format = "%K %k|%S %s|%s{hex}|%s{base64}|%s{json}";
        assert_eq!(print(format, None, None, "NULL"), "-1 NULL|-1 NULL|-|-|null");
        assert_eq!(print(format, Some(b""), Some(b""), "NULL"), r#"0 |0 |||"""#);
        assert_eq!(print("%s{json}", None, Some(b"\xff"), ""), r#"{"b64":"/w=="}"#);
        assert_eq!(print("%h", None, None, "NULL"), "a=1,b=NULL,a=");
    }

    #[test]
    fn mistakes_are_named() {
        for (format, expected) in [
            ("%", "a lone % at the end; write %% for a percent sign"),
            ("%z", "unknown token %z; there are %s %S %k %K %h %T %t %p %o %e %%"),
            ("%h{%s}", "unknown token %s; there are %k %v %K %V %% inside %h{}"),
            ("%h{%k", "the brace after %h is never closed"),
            ("%s{hex", "the brace after %s is never closed"),
            ("%s{x}", "%s takes no {x}; write \\x7b for a brace"),
            ("%p{hex}", "%p takes no {hex}; write \\x7b for a brace"),
            ("%T{json}", "%T takes no {json}; write \\x7b for a brace"),
            (r"\q", "unknown escape \\q; there are \\t \\n \\r \\0 \\\\ \\xNN"),
        ] {
            let error = Format::parse(format, TimeZone::UTC).expect_err(format);
            assert_eq!(error.to_string(), expected);
        }
        assert!(Format::parse("%T{strftime[%!]}", TimeZone::UTC).is_err());
    }
}
