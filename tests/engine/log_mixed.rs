//! All that goes on in one log at once: appends, transactions, retention, deletion, compaction, deaths
//! on the way, by up to three processes or by a server, against plain facts of each record.
//!
//! After each step, for a reader that has just come and for each process:
//! - what is read is what was appended there, offsets rise, and the log begins and ends where it must;
//! - nothing is missing from its start on but what compaction may take: records that a later one of
//!   their key stands for, aborted ones, tombstones;
//! - the last stable offset is that of the first open transaction, and a client of its kind reads just
//!   what is committed;
//! - retention stops at the last stable offset.
//!
//! `RUNNEL_SOAK=1` tries many more.

mod ops;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use self::ops::{Care, Op, configs, ops};
use crate::log_ground::history::client;
use crate::log_ground::{CONTROL, lay_out, open, open_alone, open_to_read, soak};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};
use runnel::log::{
    Compaction, Cursor, EndMarker, PartitionLog, TransactionCheck, TransactionVersion, View,
};
use runnel::model::config::CleanupPolicy;
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Decompressor, Headers, Outcome, Record};
use runnel::storage::Storage as _;
use runnel::storage::sim::{Fault, SimStorage};

type Checked = Result<(), TestCaseError>;

/// A record as it was appended.
#[derive(Debug, Clone)]
struct Appended {
    key: u8,
    value: Option<String>,
    /// Which of the transactions it is in.
    transaction: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Transaction {
    first: i64,
    outcome: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Producer {
    sequence: i32,
    open: Option<usize>,
}

struct Process {
    storage: SimStorage,
    log: PartitionLog,
}

struct Model {
    world: SimStorage,
    config: TopicConfig,
    is_server: bool,
    processes: Vec<Process>,
    producers: [Producer; 3],
    transactions: Vec<Transaction>,
    appended: BTreeMap<i64, Appended>,
    /// Base offsets of all batches.
    bases: Vec<i64>,
    start: i64,
    end: i64,
    /// Whatever is below may have been compacted.
    compacted: i64,
    now_ms: i64,
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
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
            producers: [Producer::default(); 3],
            transactions: Vec::new(),
            appended: BTreeMap::new(),
            bases: Vec::new(),
            start: 0,
            end: 0,
            compacted: 0,
            now_ms: 1000,
        };
        let count = if is_server { 1 } else { 3 };
        model.processes = (0..count).map(|_| model.begin_process()).collect();
        model
    }

    fn begin_process(&self) -> Process {
        let storage = self.world.process();
        let open = if self.is_server { open_alone } else { open };
        let log = open(Arc::new(storage.clone()), &self.config);
        Process { storage, log }
    }

    fn step(&mut self, op: Op) -> Checked {
        self.now_ms += 7;
        let count = self.processes.len();
        match op {
            Op::Append { by, of, keys } => self.append(by % count, of, &keys),
            Op::End { by, of, outcome } => self.end(by % count, of, outcome),
            Op::Care { by, care } => self.care(by % count, &care),
            Op::Kill { by, care, after } => self.kill(by % count, &care, after),
            Op::Reopen { by } => {
                self.processes[by % count] = self.begin_process();
                Ok(())
            }
            Op::DropControl => {
                let _ = self.world.process().remove_file(CONTROL);
                Ok(())
            }
            Op::Pass { ms } => {
                self.now_ms += ms;
                Ok(())
            }
        }
    }

    fn append(&mut self, by: usize, of: Option<usize>, keys: &[(u8, bool)]) -> Checked {
        let mut builder = BatchBuilder::new(Compression::None, None);
        if let Some(of) = of {
            builder.with_producer(of as i64, 0, self.producers[of].sequence, true);
        }
        let mut records = Vec::new();
        for ((key, is_tombstone), offset) in keys.iter().zip(self.end..) {
            let value = (!is_tombstone).then(|| format!("{offset}"));
            builder.push(&Record {
                offset: 0,
                timestamp: self.now_ms,
                key: Some(&[*key]),
                value: value.as_ref().map(String::as_bytes),
                headers: Headers::NONE,
            });
            records.push((*key, value));
        }
        let mut bytes = builder.finish().expect("there are records").to_vec();
        let is_first = of.is_some_and(|of| self.producers[of].open.is_none());
        let log = &self.processes[by].log;
        let appended = match is_first {
            true => {
                let check = TransactionCheck::Verified(TransactionVersion::V1);
                log.append_checked(&mut bytes, check, self.now_ms)
            }
            false => log.append(&mut bytes, self.now_ms),
        };
        prop_assert_eq!(appended.map_err(fail)?.base_offset, Offset(self.end));
        if let Some(of) = of {
            self.producers[of].sequence += keys.len() as i32;
            if is_first {
                self.producers[of].open = Some(self.transactions.len());
                self.transactions.push(Transaction { first: self.end, outcome: None });
            }
        }
        self.bases.push(self.end);
        let transaction = of.and_then(|of| self.producers[of].open);
        for (key, value) in records {
            self.appended.insert(self.end, Appended { key, value, transaction });
            self.end += 1;
        }
        Ok(())
    }

    fn end(&mut self, by: usize, of: usize, outcome: Outcome) -> Checked {
        let Some(open) = self.producers[of].open.take() else { return Ok(()) };
        let (producer_id, version) = (of as i64, TransactionVersion::V1);
        let marker =
            EndMarker { producer_id, producer_epoch: 0, coordinator_epoch: 0, outcome, version };
        let ended = self.processes[by].log.end_transaction(&marker, self.now_ms).map_err(fail)?;
        prop_assert_eq!(ended.base_offset, Offset(self.end));
        self.transactions[open].outcome = Some(outcome);
        self.end += 1;
        Ok(())
    }

    /// Where the last stable offset must be.
    fn stable(&self) -> i64 {
        let open = self.transactions.iter().filter(|transaction| transaction.outcome.is_none());
        open.map(|transaction| transaction.first).min().unwrap_or(self.end).max(self.start)
    }

    /// Does it; gives where the log is to begin then.
    fn attempt(&mut self, by: usize, care: &Care) -> Result<(i64, bool), TestCaseError> {
        let now_ms = self.now_ms;
        match care {
            Care::Retain { bytes, ms } => {
                let log = &self.processes[by].log;
                log.set_config(Arc::new(TopicConfig {
                    retention_bytes: *bytes,
                    retention_ms: *ms,
                    ..self.config.clone()
                }));
                let due = log.retention_due(now_ms).map_err(fail)?;
                prop_assert!(due.to.0 <= self.stable(), "past an open transaction: {:?}", due);
                let retained = log.retain(now_ms);
                log.set_config(Arc::new(self.config.clone()));
                if let Ok(retained) = &retained {
                    prop_assert_eq!(retained, &due);
                }
                Ok((due.to.0, retained.is_ok()))
            }
            Care::Delete { up_to } => {
                let before = self.start + (self.end - self.start) * i64::from(*up_to) / 255;
                // A client gets whole batches; one that is deleted in part would blur what it reads.
                let bases = self.bases.iter().copied().chain([self.end]);
                let before = bases.rev().find(|base| *base <= before).unwrap_or(0);
                let before = before.max(self.start);
                let deleted = self.processes[by].log.delete_records(Offset(before), now_ms);
                Ok((before, deleted.is_ok()))
            }
            Care::Compact { is_forced } => {
                self.compacted = self.end;
                let how = Compaction { map_bytes_max: 1 << 20, is_forced: *is_forced };
                let log = &self.processes[by].log;
                let ended = log.compact(&how, now_ms, &mut |_| ControlFlow::Continue(()));
                Ok((self.start, ended.is_ok()))
            }
        }
    }

    fn care(&mut self, by: usize, care: &Care) -> Checked {
        let (start, is_done) = self.attempt(by, care)?;
        prop_assert!(is_done, "it failed");
        self.start = start;
        Ok(())
    }

    fn kill(&mut self, by: usize, care: &Care, after: u64) -> Checked {
        self.world.fail_at(self.world.operations() + after, Fault::Kill);
        let attempted = self.attempt(by, care);
        self.world.clear_faults();
        let (start, is_done) = attempted?;
        if !self.processes[by].storage.is_alive() {
            self.processes[by] = self.begin_process();
            self.processes[by].log.open_to_append(self.now_ms).map_err(fail)?;
        }
        let begins = self.processes[by].log.view().map_err(fail)?.log_start().0;
        prop_assert!(begins == start || (begins == self.start && !is_done), "begins at {}", begins);
        self.start = begins;
        Ok(())
    }

    fn check(&self) -> Checked {
        let reader = open_to_read(Arc::new(self.world.process()), &self.config);
        for log in self.processes.iter().map(|process| &process.log).chain([&reader]) {
            let view = log.view().map_err(fail)?;
            prop_assert_eq!((view.log_start().0, view.end().0), (self.start, self.end));
            prop_assert_eq!(view.last_stable().0, self.stable());
            let found = self.read(log, &view)?;
            let all = self.appended.range(self.start..);
            self.check_missing(&found, all)?;
            // Between two readings of one view a compaction may come to be seen, or half of one.
            let committed = client(log, &view, self.start, 300).map_err(fail)?;
            let committed: Vec<i64> =
                committed.iter().filter_map(|value| value.parse().ok()).collect();
            let expected = self.appended.range(self.start..self.stable());
            let expected: Vec<_> = expected
                .filter(|(offset, record)| record.value.is_some() && !self.is_aborted(**offset))
                .collect();
            for offset in &committed {
                let is_expected = expected.iter().any(|(known, _)| *known == offset);
                prop_assert!(is_expected, "{} is no committed record", offset);
            }
            prop_assert!(committed.is_sorted(), "offsets rise: {:?}", committed);
            self.check_missing(&committed, expected.into_iter())?;
        }
        Ok(())
    }

    fn is_aborted(&self, offset: i64) -> bool {
        let transaction = self.appended[&offset].transaction;
        transaction.is_some_and(|of| self.transactions[of].outcome == Some(Outcome::Abort))
    }

    /// The offsets of the records that are there, each as it was appended.
    fn read(&self, log: &PartitionLog, view: &View) -> Result<Vec<i64>, TestCaseError> {
        let (mut cursor, mut found) = (Cursor::at(view.log_start()), Vec::new());
        let mut scratch = Decompressor::new(1 << 20);
        while let Some(chunk) = log.read(view, &mut cursor, 500).map_err(fail)? {
            for batch in chunk.batches() {
                batch.check().map_err(fail)?;
                if batch.attributes().is_control() {
                    continue;
                }
                for record in batch.records(&mut scratch).map_err(fail)? {
                    let record = record.map_err(fail)?;
                    let known = self.appended.get(&record.offset).expect("it was appended");
                    prop_assert_eq!(record.key, Some(&[known.key][..]));
                    prop_assert_eq!(record.value, known.value.as_deref().map(str::as_bytes));
                    prop_assert!(found.last() < Some(&record.offset), "offsets rise");
                    found.push(record.offset);
                }
            }
        }
        found.retain(|offset| *offset >= view.log_start().0);
        Ok(found)
    }

    /// Nothing is missing of what is expected but what compaction may take.
    fn check_missing<'a>(
        &self,
        found: &[i64],
        expected: impl Iterator<Item = (&'a i64, &'a Appended)>,
    ) -> Checked {
        for (offset, record) in expected {
            if found.binary_search(offset).is_ok() {
                continue;
            }
            let stands = |(later, other): (&i64, &Appended)| {
                let outcome = other.transaction.map(|of| self.transactions[of].outcome);
                let counts = outcome.is_none_or(|outcome| outcome == Some(Outcome::Commit));
                later > offset && other.key == record.key && counts
            };
            let may_go = *offset < self.compacted
                && (record.value.is_none()
                    || self.is_aborted(*offset)
                    || self.appended.range(offset..).any(stands));
            prop_assert!(may_go, "{} is missing: {:?}", offset, record);
        }
        Ok(())
    }
}

fn work(config: TopicConfig, is_server: bool, seed: u64, ops: Vec<Op>) -> Checked {
    let mut model = Model::new(config, is_server, seed);
    for (number, op) in ops.into_iter().enumerate() {
        let what = format!("{number}: {op:?}");
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

fn cases() -> Config {
    let cases = if soak() { 5_000 } else { 40 };
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases())]
    #[test]
    fn by_three_commands(config in configs(), ops in vec(ops(), 0..70), seed in any::<u64>()) {
        work(config, false, seed, ops)?;
    }

    #[test]
    fn by_a_server(config in configs(), ops in vec(ops(), 0..70), seed in any::<u64>()) {
        work(config, true, seed, ops)?;
    }
}

/// Its records are gone, so only a snapshot tells of it; and that is above the checkpoint of what is
/// durable, since a process died in the roll.
#[test]
fn an_open_transaction_whose_records_were_deleted_stays_known() {
    let append = |of| Op::Append { by: 0, of, keys: vec![(0, false)] };
    let compact = || Care::Compact { is_forced: true };
    for after in 0..40 {
        let ops = vec![
            append(None),
            append(Some(0)),
            append(None),
            Op::Kill { by: 0, care: compact(), after },
            append(None),
            Op::Care { by: 0, care: Care::Delete { up_to: 250 } },
        ];
        for is_server in [false, true] {
            let config = TopicConfig { segment_bytes: 1000, ..TopicConfig::default() };
            work(config, is_server, after, ops.clone()).expect("it is known");
        }
    }
}

/// The records of an aborted transaction were deleted, and the index that tells of it goes by a
/// compaction, which may die on the way: readers that know of the index do without it then.
#[test]
fn an_index_of_aborted_transactions_goes_at_any_time() {
    let append = |of| Op::Append { by: 0, of, keys: vec![(0, false)] };
    for after in 0..40 {
        let ops = vec![
            append(Some(0)),
            Op::Care { by: 0, care: Care::Delete { up_to: 255 } },
            Op::End { by: 0, of: 0, outcome: Outcome::Abort },
            append(None),
            append(None),
            append(None),
            Op::Kill { by: 0, care: Care::Compact { is_forced: false }, after },
            append(None),
        ];
        for is_server in [false, true] {
            let config = TopicConfig {
                segment_bytes: 200,
                min_cleanable_dirty_ratio: 0.0,
                cleanup_policy: CleanupPolicy { delete: true, compact: true },
                ..TopicConfig::default()
            };
            work(config, is_server, after, ops.clone()).expect("it is read");
        }
    }
}
