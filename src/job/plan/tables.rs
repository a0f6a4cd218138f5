//! Tables: the latest of each key, or aggregates of groups; put beside each other, narrowed, grouped anew.

use std::sync::Arc;

use super::streams::kind_of;
use super::{Global, Input, Interrupt, Plan, PlanError, Sink, View, check_aliases};
use crate::job::definition::{
    Emit, Function, JoinKind, Serdes, Source, TableDefinition, TableJoin, Window, WindowKind,
};
use crate::job::programs::{
    Setting, aggregate_value, aggregator, joiner, predicate, rekey, selector, timestamp, value_of,
    with_value,
};
use crate::model::TopicName;
use crate::serde::Serde;
use crate::stream::{
    EmitStrategy, Record, Selector, Stream, Table, TopologyBuilder, Value, Windowed, Windows,
};

/// How long the rows of a window that is closed can be looked at: as long as Kafka keeps records by default.
const RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A topology in the making, and the topics that it reads.
pub(super) struct Ground {
    pub(super) builder: TopologyBuilder,
    pub(super) inputs: Vec<Input>,
    pub(super) globals: Vec<Global>,
    /// The streams of inputs: a topic that is read twice in one way is read once.
    streams: Vec<(usize, Option<String>, Stream)>,
    /// Whether a task has one partition of each input.
    per_partition: bool,
    /// The table that is being planned, where it is a part of another.
    part: Option<TopicName>,
}

/// A table, and what its rows are to those who look.
pub(super) struct Planned {
    pub(super) table: Table,
    windows: Option<WindowKind>,
    /// What a stored value becomes.
    value: Option<Selector>,
}

/// Makes a plan of a table.
pub(super) fn plan(definition: &TableDefinition) -> Result<Plan, PlanError> {
    let mut ground = Ground::new(definition.per_partition);
    let Planned { table, windows, value } = ground.table(definition, "")?;
    let (shown, value) = match (table.store(), value) {
        (Some(_), value) => (table, value),
        (None, _) => (ground.builder.keep(table, "view"), None),
    };
    let store = shown.store().expect("a table that is kept has a store");
    let mut sinks = Vec::new();
    if let Some(topic) = &definition.to {
        let out = ground.seen(shown, definition, value.is_some())?;
        let id = ground.builder.sink(topic);
        ground.builder.table_to(out, id);
        let Serdes { key_out: key, value_out: value, .. } = definition.serdes;
        sinks.push(Sink { id, topic: Some(topic.clone()), key, value, windows });
    }
    let Ground { builder, inputs, globals, .. } = ground;
    let view = Some(View { store, windows, value });
    let topology = Arc::new(builder.build());
    Ok(Plan {
        topology,
        inputs,
        globals,
        sinks,
        has_state: true,
        per_partition: definition.per_partition,
        view,
        interrupt: Interrupt::default(),
    })
}

impl Ground {
    /// Nothing yet.
    pub(super) fn new(per_partition: bool) -> Self {
        Self {
            builder: TopologyBuilder::new(),
            inputs: Vec::new(),
            globals: Vec::new(),
            streams: Vec::new(),
            per_partition,
            part: None,
        }
    }

    /// Records go where others are that lie in other partitions, as `flag` says.
    pub(super) fn needs_all(&self, flag: &'static str) -> Result<(), PlanError> {
        match self.per_partition {
            true => Err(PlanError::Apart { flag, table: self.part.clone() }),
            false => Ok(()),
        }
    }

    /// The records of a topic, with the times that they are to have.
    pub(super) fn stream(
        &mut self,
        topic: &TopicName,
        text: Option<&String>,
        serdes: Serdes,
    ) -> Result<Stream, PlanError> {
        let (key, value) = (serdes.key_in, serdes.value_in);
        let same = self.streams.iter().find(|(place, times, _)| {
            let input = &self.inputs[*place];
            (&input.topic, times.as_ref(), input.key, input.value) == (topic, text, key, value)
        });
        if let Some((.., stream)) = same {
            return Ok(*stream);
        }
        let setting = Setting { sides: &[], serdes };
        let timestamp = text.map(|text| timestamp("--ts-from", text, setting)).transpose()?;
        let (id, stream) = self.builder.stream(topic);
        let place = self.inputs.len();
        self.inputs.push(Input { id, place, topic: topic.clone(), key, value, timestamp });
        self.streams.push((place, text.cloned(), stream));
        Ok(stream)
    }

    fn input(&mut self, topic: &TopicName, serdes: Serdes, store: &str) -> Table {
        let (id, table) = self.builder.table(topic, store);
        let (key, value) = (serdes.key_in, serdes.value_in);
        let (place, topic) = (self.inputs.len(), topic.clone());
        self.inputs.push(Input { id, place, topic, key, value, timestamp: None });
        table
    }

    /// A table by its definition. Names of stores begin with `at`: its place in a definition that it is part of.
    fn table(&mut self, definition: &TableDefinition, at: &str) -> Result<Planned, PlanError> {
        let sides: Vec<_> = definition.join.iter().map(|join| join.alias.clone()).collect();
        check_aliases(&sides)?;
        match &definition.from {
            Source::Stream(topic) => self.of_stream(topic, definition, &sides, at),
            from => self.of_table(from, definition, &sides, at),
        }
    }

    /// The rows of a source.
    pub(super) fn source(
        &mut self,
        source: &Source,
        serdes: Serdes,
        store: &str,
    ) -> Result<Planned, PlanError> {
        match source {
            Source::Stream(topic) | Source::Latest(topic) => {
                let table = self.input(topic, serdes, store);
                Ok(Planned { table, windows: None, value: None })
            }
            Source::Table { name, definition } => {
                let outer = self.part.replace(name.clone());
                let planned = self.table(definition, &format!("{store}-"))?;
                self.part = outer;
                let table = self.seen(planned.table, definition, planned.value.is_some())?;
                Ok(Planned { table, windows: planned.windows, value: None })
            }
        }
    }

    /// A table with the values that others see.
    fn seen(
        &mut self,
        table: Table,
        definition: &TableDefinition,
        is_aggregate: bool,
    ) -> Result<Table, PlanError> {
        if !is_aggregate {
            return Ok(table);
        }
        let setting = Setting { sides: &[], serdes: definition.serdes };
        let value = aggregate_value(&definition.aggregates, setting)?;
        Ok(self.builder.map_table(table, value))
    }

    /// What becomes of the records of a stream.
    fn of_stream(
        &mut self,
        topic: &TopicName,
        definition: &TableDefinition,
        sides: &[String],
        at: &str,
    ) -> Result<Planned, PlanError> {
        if definition.aggregates.is_empty() {
            return Err(PlanError::NoAggregate);
        }
        let serdes = definition.serdes;
        let plain = Setting { sides: &[], serdes };
        // A table comes first: of two records of one time its own is taken first.
        let joined = match &definition.join {
            Some(join) => {
                let serdes = Serdes { value_in: Serde::Bytes, ..serdes };
                Some((join, self.source(&join.table, serdes, &format!("{at}joined"))?.table))
            }
            None => None,
        };
        let mut stream = self.stream(topic, definition.timestamp.as_ref(), serdes)?;
        if let Some((join, table)) = joined {
            stream = self.beside(stream, join, table, plain)?;
        }
        let mut setting = Setting { sides, serdes };
        if let Some(text) = &definition.wanted {
            stream = self.builder.filter(stream, predicate("--where", text, setting)?);
        }
        if let Some(text) = &definition.value {
            stream = self.builder.map(stream, with_value("--value", text, setting)?);
            setting = plain;
        }
        if let Some(text) = &definition.by {
            self.needs_all("--by")?;
            stream = self.builder.map(stream, rekey("--by", text, setting)?);
        }
        let aggregator = aggregator(&definition.aggregates, setting)?;
        let store = format!("{at}aggregate");
        let (table, windows) = match &definition.window {
            None if definition.emit == Emit::Final => return Err(PlanError::FinalWithoutWindow),
            None => (self.builder.aggregate(stream, aggregator, &store), None),
            Some(window) => {
                if let WindowKind::Session { .. } = window.kind
                    && definition
                        .aggregates
                        .iter()
                        .any(|it| matches!(it.function, Function::Reduce { .. }))
                {
                    return Err(PlanError::ReducedSessions);
                }
                let emit = match definition.emit {
                    Emit::Final => EmitStrategy::Final,
                    _ => EmitStrategy::Change,
                };
                let (windows, retention_ms) = (windows(window)?, RETENTION_MS);
                let windowed = Windowed { windows, emit, retention_ms, aggregator };
                (self.builder.aggregate_windows(stream, windowed, &store), Some(window.kind))
            }
        };
        let value = Some(aggregate_value(&definition.aggregates, setting)?);
        Ok(Planned { table, windows, value })
    }

    /// A stream beside a table.
    fn beside(
        &mut self,
        stream: Stream,
        join: &TableJoin,
        table: Table,
        setting: Setting<'_>,
    ) -> Result<Stream, PlanError> {
        let kind = match join.kind {
            JoinKind::Outer => return Err(PlanError::OuterJoin),
            kind => kind_of(kind),
        };
        let stream = match &join.on {
            None => stream,
            Some(text) => {
                self.needs_all("--on")?;
                let mapper = rekey("--on", text, setting)?;
                self.builder.map(stream, mapper)
            }
        };
        Ok(self.builder.join_table(stream, table, kind, joiner(0)))
    }

    /// What becomes of the rows of a table.
    fn of_table(
        &mut self,
        from: &Source,
        definition: &TableDefinition,
        sides: &[String],
        at: &str,
    ) -> Result<Planned, PlanError> {
        let serdes = definition.serdes;
        let plain = Setting { sides: &[], serdes };
        if definition.window.is_some() {
            return Err(PlanError::WindowedTable);
        }
        if definition.timestamp.is_some() {
            return Err(PlanError::TimedTable);
        }
        if definition.emit == Emit::Final {
            return Err(PlanError::FinalWithoutWindow);
        }
        let source = self.source(from, serdes, &format!("{at}source"))?;
        let (mut table, mut windows) = (source.table, source.windows);
        let mut setting = Setting { sides, serdes };
        if let Some(join) = &definition.join {
            let beside = Serdes { value_in: Serde::Bytes, ..serdes };
            let other = self.source(&join.table, beside, &format!("{at}joined"))?;
            let (pair, kind) = ((table, other.table), kind_of(join.kind));
            table = match &join.on {
                None => self.builder.join_tables(pair, kind, joiner(0)),
                Some(_) if join.kind == JoinKind::Outer => return Err(PlanError::OuterForeignKey),
                Some(text) => {
                    self.needs_all("--on")?;
                    let on = selector("--on", text, plain)?;
                    let store = format!("{at}references");
                    self.builder.join_foreign_key(pair, on, kind, joiner(0), &store)
                }
            };
            windows = windows.filter(|_| other.windows.is_some());
        }
        if let Some(text) = &definition.wanted {
            table = self.builder.filter_table(table, predicate("--where", text, setting)?);
        }
        if let Some(text) = &definition.value {
            table = self.builder.map_table(table, selector("--value", text, setting)?);
            setting = plain;
        } else if !sides.is_empty() && definition.aggregates.is_empty() {
            table = self.builder.map_table(table, value_of(sides.len()));
        }
        if definition.aggregates.is_empty() {
            if definition.by.is_some() {
                return Err(PlanError::GroupsWithoutAggregate);
            }
            return Ok(Planned { table, windows, value: None });
        }
        for aggregate in &definition.aggregates {
            let takes_out = matches!(
                aggregate.function,
                Function::Count | Function::Sum(_) | Function::Avg(_) | Function::Collect(_)
            );
            if !takes_out {
                return Err(PlanError::NothingTakenOut(aggregate.name.clone()));
            }
        }
        let by: Selector = match &definition.by {
            Some(text) => {
                self.needs_all("--by")?;
                selector("--by", text, setting)?
            }
            None => Box::new(|record: &Record<'_>, out: &mut Value| {
                out.set(record.key);
                Ok(())
            }),
        };
        let grouped = self.builder.group(table, by);
        let aggregator = aggregator(&definition.aggregates, setting)?;
        let table = self.builder.aggregate_groups(grouped, aggregator, &format!("{at}aggregate"));
        let value = Some(aggregate_value(&definition.aggregates, setting)?);
        Ok(Planned { table, windows: None, value })
    }
}

fn windows(window: &Window) -> Result<Windows, PlanError> {
    let grace_ms = window.grace_ms;
    Ok(match window.kind {
        WindowKind::Tumbling { size_ms } => Windows::tumbling(size_ms, grace_ms),
        WindowKind::Hopping { size_ms, advance_ms } => {
            Windows::hopping(size_ms, advance_ms, grace_ms)
        }
        WindowKind::Sliding { difference_ms } => Windows::sliding(difference_ms, grace_ms),
        WindowKind::Session { gap_ms } => Windows::session(gap_ms, grace_ms),
    }?)
}
