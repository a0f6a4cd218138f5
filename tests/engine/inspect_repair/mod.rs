//! Repairing logs: whatever was done to a copy, what could be read before can be read after, and
//! nothing else; then nothing is damaged any more. Stopped anywhere, it is as good as not begun.

mod crash;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runnel::inspect::dump::{DumpOptions, Flow, dump_file};
use runnel::inspect::repair::{KeptIn, RepairOptions, plan_repair, repair};
use runnel::inspect::{Problem, Severity, Target, TargetKind, verify_partition};
use runnel::log::PartitionLog;
use runnel::model::limits;
use runnel::record::{Batch, Decompressor, Frame};
use runnel::storage::Directory;
use tempfile::TempDir;

use crate::random::Random;
use crate::support::World;
use crate::support::data::unpack;

/// What there is at each offset: timestamp, key, value of the record, and whether it is a marker.
type Records = BTreeMap<i64, (i64, Option<Vec<u8>>, Option<Vec<u8>>, bool)>;

/// Partitions of a real broker to do damage to.
const PARTITIONS: [&str; 6] =
    ["tx-0", "segments-0", "compacted-0", "codec-zstd-0", "__consumer_offsets-0", "logappend-0"];

/// A log directory of one partition.
struct Copied {
    home: TempDir,
    dir: PathBuf,
    id: runnel::model::Uuid,
}

impl Copied {
    fn of(partition: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("log")).unwrap();
        let dir = home.path().join("log").join(partition.file_name().unwrap());
        fs::create_dir(&dir).unwrap();
        for entry in fs::read_dir(partition).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
        let text = fs::read_to_string(dir.join("partition.metadata")).unwrap();
        let id = text.lines().last().unwrap().trim_start_matches("topic_id: ").parse().unwrap();
        Self { home, dir, id }
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn log(&self) -> Arc<PartitionLog> {
        Target::open(&self.dir).unwrap().logs().unwrap().remove(0)
    }

    fn options(&self) -> RepairOptions {
        let storage = Arc::new(Directory::open(self.home.path()).unwrap());
        let kept_in = KeptIn { storage, dir: "cut".to_owned() };
        RepairOptions { kept_in, topic_id: Some(self.id), is_own: false, now_ms: 1 }
    }

    fn records(&self) -> Records {
        let mut records = Records::new();
        for file in self.files() {
            if file.extension().is_some_and(|suffix| suffix == "log") {
                scan(&fs::read(file).unwrap(), &mut records);
            }
        }
        records
    }
}

/// Takes every record of every sound batch, wherever one begins.
fn scan(mut bytes: &[u8], records: &mut Records) {
    let mut scratch = Decompressor::new(limits::DECOMPRESSED_BYTES_MAX);
    while !bytes.is_empty() {
        let Ok(Frame::Whole(batch)) = Batch::at_front(bytes) else {
            bytes = &bytes[1..];
            continue;
        };
        if batch.check().is_err() {
            bytes = &bytes[1..];
            continue;
        }
        let is_control = batch.attributes().is_control();
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
            records.insert(record.offset, (record.timestamp, key, value, is_control));
        }
        bytes = &bytes[batch.size_in_bytes()..];
    }
}

/// Does something bad to a file, and says what.
fn damage(random: &mut Random, copy: &Copied) -> String {
    let files = copy.files();
    let file = random.pick(&files).clone();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let mut bytes = fs::read(&file).unwrap();
    let at = random.below(bytes.len().max(1));
    let what = match random.below(9) {
        0 => {
            fs::remove_file(&file).unwrap();
            return format!("{name} removed");
        }
        1 => {
            bytes.truncate(at);
            format!("cut at {at}")
        }
        2 => {
            let end = (at + 1 + random.below(2000)).min(bytes.len());
            bytes[at.min(end)..end].fill(0);
            format!("zeros at {at}..{end}")
        }
        3 => {
            bytes.extend((0..1 + random.below(300)).map(|_| random.next() as u8));
            "bytes at the end".to_owned()
        }
        4 => {
            bytes = (0..random.below(3000)).map(|_| random.next() as u8).collect();
            "nothing but random bytes".to_owned()
        }
        _ if bytes.is_empty() => return format!("{name} as it is"),
        _ => {
            let bit = 1 << random.below(8);
            bytes[at] ^= bit;
            format!("bit {bit:#x} of byte {at}")
        }
    };
    fs::write(&file, bytes).unwrap();
    format!("{name}: {what}")
}

/// How many rounds are made: `RUNNEL_REPAIR_ROUNDS`, or few.
fn rounds() -> u64 {
    std::env::var("RUNNEL_REPAIR_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap())
}

#[test]
fn what_could_be_read_can_be_read_after() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let sound = PARTITIONS.map(|name| (name, Copied::of(&clean.join(name)).records()));
    let mut repaired = 0;
    for seed in 0..rounds() {
        let mut random = Random::new(seed);
        let (name, truth) = random.pick(&sound);
        let copy = Copied::of(&clean.join(name));
        let done: Vec<_> = (0..1 + random.below(3)).map(|_| damage(&mut random, &copy)).collect();
        let case = format!("seed {seed}: {name}: {}", done.join("; "));
        let damaged = copy.records();
        let mut before = damaged.clone();
        before.retain(|offset, record| truth.get(offset) == Some(record));
        dump_all(&copy);
        let log = copy.log();
        let plan = plan_repair(&log, &copy.options()).unwrap_or_else(|e| panic!("{case}: {e}"));
        if plan.steps.is_empty() {
            continue;
        }
        repaired += 1;
        let done = repair(&log, &copy.options()).unwrap_or_else(|e| panic!("{case}: {e}"));
        let is_left = |finding: &&runnel::inspect::Finding| {
            finding.severity == Severity::Damage && !plan.beyond.contains(finding)
        };
        let left: Vec<_> = done.report.findings.iter().filter(is_left).collect();
        assert!(left.is_empty(), "{case}: {left:#?}\n{plan:#?}");
        let after = copy.records();
        for (offset, record) in &before {
            assert!(
                after.get(offset) == Some(record),
                "{case}: offset {offset} is lost\n{plan:#?}"
            );
        }
        // A base offset that is wrong, and could be right, is not known to be wrong.
        for (offset, record) in &after {
            let was_there = [truth, &damaged].iter().any(|of| of.get(offset) == Some(record));
            assert!(was_there, "{case}: offset {offset} is invented");
        }
        let again = plan_repair(&copy.log(), &copy.options()).unwrap();
        assert_eq!(again.steps, [], "{case}: it is done");
    }
    assert!(repaired > rounds() / 3, "{repaired} were damaged");
}

/// Nothing in a file makes a dump do anything but tell.
fn dump_all(copy: &Copied) {
    for file in copy.files() {
        let Ok(target) = Target::open(&file) else { continue };
        let TargetKind::File { path, kind } = &target.kind else { panic!("{file:?}") };
        let options = DumpOptions { batches_only: false };
        let mut each = |_: runnel::inspect::dump::Item<'_>| Flow::Continue(());
        let _: Flow = dump_file(&target.place, path, *kind, options, &mut each).unwrap();
    }
}

#[test]
fn a_batch_gets_its_offset_and_epoch_back() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let truth = Copied::of(&clean.join("segments-0"));
    let log = truth.files().into_iter().find(|file| file.ends_with("00000000000000001413.log"));
    let sound = fs::read(log.unwrap()).unwrap();
    let Ok(Frame::Whole(first)) = Batch::at_front(&sound) else { panic!("a batch") };
    let second = first.size_in_bytes();
    // The high byte of the base offset, a low one, and the leader epoch: no crc covers them.
    for at in [0, 6, 7, 14] {
        for begin in [0, second] {
            let copy = Copied::of(&clean.join("segments-0"));
            let mut bytes = sound.clone();
            bytes[begin + at] ^= 1;
            fs::write(copy.dir.join("00000000000000001413.log"), bytes).unwrap();
            let report = verify_partition(&copy.log(), &mut |_| {}).unwrap();
            assert!(report.has_damage(), "byte {at} of the batch at {begin}");
            let done = repair(&copy.log(), &copy.options()).unwrap();
            assert_eq!(done.report.findings, [], "byte {at} of the batch at {begin}");
            let now = fs::read(copy.dir.join("00000000000000001413.log")).unwrap();
            assert!(now == sound, "byte {at} of the batch at {begin}");
        }
    }
}

#[test]
fn a_missing_segment_becomes_an_empty_batch() {
    let world = World::new();
    let clean = unpack(&world, "clean");
    let copy = Copied::of(&clean.join("segments-0"));
    fs::remove_file(copy.dir.join("00000000000000001413.log")).unwrap();
    let report = verify_partition(&copy.log(), &mut |_| {}).unwrap();
    let is_gap = |what: &Problem| matches!(what, Problem::Gap { .. });
    assert!(report.findings.iter().any(|it| it.severity == Severity::Damage && is_gap(&it.what)));
    let done = repair(&copy.log(), &copy.options()).unwrap();
    assert!(!done.report.has_damage(), "{:#?}", done.report.findings);
    let filler = fs::read(copy.dir.join("00000000000000001413.log")).unwrap();
    let Ok(Frame::Whole(batch)) = Batch::at_front(&filler) else { panic!("a batch") };
    assert_eq!((batch.base_offset().0, batch.next_offset().0), (1413, 2825));
    assert_eq!((batch.records_count(), filler.len()), (0, 61));
}
