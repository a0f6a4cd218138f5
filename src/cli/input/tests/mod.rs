//! Tests of the readers: tables of cases here, laws that hold for any bytes in [`laws`].

#![allow(clippy::panic)]

mod laws;

use std::io::{self, Read};

use jiff::tz::TimeZone;

use super::*;
use crate::record::Header;

/// A record that owns its bytes.
#[derive(Debug, Clone, PartialEq, Default)]
struct Owned {
    number: u64,
    timestamp: Option<i64>,
    partition: Option<i32>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What came out of a reader, without its `Idle`s.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Record(Owned),
    Bad(u64, String),
    End(bool),
}

/// Hands out bytes in pieces of the given sizes, over and over.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: &'a [usize],
    turn: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()].max(1);
        self.turn += 1;
        let size = size.min(into.len());
        self.bytes.read(&mut into[..size])
    }
}

impl Source for Pieces<'_> {
    fn ready(&mut self) -> bool {
        self.turn.is_multiple_of(2)
    }
}

fn options() -> InputOptions {
    InputOptions { empty_is_null: false, null_marker: None, max_bytes: 8 << 20 }
}

fn lines() -> Input {
    Input::Delimited { delimiter: b"\n".to_vec(), key_delimiter: None }
}

fn format(text: &str) -> Input {
    Input::Format(Format::parse(text, TimeZone::UTC).expect("a format"))
}

/// Reads all there is, in pieces of these sizes.
fn read(bytes: &[u8], sizes: &[usize], input: Input, options: InputOptions) -> Vec<Seen> {
    let source = Pieces { bytes, sizes, turn: 0 };
    let mut reader = InputReader::new(source, input, options).expect("a format to read by");
    let mut seen = Vec::new();
    let mut was_idle = false;
    loop {
        let step = reader.step().expect("a source without errors");
        let is_idle = step == Step::Idle;
        assert!(!(is_idle && was_idle), "idle twice");
        was_idle = is_idle;
        match step {
            Step::Record(record) => seen.push(Seen::Record(own(&record))),
            Step::Bad { number, reason } => seen.push(Seen::Bad(number, reason)),
            Step::Idle => {}
            Step::End { broken } => {
                seen.push(Seen::End(broken));
                return seen;
            }
        }
    }
}

fn own(record: &InputRecord<'_>) -> Owned {
    let vec = |bytes: &[u8]| bytes.to_vec();
    let headers: Vec<_> =
        record.headers.iter().map(|Header { key, value }| (vec(key), value.map(vec))).collect();
    assert_eq!(headers.len(), record.headers.len());
    let &InputRecord { number, timestamp, partition, .. } = record;
    let (key, value) = (record.key.map(vec), record.value.map(vec));
    Owned { number, timestamp, partition, key, value, headers }
}

/// Keys and values of all records; `None` in place of a bad one; panics on a broken end.
type Pairs = Vec<Option<(Option<String>, Option<String>)>>;

fn pairs(bytes: &[u8], input: Input, options: InputOptions) -> Pairs {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut seen = read(bytes, &[3, 1, 7], input, options);
    assert_eq!(seen.pop(), Some(Seen::End(false)), "{seen:?}");
    seen.into_iter()
        .map(|seen| match seen {
            Seen::Record(record) => Some((record.key.map(text), record.value.map(text))),
            _ => None,
        })
        .collect()
}

fn expect(list: &[Option<(Option<&str>, Option<&str>)>]) -> Pairs {
    let own = |text: Option<&str>| text.map(str::to_owned);
    list.iter().map(|pair| pair.map(|(key, value)| (own(key), own(value)))).collect()
}

#[test]
fn delimited_values() {
    for (delimiter, input, expected) in [
        ("\n", "", &[][..]),
        ("\n", "a\nb\n", &["a", "b"]),
        ("\n", "a\r\n\nlast", &["a\r", "", "last"]),
        ("\0", "a\nb\0c", &["a\nb", "c"]),
        ("\r\n", "a\r\nb\rc\nd\r", &["a", "b\rc\nd\r"]),
        ("aab", "xaaaabyaabaa", &["xaa", "y", "aa"]),
    ] {
        let form = Input::Delimited { delimiter: delimiter.into(), key_delimiter: None };
        let expected: Vec<_> = expected.iter().map(|&text| Some((None, Some(text)))).collect();
        assert_eq!(pairs(input.as_bytes(), form, options()), expect(&expected), "{input:?}");
    }
}

#[test]
fn keys_nulls_and_markers() {
    let form = || Input::Delimited { delimiter: b"\n".to_vec(), key_delimiter: Some(b"::".into()) };
    let input = b"k::v::w\nplain\n::v\nk::\n\nN::N\n";
    assert_eq!(
        pairs(input, form(), options()),
        expect(&[
            Some((Some("k"), Some("v::w"))),
            Some((None, Some("plain"))),
            Some((Some(""), Some("v"))),
            Some((Some("k"), Some(""))),
            Some((None, Some(""))),
            Some((Some("N"), Some("N"))),
        ])
    );
    let marked = InputOptions { empty_is_null: true, null_marker: Some(b"N".into()), ..options() };
    assert_eq!(
        pairs(input, form(), marked),
        expect(&[
            Some((Some("k"), Some("v::w"))),
            Some((None, Some("plain"))),
            Some((None, Some("v"))),
            Some((Some("k"), None)),
            Some((None, None)),
            Some((None, None)),
        ])
    );
}

#[test]
fn long_lines_are_skipped_and_numbered() {
    let small = InputOptions { max_bytes: 4, ..options() };
    let long = "x".repeat(1 << 20);
    let input = format!("abcd\nabcde\nok\n{long}\nend\n{long}");
    let seen = read(input.as_bytes(), &[1 << 16], lines(), small.clone());
    let record = |number, value: &str| {
        Seen::Record(Owned { number, value: Some(value.into()), ..Owned::default() })
    };
    let bad = |number| Seen::Bad(number, "larger than 4 bytes".into());
    let expected = [record(1, "abcd"), bad(2), record(3, "ok"), bad(4), record(5, "end"), bad(6)];
    assert_eq!(seen, [&expected[..], &[Seen::End(false)]].concat());

    let source = Pieces { bytes: input.as_bytes(), sizes: &[1 << 16], turn: 0 };
    let mut reader = InputReader::new(source, lines(), small).expect("lines");
    while !matches!(reader.step(), Ok(Step::End { .. })) {}
    assert!(reader.buffer.capacity() <= 512 << 10, "a skipped line is not held");
}

#[test]
fn idle_is_told_before_a_read_that_may_wait() {
    let source = Pieces { bytes: b"a\nb\nc", sizes: &[3], turn: 0 };
    let mut reader = InputReader::new(source, lines(), options()).expect("lines");
    let mut steps = Vec::new();
    loop {
        let step = reader.step().expect("no error");
        steps.push(match step {
            Step::Record(_) => 'r',
            Step::Idle => 'i',
            Step::Bad { .. } => 'b',
            Step::End { .. } => break,
        });
    }
    assert_eq!(steps, ['r', 'i', 'r', 'r']);
}

#[test]
fn envelopes() {
    let input = concat!(
        r#"{"topic":"t","partition":3,"offset":1,"ts":-1,"time":null,"key":"k","value":"v","#,
        r#""headers":[{"key":"h","value":"a\n\u00e9"},{"key_b64":"/w==","value_b64":"AA=="},"#,
        r#"{"key":"h"}],"more":[{}]}"#,
        "\n \r\n{}\n",
        r#"{"key":{"a": [1, 2.50e1]},"value": 1.0 ,"ts":1.7e12,"headers":null,"partition":null}"#,
        "\r\n",
        r#"{"key_b64":null,"value":null,"ts":null}"#,
    );
    let seen = read(input.as_bytes(), &[5], Input::Envelope, options());
    let full = Owned {
        number: 1,
        timestamp: Some(-1),
        partition: Some(3),
        key: Some(b"k".to_vec()),
        value: Some(b"v".to_vec()),
        headers: vec![
            (b"h".to_vec(), Some("a\né".into())),
            (b"\xff".to_vec(), Some(b"\0".to_vec())),
            (b"h".to_vec(), None),
        ],
    };
    let compact = Owned {
        number: 4,
        timestamp: Some(1_700_000_000_000),
        key: Some(br#"{"a":[1,2.50e1]}"#.to_vec()),
        value: Some(b"1.0".to_vec()),
        ..Owned::default()
    };
    assert_eq!(
        seen,
        [
            Seen::Record(full),
            Seen::Record(Owned { number: 3, ..Owned::default() }),
            Seen::Record(compact),
            Seen::Record(Owned { number: 5, ..Owned::default() }),
            Seen::End(false)
        ]
    );
}

#[test]
fn broken_envelopes_are_named_and_passed_over() {
    for (line, expected) in [
        ("{", "EOF while parsing an object at column 1"),
        ("[]", "invalid type: sequence, expected a JSON object at column 0"),
        (r#"{"key":"a"} x"#, "trailing characters at column 13"),
        (r#"{"value":"a","value_b64":"YQ=="}"#, "both value and value_b64"),
        (r#"{"value":null,"value_b64":"YQ=="}"#, "both value and value_b64"),
        (r#"{"value_b64":"?"}"#, "value_b64 is no base64"),
        (r#"{"value_b64":1}"#, "value_b64 is no base64"),
        (r#"{"value":1,"value":2}"#, "duplicate field `value` at column 21"),
        (r#"{"value":"\ud800"}"#, "value holds half a surrogate pair"),
        (r#"{"ts":"now"}"#, "ts is no integer"),
        (r#"{"ts":1.5}"#, "ts is no integer"),
        (r#"{"partition":3000000000}"#, "partition is out of range"),
        (r#"{"headers":{}}"#, "headers: invalid type: map, expected a list of headers"),
        (r#"{"headers":[{"value":"x"}]}"#, "headers: a header without a key"),
        (r#"{"headers":[{"key":1}]}"#, "headers: the key of a header is no string"),
    ] {
        let seen = read(format!("{line}\n{{}}\n").as_bytes(), &[9], Input::Envelope, options());
        let [Seen::Bad(1, reason), Seen::Record(next), Seen::End(false)] = &seen[..] else {
            panic!("{line}: {seen:?}");
        };
        assert!(reason.starts_with(expected), "{line}: {reason}");
        assert_eq!(next.number, 2);
    }
    let seen = read(b"\"\xff\"\n", &[9], Input::Envelope, options());
    assert_eq!(seen[0], Seen::Bad(1, "the line is not UTF-8".into()));
}

#[test]
fn formats_read_backwards() {
    for (text, input, expected) in [
        (
            r"%k:%s\n",
            "a:b:c\n:\nx:y",
            &[
                Some((Some("a"), Some("b:c"))),
                Some((Some(""), Some(""))),
                Some((Some("x"), Some("y"))),
            ][..],
        ),
        (r"%k:%s\n", "none\na:b\n", &[None, Some((Some("a"), Some("b")))]),
        (
            r"%k\n%s\n",
            "a\nb\nc\nd\n",
            &[Some((Some("a"), Some("b"))), Some((Some("c"), Some("d")))],
        ),
        (
            "%K %S:%k%s",
            "1 3:a\n:\n-1 -1:0 0:",
            &[Some((Some("a"), Some("\n:\n"))), Some((None, None)), Some((Some(""), Some("")))],
        ),
        (r"%t-%p@%o|%e %s\n", "t-1@7|-1 v\n", &[Some((None, Some("v")))]),
        (
            r"%k{hex} %s{base64}\n",
            "6B0a YQ==\n- -\n\n",
            &[Some((Some("k\n"), Some("a"))), Some((None, None)), None],
        ),
        (
            r"%k{json} %s{json};",
            r#""a ;" {"x": 1};null  12;"\u00e9" {"b64":"YQ=="};"#,
            &[
                Some((Some("a ;"), Some(r#"{"x":1}"#))),
                Some((None, Some("12"))),
                Some((Some("é"), Some("a"))),
            ],
        ),
        (r"%S %s{hex}\n", "1 61\n-1 -\n", &[Some((None, Some("a"))), Some((None, None))]),
        (r"<%s>\n", "<a>\nb>\n<c", &[Some((None, Some("a"))), None, Some((None, Some("c")))]),
    ] {
        assert_eq!(pairs(input.as_bytes(), format(text), options()), expect(expected), "{text}");
    }
}

#[test]
fn times_and_headers_of_formats() {
    let header = |name: &str, value: &str| (name.into(), Some(value.into()));
    for (text, input, timestamp, headers) in [
        (r"%T %s\n", "-5 v\n", Some(-5), vec![]),
        (r"%T{iso}:%s\n", "2023-11-14T22:13:20.123Z:v\n", Some(1_700_000_000_123), vec![]),
        (r"%T{iso}:%s\n", ":v\n", None, vec![]),
        (r"%T{strftime[%F %T]} %s\n", "2023-11-14 22:13:20 v\n", Some(1_700_000_000_000), vec![]),
        (r"%h|%s\n", "a=1,b==|v\n", None, vec![header("a", "1"), header("b", "=")]),
        (r"%h|%s\n", "|v\n", None, vec![]),
        (r"%h{ %k=%v;}|%s\n", " a=1; a=2;|v\n", None, vec![header("a", "1"), header("a", "2")]),
        (r"%h{ %k=%v;}|%s\n", "|v\n", None, vec![]),
        (r"%h{%K:%k%V:%v}|%s\n", "1:|2:||0:0:|v\n", None, vec![header("|", "||"), header("", "")]),
    ] {
        let seen = read(input.as_bytes(), &[2, 5], format(text), options());
        let value = Some(b"v".to_vec());
        let record = Owned { number: 1, timestamp, value, headers, ..Owned::default() };
        assert_eq!(seen, [Seen::Record(record), Seen::End(false)], "{text} {input:?}");
    }
    let bad = read(b"noon v\nnow\n", &[4], format(r"%T{iso} %s\n"), options());
    assert_eq!(bad.len(), 3, "{bad:?}");
}

#[test]
fn formats_that_cannot_be_read_are_refused() {
    for text in [
        "",
        "literal",
        "%s",
        r"%k%s\n",
        "%k %s",
        r"%S%s\n",
        r"%s%S\n",
        r"%T%s\n",
        r"%t%p\n",
        r"%s\n%o",
        r"%o0%s\n",
        r"%s %s\n",
        r"%k %h",
        r"%h{%k=%v}\n",
        r"%h{%k=%v;}%s\n",
        r"%h{ %k=%v;} %s\n",
        r"%h{x;}\n",
        r"%h{}\n",
        r"%k{json}%s\n",
        r"%p %p\n",
        r"%S %s %s\n",
    ] {
        let format = format(text);
        let source = AlwaysReady(&b""[..]);
        let result = InputReader::new(source, format, options());
        assert!(matches!(result, Err(FormatError::Backwards(_))), "{text}");
    }
}

#[test]
fn broken_measures_end_the_input() {
    let bad = |seen: Vec<Seen>| {
        let [.., Seen::Bad(number, reason), Seen::End(true)] = &seen[..] else {
            panic!("{seen:?}");
        };
        (*number, reason.clone())
    };
    let lengths = || format("%S %s");
    assert_eq!(bad(read(b"1 ax b", &[1], lengths(), options())).0, 2);
    assert_eq!(
        bad(read(b"5 ab", &[1], lengths(), options())),
        (1, "the input ends within a record".into())
    );
    assert_eq!(bad(read(b"-2 ab", &[1], lengths(), options())), (1, "a length of -2".into()));
    let frames = |bytes: &[u8]| bad(read(bytes, &[3], Input::Frame, options()));
    assert_eq!(frames(b"\0\0"), (1, "the input ends within a frame".into()));
    assert_eq!(frames(b"some text"), (1, "no frame: version 32 where 1 is due".into()));
    assert_eq!(frames(b"\0\0\0\x01\x01"), (1, "the frame is too short".into()));
}

#[test]
fn large_measured_values_are_skipped_by_their_length() {
    let small = InputOptions { max_bytes: 100, ..options() };
    let input = format!("9999 {}\n2 ok\n", "x\n".repeat(9999 / 2) + "y");
    let seen = read(input.as_bytes(), &[64, 1], format(r"%S %s\n"), small);
    let [Seen::Bad(1, _), Seen::Record(record), Seen::End(false)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(record.value.as_deref(), Some(&b"ok"[..]));
}
