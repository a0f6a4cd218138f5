//! The order in which a task takes the records of its inputs: the lowest timestamp among the first ones of all inputs; of
//! the same timestamp, that of a table before that of a stream, then that of the input that was named first.
//! Source: Kafka Streams' `PartitionGroup`, KIP-353.

use std::collections::VecDeque;

use super::topology::{InputId, Topology};

/// Records that were read and not taken yet, by input. What a record is, the caller says.
#[derive(Debug)]
pub struct Inputs<T> {
    /// Tables first.
    queues: Vec<Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    input: InputId,
    records: VecDeque<(i64, T)>,
    is_done: bool,
}

impl<T> Inputs<T> {
    /// Nothing read yet of any input of this topology.
    #[must_use]
    pub fn new(topology: &Topology) -> Self {
        let queue = |(input, _)| Queue { input, records: VecDeque::new(), is_done: false };
        Self { queues: topology.inputs().map(queue).collect() }
    }

    /// Adds a record that was read, after all others of its input.
    pub fn push(&mut self, input: InputId, timestamp: i64, record: T) {
        if let Some(queue) = self.queue(input) {
            queue.records.push_back((timestamp, record));
        }
    }

    /// Says whether an input has come to its end, so that it is not waited for.
    pub fn set_done(&mut self, input: InputId, is_done: bool) {
        if let Some(queue) = self.queue(input) {
            queue.is_done = is_done;
        }
    }

    /// How many records of an input wait.
    #[must_use]
    pub fn waiting(&self, input: InputId) -> usize {
        let queue = self.queues.iter().find(|queue| queue.input == input);
        queue.map_or(0, |queue| queue.records.len())
    }

    /// An input that must be read before the next record is known: none waits there, and it has not come to its end.
    #[must_use]
    pub fn missing(&self) -> Option<InputId> {
        let empty = |queue: &&Queue<T>| queue.records.is_empty() && !queue.is_done;
        self.queues.iter().find(empty).map(|queue| queue.input)
    }

    /// Takes the next record of those that wait, whether or not another input is missing.
    pub fn take(&mut self) -> Option<(InputId, T)> {
        let first = |queue: &Queue<T>| queue.records.front().map(|(timestamp, _)| *timestamp);
        let waiting = self.queues.iter_mut().filter(|queue| !queue.records.is_empty());
        // Of equal ones the first is taken.
        let queue = waiting.min_by_key(|queue| first(queue))?;
        let (_, record) = queue.records.pop_front()?;
        Some((queue.input, record))
    }

    fn queue(&mut self, input: InputId) -> Option<&mut Queue<T>> {
        self.queues.iter_mut().find(|queue| queue.input == input)
    }
}
