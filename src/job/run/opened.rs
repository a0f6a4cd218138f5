//! Where a job goes on: what it kept, what of that it still has to send, and how much it has to do again in silence.
//!
//! A state is never behind what was sent. One that is, is being made again: it was lost, or thrown away, and whoever made it
//! again before may have died over it. Up to where the group stands its results are not sent then, for they were.

use std::path::PathBuf;

use super::attempt::{Behind, Setting};
use super::failure::RunError;
use super::kept::{Kept, KeptInput, KeptResults, Named};
use super::notes::{
    NUMBER, OFFSETS, PARTITIONS, Sent, Taken, outbox_piece, read_offsets, write_partitions,
};
use super::output;
use super::sources::{Source, Sources};
use super::tasks::check_unchanged;
use crate::cluster::{PartitionReader, TopicInfo};
use crate::job::state::{StateView, TaskState};
use crate::model::Offset;
use crate::stream::{MemoryState, State};

/// Where a job goes on.
pub(super) struct Opened {
    pub(super) state: Box<dyn State>,
    pub(super) kept: Kept,
    /// Partitions of which records were deleted that it had not taken in.
    pub(super) missed: usize,
    /// Results that were kept and not sent, so many pieces of them.
    pub(super) unsent: usize,
    /// Where there is room for more than fits into memory.
    pub(super) directory: Option<PathBuf>,
    /// Where the state is behind what was sent: readers stop where the group stands.
    pub(super) behind: Option<Behind>,
}

/// Whether a task has nothing to do: all that there is was taken in, and sent. Looked at first, since each copy of a job takes
/// a turn where something has come, and most come too late.
pub(super) fn has_nothing_to_do(
    setting: Setting<'_>,
    named: Named<'_>,
    kept: &Kept,
    sources: &Sources,
) -> Result<bool, RunError> {
    let Setting { cluster, plan, task, .. } = setting;
    if !plan.has_state {
        return Ok(readers_of(sources).all(|(_, topic, reader)| {
            match kept.position(topic, reader.partition().partition) {
                Some(it) => is_at_end(reader, Offset(it.offset), it.leader_epoch),
                None => reader.bounds().0 >= reader.stop(),
            }
        }));
    }
    let directory = cluster.make_job_state(named.job, task.map(i32::unsigned_abs))?;
    // Where there is none, or something is wrong with it, the turn is to find that.
    let Some(state) = directory.and_then(|it| StateView::open(&it).ok()?) else { return Ok(false) };
    let noted = |name: &str| state.noted(name).ok().flatten();
    let last = noted(NUMBER).and_then(|note| Sent::read(str::from_utf8(note).ok()?));
    let (Some(taken), Some(last)) = (noted(OFFSETS).and_then(read_offsets), last) else {
        return Ok(false);
    };
    let sent = kept.last_sent(sources);
    let has_unsent = noted(&outbox_piece(0)).is_some_and(|piece| !piece.is_empty())
        && sent.is_none_or(|sent| sent.number < last.number);
    let is_taken = |(input, topic, reader): (usize, &TopicInfo, &PartitionReader)| {
        let partition = reader.partition().partition;
        let of = |it: &&Taken| (it.input as usize, it.partition) == (input, partition);
        let sent = kept.sent(topic, partition).map_or(Offset::ZERO, |(offset, _)| offset);
        taken
            .iter()
            .find(of)
            .filter(|taken| taken.topic == topic.id && taken.offset >= sent)
            .is_some_and(|taken| is_at_end(reader, taken.offset, taken.leader_epoch))
    };
    Ok(!has_unsent && readers_of(sources).all(is_taken))
}

/// Whether there is nothing more where somebody stands, and nothing else than what was read before it.
fn is_at_end(reader: &PartitionReader, offset: Offset, leader_epoch: i32) -> bool {
    offset >= reader.stop() && matches!(reader.clone().resume(offset, leader_epoch), Ok(None))
}

/// The readers of all inputs, each with the place and topic of its own.
fn readers_of(sources: &Sources) -> impl Iterator<Item = (usize, &TopicInfo, &PartitionReader)> {
    sources.inputs.iter().enumerate().flat_map(|(input, source)| {
        source.readers.iter().map(move |reader| (input, &source.topic, reader))
    })
}

impl Opened {
    /// Opens what is kept of a job, and puts the readers of its inputs where it goes on.
    pub(super) fn open(
        setting: Setting<'_>,
        named: Named<'_>,
        sources: &mut Sources,
    ) -> Result<Self, RunError> {
        let Setting { cluster, plan, options, task, .. } = setting;
        // What a run that died has open is ended before its offsets are looked at.
        let (name, id) = (named.name, named.job.id);
        let id = task.map_or_else(|| format!("{name}-{id}"), |task| format!("{name}-{id}-{task}"));
        let sends = options.exactly_once && !output::topics(plan, &options.on_error).is_empty();
        let transaction = sends.then(|| cluster.transaction(&id)).transpose()?;
        let kept = Kept::new(named.job, cluster.transactional_offsets(name)?, transaction);
        match plan.has_state {
            false => Self::without_state(kept, sources),
            true => {
                let task = task.map(i32::unsigned_abs);
                let directory = cluster.make_job_state(named.job, task)?;
                let directory = directory.ok_or_else(|| RunError::NoState(name.clone()))?;
                Self::with_state(kept, (named, directory), sources, task.is_some())
            }
        }
    }

    /// Goes on where the group stands.
    fn without_state(kept: Kept, sources: &mut Sources) -> Result<Self, RunError> {
        let state = Box::new(MemoryState::new());
        let mut opened = Self { state, kept, missed: 0, unsent: 0, directory: None, behind: None };
        for source in &mut sources.inputs {
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let Some(committed) = opened.kept.position(&source.topic, partition) else {
                    continue;
                };
                let (offset, epoch) = (Offset(committed.offset), committed.leader_epoch);
                opened.resume(reader, offset, epoch)?;
            }
        }
        opened.remember_positions(sources);
        Ok(opened)
    }

    fn with_state(
        mut kept: Kept,
        (named, directory): (Named<'_>, PathBuf),
        sources: &mut Sources,
        is_partition: bool,
    ) -> Result<Self, RunError> {
        let state = TaskState::open(&directory).map_err(|error| {
            if error.is_malformed() { RunError::Damaged(error) } else { RunError::State(error) }
        })?;
        let noted = |name: &str| state.noted(name);
        let unreadable = || RunError::Notes(named.name.clone());
        if is_partition {
            let counts: Vec<_> = sources.inputs.iter().map(|it| it.topic.partitions).collect();
            let name = |place: usize| sources.inputs[place].topic.name.clone();
            check_unchanged(noted(PARTITIONS)?, &counts, name)?;
            kept.partitions = Some(write_partitions(counts.into_iter()));
        }
        let taken = noted(OFFSETS)?.map(|note| read_offsets(note).ok_or_else(unreadable));
        let taken = taken.transpose()?.unwrap_or_default();
        let kept_last = match noted(NUMBER)? {
            None => Sent::default(),
            Some(note) => str::from_utf8(note).ok().and_then(Sent::read).ok_or_else(unreadable)?,
        };
        let mut pieces = 0;
        while noted(&outbox_piece(pieces))?.is_some_and(|piece| !piece.is_empty()) {
            pieces += 1;
        }
        let sent = kept.last_sent(sources);
        let is_sent = sent.is_some_and(|sent| sent.number >= kept_last.number);
        let last = sent.filter(|_| is_sent).unwrap_or(kept_last);
        kept.results = Some(KeptResults { last, pieces });
        let unsent = if is_sent { 0 } else { pieces };
        let (state, directory) = (Box::new(state), Some(directory));
        let mut opened = Self { state, kept, missed: 0, unsent, directory, behind: None };
        opened.go_on(&taken, sources)?;
        if let Some(Sent { is_closed, .. }) = sent
            && opened.stop_at_group(sources)
        {
            opened.behind = Some(Behind { is_closed });
        }
        Ok(opened)
    }

    /// Puts readers where the state is.
    fn go_on(&mut self, taken: &[Taken], sources: &mut Sources) -> Result<(), RunError> {
        for (input, source) in (0..).zip(&mut sources.inputs) {
            let topic = &source.topic;
            for reader in &mut source.readers {
                let partition = reader.partition().partition;
                let of = |it: &&Taken| (it.input, it.partition) == (input, partition);
                match taken.iter().find(of) {
                    Some(taken) if taken.topic != topic.id => {
                        return Err(RunError::AnotherTopic(topic.name.clone()));
                    }
                    Some(taken) => self.resume(reader, taken.offset, taken.leader_epoch)?,
                    // The state is new, or the partition is.
                    None => {}
                }
            }
        }
        self.remember_positions(sources);
        Ok(())
    }

    fn resume(
        &mut self,
        reader: &mut PartitionReader,
        offset: Offset,
        leader_epoch: i32,
    ) -> Result<(), RunError> {
        self.missed += usize::from(offset < reader.bounds().0);
        match reader.resume(offset, leader_epoch)? {
            None => Ok(()),
            Some(_) => Err(RunError::CutInput(reader.partition().clone())),
        }
    }

    /// Has readers stop where the group stands, if the state is behind it. True where that is so.
    fn stop_at_group(&mut self, sources: &mut Sources) -> bool {
        let committed = |source: &Source, reader: &PartitionReader| {
            let sent = self.kept.sent(&source.topic, reader.partition().partition);
            sent.map_or(Offset::ZERO, |(offset, _)| offset)
        };
        let is_behind = |source: &Source| {
            source.readers.iter().any(|reader| reader.position() < committed(source, reader))
        };
        if !sources.inputs.iter().any(is_behind) {
            return false;
        }
        let mut missed = 0;
        for source in &mut sources.inputs {
            let stops: Vec<_> =
                source.readers.iter().map(|reader| committed(source, reader)).collect();
            for (reader, stop) in source.readers.iter_mut().zip(stops) {
                missed += usize::from(
                    reader.position() == reader.bounds().0 && reader.bounds().0 > Offset::ZERO,
                );
                reader.stop_at(stop);
            }
        }
        self.missed += missed;
        true
    }

    fn remember_positions(&mut self, sources: &Sources) {
        self.kept.inputs = sources.inputs.iter().map(KeptInput::new).collect();
    }
}
