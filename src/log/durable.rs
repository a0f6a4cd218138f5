//! Making durable what others wrote: whoever notes that he has read so far must not be ahead of
//! what a crash of the machine leaves.

use super::error::Result;
use super::partition::PartitionLog;
use super::view::View;
use crate::model::Offset;

impl View {
    /// Everything below is durable, by what was published.
    #[must_use]
    pub const fn durable_end(&self) -> Offset {
        Offset(self.state().recovery_point)
    }
}

impl PartitionLog {
    /// Makes all below an offset durable, whichever process wrote it. Costs a look at the control
    /// file where it is so already.
    ///
    /// # Errors
    /// As [`PartitionLog::sync`] says.
    pub fn make_durable(&self, end: Offset, now_ms: i64) -> Result<()> {
        if self.published_view()?.is_some_and(|view| view.durable_end() >= end) {
            return Ok(());
        }
        // Opening it may have synced all of it.
        let is_due = self.with_writer(now_ms, |_, _, writer| {
            let is_due = writer.state.recovery_point < end.0;
            if is_due {
                writer.remember_unsynced();
            }
            Ok(is_due)
        })?;
        if is_due { self.sync(now_ms) } else { Ok(()) }
    }

    /// The same for who may not write, and so can't tell others of it: has the disk take all below an
    /// offset, unless it is known to be there.
    ///
    /// # Errors
    /// As the file system says; nothing is known then of what it has.
    pub fn sync_seen(&self, end: Offset) -> Result<()> {
        match self.published_view()? {
            Some(view) if view.durable_end() < end => {
                Ok(self.segment(Offset(view.state().active_base))?.log.sync_data()?)
            }
            _ => Ok(()),
        }
    }
}
