//! Compaction against a model: random appends, rolls, compactions and reopening, with readers that
//! hold on to what they saw before.
//!
//! The model keeps the batches as they must be, by Kafka's rules: which records stay, when a tombstone
//! goes, which batch keeps its header. After each compaction the log must hold exactly that; and at
//! each moment a reader, whatever view it took and whenever, finds offsets that rise, each record as it
//! was appended, and none missing that stays.
//!
//! `RUNNEL_SOAK=1` tries many more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::log_ground::{
    CONTROL, lay_out, open, open_alone, open_to_read, segment_path, soak, sound,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError};
use runnel::log::checkpoint::{CLEANER_OFFSETS, RECOVERY_POINTS, read_offsets};
use runnel::log::{Compaction, CompactionEnd, Cursor, PartitionLog, View};
use runnel::model::{Offset, TopicConfig};
use runnel::record::{BatchBuilder, Compression, Decompressor, Headers, Record};
use runnel::storage::Storage;
use runnel::storage::sim::SimStorage;

type Outcome = Result<(), TestCaseError>;

/// A record: offset, time, key, value.
type Rec = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// A batch of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Batch {
    base: i64,
    last: i64,
    records: Vec<Rec>,
    /// When its tombstones may go.
    horizon_ms: Option<i64>,
    producer_id: i64,
}

#[derive(Debug, Clone)]
enum Op {
    Append {
        by: usize,
        records: Vec<(i64, Option<u8>, Option<u8>)>,
        codec: Compression,
        producer: i64,
    },
    /// As much as one batch, so that segments fill up.
    Compact {
        by: usize,
        forced: bool,
        map_bytes: usize,
    },
    Reopen {
        by: usize,
    },
    /// All that is known beside the batches goes: everything is found out from them again.
    Forget,
    Pass {
        ms: i64,
    },
    Follow {
        by: usize,
        chunks: usize,
        bytes_max: usize,
    },
    Hold {
        by: usize,
    },
    Search {
        by: usize,
        timestamp: i64,
    },
}

fn ops() -> impl Strategy<Value = Op> {
    let by = || 0..3_usize;
    let record = (
        1000..1200_i64,
        prop_oneof![8 => (0..12_u8).prop_map(Some), 1 => Just(None)],
        prop_oneof![4 => any::<u8>().prop_map(Some), 1 => Just(None)],
    );
    let codec = select(&[Compression::None, Compression::None, Compression::Lz4][..]);
    prop_oneof![
        10 => (by(), vec(record, 1..6), codec, select(&[-1_i64, -1, 7, 8][..]))
            .prop_map(|(by, records, codec, producer)| Op::Append { by, records, codec, producer }),
        3 => (by(), any::<bool>(), select(&[0_usize, 1 << 20][..]))
            .prop_map(|(by, forced, map_bytes)| Op::Compact { by, forced, map_bytes }),
        1 => by().prop_map(|by| Op::Reopen { by }),
        1 => Just(Op::Forget),
        2 => (0..60_i64).prop_map(|ms| Op::Pass { ms }),
        3 => (by(), 1..5_usize, select(&[1_usize, 200, 5000][..]))
            .prop_map(|(by, chunks, bytes_max)| Op::Follow { by, chunks, bytes_max }),
        1 => by().prop_map(|by| Op::Hold { by }),
        2 => (by(), 1000..1210_i64).prop_map(|(by, timestamp)| Op::Search { by, timestamp }),
    ]
}

fn configs() -> impl Strategy<Value = TopicConfig> {
    (300..2500_i32, 0..300_i32, select(&[0_i64, 40, 1_000_000][..]), select(&[0.0, 0.5][..]))
        .prop_map(|(segment_bytes, index_interval_bytes, delete_retention_ms, ratio)| TopicConfig {
            segment_bytes,
            index_interval_bytes,
            delete_retention_ms,
            min_cleanable_dirty_ratio: ratio,
            ..TopicConfig::default()
        })
}

struct Process {
    log: PartitionLog,
    cursor: Cursor,
    held: Option<(View, Vec<Batch>)>,
}

struct Model {
    world: SimStorage,
    config: TopicConfig,
    alone: bool,
    processes: Vec<Process>,
    /// As they must be.
    batches: Vec<Batch>,
    /// As they were appended, records by offset.
    appended: BTreeMap<i64, Rec>,
    /// Next sequence by producer.
    sequences: HashMap<i64, i32>,
    now_ms: i64,
    end: i64,
}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

impl Model {
    fn new(world: SimStorage, config: TopicConfig, alone: bool) -> Self {
        lay_out(&world);
        let mut model = Self {
            world,
            config,
            alone,
            processes: Vec::new(),
            batches: Vec::new(),
            appended: BTreeMap::new(),
            sequences: HashMap::new(),
            now_ms: 1_000_000,
            end: 0,
        };
        model.processes = (0..3).map(|_| model.begin_process()).collect();
        model
    }

    fn begin_process(&self) -> Process {
        let open = if self.alone { open_alone } else { open };
        let log = open(Arc::new(self.world.process()), &self.config);
        Process { log, cursor: Cursor::at(Offset(0)), held: None }
    }

    /// Of a server there is one process that does it all.
    fn by(&self, by: usize) -> usize {
        if self.alone { 0 } else { by }
    }

    fn step(&mut self, op: Op) -> Outcome {
        self.now_ms += 1;
        match op {
            Op::Append { by, records, codec, producer } => {
                self.append(self.by(by), &records, codec, producer)
            }
            Op::Compact { by, forced, map_bytes } => self.compact(self.by(by), forced, map_bytes),
            Op::Reopen { by } => {
                self.processes[by] = self.begin_process();
                Ok(())
            }
            Op::Forget => {
                if self.alone {
                    self.processes[0].log.close(self.now_ms).map_err(fail)?;
                    self.processes = (0..3).map(|_| self.begin_process()).collect();
                }
                let _ = self.world.remove_file(CONTROL);
                let _ = self.world.remove_file(&format!("log/{RECOVERY_POINTS}"));
                for entry in self.world.list(crate::log_ground::DIR).map_err(fail)? {
                    if entry.name.ends_with(".snapshot") {
                        let path = format!("{}/{}", crate::log_ground::DIR, entry.name);
                        self.world.remove_file(&path).map_err(fail)?;
                    }
                }
                Ok(())
            }
            Op::Pass { ms } => {
                self.now_ms += ms;
                Ok(())
            }
            Op::Follow { by, chunks, bytes_max } => self.follow(self.by(by), chunks, bytes_max),
            Op::Hold { by } => {
                let by = self.by(by);
                self.read_held(by)?;
                let view = self.processes[by].log.view().map_err(fail)?;
                self.processes[by].held = Some((view, self.batches.clone()));
                Ok(())
            }
            Op::Search { by, timestamp } => self.search(self.by(by), timestamp),
        }
    }

    fn append(
        &mut self,
        by: usize,
        records: &[(i64, Option<u8>, Option<u8>)],
        codec: Compression,
        producer: i64,
    ) -> Outcome {
        let mut builder = BatchBuilder::new(codec, None);
        let base = self.end;
        let owned: Vec<Rec> = records
            .iter()
            .zip(base..)
            .map(|((timestamp, key, value), offset)| {
                let value = value.map(|value| vec![value; usize::from(value % 40)]);
                (offset, *timestamp, key.map(|key| vec![key]), value)
            })
            .collect();
        for (_, timestamp, key, value) in &owned {
            builder.push(&Record {
                offset: 0,
                timestamp: *timestamp,
                key: key.as_deref(),
                value: value.as_deref(),
                headers: Headers::NONE,
            });
        }
        if producer >= 0 {
            let sequence = self.sequences.entry(producer).or_default();
            builder.with_producer(producer, 0, *sequence, false);
            *sequence += owned.len() as i32;
        }
        let batch = builder.finish().map_err(fail)?;
        let appended = self.processes[by].log.append(batch, self.now_ms).map_err(fail)?;
        prop_assert_eq!(appended.base_offset.0, base);
        self.end += owned.len() as i64;
        self.appended.extend(owned.iter().map(|record| (record.0, record.clone())));
        self.batches.push(Batch {
            base,
            last: self.end - 1,
            records: owned,
            horizon_ms: None,
            producer_id: producer,
        });
        Ok(())
    }

    fn compact(&mut self, by: usize, forced: bool, map_bytes: usize) -> Outcome {
        let how = Compaction { map_bytes_max: map_bytes, is_forced: forced };
        let log = &self.processes[by].log;
        let end =
            log.compact(&how, self.now_ms, &mut |_| ControlFlow::Continue(())).map_err(fail)?;
        match end {
            CompactionEnd::NotDue => prop_assert!(!forced || self.cleaned()? == self.end),
            CompactionEnd::Done(done) => {
                prop_assert_eq!(done.rounds, 1, "so few keys fit into the least map");
                let cleaned = self.cleaned()?;
                prop_assert!(!forced || cleaned == self.end);
                let before = self.batches.clone();
                self.compact_model(cleaned);
                let count = |batches: &[Batch]| -> u64 {
                    let of = batches.iter().filter(|batch| batch.base < cleaned);
                    of.map(|batch| batch.records.len() as u64).sum()
                };
                prop_assert_eq!(done.records_before, count(&before));
                prop_assert_eq!(done.records_after, count(&self.batches));
            }
            other => return Err(fail(format!("{other:?}"))),
        }
        let log = open_to_read(Arc::new(self.world.process()), &self.config);
        let view = log.view().map_err(fail)?;
        let found = read(&log, &view, &mut Cursor::at(Offset(0)), 700, usize::MAX)?;
        prop_assert_eq!(&found, &self.batches);
        self.check_producers(by)
    }

    /// All below is compacted.
    fn cleaned(&self) -> Result<i64, TestCaseError> {
        let path = format!("log/{CLEANER_OFFSETS}");
        let offsets = read_offsets(&self.world, &path).map_err(fail)?;
        Ok(offsets.values().next().map_or(0, |offset| offset.0))
    }

    fn compact_model(&mut self, end: i64) {
        let mut last = HashMap::new();
        for (offset, _, key, _) in self.batches.iter().flat_map(|batch| &batch.records) {
            if let Some(key) = key
                && *offset < end
            {
                last.insert(key.clone(), *offset);
            }
        }
        let mut last_of_producers = HashMap::new();
        for batch in &self.batches {
            last_of_producers.insert(batch.producer_id, batch.last);
        }
        last_of_producers.remove(&-1);
        let last_base = self.batches.iter().rfind(|batch| batch.base < end).map(|b| b.base);
        for batch in self.batches.iter_mut().filter(|batch| batch.base < end) {
            let is_due = batch.horizon_ms.is_some_and(|horizon_ms| horizon_ms <= self.now_ms);
            batch.records.retain(|(offset, _, key, value)| {
                let latest = key.as_ref().and_then(|key| last.get(key));
                latest == Some(offset) && (value.is_some() || !is_due)
            });
            if batch.records.is_empty() {
                batch.horizon_ms = None;
            } else if batch.records.iter().any(|record| record.3.is_none()) {
                let horizon_ms = self.now_ms + self.config.delete_retention_ms;
                batch.horizon_ms.get_or_insert(horizon_ms);
            }
        }
        self.batches.retain(|batch| {
            !batch.records.is_empty()
                || batch.base >= end
                || Some(batch.base) == last_base
                || last_of_producers.get(&batch.producer_id) == Some(&batch.last)
        });
    }

    /// A producer goes on where it was.
    fn check_producers(&self, by: usize) -> Outcome {
        let producers = self.processes[by].log.producers(self.now_ms).map_err(fail)?;
        let found: BTreeMap<_, _> =
            producers.iter().map(|known| (known.producer_id, known.last_sequence + 1)).collect();
        let expected: BTreeMap<_, _> =
            self.sequences.iter().map(|(id, next)| (*id, *next)).collect();
        prop_assert_eq!(found, expected);
        Ok(())
    }

    /// Goes on where the process's last reading ended.
    fn follow(&mut self, by: usize, chunks: usize, bytes_max: usize) -> Outcome {
        let process = &mut self.processes[by];
        let view = process.log.view().map_err(fail)?;
        let from = process.cursor.offset.0;
        let found = read(&process.log, &view, &mut process.cursor, bytes_max, chunks)?;
        let next = process.cursor.offset.0;
        let expected: Vec<_> = self
            .batches
            .iter()
            .filter(|batch| batch.last >= from && batch.base < next)
            .cloned()
            .collect();
        prop_assert_eq!(found, expected);
        Ok(())
    }

    /// What was seen of the log before is found still, as far as it stays.
    fn read_held(&mut self, by: usize) -> Outcome {
        let Some((view, before)) = self.processes[by].held.take() else { return Ok(()) };
        let log = &self.processes[by].log;
        let mut cursor = Cursor::at(Offset(0));
        let found = read(log, &view, &mut cursor, 300, usize::MAX)?;
        prop_assert_eq!(cursor.offset, view.end());
        let now: HashSet<_> = self.batches.iter().map(|batch| batch.base).collect();
        let bases: Vec<_> = found.iter().map(|batch| batch.base).collect();
        let known: HashSet<_> = before.iter().map(|batch| batch.base).collect();
        for batch in &found {
            prop_assert!(known.contains(&batch.base));
            for record in &batch.records {
                prop_assert_eq!(Some(record), self.appended.get(&record.0));
            }
        }
        let stays = before.iter().map(|batch| batch.base).filter(|base| now.contains(base));
        for base in stays {
            prop_assert!(bases.contains(&base), "batch {} is missing in {:?}", base, bases);
        }
        Ok(())
    }

    fn search(&self, by: usize, timestamp: i64) -> Outcome {
        let log = &self.processes[by].log;
        let view = log.view().map_err(fail)?;
        let found = log.offset_for_time(&view, timestamp).map_err(fail)?;
        let mut records = self.batches.iter().flat_map(|batch| &batch.records);
        let first = records.find(|record| record.1 >= timestamp);
        prop_assert_eq!(
            found.map(|found| (found.offset.0, found.timestamp)),
            first.map(|record| (record.0, record.1))
        );
        Ok(())
    }

    fn check_all(&mut self) -> Outcome {
        for by in 0..3 {
            let by = self.by(by);
            self.read_held(by)?;
            self.follow(by, usize::MAX, 300)?;
        }
        // Nothing is left of any compaction, and each index leads where a scan does.
        for entry in self.world.list(crate::log_ground::DIR).map_err(fail)? {
            let is_left =
                [".cleaned", ".swap", ".deleted"].iter().any(|end| entry.name.ends_with(end));
            prop_assert!(!is_left, "{} is left", entry.name);
        }
        let log = open_to_read(Arc::new(self.world.process()), &self.config);
        sound(&log).map_err(fail)?;
        let view = log.view().map_err(fail)?;
        for from in 0..self.end {
            let mut cursor = Cursor::at(Offset(from));
            let found = read(&log, &view, &mut cursor, 1, 1)?;
            let expected: Vec<_> =
                self.batches.iter().find(|batch| batch.last >= from).cloned().into_iter().collect();
            prop_assert_eq!(found, expected, "from {}", from);
        }
        let _ = segment_path;
        Ok(())
    }
}

/// So many chunks of a view, batch by batch; each crc is checked, and that offsets rise.
fn read(
    log: &PartitionLog,
    view: &View,
    cursor: &mut Cursor,
    bytes_max: usize,
    chunks: usize,
) -> Result<Vec<Batch>, TestCaseError> {
    let mut found: Vec<Batch> = Vec::new();
    let mut decompressor = Decompressor::default();
    for _ in 0..chunks {
        let Some(chunk) = log.read(view, cursor, bytes_max).map_err(fail)? else { break };
        for batch in chunk.batches() {
            batch.check().map_err(fail)?;
            let (base, last) = (batch.base_offset().0, batch.last_offset().0);
            prop_assert!(found.last().is_none_or(|before| before.last < base));
            let records: Result<Vec<Rec>, _> = batch
                .records(&mut decompressor)
                .map_err(fail)?
                .map(|record| {
                    record.map(|record| {
                        let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                        (record.offset, record.timestamp, bytes(record.key), bytes(record.value))
                    })
                })
                .collect();
            let has_horizon = batch.attributes().has_delete_horizon();
            found.push(Batch {
                base,
                last,
                records: records.map_err(fail)?,
                horizon_ms: has_horizon.then(|| batch.base_timestamp()),
                producer_id: batch.producer_id(),
            });
        }
    }
    Ok(found)
}

fn work(config: TopicConfig, ops: Vec<Op>, seed: u64, alone: bool) -> Outcome {
    let mut model = Model::new(SimStorage::seeded(seed), config, alone);
    for (number, op) in ops.into_iter().enumerate() {
        let what = format!("{number}: {op:?}");
        model.step(op).map_err(|wrong| TestCaseError::fail(format!("{what}: {wrong}")))?;
    }
    model.check_all()
}

fn cases(quick: u32, long: u32) -> Config {
    let cases = if soak() { long } else { quick };
    Config { cases, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(120, 20_000))]
    #[test]
    fn three_processes(config in configs(), ops in vec(ops(), 0..70), seed in any::<u64>()) {
        work(config, ops, seed, false)?;
    }
}

proptest! {
    #![proptest_config(cases(60, 10_000))]
    #[test]
    fn a_process_that_owns_the_directory(config in configs(), ops in vec(ops(), 0..70), seed in any::<u64>()) {
        work(config, ops, seed, true)?;
    }
}
