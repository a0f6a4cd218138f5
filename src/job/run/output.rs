//! Results go out: to topics, or to who prints them.
//!
//! A job without a name sends them as they come; one with a name but without state too, within a transaction. One with a name and
//! state puts them into its [outbox](super::outbox); what is in there is sent in one transaction, once it is kept.

use super::failure::{OnError, Refused, RunError, find_or_create};
use super::outbox::{self, Outbox};
use super::{Front, Printed};
use crate::cluster::{self, Acks, Cluster, Producer, ProducerOptions, SendError, Transaction};
use crate::job::definition::KeySerde;
use crate::job::plan::{Plan, Sink};
use crate::job::programs::write_window_key;
use crate::model::{Compression, TopicName};
use crate::record::{Headers, Record as Stored};
use crate::storage;
use crate::stream::{ChangelogRow, Error, Output, Record, Result, SinkId};

/// Where results go.
pub(super) struct Results<'c> {
    cluster: &'c Cluster,
    plan: &'c Plan,
    /// That of a job with a name.
    transaction: Option<Transaction>,
    /// One for each topic; sinks share it.
    producers: Vec<(TopicName, Producer<'c>)>,
    /// Of a job with a name and state.
    outbox: Option<Outbox>,
    /// Something was sent, without an outbox, since the last look.
    has_sent: bool,
    /// What comes out was sent by an earlier run.
    pub(super) is_discarding: bool,
    /// What no record alone caused, and its topic does not take, is left out.
    leaves_out: bool,
    records: u64,
    left_out: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'c> Results<'c> {
    /// Takes the results of a plan, and failed records where they go to a topic; within transactions where there are some.
    pub(super) fn new(
        cluster: &'c Cluster,
        plan: &'c Plan,
        on_error: &OnError,
        transaction: Option<&Transaction>,
        outbox: Option<Outbox>,
        leaves_out: bool,
    ) -> std::result::Result<Self, cluster::Error> {
        let mut results = Self {
            cluster,
            plan,
            transaction: transaction.cloned(),
            producers: Vec::new(),
            outbox,
            has_sent: false,
            is_discarding: false,
            leaves_out,
            records: 0,
            left_out: 0,
            key: Vec::new(),
            value: Vec::new(),
        };
        for topic in topics(plan, on_error) {
            results.add(topic)?;
        }
        Ok(results)
    }

    /// Adds a topic, and returns its place.
    fn add(&mut self, topic: &TopicName) -> std::result::Result<usize, cluster::Error> {
        let options = ProducerOptions { compression: Compression::None, acks: Acks::All };
        let info = find_or_create(self.cluster, topic)?;
        let producer = match &self.transaction {
            None => self.cluster.producer(info, options),
            Some(transaction) => self.cluster.producer_within(transaction, info, options),
        };
        self.producers.push((topic.clone(), producer));
        Ok(self.producers.len() - 1)
    }

    fn place_of(&self, topic: &str) -> Option<usize> {
        self.producers.iter().position(|(known, _)| &**known == topic)
    }

    /// Takes results now, with what surrounds the run.
    pub(super) fn ready<'o>(&'o mut self, front: &'o mut dyn Front, now_ms: i64) -> Ready<'o, 'c> {
        Ready { results: self, front, now_ms, refused: None }
    }

    /// Puts a record out to a topic of the job.
    pub(super) fn put(
        &mut self,
        topic: &TopicName,
        record: &Stored<'_>,
        headers: &[u8],
        now_ms: i64,
    ) -> std::result::Result<(), SendError> {
        let place = self.place_of(topic).expect("each topic of a job has a producer");
        let producer = &mut self.producers[place].1;
        match &mut self.outbox {
            None => {
                self.has_sent = true;
                producer.send(record, None, now_ms)
            }
            Some(outbox) => {
                // Also of one that was sent before: what was refused then is left out again.
                producer.check(record, now_ms)?;
                if self.is_discarding {
                    return Ok(());
                }
                let pushed = outbox.push(topic, record, headers);
                pushed.map_err(|source| {
                    SendError::Failed(storage::Error::new("write", "the outbox", source).into())
                })
            }
        }
    }

    /// What waits to be kept and sent, if anything does.
    pub(super) fn outbox(&mut self) -> Option<&mut Outbox> {
        self.outbox.as_mut().filter(|outbox| !outbox.is_empty())
    }

    /// Whether so much waits that it is to be kept and sent now.
    pub(super) fn is_full(&self) -> bool {
        self.outbox.as_ref().is_some_and(Outbox::is_full)
    }

    /// Sends what was kept, within the transaction.
    pub(super) fn send_kept(
        &mut self,
        mut kept: &[u8],
        now_ms: i64,
    ) -> std::result::Result<(), RunError> {
        while let Some((topic, record)) = outbox::take(&mut kept) {
            let place = match self.place_of(topic) {
                Some(place) => place,
                // Another run kept it, whose failed records went to a topic of their own.
                None => self.add(&TopicName::new(topic).map_err(|_| RunError::Outbox)?)?,
            };
            let (topic, producer) = &mut self.producers[place];
            match producer.send(&record, None, now_ms) {
                Ok(()) => {}
                Err(SendError::Failed(error)) => return Err(error.into()),
                // It did when it was put there; the topic's configs have changed since.
                Err(error) => {
                    return Err(RunError::HeldBack(format!("{topic} does not take it: {error}")));
                }
            }
        }
        if !kept.is_empty() {
            return Err(RunError::Outbox);
        }
        Ok(self.flush()?)
    }

    /// Sends what waits in the outbox, which was kept.
    pub(super) fn send_outbox(&mut self, now_ms: i64) -> std::result::Result<(), RunError> {
        let Some(mut outbox) = self.outbox.take() else { return Ok(()) };
        let sent = outbox.each_piece(|piece| self.send_kept(piece, now_ms));
        outbox.clear();
        self.outbox = Some(outbox);
        sent
    }

    /// Appends what waits in batches. Others see it then, or once a transaction is committed.
    pub(super) fn flush(&mut self) -> std::result::Result<(), cluster::Error> {
        self.producers.iter_mut().try_for_each(|(_, producer)| producer.flush())
    }

    /// Makes all that was sent without a transaction durable.
    pub(super) fn finish(&mut self) -> std::result::Result<(), cluster::Error> {
        match self.transaction {
            None => self.producers.iter_mut().try_for_each(|(_, producer)| producer.finish()),
            Some(_) => Ok(()),
        }
    }

    /// Whether something was sent since the last call, without an outbox.
    pub(super) const fn take_has_sent(&mut self) -> bool {
        std::mem::replace(&mut self.has_sent, false)
    }

    /// How many there were since the last call, and how many that were left out.
    pub(super) fn take_counts(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.records), std::mem::take(&mut self.left_out))
    }
}

/// The topics that a job writes, each once.
pub(super) fn topics<'a>(plan: &'a Plan, on_error: &'a OnError) -> Vec<&'a TopicName> {
    let mut topics: Vec<&TopicName> = Vec::new();
    let dead_letters = match on_error {
        OnError::DeadLetter(topic) => Some(topic),
        OnError::Fail | OnError::Skip => None,
    };
    for topic in plan.sinks.iter().filter_map(|sink| sink.topic.as_ref()).chain(dead_letters) {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    topics
}

/// Takes results, for as long as a record is in hand.
pub(super) struct Ready<'o, 'c> {
    results: &'o mut Results<'c>,
    front: &'o mut dyn Front,
    now_ms: i64,
    refused: Option<Refused>,
}

impl Ready<'_, '_> {
    /// Why the last result was not taken.
    pub(super) fn take_refused(&mut self) -> Option<Refused> {
        self.refused.take()
    }

    fn refuse(&mut self, refused: Refused) -> Error {
        self.refused = Some(refused);
        Error::Output("it was refused".into())
    }

    fn send(&mut self, sink: &Sink, record: &Record<'_>) -> std::result::Result<(), Refused> {
        let (mut key, mut value) =
            (std::mem::take(&mut self.results.key), std::mem::take(&mut self.results.value));
        let sent = self.send_encoded(sink, record, &mut key, &mut value);
        (self.results.key, self.results.value) = (key, value);
        sent
    }

    fn send_encoded(
        &mut self,
        sink: &Sink,
        record: &Record<'_>,
        key: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) -> std::result::Result<(), Refused> {
        let refused = |what: &str, error| Refused::Record(format!("{what} of a result: {error}"));
        let key = match (record.key, record.window.zip(sink.windows), sink.key) {
            (Some(it), Some((window, kind)), form) => {
                key.clear();
                write_window_key(it, window, (form, kind), key);
                Ok(Some(&key[..]))
            }
            (Some(it), None, KeySerde::Plain(serde)) => serde.encode(it, key).map(Some),
            (it, ..) => Ok(it),
        };
        let value = record.value.map(|it| sink.value.encode(it, value)).transpose();
        let stored = Stored {
            offset: 0,
            timestamp: record.timestamp,
            key: key.map_err(|error| refused("the key", error))?,
            value: value.map_err(|error| refused("the value", error))?,
            headers: Headers::from_encoded(record.headers.0).unwrap_or_default(),
        };
        let Some(topic) = &sink.topic else {
            let printed = Printed { origin: record.origin, record: stored };
            if !self.results.is_discarding {
                self.front.print(&printed).map_err(|_| Refused::Closed)?;
                self.results.records += 1;
            }
            return Ok(());
        };
        match self.results.put(topic, &stored, record.headers.0, self.now_ms) {
            Ok(()) => {
                self.results.records += u64::from(!self.results.is_discarding);
                Ok(())
            }
            Err(SendError::Failed(error)) => Err(Refused::Failed(error)),
            Err(error) => Err(Refused::Record(format!("{topic} does not take it: {error}"))),
        }
    }
}

impl Output for Ready<'_, '_> {
    fn record(&mut self, sink: SinkId, record: &Record<'_>) -> Result<()> {
        let plan = self.results.plan;
        let sink = plan.sinks.iter().find(|known| known.id == sink);
        let sink = sink.expect("a plan has all sinks of its topology");
        match self.send(sink, record) {
            Err(Refused::Record(why)) if self.results.leaves_out && record.origin.is_none() => {
                self.results.left_out += 1;
                self.front.failed_result(&why);
                Ok(())
            }
            sent => sent.map_err(|refused| self.refuse(refused)),
        }
    }

    fn changelog(&mut self, _row: ChangelogRow<'_>) -> Result<()> {
        Ok(())
    }
}
