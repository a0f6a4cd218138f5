//! One idempotent producer sends batches to a log, and sends them again until they are durable,
//! while processes die, the machine stops, the disk is full or fails, at each operation in turn.
//!
//! It does as a client does: no more than five batches are on the way at once, and after an error
//! all that were not answered are sent again, in order. In between other batches are appended that
//! are of no producer, records are deleted, and processes are opened anew or stop as they should.
//! In the end each of its batches is in the log once, in order, wherever it was sent again.
//!
//! The server of a directory writes alone; two commands take turns.

use crate::log_ground::{DIR, Rec, Result, batch, lay_out, open, open_alone, soak, unpack};
use runnel::log::{Cursor, Error, PartitionLog};
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Headers, Record};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, Loss, SimStorage};
use std::io::ErrorKind;
use std::sync::Arc;

const PRODUCER: i64 = 41;
/// Batches of the producer in a run.
const BATCHES: usize = 23;
/// Batches that may be on the way at once. Source: Kafka's `max.in.flight.requests.per.connection`.
const IN_FLIGHT: usize = 5;

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writers {
    Server,
    TwoCommands,
}

fn config() -> TopicConfig {
    TopicConfig { segment_bytes: 900, index_interval_bytes: 200, ..TopicConfig::default() }
}

/// Records of the producer's batch with this number.
fn records_of(number: usize) -> usize {
    number % 3 + 1
}

fn sequence_of(number: usize) -> usize {
    (0..number).map(records_of).sum()
}

/// The producer's batch with this number. Its values say which.
fn produced(number: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, None);
    builder.with_producer(PRODUCER, 0, sequence_of(number) as i32, false);
    for part in 0..records_of(number) {
        let value = format!("{number}.{part} ").repeat(number % 4 * 8 + 1);
        let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
        let timestamp = 1000 + number as i64;
        builder.push(&Record { offset: 0, timestamp, key: None, value, headers });
    }
    builder.finish().expect("there are records").to_vec()
}

fn of_nobody() -> Vec<u8> {
    let record = Rec { timestamp: 1000, key: Some(b"of nobody".to_vec()), value: Vec::new() };
    batch(&[record], Compression::None)
}

struct Process {
    storage: SimStorage,
    log: PartitionLog,
}

struct Lab {
    world: SimStorage,
    writers: Writers,
    processes: Vec<Process>,
    now_ms: i64,
    /// Batches that are durable, and up to which all were answered.
    durable: usize,
    /// The highest log start that was answered.
    deleted: Offset,
    /// The producer's records, in order, that were read before they were deleted.
    read: Vec<Vec<u8>>,
    next: Offset,
}

impl Lab {
    fn new(seed: u64, writers: Writers) -> Self {
        let world = SimStorage::seeded(seed);
        lay_out(&world);
        let mut lab = Self {
            world,
            writers,
            processes: Vec::new(),
            now_ms: 5000,
            durable: 0,
            deleted: Offset(0),
            read: Vec::new(),
            next: Offset(0),
        };
        let count = if writers == Writers::Server { 1 } else { 2 };
        lab.processes = (0..count).map(|_| lab.begin_process()).collect();
        lab
    }

    fn begin_process(&self) -> Process {
        let storage = self.world.process();
        let opened = Arc::new(storage.clone());
        let log = match self.writers {
            Writers::Server => open_alone(opened, &config()),
            Writers::TwoCommands => open(opened, &config()),
        };
        Process { storage, log }
    }

    /// Does something by a process until nothing strikes any more.
    fn insist<T>(
        &mut self,
        by: usize,
        work: impl Fn(&PartitionLog, i64) -> std::result::Result<T, Error>,
    ) -> Result<std::result::Result<T, ()>> {
        self.now_ms += 7;
        let by = by % self.processes.len();
        match work(&self.processes[by].log, self.now_ms) {
            Ok(done) => Ok(Ok(done)),
            Err(error @ (Error::Storage(_) | Error::Gone)) => {
                let machine_lives = self.processes[by].storage.is_alive();
                if !machine_lives {
                    self.processes[by] = self.begin_process();
                    let all_died = self.processes.iter().any(|p| !p.storage.is_alive());
                    if all_died {
                        self.processes =
                            self.processes.iter().map(|_| self.begin_process()).collect();
                    }
                }
                if matches!(error, Error::Gone) {
                    return Err("the log is gone".to_owned());
                }
                Ok(Err(()))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    fn run(&mut self) -> Result<()> {
        let mut strikes = 0;
        while self.durable < BATCHES {
            let window = self.durable..(self.durable + IN_FLIGHT).min(BATCHES);
            if !self.send(window.clone())? {
                strikes += 1;
                if strikes > 20 {
                    return Err("it never gets through".to_owned());
                }
                continue;
            }
            self.durable = window.end;
            self.between(window.end)?;
        }
        self.world.clear_faults();
        self.world.crash(Loss::Everything);
        self.processes = self.processes.iter().map(|_| self.begin_process()).collect();
        for number in BATCHES.saturating_sub(IN_FLIGHT)..BATCHES {
            let sent = self.insist(0, |log, now_ms| log.append(&mut produced(number), now_ms))?;
            if !sent.is_ok_and(|appended| appended.is_duplicate) {
                return Err(format!("batch {number} is taken again after all"));
            }
        }
        self.look()?;
        self.check()
    }

    /// Sends batches and has them synced; false if they must be sent again.
    fn send(&mut self, window: std::ops::Range<usize>) -> Result<bool> {
        for number in window.clone() {
            let by = number / 2;
            let sent = self.insist(by, |log, now_ms| log.append(&mut produced(number), now_ms));
            let sent = sent.map_err(|wrong| format!("batch {number}: {wrong}"))?;
            let Ok(appended) = sent else { return Ok(false) };
            if appended.last_offset - appended.base_offset != records_of(number) as i64 - 1 {
                return Err(format!("batch {number}: {appended:?}"));
            }
            if number % 4 == 1 {
                let other = self.insist(by + 1, |log, now_ms| log.append(&mut of_nobody(), now_ms));
                if other?.is_err() {
                    return Ok(false);
                }
            }
        }
        for by in 0..self.processes.len() {
            if self.insist(by, PartitionLog::sync)?.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What happens between two windows. A failure of any of it is no matter.
    fn between(&mut self, number: usize) -> Result<()> {
        self.look()?;
        if number.is_multiple_of(2) {
            let _ = self.insist(number, PartitionLog::close)?;
        }
        if number.is_multiple_of(3) {
            let before = self.next + -3;
            if let Ok(start) =
                self.insist(number, |log, now_ms| log.delete_records(before, now_ms))?
            {
                self.deleted = self.deleted.max(start);
            }
        }
        let by = number % self.processes.len();
        self.processes[by] = self.begin_process();
        Ok(())
    }

    /// Reads what has come, as a new process finds it.
    fn look(&mut self) -> Result<()> {
        let log = crate::log_ground::open_to_read(Arc::new(self.world.process()), &config());
        let view = match log.view() {
            Ok(view) => view,
            // The fault has struck the reader.
            Err(Error::Storage(_)) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if view.log_start() < self.deleted {
            return Err(format!(
                "the log start fell from {} to {}",
                self.deleted,
                view.log_start()
            ));
        }
        let mut cursor = Cursor::at(self.next.max(view.log_start()));
        loop {
            let chunk = match log.read(&view, &mut cursor, 1) {
                Ok(Some(chunk)) => chunk,
                Ok(None) | Err(Error::Storage(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            for batch in chunk.batches() {
                let mut next = batch.base_offset().0;
                let records = unpack(&batch, &mut next)?;
                let (base, from) = (batch.base_offset(), self.next);
                for record in records.into_iter().skip((from - base).max(0) as usize) {
                    if record.key.is_none() {
                        self.read.push(record.value);
                    }
                }
                self.next = Offset(next);
            }
        }
    }

    /// Each of the producer's records was there once, in order. Only what was durable is read.
    fn check(&self) -> Result<()> {
        let expected: Vec<_> = (0..BATCHES)
            .flat_map(|number| {
                (0..records_of(number)).map(move |part| {
                    format!("{number}.{part} ").repeat(number % 4 * 8 + 1).into_bytes()
                })
            })
            .collect();
        if self.read == expected {
            return Ok(());
        }
        let text = |records: &[Vec<u8>]| {
            let first = |value: &Vec<u8>| {
                String::from_utf8_lossy(value).split(' ').next().map(str::to_owned)
            };
            records.iter().filter_map(first).collect::<Vec<_>>().join(" ")
        };
        Err(format!("found {}", text(&self.read)))
    }
}

/// One run with faults planned, numbers counted from its first operation; how many there were.
fn run(seed: u64, writers: Writers, faults: &[(u64, Fault)]) -> Result<u64> {
    let mut lab = Lab::new(seed, writers);
    let first = lab.world.operations();
    for (number, fault) in faults {
        lab.world.fail_at(first + number, *fault);
    }
    let result = lab.run();
    let operations = lab.world.operations() - first;
    result.map(|()| operations).map_err(|wrong| {
        let trace = lab.world.trace()[first as usize..].join("\n");
        format!("{trace}\nseed {seed}, {writers:?}, {faults:?} from {first} on: {wrong}")
    })
}

fn strike_each(writers: Writers, faults: impl Fn(u64) -> Vec<(u64, Fault)>, rounds: u64) {
    let operations = run(0, writers, &[]).expect("nothing fails");
    assert!(operations > 200, "a run of {operations} operations");
    // A quick run strikes every other operation of each kind of writers.
    let step = if soak() { 1 } else { 2 };
    for number in (u64::from(writers == Writers::Server)..operations).step_by(step) {
        for round in 0..rounds {
            let planned = faults(number * rounds + round);
            let planned: Vec<_> =
                planned.into_iter().map(|(gap, fault)| (number + gap, fault)).collect();
            if let Err(wrong) = run(round, writers, &planned) {
                assert!(wrong.is_empty(), "{wrong}");
            }
        }
    }
}

fn rounds(quick: u64, long: u64) -> u64 {
    if soak() { long } else { quick }
}

const FULL: Fault = Fault::Error(ErrorKind::StorageFull);
const WRITERS: [Writers; 2] = [Writers::Server, Writers::TwoCommands];

#[test]
fn a_run_rolls_and_leaves_snapshots() {
    let mut lab = Lab::new(0, Writers::Server);
    lab.run().expect("nothing fails");
    let names = lab.world.process().list(DIR).expect("lists");
    let count = |suffix| names.iter().filter(|entry| entry.name.ends_with(suffix)).count();
    assert!(count(".log") >= 2 && count(".snapshot") >= 2, "{names:?}");
    assert!(lab.deleted > Offset(10), "records were deleted: {}", lab.deleted);
}

#[test]
fn none_is_taken_twice_though_processes_die() {
    for writers in WRITERS {
        strike_each(writers, |_| vec![(0, Fault::Kill)], 1);
    }
}

#[test]
fn none_is_lost_or_taken_twice_though_the_machine_stops() {
    for writers in WRITERS {
        let loss = |pick: u64| match pick % 3 {
            0 => Loss::Everything,
            1 => Loss::Nothing,
            _ => Loss::Random(pick),
        };
        strike_each(writers, |pick| vec![(0, Fault::MachineCrash(loss(pick)))], rounds(1, 30));
    }
}

#[test]
fn none_is_lost_or_taken_twice_though_the_disk_is_full() {
    for writers in WRITERS {
        strike_each(writers, |_| vec![(0, FULL)], rounds(1, 5));
    }
}

#[test]
fn none_is_lost_or_taken_twice_though_it_strikes_again_and_again() {
    let torn = |pick| Fault::MachineCrash(Loss::Random(pick));
    let faults = |pick: u64| [Fault::Kill, FULL, torn(pick), Fault::Kill];
    let planned = |pick: u64| {
        let (first, second) =
            (faults(pick)[(pick % 4) as usize], faults(pick)[(pick / 4 % 4) as usize]);
        // Who dies at once when a sync has failed can tell nobody.
        let gap = if first == FULL && second == Fault::Kill { 5 } else { pick % 13 + 1 };
        vec![(0, first), (gap, second)]
    };
    for writers in WRITERS {
        strike_each(writers, planned, rounds(1, 40));
    }
}
