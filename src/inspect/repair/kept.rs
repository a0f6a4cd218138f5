//! What a repair takes away is kept, durably, before it leaves the log.

use std::ops::Range;
use std::sync::Arc;

use crate::log::Result;
use crate::model::TopicPartition;
use crate::storage::{self, File, Open, Storage};

/// Bytes copied at a time.
const COPY_BYTES: usize = 1 << 20;

/// A directory for what was taken away, beside the log directory.
#[derive(Debug, Clone)]
pub struct KeptIn {
    /// The tree that it is in.
    pub storage: Arc<dyn Storage>,
    /// Its path there; made when there is something.
    pub dir: String,
}

/// The directory of one partition in it.
#[derive(Debug)]
pub(super) struct Kept {
    storage: Arc<dyn Storage>,
    dir: String,
    now_ms: i64,
    /// What was put there.
    pub(super) bytes: u64,
}

impl Kept {
    pub(super) fn new(kept_in: &KeptIn, partition: &TopicPartition, now_ms: i64) -> Self {
        let dir = format!("{}/{partition}", kept_in.dir);
        Self { storage: Arc::clone(&kept_in.storage), dir, now_ms, bytes: 0 }
    }

    /// Where it is, as a person would type it.
    pub(super) fn display(&self) -> String {
        self.storage.display(&self.dir)
    }

    /// Keeps a part of a file, or all of it; durable when this returns.
    pub(super) fn keep(
        &mut self,
        file: &dyn File,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<()> {
        self.make()?;
        let path = match &range {
            Some(range) => format!("{}/{name}.{}.{}", self.dir, range.start, self.now_ms),
            None => format!("{}/{name}.{}", self.dir, self.now_ms),
        };
        let range = range.map_or_else(|| Ok(0..file.metadata()?.len), Ok::<_, storage::Error>)?;
        let copy = self.storage.open(&path, Open::Create)?;
        copy.set_len(0)?;
        copy_range(file, range.clone(), &*copy, 0)?;
        copy.sync_data()?;
        self.bytes += range.end - range.start;
        Ok(self.storage.sync_dir(&self.dir)?)
    }

    /// Makes the directory and those above it, their names durable.
    fn make(&self) -> Result<()> {
        let ends = self.dir.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([self.dir.len()]) {
            let dir = &self.dir[..end];
            match self.storage.create_dir(dir) {
                Err(error) if !error.already_exists() => return Err(error.into()),
                Err(_) => {}
                Ok(()) => {
                    let above = dir.rsplit_once('/').map_or("", |(above, _)| above);
                    self.storage.sync_dir(above)?;
                }
            }
        }
        Ok(())
    }
}

/// Copies bytes of a file to a position of another; gives the position after them.
pub(super) fn copy_range(
    from: &dyn File,
    range: Range<u64>,
    to: &dyn File,
    mut position: u64,
) -> storage::Result<u64> {
    let mut buffer =
        vec![0; COPY_BYTES.min(usize::try_from(range.end - range.start).unwrap_or(COPY_BYTES))];
    let mut at = range.start;
    while at < range.end {
        let wanted = buffer.len().min(usize::try_from(range.end - at).unwrap_or(usize::MAX));
        from.read_exact_at(&mut buffer[..wanted], at)?;
        to.write_all_at(&buffer[..wanted], position)?;
        at += wanted as u64;
        position += wanted as u64;
    }
    Ok(position)
}
