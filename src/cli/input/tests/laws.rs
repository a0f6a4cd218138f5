//! Laws: what is written is read back to the byte, in pieces of any size; no bytes make a reader
//! panic; pieces make no difference.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::string::string_regex;

use super::*;
use crate::cli::output::{Formatter, Output, OutputRecord};
use crate::record::Record;

/// Formats that keep key and value whatever they hold, and which of headers and time they keep.
const LOSSLESS: [(&str, bool, bool); 8] = [
    ("%K %k%S %s", false, false),
    (r"%K %S %T\t%k%s", false, true),
    (r"%T %k{json} %s{json}\n", false, true),
    (r"%k{hex},%s{hex}\n", false, false),
    (r"%k{base64}\t%s{base64}\n", false, false),
    (r"%K %k{hex}%S %s{base64}", false, false),
    (r"%h{%K %k%V %v};%K %k%S %s%%", true, false),
    (r"%h{%k{hex}=%v{json}\x7d}\n%k{json}\0%s{json}\0", true, false),
];

/// Forms that arbitrary bytes are read in.
fn forms() -> Vec<Input> {
    let delimited = |delimiter: &[u8], key: Option<&[u8]>| Input::Delimited {
        delimiter: delimiter.to_vec(),
        key_delimiter: key.map(<[u8]>::to_vec),
    };
    let mut forms = vec![
        delimited(b"\n", None),
        delimited(b"ab", Some(b"{")),
        Input::Envelope,
        Input::Frame,
        format(r"%p-%t:%T{iso} %k|%s\n"),
        format(r"%h %s{json}\n"),
        format(r"%k\n%s\n"),
    ];
    forms.extend(LOSSLESS.iter().map(|(text, ..)| format(text)));
    forms
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = "[ -~\n\t\"\\\\é😀\u{0}{}]{0,12}";
    prop_oneof![
        vec(any::<u8>(), 0..20),
        string_regex(text).expect("a pattern").prop_map(String::into_bytes),
        Just(br#"{"b64":"YQ=="}"#.to_vec()),
        Just(b"null".to_vec()),
        Just(b"-".to_vec()),
    ]
}

fn record() -> impl Strategy<Value = Owned> {
    let timestamp = prop_oneof![Just(-1), 0..4_000_000_000_000_i64, (i64::MIN + 1)..=i64::MAX];
    let headers = vec((bytes(), option::of(bytes())), 0..4);
    (timestamp, 0..100_i32, option::of(bytes()), option::of(bytes()), headers).prop_map(
        |(timestamp, partition, key, value, headers)| Owned {
            number: 0,
            timestamp: Some(timestamp),
            partition: Some(partition),
            key,
            value,
            headers,
        },
    )
}

fn write(records: &[Owned], output: Output) -> Vec<u8> {
    let formatter = Formatter::new(output, Some(b"NULL".to_vec()));
    let mut out = Vec::new();
    for owned in records {
        let headers: Vec<_> = owned
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        let record = Record {
            offset: 0,
            timestamp: owned.timestamp.unwrap_or(-1),
            key: owned.key.as_deref(),
            value: owned.value.as_deref(),
            headers: Headers::List(&headers),
        };
        let partition = owned.partition.unwrap_or(0);
        let topic = "orders";
        formatter.write(&OutputRecord { topic, partition, leader_epoch: 0, record }, &mut out);
    }
    out
}

/// The records as a reader should see them.
fn numbered(records: &[Owned], keep: impl Fn(&Owned) -> Owned) -> Vec<Seen> {
    let mut number = 0;
    let mut seen: Vec<_> = records
        .iter()
        .map(|record| {
            number += 1;
            Seen::Record(Owned { number, ..keep(record) })
        })
        .collect();
    seen.push(Seen::End(false));
    seen
}

fn check_round_trips(records: &[Owned], sizes: &[usize]) {
    for (output, input) in
        [(Output::Envelope { json_values: false }, Input::Envelope), (Output::Frame, Input::Frame)]
    {
        let written = write(records, output);
        assert_eq!(read(&written, sizes, input, options()), numbered(records, Clone::clone));
    }
    for (text, headers, time) in LOSSLESS {
        let Input::Format(parsed) = format(text) else { continue };
        let written = write(records, Output::Format(parsed));
        let marked = InputOptions { null_marker: Some(b"NULL".to_vec()), ..options() };
        let keep = |record: &Owned| Owned {
            timestamp: record.timestamp.filter(|_| time),
            partition: None,
            headers: if headers { record.headers.clone() } else { Vec::new() },
            ..record.clone()
        };
        let seen = read(&written, sizes, format(text), marked);
        assert_eq!(seen, numbered(records, keep), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_is_read(
        records in vec(record(), 0..6),
        sizes in vec(1_usize..40, 1..6),
    ) {
        check_round_trips(&records, &sizes);
    }

    #[test]
    fn any_bytes_are_read_without_panic_and_alike_in_any_pieces(
        noise in prop_oneof![
            vec(any::<u8>(), 0..200),
            string_regex("[-0-9 :|\"{}a\\\\=,;\n\t%]{0,120}")
                .expect("a pattern")
                .prop_map(String::into_bytes),
        ],
        sizes in vec(1_usize..20, 1..6),
        max_bytes in prop_oneof![Just(3_usize), Just(30), Just(1000)],
    ) {
        for form in forms() {
            let options = InputOptions { max_bytes, ..options() };
            let whole = read(&noise, &[1000], form.clone(), options.clone());
            let pieces = read(&noise, &sizes, form.clone(), options);
            prop_assert_eq!(whole, pieces, "{:?}", form);
        }
    }

    #[test]
    fn damaged_output_is_read_without_panic(
        records in vec(record(), 1..4),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for (output, input) in [
            (Output::Envelope { json_values: false }, Input::Envelope),
            (Output::Frame, Input::Frame),
        ] {
            let mut written = write(&records, output);
            let at = at.index(written.len());
            written[at] = byte;
            read(&written, &[17], input.clone(), options());
            read(&written[..at], &[17], input, options());
        }
    }
}

#[test]
fn megabyte_values_are_read_in_pieces_of_a_pipe() {
    let noise: Vec<u8> =
        (0..1_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let text: Vec<u8> = noise.iter().map(|byte| byte & 0x7f).collect();
    let records: Vec<_> = [noise, text]
        .into_iter()
        .map(|value| Owned {
            timestamp: Some(7),
            partition: Some(0),
            key: Some(b"k".to_vec()),
            value: Some(value),
            headers: vec![(b"h".to_vec(), None)],
            ..Owned::default()
        })
        .collect();
    check_round_trips(&records, &[65_536, 4096, 1]);
}

/// Pieces may part a number after its sign, point or exponent.
#[test]
fn a_number_in_pieces_is_a_number() {
    let form = format("%h %s{json}\\n");
    for (noise, max_bytes) in [
        (" -0", 3),
        (" -1.5e+3\n", 1000),
        (" 1e\n", 1000),
        (" -", 3),
        (" \n-1e", 30),
        (" %000000-", 7),
        (" e", 3),
    ] {
        let options = InputOptions { max_bytes, ..options() };
        let whole = read(noise.as_bytes(), &[1000], form.clone(), options.clone());
        for sizes in [&[1][..], &[2], &[3, 1]] {
            let pieces = read(noise.as_bytes(), sizes, form.clone(), options.clone());
            assert_eq!(whole, pieces, "{noise:?} in pieces of {sizes:?}");
        }
    }
}
