//! The records that every client sends with every codec, and what some clients can't say.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::record::Record;

/// All shapes of a record: null and empty keys and values, bytes that are no text, headers that repeat, are null or
/// empty, times that fall, and 900 kB.
pub(crate) fn whole() -> Vec<Record> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let base = i64::try_from(now.as_millis()).expect("milliseconds") - 600_000;
    let bytes: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> =
        (0..900_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
    let mut records = vec![
        Record::new(base, Some(b"key"), Some(b"value")),
        Record::new(base + 1, None, Some(b"no key")),
        Record::new(base + 2, Some(b"no value"), None),
        Record::new(base + 3, None, None),
        Record::new(base + 4, Some(b""), Some(b"")),
        Record::new(base + 5, Some(&bytes), Some(&bytes)),
        Record::new(base - 5000, Some("früher".as_bytes()), Some("❄ ️\u{0}".as_bytes())),
        Record::new(base + 6, Some(b"headers"), Some(b"v"))
            .header("one", Some(b"1"))
            .header("twice", Some(b"first"))
            .header("twice", Some(b"second"))
            .header("bytes", Some(&bytes))
            .header("empty", Some(b""))
            .header("schlüssel", Some("wert".as_bytes())),
        Record::new(base + 7, Some(b"null headers"), Some(b"v"))
            .header("null", None)
            .header("not null", Some(b"1")),
        Record::new(base + 8, Some(b"large"), Some(&large)),
    ];
    records.extend((0..200).map(|n: i64| {
        let value = format!("{n} {}", "lorem ipsum ".repeat(n as usize % 30));
        Record::new(
            base + 10 + n * 7 % 100,
            Some(format!("key-{}", n % 13).as_bytes()),
            Some(value.as_bytes()),
        )
    }));
    records
}

/// For clients that can't send a header with a null value.
pub(crate) fn without_null_headers(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| record.headers.iter().all(|(_, value)| value.is_some()));
    records
}

/// For clients that want a key or a value.
pub(crate) fn without_nothing(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| record.key.is_some() || record.value.is_some());
    records
}

/// The form in which scripts read them: a JSON line each, bytes in hex.
pub(crate) fn to_hex_lines(records: &[Record]) -> String {
    let line = |record: &Record| {
        let headers: Vec<Value> = record
            .headers
            .iter()
            .map(|(name, value)| json!([name, hex(value.as_deref())]))
            .collect();
        let (key, value) = (hex(record.key.as_deref()), hex(record.value.as_deref()));
        format!("{}\n", json!({ "ts": record.ts, "key": key, "value": value, "headers": headers }))
    };
    records.iter().map(line).collect()
}

fn hex(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
