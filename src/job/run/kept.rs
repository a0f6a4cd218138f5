//! What lasts from one run of a job to the next: its state, how far its inputs were taken in, and what it has to send, as one.
//!
//! Where there is no state, the group of the job's name says how far it is, and its offsets are committed in one transaction with
//! the results. Else the group follows, and what counts is in the state.
//!
//! The notes beside the state, numbers big-endian:
//!
//! | note | bytes |
//! | --- | --- |
//! | `offsets` | for each partition of each input: the topic's id, 16; partition, 4; next offset, 8; its leader epoch or -1, 4 |
//! | `number` | how often results were kept to be sent, 8 |
//! | `outbox` | those that were kept last ([`super::outbox`]); nothing where that commit had none |
//!
//! A commit of a job with state goes in these steps, each on disk before the next begins:
//!
//! | step | when it stops after this, the next run |
//! | --- | --- |
//! | what was read is made durable, whoever wrote it | goes on from the commit before |
//! | state, offsets and outbox count, in one moment | finds an outbox that the group's offsets do not tell of: sends it |
//! | the outbox is sent, in one transaction with the group's offsets, and the number as their note | goes on from here |
//!
//! A state that was lost is made again of the inputs. Up to where the group stands its results were sent before, and are not
//! sent again.

use std::path::PathBuf;

use super::Setting;
use super::failure::RunError;
use super::outbox::Outbox;
use super::output::Results;
use super::sources::Sources;
use crate::cluster::{
    Cluster, Job, PartitionReader, Progress, TopicInfo, Transaction, TransactionalOffsets,
};
use crate::job::state::TaskState;
use crate::model::{Offset, TopicName, Uuid};
use crate::stream::{MemoryState, State};

pub(in crate::job) const OFFSETS: &str = "offsets";
const NUMBER: &str = "number";
const OUTBOX: &str = "outbox";
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

/// What a job that this process runs keeps.
pub(super) struct Kept {
    inputs: Vec<KeptInput>,
    group: TransactionalOffsets,
    /// Of a job that writes topics.
    pub(super) transaction: Option<Transaction>,
    /// Of a job with state.
    results: Option<KeptResults>,
    /// Something was taken in since the last commit.
    has_moved: bool,
}

/// Results that are kept with a state until they are sent.
#[derive(Debug, Clone, Copy)]
struct KeptResults {
    /// Of those that were kept last.
    number: u64,
    /// Whether there are any in the state.
    are_there: bool,
}

struct KeptInput {
    topic: TopicInfo,
    /// To commit with; by partition, which follow each other.
    readers: Vec<PartitionReader>,
    /// The next offset of each partition.
    next: Vec<Offset>,
}

/// Where a job goes on.
pub(super) struct Opened {
    pub(super) state: Box<dyn State>,
    pub(super) kept: Kept,
    /// Partitions of which records were deleted that it had not taken in.
    pub(super) missed: usize,
    /// Results that were kept and not sent.
    pub(super) unsent: Option<Vec<u8>>,
    /// Whether the state was lost: readers stop where the group stands.
    pub(super) is_lost: bool,
}

impl Kept {
    /// Opens what is kept of a job, and puts the readers of its inputs where it goes on.
    pub(super) fn open(
        setting: Setting<'_>,
        named: Named<'_>,
        writes_topics: bool,
        sources: &mut Sources,
    ) -> Result<Opened, RunError> {
        let Setting { cluster, plan, task, .. } = setting;
        // What a run that died has open is ended before its offsets are looked at.
        let id =
            task.map_or_else(|| named.name.to_string(), |task| format!("{}-{task}", named.name));
        let transaction = writes_topics.then(|| cluster.transaction(&id)).transpose()?;
        let group = cluster.transactional_offsets(named.name)?;
        let kept = Self { inputs: Vec::new(), group, transaction, results: None, has_moved: false };
        match plan.has_state {
            false => kept.open_without_state(sources),
            true => kept.open_state(cluster, named, sources),
        }
    }

    /// Goes on where the group stands.
    fn open_without_state(self, sources: &mut Sources) -> Result<Opened, RunError> {
        let state = Box::new(MemoryState::new());
        let mut opened = Opened { state, kept: self, missed: 0, unsent: None, is_lost: false };
        for source in &mut sources.inputs {
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let committed = opened.kept.group.committed(&source.topic, partition);
                let Some(committed) = committed else { continue };
                opened.missed += usize::from(committed.offset < reader.bounds().0.0);
                let epoch = committed.leader_epoch;
                if reader.resume(Offset(committed.offset), epoch)?.is_some() {
                    return Err(RunError::CutInput(reader.partition().clone()));
                }
            }
        }
        opened.know(sources);
        Ok(opened)
    }

    fn open_state(
        mut self,
        cluster: &Cluster,
        named: Named<'_>,
        sources: &mut Sources,
    ) -> Result<Opened, RunError> {
        let state = TaskState::open(&state_directory(cluster, named)?).map_err(|error| {
            if error.is_malformed() { RunError::Damaged(error) } else { RunError::State(error) }
        })?;
        let noted = |name| state.noted(name).map_err(RunError::State);
        let unreadable = || RunError::Notes(named.name.clone());
        let taken = noted(OFFSETS)?.map(|note| read_offsets(note).ok_or_else(unreadable));
        let taken = taken.transpose()?;
        let number = noted(NUMBER)?.map(|note| note.try_into().map_err(|_| unreadable()));
        let number = number.transpose()?.map_or(0, u64::from_be_bytes);
        let outbox = noted(OUTBOX)?.filter(|outbox| !outbox.is_empty()).map(<[u8]>::to_vec);
        let are_there = outbox.is_some();
        self.results = Some(KeptResults { number, are_there });
        let state = Box::new(state);
        let mut opened = Opened { state, kept: self, missed: 0, unsent: None, is_lost: false };
        match taken {
            Some(taken) => opened.go_on(&taken, sources)?,
            None => opened.begin(sources),
        }
        let sent = opened.kept.sent_number();
        let last = number.max(sent.unwrap_or_default());
        opened.kept.results = Some(KeptResults { number: last, are_there });
        opened.unsent = outbox.filter(|_| sent != Some(number));
        Ok(opened)
    }

    /// The number of the results that were sent last.
    fn sent_number(&self) -> Option<u64> {
        let numbers = self.inputs.iter().flat_map(|input| {
            let partitions = input.readers.iter().map(|reader| reader.partition().partition);
            partitions.filter_map(|partition| self.group.committed(&input.topic, partition))
        });
        numbers.filter_map(|committed| committed.metadata.parse().ok()).max()
    }

    /// A record was taken in.
    #[inline]
    pub(super) fn take(&mut self, input: usize, partition: i32, offset: i64) {
        let input = &mut self.inputs[input];
        if let Some(at) = input.place_of(partition) {
            input.next[at] = Offset(offset).next();
            self.has_moved = true;
        }
    }

    /// Whether a record was taken in.
    pub(super) fn has_taken(&self, input: usize, partition: i32, offset: i64) -> bool {
        let input = &self.inputs[input];
        input.place_of(partition).is_some_and(|at| Offset(offset) < input.next[at])
    }

    /// Commits what was taken in, with its results, as the head of this file says.
    pub(super) fn commit(
        &mut self,
        state: &mut dyn State,
        results: &mut Results<'_>,
        now_ms: i64,
    ) -> Result<(), RunError> {
        let mut taken = Vec::new();
        for Progress { topic, reader, next } in progress(&self.inputs) {
            reader.make_durable(next, now_ms)?;
            taken.push(Taken {
                topic: topic.id,
                partition: reader.partition().partition,
                offset: next,
                leader_epoch: reader.leader_epoch_before(next)?,
            });
        }
        let Some(KeptResults { number, are_there }) = &mut self.results else {
            return self.commit_without_state(results, now_ms);
        };
        let offsets = write_offsets(&taken);
        let outbox = results.outbox().filter(|outbox| !outbox.is_empty());
        let is_sending = outbox.is_some();
        if is_sending {
            *number += 1;
        }
        let number = number.to_be_bytes();
        let outbox = outbox.map_or(&[][..], Outbox::bytes);
        let notes = [(OFFSETS, &offsets[..]), (NUMBER, &number[..]), (OUTBOX, outbox)];
        let notes = if is_sending || *are_there { &notes[..] } else { &notes[..1] };
        state.commit(notes)?;
        *are_there = is_sending;
        if is_sending {
            results.send_outbox(now_ms)?;
            self.commit_transaction(now_ms)?;
        }
        Ok(())
    }

    fn commit_without_state(
        &mut self,
        results: &mut Results<'_>,
        now_ms: i64,
    ) -> Result<(), RunError> {
        results.flush()?;
        match &self.transaction {
            Some(_) if results.take_has_sent() => self.commit_transaction(now_ms)?,
            _ if self.has_moved => {
                let progress: Vec<_> = progress(&self.inputs).collect();
                self.group.commit_alone(&progress, now_ms)?;
            }
            _ => {}
        }
        self.has_moved = false;
        Ok(())
    }

    /// Ends the transaction in which results were sent.
    pub(super) fn commit_transaction(&mut self, now_ms: i64) -> Result<(), RunError> {
        let Some(transaction) = &self.transaction else { return Ok(()) };
        let progress: Vec<_> = progress(&self.inputs).collect();
        let note = self.results.map(|results| results.number.to_string()).unwrap_or_default();
        self.group.commit(transaction, &progress, &note, now_ms)?;
        Ok(transaction.commit()?)
    }

    /// Gives up what was sent since the last commit, if anything was. Where that fails, who takes the transaction next does it.
    pub(super) fn abort(&self) {
        if let Some(transaction) = &self.transaction {
            let _ = transaction.abort();
        }
    }

    /// Forgets what was sent; and tells the group how far the job is, where no transaction has: for who asks how far it is behind.
    pub(super) fn end(&mut self, state: &mut dyn State, now_ms: i64) -> Result<(), RunError> {
        if let Some(KeptResults { are_there: are_there @ true, .. }) = &mut self.results {
            state.commit(&[(OUTBOX, &[])])?;
            *are_there = false;
        }
        if self.transaction.is_none() && self.results.is_some() {
            let progress: Vec<_> = progress(&self.inputs).collect();
            self.group.commit_alone(&progress, now_ms)?;
        }
        Ok(())
    }

    /// Looks at the inputs anew, as their readers did.
    pub(super) fn follow(&mut self, sources: &Sources) {
        for (input, source) in self.inputs.iter_mut().zip(&sources.inputs) {
            input.readers.clone_from(&source.readers);
            let new = input.readers[input.next.len()..].iter().map(PartitionReader::position);
            input.next.extend(new);
        }
    }
}

impl KeptInput {
    /// The place of a partition among those that are read.
    fn place_of(&self, partition: i32) -> Option<usize> {
        let first = self.readers.first()?.partition().partition;
        usize::try_from(partition - first).ok().filter(|at| *at < self.next.len())
    }
}

fn progress(inputs: &[KeptInput]) -> impl Iterator<Item = Progress<'_>> {
    inputs.iter().flat_map(|input| {
        let partitions = input.readers.iter().zip(&input.next);
        partitions.map(|(reader, next)| Progress { topic: &input.topic, reader, next: *next })
    })
}

impl Opened {
    /// Puts readers where the job stood.
    fn go_on(&mut self, taken: &[Taken], sources: &mut Sources) -> Result<(), RunError> {
        for source in &mut sources.inputs {
            let topic = &source.topic;
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let of = |it: &&Taken| it.topic == topic.id && it.partition == partition;
                let Some(taken) = taken.iter().find(of) else {
                    if partition == 0 {
                        return Err(RunError::AnotherTopic(topic.name.clone()));
                    }
                    // It is new since.
                    continue;
                };
                self.missed += usize::from(taken.offset < reader.bounds().0);
                if reader.resume(taken.offset, taken.leader_epoch)?.is_some() {
                    return Err(RunError::CutInput(reader.partition().clone()));
                }
            }
        }
        self.know(sources);
        Ok(())
    }

    /// Leaves readers at the beginning; where the group tells of an earlier life, they stop there first.
    fn begin(&mut self, sources: &mut Sources) {
        self.know(sources);
        if self.kept.transaction.is_none() || self.kept.sent_number().is_none() {
            return;
        }
        self.is_lost = true;
        for source in &mut sources.inputs {
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let committed = self.kept.group.committed(&source.topic, partition);
                reader.stop_at(Offset(committed.map_or(0, |committed| committed.offset)));
                self.missed += usize::from(reader.bounds().0 > Offset::ZERO);
            }
        }
    }

    fn know(&mut self, sources: &Sources) {
        let known = |source: &super::sources::Source| KeptInput {
            topic: source.topic.clone(),
            readers: source.readers.clone(),
            next: source.readers.iter().map(PartitionReader::position).collect(),
        };
        self.kept.inputs = sources.inputs.iter().map(known).collect();
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
