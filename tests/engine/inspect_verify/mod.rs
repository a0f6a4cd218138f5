//! Verifying logs: what Kafka 4.3.0 and this library wrote is sound, and what was done to a copy
//! is told with file, position and severity.

mod beside;
mod damage;
mod ends;
mod garbage;
mod snapshots;
mod unusual;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runnel::broker::{Access, Broker, Home, NewTopic};
use runnel::clock::SystemClock;
use runnel::cluster::ForeignLog;
use runnel::inspect::{Problem, Report, Severity, bytes_to_verify, verify_partition};
use runnel::log::{Fault, PartitionLog};
use runnel::model::{Compression, TopicConfig, TopicName};
use runnel::record::{Batch, BatchBuilder, CorruptBatch, Frame, Headers, Record};
use tempfile::TempDir;

use crate::support::World;
use crate::support::data::unpack;

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
        Copied::of(&self.dir())
    }
}

/// A partition directory to do damage to.
struct Copied {
    _home: TempDir,
    dir: PathBuf,
}

impl Copied {
    fn of(partition: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(name(partition));
        copy_dir(partition, &dir);
        Self { _home: home, dir }
    }

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
#[test]
fn what_kafka_wrote_is_sound() {
    for archive in ["clean", "unclean"] {
        let world = World::new();
        let directory = unpack(&world, archive);
        let (mut partitions, mut records) = (0, BTreeMap::new());
        for entry in fs::read_dir(directory).unwrap() {
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
