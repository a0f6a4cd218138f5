//! What lasts from one run of a job to the next: its state, and how far its inputs were taken in, as one.
//!
//! The notes beside the state, numbers big-endian:
//!
//! | note | bytes |
//! | --- | --- |
//! | `offsets` | for each partition of each input: the topic's id, 16; partition, 4; next offset, 8; its leader epoch or -1, 4 |
//!
//! A commit makes what was read durable first, whoever wrote it; then state and offsets count, in one moment, on disk.

use std::path::PathBuf;

use super::failure::RunError;
use super::sources::Sources;
use crate::cluster::{Cluster, Job, PartitionReader, TopicInfo};
use crate::job::state::TaskState;
use crate::model::{Offset, TopicName, Uuid};
use crate::stream::State;

pub(in crate::job) const OFFSETS: &str = "offsets";
const ENTRY_BYTES: usize = 32;

/// A job that has a name.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a TopicName,
    /// What the catalog says of it.
    pub job: &'a Job,
}

/// How far a partition was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::job) struct Taken {
    pub(in crate::job) topic: Uuid,
    pub(in crate::job) partition: i32,
    /// Of the next record.
    pub(in crate::job) offset: Offset,
    pub(in crate::job) leader_epoch: i32,
}

/// Reads a note of offsets; `None` where it is none.
pub(in crate::job) fn read_offsets(note: &[u8]) -> Option<Vec<Taken>> {
    let (entries, rest) = note.as_chunks::<ENTRY_BYTES>();
    let entry = |bytes: &[u8; ENTRY_BYTES]| {
        let (topic, rest) = bytes.split_first_chunk::<16>()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let leader_epoch = rest.first_chunk()?;
        Some(Taken {
            topic: Uuid(*topic),
            partition: i32::from_be_bytes(*partition),
            offset: Offset(i64::from_be_bytes(*offset)),
            leader_epoch: i32::from_be_bytes(*leader_epoch),
        })
    };
    rest.is_empty().then(|| entries.iter().map(entry).collect())?
}

fn write_offsets(taken: &[Taken]) -> Vec<u8> {
    let mut note = Vec::with_capacity(taken.len() * ENTRY_BYTES);
    for it in taken {
        note.extend_from_slice(&it.topic.0);
        note.extend_from_slice(&it.partition.to_be_bytes());
        note.extend_from_slice(&it.offset.0.to_be_bytes());
        note.extend_from_slice(&it.leader_epoch.to_be_bytes());
    }
    note
}

/// The state of a job that this process runs, and its inputs.
pub(super) struct Kept {
    inputs: Vec<KeptInput>,
}

struct KeptInput {
    topic: TopicInfo,
    /// To commit with; by partition.
    readers: Vec<PartitionReader>,
    /// The next offset of each partition.
    next: Vec<Offset>,
}

/// Where a job goes on.
pub(super) struct Opened {
    pub(super) state: TaskState,
    pub(super) kept: Kept,
    /// Partitions of which records were deleted that it had not taken in.
    pub(super) missed: Vec<(TopicName, i32)>,
}

impl Kept {
    /// Opens the state of a job, and puts the readers of its inputs where it goes on.
    pub(super) fn open(
        cluster: &Cluster,
        named: Named<'_>,
        sources: &mut Sources,
    ) -> Result<Opened, RunError> {
        let directory = state_directory(cluster, named)?;
        let state = TaskState::open(&directory).map_err(RunError::State)?;
        let note = state.noted(OFFSETS).map_err(RunError::State)?;
        let taken = note.map(read_offsets);
        let is_new = taken.is_none();
        let taken = match taken {
            None => Vec::new(),
            Some(Some(taken)) => taken,
            Some(None) => return Err(RunError::Notes(named.name.clone())),
        };
        let (mut inputs, mut missed) = (Vec::new(), Vec::new());
        for source in &mut sources.inputs {
            let topic = source.topic.clone();
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let of = |it: &&Taken| it.topic == topic.id && it.partition == partition;
                let Some(taken) = taken.iter().find(of) else {
                    // A partition that is new since; or a topic made anew under its name.
                    if !is_new && partition == 0 {
                        return Err(RunError::AnotherTopic(topic.name));
                    }
                    continue;
                };
                if taken.offset < reader.bounds().0 {
                    missed.push((topic.name.clone(), partition));
                }
                if reader.resume(taken.offset, taken.leader_epoch)?.is_some() {
                    return Err(RunError::CutInput(reader.partition().clone()));
                }
            }
            let next = source.readers.iter().map(PartitionReader::position).collect();
            inputs.push(KeptInput { topic, readers: source.readers.clone(), next });
        }
        Ok(Opened { state, kept: Self { inputs }, missed })
    }

    /// A record was taken in.
    #[inline]
    pub(super) fn take(&mut self, input: usize, partition: i32, offset: i64) {
        if let Some(next) =
            usize::try_from(partition).ok().and_then(|at| self.inputs[input].next.get_mut(at))
        {
            *next = Offset(offset).next();
        }
    }

    /// What stands before the next offsets is made durable; then state and offsets count as one.
    pub(super) fn commit(&mut self, state: &mut dyn State, now_ms: i64) -> Result<(), RunError> {
        let mut taken = Vec::new();
        for input in &self.inputs {
            for (reader, next) in input.readers.iter().zip(&input.next) {
                reader.make_durable(*next, now_ms)?;
                taken.push(Taken {
                    topic: input.topic.id,
                    partition: reader.partition().partition,
                    offset: *next,
                    leader_epoch: reader.leader_epoch_before(*next)?,
                });
            }
        }
        state.commit(&[(OFFSETS, &write_offsets(&taken))])?;
        Ok(())
    }

    /// Looks at the inputs anew, as their readers did.
    pub(super) fn follow(&mut self, sources: &Sources) {
        for (input, source) in self.inputs.iter_mut().zip(&sources.inputs) {
            input.readers.clone_from(&source.readers);
        }
    }
}

/// The directory of the state of a job's one task.
pub(in crate::job) fn state_directory(
    cluster: &Cluster,
    named: Named<'_>,
) -> Result<PathBuf, RunError> {
    let directory = cluster.make_job_state(named.job)?;
    directory.ok_or_else(|| RunError::NoState(named.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_as_they_were_written() {
        let taken = |partition, offset| Taken {
            topic: Uuid([7; 16]),
            partition,
            offset: Offset(offset),
            leader_epoch: -1,
        };
        let offsets = vec![taken(0, 5), taken(70_000, i64::MAX)];
        let note = write_offsets(&offsets);
        assert_eq!(note.len(), 64);
        assert_eq!(read_offsets(&note), Some(offsets));
        assert_eq!(read_offsets(&[]), Some(Vec::new()));
        assert_eq!(read_offsets(&note[1..]), None);
    }
}
