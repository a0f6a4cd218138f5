//! Random transactions of several producers, by up to three processes, against a plain list of
//! batches: in the crash laboratory, by commands and by a server.
//!
//! After each step a reader sees what the list says: the log's batches, the last stable offset, and
//! the committed records by the rule of Kafka's clients; whatever became of the control file and
//! of the active segment's index of aborted transactions.
//!
//! `RUNNEL_SOAK=1` tries many more.

use std::sync::Arc;

use crate::log_ground::history::{Fact, History};
use crate::log_ground::{
    CONTROL, Rec, batch, lay_out, open, open_alone, open_to_read, segment_path, soak, sound,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use runnel::log::{Appended, EndMarker, Error, PartitionLog, TransactionCheck, TransactionVersion};
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Headers, Outcome, Record};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, SimStorage};

type Checked = Result<(), TestCaseError>;

/// What happens. `by` is a process, `of` a producer.
#[derive(Debug, Clone)]
enum Op {
    /// A batch of a transaction, begun if need be.
    Append {
        by: usize,
        of: usize,
        records: usize,
    },
    /// The last batch of a producer once more.
    Again {
        by: usize,
        of: usize,
    },
    End {
        by: usize,
        of: usize,
        outcome: Outcome,
        version: TransactionVersion,
    },
    /// A batch of no producer.
    Plain {
        by: usize,
    },
    /// A process dies some operations into a marker, or into a batch where there is no outcome.
    Kill {
        by: usize,
        of: usize,
        outcome: Option<Outcome>,
        after: u64,
    },
    Sync {
        by: usize,
    },
    Close {
        by: usize,
    },
    Reopen {
        by: usize,
    },
    Delete {
        by: usize,
        up_to: u8,
    },
    DropControl,
    DropIndex,
}

fn ops() -> impl Strategy<Value = Op> {
    let (by, of) = (|| 0..3_usize, || 0..3_usize);
    let outcome = || prop_oneof![Just(Outcome::Abort), Just(Outcome::Commit)];
    let version = prop_oneof![Just(TransactionVersion::V1), Just(TransactionVersion::V2)];
    let maybe = proptest::option::of(outcome());
    prop_oneof![
        12 => (by(), of(), 1..4_usize).prop_map(|(by, of, records)| Op::Append { by, of, records }),
        2 => (by(), of()).prop_map(|(by, of)| Op::Again { by, of }),
        7 => (by(), of(), outcome(), version)
            .prop_map(|(by, of, outcome, version)| Op::End { by, of, outcome, version }),
        3 => by().prop_map(|by| Op::Plain { by }),
        3 => (by(), of(), maybe, 0..14_u64)
            .prop_map(|(by, of, outcome, after)| Op::Kill { by, of, outcome, after }),
        1 => by().prop_map(|by| Op::Sync { by }),
        1 => by().prop_map(|by| Op::Close { by }),
        1 => by().prop_map(|by| Op::Reopen { by }),
        1 => (by(), any::<u8>()).prop_map(|(by, up_to)| Op::Delete { by, up_to }),
        1 => Just(Op::DropControl),
        1 => Just(Op::DropIndex),
    ]
}

/// A producer, as it knows itself.
#[derive(Debug, Clone, Default)]
struct Producer {
    epoch: i16,
    sequence: i32,
    is_open: bool,
    /// Its last batch of this epoch, and where it went.
    last: Option<(Vec<u8>, i64)>,
}

struct Process {
    storage: SimStorage,
    log: PartitionLog,
}

struct Model {
    world: SimStorage,
    config: TopicConfig,
    /// A server is one process that writes alone.
    is_server: bool,
    processes: Vec<Process>,
    producers: Vec<Producer>,
    batches: Vec<Fact>,
    history: History,
    start: i64,
    now_ms: i64,
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

/// The outcome, producer, epoch and records of a batch or marker that is about to be appended.
#[derive(Debug, Clone)]
struct Next {
    of: usize,
    bytes: Vec<u8>,
    fact: Fact,
    marker: Option<EndMarker>,
}

impl Model {
    fn new(config: TopicConfig, is_server: bool, seed: u64) -> Self {
        let world = SimStorage::seeded(seed);
        lay_out(&world);
        let mut model = Self {
            world,
            config,
            is_server,
            processes: Vec::new(),
            producers: vec![Producer::default(); 3],
            batches: Vec::new(),
            history: History::default(),
            start: 0,
            now_ms: 1000,
        };
        let count = if is_server { 1 } else { 3 };
        model.processes = (0..count).map(|_| model.begin_process()).collect();
        model
    }

    fn begin_process(&self) -> Process {
        let storage = self.world.process();
        let opened = Arc::new(storage.clone());
        let log = match self.is_server {
            true => open_alone(opened, &self.config),
            false => open(opened, &self.config),
        };
        Process { storage, log }
    }

    fn end(&self) -> i64 {
        self.batches.last().map_or(0, |batch| batch.end)
    }

    /// A producer's next batch.
    fn batch(&self, of: usize, records: usize) -> Next {
        let (producer, producer_id) = (&self.producers[of], of as i64);
        let mut builder = BatchBuilder::new(Compression::None, None);
        builder.with_producer(producer_id, producer.epoch, producer.sequence, true);
        let values: Vec<_> =
            (0..records).map(|part| format!("{of} {}.{part}", self.batches.len())).collect();
        for value in &values {
            let (value, headers) = (Some(value.as_bytes()), Headers::NONE);
            let timestamp = self.now_ms;
            builder.push(&Record { offset: 0, timestamp, key: None, value, headers });
        }
        let bytes = builder.finish().expect("there are records").to_vec();
        let (base, end) = (self.end(), self.end() + records as i64);
        let fact = Fact { base, end, producer_id, is_transactional: true, marker: None, values };
        Next { of, bytes, fact, marker: None }
    }

    fn marker(&self, of: usize, outcome: Outcome, version: TransactionVersion) -> Next {
        let producer_id = of as i64;
        let bump = i16::from(version == TransactionVersion::V2);
        let producer_epoch = self.producers[of].epoch + bump;
        let coordinator_epoch = (self.now_ms / 300) as i32;
        let marker = EndMarker { producer_id, producer_epoch, coordinator_epoch, outcome, version };
        let (base, end, values) = (self.end(), self.end() + 1, Vec::new());
        let is_transactional = true;
        let fact = Fact { base, end, producer_id, is_transactional, marker: Some(outcome), values };
        Next { of, bytes: Vec::new(), fact, marker: Some(marker) }
    }

    fn write(&mut self, by: usize, next: &Next) -> runnel::log::Result<Appended> {
        let log = &self.processes[by].log;
        match &next.marker {
            Some(marker) => log.end_transaction(marker, self.now_ms),
            None if self.producers[next.of].is_open => {
                log.append(&mut next.bytes.clone(), self.now_ms)
            }
            None => {
                let check = TransactionCheck::Verified(TransactionVersion::V2);
                log.append_checked(&mut next.bytes.clone(), check, self.now_ms)
            }
        }
    }

    /// A batch or marker is in the log.
    fn wrote(&mut self, next: Next) {
        let producer = &mut self.producers[next.of];
        match next.marker {
            Some(marker) => {
                producer.is_open = false;
                if marker.producer_epoch != producer.epoch {
                    *producer = Producer { epoch: marker.producer_epoch, ..Producer::default() };
                }
            }
            None => {
                producer.is_open = true;
                producer.sequence += next.fact.values.len() as i32;
                producer.last = Some((next.bytes.clone(), next.fact.base));
            }
        }
        self.batches.push(next.fact);
    }

    fn step(&mut self, op: Op) -> Checked {
        self.now_ms += 13;
        let now_ms = self.now_ms;
        let by = match &op {
            Op::Append { by, .. } | Op::Again { by, .. } | Op::End { by, .. } => *by,
            Op::Plain { by } | Op::Kill { by, .. } | Op::Sync { by } | Op::Close { by } => *by,
            Op::Reopen { by } | Op::Delete { by, .. } => *by,
            Op::DropControl | Op::DropIndex => 0,
        } % self.processes.len();
        match op {
            Op::Append { of, records, .. } => {
                let next = self.batch(of, records);
                self.write_all(by, next)
            }
            Op::End { of, outcome, version, .. } => {
                let next = self.marker(of, outcome, version);
                self.write_all(by, next)
            }
            Op::Again { of, .. } => self.again(by, of),
            Op::Plain { .. } => self.plain(by),
            Op::Kill { of, outcome, after, .. } => self.kill(by, of, outcome, after),
            Op::Sync { .. } => self.processes[by].log.sync(now_ms).map_err(fail),
            Op::Close { .. } => self.processes[by].log.close(now_ms).map_err(fail),
            Op::Reopen { .. } => {
                self.processes[by] = self.begin_process();
                Ok(())
            }
            Op::Delete { up_to, .. } => {
                let before = Offset(self.end() * i64::from(up_to) / 400);
                let start = self.processes[by].log.delete_records(before, now_ms).map_err(fail)?;
                prop_assert!(start.0 >= self.start);
                self.start = start.0;
                Ok(())
            }
            Op::DropControl => {
                // A server goes on by what it knows; its files are looked at when it is gone.
                let _ = self.world.process().remove_file(CONTROL);
                Ok(())
            }
            Op::DropIndex => self.drop_index(),
        }
    }

    fn write_all(&mut self, by: usize, next: Next) -> Checked {
        let appended = self.write(by, &next).map_err(fail)?;
        prop_assert!(!appended.is_duplicate);
        prop_assert_eq!(appended.base_offset, Offset(next.fact.base));
        self.wrote(next);
        Ok(())
    }

    fn again(&mut self, by: usize, of: usize) -> Checked {
        let producer = &self.producers[of];
        let log = &self.processes[by].log;
        if let Some((bytes, base)) = &producer.last {
            let appended = log.append(&mut bytes.clone(), self.now_ms).map_err(fail)?;
            prop_assert!(appended.is_duplicate && appended.base_offset == Offset(*base));
        } else {
            let refused = log.append(&mut self.batch(of, 1).bytes, self.now_ms);
            let is_refused = matches!(refused, Err(Error::TransactionNotVerified { .. }));
            prop_assert!(is_refused, "{:?}", refused);
        }
        Ok(())
    }

    fn plain(&mut self, by: usize) -> Checked {
        let value = format!("plain {}", self.batches.len());
        let rec = Rec { timestamp: self.now_ms, key: None, value: value.clone().into_bytes() };
        let mut bytes = batch(&[rec], Compression::None);
        self.processes[by].log.append(&mut bytes, self.now_ms).map_err(fail)?;
        let (base, end) = (self.end(), self.end() + 1);
        let (producer_id, is_transactional, marker) = (-1, false, None);
        let values = vec![value];
        self.batches.push(Fact { base, end, producer_id, is_transactional, marker, values });
        Ok(())
    }

    /// The batch or marker of a process that dies on the way is there or not, whole.
    fn kill(&mut self, by: usize, of: usize, outcome: Option<Outcome>, after: u64) -> Checked {
        let next = match outcome {
            Some(outcome) => self.marker(of, outcome, TransactionVersion::V2),
            None => self.batch(of, 2),
        };
        self.world.fail_at(self.world.operations() + after, Fault::Kill);
        let written = self.write(by, &next);
        self.world.clear_faults();
        if let Ok(appended) = &written {
            prop_assert!(!appended.is_duplicate);
        }
        if !self.processes[by].storage.is_alive() {
            self.processes[by] = self.begin_process();
            self.processes[by].log.open_to_append(self.now_ms).map_err(fail)?;
        }
        let end = self.processes[by].log.view().map_err(fail)?.end().0;
        prop_assert!(written.is_err() || end == next.fact.end, "what was acknowledged is gone");
        if end == next.fact.end {
            self.wrote(next);
        }
        Ok(())
    }

    /// A person removes the index of the active segment; the next process that opens the log makes
    /// it anew.
    fn drop_index(&mut self) -> Checked {
        let view = self.processes[0].log.view().map_err(fail)?;
        if let Some(active) = view.segments().last() {
            let _ = self.world.process().remove_file(&segment_path(*active, ".txnindex"));
            self.processes[0] = self.begin_process();
            self.processes[0].log.open_to_append(self.now_ms).map_err(fail)?;
        }
        Ok(())
    }

    /// What a new reader sees, and each process, is what was written.
    fn check(&mut self) -> Checked {
        let reader = open_to_read(Arc::new(self.world.process()), &self.config);
        for (number, log) in
            self.processes.iter().map(|process| &process.log).chain([&reader]).enumerate()
        {
            let view = log.view().map_err(fail)?;
            prop_assert_eq!((view.log_start().0, view.end().0), (self.start, self.end()));
            self.history.learn(log, &view).map_err(fail)?;
            prop_assert_eq!(&self.history.facts, &self.batches);
            let checked = self.history.check(log, &view);
            checked.map_err(|wrong| fail(format!("process {number}: {wrong}")))?;
        }
        sound(&reader).map_err(fail)?;
        let by = self.now_ms as usize % self.processes.len();
        let open = self.processes[by].log.open_transactions(self.now_ms).map_err(fail)?;
        let open: Vec<_> = open.iter().map(|producer| producer.producer_id as usize).collect();
        let expected: Vec<_> = (0..3).filter(|of| self.producers[*of].is_open).collect();
        prop_assert_eq!(open, expected);
        Ok(())
    }
}

fn work(config: TopicConfig, is_server: bool, seed: u64, ops: Vec<Op>) -> Checked {
    let mut model = Model::new(config, is_server, seed);
    for op in ops {
        let what = format!("{op:?}");
        let done = model.step(op).and_then(|()| model.check());
        done.map_err(|wrong| TestCaseError::fail(format!("{what}: {wrong}")))?;
    }
    // Without the control file, by a reader, then by a writer.
    let _ = model.world.process().remove_file(CONTROL);
    model.processes.clear();
    model.processes.push(model.begin_process());
    model.check()?;
    model.processes[0].log.open_to_append(model.now_ms).map_err(fail)?;
    model.check()
}

fn configs() -> impl Strategy<Value = TopicConfig> {
    (400..4000_i32, 0..700_i32).prop_map(|(segment_bytes, index_interval_bytes)| TopicConfig {
        segment_bytes,
        index_interval_bytes,
        ..TopicConfig::default()
    })
}

fn cases() -> Config {
    let cases = if soak() { 2_000 } else { 40 };
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn by_three_commands(
        config in configs(), ops in proptest::collection::vec(ops(), 0..70), seed in any::<u64>()
    ) {
        work(config, false, seed, ops)?;
    }

    #[test]
    fn by_a_server(
        config in configs(), ops in proptest::collection::vec(ops(), 0..70), seed in any::<u64>()
    ) {
        work(config, true, seed, ops)?;
    }
}
