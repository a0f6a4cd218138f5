//! The rows of a table that is kept, as of the last commit of whoever updates it; of each task's, where it has several.

use std::ops::ControlFlow;

use super::{Row, ViewError};
use crate::cluster::{self, Cluster, Job};
use crate::job::plan::Plan;
use crate::job::run::notes::{OFFSETS, read_offsets};
use crate::job::state::{StateView, StateViews};
use crate::model::{Offset, Uuid};
use crate::stream::{self, Keys, Value, Window, read_rows};

/// A table as it was at a commit, or each of its tasks at one of its own. It stays so, and holds nobody up.
pub struct TableView<'p> {
    plan: &'p Plan,
    states: StateViews,
}

/// How far a table has come in a partition of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reflected {
    /// The place of the input among those of the plan.
    pub input: u32,
    /// The topic.
    pub topic: Uuid,
    /// The partition.
    pub partition: i32,
    /// The first offset that is not in it.
    pub next: Offset,
}

impl<'p> TableView<'p> {
    /// Looks at a table; `None` where it was never updated.
    ///
    /// # Errors
    /// As the file system says.
    pub fn open(cluster: &Cluster, plan: &'p Plan, job: &Job) -> Result<Option<Self>, ViewError> {
        let directories = match plan.per_partition {
            true => cluster.task_states(job)?,
            false => cluster.job_state(job)?.into_iter().collect(),
        };
        let states = directories.iter().map(|directory| StateView::open(directory));
        let states = states.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>();
        let states = states.map_err(cluster::Error::from)?;
        Ok((!states.is_empty()).then_some(Self { plan, states: StateViews(states) }))
    }

    /// Gives the rows, each with its window where the table has windows, in the order of keys and windows, until `each`
    /// breaks off.
    ///
    /// # Errors
    /// As the file system says; [`stream::Error::Corrupt`] for a state that is damaged.
    pub fn rows(
        &self,
        keys: Keys<'_>,
        each: &mut dyn FnMut(Row<'_>, Option<Window>) -> ControlFlow<()>,
    ) -> Result<(), ViewError> {
        let Some(view) = &self.plan.view else { return Ok(()) };
        let (mut seen, mut failed) = (Value::default(), None);
        read_rows(&self.plan.topology, &self.states, view.store, keys, &mut |record| {
            let value = match &view.value {
                None => record.value,
                Some(value) => match value(record, &mut seen) {
                    Ok(()) => seen.get(),
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                },
            };
            let (Some(key), Some(value)) = (record.key, value) else {
                return ControlFlow::Continue(());
            };
            each(Row { key, value, timestamp: record.timestamp }, record.window)
        })?;
        failed.map_or(Ok(()), |error: stream::Error| Err(error.into()))
    }

    /// How far it has come in each partition of its inputs.
    ///
    /// # Errors
    /// As the file system says.
    pub fn reflected(&self) -> Result<Vec<Reflected>, ViewError> {
        let mut reflected = Vec::new();
        for state in &self.states.0 {
            let note = state.noted(OFFSETS).map_err(cluster::Error::from)?;
            let taken = note.and_then(read_offsets).unwrap_or_default();
            reflected.extend(taken.into_iter().map(|taken| Reflected {
                input: taken.input,
                topic: taken.topic,
                partition: taken.partition,
                next: taken.offset,
            }));
        }
        Ok(reflected)
    }

    /// Bytes that its state has on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.states.0.iter().map(|state| state.bytes).sum()
    }
}

impl std::fmt::Debug for TableView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableView").field("states", &self.states).finish_non_exhaustive()
    }
}
