//! What follows a failed write or sync.
//!
//! The kernel may have dropped pages that it still shows, and a sync that then returns `Ok` proves
//! nothing of them. So the partition is suspect, for all processes by the control file, until a
//! writer has read what is not known to be durable, checked it, written it anew and synced that.
//!
//! One gap is left: who dies after a sync has failed and before he could say so takes that with
//! him. The kernel tells every process that had the file open then, but none that opens it later.
//!
//! An append that was refused must not come true later: what stands past the published end of a
//! suspect log is cut off, where otherwise a whole batch there is taken over.

use super::control::State;
use super::error::Result;
use super::partition::{Notice, Place};
use super::walk::walk_segment;
use super::writer::Writer;
use crate::model::Offset;
use crate::storage::File;

/// Bytes written anew at a time.
const REWRITE_BYTES: usize = 1 << 20;

/// Writes the bytes of `position..end` anew, just as they are read.
pub(super) fn rewrite(file: &dyn File, mut position: u64, end: u64) -> Result<()> {
    let left = |position| usize::try_from(end.saturating_sub(position)).unwrap_or(usize::MAX);
    let mut buffer = vec![0; left(position).min(REWRITE_BYTES)];
    while position < end {
        let bytes = &mut buffer[..left(position).min(REWRITE_BYTES)];
        file.read_exact_at(bytes, position)?;
        file.write_all_at(bytes, position)?;
        position += bytes.len() as u64;
    }
    Ok(())
}

impl Writer {
    /// Puts a suspect log in order; `false` where bytes that were published cannot be read back
    /// any more.
    pub(super) fn heal(&mut self, place: &Place, notices: &mut Vec<Notice>) -> Result<bool> {
        if !self.state.suspect {
            return Ok(true);
        }
        let (position, end) = (self.state.recovery_position, self.state.end_position);
        let log = &*self.active.log;
        if log.metadata()?.len > end {
            log.set_len(end)?;
        }
        let from = Offset(self.state.recovery_point);
        if walk_segment(log, from, position, u64::MAX)?.end_position != end {
            return Ok(false);
        }
        rewrite(log, position, end)?;
        log.sync_data()?;
        let bytes = end - position;
        // Of a checkpoint that could not be written nothing was in doubt.
        if bytes > 0 {
            notices.push(Notice::Rewritten { partition: place.partition.clone(), bytes });
        }
        self.state.suspect = false;
        self.state.recovery_point = self.state.end_offset;
        self.state.recovery_position = end;
        if self.state.has_producers {
            self.remake_txn_index(place)?;
        }
        self.publish()?;
        Ok(true)
    }

    /// Tells every process that a write or sync has failed. Where not even that can be written,
    /// the control file goes: the next writer then trusts nothing. `false` if it is still there.
    pub(super) fn mark_suspect(mut self, place: &Place) -> bool {
        // Not what the failed operation made of it. The control file itself may say that, where
        // a write failed that got far enough.
        self.state = State { suspect: true, ..self.published.clone() };
        let control = place.control.as_ref();
        let told = self.publish().is_ok()
            || control.is_some_and(|path| place.storage.remove_file(path).is_ok());
        // The next writer does it where this fails.
        let _ = self.active.log.set_len(self.state.end_position);
        told
    }
}
