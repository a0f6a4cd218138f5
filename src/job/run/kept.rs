//! What lasts from one run of a job to the next: its state, how far its inputs were taken in, and what it has to send, as one.
//!
//! Where there is no state, the group of the job's name says how far it is, and its offsets are committed in one transaction with
//! the results. Else the group follows, and what counts is in the [notes](super::notes) beside the state; a commit goes in
//! these steps then, each on disk before the next begins:
//!
//! | step | when it stops after this, the next run |
//! | --- | --- |
//! | what was read is made durable, whoever wrote it | goes on from the commit before |
//! | state, offsets and outbox count, in one moment | finds an outbox that the group's offsets do not tell of: sends it |
//! | the outbox is sent, in one transaction with the group's offsets, and the number as their note | goes on from here |

use super::failure::RunError;
use super::notes::{NUMBER, OFFSETS, PARTITIONS, Sent, Taken, outbox_piece, write_offsets};
use super::outbox::Outbox;
use super::output::Results;
use super::sources::{Source, Sources};
use crate::cluster::{
    CommittedOffset, Job, PartitionReader, Progress, TopicInfo, Transaction, TransactionalOffsets,
};
use crate::model::{Offset, TopicName};
use crate::stream::State;

/// A job that has a name.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The name.
    pub name: &'a TopicName,
    /// What the catalog says of it.
    pub job: &'a Job,
}

/// What a job that this process runs keeps.
pub(super) struct Kept {
    job: Job,
    pub(super) inputs: Vec<KeptInput>,
    group: TransactionalOffsets,
    /// Of a job that writes topics, exactly once.
    pub(super) transaction: Option<Transaction>,
    /// Of a job with state.
    pub(super) results: Option<KeptResults>,
    /// Of a task with state: how many partitions each input has, as it is noted.
    pub(super) partitions: Option<Vec<u8>>,
    /// Something was taken in since the last commit.
    has_moved: bool,
}

/// Results that are kept with a state until they are sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptResults {
    /// Those that were kept last.
    pub(super) last: Sent,
    /// How many pieces of them are in the state.
    pub(super) pieces: usize,
}

/// An input, as far as it is taken in.
pub(super) struct KeptInput {
    topic: TopicInfo,
    /// To commit with; by partition, which follow each other.
    readers: Vec<PartitionReader>,
    /// The next offset of each partition.
    next: Vec<Offset>,
}

impl Kept {
    pub(super) fn new(
        job: &Job,
        group: TransactionalOffsets,
        transaction: Option<Transaction>,
    ) -> Self {
        let job = job.clone();
        let (inputs, results, partitions, has_moved) = (Vec::new(), None, None, false);
        Self { job, inputs, group, transaction, results, partitions, has_moved }
    }

    /// Where the group stands, if it was the job that said so, or `group set` for it.
    pub(super) fn position(&self, topic: &TopicInfo, partition: i32) -> Option<CommittedOffset> {
        let committed = self.group.committed(topic, partition)?;
        self.job.has_noted(&committed.metadata).then_some(committed)
    }

    /// Up to where results of a partition were sent, and which were sent last.
    pub(super) fn sent(&self, topic: &TopicInfo, partition: i32) -> Option<(Offset, Sent)> {
        let committed = self.group.committed(topic, partition)?;
        let sent = self.job.noted_in(&committed.metadata).and_then(Sent::read)?;
        Some((Offset(committed.offset), sent))
    }

    /// The results that were sent last.
    pub(super) fn last_sent(&self, sources: &Sources) -> Option<Sent> {
        let all = sources.inputs.iter().flat_map(|source| {
            let partitions = source.readers.iter().map(|reader| reader.partition().partition);
            partitions.filter_map(|partition| self.sent(&source.topic, partition))
        });
        all.map(|(_, sent)| sent).max_by_key(|sent| sent.number)
    }

    /// Notes that a record is done with. Those of a partition come in order.
    #[inline]
    pub(super) fn note_taken(&mut self, input: usize, partition: i32, offset: i64) {
        let input = &mut self.inputs[input];
        let at = input.place_of(partition).expect("a partition that is read is known");
        debug_assert!(Offset(offset) >= input.next[at], "records of a partition come in order");
        input.next[at] = Offset(offset).next();
        self.has_moved = true;
    }

    /// Notes that all is done with up to where the readers stand, with what is no record: the ends of transactions.
    pub(super) fn note_all_taken(&mut self, sources: &Sources) {
        for (input, source) in self.inputs.iter_mut().zip(&sources.inputs) {
            for (next, reader) in input.next.iter_mut().zip(&source.readers) {
                self.has_moved |= *next < reader.position();
                *next = reader.position().max(*next);
            }
        }
    }

    /// Whether a record was taken in.
    pub(super) fn has_taken(&self, input: usize, partition: i32, offset: i64) -> bool {
        let input = &self.inputs[input];
        input.place_of(partition).is_some_and(|at| Offset(offset) < input.next[at])
    }

    /// Commits what was taken in, with its results, as the head of this file says; `is_closed`: windows were closed.
    pub(super) fn commit(
        &mut self,
        state: &mut dyn State,
        results: &mut Results<'_>,
        is_closed: bool,
        now_ms: i64,
    ) -> Result<(), RunError> {
        let mut taken = Vec::new();
        for (input, it) in (0..).zip(&self.inputs) {
            for (reader, next) in it.readers.iter().zip(&it.next) {
                reader.make_durable(*next, now_ms)?;
                taken.push(Taken {
                    input,
                    topic: it.topic.id,
                    partition: reader.partition().partition,
                    offset: *next,
                    leader_epoch: reader.leader_epoch_before(*next)?,
                });
            }
        }
        if self.transaction.is_none() {
            // What was sent is on disk before anybody notes that it need not be sent again.
            results.finish()?;
        }
        let Some(kept) = &mut self.results else {
            return self.commit_without_state(results, now_ms);
        };
        let is_sending = results.outbox().is_some();
        if is_sending {
            kept.last = Sent { number: kept.last.number + 1, is_closed };
        }
        kept.replace(state, results.outbox())?;
        let (offsets, last) = (write_offsets(&taken), kept.last.write());
        let mut notes = vec![(OFFSETS, &*offsets), (NUMBER, last.as_bytes())];
        notes.extend(self.partitions.iter().map(|counts| (PARTITIONS, &**counts)));
        state.commit(&notes)?;
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
            _ if self.has_moved => self.tell_group(now_ms)?,
            _ => {}
        }
        self.has_moved = false;
        Ok(())
    }

    /// Ends the transaction in which results were sent.
    pub(super) fn commit_transaction(&mut self, now_ms: i64) -> Result<(), RunError> {
        let Some(transaction) = &self.transaction else { return Ok(()) };
        let note = self.note();
        self.group.commit(transaction, &progress(&self.inputs), &note, now_ms)?;
        Ok(transaction.commit()?)
    }

    fn note(&self) -> String {
        let last = self.results.map(|results| results.last.write());
        self.job.note(last.as_deref())
    }

    fn tell_group(&mut self, now_ms: i64) -> Result<(), RunError> {
        let note = self.note();
        Ok(self.group.commit_alone(&progress(&self.inputs), &note, now_ms)?)
    }

    /// Gives up what was sent since the last commit, if anything was. Where that fails, who takes the transaction next does it.
    pub(super) fn abort(&self) {
        if let Some(transaction) = &self.transaction {
            let _ = transaction.abort();
        }
    }

    /// Forgets what was sent; and tells the group how far the job is, where no transaction has: for who asks how far it is behind.
    pub(super) fn end(&mut self, state: &mut dyn State, now_ms: i64) -> Result<(), RunError> {
        if let Some(kept) = self.results.as_mut().filter(|kept| kept.pieces > 0) {
            kept.replace(state, None)?;
            state.commit(&[])?;
        }
        match self.transaction.is_none() && self.results.is_some() {
            true => self.tell_group(now_ms),
            false => Ok(()),
        }
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

impl KeptResults {
    /// Puts results into the state, in the place of those before.
    fn replace(
        &mut self,
        state: &mut dyn State,
        outbox: Option<&mut Outbox>,
    ) -> Result<(), RunError> {
        let mut pieces = 0;
        if let Some(outbox) = outbox {
            outbox.each_piece(|piece| {
                state.note(&outbox_piece(pieces), piece)?;
                pieces += 1;
                Ok(())
            })?;
        }
        for old in pieces..self.pieces {
            state.note(&outbox_piece(old), &[])?;
        }
        self.pieces = pieces;
        Ok(())
    }
}

impl KeptInput {
    /// An input that is taken in up to where its readers stand.
    pub(super) fn new(source: &Source) -> Self {
        Self {
            topic: source.topic.clone(),
            readers: source.readers.clone(),
            next: source.readers.iter().map(PartitionReader::position).collect(),
        }
    }

    /// The place of a partition among those that are read.
    fn place_of(&self, partition: i32) -> Option<usize> {
        let first = self.readers.first()?.partition().partition;
        usize::try_from(partition - first).ok().filter(|at| *at < self.next.len())
    }
}

/// How far each partition is. One that two inputs read is as far as the one that is behind.
fn progress(inputs: &[KeptInput]) -> Vec<Progress<'_>> {
    let mut all: Vec<Progress<'_>> = Vec::new();
    for input in inputs {
        for (reader, next) in input.readers.iter().zip(&input.next) {
            let same = |it: &&mut Progress<'_>| it.reader.partition() == reader.partition();
            // Few jobs have many inputs; partitions of one are never the same.
            let known = (inputs.len() > 1).then(|| all.iter_mut().find(same)).flatten();
            match known {
                Some(known) if known.next <= *next => {}
                Some(known) => *known = Progress { topic: &input.topic, reader, next: *next },
                None => all.push(Progress { topic: &input.topic, reader, next: *next }),
            }
        }
    }
    all
}
