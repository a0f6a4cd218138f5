//! Dumping files of lines: leader epochs, the topic's id, checkpoints of offsets.

use super::{Each, Flow, Item};
use crate::inspect::finding::{Finding, Severity};
use crate::inspect::problem::Problem;
use crate::log::Result;
use crate::log::checkpoint;
use crate::log::epochs::EpochEntry;
use crate::model::{Offset, limits};
use crate::storage::File;

const NOT_OF_THE_FORM: Problem = Problem::Malformed("it is not of Kafka's form");

/// Visits each line with its position.
fn each_line(
    file: &dyn File,
    each: Each<'_>,
    mut visit: impl FnMut(&str, u64, usize, Each<'_>) -> Flow,
) -> Result<Flow> {
    let len = file.metadata()?.len;
    if len > limits::TEXT_FILE_BYTES_MAX {
        return Ok(tell(file, 0, NOT_OF_THE_FORM, each));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    let mut position = 0;
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let flow = match std::str::from_utf8(line) {
            Ok(text) => visit(text.trim_end_matches(['\n', '\r']), position, number, each),
            Err(_) => tell(file, position, NOT_OF_THE_FORM, each),
        };
        if flow.is_break() {
            return Ok(flow);
        }
        position += line.len() as u64;
    }
    Ok(Flow::Continue(()))
}

fn tell(file: &dyn File, position: u64, what: Problem, each: Each<'_>) -> Flow {
    let (path, severity) = (file.display().to_owned(), Severity::Damage);
    each(Item::Finding(Finding { path, position: Some(position), severity, what }))
}

/// Visits the lines of a checkpoint that follow its version and their count; both are checked.
fn each_entry(
    file: &dyn File,
    each: Each<'_>,
    mut visit: impl FnMut(&str, Each<'_>) -> Option<Flow>,
) -> Result<Flow> {
    let (mut expected, mut found) = (None, 0_usize);
    let flow = each_line(file, each, |line, position, number, each| {
        let is_sound = match number {
            0 => line.trim() == "0",
            1 => {
                expected = line.trim().parse().ok();
                expected.is_some()
            }
            _ if line.trim().is_empty() => true,
            _ => {
                found += 1;
                match visit(line, each) {
                    Some(flow) => return flow,
                    None => false,
                }
            }
        };
        if is_sound {
            return Flow::Continue(());
        }
        tell(file, position, NOT_OF_THE_FORM, each)
    })?;
    if flow.is_break() || expected == Some(found) {
        return Ok(flow);
    }
    let what = Problem::Malformed("it has not as many lines as it says");
    Ok(tell(file, 0, what, each))
}

pub(super) fn dump_checkpoint(file: &dyn File, each: Each<'_>) -> Result<Flow> {
    each_entry(file, each, |line, each| {
        let (partition, offset) = checkpoint::parse_offset(line)?;
        Some(each(Item::Checkpoint { partition: &partition, offset }))
    })
}

pub(super) fn dump_epochs(file: &dyn File, each: Each<'_>) -> Result<Flow> {
    each_entry(file, each, |line, each| {
        let (epoch, start) = line.split_once(' ')?;
        let start_offset = Offset(start.trim().parse().ok()?);
        Some(each(Item::Epoch(EpochEntry { epoch: epoch.parse().ok()?, start_offset })))
    })
}

pub(super) fn dump_metadata(file: &dyn File, each: Each<'_>) -> Result<Flow> {
    each_line(file, each, |line, position, number, each| match line.split_once(": ") {
        Some(("version", "0")) if number == 0 => Flow::Continue(()),
        Some(("topic_id", id)) if number == 1 => each(Item::TopicId(id)),
        _ if number > 1 && line.is_empty() => Flow::Continue(()),
        _ => tell(file, position, NOT_OF_THE_FORM, each),
    })
}
