//! Records as `consume` prints them. One record is one self-contained item; nothing is allocated
//! for a record beyond what the output buffer grows by.
//!
//! Invariant: what [`Output::Envelope`] (without `json_values`) and [`Output::Frame`] write,
//! [`super::input`] reads back to the byte.

use super::format::Format;
use super::timestamp::write_rfc3339_ms;
use super::{frame, json};
use crate::record::{Header, Headers, Record};

/// The timestamp of a record that has none.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// A record, and where it was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputRecord<'a> {
    /// Name of its topic; empty for a record that is in none.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Leader epoch of its batch; -1 where there is none.
    pub leader_epoch: i32,
    /// The record itself.
    pub record: Record<'a>,
}

/// The forms a record can be printed in.
#[derive(Debug, Clone)]
pub enum Output {
    /// The value and `delimiter`, before them the key and `key_delimiter` where that is given.
    /// `--raw` is the empty delimiter.
    Delimited {
        /// Ends each record; `\n` by default.
        delimiter: Vec<u8>,
        /// `-K`: parts key and value; without, no key is printed.
        key_delimiter: Option<Vec<u8>>,
    },
    /// `-J`: a JSON object a line.
    Envelope {
        /// `--json-value`: values that are JSON objects, arrays, numbers or booleans stand as such.
        json_values: bool,
    },
    /// `--frame`.
    Frame,
    /// `--format`.
    Format(Format),
}

/// Writes records in one form.
#[derive(Debug, Clone)]
pub struct Formatter {
    output: Output,
    null_marker: Vec<u8>,
}

impl Formatter {
    /// `null_marker` stands for null in delimited output and for plain tokens of a format.
    #[must_use]
    pub fn new(output: Output, null_marker: Option<Vec<u8>>) -> Self {
        Self { output, null_marker: null_marker.unwrap_or_default() }
    }

    /// Appends one record.
    #[inline(always)]
    pub fn write(&self, output: &OutputRecord<'_>, out: &mut Vec<u8>) {
        match &self.output {
            Output::Delimited { delimiter, key_delimiter } => {
                if let Some(key_delimiter) = key_delimiter {
                    out.extend_from_slice(output.record.key.unwrap_or(&self.null_marker));
                    out.extend_from_slice(key_delimiter);
                }
                out.extend_from_slice(output.record.value.unwrap_or(&self.null_marker));
                match delimiter[..] {
                    [byte] => out.push(byte),
                    _ => out.extend_from_slice(delimiter),
                }
            }
            _ => self.write_whole(*output, out),
        }
    }

    /// Appends one record in a form that takes more of it than key and value. It comes as a copy,
    /// so that where those are enough it need not be put together.
    #[inline(never)]
    fn write_whole(&self, output: OutputRecord<'_>, out: &mut Vec<u8>) {
        match &self.output {
            Output::Delimited { .. } => {}
            Output::Envelope { json_values } => write_envelope(out, &output, *json_values),
            Output::Frame => frame::write(out, &output),
            Output::Format(format) => format.write(&output, &self.null_marker, out),
        }
    }
}

/// Appends the envelope of a record and a newline.
fn write_envelope(out: &mut Vec<u8>, output: &OutputRecord<'_>, json_values: bool) {
    let record = &output.record;
    out.push(b'{');
    if !output.topic.is_empty() {
        out.extend_from_slice(br#""topic":"#);
        json::write_string(out, output.topic);
        out.extend_from_slice(br#","partition":"#);
        write_integer(out, output.partition);
        out.extend_from_slice(br#","offset":"#);
        write_integer(out, record.offset);
        out.push(b',');
    }
    out.extend_from_slice(br#""ts":"#);
    write_integer(out, record.timestamp);
    if record.timestamp == NO_TIMESTAMP {
        out.extend_from_slice(br#","time":null,"#);
    } else {
        out.extend_from_slice(br#","time":""#);
        write_rfc3339_ms(out, record.timestamp);
        out.extend_from_slice(br#"","#);
    }
    write_field(out, "key", record.key);
    out.push(b',');
    match record.value {
        Some(value) if json_values => write_value_field(out, value),
        value => write_field(out, "value", value),
    }
    out.extend_from_slice(br#","headers":["#);
    write_headers(out, record.headers);
    out.extend_from_slice(b"]}\n");
}

pub(super) fn write_headers(out: &mut Vec<u8>, headers: Headers<'_>) {
    for (index, Header { key, value }) in headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        write_field(out, "key", Some(key));
        out.push(b',');
        write_field(out, "value", value);
        out.push(b'}');
    }
}

/// Appends `"name":"text"`, `"name":null` or, for what is not UTF-8, `"name_b64":"…"`.
pub(super) fn write_field(out: &mut Vec<u8>, name: &str, bytes: Option<&[u8]>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    match bytes.map(std::str::from_utf8) {
        None => out.extend_from_slice(br#"":null"#),
        Some(Ok(text)) => {
            out.extend_from_slice(br#"":"#);
            json::write_string(out, text);
        }
        Some(Err(_)) => {
            out.extend_from_slice(br#"_b64":""#);
            json::write_base64(out, bytes.unwrap_or_default());
            out.push(b'"');
        }
    }
}

/// Appends a value that is a JSON object, array, number or boolean as such, any other as [`write_field`] does.
pub(super) fn write_value_field(out: &mut Vec<u8>, value: &[u8]) {
    if is_structured(value) {
        out.extend_from_slice(br#""value":"#);
        json::write_compact(out, value);
    } else {
        write_field(out, "value", Some(value));
    }
}

/// Whether a value is a JSON object, array, number or boolean.
fn is_structured(value: &[u8]) -> bool {
    let first = value.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f')) {
        return false;
    }
    std::str::from_utf8(value)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

/// Appends a decimal integer.
#[inline]
pub(super) fn write_integer<I: itoa::Integer>(out: &mut Vec<u8>, integer: I) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> OutputRecord<'a> {
        let timestamp = 1_700_000_000_123;
        let record = Record { offset: 7, timestamp, key, value, headers: Headers::NONE };
        OutputRecord { topic: "orders", partition: 2, leader_epoch: 5, record }
    }

    fn print(output: Output, marker: Option<&[u8]>, record: &OutputRecord<'_>) -> String {
        let mut out = Vec::new();
        Formatter::new(output, marker.map(<[u8]>::to_vec)).write(record, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn delimited() {
        let (both, bare) = (record(Some(b"k"), Some(b"v")), record(None, None));
        for (key_delimiter, delimiter, marker, expected) in [
            (None, &b"\n"[..], None, ["v\n", "\n"]),
            (None, b"\0", None, ["v\0", "\0"]),
            (None, b"", Some(&b"NULL"[..]), ["v", "NULL"]),
            (Some(&b"\t"[..]), b"\n", None, ["k\tv\n", "\t\n"]),
            (Some(b"::"), b"\r\n", Some(b"-"), ["k::v\r\n", "-::-\r\n"]),
        ] {
            for (record, expected) in [&both, &bare].into_iter().zip(expected) {
                let output = Output::Delimited {
                    delimiter: delimiter.to_vec(),
                    key_delimiter: key_delimiter.map(<[u8]>::to_vec),
                };
                assert_eq!(print(output, marker, record), expected);
            }
        }
    }

    #[test]
    fn envelope() {
        let mut full = record(Some(b"k\"1"), Some(b"\xff"));
        let headers = [
            Header { key: b"h", value: Some(b"\xfe") },
            Header { key: b"\xfd", value: None },
            Header { key: b"h", value: Some(b"") },
        ];
        full.record.headers = Headers::List(&headers);
        let output = Output::Envelope { json_values: false };
        assert_eq!(
            print(output.clone(), None, &full),
            concat!(
                r#"{"topic":"orders","partition":2,"offset":7,"ts":1700000000123,"#,
                r#""time":"2023-11-14T22:13:20.123Z","key":"k\"1","value_b64":"/w==","#,
                r#""headers":[{"key":"h","value_b64":"/g=="},{"key_b64":"/Q==","value":null},"#,
                r#"{"key":"h","value":""}]}"#,
                "\n"
            )
        );
        let mut bare = record(None, None);
        bare.record.timestamp = NO_TIMESTAMP;
        assert_eq!(
            print(output, None, &bare),
            concat!(
                r#"{"topic":"orders","partition":2,"offset":7,"ts":-1,"time":null,"#,
                r#""key":null,"value":null,"headers":[]}"#,
                "\n"
            )
        );
        let nowhere = OutputRecord { topic: "", ..bare };
        assert_eq!(
            print(Output::Envelope { json_values: false }, None, &nowhere),
            "{\"ts\":-1,\"time\":null,\"key\":null,\"value\":null,\"headers\":[]}\n"
        );
    }

    #[test]
    fn json_values() {
        for (value, expected) in [
            (&b" {\"a\" :\n1}"[..], r#""value":{"a":1},"#),
            (b"[1.50, 2]", r#""value":[1.50,2],"#),
            (b"-0.0e1", r#""value":-0.0e1,"#),
            (b"true", r#""value":true,"#),
            (b"null", r#""value":"null","#),
            (b"\"s\"", r#""value":"\"s\"","#),
            (b"{", r#""value":"{","#),
            (b"1 2", r#""value":"1 2","#),
            (b"007", r#""value":"007","#),
            (b"[\"\xff\"]", r#""value_b64":"WyL/Il0=","#),
        ] {
            let output = Output::Envelope { json_values: true };
            let text = print(output, None, &record(None, Some(value)));
            assert!(text.contains(expected), "{text}");
        }
    }
}
