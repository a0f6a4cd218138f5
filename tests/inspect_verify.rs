//! Verifying logs: what Kafka 4.3.0 and this library wrote is sound, and what was done to a copy
//! is told with file, position and severity.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use runnel::broker::{Access, Broker, Home, NewTopic};
use runnel::clock::SystemClock;
use runnel::cluster::ForeignLog;
use runnel::inspect::{Problem, Report, Severity, bytes_to_verify, verify_partition};
use runnel::log::{Fault, PartitionLog};
use runnel::model::{Compression, Offset, TopicConfig, TopicName};
use runnel::record::{
    Batch, BatchBuilder, CorruptBatch, Frame, Headers, Record, set_base_offset, set_max_timestamp,
};
use tempfile::TempDir;

const BATCHES: i64 = 60;
const RECORDS_PER_BATCH: i64 = 5;

/// A log of our own, of several segments.
struct Own {
    home: TempDir,
    broker: Broker,
    log: Arc<PartitionLog>,
}

impl Own {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let opened = Home::open_path(home.path(), Access::Write, true, "test").unwrap();
        let broker = Broker::new(opened, Arc::new(SystemClock));
        let name = TopicName::new("orders").unwrap();
        let new = NewTopic { name, partitions: 1, configs: BTreeMap::new() };
        let topic = broker.create_topic(&new).unwrap();
        let log = broker.log(&topic, 0).unwrap();
        let (segment_bytes, index_interval_bytes) = (16_000, 1000);
        let config = TopicConfig { segment_bytes, index_interval_bytes, ..TopicConfig::default() };
        log.set_config(Arc::new(config));
        let own = Self { home, broker, log };
        for number in 0..BATCHES {
            own.append(number);
        }
        own
    }

    /// Every third batch is compressed.
    fn append(&self, number: i64) {
        let codec = if number % 3 == 0 { Compression::Zstd } else { Compression::None };
        let mut builder = BatchBuilder::new(codec, None);
        let value: Vec<u8> = (0..180).map(|byte: i64| (byte * byte % (number + 7)) as u8).collect();
        for index in 0..RECORDS_PER_BATCH {
            let timestamp = 1_700_000_000_000 + number * 1000 + index;
            let (key, value, headers) = (Some(&b"key"[..]), Some(&value[..]), Headers::NONE);
            builder.push(&Record { offset: 0, timestamp, key, value, headers });
        }
        self.broker.append(&self.log, builder.finish().unwrap()).unwrap();
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("log/orders-0")
    }

    /// The same files in a directory of nobody's.
    fn copy(&self) -> Copied {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("orders-0");
        copy_dir(&self.dir(), &dir);
        Copied { _home: home, dir }
    }
}

/// A partition directory to do damage to.
struct Copied {
    _home: TempDir,
    dir: PathBuf,
}

impl Copied {
    /// The files with a suffix, in order.
    fn files(&self, suffix: &str) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(suffix))
            .collect();
        files.sort();
        files
    }

    fn found(&self) -> Vec<Found> {
        found(&verify_path(&self.dir))
    }
}

/// Severity, file name, position, problem.
type Found = (Severity, String, Option<u64>, Problem);

fn found(report: &Report) -> Vec<Found> {
    let name = |path: &str| Path::new(path).file_name().unwrap().to_str().unwrap().to_owned();
    let findings = report.findings.iter();
    findings.map(|f| (f.severity, name(&f.path), f.position, f.what.clone())).collect()
}

fn damage(found: &[Found]) -> Vec<&Found> {
    found.iter().filter(|found| found.0 == Severity::Damage).collect()
}

fn verify_path(path: &Path) -> Report {
    let log = ForeignLog::open(path).unwrap();
    let mut done = 0;
    let report = verify_partition(log.log(), &mut |bytes| {
        assert!(bytes >= done, "progress goes back");
        done = bytes;
    })
    .unwrap();
    assert_eq!(done, report.bytes);
    assert_eq!(bytes_to_verify(log.log()).unwrap(), report.bytes);
    report
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn change(path: &Path, position: u64, by: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[position as usize] ^= by;
    fs::write(path, bytes).unwrap();
}

fn append_bytes(path: &Path, bytes: &[u8]) -> u64 {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    file.write_all_at(bytes, len).unwrap();
    len
}

fn cut(path: &Path, len: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// Position and size of each batch.
fn batches(path: &Path) -> Vec<(u64, u64)> {
    let bytes = fs::read(path).unwrap();
    let (mut position, mut batches) = (0, Vec::new());
    while let Ok(Frame::Whole(batch)) = Batch::at_front(&bytes[position..]) {
        batches.push((position as u64, batch.size_in_bytes() as u64));
        position += batch.size_in_bytes();
    }
    batches
}

fn unpack(archive: &str) -> TempDir {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/testdata/kafka-4.3.0"));
    let home = tempfile::tempdir().unwrap();
    let archive = data.join(format!("{archive}.tar.xz"));
    let done = Command::new("tar").arg("-xJf").arg(archive).arg("-C").arg(home.path()).status();
    assert!(done.unwrap().success(), "unpacking needs tar and xz");
    home
}

#[test]
fn what_kafka_wrote_is_sound() {
    for archive in ["clean", "unclean"] {
        let home = unpack(archive);
        let (mut partitions, mut records) = (0, BTreeMap::new());
        for entry in fs::read_dir(home.path().join(archive)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                continue;
            }
            let report = verify_path(&path);
            assert!(!report.has_damage(), "{archive} {path:?}: {:#?}", report.findings);
            let is_leftover = |what: &Problem| matches!(what, Problem::Leftover { .. });
            let may_have = archive == "unclean" && name(&path) == "compacted-0";
            for finding in &report.findings {
                assert!(may_have && is_leftover(&finding.what), "{archive}: {finding}");
            }
            assert_eq!(report.findings.len(), usize::from(may_have));
            partitions += 1;
            records.insert(name(&path), (report.segments, report.records));
        }
        assert_eq!(partitions, 13);
        assert_eq!(records["segments-0"], (3, 4000));
        assert_eq!(records["codec-zstd-0"], (1, 300));
        assert_eq!(records["logappend-0"], (1, 50));
    }
}

#[test]
fn what_we_wrote_is_sound_here_and_elsewhere() {
    let own = Own::new();
    let report = verify_partition(&own.log, &mut |_| {}).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.segments, 3);
    assert_eq!((report.batches, report.records), (60, 300));
    let copy = own.copy();
    assert_eq!(verify_path(&copy.dir), Report { findings: vec![], ..report });
    // One segment alone.
    let middle = &copy.files(".log")[1];
    let alone = verify_path(middle);
    assert_eq!((alone.segments, alone.bytes), (1, len(middle)));
    assert_eq!(alone.findings, []);
}

#[test]
fn past_the_published_end_nothing_is_damage_before_it_all_is() {
    let own = Own::new();
    let active = Copied { _home: tempfile::tempdir().unwrap(), dir: own.dir() };
    let active = active.files(".log").pop().unwrap();
    let end = append_bytes(&active, b"what a stopped writer left");
    let report = verify_partition(&own.log, &mut |_| {}).unwrap();
    let past = Problem::PastEnd { bytes: 26 };
    assert_eq!(found(&report), [(Severity::Note, name(&active), Some(end), past)]);
    // In place: the active segment must stay the file that it is.
    let (position, size) = *batches(&active).last().unwrap();
    let file = fs::OpenOptions::new().write(true).open(&active).unwrap();
    file.write_all_at(&[0; 8], position + size - 8).unwrap();
    let found = found(&verify_partition(&own.log, &mut |_| {}).unwrap());
    let [(severity, path, at, Problem::BrokenToTheEnd { fault, bytes })] = &damage(&found)[..]
    else {
        panic!("{found:#?}");
    };
    assert_eq!((*severity, path, *at), (Severity::Damage, &name(&active), Some(position)));
    assert_eq!(*bytes, size);
    assert!(matches!(fault, Fault::Corrupt(CorruptBatch::Crc { .. })));
}

#[test]
fn a_changed_byte_of_a_batch_is_found_where_the_batch_is() {
    let own = Own::new();
    let copy = own.copy();
    let logs = copy.files(".log");
    for log in [&logs[1], logs.last().unwrap()] {
        let sound = fs::read(log).unwrap();
        let all = batches(log);
        for number in [0, 1, 2, all.len() - 1] {
            let (position, size) = all[number];
            let next = all.get(number + 1).map(|(next, _)| *next);
            // Base offset, length, magic, crc, attributes, counts, body.
            for at in [0, 7, 8, 11, 16, 17, 22, 26, 60, 70, size - 1] {
                let mut bytes = sound.clone();
                bytes[(position + at) as usize] ^= 1;
                fs::write(log, bytes).unwrap();
                let found = copy.found();
                let in_log = |found: &&&Found| found.1 == name(log);
                let found: Vec<_> = damage(&found).into_iter().filter(|f| in_log(&f)).collect();
                // A base offset is outside the crc: a higher one shows at the next batch.
                let is_higher = at == 7 && sound[(position + 7) as usize] & 1 == 0;
                let shows_at = if is_higher { next } else { Some(position) };
                let Some(first) = found.first() else {
                    assert!(is_higher && next.is_none(), "{number} {at}: nothing");
                    continue;
                };
                assert_eq!(first.2, shows_at, "{number} {at}: {found:#?}");
                if let Problem::Broken { next: told, .. } = first.3 {
                    assert_eq!(Some(told), next, "{number} {at}");
                }
            }
        }
        fs::write(log, sound).unwrap();
    }
    assert_eq!(copy.found(), []);
}

#[test]
fn records_are_decoded_where_the_crc_is_right() {
    let own = Own::new();
    let copy = own.copy();
    let log = &copy.files(".log")[0];
    let sound = fs::read(log).unwrap();
    // Batch 0 is compressed, batch 1 is not: its first byte is the length of the first record.
    for number in [0, 1] {
        let (position, size) = batches(log)[number];
        let mut bytes = sound.clone();
        let batch = &mut bytes[position as usize..(position + size) as usize];
        batch[61] ^= 1;
        let max = 1_700_000_000_000 + number as i64 * 1000 + RECORDS_PER_BATCH - 1;
        set_max_timestamp(batch, max);
        fs::write(log, &bytes).unwrap();
        let found = copy.found();
        let [(Severity::Damage, path, at, Problem::Records(_))] = &found[..] else {
            panic!("{found:#?}");
        };
        assert_eq!((path, *at), (&name(log), Some(position)));
    }
    // A header that says less than its records is what old clients wrote.
    let mut bytes = sound.clone();
    let (position, size) = batches(log)[1];
    set_max_timestamp(&mut bytes[position as usize..(position + size) as usize], 1_700_000_001_000);
    fs::write(log, &bytes).unwrap();
    let found = copy.found();
    let timestamp = &found[0];
    assert_eq!((timestamp.0, timestamp.2), (Severity::Note, Some(position)));
    assert!(matches!(timestamp.3, Problem::RecordTimestamp { .. }));
}

/// Every byte of an index, in a finished segment and in the last one.
#[test]
fn a_changed_byte_of_an_index_is_found_at_its_entry() {
    let own = Own::new();
    let copy = own.copy();
    for (suffix, entry) in [(".index", 8), (".timeindex", 12)] {
        let indexes = copy.files(suffix);
        for index in [&indexes[0], indexes.last().unwrap()] {
            let sound = fs::read(index).unwrap();
            assert!(sound.len() > 2 * entry);
            let mut missed = 0;
            for at in 0..sound.len() {
                let mut bytes = sound.clone();
                bytes[at] ^= 1;
                fs::write(index, bytes).unwrap();
                let found = copy.found();
                let slot = Some((at - at % entry) as u64);
                match &found[..] {
                    // As good a hint as before: another offset of the same batch.
                    [] => missed += 1,
                    [(Severity::Damage, path, position, _)] => {
                        assert_eq!((path, *position), (&name(index), slot), "{at}: {found:#?}");
                    }
                    _ => panic!("{suffix} {at}: {found:#?}"),
                }
            }
            assert!(missed <= sound.len() / entry, "{suffix}: {missed} of {}", sound.len());
            fs::write(index, sound).unwrap();
        }
    }
}

#[test]
fn ends_of_indexes() {
    let own = Own::new();
    let copy = own.copy();
    let index = copy.files(".index")[0].clone();
    let sound = fs::read(&index).unwrap();
    append_bytes(&index, &[0; 4096]);
    assert_eq!(copy.found(), [], "zeros are room for more");
    append_bytes(&index, &[0, 0, 0, 9, 0, 0, 0, 9]);
    assert!(!damage(&copy.found()).is_empty());
    fs::write(&index, &sound[..sound.len() - 3]).unwrap();
    let bytes = sound.len() as u64 - 3;
    let odd = (Severity::Damage, name(&index), None, Problem::OddLength { bytes, entry: 8 });
    assert_eq!(copy.found(), [odd]);
    fs::remove_file(&index).unwrap();
    assert_eq!(copy.found(), [(Severity::Note, name(&index), None, Problem::Missing)]);
}

#[test]
fn segments_that_are_cut_gone_or_swapped() {
    let own = Own::new();
    let copy = own.copy();
    let logs = copy.files(".log");
    let (middle, sound) = (&logs[1], fs::read(&logs[1]).unwrap());
    let (position, size) = *batches(middle).last().unwrap();
    cut(middle, position + size - 1);
    let fault = Fault::Incomplete;
    let broken = Problem::BrokenToTheEnd { fault, bytes: size - 1 };
    let first = copy.found().remove(0);
    assert_eq!(first, (Severity::Damage, name(middle), Some(position), broken));
    cut(middle, position);
    let found = copy.found();
    assert!(
        found.iter().any(|found| found.0 == Severity::Damage && found.1.ends_with(".timeindex")),
        "the index tells: {found:#?}"
    );
    fs::write(middle, &sound).unwrap();
    append_bytes(middle, &[0; 100]);
    let found = copy.found();
    assert_eq!((found[0].0, found[0].2), (Severity::Damage, Some(sound.len() as u64)));

    let copy = own.copy();
    for suffix in [".log", ".index", ".timeindex"] {
        fs::remove_file(&copy.files(suffix)[1]).unwrap();
    }
    let found = copy.found();
    let [(Severity::Note, path, None, Problem::Gap { .. })] = &found[..] else {
        panic!("{found:#?}");
    };
    assert_eq!(*path, name(&logs[2]));

    let copy = own.copy();
    for suffix in [".log", ".index", ".timeindex"] {
        let files = copy.files(suffix);
        let aside = copy.dir.join("aside");
        fs::rename(&files[1], &aside).unwrap();
        fs::rename(&files[2], &files[1]).unwrap();
        fs::rename(&aside, &files[2]).unwrap();
    }
    let found = copy.found();
    let told = |name: &str, what: fn(&Problem) -> bool| {
        found.iter().any(|f| f.0 == Severity::Damage && f.1 == name && what(&f.3))
    };
    assert!(told(&name(&logs[2]), |what| matches!(what, Problem::Overlap { .. })), "{found:#?}");
    assert!(told(&name(&logs[2]), |what| matches!(what, Problem::Misplaced(_))), "{found:#?}");
}

#[test]
fn ends_of_logs() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log").pop().unwrap();
    let sound = fs::read(&log).unwrap();
    let end = sound.len() as u64;
    append_bytes(&log, &[0; 5000]);
    let zeros = Problem::ZeroTail { bytes: 5000 };
    assert_eq!(copy.found(), [(Severity::Note, name(&log), Some(end), zeros)]);

    fs::write(&log, &sound).unwrap();
    let garbage: Vec<u8> =
        (0..5000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    append_bytes(&log, &garbage);
    let found = copy.found();
    assert_eq!((found[0].0, found[0].2, found.len()), (Severity::Damage, Some(end), 1));

    let (position, size) = *batches(&copy.files(".log").pop().unwrap()).last().unwrap();
    for kept in [1, 7, 8, 11, 12, 16, 17, 60, 61, size - 1] {
        fs::write(&log, &sound).unwrap();
        cut(&log, position + kept);
        let found = copy.found();
        let torn = (Severity::Note, name(&log), Some(position), Problem::TornTail { bytes: kept });
        assert_eq!(found[0], torn, "{kept}");
        assert_eq!(damage(&found), Vec::<&Found>::new(), "{kept}");
    }

    // The same is damage where a checkpoint says that it was on disk.
    let (offsets, partition) = (BATCHES * RECORDS_PER_BATCH, "orders 0");
    let checkpoint = copy.dir.parent().unwrap().join("recovery-point-offset-checkpoint");
    fs::write(checkpoint, format!("0\n1\n{partition} {offsets}\n")).unwrap();
    let found = copy.found();
    let [(_, path, at, Problem::EndsEarly { end, recovery_point })] = damage(&found)[..] else {
        panic!("{found:#?}");
    };
    assert_eq!((path, *at), (&name(&log), Some(position)));
    assert_eq!((end.0, recovery_point.0), (offsets - RECORDS_PER_BATCH, offsets));
}

/// Old brokers index what they append in one go by its last offset and its first position.
#[test]
fn an_entry_may_be_of_several_batches() {
    let own = Own::new();
    let copy = own.copy();
    let (log, index) = (copy.files(".log")[0].clone(), copy.files(".index")[0].clone());
    let all = batches(&log);
    let entry = |first: usize, last: usize| {
        let offset = (last as u32 + 1) * RECORDS_PER_BATCH as u32 - 1;
        [offset.to_be_bytes(), (all[first].0 as u32).to_be_bytes()].concat()
    };
    fs::write(&index, [entry(2, 4), entry(5, 5), entry(7, 8)].concat()).unwrap();
    assert_eq!(copy.found(), []);
    fs::write(&index, [entry(2, 5), entry(5, 5), entry(7, 8)].concat()).unwrap();
    let found = copy.found();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].2, &found[0].1), (Some(0), &name(&index)));
}

#[test]
fn what_stands_beside_the_segments() {
    let home = unpack("clean");
    let dir = home.path().join("clean/tx-0");
    let copy = Copied { dir: dir.clone(), _home: home };
    assert_eq!(copy.found(), []);
    let check = |file: &Path, at: u64, by: u8, position: Option<u64>| {
        let sound = fs::read(file).unwrap();
        change(file, at, by);
        let found = copy.found();
        let [(Severity::Damage, path, told, _)] = &found[..] else {
            panic!("{file:?} {at}: {found:#?}");
        };
        assert_eq!((path, *told), (&name(file), position), "{at}");
        fs::write(file, sound).unwrap();
    };
    let snapshot = &copy.files(".snapshot")[0];
    check(snapshot, 1, 1, Some(0));
    for at in [2, 6, 9, 10, 147] {
        check(snapshot, at, 1, Some(2));
    }
    let txn_index = &copy.files(".txnindex")[0];
    check(txn_index, 34, 1, Some(34));
    check(txn_index, 34 + 17, 0x80, Some(34));
    check(txn_index, 34 + 26, 1, Some(34));
    check(&dir.join("leader-epoch-checkpoint"), 0, 1, None);
    check(&dir.join("partition.metadata"), 9, 1, None);

    cut(snapshot, 5);
    fs::write(dir.join("00000000000000000000.log.deleted"), b"").unwrap();
    fs::write(dir.join("00000000000000000007.index"), b"").unwrap();
    let found = copy.found();
    let told: Vec<_> = found.iter().map(|(severity, file, ..)| (*severity, &file[..])).collect();
    let expected = [
        (Severity::Note, "00000000000000000007.index"),
        (Severity::Damage, "00000000000000000066.snapshot"),
        (Severity::Note, "tx-0"),
    ];
    assert_eq!(told, expected);
}

/// A batch that is too large to be held: its crc is checked, and the walk goes on after it.
#[test]
fn of_a_large_batch_the_crc_is_checked() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log").pop().unwrap();
    let (base, mut bytes) = (BATCHES * RECORDS_PER_BATCH, Vec::new());
    let large = vec![7; 65 << 20];
    for (number, value) in [&large[..], b"small"].into_iter().enumerate() {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (timestamp, headers) = (1_800_000_000_000, Headers::NONE);
        builder.push(&Record { offset: 0, timestamp, key: None, value: Some(value), headers });
        let batch = builder.finish().unwrap();
        set_base_offset(batch, Offset(base + number as i64));
        bytes.extend_from_slice(batch);
    }
    let position = append_bytes(&log, &bytes);
    let report = verify_path(&copy.dir);
    let what = Problem::LargeBatch { bytes: batches(&log).iter().rev().nth(1).unwrap().1 };
    assert_eq!(found(&report), [(Severity::Note, name(&log), Some(position), what)]);
    assert_eq!(report.records as i64, base + 2);
    let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
    file.write_all_at(b"x", position + (64 << 20)).unwrap();
    let report = verify_path(&copy.dir);
    let [(Severity::Damage, _, at, Problem::Broken { .. })] = &found(&report)[..] else {
        panic!("{:#?}", report.findings);
    };
    assert_eq!((*at, report.records as i64), (Some(position), base + 1));
}

/// A message of format 1, as brokers of before 0.11 wrote it.
#[test]
fn old_messages_are_named() {
    let own = Own::new();
    let copy = own.copy();
    let log = copy.files(".log")[0].clone();
    let body =
        [&[1_u8, 0][..], &7_i64.to_be_bytes(), &(-1_i32).to_be_bytes(), &0_i32.to_be_bytes()]
            .concat();
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = (body.len() as i32 + 4).to_be_bytes();
    let mut message = [&0_i64.to_be_bytes()[..], &length, &crc.sum().to_be_bytes(), &body].concat();
    fs::write(&log, &message).unwrap();
    let found = copy.found();
    assert_eq!(found[0].3, Problem::OldFormat { magic: 1 });
    assert_eq!((found[0].0, damage(&found).len()), (Severity::Note, 0), "{found:#?}");
    message[20] ^= 1;
    fs::write(&log, &message).unwrap();
    let found = copy.found();
    let broken = &found[0].3;
    let fault = Fault::Corrupt(CorruptBatch::OldMagic(1));
    assert_eq!(broken, &Problem::BrokenToTheEnd { fault, bytes: message.len() as u64 });
}

fn write_all(dir: &Path, files: &[(&str, &[u8])]) {
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_told_and_nothing_else_happens(
        log in prop::collection::vec(prop_oneof![Just(0_u8), Just(2), any::<u8>()], 0..300),
        index in prop::collection::vec(any::<u8>(), 0..100),
        other in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("garbage-0");
        fs::create_dir(&dir).unwrap();
        write_all(&dir, &[
            ("00000000000000000000.log", &log),
            ("00000000000000000000.index", &index),
            ("00000000000000000000.timeindex", &other),
            ("00000000000000000005.log", &index),
            ("00000000000000000005.txnindex", &other),
            ("00000000000000000005.snapshot", &other),
            ("leader-epoch-checkpoint", &other),
            ("partition.metadata", &index),
        ]);
        verify_path(&dir);
    }

    #[test]
    fn a_log_with_holes_is_walked_to_its_end(
        changes in prop::collection::vec((0.0..1.0_f64, any::<u8>()), 1..20),
    ) {
        thread_local! { static OWN: Own = Own::new(); }
        OWN.with(|own| {
            let copy = own.copy();
            for suffix in [".log", ".index", ".timeindex"] {
                let file = &copy.files(suffix)[1];
                let mut bytes = fs::read(file).unwrap();
                for (at, by) in &changes {
                    let at = (bytes.len() as f64 * at) as usize;
                    bytes[at] ^= by;
                }
                fs::write(file, bytes).unwrap();
            }
            verify_path(&copy.dir);
        });
    }
}
