//! The topics that a run reads: readers of all their partitions.

use super::failure::RunError;
use crate::cluster::{Cluster, PartitionReader, TimeOrder, TopicInfo};
use crate::job::plan::Plan;
use crate::model::Offset;
use crate::record::Decompressor;
use crate::stream::GlobalId;

/// All inputs of a plan, in its order.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) inputs: Vec<Source>,
    pub(super) scratch: Decompressor,
    /// Offsets that there were at first.
    pub(super) total: u64,
}

/// An input.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) topic: TopicInfo,
    pub(super) readers: Vec<PartitionReader>,
    pub(super) by_time: TimeOrder,
}

impl Source {
    fn open(cluster: &Cluster, topic: &TopicInfo) -> Result<Self, RunError> {
        let readers = (0..topic.partitions).map(|partition| cluster.reader(topic, partition));
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

    fn offsets(&self) -> u64 {
        let left = |reader: &PartitionReader| reader.stop() - reader.position();
        self.readers.iter().map(|reader| left(reader).max(0).unsigned_abs()).sum()
    }
}

impl Sources {
    pub(super) fn open(cluster: &Cluster, plan: &Plan) -> Result<Self, RunError> {
        let (mut inputs, mut record_bytes_max) = (Vec::new(), 0);
        for input in &plan.inputs {
            let topic = cluster.topic(&input.topic)?;
            record_bytes_max = record_bytes_max.max(topic.config.max_message_bytes);
            inputs.push(Source::open(cluster, &topic)?);
        }
        let scratch = Decompressor::for_max_message_bytes(record_bytes_max);
        Ok(Self { inputs, scratch, total: 0 })
    }

    /// Counts what there is to read.
    pub(super) fn count(&mut self) {
        self.total = self.inputs.iter().map(Source::offsets).sum();
    }

    /// Looks for what has come. True if there is anything.
    pub(super) fn follow(&mut self) -> Result<bool, RunError> {
        let mut has_more = false;
        for input in &mut self.inputs {
            has_more |= input.follow()?;
        }
        Ok(has_more)
    }
}

/// The topic of a global table.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) id: GlobalId,
    pub(super) source: Source,
    pub(super) scratch: Decompressor,
    pub(super) key: crate::serde::Serde,
}

impl Global {
    pub(super) fn open(cluster: &Cluster, plan: &Plan) -> Result<Vec<Self>, RunError> {
        let open = |global: &crate::job::plan::Global| {
            let topic = cluster.topic(&global.topic)?;
            Ok(Self {
                id: global.id,
                source: Source::open(cluster, &topic)?,
                scratch: Decompressor::for_max_message_bytes(topic.config.max_message_bytes),
                key: global.key,
            })
        };
        plan.globals.iter().map(open).collect()
    }

    pub(super) fn follow(&mut self) -> Result<bool, RunError> {
        self.source.follow()
    }
}
