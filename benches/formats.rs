//! How fast records are written and read in each form. Run with `cargo bench --bench formats`.
#![allow(missing_docs, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use jiff::tz::TimeZone;
use runnel::cli::format::Format;
use runnel::cli::input::{AlwaysReady, Input, InputOptions, InputReader, Step};
use runnel::cli::output::{Formatter, Output, OutputRecord};
use runnel::record::{Headers, Record};

/// Records in one round; their output stays in the second-level cache's reach as a flush would.
const RECORDS: usize = 4096;
/// Rounds of one measurement.
const ROUNDS: usize = 1000;

fn main() {
    let short = br#"{"id":12345,"name":"a name"}"#;
    let long = br#"{"id":1,"text":"some words that go on"}"#.repeat(26);
    println!("{:<28}{:>14}{:>14}{:>10}", "form", "write rec/s", "read rec/s", "MB/s read");
    for (size, value) in [("28 B", &short[..]), ("1 kB", &long[..])] {
        for (name, output, input) in forms() {
            measure(&format!("{name}, {size}"), output, input, value);
        }
    }
}

fn forms() -> Vec<(&'static str, Output, Input)> {
    let lines = |key_delimiter: Option<Vec<u8>>| {
        let delimiter = b"\n".to_vec();
        (
            Output::Delimited {
                delimiter: delimiter.clone(),
                key_delimiter: key_delimiter.clone(),
            },
            Input::Delimited { delimiter, key_delimiter },
        )
    };
    let format = |text: &str| Format::parse(text, TimeZone::UTC).expect("a format");
    let (plain, keyed) = (lines(None), lines(Some(b"\t".to_vec())));
    let measured = format("%K %S %k%s");
    vec![
        ("lines", plain.0, plain.1),
        ("lines with -K", keyed.0, keyed.1),
        ("-J", Output::Envelope { json_values: false }, Input::Envelope),
        ("--frame", Output::Frame, Input::Frame),
        ("--format lengths", Output::Format(measured.clone()), Input::Format(measured)),
    ]
}

fn measure(name: &str, output: Output, input: Input, value: &[u8]) {
    let formatter = Formatter::new(output, None);
    let (key, timestamp) = (Some(&b"key-1"[..]), 1_700_000_000_123);
    let record = Record { offset: 7, timestamp, key, value: Some(value), headers: Headers::NONE };
    let record = OutputRecord { topic: "orders", partition: 0, leader_epoch: 0, record };
    let rounds = if value.len() > 100 { ROUNDS / 10 } else { ROUNDS };
    let mut out = Vec::new();
    let started = Instant::now();
    for _ in 0..rounds {
        out.clear();
        for _ in 0..RECORDS {
            formatter.write(black_box(&record), &mut out);
        }
        black_box(&out);
    }
    let written = started.elapsed();
    let started = Instant::now();
    for _ in 0..rounds {
        read(&out, input.clone());
    }
    let read = started.elapsed();
    let records = (RECORDS * rounds) as f64;
    let bytes = (out.len() * rounds) as f64;
    println!(
        "{name:<28}{:>14.0}{:>14.0}{:>10.0}",
        records / written.as_secs_f64(),
        records / read.as_secs_f64(),
        bytes / read.as_secs_f64() / 1e6
    );
}

fn read(bytes: &[u8], input: Input) {
    let options = InputOptions { empty_is_null: false, null_marker: None, max_bytes: 1 << 20 };
    let mut reader = InputReader::new(AlwaysReady(bytes), input, options).expect("a format");
    let mut count = 0;
    loop {
        match reader.step().expect("no error") {
            Step::Record(record) => {
                black_box(record);
                count += 1;
            }
            Step::End { broken: false } => break,
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(count, RECORDS);
}
