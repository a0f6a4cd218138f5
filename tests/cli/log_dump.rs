//! `runnel log dump`: what the files hold, a line an item; damage is named, and the dump goes on behind it.

use std::fs;

use serde_json::Value;

use crate::support::World;
use crate::support::data::{expected, fingerprint, unpack};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

#[test]
fn records_batches_and_what_they_say() {
    let world = World::new();
    world.topic("t", 1, &[]);
    let line =
        r#"{"ts":1700000000000,"key":"k\u0007","value":null,"headers":[{"key":"h","value":"v"}]}"#;
    world.produce(&["t", "-J", "-z", "none"], format!("{line}\n"));
    let log = world.partition("t", 0).join("00000000000000000000.log");
    let said = world.runnel(["log", "dump", "t"]).stderr("").run().text();
    let expected = format!(
        "{}: record batches\n\
         batch 0-0 position=0 bytes=74 records=1 crc=0xc1e39c14 (ok) codec=none leader_epoch=0 \
         base_time=2023-11-14T22:13:20.000Z max_time=2023-11-14T22:13:20.000Z\n  \
         record 0 time=2023-11-14T22:13:20.000Z key[2]=\"k\\x07\" value=null headers=1 h[1]=\"v\"\n",
        log.display()
    );
    assert_eq!(said, expected);
    let batches = world.runnel(["log", "dump", "--batches", "t"]).run().text();
    assert_eq!(batches.lines().count(), 2, "{batches}");
    world.runnel(["log", "dump", "nothing"]).fails(1);
    world.runnel(["log", "dump", "./home"]).fails(1).says("neither");
}

/// Every partition of a broker, against what its consumer got.
#[test]
fn a_brokers_directory_reads_as_it_was_written() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let before = fingerprint(&clean);
    let mut partitions = 0;
    for (name, stored) in expected() {
        let said = world.runnel(["log", "dump", "-J"]).args([clean.join(name)]).run();
        let records = lines(&said.text());
        let records: Vec<_> = records.iter().filter(|it| it["type"] == "record").collect();
        let at = |offset| records.iter().find(|it| it["offset"] == offset);
        for record in stored {
            let found = at(record.offset).unwrap_or_else(|| panic!("{name} {}", record.offset));
            assert_eq!(found["ts"], record.record.ts, "{name}");
            if let Some(Ok(key)) = record.record.key.as_deref().map(std::str::from_utf8) {
                assert_eq!(found["key"], key, "{name}");
            }
        }
        partitions += 1;
    }
    assert!(partitions > 8);
    for file in ["tx-0", "tx-0/00000000000000000000.txnindex", "cleaner-offset-checkpoint"] {
        world.runnel(["log", "dump"]).args([clean.join(file)]).stderr("").run();
    }
    assert!(fingerprint(&clean) == before, "a dump changes nothing");
}

#[test]
fn files_beside_the_log_and_kafkas_own_records() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let dump = |file: &str| {
        let said = world.runnel(["log", "dump"]).args([clean.join(file)]).run().text();
        said.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        dump("tx-0/00000000000000000000.txnindex")[0],
        "aborted position=0 producer=1 first_offset=11 last_offset=21 last_stable_offset=22"
    );
    assert!(dump("tx-0/00000000000000000066.snapshot")[0].starts_with(
        "producer 0 epoch=3 last_sequence=9 last_offset=64 offset_delta=9 time=2026-"
    ));
    assert_eq!(
        dump("tx-0/leader-epoch-checkpoint"),
        ["epoch 0 start_offset=0", "epoch 2 start_offset=66"]
    );
    assert_eq!(dump("tx-0/partition.metadata"), ["topic_id p52dS98XTxKD2RH6kAoj6A"]);
    assert_eq!(dump("cleaner-offset-checkpoint"), ["compacted-0 offset=800"]);
    assert!(
        dump("segments-0/00000000000000001413.index")[0].starts_with("entry position=0 offset=")
    );
    assert!(
        dump("segments-0/00000000000000001413.timeindex")[0].starts_with("entry position=0 time=")
    );
    let markers = dump("tx-0");
    assert!(markers.iter().any(|line| line.ends_with(" abort coordinator_epoch=0")), "{markers:?}");
    let transactions = dump("__transaction_state-0").join("\n");
    let said = "transaction transactional_id=\"";
    assert!(transactions.contains(said), "{transactions}");
    assert!(transactions.contains(" state=\"CompleteCommit\" "), "{transactions}");
    let groups = dump("__consumer_offsets-0").join("\n");
    for said in [
        "offset group=\"g1\" topic=\"codec-none\" partition=0 offset=115",
        "offset group=\"g2\" topic=\"codec-none\" partition=0 offset=288",
        "group group=\"g1\" protocol_type=\"consumer\" generation=1 protocol=\"range\"",
    ] {
        assert!(groups.contains(said), "{said}\n{groups}");
    }
}

#[test]
fn damage_is_named_and_the_dump_goes_on() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let log = clean.join("tx-0/00000000000000000000.log");
    let mut bytes = fs::read(&log).expect("readable");
    bytes[100] ^= 1;
    fs::write(&log, bytes).expect("written");
    let said = world.runnel(["log", "dump", "-J"]).args([&log]).status(5).run();
    let found = lines(&said.text());
    assert_eq!((&found[1]["type"], &found[1]["crc_ok"]), (&"batch".into(), &false.into()));
    assert_eq!((&found[2]["type"], &found[2]["position"]), (&"damage".into(), &0.into()));
    assert!(found.iter().any(|it| it["type"] == "record" && it["offset"] == 11), "what follows");
    let snapshot = clean.join("tx-0/00000000000000000066.snapshot");
    let mut bytes = fs::read(&snapshot).expect("readable");
    bytes[12] ^= 1;
    fs::write(&snapshot, bytes).expect("written");
    let said = world.runnel(["log", "dump"]).args([&snapshot]).status(5).run().text();
    assert!(said.contains("at position 2: crc of the snapshot is"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("producer ")).count(), 3);
}
