//! The whole view. Memory is bounded: what does not fit is put into a temporary file as sorted runs, and merged at the end.

use std::ops::ControlFlow;
use std::path::Path;

use super::runs::{Gathering, Run, Scratch, merge};
use super::{Row, ViewError};
use crate::cluster::{Cluster, PartitionReader, RecordRange, TopicInfo};
use crate::record::Decompressor;

/// What is to be read of a topic, and with what.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Only records before this time, in milliseconds since the Unix epoch.
    pub before: Option<i64>,
    /// Only rows whose keys start so.
    pub prefix: &'a [u8],
    /// Bytes of rows that may be in memory at a time.
    pub memory_bytes: usize,
    /// Where a temporary file is made for those beyond.
    pub scratch: &'a Path,
}

/// A topic as a table, as it was at some moment.
pub struct TopicView {
    runs: Vec<Run>,
    /// Where the temporary file is.
    directory: String,
}

impl TopicView {
    /// Reads a topic up to its end as it is now. `progress` is told how many offsets are done, and of how many.
    ///
    /// # Errors
    /// As the file system says, and damage.
    pub fn read(
        cluster: &Cluster,
        topic: &TopicInfo,
        reading: Reading<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, ViewError> {
        let readers = (0..topic.partitions).map(|partition| cluster.reader(topic, partition));
        let readers = readers.collect::<Result<Vec<_>, _>>()?;
        let offsets = |reader: &PartitionReader| {
            let (start, end) = reader.bounds();
            (end - start).unsigned_abs()
        };
        let total = readers.iter().map(offsets).sum();
        let mut view = Self { runs: Vec::new(), directory: reading.scratch.display().to_string() };
        let mut scratch = Scratch::default();
        let mut decompressor = Decompressor::for_max_message_bytes(topic.config.max_message_bytes);
        let (mut done, mut held_bytes) = (0, 0);
        for mut reader in readers {
            let partition = reader.partition().partition;
            let range = RecordRange { until: reading.before, ..RecordRange::default() };
            let (start, mut gathered) = (reader.position(), Gathering::default());
            while let Some(chunk) = reader.next_chunk()? {
                let mut failed = None;
                let _ = chunk.visit(range, &mut decompressor, |located| {
                    let record = located.record;
                    let Some(key) = record.key.filter(|key| key.starts_with(reading.prefix)) else {
                        return ControlFlow::Continue(());
                    };
                    gathered.take(key, record.value, record.timestamp);
                    if held_bytes + gathered.bytes() > reading.memory_bytes {
                        let full = std::mem::take(&mut gathered);
                        match scratch.put(partition, full, reading.scratch) {
                            Ok(run) => view.runs.push(run),
                            Err(error) => {
                                failed = Some(error);
                                return ControlFlow::Break(());
                            }
                        }
                    }
                    ControlFlow::Continue(())
                })?;
                if let Some(source) = failed {
                    return Err(view.failed(source));
                }
                progress(done + (reader.position() - start).unsigned_abs(), total);
            }
            done += (reader.position() - start).unsigned_abs();
            // Half of the memory is left to those that come.
            if held_bytes + gathered.bytes() > reading.memory_bytes / 2 {
                let run = scratch.put(partition, gathered, reading.scratch);
                let run = run.map_err(|source| view.failed(source))?;
                view.runs.push(run);
            } else if !gathered.is_empty() {
                held_bytes += gathered.bytes();
                view.runs.push(Run::in_memory(partition, gathered));
            }
        }
        Ok(view)
    }

    /// Gives the rows in the order of their keys, until `each` breaks off.
    ///
    /// # Errors
    /// Where the temporary file cannot be read back.
    pub fn rows(self, each: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>) -> Result<(), ViewError> {
        let Self { runs, directory } = self;
        merge(runs, each).map_err(|source| ViewError::Scratch { directory, source })
    }

    fn failed(&self, source: std::io::Error) -> ViewError {
        ViewError::Scratch { directory: self.directory.clone(), source }
    }
}

impl std::fmt::Debug for TopicView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicView").field("runs", &self.runs.len()).finish_non_exhaustive()
    }
}
