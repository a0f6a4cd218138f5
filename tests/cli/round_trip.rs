//! What `consume` prints, `produce` takes: key, value, headers and timestamp come through to the byte.

use crate::support::World;
use crate::support::record::{Record, plain, to_lines};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::string::string_regex;
use proptest::test_runner::{Config, FileFailurePersistence};

/// The awkward ones, all of them met in real topics.
fn awkward() -> Vec<Record> {
    let ts = 1_700_000_000_123;
    let mut all: Vec<Record> = Vec::new();
    let texts: [Option<&[u8]>; 14] = [
        None,
        Some(b""),
        Some(b"\n"),
        Some(b"a\nb\r\n"),
        Some(b"\0"),
        Some(b"a\0b"),
        Some(b"\xff\xfe\x80"),
        Some(b"\xc3("),
        Some("é\u{1f980}\u{2028}".as_bytes()),
        Some(b"\"quoted\" \\ \x1b[31m\x7f"),
        Some(b"{\"json\": 1.50, \"a\": null}"),
        Some(b"null"),
        Some(b"-1"),
        Some(b" \t"),
    ];
    for (n, key) in texts.iter().enumerate() {
        for (m, value) in texts.iter().enumerate() {
            all.push(Record::new(ts + (n * 100 + m) as i64, *key, *value));
        }
    }
    let same = Record::new(ts, Some(b"h"), Some(b"v")).header("same", Some(b"1"));
    all.push(same.header("same", Some(b"2")).header("same", None).header("other", Some(b"")));
    all.push(Record::new(0, None, None).header("", Some(b"\xff\0\n")).header("é\n", None));
    all.push(Record::new(1, Some(b"big"), Some(&b"\x00\xff\n\r".repeat(250_000))));
    all.push(Record::new(2, Some(b"big"), Some("é\n\0x".repeat(200_000).as_bytes())));
    all.push(Record::new(3, Some(&[b'k'; 100_000]), Some(b"")));
    all
}

/// Through a chain of topics, one form after another; each must hold the same records.
fn survives(records: &[Record]) {
    let world = World::new();
    let mut from = "given";
    world.topic(from, 1, &["retention.ms=-1"]);
    world.produce(&[from, "-J"], to_lines(records));
    for (to, flag) in [("framed", "--frame"), ("enveloped", "-J"), ("framed-again", "--frame")] {
        world.topic(to, 1, &["retention.ms=-1"]);
        let out = world.runnel(["consume", from, flag]).stderr("").run().stdout;
        world.produce(&[to, flag], out);
        let got = plain(world.records(&[to]));
        assert_eq!(got.len(), records.len(), "{from} to {to} by {flag}");
        for (got, record) in got.iter().zip(records) {
            assert!(got == record, "{from} to {to} by {flag}: {got:.200?}\nis not {record:.200?}");
        }
        from = to;
    }
}

#[test]
fn awkward_records_survive() {
    survives(&awkward());
}

#[test]
fn no_record_at_all_survives() {
    survives(&[]);
}

/// The two forms agree with each other: what one prints is what the other's reader would print.
#[test]
fn the_forms_print_the_same_again() {
    let world = World::new();
    world.topic("t", 1, &["retention.ms=-1"]);
    world.topic("u", 1, &["retention.ms=-1"]);
    world.produce(&["t", "-J"], to_lines(&awkward()));
    for flag in ["-J", "--frame"] {
        let first = world.runnel(["consume", "t", flag]).run().stdout;
        assert_eq!(world.runnel(["consume", "t", flag]).run().stdout, first, "{flag}");
    }
    let framed = world.runnel(["consume", "t", "--frame"]).run().stdout;
    world.produce(&["u", "--frame"], framed.clone());
    // Frames of another topic may name that topic; what they carry is compared as -J has it.
    assert_eq!(plain(world.records(&["u"])), plain(world.records(&["t"])));
}

#[test]
fn formats_with_lengths_survive() {
    let world = World::new();
    let no_headers: Vec<Record> = awkward().into_iter().filter(|r| r.headers.is_empty()).collect();
    let formats = ["%T %K %k %S %s\\n", "%T\\t%k{hex}\\t%s{base64}\\n"];
    for (n, format) in formats.iter().enumerate() {
        let (from, to) = (format!("from-{n}"), format!("to-{n}"));
        world.topic(&from, 1, &["retention.ms=-1"]);
        world.topic(&to, 1, &["retention.ms=-1"]);
        // Only lengths tell null from empty; the coded forms are given neither.
        let plain_only = |r: &Record| {
            n == 0 || [&r.key, &r.value].iter().all(|b| b.as_ref().is_some_and(|b| !b.is_empty()))
        };
        let records: Vec<Record> = no_headers.iter().filter(|r| plain_only(r)).cloned().collect();
        world.produce(&[&from, "-J"], to_lines(&records));
        let out = world.runnel(["consume", &from, "--format", format]).stderr("").run().stdout;
        world.produce(&[&to, "--format", format], out);
        let got = plain(world.records(&[&to]));
        assert_eq!(got.len(), records.len(), "{format}");
        for (got, record) in got.iter().zip(&records) {
            assert!(got == record, "{format}: {got:.200?}\nis not {record:.200?}");
        }
    }
}

/// Texts that match; a pattern that stands as a strategy itself is parsed anew for each value.
fn text(pattern: &str) -> impl Strategy<Value = String> {
    string_regex(pattern).expect("a pattern")
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::weighted(
        0.85,
        prop_oneof![
            3 => vec(any::<u8>(), 0..40),
            3 => text("\\PC{0,20}").prop_map(String::into_bytes),
            1 => vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(0), Just(b'"'), Just(b'\\')], 0..6),
            1 => vec(any::<u8>(), 200..3000),
        ],
    )
}

fn any_record() -> impl Strategy<Value = Record> {
    let header = (text("(\\PC|[\\n\\x00]){0,6}"), bytes());
    (0..1_750_000_000_000i64, bytes(), bytes(), vec(header, 0..4))
        .prop_map(|(ts, key, value, headers)| Record { ts, key, value, headers })
}

/// Few by default; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    // Each case is a dozen processes, so there are few, each of many records.
    #![proptest_config(Config {
        cases: cases(),
        max_shrink_iters: 60,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn any_records_survive(records in vec(any_record(), 0..400)) {
        survives(&records);
    }
}
