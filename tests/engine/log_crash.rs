//! Two processes append to one log while processes die, the machine stops, the disk fills up or
//! fails, at each operation in turn; and in some runs once more on the way back.
//!
//! After each fault, and again at the end, the log must hold:
//! - batches exactly as they were given, in order, offsets dense from 0, none twice, no bad crc;
//! - all that `append` acknowledged as long as the machine lives, and all that `sync` did after it
//!   stopped too;
//! - nothing that `append` refused, unless the process or machine stopped before it could tell;
//! - a leader epoch that rises where recovery cuts something off, there only, and never falls;
//! - indexes that lead to the same places as a scan;
//! - and it goes on: what is appended and synced then survives the next crash.
//!
//! `RUNNEL_SOAK=1` throws more dice.

use std::io::ErrorKind;
use std::sync::LazyLock;

use crate::log_ground::liar::{Lie, through};
use crate::log_ground::{
    CONTROL, DIR, Rec, Result, batch, lay_out, open, open_to_read, read_batches, soak,
};
use runnel::log::{Error, Notice, PartitionLog, Segment, View};
use runnel::model::{Offset, TopicConfig};
use runnel::record::Compression;
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, Loss, SimStorage};

/// What a process does; the number says which.
#[derive(Debug, Clone, Copy)]
enum Step {
    Append(usize),
    Sync(usize),
    Reopen(usize),
}

use Step::{Append, Reopen, Sync};

#[rustfmt::skip]
const SCRIPT: [Step; 44] = [
    Append(0), Sync(0), Append(0), Append(1), Append(0), Sync(1),
    Append(1), Append(1), Sync(0), Append(0), Append(1), Reopen(0),
    Append(0), Append(1), Sync(1), Sync(0), Append(0), Append(0),
    Append(0), Sync(0), Append(1), Sync(1), Append(0), Reopen(1),
    Append(1), Append(0), Sync(1), Append(0), Append(1), Append(1),
    Reopen(0), Reopen(1), Append(1), Sync(1), Append(0), Append(1),
    Append(0), Append(1), Sync(0), Append(0), Sync(0), Sync(1),
    Append(1), Append(0),
];

/// The batches, in the order in which they are appended: what they hold, and their bytes.
static BATCHES: LazyLock<Vec<(Vec<Rec>, Vec<u8>)>> = LazyLock::new(|| {
    let records = |number: usize| {
        let size = [40, 330, 7, 620, 90, 1, 450, 200][number % 8];
        let record = |part: usize| Rec {
            timestamp: 1000 + (number * 10) as i64 - (number % 3 * 25) as i64 + part as i64,
            key: part.is_multiple_of(2).then(|| format!("key {part}").into_bytes()),
            value: format!("{number}.{part} ").into_bytes().repeat(size / 8 + 1),
        };
        (0..number % 3 + 1).map(record).collect::<Vec<_>>()
    };
    let build = |number| {
        let records = records(number);
        let bytes = batch(&records, Compression::None);
        (records, bytes)
    };
    (0..SCRIPT.len() + 4).map(build).collect()
});

fn config() -> TopicConfig {
    TopicConfig { segment_bytes: 2000, index_interval_bytes: 300, ..TopicConfig::default() }
}

/// When all is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// After the script.
    Script,
    /// After the first sync that returns `Ok` once a fault has struck.
    SyncAfterFault,
}

#[derive(Debug)]
struct Process {
    storage: SimStorage,
    log: PartitionLog,
    /// How many of the acknowledged batches came before the end of its last append.
    appended: usize,
}

/// One run of the script.
#[derive(Debug)]
struct Lab {
    world: SimStorage,
    lie: Lie,
    processes: Vec<Process>,
    now_ms: i64,
    /// Numbers of the batches that were acknowledged, in order.
    expected: Vec<usize>,
    /// How many of them are to survive the machine.
    durable: usize,
    /// A batch whose process died on it: it may be there.
    unanswered: Option<usize>,
    /// A batch that was refused: it may come back if the machine stops before the next append.
    refused: Option<usize>,
    /// The next batch's number.
    next: usize,
    epoch: i32,
    /// Recovery has something to cut off.
    must_cut: bool,
    struck: bool,
}

impl Lab {
    fn new(seed: u64, lie: Lie) -> Self {
        let world = SimStorage::seeded(seed);
        lay_out(&world);
        let mut lab = Self {
            world,
            lie,
            processes: Vec::new(),
            now_ms: 5000,
            expected: Vec::new(),
            durable: 0,
            unanswered: None,
            refused: None,
            next: 0,
            epoch: 0,
            must_cut: false,
            struck: false,
        };
        lab.processes = (0..2).map(|_| lab.begin_process()).collect();
        lab
    }

    fn begin_process(&self) -> Process {
        let storage = self.world.process();
        let log = open(through(storage.clone(), self.lie), &config());
        Process { storage, log, appended: 0 }
    }

    fn run(&mut self, end: End) -> Result<()> {
        for step in SCRIPT {
            let synced = self.step(step).map_err(|wrong| format!("{step:?}: {wrong}"))?;
            if end == End::SyncAfterFault && self.struck && synced {
                return self.stop_the_machine();
            }
        }
        self.stop_the_machine()?;
        // It goes on.
        for step in [Append(0), Append(1), Sync(1), Append(0)] {
            self.step(step).map_err(|wrong| format!("{step:?} afterwards: {wrong}"))?;
        }
        self.stop_the_machine()?;
        self.check_indexes()
    }

    /// Does a step; whether it was a sync that returned `Ok`.
    fn step(&mut self, step: Step) -> Result<bool> {
        self.now_ms += 7;
        match step {
            Append(by) => self.append(by).map(|()| false),
            Sync(by) => {
                let result = self.processes[by].log.sync(self.now_ms);
                self.settle(by, &result, None)?;
                if result.is_ok() {
                    self.durable = self.durable.max(self.processes[by].appended);
                }
                Ok(result.is_ok())
            }
            Reopen(by) => {
                self.processes[by] = self.begin_process();
                Ok(false)
            }
        }
    }

    fn append(&mut self, by: usize) -> Result<()> {
        let number = self.next;
        self.next += 1;
        let mut bytes = BATCHES[number].1.clone();
        let result = self.processes[by].log.append(&mut bytes, self.now_ms);
        if let Ok(appended) = &result {
            if appended.base_offset != self.end() {
                return Err(format!("{appended:?} where {} comes", self.end()));
            }
            self.expected.push(number);
            self.processes[by].appended = self.expected.len();
            self.refused = None;
        }
        self.settle(by, &result.map(drop), Some(number))
    }

    /// The offset after the batches that were acknowledged.
    fn end(&self) -> Offset {
        Offset(self.expected.iter().map(|number| BATCHES[*number].0.len() as i64).sum())
    }

    /// What follows a call: after a fault the log is looked at, the dead come back, and it is
    /// looked at again.
    fn settle(
        &mut self,
        by: usize,
        result: &std::result::Result<(), Error>,
        append: Option<usize>,
    ) -> Result<()> {
        let Err(error) = result else { return Ok(()) };
        self.struck = true;
        if self.processes[by].storage.is_alive() {
            self.refused = append.or(self.refused);
            return self.look("an error").map_err(|wrong| format!("{error}: {wrong}"));
        }
        if self.processes[1 - by].storage.is_alive() {
            self.unanswered = append;
        } else {
            self.machine_stopped(append)?;
        }
        self.come_back(by)
    }

    /// What a machine that stopped leaves, as a reader finds it before any writer comes.
    fn machine_stopped(&mut self, append: Option<usize>) -> Result<()> {
        let (view, found) = self.read()?;
        self.must_cut |= view.tail_fault().is_some();
        let lost_from = found.len();
        if lost_from < self.durable {
            return Err(format!("{lost_from} batches are left of {} synced", self.durable));
        }
        let extra = [append, self.unanswered, self.refused];
        self.expected.truncate(lost_from);
        if lost_from == self.expected.len() + 1 {
            let last = found.last().expect("there is one");
            let number = extra.into_iter().flatten().find(|n| BATCHES[*n].0 == *last);
            self.expected.push(number.ok_or("the last batch is none that may be there")?);
        }
        self.compare(&found)?;
        (self.unanswered, self.refused) = (None, None);
        self.processes = (0..2).map(|_| self.begin_process()).collect();
        Ok(())
    }

    /// Opens the log by a new process, until nothing strikes any more.
    fn come_back(&mut self, by: usize) -> Result<()> {
        for _ in 0..6 {
            if !self.processes[by].storage.is_alive() {
                self.processes[by] = self.begin_process();
            }
            let result = self.processes[by].log.open_to_append(self.now_ms);
            match result {
                Ok(()) => return self.opened(by),
                Err(_) if self.processes[by].storage.is_alive() => {}
                Err(_) if self.processes[1 - by].storage.is_alive() => {}
                Err(_) => self.machine_stopped(None)?,
            }
        }
        Err("it does not open any more".to_owned())
    }

    /// The log was opened to append to: a batch of a dead process is there now, or will never be.
    fn opened(&mut self, by: usize) -> Result<()> {
        let (_, found) = self.read()?;
        if found.len() == self.expected.len() + 1
            && let Some(number) = self.unanswered
        {
            self.expected.push(number);
        }
        self.unanswered = None;
        self.look("opening")?;
        let notices = self.processes[by].log.take_notices();
        let cut = notices.iter().any(|notice| matches!(notice, Notice::TailCut { .. }));
        if cut && !self.must_cut {
            return Err(format!("cut off what no reader took for damage: {notices:?}"));
        }
        let epoch = self.processes[by].log.view().map_err(|e| e.to_string())?.leader_epoch();
        if self.must_cut && epoch <= self.epoch || !self.must_cut && epoch != self.epoch {
            let cut = if self.must_cut { "a cut" } else { "no cut" };
            return Err(format!("the leader epoch was {}, after {cut} it is {epoch}", self.epoch));
        }
        (self.epoch, self.must_cut) = (epoch, false);
        Ok(())
    }

    /// What a new process reads.
    fn read(&self) -> Result<(View, Vec<Vec<Rec>>)> {
        let log = open_to_read(through(self.world.process(), self.lie), &config());
        let view = log.view().map_err(|error| format!("no view: {error}"))?;
        let found = read_batches(&log, &view, 1000)?;
        Ok((view, found))
    }

    /// All that was acknowledged must be there, and nothing else.
    fn look(&mut self, after: &str) -> Result<()> {
        let (view, found) = self.read().map_err(|wrong| format!("after {after}: {wrong}"))?;
        self.must_cut |= view.tail_fault().is_some();
        self.compare(&found).map_err(|wrong| format!("after {after}: {wrong}"))
    }

    fn compare(&self, found: &[Vec<Rec>]) -> Result<()> {
        let numbers: Vec<_> = found
            .iter()
            .map(|records| BATCHES.iter().position(|(batch, _)| batch == records))
            .collect();
        if numbers.iter().copied().eq(self.expected.iter().copied().map(Some)) {
            return Ok(());
        }
        Err(format!("found the batches {numbers:?} in place of {:?}", self.expected))
    }

    /// The power fails, and what was not synced is lost.
    fn stop_the_machine(&mut self) -> Result<()> {
        self.world.clear_faults();
        self.look("all")?;
        self.world.crash(Loss::Everything);
        self.machine_stopped(None).map_err(|wrong| format!("after the last crash: {wrong}"))?;
        self.come_back(1)
    }

    /// With its index a segment must find each offset where it finds it without.
    fn check_indexes(&self) -> Result<()> {
        let storage = self.world.process();
        let (view, _) = self.read()?;
        let segments = view.segments();
        for (base, next) in segments.iter().zip(segments[1..].iter().chain([&view.end()])) {
            let indexed = Segment::open(&storage, DIR, *base).map_err(|e| e.to_string())?;
            let plain = Segment { index: None, log: indexed.log.clone(), ..copy_of(&indexed) };
            let end = indexed.log.metadata().map_err(|e| e.to_string())?.len;
            for offset in (base.0..=next.0).map(Offset) {
                let find = |segment: &Segment| segment.position_of(offset, end);
                let (with, without) = (find(&indexed), find(&plain));
                let (with, without) =
                    (with.map_err(|e| e.to_string())?, without.map_err(|e| e.to_string())?);
                if with != without {
                    return Err(format!("{offset} of {base}: index {with}, scan {without}"));
                }
            }
        }
        Ok(())
    }
}

fn copy_of(segment: &Segment) -> Segment {
    Segment {
        base_offset: segment.base_offset,
        log: segment.log.clone(),
        index: segment.index.clone(),
        time_index: segment.time_index.clone(),
        opening: segment.opening,
    }
}

/// Runs the script with faults planned, numbers counted from its first operation.
fn run(seed: u64, lie: Lie, faults: &[(u64, Fault)], end: End) -> Result<u64> {
    let mut lab = Lab::new(seed, lie);
    let first = lab.world.operations();
    for (number, fault) in faults {
        lab.world.fail_at(first + number, *fault);
    }
    let result = lab.run(end);
    let operations = lab.world.operations() - first;
    result.map(|()| operations).map_err(|wrong| {
        let trace = lab.world.trace()[first as usize..].join("\n");
        format!("{trace}\nseed {seed}, {faults:?} from {first} on, {end:?}: {wrong}")
    })
}

fn operations() -> u64 {
    let operations = run(0, Lie::Honest, &[], End::Script).expect("nothing fails");
    assert!(operations > 150, "a script of {operations} operations");
    operations
}

/// Each operation struck by a fault.
fn strike_each(lie: Lie, fault: impl Fn(u64) -> Fault, seeds: u64, end: End) -> Result<()> {
    for number in 0..operations() {
        for seed in 0..seeds {
            run(seed, lie, &[(number, fault(seed))], end)?;
        }
    }
    Ok(())
}

/// As many as a quick run takes, or a long one.
fn seeds(quick: u64, long: u64) -> u64 {
    if soak() { long } else { quick }
}

const FULL: Fault = Fault::Error(ErrorKind::StorageFull);

#[track_caller]
fn passes(result: Result<()>) {
    if let Err(wrong) = result {
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[test]
fn the_script_rolls_and_indexes() {
    let mut lab = Lab::new(0, Lie::Honest);
    for step in SCRIPT {
        lab.step(step).expect("nothing fails");
    }
    let (view, _) = lab.read().expect("reads");
    assert!(view.segments().len() > 4, "{:?}", view.segments());
    for suffix in [".index", ".timeindex"] {
        let path = crate::log_ground::segment_path(view.segments()[2], suffix);
        assert!(!lab.world.file_bytes(&path).expect("is there").is_empty(), "{path}");
    }
}

#[test]
fn a_process_dies_at_each_operation() {
    passes(strike_each(Lie::Honest, |_| Fault::Kill, seeds(1, 20), End::Script));
}

#[test]
fn the_machine_stops_at_each_operation() {
    for loss in [Loss::Everything, Loss::Nothing] {
        passes(strike_each(Lie::Honest, |_| Fault::MachineCrash(loss), 1, End::Script));
    }
}

#[test]
fn the_machine_stops_and_tears_at_each_operation() {
    let fault = |seed| Fault::MachineCrash(Loss::Random(seed));
    passes(strike_each(Lie::Honest, fault, seeds(2, 60), End::Script));
}

#[test]
fn each_operation_fails_once() {
    passes(strike_each(Lie::Honest, |_| FULL, seeds(1, 5), End::Script));
    passes(strike_each(Lie::Honest, |_| FULL, seeds(1, 5), End::SyncAfterFault));
}

#[test]
fn a_second_fault_strikes_soon_after_the_first() {
    let torn = |seed| Fault::MachineCrash(Loss::Random(seed));
    let faults = |seed| [Fault::Kill, FULL, torn(seed), Fault::MachineCrash(Loss::Everything)];
    for number in 0..operations() {
        for round in 0..seeds(2, 40) {
            let gap = if soak() { round + 1 } else { (number * 7 + round * 5) % 16 + 1 };
            for seed in 0..seeds(1, 16) {
                let pick = number * 5 + gap * 3 + seed;
                let first = faults(pick)[(pick % 4) as usize];
                let second = faults(pick + 1)[(pick / 4 % 4) as usize];
                // Who dies at once when a sync has failed can tell nobody.
                if (first, second, gap) == (FULL, Fault::Kill, 1) {
                    continue;
                }
                let planned = [(number, first), (number + gap, second)];
                passes(run(pick, Lie::Honest, &planned, End::Script).map(drop));
            }
        }
    }
}

/// Recovery must not believe a sync that only repeats one that failed, though nobody could be told.
#[test]
fn recovery_fails_in_a_running_machine() {
    for number in 0..16 {
        let mut lab = Lab::new(number, Lie::Honest);
        for step in [Append(0), Append(1), Append(0)] {
            lab.step(step).expect("nothing fails");
        }
        lab.world.process().remove_file(CONTROL).expect("is there");
        lab.world.fail_at(lab.world.operations() + number, FULL);
        for step in [Sync(0), Append(1), Sync(1), Sync(0), Sync(1)] {
            passes(lab.step(step).map(drop));
        }
        passes(lab.stop_the_machine().map_err(|wrong| format!("{number}: {wrong}")));
    }
}

/// The test must find each lie, or it proves nothing.
#[test]
fn the_canaries_are_found() {
    for (lie, fault) in [
        (Lie::SyncsNoData, Fault::Kill),
        (Lie::SyncsNoNames, Fault::Kill),
        (Lie::RepeatsFailedSyncs, FULL),
    ] {
        let found = strike_each(lie, |_| fault, 1, End::SyncAfterFault);
        assert!(found.is_err(), "{lie:?} must be found");
    }
}
