//! A record as the tests see it, and its JSON envelope.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Bytes or null.
pub(crate) type Bytes = Option<Vec<u8>>;

/// What must survive every round trip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) ts: i64,
    pub(crate) key: Bytes,
    pub(crate) value: Bytes,
    pub(crate) headers: Vec<(String, Bytes)>,
}

impl Record {
    pub(crate) fn new(ts: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        Self { ts, key, value, headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.map(<[u8]>::to_vec)));
        self
    }

    /// The envelope that `produce -J` takes, with a newline.
    pub(crate) fn to_line(&self) -> String {
        let mut object = Map::new();
        object.insert("ts".to_owned(), json!(self.ts));
        insert(&mut object, "key", self.key.as_deref());
        insert(&mut object, "value", self.value.as_deref());
        let header = |(name, value): &(String, Bytes)| {
            let mut header = Map::new();
            header.insert("key".to_owned(), json!(name));
            insert(&mut header, "value", value.as_deref());
            Value::Object(header)
        };
        object.insert("headers".to_owned(), self.headers.iter().map(header).collect());
        format!("{}\n", Value::Object(object))
    }
}

/// All of them as lines.
pub(crate) fn to_lines(records: &[Record]) -> String {
    records.iter().map(Record::to_line).collect()
}

fn insert(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), json!(text)),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}_b64"), json!(STANDARD.encode(bytes)))
        }
    };
}

/// A record where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) topic: String,
    pub(crate) partition: i64,
    pub(crate) offset: i64,
    pub(crate) record: Record,
}

impl Stored {
    /// The value, which must be UTF-8.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.record.value.as_deref().expect("a value")).expect("UTF-8")
    }
}

/// The records alone.
pub(crate) fn plain(stored: Vec<Stored>) -> Vec<Record> {
    stored.into_iter().map(|stored| stored.record).collect()
}

/// Reads what `consume -J` printed, strictly: every line an object with the stable fields.
pub(crate) fn parse_lines(bytes: &[u8]) -> Vec<Stored> {
    let text = std::str::from_utf8(bytes).expect("-J prints UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole");
    text.lines().map(parse).collect()
}

fn parse(line: &str) -> Stored {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let object = value.as_object().expect("an object");
    let integer = |name: &str| object[name].as_i64().unwrap_or_else(|| panic!("{name}: {line}"));
    let header = |header: &Value| {
        let header = header.as_object().expect("a header is an object");
        let name = header["key"].as_str().expect("a header's key is text").to_owned();
        (name, field(header, "value"))
    };
    Stored {
        topic: object["topic"].as_str().expect("a topic").to_owned(),
        partition: integer("partition"),
        offset: integer("offset"),
        record: Record {
            ts: integer("ts"),
            key: field(object, "key"),
            value: field(object, "value"),
            headers: object["headers"].as_array().expect("headers").iter().map(header).collect(),
        },
    }
}

fn field(object: &Map<String, Value>, name: &str) -> Bytes {
    let plain = object.get(name);
    match object.get(&format!("{name}_b64")) {
        Some(coded) => {
            assert!(plain.is_none(), "{name} and {name}_b64 in {object:?}");
            let bytes = STANDARD.decode(coded.as_str().expect("text")).expect("base64");
            assert!(std::str::from_utf8(&bytes).is_err(), "UTF-8 needs no {name}_b64: {object:?}");
            Some(bytes)
        }
        None => match plain.unwrap_or_else(|| panic!("no {name} in {object:?}")) {
            Value::Null => None,
            value => Some(value.as_str().expect("text or null").as_bytes().to_vec()),
        },
    }
}
