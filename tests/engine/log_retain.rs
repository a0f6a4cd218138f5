//! Retention and deletion in the crash laboratory: two processes append, sync, retain and delete, and
//! processes die, the machine stops or the disk fails at each operation in turn.
//!
//! After each fault, and at the end, the log must hold:
//! - the records from its start on, dense, each as it was given;
//! - all that `append` acknowledged as long as the machine lives, all that `sync` did after it stopped;
//! - a start that is no lower than the last one that was acknowledged, and no higher than what was
//!   asked for; and no segment below it once a writer has come.
//!
//! `RUNNEL_SOAK=1` throws more dice.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::log_ground::{DIR, Rec, Result, batch, lay_out, open, open_to_read, read_batches, soak};
use runnel::log::{PartitionLog, View, list_segments};
use runnel::model::{Offset, TopicConfig};
use runnel::record::Compression;
use runnel::storage::sim::{Fault, Loss, SimStorage};

/// What a process does; the number says which.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Appends one record.
    Append(usize),
    Sync(usize),
    Reopen(usize),
    /// Takes out what is too much.
    Retain(usize),
    /// Takes out everything: it is old by now.
    RetainAll(usize),
    /// Deletes the records before the middle of the log.
    Delete(usize),
    /// Deletes all records.
    DeleteAll(usize),
}

use Step::{Append, Delete, DeleteAll, Reopen, Retain, RetainAll, Sync};

#[rustfmt::skip]
const SCRIPT: [Step; 52] = [
    Append(0), Append(0), Append(1), Append(0), Sync(0), Append(1), Append(0), Append(0),
    Append(1), Append(1), Retain(1), Append(0), Append(1), Append(1), Sync(1), Append(0),
    Delete(0), Append(1), Append(0), Append(0), Append(0), Retain(0), Reopen(1), Append(1),
    Append(0), RetainAll(1), Append(0), Append(1), Sync(0), Append(1), Append(1), Append(0),
    Append(1), Append(0), DeleteAll(0), Retain(1), Append(1), Append(0), Append(0), Append(0),
    Sync(1), RetainAll(0), RetainAll(1), Append(1), Append(0), Append(1), Append(1), Append(0),
    Append(0), Delete(1), Retain(0), Append(1),
];

const RETENTION_MS: i64 = 100_000;

fn config() -> TopicConfig {
    TopicConfig {
        segment_bytes: 500,
        index_interval_bytes: 100,
        retention_bytes: 900,
        retention_ms: RETENTION_MS,
        ..TopicConfig::default()
    }
}

fn record(number: usize) -> Rec {
    let size = [10, 80, 40, 150, 5][number % 5];
    let value = format!("{number} ").into_bytes().repeat(size / 4 + 1);
    Rec { timestamp: 5000 + number as i64, key: None, value }
}

#[derive(Debug)]
struct Process {
    storage: SimStorage,
    log: PartitionLog,
}

/// One run of the script.
#[derive(Debug)]
struct Lab {
    world: SimStorage,
    processes: Vec<Process>,
    now_ms: i64,
    /// Numbers of the records that were acknowledged, by offset, whether they are there still.
    expected: Vec<usize>,
    /// How many of them are to survive the machine.
    durable: usize,
    /// The number of the record whose append failed, until it is known whether it is there.
    in_doubt: Option<usize>,
    /// Where the log may begin: as was acknowledged last, and as far as was ever asked for.
    starts: (i64, i64),
    next: usize,
    struck: usize,
}

impl Lab {
    fn new(seed: u64) -> Self {
        let world = SimStorage::seeded(seed);
        lay_out(&world);
        let mut lab = Self {
            world,
            processes: Vec::new(),
            now_ms: 5000,
            expected: Vec::new(),
            durable: 0,
            in_doubt: None,
            starts: (0, 0),
            next: 0,
            struck: 0,
        };
        lab.processes = (0..2).map(|_| lab.begin_process()).collect();
        lab
    }

    fn begin_process(&self) -> Process {
        let storage = self.world.process();
        let log = open(Arc::new(storage.clone()), &config());
        Process { storage, log }
    }

    fn run(&mut self) -> Result<()> {
        for step in SCRIPT {
            self.step(step).map_err(|wrong| format!("{step:?}: {wrong}"))?;
        }
        self.world.clear_faults();
        self.look(false)?;
        self.processes[0] = self.begin_process();
        self.settle(false)?;
        self.no_leftovers()?;
        self.world.crash(Loss::Everything);
        self.settle(true)?;
        self.no_leftovers()?;
        for step in [Append(0), Append(1), Retain(0), Sync(1), Sync(0)] {
            self.step(step).map_err(|wrong| format!("{step:?} afterwards: {wrong}"))?;
        }
        self.world.crash(Loss::Everything);
        self.settle(true)
    }

    fn step(&mut self, step: Step) -> Result<()> {
        self.now_ms += 3;
        let now_ms = self.now_ms;
        let done = match step {
            Append(by) => return self.append(by),
            Reopen(by) => {
                self.processes[by] = self.begin_process();
                return Ok(());
            }
            // What another process wrote is not covered.
            Sync(by) => self.processes[by].log.sync(now_ms).map(|()| None),
            Retain(by) => self.retain(by, now_ms)?,
            RetainAll(by) => self.retain(by, now_ms + 2 * RETENTION_MS)?,
            Delete(by) => {
                let middle = (self.starts.0 + self.expected.len() as i64) / 2;
                self.delete(by, middle)
            }
            DeleteAll(by) => self.delete(by, self.expected.len() as i64),
        };
        match done {
            Ok(start) => {
                let start = start.unwrap_or(Offset(self.starts.0)).0;
                if start < self.starts.0 {
                    return Err(format!("the log start fell from {} to {start}", self.starts.0));
                }
                self.starts = (start, start.max(self.starts.1));
                Ok(())
            }
            Err(error) => self.strike().map_err(|wrong| format!("{error}: {wrong}")),
        }
    }

    /// Appends a record; every fourth is synced.
    fn append(&mut self, by: usize) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let log = &self.processes[by].log;
        let mut bytes = batch(&[record(number)], Compression::None);
        let appended = log.append(&mut bytes, self.now_ms);
        match appended {
            Ok(appended) if appended.base_offset.0 != self.expected.len() as i64 => {
                Err(format!("{appended:?} where {} comes", self.expected.len()))
            }
            Ok(_) => {
                self.expected.push(number);
                if number.is_multiple_of(4) {
                    return self.sync(by);
                }
                Ok(())
            }
            Err(error) => {
                self.in_doubt = Some(number);
                self.strike().map_err(|wrong| format!("{error}: {wrong}"))
            }
        }
    }

    /// A sync by the process that appended last covers all.
    fn sync(&mut self, by: usize) -> Result<()> {
        match self.processes[by].log.sync(self.now_ms) {
            Ok(()) => {
                self.durable = self.expected.len();
                Ok(())
            }
            Err(error) => self.strike().map_err(|wrong| format!("{error}: {wrong}")),
        }
    }

    /// The new log start; the inner error is a fault's.
    fn retain(&mut self, by: usize, now_ms: i64) -> Result<runnel::log::Result<Option<Offset>>> {
        let log = &self.processes[by].log;
        let due = log.retention_due(now_ms).map_err(|error| format!("no look: {error}"))?;
        self.starts.1 = self.starts.1.max(due.to.0);
        let retained = log.retain(now_ms);
        if let Ok(retained) = &retained
            && *retained != due
        {
            return Err(format!("{due:?} was due, {retained:?} was done"));
        }
        Ok(retained.map(|retained| Some(retained.to)))
    }

    fn delete(&mut self, by: usize, before: i64) -> runnel::log::Result<Option<Offset>> {
        self.starts.1 = self.starts.1.max(before);
        self.processes[by].log.delete_records(Offset(before), self.now_ms).map(Some)
    }

    /// What follows a fault: the log is looked at, the dead come back, and it is looked at again.
    fn strike(&mut self) -> Result<()> {
        self.struck += 1;
        let machine_stopped = self.processes.iter().all(|process| !process.storage.is_alive());
        if !machine_stopped {
            self.look(false)?;
        }
        self.settle(machine_stopped)
    }

    /// Opens the log by a process that lives, until nothing strikes any more.
    fn settle(&mut self, machine_stopped: bool) -> Result<()> {
        let mut machine_stopped = machine_stopped;
        for _ in 0..6 {
            for by in 0..2 {
                if !self.processes[by].storage.is_alive() {
                    self.processes[by] = self.begin_process();
                }
            }
            let opened = self.processes[0].log.open_to_append(self.now_ms);
            if opened.is_ok() {
                self.look(machine_stopped)?;
                self.in_doubt = None;
                return Ok(());
            }
            machine_stopped |= self.processes.iter().all(|process| !process.storage.is_alive());
        }
        Err("it does not open any more".to_owned())
    }

    fn read(&self) -> Result<(View, Vec<Rec>)> {
        let log = open_to_read(Arc::new(self.world.process()), &config());
        let view = log.view().map_err(|error| format!("no view: {error}"))?;
        let found = read_batches(&log, &view, 300)?;
        Ok((view, found.concat()))
    }

    /// What a new process reads must be what was acknowledged, from a start on that may be. A
    /// record in doubt is there or not; a machine that stopped keeps what was durable, and more.
    fn look(&mut self, machine_stopped: bool) -> Result<()> {
        let (view, found) = self.read()?;
        let (start, end) = (view.log_start().0, view.end().0 as usize);
        let (lowest, highest) = self.starts;
        if !(lowest..=highest).contains(&start) {
            return Err(format!("it begins at {start}, not within {lowest} to {highest}"));
        }
        let mut whole = self.expected.clone();
        if end == whole.len() + 1 {
            whole.extend(self.in_doubt);
        }
        if machine_stopped && end >= self.durable.max(start as usize) {
            whole.truncate(end);
        }
        let expected: Vec<_> = whole[start as usize..].iter().map(|n| record(*n)).collect();
        if found != expected {
            let durable = self.durable;
            return Err(format!(
                "{} records from {start} in place of {} ({durable} durable)",
                found.len(),
                expected.len(),
            ));
        }
        self.expected = whole;
        // A start that a reader was shown never falls again.
        if !machine_stopped {
            self.starts.0 = start;
        }
        Ok(())
    }

    fn no_leftovers(&self) -> Result<()> {
        let (view, _) = self.read()?;
        let there = list_segments(&self.world.process(), DIR).map_err(|error| error.to_string())?;
        // One past the end may be there: of a roll that broke off.
        match there.first() == view.segments().first() {
            true => Ok(()),
            false => Err(format!("{there:?} are there, {:?} are seen", view.segments())),
        }
    }
}

/// Runs the script with faults planned, numbers counted from its first operation.
fn run(seed: u64, faults: &[(u64, Fault)]) -> Result<u64> {
    let mut lab = Lab::new(seed);
    let first = lab.world.operations();
    for (number, fault) in faults {
        lab.world.fail_at(first + number, *fault);
    }
    let result = lab.run();
    let operations = lab.world.operations() - first;
    result.map(|()| operations).map_err(|wrong| {
        let trace = lab.world.trace()[first as usize..].join("\n");
        format!("{trace}\nseed {seed}, {faults:?} from {first} on: {wrong}")
    })
}

fn operations() -> u64 {
    let operations = run(0, &[]).expect("nothing fails");
    assert!(operations > 300, "a script of {operations} operations");
    operations
}

#[track_caller]
fn passes(result: Result<u64>) {
    if let Err(wrong) = result {
        assert!(wrong.is_empty(), "{wrong}");
    }
}

const FULL: Fault = Fault::Error(ErrorKind::StorageFull);

#[test]
fn the_script_takes_out_segments() {
    let mut lab = Lab::new(0);
    let mut starts = Vec::new();
    for step in SCRIPT {
        lab.step(step).expect("nothing fails");
        if !matches!(step, Append(_) | Sync(_) | Reopen(_)) {
            starts.push(lab.starts.0);
        }
    }
    starts.dedup();
    assert!(starts.len() >= 6, "{starts:?}");
    assert!(lab.durable > 10);
}

#[test]
fn each_operation_is_struck() {
    let losses = [Loss::Everything, Loss::Nothing, Loss::Random(1)].map(Fault::MachineCrash);
    let faults = [Fault::Kill, FULL].into_iter().chain(losses);
    for number in 0..operations() {
        for (turn, fault) in faults.clone().enumerate() {
            // In a quick run each operation meets two of them.
            if soak() || (number + turn as u64) % 5 < 2 {
                passes(run(number, &[(number, fault)]));
            }
        }
        for seed in 0..if soak() { 40 } else { 0 } {
            passes(run(seed, &[(number, Fault::MachineCrash(Loss::Random(seed)))]));
        }
    }
}

#[test]
fn a_second_fault_strikes_soon_after_the_first() {
    let torn = |seed| Fault::MachineCrash(Loss::Random(seed));
    let faults = |seed| [Fault::Kill, FULL, torn(seed), Fault::MachineCrash(Loss::Everything)];
    for number in (0..operations()).step_by(if soak() { 1 } else { 4 }) {
        for round in 0..if soak() { 40 } else { 1 } {
            let gap = (number * 7 + round * 5) % 16 + 2;
            let pick = number * 5 + gap * 3 + round;
            let first = faults(pick)[(pick % 4) as usize];
            let second = faults(pick + 1)[(pick / 4 % 4) as usize];
            passes(run(pick, &[(number, first), (number + gap, second)]));
        }
    }
}
