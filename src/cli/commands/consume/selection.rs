//! Which records are wanted, and as what they are printed: `--key`, `--header`, `--grep`, the
//! serdes, `--where`, in this order. A record that a serde or a program fails for is not printed:
//! the first is named, the others are counted, and the status is 4.

use super::plan::Plan;
use crate::cli::context::Context;
use crate::cli::error::Status;
use crate::cluster::LocatedRecord;
use crate::filter::{Evaluator, Given, Stack};
use crate::record::Record;
use crate::serde::SerdeError;

/// Tells which records are wanted.
pub(super) struct Selection<'p> {
    plan: &'p Plan,
    context: &'p Context,
    wanted: Option<Evaluator<'p>>,
    /// There is neither a serde nor a program.
    is_plain: bool,
    text: Texts,
    failed: u64,
}

/// The text of the record in hand where it is not what is stored.
#[derive(Debug, Default)]
struct Texts {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'p> Selection<'p> {
    /// `stack` is there where the plan has a program.
    pub(super) fn new(plan: &'p Plan, context: &'p Context, stack: Option<&'p Stack>) -> Self {
        let wanted = plan.program.as_ref().zip(stack).map(|(program, stack)| {
            Evaluator::new(program, stack).with_forms(plan.key_form(), plan.value_form())
        });
        let is_plain = wanted.is_none() && plan.key_serde.is_bytes() && plan.value_serde.is_bytes();
        Self { plan, context, wanted, is_plain, text: Texts::default(), failed: 0 }
    }

    /// Whether a record is to be printed. Tells of one that fails.
    #[inline(always)]
    pub(super) fn takes(&mut self, located: &LocatedRecord<'_>) -> bool {
        if self.is_plain {
            return self.plan.filter.is_empty() || self.plan.filter.matches(&located.record);
        }
        self.takes_decoded(located)
    }

    #[inline(never)]
    fn takes_decoded(&mut self, located: &LocatedRecord<'_>) -> bool {
        self.matches(located).unwrap_or_else(|reason| {
            self.failed += 1;
            if self.failed == 1 {
                let (offset, partition) = (located.record.offset, located.partition);
                self.context.error(&format!("record {offset} of {partition}: {reason}"));
            }
            false
        })
    }

    /// As [`Self::takes`], without telling of a failure: where records are only looked for.
    pub(super) fn would_take(&mut self, located: &LocatedRecord<'_>) -> bool {
        match self.is_plain {
            true => self.takes(located),
            false => self.matches(located).unwrap_or(false),
        }
    }

    fn matches(&mut self, located: &LocatedRecord<'_>) -> Result<bool, String> {
        if !self.plan.filter.matches_key_and_headers(&located.record) {
            return Ok(false);
        }
        let shown = self.text.of(self.plan, &located.record)?;
        if !self.plan.filter.matches_value(shown.value) {
            return Ok(false);
        }
        let Some(wanted) = &self.wanted else { return Ok(true) };
        let given = Given {
            topic: Some(&located.partition.topic),
            partition: Some(located.partition.partition),
            offset: Some(shown.offset),
            timestamp: Some(shown.timestamp),
            key: shown.key,
            value: shown.value,
            headers: shown.headers,
            others: &[],
        };
        wanted.holds(&given).map_err(|failure| format!("--where: {failure}"))
    }

    /// A record that is taken, as it is printed.
    #[inline(always)]
    pub(super) fn shown<'r>(&'r mut self, record: &Record<'r>) -> Record<'r> {
        match self.is_plain {
            true => *record,
            // It was decoded before.
            false => self.text.of(self.plan, record).unwrap_or(*record),
        }
    }

    /// Tells how many failed, and gives the status that comes of it.
    pub(super) fn end(&self) -> Status {
        match self.failed {
            0 => return Status::Done,
            1 => {}
            2 => self.context.error("1 more record failed"),
            failed => self.context.error(&format!("{} more records failed", failed - 1)),
        }
        Status::SomeFailed
    }
}

impl Texts {
    /// A record with texts in place of what is stored.
    fn of<'r>(&'r mut self, plan: &Plan, record: &Record<'r>) -> Result<Record<'r>, String> {
        let told = |what: &str, error: SerdeError| format!("{what}: {error}");
        let key = record.key.map(|key| plan.key_serde.decode(key, &mut self.key)).transpose();
        let value = record.value.map(|it| plan.value_serde.decode(it, &mut self.value)).transpose();
        Ok(Record {
            key: key.map_err(|error| told("key", error))?,
            value: value.map_err(|error| told("value", error))?,
            ..*record
        })
    }
}
