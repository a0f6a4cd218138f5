//! A server's own rounds of compaction, beside clients that read and write.

use std::collections::BTreeMap;
use std::time::Instant;

use runnel::record::{BatchBuilder, Compression, Headers, Record};

use crate::support::{PATIENCE, World};
use crate::words::{batch, produce, read_all};

fn keyed(records: &[(String, String)]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for (key, value) in records {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers: Headers::NONE });
    }
    builder.finish().expect("a batch").to_vec()
}

#[test]
fn of_each_key_the_last_stays_beside_clients() {
    let world = World::new();
    let configs = ["cleanup.policy=compact", "internal.segment.bytes=2000"];
    world.topic("t", 1, &configs);
    world.topic("plain", 1, &["internal.segment.bytes=2000"]);
    let server = world.serve(&["-c", "log.cleaner.backoff.ms=100"]);
    let (mut writer, mut reader) = (server.connect(), server.connect());
    let mut last = BTreeMap::new();
    let deadline = Instant::now() + PATIENCE;
    let mut rounds = 0;
    // Until much was compacted: then there are fewer records than were sent.
    loop {
        let records: Vec<_> = (0..8)
            .map(|key| (format!("k{}", (key * 7 + rounds) % 20), format!("{rounds}.{key}")))
            .collect();
        let base = produce(&mut writer, "t", 1, &keyed(&records)).base_offset;
        for (offset, (key, value)) in (base..).zip(records) {
            last.insert(key, (offset, value));
        }
        assert_eq!(produce(&mut writer, "plain", 1, &batch(&["x"], None)).error_code, 0);
        rounds += 1;
        let found = read_all(&mut reader, "t");
        assert!(found.is_sorted_by(|a, b| a.0 < b.0), "offsets rise");
        for stays in last.values() {
            assert!(found.contains(stays), "{stays:?} is missing");
        }
        if rounds > 100 && found.len() < rounds * 4 {
            break;
        }
        assert!(Instant::now() < deadline, "{} of {} records are left", found.len(), rounds * 8);
    }
    assert_eq!(read_all(&mut reader, "plain").len(), rounds);
    let said = server.stop();
    assert!(said.stderr.contains("compaction partition=t-0"), "{said}");
    assert!(!said.stderr.contains("WARN"), "{said}");
    world.runnel(["log", "verify"]).stdout("").run();
}

#[test]
fn one_that_is_told_not_to_does_not() {
    let world = World::new();
    world.topic("t", 1, &["cleanup.policy=compact", "internal.segment.bytes=200"]);
    for _ in 0..5 {
        world.produce(&["t", "-K", " "], "a some value of it\nb another value of it\n");
    }
    let server = world.serve(&[
        "-c",
        "log.cleaner.backoff.ms=100",
        "-c",
        "log.cleaner.enable=false",
        "-c",
        "log.retention.check.interval.ms=100",
    ]);
    // A round has long been over by the time that so many requests were answered.
    let mut client = server.connect();
    for _ in 0..50 {
        assert_eq!(read_all(&mut client, "t").len(), 10);
    }
    let refused = world.runnel(["log", "compact"]).fails(1);
    refused.says("is being served").has_hint();
    let due = world.runnel(["log", "compact", "--dry-run"]).stderr("").run().text();
    assert!(due.starts_with("t-0: would compact "), "{due}");
    server.stop();
    world.runnel(["log", "compact"]).run();
    assert_eq!(world.consume(&["t"]).lines().count(), 4);
}
