//! Streams: read, put beside others, made into results, sent on.

use std::sync::Arc;

use super::tables::Ground;
use super::{Global, Interrupt, Plan, PlanError, Sink, check_aliases};
use crate::job::definition::{JoinKind, Serdes, Source, StreamDefinition, StreamJoin, TableJoin};
use crate::job::exec;
use crate::job::programs::{
    ResultTexts, SIDES_MAX, Setting, joiner, predicate, rekey, results, selector,
};
use crate::model::TopicName;
use crate::serde::Serde;
use crate::stream::{self, JoinWindows, Stream, Table};

/// A stream that is being planned.
struct Planning<'d> {
    definition: &'d StreamDefinition,
    ground: Ground,
    /// The sides that records have so far.
    sides: Vec<String>,
    has_state: bool,
}

/// Makes a plan of a stream.
pub(super) fn plan(definition: &StreamDefinition) -> Result<Plan, PlanError> {
    let joins = usize::from(definition.stream_join.is_some()) + definition.joins.len();
    if joins > SIDES_MAX {
        return Err(PlanError::Joins(joins));
    }
    let stream_join = definition.stream_join.iter().map(|join| join.alias.clone());
    let aliases: Vec<_> =
        stream_join.chain(definition.joins.iter().map(|join| join.alias.clone())).collect();
    check_aliases(&aliases)?;
    let mut planning = Planning {
        definition,
        ground: Ground::new(definition.per_partition),
        sides: Vec::new(),
        has_state: false,
    };
    // Tables come first: of two records of one time theirs is taken first.
    let tables = planning.tables()?;
    let mut stream = planning.read(&definition.topics)?;
    if let Some(join) = &definition.stream_join {
        stream = planning.join_stream(stream, join)?;
    }
    for (join, table) in definition.joins.iter().zip(tables) {
        stream = planning.join_table(stream, join, table)?;
    }
    planning.finish(stream)
}

impl Planning<'_> {
    fn setting(&self) -> Setting<'_> {
        Setting { sides: &self.sides, serdes: self.definition.serdes }
    }

    /// Topics as one stream, with the times that the records are to have.
    fn read(&mut self, topics: &[TopicName]) -> Result<Stream, PlanError> {
        let (text, serdes) = (self.definition.timestamp.as_ref(), self.definition.serdes);
        let streams = topics.iter().map(|topic| self.ground.stream(topic, text, serdes));
        let streams = streams.collect::<Result<Vec<_>, _>>()?;
        Ok(match streams[..] {
            [stream] => stream,
            _ => self.ground.builder.merge(&streams),
        })
    }

    /// The tables that are joined; none where the whole of one is seen.
    fn tables(&mut self) -> Result<Vec<Option<Table>>, PlanError> {
        let serdes = Serdes { value_in: Serde::Bytes, ..self.definition.serdes };
        let joins = self.definition.joins.iter().enumerate();
        let tables = joins.map(|(number, join)| {
            if join.global {
                return Ok(None);
            }
            self.has_state = true;
            let planned = self.ground.source(&join.table, serdes, &format!("table-{number}"))?;
            Ok(Some(planned.table))
        });
        tables.collect()
    }

    fn join_stream(&mut self, left: Stream, join: &StreamJoin) -> Result<Stream, PlanError> {
        let right = self.read(std::slice::from_ref(&join.topic))?;
        let windows = JoinWindows::within(join.within_ms, join.grace_ms);
        self.has_state = true;
        self.sides.push(join.alias.clone());
        let pair = (left, right);
        Ok(self.ground.builder.join_streams(pair, windows, kind_of(join.kind), joiner(0), "join"))
    }

    fn join_table(
        &mut self,
        stream: Stream,
        join: &TableJoin,
        table: Option<Table>,
    ) -> Result<Stream, PlanError> {
        let kind = match join.kind {
            JoinKind::Outer => return Err(PlanError::OuterJoin),
            kind => kind_of(kind),
        };
        let serdes = self.definition.serdes;
        let joiner = joiner(self.sides.len());
        let joined = if let Some(table) = table {
            let stream = match &join.on {
                None => stream,
                Some(text) => {
                    self.ground.needs_all("--on")?;
                    let mapper = rekey("--on", text, self.setting())?;
                    self.ground.builder.map(stream, mapper)
                }
            };
            self.ground.builder.join_table(stream, table, kind, joiner)
        } else {
            let (Source::Stream(topic) | Source::Latest(topic)) = &join.table else {
                return Err(PlanError::GlobalWithoutTopic);
            };
            let on = join.on.as_ref().ok_or(PlanError::GlobalKey)?;
            let on = selector("--on", on, self.setting())?;
            let id = self.ground.builder.global_table(topic);
            self.ground.globals.push(Global { id, topic: topic.clone(), key: serdes.key_in });
            self.ground.builder.join_global(stream, id, kind, on, joiner)
        };
        self.sides.push(join.alias.clone());
        Ok(joined)
    }

    /// Makes the results, and sends each where it is to go.
    fn finish(mut self, stream: Stream) -> Result<Plan, PlanError> {
        let definition = self.definition;
        let interrupt = Interrupt::default();
        let texts = ResultTexts {
            program: definition.program.as_deref(),
            key: definition.key.as_deref(),
            headers: definition
                .headers
                .iter()
                .map(|header| (header.name.as_str(), header.value.as_str()))
                .collect(),
        };
        let is_plain = texts.program.is_none() && texts.key.is_none() && texts.headers.is_empty();
        let stream = if is_plain && self.sides.is_empty() {
            stream
        } else {
            let mapper = results(&texts, self.setting())?;
            self.ground.builder.map(stream, mapper)
        };
        let stream = match &definition.exec {
            None => stream,
            Some(command) => {
                let mapper = exec::mapper(command, interrupt.clone());
                self.ground.builder.map(stream, mapper)
            }
        };
        let setting = Setting { sides: &[], serdes: definition.serdes };
        let mut rest = stream;
        let mut sinks = Vec::new();
        if !definition.branches.is_empty() {
            let branches = definition.branches.iter();
            let wanted = branches.map(|branch| predicate("--branch", &branch.wanted, setting));
            let mut wanted = wanted.collect::<Result<Vec<_>, _>>()?;
            wanted.push(Box::new(|_: &stream::Record<'_>| Ok(true)));
            let streams = self.ground.builder.branch(stream, wanted);
            for (branch, stream) in definition.branches.iter().zip(&streams) {
                sinks.push(self.sink(*stream, Some(&branch.to)));
            }
            rest = *streams.last().unwrap_or(&stream);
        }
        // What no branch takes goes nowhere where there is no --to.
        if definition.to.is_some() || definition.branches.is_empty() {
            sinks.push(self.sink(rest, definition.to.as_ref()));
        }
        let Self { ground: Ground { builder, inputs, globals, .. }, has_state, .. } = self;
        Ok(Plan {
            topology: Arc::new(builder.build()),
            inputs,
            globals,
            sinks,
            has_state,
            per_partition: !has_state || definition.per_partition,
            view: None,
            interrupt,
        })
    }

    fn sink(&mut self, stream: Stream, topic: Option<&TopicName>) -> Sink {
        let id = self.ground.builder.sink(topic.map_or("", |topic| topic));
        self.ground.builder.stream_to(stream, id);
        let Serdes { key_out: key, value_out: value, .. } = self.definition.serdes;
        Sink { id, topic: topic.cloned(), key, value, windows: None }
    }
}

pub(super) const fn kind_of(kind: JoinKind) -> stream::JoinKind {
    match kind {
        JoinKind::Inner => stream::JoinKind::Inner,
        JoinKind::Left => stream::JoinKind::Left,
        JoinKind::Outer => stream::JoinKind::Outer,
    }
}
