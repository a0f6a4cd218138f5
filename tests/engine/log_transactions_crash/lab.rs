//! The producers, their coordinator, the processes that they write by, and who reads beside them.

use std::sync::Arc;

use crate::log_ground::history::History;
use crate::log_ground::{CONTROL, Rec, Result, batch, lay_out, open, open_alone, open_to_read};
use runnel::log::{EndMarker, Error, PartitionLog, TransactionCheck, TransactionVersion};
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Headers, Outcome, Record};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Loss, SimStorage};

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writers {
    Server,
    TwoCommands,
}

/// A step. Producers have numbers.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A batch of a producer's transaction, of so many records.
    Batch(usize, usize),
    Commit(usize),
    Abort(usize),
    /// A batch of no producer.
    Plain,
    Close,
    /// Another process opens the log.
    Reopen,
    /// Records that were read are deleted.
    Delete,
}

use Step::{Abort, Batch, Close, Commit, Delete, Plain, Reopen};

#[rustfmt::skip]
const SCRIPT: [Step; 36] = [
    Plain, Batch(0, 2), Batch(1, 1), Plain, Batch(0, 1), Commit(0),
    Batch(2, 3), Abort(1), Batch(0, 1), Batch(2, 1), Commit(2), Reopen,
    Batch(1, 2), Abort(0), Plain, Batch(1, 1), Abort(1), Close,
    Batch(0, 3), Batch(2, 2), Abort(2), Batch(1, 1), Delete, Commit(0),
    Batch(2, 1), Commit(1), Plain, Abort(2), Batch(0, 1), Reopen,
    Batch(0, 2), Commit(0), Batch(1, 1), Abort(1), Plain, Batch(2, 2),
];

fn config() -> TopicConfig {
    TopicConfig { segment_bytes: 900, index_interval_bytes: 200, ..TopicConfig::default() }
}

struct Process {
    storage: SimStorage,
    log: PartitionLog,
}

/// A producer, with what its coordinator knows of it.
#[derive(Debug, Clone, Default)]
struct Producer {
    epoch: i16,
    sequence: i32,
    /// The batches of its transaction: their values.
    batches: Vec<Vec<String>>,
    /// A process died that may have written some of them, and not synced.
    is_tainted: bool,
    /// What was decided last.
    decided: Option<EndMarker>,
}

pub(super) struct Lab {
    pub(super) world: SimStorage,
    writers: Writers,
    processes: Vec<Process>,
    producers: Vec<Producer>,
    /// Values of the transactions that were decided to be committed, by producer.
    pub(super) committed: Vec<Vec<String>>,
    history: History,
    /// Batches so far, and times that a transaction was done anew.
    number: usize,
    anew: usize,
    crashes: u64,
    now_ms: i64,
    strikes: usize,
}

/// How a call went, where it may be done anew.
#[derive(Debug)]
enum Struck {
    /// By a fault.
    Fault,
    /// By what a fault has left.
    Refused(Error),
}

type Attempt<T> = std::result::Result<T, Struck>;

impl Lab {
    pub(super) fn new(seed: u64, writers: Writers) -> Self {
        let world = SimStorage::seeded(seed);
        lay_out(&world);
        let mut lab = Self {
            world,
            writers,
            processes: Vec::new(),
            producers: vec![Producer::default(); 3],
            committed: vec![Vec::new(); 3],
            history: History::default(),
            number: 0,
            anew: 0,
            crashes: 0,
            now_ms: 5000,
            strikes: 0,
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

    /// Does something by the process whose turn it is. After a fault the dead come back, and
    /// what they left is looked at.
    fn attempt<T>(
        &mut self,
        work: impl Fn(&PartitionLog, i64) -> runnel::log::Result<T>,
    ) -> Result<Attempt<T>> {
        self.now_ms += 7;
        let by = self.now_ms as usize % self.processes.len();
        let error = match work(&self.processes[by].log, self.now_ms) {
            Ok(done) => return Ok(Ok(done)),
            Err(error @ Error::Storage(_)) => error,
            Err(error) => return Ok(Err(Struck::Refused(error))),
        };
        self.strikes += 1;
        if self.strikes > 40 {
            return Err(format!("it never gets through: {error}"));
        }
        let dead = self.processes.iter().filter(|process| !process.storage.is_alive()).count();
        if dead == self.processes.len() {
            self.machine_stopped()?;
        } else if dead > 0 {
            let alive = |process: &Process| process.storage.is_alive();
            let dead = self.processes.iter().position(|process| !alive(process));
            self.processes[dead.expect("there is one")] = self.begin_process();
            self.taint();
        }
        self.look()?;
        Ok(Err(Struck::Fault))
    }

    fn taint(&mut self) {
        for producer in &mut self.producers {
            producer.is_tainted = true;
        }
    }

    /// All processes are gone, with a server's its coordinator too: what was decided is done again.
    fn machine_stopped(&mut self) -> Result<()> {
        self.crashes += 1;
        self.look()?;
        self.processes = self.processes.iter().map(|_| self.begin_process()).collect();
        for of in 0..3 {
            self.tell_again(of)?;
        }
        Ok(())
    }

    /// Has the marker of what was decided last written, unless it is there.
    fn tell_again(&mut self, of: usize) -> Result<()> {
        let Some(marker) = self.producers[of].decided else { return Ok(()) };
        loop {
            match self.attempt(|log, now_ms| log.end_transaction(&marker, now_ms))? {
                Ok(_) => return Ok(()),
                Err(Struck::Fault) => {}
                // The next transaction has begun since, or the one after was aborted: it is there.
                Err(Struck::Refused(
                    Error::InvalidTxnState { .. } | Error::InvalidProducerEpoch { .. },
                )) => return Ok(()),
                Err(Struck::Refused(error)) => return Err(format!("{marker:?}: {error}")),
            }
        }
    }

    pub(super) fn run(&mut self) -> Result<()> {
        for step in SCRIPT {
            self.step(step).map_err(|wrong| format!("{step:?}: {wrong}"))?;
            self.look()?;
        }
        self.world.clear_faults();
        for of in 0..3 {
            self.abort(of)?;
        }
        self.world.crash(Loss::Everything);
        self.machine_stopped()?;
        self.look()?;
        self.check_committed()?;
        let open = self.processes[0].log.open_transactions(self.now_ms);
        let open = open.map_err(|error| error.to_string())?;
        if !open.is_empty() {
            return Err(format!("left open: {open:?}"));
        }
        // By the files alone.
        let _ = self.world.process().remove_file(CONTROL);
        self.look()?;
        self.check_committed()
    }

    fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Batch(of, records) => {
                self.number += 1;
                let number = self.number;
                let values = (0..records).map(|part| format!("{of} {number}.{part}")).collect();
                self.producers[of].batches.push(values);
                let last = self.producers[of].batches.len() - 1;
                if self.send(of, last)? { Ok(()) } else { self.do_anew(of) }
            }
            Commit(of) => self.commit(of),
            Abort(of) => {
                self.abort(of)?;
                self.producers[of].batches.clear();
                Ok(())
            }
            Plain => self.insist(|log, now_ms| {
                let value = b"of nobody".to_vec();
                let rec = Rec { timestamp: now_ms, key: None, value };
                log.append(&mut batch(&[rec], Compression::None), now_ms).map(drop)
            }),
            Close => self.insist(PartitionLog::close),
            Reopen => {
                let by = self.now_ms as usize % self.processes.len();
                self.processes[by] = self.begin_process();
                self.taint();
                Ok(())
            }
            Delete => self.insist(|log, now_ms| {
                let view = log.view()?;
                let before = Offset((view.last_stable().0 / 2).max(view.log_start().0));
                log.delete_records(before, now_ms).map(drop)
            }),
        }
    }

    /// Until it is done.
    fn insist(
        &mut self,
        work: impl Fn(&PartitionLog, i64) -> runnel::log::Result<()>,
    ) -> Result<()> {
        loop {
            match self.attempt(&work)? {
                Ok(()) => return Ok(()),
                Err(Struck::Fault) => {}
                Err(Struck::Refused(error)) => return Err(error.to_string()),
            }
        }
    }

    /// Sends a batch of a transaction; false where a fault has struck.
    fn send(&mut self, of: usize, number: usize) -> Result<bool> {
        let producer = &self.producers[of];
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(of as i64, producer.epoch, producer.sequence, true);
        let values = &producer.batches[number];
        for value in values {
            let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
            builder.push(&Record { offset: 0, timestamp: 1000, key: None, value, headers });
        }
        let records = values.len() as i32;
        let bytes = builder.finish().expect("there are records").to_vec();
        let check = TransactionCheck::Verified(TransactionVersion::V2);
        let sent =
            self.attempt(|log, now_ms| log.append_checked(&mut bytes.clone(), check, now_ms))?;
        match sent {
            Ok(_) => {
                self.producers[of].sequence += records;
                Ok(true)
            }
            Err(Struck::Fault) => Ok(false),
            // What it follows was lost with the machine.
            Err(Struck::Refused(Error::OutOfOrderSequence { .. })) if self.crashes > 0 => Ok(false),
            Err(Struck::Refused(error)) => Err(error.to_string()),
        }
    }

    /// Aborts a transaction and sends its batches again, in the next epoch.
    fn do_anew(&mut self, of: usize) -> Result<()> {
        self.anew += 1;
        self.abort(of)?;
        for number in 0..self.producers[of].batches.len() {
            if !self.send(of, number)? {
                return self.do_anew(of);
            }
        }
        Ok(())
    }

    fn commit(&mut self, of: usize) -> Result<()> {
        loop {
            let before = self.crashes;
            let open = self.attempt(|log, now_ms| {
                log.sync(now_ms)?;
                log.producers(now_ms)
            })?;
            let mut is_synced = open.is_ok() && before == self.crashes;
            // Each process syncs what it wrote.
            for by in 0..self.processes.len() {
                is_synced &= self.processes[by].log.sync(self.now_ms).is_ok();
            }
            let producer = &self.producers[of];
            let is_whole = open.is_ok_and(|known| {
                producer.batches.is_empty()
                    || known.iter().any(|known| {
                        known.producer_id == of as i64
                            && known.producer_epoch == producer.epoch
                            && known.last_sequence == producer.sequence - 1
                    })
            });
            if is_synced && is_whole && !self.producers[of].is_tainted {
                break;
            }
            self.revive()?;
            self.do_anew(of)?;
        }
        let values = std::mem::take(&mut self.producers[of].batches).concat();
        self.committed[of].extend(values);
        self.decide(of, Outcome::Commit)
    }

    /// Who died at a sync comes back.
    fn revive(&mut self) -> Result<()> {
        if self.processes.iter().all(|process| !process.storage.is_alive()) {
            return self.machine_stopped();
        }
        for by in 0..self.processes.len() {
            if !self.processes[by].storage.is_alive() {
                self.processes[by] = self.begin_process();
                self.taint();
            }
        }
        Ok(())
    }

    /// Makes the marker durable of what was decided last.
    fn settle(&mut self, of: usize) -> Result<()> {
        loop {
            let before = self.crashes;
            self.tell_again(of)?;
            // All of them, also after one has failed.
            let mut is_synced = true;
            for process in &self.processes {
                is_synced &= process.log.sync(self.now_ms).is_ok();
            }
            if is_synced && before == self.crashes {
                return Ok(());
            }
            self.revive()?;
        }
    }

    fn abort(&mut self, of: usize) -> Result<()> {
        self.decide(of, Outcome::Abort)
    }

    /// From here on the producer's transaction has this end, whatever happens.
    fn decide(&mut self, of: usize, outcome: Outcome) -> Result<()> {
        self.settle(of)?;
        let producer = &mut self.producers[of];
        producer.epoch += 1;
        producer.sequence = 0;
        producer.is_tainted = false;
        producer.decided = Some(EndMarker {
            producer_id: of as i64,
            producer_epoch: producer.epoch,
            coordinator_epoch: 0,
            outcome,
            version: TransactionVersion::V2,
        });
        self.tell_again(of)
    }

    /// What a new process finds.
    fn look(&mut self) -> Result<()> {
        let reader = self.world.process();
        let log = open_to_read(Arc::new(reader.clone()), &config());
        let view = match log.view() {
            Ok(view) => view,
            // The fault has struck the reader.
            Err(Error::Storage(_)) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let before = self.history.clone();
        let looked = self.history.learn(&log, &view).and_then(|()| self.history.check(&log, &view));
        if let Err(wrong) = looked {
            self.history = before;
            let is_struck = !reader.is_alive() || wrong.contains("no storage space");
            return if is_struck { Ok(()) } else { Err(wrong) };
        }
        self.check_visible(&view.last_stable())
    }

    /// Of each producer no more is visible than was decided, in order and none twice.
    fn check_visible(&self, stable: &Offset) -> Result<()> {
        let visible = self.history.committed(0, stable.0);
        for of in 0..3 {
            let prefix = format!("{of} ");
            let of_producer: Vec<_> =
                visible.iter().copied().filter(|value| value.starts_with(&prefix)).collect();
            let decided = &self.committed[of];
            let is_part = of_producer.iter().zip(decided).all(|(found, decided)| found == decided);
            if of_producer.len() > decided.len() || !is_part {
                return Err(format!("visible: {of_producer:?}, decided: {decided:?}"));
            }
        }
        Ok(())
    }

    fn check_committed(&self) -> Result<()> {
        let visible = self.history.committed(0, i64::MAX);
        for of in 0..3 {
            let prefix = format!("{of} ");
            let found: Vec<_> = visible.iter().filter(|value| value.starts_with(&prefix)).collect();
            let decided: Vec<_> = self.committed[of].iter().map(String::as_str).collect();
            if !found.iter().copied().eq(decided.iter()) {
                return Err(format!("in the end {found:?}, committed was {decided:?}"));
            }
        }
        Ok(())
    }
}
