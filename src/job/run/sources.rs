//! The topics that a run reads: readers of all their partitions.

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::failure::RunError;
use crate::cluster::{Cluster, PartitionReader, RecordRange, TimeOrder, TopicInfo};
use crate::job::plan::Plan;
use crate::model::Offset;
use crate::record::Decompressor;
use crate::serde::Serde;
use crate::stream::{GlobalId, GlobalTables, MemoryState, Record};

/// How often it is looked for new partitions.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// All inputs of a plan, in its order.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) inputs: Vec<Source>,
    pub(super) scratch: Decompressor,
    /// Offsets that there were at first.
    pub(super) total: u64,
    /// The partition that is read, where it is one.
    task: Option<i32>,
    /// When it was last looked for partitions that are new.
    counted: Instant,
}

/// An input.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) topic: TopicInfo,
    pub(super) readers: Vec<PartitionReader>,
    pub(super) by_time: TimeOrder,
}

impl Source {
    /// Reads all partitions, or one, if the topic has it.
    fn open(cluster: &Cluster, topic: &TopicInfo, only: Option<i32>) -> Result<Self, RunError> {
        let partitions = match only {
            None => 0..topic.partitions,
            Some(only) => only..topic.partitions.min(only + 1),
        };
        let readers = partitions.map(|partition| cluster.reader(topic, partition));
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let by_time = TimeOrder::new(readers.len());
        Ok(Self { topic: topic.clone(), readers, by_time })
    }

    /// Looks for what has come. True if there is anything.
    fn follow(&mut self) -> Result<bool, RunError> {
        let mut has_more = false;
        for reader in &mut self.readers {
            has_more |= reader.follow(Offset(i64::MAX))?;
        }
        Ok(has_more)
    }

    /// Reads partitions too that the topic has got since. All records before were given.
    fn grow(&mut self, cluster: &Cluster, only: Option<i32>) -> Result<(), RunError> {
        let topic = cluster.topic(&self.topic.name)?;
        if topic.id != self.topic.id || topic.partitions <= self.topic.partitions {
            return Ok(());
        }
        let new = self.topic.partitions..topic.partitions;
        for partition in new.filter(|new| only.is_none_or(|only| only == *new)) {
            self.readers.push(cluster.reader(&topic, partition)?);
        }
        self.by_time = TimeOrder::new(self.readers.len());
        self.topic = topic;
        Ok(())
    }

    fn offsets(&self) -> u64 {
        let left = |reader: &PartitionReader| reader.stop() - reader.position();
        self.readers.iter().map(|reader| left(reader).max(0).unsigned_abs()).sum()
    }
}

impl Sources {
    /// Reads all partitions, or of each topic the one that is a task's.
    pub(super) fn open(
        cluster: &Cluster,
        plan: &Plan,
        task: Option<i32>,
    ) -> Result<Self, RunError> {
        let (mut inputs, mut record_bytes_max) = (Vec::new(), 0);
        for input in &plan.inputs {
            let topic = cluster.topic(&input.topic)?;
            record_bytes_max = record_bytes_max.max(topic.config.max_message_bytes);
            inputs.push(Source::open(cluster, &topic, task)?);
        }
        let scratch = Decompressor::for_max_message_bytes(record_bytes_max);
        Ok(Self { inputs, scratch, total: 0, task, counted: Instant::now() })
    }

    /// How much there is to read.
    pub(super) fn offsets(&self) -> u64 {
        self.inputs.iter().map(Source::offsets).sum()
    }

    /// Looks for what has come, now and then also for partitions that have. True if there is anything.
    pub(super) fn follow(&mut self, cluster: &Cluster) -> Result<bool, RunError> {
        let mut has_more = false;
        let is_counting = is_time_to_count(&mut self.counted);
        for input in &mut self.inputs {
            if is_counting {
                input.grow(cluster, self.task)?;
            }
            has_more |= input.follow()?;
        }
        Ok(has_more)
    }
}

/// Whether it is time again to look for new partitions.
pub(super) fn is_time_to_count(counted: &mut Instant) -> bool {
    let is_time = counted.elapsed() >= COUNT_INTERVAL;
    if is_time {
        *counted = Instant::now();
    }
    is_time
}

/// Global tables, and the topics that they are of; shared by those who take turns.
pub(super) struct Globals {
    topics: Mutex<GlobalTopics>,
    /// Locked to read while records are taken, behind `topics` to write.
    tables: RwLock<GlobalTables>,
}

/// The topics of global tables.
struct GlobalTopics {
    topics: Vec<GlobalTopic>,
    /// When it was last looked for partitions that are new.
    counted: Instant,
}

/// The topic of a global table.
struct GlobalTopic {
    id: GlobalId,
    source: Source,
    scratch: Decompressor,
    key: Serde,
}

impl Globals {
    /// The tables of a plan, with nothing in them yet.
    pub(super) fn open(cluster: &Cluster, plan: &Plan) -> Result<Self, RunError> {
        let open = |global: &crate::job::plan::Global| {
            let topic = cluster.topic(&global.topic)?;
            Ok(GlobalTopic {
                id: global.id,
                source: Source::open(cluster, &topic, None)?,
                scratch: Decompressor::for_max_message_bytes(topic.config.max_message_bytes),
                key: global.key,
            })
        };
        let topics = plan.globals.iter().map(open).collect::<Result<Vec<_>, RunError>>()?;
        let tables = RwLock::new(GlobalTables::new(Box::new(MemoryState::new())));
        Ok(Self { topics: Mutex::new(GlobalTopics { topics, counted: Instant::now() }), tables })
    }

    /// The tables as they are now. They stay so until this is dropped.
    pub(super) fn tables(&self) -> RwLockReadGuard<'_, GlobalTables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is, or has come. Waits for those who have the tables in hand, if anything has.
    pub(super) fn follow(&self, cluster: &Cluster) -> Result<(), RunError> {
        let mut all = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let GlobalTopics { topics, counted } = &mut *all;
        let is_counting = is_time_to_count(counted);
        for topic in topics {
            if is_counting {
                topic.source.grow(cluster, None)?;
            }
            if topic.source.follow()? {
                let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
                topic.load(&mut tables)?;
            }
        }
        Ok(())
    }
}

impl GlobalTopic {
    /// Takes what there is up to where the readers stop.
    fn load(&mut self, tables: &mut GlobalTables) -> Result<(), RunError> {
        let Self { id, source, scratch, key: serde } = self;
        let (mut failed, mut text) = (None, Vec::new());
        let Source { readers, by_time, .. } = source;
        let _ = by_time.visit(readers, RecordRange::default(), scratch, |located| {
            let record = &located.record;
            // A key that can't be decoded is one that nobody looks up.
            let key = record.key.map(|key| serde.decode(key, &mut text)).transpose();
            let Ok(key) = key else { return ControlFlow::Continue(()) };
            let row = Record { key, value: record.value, ..Record::default() };
            match tables.update(*id, &row) {
                Ok(_) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}
