//! `runnel produce`: every way in, and where it ends up.

use std::fs;

use crate::support::World;
use crate::support::record::{Record, Stored};
use serde_json::Value;

/// Key and value of a record.
type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The pairs of these records, in order.
fn pairs(records: &[Stored]) -> Vec<Pair<'_>> {
    records.iter().map(|r| (r.record.key.as_deref(), r.record.value.as_deref())).collect()
}

#[test]
fn a_line_is_a_value() {
    let world = World::new();
    world.runnel(["produce", "t", "-q"]).stdin("a\n\nc\r\nno newline").stdout("").stderr("").run();
    let records = world.records(&["t"]);
    let expected: [&[u8]; 4] = [b"a", b"", b"c\r", b"no newline"];
    assert_eq!(pairs(&records), expected.map(|value| (None, Some(value))));
    let offsets: Vec<_> = records.iter().map(|r| r.offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3]);
}

#[test]
fn no_input_is_no_record() {
    let world = World::new();
    world.produce(&["t"], "");
    assert_eq!(world.consume(&["t"]), "");
}

#[test]
fn keys_before_a_delimiter() {
    let world = World::new();
    world.produce(&["t", "-K", "=>"], "k=>v=>w\n=>empty key\nno key\nk=>\n");
    let expected: [Pair<'_>; 4] = [
        (Some(b"k"), Some(b"v=>w")),
        (Some(b""), Some(b"empty key")),
        (None, Some(b"no key")),
        (Some(b"k"), Some(b"")),
    ];
    assert_eq!(pairs(&world.records(&["t"])), expected);
}

#[test]
fn other_delimiters() {
    let world = World::new();
    for (topic, args, input) in [
        ("nul", vec!["-0"], "a\nb\0c\0"),
        ("text", vec!["-D--"], "a\nb--c--"),
        ("hex", vec!["-D", "\\x1e"], "a\nb\u{1e}c"),
        ("tab", vec!["-D", "\\t"], "a\nb\tc\t"),
    ] {
        world.produce(&[&[topic], &*args].concat(), input);
        let records = world.records(&[topic]);
        let values: Vec<_> = records.iter().map(Stored::text).collect();
        assert_eq!(values, ["a\nb", "c"], "{topic}");
    }
}

#[test]
fn files_whole_and_by_lines() {
    let world = World::new();
    fs::write(world.path("one"), "a\nb\n").expect("written");
    fs::write(world.path("two"), b"\xff\0").expect("written");
    let (one, two) = (world.path("one"), world.path("two"));
    let (one, two) = (one.to_str().expect("UTF-8"), two.to_str().expect("UTF-8"));
    world.produce(&["whole", one, two], "");
    let expected: [(_, Option<&[u8]>); 2] = [(None, Some(b"a\nb\n")), (None, Some(b"\xff\0"))];
    assert_eq!(pairs(&world.records(&["whole"])), expected);
    world.produce(&["lines", "-l", one, one], "");
    assert_eq!(world.consume(&["lines"]), "a\nb\na\nb\n");
}

#[test]
fn key_headers_and_time_for_all() {
    let world = World::new();
    let args = ["t", "-k", "key", "-H", "n=1", "-H", "n=a=b", "--ts", "2023-11-14T22:13:20Z"];
    world.produce(&args, "v\nw\n");
    let record = |value: &[u8]| {
        let record = Record::new(1_700_000_000_000, Some(b"key"), Some(value));
        record.header("n", Some(b"1")).header("n", Some(b"a=b"))
    };
    let records: Vec<_> = world.records(&["t"]).into_iter().map(|r| r.record).collect();
    assert_eq!(records, [record(b"v"), record(b"w")]);
}

#[test]
fn times_of_every_form() {
    let world = World::new();
    let forms = ["1700000000", "1700000000000", "2023-11-14T22:13:20+00:00", "2023-11-14 22:13:20"];
    for (n, form) in forms.iter().enumerate() {
        let topic = format!("t{n}");
        world.produce(&[&topic, "--ts", form], "v\n");
        assert_eq!(world.records(&[&topic])[0].record.ts, 1_700_000_000_000, "{form}");
    }
}

#[test]
fn nulls() {
    let world = World::new();
    world.produce(&["z", "-K", ":", "-Z"], "k:\n:v\n:\n");
    let expected: [Pair<'_>; 3] = [(Some(b"k"), None), (None, Some(b"v")), (None, None)];
    assert_eq!(pairs(&world.records(&["z"])), expected);
    world.produce(&["m", "-K", ":", "--null-marker", "NULL"], "k:NULL\nNULL:v\n:\n");
    let expected: [Pair<'_>; 3] = [(Some(b"k"), None), (None, Some(b"v")), (Some(b""), Some(b""))];
    assert_eq!(pairs(&world.records(&["m"])), expected);
}

#[test]
fn json_fields_are_optional_and_strange_ones_ignored() {
    let world = World::new();
    world.topic("t", 3, &[]);
    let input = concat!(
        "{}\n",
        "{\"value\":{\"b\":1.50,\"a\":[null]}}\n",
        "{\"key\":\"k\",\"value\":\"v\",\"partition\":2,\"offset\":77,\"topic\":\"u\",\"time\":\"x\",\"strange\":1}\n",
        "{\"value_b64\":\"/w==\",\"ts\":1700000000000}\n",
    );
    world.produce(&["t", "-J", "-p", "0"], input);
    let records = world.records(&["t"]);
    let expected: [Pair<'_>; 4] = [
        (None, None),
        (None, Some(b"{\"b\":1.50,\"a\":[null]}")),
        (Some(b"k"), Some(b"v")),
        (None, Some(b"\xff")),
    ];
    assert_eq!(pairs(&records), expected);
    assert_eq!(records[3].record.ts, 1_700_000_000_000);
    assert!(records[0].record.ts > 1_700_000_000_000, "no ts is now");
    world.topic("kept", 3, &[]);
    world.produce(&["kept", "-J", "--keep-partition"], "{\"value\":\"v\",\"partition\":2}\n");
    assert_eq!(world.records(&["kept"])[0].partition, 2);
}

#[test]
fn formats() {
    let world = World::new();
    world.produce(&["t", "--format", "%T|%k|%s\\n"], "1700000000000|k|v|w\n1700000000001||x\n");
    let records = world.records(&["t"]);
    let expected: [Pair<'_>; 2] = [(Some(b"k"), Some(b"v|w")), (Some(b""), Some(b"x"))];
    assert_eq!(pairs(&records), expected);
    assert_eq!(records[1].record.ts, 1_700_000_000_001);
}

/// Kafka's Java clients put these keys there: `toPositive(murmur2(key)) % 4`.
#[test]
fn a_key_goes_where_kafka_puts_it() {
    let world = World::new();
    world.topic("t", 4, &[]);
    world.produce(&["t", "-K", ":"], "21:x\nfoobar:x\nabc:x\n");
    for stored in world.records(&["t"]) {
        let expected = match stored.record.key.as_deref() {
            Some(b"21") => (-973_932_308i32 & i32::MAX) % 4,
            Some(b"foobar") => (-790_332_482i32 & i32::MAX) % 4,
            _ => 479_470_107 % 4,
        };
        assert_eq!(stored.partition, i64::from(expected), "{stored:?}");
    }
    world.produce(&["t", "-p", "3", "-K", ":"], "21:forced\n");
    let last = world.records(&["t", "-p", "3", "-n", "1"]);
    assert_eq!(last[0].text(), "forced");
}

#[test]
fn every_codec_and_every_acks() {
    let world = World::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        world.produce(&["t", "-z", codec], format!("{codec}\n"));
    }
    for acks in ["all", "1", "0"] {
        world.produce(&["t", "--acks", acks], format!("{acks}\n"));
    }
    assert_eq!(world.consume(&["t"]), "none\ngzip\nsnappy\nlz4\nzstd\nall\n1\n0\n");
}

#[test]
fn it_sends_as_soon_as_nothing_more_comes() {
    let world = World::new();
    let mut producer = world.runnel(["produce", "-q", "t"]).spawn();
    let mut follower = None;
    for n in 0..5 {
        producer.feed(format!("{n}\n").as_bytes());
        if n == 0 {
            world.until_consume_prints("t", "0\n");
        }
        let follower = follower.get_or_insert_with(|| world.runnel(["consume", "t", "-f"]).spawn());
        assert_eq!(follower.line(), n.to_string());
    }
    let said = producer.wait();
    assert_eq!(said.status, 0, "{said}");
}

#[test]
fn stats_are_one_json_line_on_stderr() {
    let world = World::new();
    let said = world.runnel(["produce", "t", "-q", "--stats"]).stdin("a\nb\n").stdout("").run();
    let line: Value = serde_json::from_str(said.stderr.trim()).expect("one JSON line");
    assert_eq!(line["records"], 2, "{line}");
}

#[test]
fn an_interrupt_stores_what_was_taken() {
    let world = World::new();
    let mut producer = world.runnel(["produce", "-q", "t"]).spawn();
    producer.feed(b"a\nb\n");
    world.until_consume_prints("t", "a\nb\n");
    producer.signal(rustix::process::Signal::INT);
    producer.wait_for_end();
    assert_eq!(producer.wait().status, 130);
    assert_eq!(world.consume(&["t"]), "a\nb\n");
}
