//! What stands beside the segments and is well-formed, but is not what the log says.

use std::fs;
use std::path::{Path, PathBuf};

use runnel::inspect::{Problem, Severity, Undecodable};
use runnel::log::snapshot::{ENTRY_BYTES, HEADER_BYTES};
use runnel::model::{Compression, Offset};
use runnel::record::{BatchBuilder, Headers, Record};

use super::snapshots::reseal;
use super::{Copied, Found, damage};
use crate::support::World;
use crate::support::data::unpack;

const TXN_INDEX: &str = "00000000000000000000.txnindex";
const ENTRY: usize = 34;

/// A broker's partition with transactions.
fn transactions() -> Copied {
    let world = World::new();
    Copied::of(&unpack(&world, "clean").join("tx-0"))
}

fn only(copy: &Copied) -> Found {
    let found = copy.found();
    let [one] = &damage(&found)[..] else { panic!("{found:#?}") };
    (*one).clone()
}

fn put(path: &Path, at: usize, field: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at..at + field.len()].copy_from_slice(field);
    fs::write(path, bytes).unwrap();
}

#[test]
fn aborted_transactions_are_those_of_the_log() {
    let copy = transactions();
    let index = copy.dir.join(TXN_INDEX);
    let sound = fs::read(&index).unwrap();
    let other = |at: usize, field: i64| {
        put(&index, ENTRY + at, &field.to_be_bytes());
        let found = only(&copy);
        fs::write(&index, &sound).unwrap();
        (found.2, found.3)
    };
    let right =
        Problem::OtherTransaction { marker: Offset(43), producer_id: 2, first_offset: Offset(33) };
    for (at, field) in [(2, 1), (10, 34), (10, 30), (26, 40)] {
        assert_eq!(other(at, field), (Some(ENTRY as u64), right.clone()), "{at}: {field}");
    }
    // The second entry gone: aborted records would be read.
    fs::write(&index, [&sound[..ENTRY], &sound[2 * ENTRY..]].concat()).unwrap();
    let missing = Problem::NoAbortedEntry { producer_id: 2, marker: Offset(43) };
    assert_eq!(only(&copy), (Severity::Damage, TXN_INDEX.to_owned(), None, missing));
    // One too many: committed records would be hidden.
    let mut more = sound[..ENTRY].to_vec();
    more[18..26].copy_from_slice(&30_i64.to_be_bytes());
    fs::write(&index, [&sound[..ENTRY], &more, &sound[ENTRY..]].concat()).unwrap();
    let more = Problem::NoAbortMarker { marker: Offset(30) };
    assert_eq!(only(&copy), (Severity::Damage, TXN_INDEX.to_owned(), Some(ENTRY as u64), more));
    fs::remove_file(&index).unwrap();
    assert_eq!(damage(&copy.found()).len(), 3, "one a transaction");
}

#[test]
fn producers_are_those_of_the_log() {
    let copy = transactions();
    let path = copy.dir.join("00000000000000000066.snapshot");
    let sound = fs::read(&path).unwrap();
    let second = HEADER_BYTES + ENTRY_BYTES;
    // Its epoch, last sequence, last offset, length, timestamp, and an open transaction.
    let cases: [(usize, &[u8]); 6] = [
        (8, &[0, 9]),
        (10, &[0, 0, 0, 8]),
        (14, &[0, 0, 0, 0, 0, 0, 0, 30]),
        (22, &[0, 0, 0, 8]),
        (26, &[0, 0, 0, 0, 0, 0, 0, 1]),
        (38, &[0, 0, 0, 0, 0, 0, 0, 22]),
    ];
    for (at, field) in cases {
        let mut bytes = sound.clone();
        bytes[second + at..second + at + field.len()].copy_from_slice(field);
        reseal(&path, &mut bytes);
        let (_, file, position, what) = only(&copy);
        assert_eq!((file.as_str(), position), ("00000000000000000066.snapshot", None));
        assert!(matches!(what, Problem::OtherProducer { producer_id: 1, .. }), "{at}: {what:?}");
    }
}

#[test]
fn leader_epochs_are_those_of_the_batches() {
    let copy = transactions();
    let path = copy.dir.join("leader-epoch-checkpoint");
    fs::write(&path, "0\n2\n0 0\n3 22\n").unwrap();
    let (severity, file, _, what) = copy.found().remove(0);
    assert_eq!((severity, file.as_str()), (Severity::Damage, "leader-epoch-checkpoint"));
    let expected = Problem::OtherEpoch { offset: Offset(22), found: 0, expected: 3 };
    assert_eq!(what, expected);
    fs::write(&path, "0\n2\n0 0\n3 99\n").unwrap();
    let (severity, _, _, what) = copy.found().remove(0);
    let past = Problem::EpochPastEnd { epoch: 3, start: Offset(99), end: Offset(66) };
    assert_eq!((severity, what), (Severity::Note, past), "what a crash of the machine leaves");
}

/// A partition of these records.
fn partition(home: &Path, name: &str, records: &[(&[u8], Option<&[u8]>)]) -> PathBuf {
    let dir = home.join(name);
    fs::create_dir(&dir).unwrap();
    let mut builder = BatchBuilder::new(Compression::None, None);
    for (key, value) in records {
        let (key, value, headers) = (Some(*key), *value, Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 0, key, value, headers });
    }
    fs::write(dir.join("00000000000000000000.log"), builder.finish().unwrap()).unwrap();
    dir
}

#[test]
fn records_of_kafkas_own_topics_are_of_its_forms() {
    let home = tempfile::tempdir().unwrap();
    let group: (&[u8], Option<&[u8]>) = (b"\0\x02\0\x01g", None);
    let unknown: (&[u8], Option<&[u8]>) = (b"\0\x63anything", Some(b"x"));
    let dir = partition(home.path(), "__consumer_offsets-0", &[group, unknown]);
    assert!(!super::verify_path(&dir).has_damage(), "later kinds of records are no damage");
    for (name, bad) in [
        ("__consumer_offsets-1", (&b"\0\x01\0\x09g"[..], None)),
        ("__consumer_offsets-2", (b"\0\x02\0\x01g", Some(&b"\0\x03\0"[..]))),
        ("__transaction_state-0", (b"\0\0\0\x09t", None)),
    ] {
        let dir =
            partition(home.path(), name, &[group, bad][usize::from(name.starts_with("__t"))..]);
        let report = super::verify_path(&dir);
        let finding = report.findings.iter().find(|it| it.severity == Severity::Damage).unwrap();
        assert_eq!(finding.position, Some(0), "{name}");
        let Problem::Undecodable { cause, .. } = &finding.what else { panic!("{finding}") };
        assert_eq!(
            matches!(cause, Undecodable::Transaction(_)),
            name.starts_with("__t"),
            "{cause}"
        );
    }
    let dir = partition(home.path(), "orders-0", &[(b"\0", None)]);
    assert!(!super::verify_path(&dir).has_damage(), "of others nothing is known");
}
