//! Checkpoints of a log directory of which lines can't be read: the others are kept.
//!
//! To Kafka and to us a checkpoint with one bad line says nothing at all. A recovery point that is
//! lost costs a look at the whole log; a log start that is lost shows records again that were deleted.

use super::Step;
use super::kept::{Kept, KeptIn};
use crate::log::{Result, checkpoint};
use crate::model::{TopicName, TopicPartition};
use crate::storage::{self, Open, Storage};

/// What would be done to the checkpoints of a log directory.
///
/// # Errors
/// As the file system says.
pub fn plan_checkpoints(storage: &dyn Storage, dir: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for file in checkpoint::OF_OFFSETS {
        let path = path_in(dir, file);
        if let Some((_, lines)) = readable(storage, &path)? {
            steps.push(Step::DropLines { path: storage.display(&path), lines });
        }
    }
    Ok(steps)
}

/// Does it. The caller holds what keeps others from writing them.
///
/// # Errors
/// As the file system says; a file is the old one or the new one.
pub fn repair_checkpoints(
    storage: &dyn Storage,
    dir: &str,
    kept_in: &KeptIn,
    now_ms: i64,
) -> Result<()> {
    let name = TopicName::new("checkpoints").expect("letters are a name");
    let mut kept = Kept::new(kept_in, &TopicPartition::new(name, 0), now_ms);
    for file in checkpoint::OF_OFFSETS {
        let path = path_in(dir, file);
        if let Some((offsets, _)) = readable(storage, &path)? {
            kept.keep(&*storage.open(&path, Open::Read)?, file, None)?;
            checkpoint::write_offsets(storage, &path, &offsets)?;
        }
    }
    Ok(())
}

fn path_in(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// What can be read of a checkpoint that is damaged, and how many lines can't; `None` of one that
/// is sound or not there.
fn readable(storage: &dyn Storage, path: &str) -> Result<Option<(checkpoint::Offsets, usize)>> {
    let Some(file) = storage::found(storage.open(path, Open::Read))? else {
        return Ok(None);
    };
    let len = file.metadata()?.len;
    if len > crate::model::limits::TEXT_FILE_BYTES_MAX {
        return Ok(Some((checkpoint::Offsets::new(), 1)));
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let version = lines.next().is_some_and(|line| line.trim() == "0");
    let count = lines.next().and_then(|line| line.trim().parse::<usize>().ok());
    let lines: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
    let offsets: checkpoint::Offsets =
        lines.iter().filter_map(|line| checkpoint::parse_offset(line)).collect();
    let bad =
        lines.len() - lines.iter().filter(|it| checkpoint::parse_offset(it).is_some()).count();
    let is_sound = version && count == Some(lines.len()) && bad == 0;
    Ok((!is_sound).then_some((offsets, bad)))
}
