//! What a log with transactions holds, by a plain walk over its batches; and whether all that the
//! log says of its transactions follows from that.

use runnel::log::{Cursor, PartitionLog, View};
use runnel::model::Offset;
use runnel::record::{Batch, Decompressor, EndTransactionMarker, Outcome};

use super::Result;

/// A batch, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) base: i64,
    pub(crate) end: i64,
    pub(crate) producer_id: i64,
    pub(crate) is_transactional: bool,
    pub(crate) marker: Option<Outcome>,
    /// Values of its records, unless it is a control batch.
    pub(crate) values: Vec<String>,
}

impl Fact {
    fn of(batch: &Batch<'_>) -> Result<Self> {
        batch.check().map_err(|cause| format!("a bad batch is served: {cause}"))?;
        let marker = EndTransactionMarker::of(batch).map_err(|cause| cause.to_string())?;
        let mut scratch = Decompressor::new(1 << 20);
        let mut values = Vec::new();
        for record in batch.records(&mut scratch).map_err(|cause| cause.to_string())? {
            let value = record.map_err(|cause| cause.to_string())?.value.unwrap_or_default();
            values.push(String::from_utf8_lossy(value).into_owned());
        }
        if batch.attributes().is_control() {
            values.clear();
        }
        Ok(Self {
            base: batch.base_offset().0,
            end: batch.next_offset().0,
            producer_id: batch.producer_id(),
            is_transactional: batch.attributes().is_transactional(),
            marker: marker.map(|marker| marker.outcome),
            values,
        })
    }
}

/// The batches of a log, also those that were deleted at its beginning since they were seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct History {
    pub(crate) facts: Vec<Fact>,
}

impl History {
    /// Reads a view.
    pub(crate) fn learn(&mut self, log: &PartitionLog, view: &View) -> Result<()> {
        self.facts.retain(|fact| fact.end <= view.log_start().0);
        let seen = self.facts.last().map_or(0, |fact| fact.end);
        let mut cursor = Cursor::at(view.log_start());
        while let Some(chunk) = log.read(view, &mut cursor, 700).map_err(|e| e.to_string())? {
            for batch in chunk.batches().filter(|batch| batch.base_offset().0 >= seen) {
                self.facts.push(Fact::of(&batch)?);
            }
        }
        Ok(())
    }

    /// How the transaction that a batch is of has ended; `None` if it is open.
    fn outcome(&self, place: usize) -> Option<Outcome> {
        let id = self.facts[place].producer_id;
        self.facts[place..].iter().filter(|fact| fact.producer_id == id).find_map(|f| f.marker)
    }

    /// The first offset of the earliest open transaction, or the end.
    fn stable(&self, end: i64) -> i64 {
        let mut places = (0..self.facts.len())
            .filter(|place| self.facts[*place].is_transactional && self.outcome(*place).is_none());
        places.next().map_or(end, |place| self.facts[place].base)
    }

    /// Values of the records that are committed, below the last stable offset, from an offset on.
    pub(crate) fn committed(&self, from: i64, stable: i64) -> Vec<&str> {
        let places = (0..self.facts.len()).filter(|place| {
            let fact = &self.facts[*place];
            let counts = !fact.is_transactional || self.outcome(*place) == Some(Outcome::Commit);
            fact.end > from && fact.base.max(from) < stable && counts
        });
        places.flat_map(|place| self.facts[place].values.iter().map(String::as_str)).collect()
    }

    /// What a log says of its transactions is what its batches say.
    pub(crate) fn check(&self, log: &PartitionLog, view: &View) -> Result<()> {
        let (start, end) = (view.log_start().0, view.end().0);
        let stable = self.stable(end).max(start);
        if view.last_stable().0 != stable {
            return Err(format!("stable up to {}, not {stable}", view.last_stable()));
        }
        if view.has_open_transactions() != (self.stable(i64::MAX) != i64::MAX) {
            return Err("it is wrong of whether a transaction is open".to_owned());
        }
        for (from, bytes_max) in [(start, 1), (start, 5000), ((start + stable) / 2, 300)] {
            let found = client(log, view, from, bytes_max)?;
            let expected = self.committed(from, stable);
            if found != expected {
                return Err(format!("committed from {from} on: {found:?}, not {expected:?}"));
            }
        }
        Ok(())
    }
}

/// What a Kafka client makes of the answers to its fetches, by its own rule: a transaction in the
/// list is left out from its first offset to its abort marker.
pub(crate) fn client(
    log: &PartitionLog,
    view: &View,
    from: i64,
    bytes_max: usize,
) -> Result<Vec<String>> {
    let stable = view.last_stable();
    let mut cursor = Cursor::at(Offset(from));
    let mut values = Vec::new();
    while cursor.offset < stable {
        let from = cursor.offset;
        let chunk = log.read(view, &mut cursor, bytes_max).map_err(|e| e.to_string())?;
        let Some(chunk) = chunk else { break };
        let to = cursor.offset.min(stable);
        let told = log.aborted_transactions(view, from, to).map_err(|e| e.to_string())?;
        let mut coming: Vec<_> =
            told.iter().map(|aborted| (aborted.first_offset, aborted.producer_id)).collect();
        coming.sort_unstable();
        coming.reverse();
        let mut aborted = Vec::new();
        for batch in chunk.batches().take_while(|batch| batch.base_offset() < stable) {
            while let Some((first, id)) = coming.pop_if(|(first, _)| *first <= batch.last_offset())
            {
                let _: Offset = first;
                aborted.push(id);
            }
            let fact = Fact::of(&batch)?;
            match fact.marker {
                Some(Outcome::Abort) => aborted.retain(|id| *id != fact.producer_id),
                Some(Outcome::Commit) => {}
                None if fact.is_transactional && aborted.contains(&fact.producer_id) => {}
                None => values.extend(fact.values),
            }
        }
    }
    Ok(values)
}
