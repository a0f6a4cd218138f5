//! Readers in a tight loop beside a writer and a compaction that never rests, over real files: as
//! processes do it, each with a log of its own, and as the threads of a server do it, with one.
//!
//! Record `n` has time `n`, value `n`, and one of a few keys; every so many have a key of their own. So
//! whatever was compacted when: what a reader finds rises, is what was appended, and has every record
//! of the latter kind.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::log_ground::hooked::Hooked;
use crate::log_ground::{Result, lay_out, open, open_alone, open_to_read, soak};
use runnel::inspect::verify_partition;
use runnel::log::{Chunk, Compaction, CompactionEnd, Cursor, PartitionLog, View};
use runnel::model::config::CleanupPolicy;
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Decompressor, Headers, Record};
use runnel::storage::sim::SimStorage;
use runnel::storage::{Directory, Storage};
use tempfile::TempDir;

const KEYS: i64 = 16;
/// Batches that are appended for a compaction.
const BATCHES_EACH: usize = 60;
/// Every so many records one stays for ever.
const STAYS_EVERY: i64 = 40;

fn config() -> TopicConfig {
    TopicConfig {
        segment_bytes: 4000,
        index_interval_bytes: 300,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        ..TopicConfig::default()
    }
}

/// In memory where that can be: what is tested is not how fast a disk syncs.
fn home() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

fn directory(path: &Path) -> Arc<Directory> {
    Arc::new(Directory::open(path).expect("opens"))
}

/// Appends batches of one to five records from a number on; gives the number after them.
fn append(log: &PartitionLog, mut next: i64) -> i64 {
    let mut builder = BatchBuilder::new(Compression::None, None);
    for _ in 0..next % 5 + 1 {
        let key = if next % STAYS_EVERY == 0 { -1 - next } else { next % KEYS }.to_string();
        let value = format!("{next:030}");
        builder.push(&Record {
            offset: 0,
            timestamp: next,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: Headers::NONE,
        });
        next += 1;
    }
    let appended = log.append(builder.finish().expect("there are records"), 0).expect("appends");
    assert_eq!(appended.last_offset.next().0, next);
    next
}

/// Notes the offsets of a chunk's records, each of which must be what was appended.
fn take(chunk: &Chunk, found: &mut Vec<i64>) -> Result<()> {
    let mut decompressor = Decompressor::default();
    for batch in chunk.batches() {
        batch.check().map_err(|cause| cause.to_string())?;
        for record in batch.records(&mut decompressor).map_err(|cause| cause.to_string())? {
            let record = record.map_err(|cause| cause.to_string())?;
            let expected = format!("{:030}", record.offset);
            if record.value != Some(expected.as_bytes()) || record.timestamp != record.offset {
                return Err(format!("offset {} is another record", record.offset));
            }
            if found.last().is_some_and(|last| *last >= record.offset) {
                return Err(format!("offset {} comes after {:?}", record.offset, found.last()));
            }
            found.push(record.offset);
        }
    }
    Ok(())
}

/// Reads a view from its beginning to its end, slowly enough that the files change under it.
fn read_through(log: &PartitionLog, view: &View) -> Result<()> {
    let (mut cursor, mut found) = (Cursor::at(Offset(0)), Vec::new());
    while let Some(chunk) = log.read(view, &mut cursor, 700).map_err(|error| error.to_string())? {
        take(&chunk, &mut found)?;
    }
    if cursor.offset != view.end() {
        return Err(format!("the reading ends at {}, the view at {}", cursor.offset, view.end()));
    }
    let found: BTreeSet<_> = found.into_iter().collect();
    let mut stays = (0..view.end().0).step_by(STAYS_EVERY as usize);
    match stays.find(|offset| !found.contains(offset)) {
        Some(offset) => Err(format!("offset {offset} is missing before {}", view.end())),
        None => Ok(()),
    }
}

/// The first record at or after a time is not later than the first that stays.
fn search(log: &PartitionLog, view: &View, timestamp: i64) -> Result<()> {
    let found = log.offset_for_time(view, timestamp).map_err(|error| error.to_string())?;
    let stays = (timestamp + STAYS_EVERY - 1) / STAYS_EVERY * STAYS_EVERY;
    match found {
        None if stays >= view.end().0 => Ok(()),
        Some(found) if (timestamp..=stays).contains(&found.offset.0) => Ok(()),
        other => Err(format!("time {timestamp}: {other:?}, the log ends at {}", view.end())),
    }
}

/// What the threads of a run share.
#[derive(Default)]
struct Run {
    is_over: AtomicBool,
    compactions: AtomicU64,
    readings: AtomicU64,
}

impl Run {
    fn write(&self, log: &PartitionLog) {
        let mut next = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            // As much for each compaction, so that none has nothing to do and the log stays small.
            let (before, begun) = (self.compactions.load(Ordering::Relaxed), Instant::now());
            for _ in 0..BATCHES_EACH {
                next = append(log, next);
            }
            while self.compactions.load(Ordering::Relaxed) == before
                && begun.elapsed() < Duration::from_millis(50)
            {
                std::thread::yield_now();
            }
        }
        log.sync(0).expect("syncs");
    }

    fn compact(&self, log: &PartitionLog) {
        let mut number = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            number += 1;
            let how = Compaction { map_bytes_max: 1 << 16, is_forced: number % 2 == 0 };
            let end = log.compact(&how, 0, &mut |_| ControlFlow::Continue(())).expect("compacts");
            match end {
                CompactionEnd::Done(_) => self.compactions.fetch_add(1, Ordering::Relaxed),
                CompactionEnd::NotDue | CompactionEnd::Busy => 0,
                other => panic!("{other:?}"),
            };
        }
    }

    fn read(&self, log: &PartitionLog) -> Result<()> {
        let mut followed = Cursor::at(Offset(0));
        let mut seen = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let view = log.view().map_err(|error| error.to_string())?;
            read_through(log, &view)?;
            for part in 0..4 {
                search(log, &view, view.end().0 * part / 3)?;
            }
            let now = log.view().map_err(|error| error.to_string())?;
            while let Some(chunk) =
                log.read(&now, &mut followed, 2000).map_err(|error| error.to_string())?
            {
                take(&chunk, &mut seen)?;
            }
            let report = verify_partition(log, &mut |_| {}).map_err(|error| error.to_string())?;
            if report.has_damage() {
                return Err(format!("a verification finds {:?}", report.findings));
            }
            self.readings.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn wait(&self) {
        let long = if soak() { 120 } else { 1 };
        let enough = |run: &Self| {
            run.compactions.load(Ordering::Relaxed) > 20 * long
                && run.readings.load(Ordering::Relaxed) > 20 * long
        };
        let begun = Instant::now();
        while !enough(self) && begun.elapsed() < Duration::from_secs(60 * long) {
            std::thread::sleep(Duration::from_millis(20));
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
        }
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Ends the run also where its thread panics.
struct Ends<'r>(&'r Run);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn run(logs: [&PartitionLog; 4]) {
    let run = Run::default();
    let results = std::thread::scope(|scope| {
        let [writer, compactor, readers @ ..] = logs;
        scope.spawn(|| {
            let _ends = Ends(&run);
            run.write(writer);
        });
        scope.spawn(|| {
            let _ends = Ends(&run);
            run.compact(compactor);
        });
        let read = |log| {
            let _ends = Ends(&run);
            run.read(log)
        };
        let readers = readers.map(|log| scope.spawn(move || read(log)));
        run.wait();
        readers.map(|reader| reader.join().expect("no panic"))
    });
    for result in results {
        if let Err(wrong) = result {
            panic!("{wrong}");
        }
    }
    assert!(run.compactions.load(Ordering::Relaxed) > 20, "compactions are under way");
    assert!(run.readings.load(Ordering::Relaxed) > 20, "so are readings");
}

#[test]
fn processes() {
    let home = home();
    lay_out(&*directory(home.path()));
    let [writer, compactor] = [0, 1].map(|_| open(directory(home.path()), &config()));
    writer.open_to_append(0).expect("opens");
    let [a, b] = [0, 1].map(|_| open_to_read(directory(home.path()), &config()));
    run([&writer, &compactor, &a, &b]);
}

#[test]
fn threads_of_a_server_and_a_reader_beside_it() {
    let home = home();
    lay_out(&*directory(home.path()));
    let server = open_alone(directory(home.path()), &config());
    server.open_to_append(0).expect("opens");
    let reader = open_to_read(directory(home.path()), &config());
    run([&server, &server, &server, &reader]);
}

/// What is appended once a compaction has begun is for the next: this one does not know which batches
/// of it are the last of their producers.
#[test]
fn a_producer_that_writes_meanwhile_is_not_forgotten() {
    let world = SimStorage::new();
    lay_out(&world);
    let config = TopicConfig { segment_bytes: 4000, ..TopicConfig::default() };
    let log = open(Arc::new(world.process()), &config);
    let append = |key: &str, value: &[u8], producer: Option<i64>| {
        let mut builder = BatchBuilder::new(Compression::None, None);
        let (key, value, headers) = (Some(key.as_bytes()), Some(value), Headers::NONE);
        builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers });
        if let Some(id) = producer {
            builder.with_producer(id, 0, 0, false);
        }
        log.append(builder.finish().expect("a record"), 1000).expect("appends");
    };
    // More keys than fit into the least map, so that there is a second round.
    (0..1500).for_each(|number| append(&format!("key {number}"), b"", None));
    let mut is_done = false;
    let mut meanwhile = |_| {
        if !std::mem::replace(&mut is_done, true) {
            append("same", b"", Some(7));
            (0..3).for_each(|_| append("same", &[0; 3000], None));
        }
        ControlFlow::Continue(())
    };
    let how = Compaction { map_bytes_max: 0, is_forced: true };
    let end = log.compact(&how, 2000, &mut meanwhile).expect("compacts");
    assert!(matches!(end, CompactionEnd::Done(done) if done.rounds > 1), "{end:?}");
    let view = log.view().expect("a view");
    let (mut cursor, mut found) = (Cursor::at(view.log_start()), 0);
    while let Some(chunk) = log.read(&view, &mut cursor, 1 << 20).expect("reads") {
        found += chunk.batches().filter(|batch| batch.producer_id() == 7).count();
    }
    assert_eq!(found, 1, "its batch");
}

/// Who lists the segments once the compaction is published, before the old ones are removed, must not have the
/// next compaction look for those.
#[test]
fn a_look_before_the_old_segments_are_gone_stops_no_compaction() {
    for open in [open, open_alone] {
        let world = SimStorage::new();
        lay_out(&world);
        let storage = Arc::new(Hooked::new(world.process()));
        let log = Arc::new(open(Arc::clone(&storage) as Arc<dyn Storage>, &config()));
        let looks = Arc::new(AtomicU64::new(0));
        let (looking, counted) = (Arc::clone(&log), Arc::clone(&looks));
        storage.before_removal(move || {
            looking.published_view().expect("reads");
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let mut next = 0;
        (0..BATCHES_EACH).for_each(|_| next = append(&log, next));
        for end in [400, 800, 1200] {
            // All that there is fits into one segment; what the next one is to compact comes meanwhile.
            log.set_config(Arc::new(TopicConfig { segment_bytes: 1 << 20, ..config() }));
            let mut meanwhile = |_| {
                log.set_config(Arc::new(config()));
                while next < end {
                    next = append(&log, next);
                }
                ControlFlow::Continue(())
            };
            let how = Compaction { map_bytes_max: 1 << 16, is_forced: false };
            let end = log.compact(&how, 0, &mut meanwhile).expect("compacts");
            let CompactionEnd::Done(done) = end else { panic!("{end:?}") };
            assert!(done.segments_before > 1 && done.segments_after == 1, "{done:?}");
        }
        assert!(looks.load(Ordering::Relaxed) > 10, "or the test proves nothing");
        let view = log.view().expect("a view");
        read_through(&log, &view).expect("all that stays");
    }
}
