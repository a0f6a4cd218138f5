//! Records go in: read from topics, decoded, taken by the task.

use std::ops::ControlFlow;
use std::time::Instant;

use super::failure::{RunError, whose};
use super::record::OwnedRecord;
use super::sources::{Source, Sources};
use super::{COMMIT_INTERVAL_MIN, Run};
use crate::cluster::RecordRange;
use crate::job::plan::Input;
use crate::job::programs::encoded_headers;
use crate::model::{TopicPartition, partition_for_key};
use crate::record::Decompressor;
use crate::stream::{Headers, Inputs, Origin, Outside, Record};

/// Bytes of records that wait, over all inputs, so that they can be taken by time.
const WAITING_BYTES: usize = 8 << 20;
const WAITING_BYTES_MIN: usize = 64 << 10;

/// A record as it is stored.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers<'a>,
}

/// Texts of what is stored.
#[derive(Default)]
struct Texts {
    key: Vec<u8>,
    value: Vec<u8>,
    headers: Vec<u8>,
}

impl Run<'_> {
    /// Takes all records up to where the readers stop.
    pub(super) fn feed(&mut self, sources: &mut Sources) -> Result<(), RunError> {
        let Sources { inputs, scratch, total, .. } = &mut *sources;
        let mut texts = Texts::default();
        match &mut inputs[..] {
            [source] if source.readers.len() == 1 || !self.plan.has_state => {
                self.feed_in_turn(source, scratch, *total, &mut texts)?;
            }
            inputs => self.feed_by_time(inputs, scratch, *total, &mut texts)?,
        }
        if let Some(kept) = self.kept.as_mut().filter(|_| !self.is_stopped) {
            kept.note_all_taken(sources);
        }
        Ok(())
    }

    /// One partition after the other, straight from the log.
    fn feed_in_turn(
        &mut self,
        source: &mut Source,
        scratch: &mut Decompressor,
        total: u64,
        texts: &mut Texts,
    ) -> Result<(), RunError> {
        let plan = self.plan;
        let input = &plan.inputs[0];
        for reader in &mut source.readers {
            while !self.is_stopped
                && let Some(chunk) = reader.next_chunk()?
            {
                let mut failed = None;
                let _ = chunk.visit(RecordRange::default(), scratch, |located| {
                    let record = &located.record;
                    let mut headers = std::mem::take(&mut texts.headers);
                    let stored = Stored {
                        partition: located.partition.partition,
                        offset: record.offset,
                        timestamp: record.timestamp,
                        key: record.key,
                        value: record.value,
                        headers: encoded_headers(record.headers, &mut headers),
                    };
                    let taken = self.take(input, &stored, total, texts);
                    texts.headers = headers;
                    match taken {
                        Ok(()) if !self.is_stopped => ControlFlow::Continue(()),
                        Ok(()) => ControlFlow::Break(()),
                        Err(error) => {
                            failed = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                })?;
                if let Some(error) = failed {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// The lowest timestamp of all inputs first.
    fn feed_by_time(
        &mut self,
        sources: &mut [Source],
        scratch: &mut Decompressor,
        total: u64,
        texts: &mut Texts,
    ) -> Result<(), RunError> {
        let plan = self.plan;
        let mut waiting = Inputs::new(&plan.topology);
        let bytes_max = (WAITING_BYTES / sources.len().max(1)).max(WAITING_BYTES_MIN);
        for input in &plan.inputs {
            waiting.set_done(input.id, false);
        }
        while !self.is_stopped {
            while let Some(id) = waiting.missing() {
                let place = plan.inputs.iter().position(|input| input.id == id);
                let place = place.expect("a plan has all inputs of its topology");
                let (input, source) = (&plan.inputs[place], &mut sources[place]);
                let mut bytes = 0;
                let Source { readers, by_time, .. } = source;
                let range = RecordRange::default();
                let visited = by_time.visit(readers, range, scratch, |located| {
                    let mut record = OwnedRecord::copied(&located, &mut texts.headers);
                    bytes += record.size_in_bytes();
                    time(input, &mut record);
                    waiting.push(id, record.timestamp, record);
                    match bytes >= bytes_max {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                })?;
                if visited.is_continue() {
                    waiting.set_done(id, true);
                }
            }
            let Some((id, record)) = waiting.take() else { return Ok(()) };
            let input = plan.inputs.iter().find(|input| input.id == id);
            let input = input.expect("a plan has all inputs of its topology");
            match &record.failure {
                None => self.process(input, &record.stored(), total, texts)?,
                Some(why) => {
                    self.summary.records_in += 1;
                    self.leave_out(input, &record.stored(), why)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a record straight from the log.
    fn take(
        &mut self,
        input: &Input,
        stored: &Stored<'_>,
        total: u64,
        texts: &mut Texts,
    ) -> Result<(), RunError> {
        let Some(timestamp) = &input.timestamp else {
            return self.process(input, stored, total, texts);
        };
        let timed = decoded(input, stored, texts).and_then(|record| timestamp(&record));
        match timed {
            Ok(timestamp) => self.process(input, &Stored { timestamp, ..*stored }, total, texts),
            Err(error) => {
                self.summary.records_in += 1;
                self.leave_out(input, stored, &error.to_string())
            }
        }
    }

    /// Gives a record that has its time to the task.
    #[inline]
    fn process(
        &mut self,
        input: &Input,
        stored: &Stored<'_>,
        total: u64,
        texts: &mut Texts,
    ) -> Result<(), RunError> {
        if self.looks.is_due() {
            self.look(total)?;
            if self.is_stopped {
                return Ok(());
            }
        }
        self.summary.records_in += 1;
        if !self.since.left_out.is_empty()
            && let Some(failed) =
                self.since.left_out.get(&(input.place, stored.partition, stored.offset))
        {
            let why = failed.why.clone();
            // The next one that fails is not to lead back to here.
            self.commit_due = Instant::now();
            self.looks.look_soon();
            return self.leave_out(input, stored, &why);
        }
        if self.partitions.is_some() {
            self.look_at_key(input, stored);
        }
        let record = match decoded(input, stored, texts) {
            Ok(record) => record,
            Err(error) => return self.leave_out(input, stored, &error.to_string()),
        };
        let mut ready = self.output.ready(self.front, self.now_ms);
        let tables = self.tables.as_deref().expect(super::TABLES);
        let outside = &mut Outside { globals: tables, output: &mut ready };
        let processed = self.task.process(input.id, &record, outside);
        let refused = ready.take_refused();
        drop(ready);
        let Err(error) = processed else {
            self.note_taken(input, stored);
            return Ok(());
        };
        match whose(error, refused) {
            Ok(why) if self.kept.is_some() && !self.task.is_intact() => {
                let at = TopicPartition::new(input.topic.clone(), stored.partition);
                Err(RunError::Again { input: input.place, at, offset: stored.offset, why })
            }
            Ok(why) => self.leave_out(input, stored, &why),
            Err(RunError::Closed) => {
                self.close();
                Ok(())
            }
            Err(RunError::Interrupted) if self.kept.is_none() || self.task.is_intact() => {
                self.is_stopped = true;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Tells of the first record whose key other tasks have too, if producers agree on where it belongs.
    fn look_at_key(&mut self, input: &Input, stored: &Stored<'_>) {
        let (Some(partitions), Some(key)) = (&self.partitions, stored.key) else { return };
        if partition_for_key(key, partitions[input.place]) != stored.partition {
            let at = TopicPartition::new(input.topic.clone(), stored.partition);
            self.front.misplaced(&at, stored.offset);
            self.partitions = None;
        }
    }

    /// Tells how far it is, looks whether to stop, and keeps or flushes what there is where it is time.
    #[cold]
    fn look(&mut self, total: u64) -> Result<(), RunError> {
        self.front.progress(self.summary.records_in, total);
        self.is_stopped |= self.front.should_stop();
        if Instant::now() < self.commit_due && !self.output.is_full() {
            return Ok(());
        }
        if !self.plan.globals.is_empty() {
            // Who takes up what has come there waits for all who have the tables in hand.
            self.follow_globals()?;
        }
        if self.kept.is_some() {
            return self.put_out(false);
        }
        self.commit_due = Instant::now() + COMMIT_INTERVAL_MIN;
        if self.front.flush().is_err() {
            self.close();
        }
        Ok(self.output.flush()?)
    }

    /// Notes that a record is done with.
    #[inline]
    pub(super) fn note_taken(&mut self, input: &Input, stored: &Stored<'_>) {
        if let Some(kept) = &mut self.kept {
            kept.note_taken(input.place, stored.partition, stored.offset);
        }
    }
}

/// Gives a record that waits the time that it is to have.
fn time(input: &Input, record: &mut OwnedRecord) {
    let Some(timestamp) = &input.timestamp else { return };
    let mut texts = Texts::default();
    let timed = decoded(input, &record.stored(), &mut texts).and_then(|record| timestamp(&record));
    match timed {
        Ok(timestamp) => record.timestamp = timestamp,
        Err(error) => record.failure = Some(error.to_string()),
    }
}

/// A record as programs see it.
#[inline]
fn decoded<'r>(
    input: &'r Input,
    stored: &Stored<'r>,
    texts: &'r mut Texts,
) -> crate::stream::Result<Record<'r>> {
    let failed = |what: &'static str, error| {
        crate::stream::Error::program(super::failure::Undecodable { what, error })
    };
    let key = stored.key.map(|key| input.key.decode(key, &mut texts.key)).transpose();
    let value = stored.value.map(|value| input.value.decode(value, &mut texts.value)).transpose();
    Ok(Record {
        key: key.map_err(|error| failed("key", error))?,
        value: value.map_err(|error| failed("value", error))?,
        timestamp: stored.timestamp,
        headers: stored.headers,
        origin: Some(Origin {
            topic: &input.topic,
            partition: stored.partition,
            offset: stored.offset,
        }),
        ..Record::default()
    })
}
