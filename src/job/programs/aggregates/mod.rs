//! Aggregates: how records are added to those of their group, taken out again, and merged; what others see of them.
//!
//! A group has one aggregate for all that is asked for: a slot for each function, its length in 4 bytes, big-endian, before it.
//! What is in a slot, [`slot`] says.

mod number;
mod slot;

use std::sync::Arc;

use super::script::{ScriptError, Setting, give_buffer, take_buffer};
use crate::job::definition::Aggregate;
use crate::stream::{self, Aggregator, Error, Record, Selector, Value};
use slot::Slot;

/// Several functions as one aggregate.
struct Slots(Vec<Slot>);

/// An aggregate that no function wrote.
#[derive(Debug, thiserror::Error)]
#[error("an aggregate is none")]
struct Damaged;

/// What is to be aggregated.
pub(in crate::job) fn aggregator(
    aggregates: &[Aggregate],
    setting: Setting<'_>,
) -> Result<Arc<dyn Aggregator>, ScriptError> {
    let slots = aggregates.iter().map(|aggregate| Slot::new(&aggregate.function, setting));
    Ok(Arc::new(Slots(slots.collect::<Result<_, _>>()?)))
}

/// The value that others see: that of the one function, or an object of several.
pub(in crate::job) fn aggregate_value(
    aggregates: &[Aggregate],
    setting: Setting<'_>,
) -> Result<Selector, ScriptError> {
    let slots = aggregates.iter().map(|aggregate| Slot::new(&aggregate.function, setting));
    let slots: Vec<_> = slots.collect::<Result<_, _>>()?;
    let name = |aggregate: &Aggregate| serde_json::Value::from(aggregate.name.as_str()).to_string();
    let names: Vec<_> = aggregates.iter().map(name).collect();
    Ok(Box::new(move |record, out| {
        out.clear();
        let Some(mut bytes) = record.value else { return Ok(()) };
        let text = out.write();
        if let [slot] = &slots[..] {
            slot.write_value(take(&mut bytes)?, text);
            // A string alone is its characters, as the results of streams are.
            if text.first() == Some(&b'"')
                && let Ok(characters) = serde_json::from_slice::<String>(text)
            {
                text.clear();
                text.extend_from_slice(characters.as_bytes());
            }
            return Ok(());
        }
        for (index, (slot, name)) in slots.iter().zip(&names).enumerate() {
            text.push(if index == 0 { b'{' } else { b',' });
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            slot.write_value(take(&mut bytes)?, text);
        }
        text.push(b'}');
        Ok(())
    }))
}

/// Takes the next slot of an aggregate.
fn take<'a>(bytes: &mut &'a [u8]) -> stream::Result<&'a [u8]> {
    let slot = bytes.split_first_chunk().and_then(|(length, after)| {
        let (slot, rest) =
            after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        *bytes = rest;
        Some(slot)
    });
    slot.ok_or_else(|| Error::program(Damaged))
}

impl Slots {
    /// Makes each slot of the one before.
    fn each(
        &self,
        mut before: Option<&[u8]>,
        out: &mut Value,
        mut make: impl FnMut(&Slot, &[u8], &mut Vec<u8>) -> stream::Result<bool>,
    ) -> stream::Result<()> {
        out.clear();
        let mut made = take_buffer();
        // Only where nothing is left of any of them is the row gone.
        let mut is_gone = true;
        for slot in &self.0 {
            let old = before.as_mut().map_or(Ok(&[][..]), take)?;
            let bytes = out.write();
            let start = bytes.len();
            bytes.extend_from_slice(&[0; 4]);
            made.clear();
            match make(slot, old, &mut made)? {
                true => is_gone = false,
                false => made.clear(),
            }
            bytes.extend_from_slice(&made);
            // A record's value is never as long as this.
            let length = u32::try_from(made.len()).unwrap_or(u32::MAX);
            bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        }
        give_buffer(made);
        if is_gone {
            out.clear();
        }
        Ok(())
    }
}

impl Aggregator for Slots {
    fn add(
        &self,
        record: &Record<'_>,
        aggregate: Option<&[u8]>,
        out: &mut Value,
    ) -> stream::Result<()> {
        self.each(aggregate, out, |slot, old, new| slot.add(record, old, new))
    }

    fn subtract(
        &self,
        record: &Record<'_>,
        aggregate: &[u8],
        out: &mut Value,
    ) -> stream::Result<()> {
        self.each(Some(aggregate), out, |slot, old, new| slot.subtract(record, old, new))
    }

    fn merge(&self, earlier: &[u8], later: &[u8], out: &mut Value) -> stream::Result<()> {
        let mut later = later;
        self.each(Some(earlier), out, |slot, earlier, new| {
            slot.merge(earlier, take(&mut later)?, new)
        })
    }
}

#[cfg(test)]
mod tests;
