//! Random work on one log by up to three processes, against a plain list of records: in the crash
//! laboratory, and in a real directory.
//!
//! Whatever was done, also to the indexes and the control file: every read gives the records of
//! the list from its offset on, and a search by time the first of them that is not older. Deletion
//! and retention move where the list begins, just as far as they say.
//!
//! `RUNNEL_SOAK=1` tries many more.

mod ops;

use std::sync::Arc;

use self::ops::{Damage, Op, configs, ops};
use crate::log_ground::{CONTROL, Rec, batch, lay_out, open, segment_path, soak, unpack};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use runnel::log::{Cursor, Error, PartitionLog, View};
use runnel::model::{Offset, TopicConfig};
use runnel::record::Compression;
use runnel::storage::sim::{Fault, SimStorage};
use runnel::storage::{Directory, Open, Storage};

type Outcome = Result<(), TestCaseError>;

/// Where the processes live.
enum World {
    Laboratory(SimStorage),
    Disk(Arc<Directory>),
}

struct Process {
    laboratory: Option<SimStorage>,
    log: PartitionLog,
    cursor: Cursor,
    held: Option<View>,
}

struct Model {
    world: World,
    config: TopicConfig,
    processes: Vec<Process>,
    records: Vec<Rec>,
    /// Where the log begins.
    start: i64,
    now_ms: i64,
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

impl Model {
    fn new(world: World, config: TopicConfig) -> Self {
        let mut model = Self {
            world,
            config,
            processes: Vec::new(),
            records: Vec::new(),
            start: 0,
            now_ms: 1000,
        };
        lay_out(&*model.storage());
        model.processes = (0..3).map(|_| model.begin_process()).collect();
        model
    }

    fn storage(&self) -> Arc<dyn Storage> {
        match &self.world {
            World::Laboratory(sim) => Arc::new(sim.clone()),
            World::Disk(directory) => Arc::clone(directory) as Arc<dyn Storage>,
        }
    }

    fn begin_process(&self) -> Process {
        let laboratory = match &self.world {
            World::Laboratory(sim) => Some(sim.process()),
            World::Disk(_) => None,
        };
        let storage: Arc<dyn Storage> = match &laboratory {
            Some(sim) => Arc::new(sim.clone()),
            None => self.storage(),
        };
        let log = open(storage, &self.config);
        Process { laboratory, log, cursor: Cursor::at(Offset(0)), held: None }
    }

    fn step(&mut self, op: Op) -> Outcome {
        self.now_ms += 13;
        match op {
            Op::Append { by, records, codec } => self.append(by, records, codec),
            Op::Sync { by } => self.processes[by].log.sync(self.now_ms).map_err(fail),
            Op::Reopen { by } => {
                self.processes[by] = self.begin_process();
                Ok(())
            }
            Op::Kill { by, records, after } => self.kill(by, records, after),
            Op::Read { by, from, bytes_max } => {
                let from = self.offset_at(from);
                let process = &self.processes[by];
                let view = self.view(&process.log)?;
                self.read(&process.log, &view, Cursor::at(from), bytes_max, usize::MAX).map(drop)
            }
            Op::Follow { by, chunks, bytes_max } => {
                let process = &self.processes[by];
                let view = self.view(&process.log)?;
                let cursor = match process.cursor.offset < view.log_start() {
                    true => Cursor::at(view.log_start()),
                    false => process.cursor,
                };
                let cursor = self.read(&process.log, &view, cursor, bytes_max, chunks)?;
                self.processes[by].cursor = cursor;
                Ok(())
            }
            Op::Hold { by } => {
                let process = &self.processes[by];
                if let Some(view) = &process.held {
                    self.read_held(&process.log, view)?;
                }
                let view = self.view(&process.log)?;
                self.processes[by].held = Some(view);
                Ok(())
            }
            Op::Search { by, timestamp } => self.search(by, timestamp),
            Op::Damage { segment, suffix, how } => self.damage(segment, suffix, &how),
            Op::DropControl => {
                // The next writer makes it again.
                let _ = self.storage().remove_file(CONTROL);
                Ok(())
            }
            Op::Delete { by, before } => {
                let before = self.offset_at(before);
                let deleted = self.processes[by].log.delete_records(before, self.now_ms);
                self.start = before.0;
                prop_assert_eq!(deleted.map_err(fail)?, before);
                Ok(())
            }
            Op::Retain { by, bytes, ms } => self.retain(by, bytes, ms),
        }
    }

    /// An offset of the log as it is, 0 to 255 from its start to its end.
    fn offset_at(&self, fraction: u8) -> Offset {
        Offset(self.start + (self.records.len() as i64 - self.start) * i64::from(fraction) / 255)
    }

    fn retain(&mut self, by: usize, bytes: i64, ms: i64) -> Outcome {
        let log = &self.processes[by].log;
        let config = log.config();
        log.set_config(Arc::new(TopicConfig {
            retention_bytes: bytes,
            retention_ms: ms,
            ..TopicConfig::clone(&config)
        }));
        let expected = self.due(&self.view(log)?, bytes, ms)?;
        let due = log.retention_due(self.now_ms).map_err(fail)?;
        let retained = log.retain(self.now_ms).map_err(fail)?;
        log.set_config(config);
        prop_assert_eq!(&retained, &due);
        prop_assert_eq!((due.from, due.to.0), (Offset(self.start), expected));
        self.start = expected;
        Ok(())
    }

    /// Where the log begins once its retention was done: by one rule after the other, a segment at
    /// a time, until neither takes one.
    fn due(&self, view: &View, bytes: i64, ms: i64) -> Result<i64, TestCaseError> {
        let ends = view.segments().iter().skip(1).copied().chain([view.end()]);
        let mut segments = Vec::new();
        for (base, end) in view.segments().iter().zip(ends) {
            let file = self.storage().metadata(&segment_path(*base, ".log")).map_err(fail)?;
            let records = &self.records[base.0 as usize..end.0 as usize];
            let youngest = records.iter().map(|record| record.timestamp).max();
            let youngest = youngest.filter(|time| *time >= 0).unwrap_or(file.modified_ms);
            segments.push((end.0, file.len as i64, youngest));
        }
        let mut start = view.log_start().0;
        while let Some((end, len, youngest)) = segments.first().copied() {
            let size: i64 = segments.iter().map(|(_, len, _)| len).sum();
            let too_much = bytes >= 0 && size - bytes >= len;
            let too_old = ms >= 0 && self.now_ms - youngest > ms;
            if !(too_much || too_old) || len == 0 {
                break;
            }
            start = end;
            segments.remove(0);
        }
        Ok(start)
    }

    /// Reads a view of before. Where its records are deleted by now, it tells where the log begins.
    fn read_held(&self, log: &PartitionLog, view: &View) -> Outcome {
        let mut cursor = Cursor::at(view.log_start());
        loop {
            let before = cursor;
            match log.read(view, &mut cursor, 300) {
                Ok(Some(_)) => drop(self.read(log, view, before, 300, 1)?),
                Ok(None) => return Ok(()),
                Err(Error::OffsetOutOfRange { start, .. }) => {
                    prop_assert_eq!(start, Offset(self.start));
                    prop_assert!(before.offset < start);
                    return Ok(());
                }
                Err(error) => return Err(fail(error)),
            }
        }
    }

    fn append(&mut self, by: usize, records: Vec<Rec>, codec: Compression) -> Outcome {
        let mut bytes = batch(&records, codec);
        let appended = self.processes[by].log.append(&mut bytes, self.now_ms);
        if bytes.len() as i64 > i64::from(self.config.segment_bytes) {
            prop_assert!(appended.is_err());
            return Ok(());
        }
        let appended = appended.map_err(fail)?;
        prop_assert_eq!(appended.base_offset, Offset(self.records.len() as i64));
        self.records.extend(records);
        prop_assert_eq!(appended.last_offset.next(), Offset(self.records.len() as i64));
        Ok(())
    }

    /// The batch of a process that dies in an append is there or not, whole.
    fn kill(&mut self, by: usize, records: Vec<Rec>, after: u64) -> Outcome {
        let World::Laboratory(sim) = &self.world else { return Ok(()) };
        let mut bytes = batch(&records, Compression::None);
        sim.fail_at(sim.operations() + after, Fault::Kill);
        let answered = self.processes[by].log.append(&mut bytes, self.now_ms).is_ok();
        sim.clear_faults();
        if answered {
            self.records.extend(records);
            return Ok(());
        }
        let alive = self.processes[by].laboratory.as_ref().is_none_or(SimStorage::is_alive);
        self.processes[by] = self.begin_process();
        let log = &self.processes[by].log;
        log.open_to_append(self.now_ms).map_err(fail)?;
        let end = log.view().map_err(fail)?.end().0;
        if end != self.records.len() as i64 {
            prop_assert!(!alive, "a refused append is there");
            self.records.extend(records);
        }
        prop_assert_eq!(end, self.records.len() as i64);
        Ok(())
    }

    fn view(&self, log: &PartitionLog) -> Result<View, TestCaseError> {
        let view = log.view().map_err(fail)?;
        prop_assert_eq!(view.log_start(), Offset(self.start));
        prop_assert_eq!(view.end(), Offset(self.records.len() as i64));
        Ok(view)
    }

    /// Reads so many chunks of a view, or to its end.
    fn read(
        &self,
        log: &PartitionLog,
        view: &View,
        mut cursor: Cursor,
        bytes_max: usize,
        chunks: usize,
    ) -> Result<Cursor, TestCaseError> {
        let mut next = cursor.offset.0;
        for number in 0..chunks {
            let Some(chunk) = log.read(view, &mut cursor, bytes_max).map_err(fail)? else {
                prop_assert_eq!(next, view.end().0);
                break;
            };
            let count = chunk.batches().count();
            prop_assert!(chunk.bytes().len() <= bytes_max || count == 1);
            for (place, batch) in chunk.batches().enumerate() {
                let mut offset = batch.base_offset().0;
                let inside = number == 0 && place == 0 && offset <= next;
                prop_assert!(offset == next || inside, "{} where {} comes", offset, next);
                let from = offset as usize;
                let found = unpack(&batch, &mut offset).map_err(fail)?;
                prop_assert_eq!(&found[..], &self.records[from..offset as usize]);
                prop_assert!(offset > next, "a batch before the offset");
                next = offset;
            }
            prop_assert_eq!(cursor.offset.0, next);
        }
        Ok(cursor)
    }

    fn search(&self, by: usize, timestamp: i64) -> Outcome {
        let log = &self.processes[by].log;
        let view = self.view(log)?;
        let found = log.offset_for_time(&view, timestamp).map_err(fail)?;
        let found = found.map(|found| (found.offset.0, found.timestamp));
        let mut records = (0..).zip(&self.records).skip(self.start as usize);
        let first = records.find(|(_, record)| record.timestamp >= timestamp);
        prop_assert_eq!(found, first.map(|(offset, record)| (offset, record.timestamp)));
        Ok(())
    }

    fn damage(&self, segment: u8, suffix: &str, how: &Damage) -> Outcome {
        let storage = self.storage();
        let view = self.view(&self.processes[0].log)?;
        let count = view.segments().len();
        let Some(base) = view.segments().get(usize::from(segment) * count / 256) else {
            return Ok(());
        };
        let path = segment_path(*base, suffix);
        let Ok(file) = storage.open(&path, Open::Write) else { return Ok(()) };
        let len = file.metadata().map_err(fail)?.len;
        match how {
            Damage::Overwrite { at, bytes } => {
                file.write_all_at(bytes, len * u64::from(*at) / 256).map_err(fail)?;
            }
            Damage::Truncate { to } => {
                let to = len * u64::from(*to) / 256;
                // A finished time index that lost whole entries looks like one that never had them.
                let unnoticed = suffix == ".timeindex" && to.is_multiple_of(12);
                let spare = u64::from(unnoticed && to > 0 && base != &view.segments()[count - 1]);
                file.set_len(to + spare).map_err(fail)?;
            }
            Damage::Extend { by } => file.set_len(len + by).map_err(fail)?,
            Damage::Delete => storage.remove_file(&path).map_err(fail)?,
        }
        Ok(())
    }

    /// Everything, by every process, and by one that opens the log anew.
    fn check_all(&mut self) -> Outcome {
        self.processes.push(self.begin_process());
        for by in 0..self.processes.len() {
            let log = &self.processes[by].log;
            let view = self.view(log)?;
            let end = self.read(log, &view, Cursor::at(view.log_start()), 500, usize::MAX)?;
            prop_assert_eq!(end.offset, view.end());
            for timestamp in [i64::MIN, -1, 0, 1001, 1050, 1099, 1100, 4000, i64::MAX] {
                self.search(by, timestamp)?;
            }
        }
        Ok(())
    }
}

fn work(world: World, config: TopicConfig, ops: Vec<Op>) -> Outcome {
    let mut model = Model::new(world, config);
    for op in ops {
        let what = format!("{op:?}");
        model.step(op).map_err(|wrong| TestCaseError::fail(format!("{what}: {wrong}")))?;
    }
    model.check_all()
}

fn cases(quick: u32, long: u32) -> Config {
    let cases = if soak() { long } else { quick };
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(150, 20_000))]
    #[test]
    fn in_the_laboratory(config in configs(), ops in vec(ops(), 0..80), seed in any::<u64>()) {
        work(World::Laboratory(SimStorage::seeded(seed)), config, ops)?;
    }
}

proptest! {
    #![proptest_config(cases(12, 500))]
    #[test]
    fn in_a_real_directory(config in configs(), ops in vec(ops(), 0..60)) {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directory = Arc::new(Directory::open(home.path()).expect("opens"));
        work(World::Disk(directory), config, ops)?;
    }
}
