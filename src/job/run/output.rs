//! Results go out: to topics, or to who prints them.

use super::failure::{Refused, find_or_create};
use super::{Front, Printed};
use crate::cluster::{self, Acks, Cluster, Producer, ProducerOptions, SendError};
use crate::job::definition::KeySerde;
use crate::job::plan::{Plan, Sink};
use crate::job::programs::write_window_key;
use crate::model::{Compression, TopicName};
use crate::record::{Headers, Record as Stored};
use crate::stream::{ChangelogRow, Error, Output, Record, Result, SinkId};

/// Where results go, by sink.
pub(super) struct Results<'c> {
    plan: &'c Plan,
    /// One for each topic; sinks share it.
    producers: Vec<(TopicName, Producer<'c>)>,
    records: u64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'c> Results<'c> {
    pub(super) fn new(
        cluster: &'c Cluster,
        plan: &'c Plan,
    ) -> std::result::Result<Self, cluster::Error> {
        let mut producers: Vec<(TopicName, Producer<'c>)> = Vec::new();
        for topic in plan.sinks.iter().filter_map(|sink| sink.topic.as_ref()) {
            if producers.iter().all(|(known, _)| known != topic) {
                let options = ProducerOptions { compression: Compression::None, acks: Acks::All };
                let producer = cluster.producer(find_or_create(cluster, topic)?, options);
                producers.push((topic.clone(), producer));
            }
        }
        Ok(Self { plan, producers, records: 0, key: Vec::new(), value: Vec::new() })
    }

    /// Takes results now, with what surrounds the run.
    pub(super) fn ready<'o>(&'o mut self, front: &'o mut dyn Front, now_ms: i64) -> Ready<'o, 'c> {
        Ready { results: self, front, now_ms, refused: None }
    }

    /// Appends what waits. Others see it then.
    pub(super) fn flush(&mut self) -> std::result::Result<(), cluster::Error> {
        self.producers.iter_mut().try_for_each(|(_, producer)| producer.flush())
    }

    /// Makes all of it durable.
    pub(super) fn finish(&mut self) -> std::result::Result<(), cluster::Error> {
        self.producers.iter_mut().try_for_each(|(_, producer)| producer.finish())
    }

    /// How many there were.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }
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
        let Results { producers, key, value, records, .. } = &mut *self.results;
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
        *records += 1;
        let Some(topic) = &sink.topic else {
            let printed = Printed { origin: record.origin, record: stored };
            return self.front.print(&printed).map_err(|_| Refused::Closed);
        };
        let producer = producers.iter_mut().find(|(known, _)| known == topic);
        let (_, producer) = producer.expect("each topic of a plan has a producer");
        match producer.send(&stored, None, self.now_ms) {
            Ok(()) => Ok(()),
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
        self.send(sink, record).map_err(|refused| self.refuse(refused))
    }

    fn changelog(&mut self, _row: ChangelogRow<'_>) -> Result<()> {
        Ok(())
    }
}
