//! Every served API and version, both directions, field by field as Kafka's own schemas have it.

use runnel::protocol::ApiKey;
use runnel::protocol::schema::{Field, Kind, Struct};

const KAFKA: &str = include_str!("../data/kafka-schemas-4.3.txt");

/// Versions that Kafka has but does not call stable.
const UNSTABLE: [(&str, i16); 1] = [("InitProducerId", 6)];

#[test]
fn every_message_is_kafkas() {
    let found = differences(KAFKA);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_version_that_kafka_has_is_served() {
    for api in ApiKey::ALL {
        let lines = lines_of(KAFKA, *api, "req").chain(lines_of(KAFKA, *api, "resp"));
        let versions = lines.map(|line| line.version);
        let stable = versions.filter(|version| !UNSTABLE.contains(&(api.name(), *version)));
        let (first, last) = stable
            .fold((i16::MAX, 0), |(first, last), version| (first.min(version), last.max(version)));
        assert_eq!(*api.served().start(), first, "{api:?}");
        assert!(*api.served().end() >= last, "{api:?} has a version {last}");
    }
}

/// A planted difference of every kind: without them, a check that finds nothing proves nothing.
#[test]
fn the_check_catches_every_kind_of_difference() {
    let planted = [
        ("1 Fetch req v4+", "max_wait_ms:INT32", "max_wait_ms:INT64", "another type"),
        (
            "1 Fetch req v7+",
            "session_id:INT32, session_epoch:INT32",
            "session_epoch:INT32, session_id:INT32",
            "another order",
        ),
        ("1 Fetch req v15+", "1:replica_state", "2:replica_state", "another tag"),
        ("1 Fetch req v12+", "0:cluster_id:COMPACT_NULLABLE_STRING", "", "a tagged field less"),
        ("1 Fetch resp v11+", "preferred_read_replica:INT32, ", "", "a field less"),
        ("1 Fetch resp v4+", "}]?", "}]", "never null"),
        ("3 Metadata req v0+", "[{name:STRING}]", "[{name:STRING}]?", "null"),
        ("3 Metadata resp v0+", "host:STRING", "host:NULLABLE_STRING", "a null string"),
        ("3 Metadata resp v9+", "replica_nodes:c[INT32]", "replica_nodes:[INT32]", "a plain array"),
        ("18 ApiVersions resp v3+", "error_code", "error", "another name"),
        (
            "0 Produce resp v5+",
            "log_start_offset:INT64}",
            "log_start_offset:INT64, more:INT8}",
            "a field more",
        ),
        ("2 ListOffsets resp v2+", "v2+", "v3+", "a version later"),
    ];
    for (line, from, to, what) in planted {
        let right = KAFKA.lines().find(|text| text.starts_with(line)).expect(line);
        let wrong = right.replacen(from, to, 1);
        assert_ne!(right, wrong, "{what}: planted");
        let found = differences(&KAFKA.replace(right, &wrong));
        assert!(!found.is_empty(), "{what} was not found");
    }
}

/// A line of Kafka's schemas: what holds from a version on.
struct Line<'a> {
    version: i16,
    fields: &'a str,
}

/// The lines of an API, `req` or `resp`.
fn lines_of<'a>(kafka: &'a str, api: ApiKey, way: &str) -> impl Iterator<Item = Line<'a>> {
    let start = format!("{} {} {way} v", api as i16, api.name());
    kafka.lines().filter_map(move |line| {
        let (version, fields) = line.strip_prefix(&start)?.split_once("+: ")?;
        Some(Line { version: version.parse().expect("a version"), fields: fields.trim_end() })
    })
}

/// Where our declarations say something else than these schemas.
fn differences(kafka: &str) -> Vec<String> {
    let mut found = Vec::new();
    for api in ApiKey::ALL {
        for (way, schema) in [("req", api.request_schema()), ("resp", api.response_schema())] {
            for version in api.served() {
                let line = lines_of(kafka, *api, way).filter(|line| line.version <= version).last();
                let theirs = line.map_or("nothing", |line| line.fields);
                let ours = fields(schema, version, api.is_flexible(version));
                found.extend(difference(&ours, theirs).map(|what| {
                    format!("{} {} {way} v{version}: {what}", *api as i16, api.name())
                }));
            }
        }
    }
    found
}

/// The first field in which two lists of fields part.
fn difference(ours: &str, theirs: &str) -> Option<String> {
    let pieces = |text: &str| -> Vec<String> {
        text.split_inclusive([',', '{', '}', '(', ')', '[', ']', ' ']).map(str::to_owned).collect()
    };
    let (our_pieces, their_pieces) = (pieces(ours), pieces(theirs));
    let at = (0..our_pieces.len().max(their_pieces.len()))
        .find(|at| our_pieces.get(*at) != their_pieces.get(*at))?;
    let around = |pieces: &[String]| {
        let start = at.saturating_sub(4).min(pieces.len());
        pieces[start..(at + 3).min(pieces.len())].concat()
    };
    Some(format!("we have `{}`, Kafka `{}`", around(&our_pieces), around(&their_pieces)))
}

/// The fields of a struct in the form of Kafka's list.
fn fields(schema: &Struct, version: i16, flexible: bool) -> String {
    let is_in = |field: &&Field| (field.is_in)(version);
    let (tagged, plain): (Vec<_>, Vec<_>) =
        schema.fields.iter().filter(is_in).partition(|field| field.tag.is_some());
    let mut all: Vec<String> = plain.iter().map(|field| named(field, version, flexible)).collect();
    if flexible {
        let tags = tagged.iter().map(|field| {
            format!("{}:{}", field.tag.unwrap_or_default(), named(field, version, flexible))
        });
        all.push(format!("TAGS({})", tags.collect::<Vec<_>>().join(" ")));
    }
    all.join(", ")
}

fn named(field: &Field, version: i16, flexible: bool) -> String {
    let (kind, nullable) = field.kind_in(version);
    let name = field.name.trim_start_matches("r#");
    format!("{name}:{}", typed(kind, nullable, version, flexible))
}

fn typed(kind: Kind, nullable: bool, version: i16, flexible: bool) -> String {
    let sized = |name: &str| {
        let compact = if flexible { "COMPACT_" } else { "" };
        let null = if nullable { "NULLABLE_" } else { "" };
        format!("{compact}{null}{name}")
    };
    let null = if nullable { "?" } else { "" };
    match kind {
        Kind::Bool => "BOOLEAN".to_owned(),
        Kind::Int8 => "INT8".to_owned(),
        Kind::Int16 => "INT16".to_owned(),
        Kind::Uint16 => "UINT16".to_owned(),
        Kind::Int32 => "INT32".to_owned(),
        Kind::Int64 => "INT64".to_owned(),
        Kind::Float64 => "FLOAT64".to_owned(),
        Kind::Uuid => "UUID".to_owned(),
        Kind::String => sized("STRING"),
        Kind::Bytes => sized("BYTES"),
        Kind::Records => sized("RECORDS"),
        Kind::Array(of) => {
            let compact = if flexible { "c" } else { "" };
            format!("{compact}[{}]{null}", typed(*of, false, version, flexible))
        }
        Kind::Struct(schema) => format!("{{{}}}{null}", fields(schema, version, flexible)),
        Kind::Nullable(of) => typed(*of, true, version, flexible),
    }
}
