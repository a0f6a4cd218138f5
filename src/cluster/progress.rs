//! Going on where a reader stopped, and noting how far one has come.

use super::reader::PartitionReader;
use crate::broker::Result;
use crate::model::Offset;

impl PartitionReader {
    /// Goes to where somebody had come who noted the offset and its leader epoch (-1 if not
    /// known). Where the log was cut below that since, it goes back to the cut, and gives that:
    /// what follows are other records.
    ///
    /// # Errors
    /// As the file system says.
    pub fn resume(&mut self, offset: Offset, leader_epoch: i32) -> Result<Option<Offset>> {
        // Also past what it may see: others may see more.
        let mut to = offset.min(self.view().end());
        if leader_epoch >= 0 {
            let found = self.log().end_offset_for_epoch(self.view(), leader_epoch);
            let found = found.map_err(|error| self.failed(error))?;
            to = found.map_or(to, |(_, epoch_end)| to.min(epoch_end));
        }
        self.seek(to);
        Ok((to < offset).then_some(to))
    }

    /// The leader epoch of what stands before an offset.
    ///
    /// # Errors
    /// As the file system says.
    pub fn leader_epoch_before(&self, offset: Offset) -> Result<i32> {
        let before = Offset(offset.0 - 1).max(Offset::ZERO);
        let found = self.log().epoch_at(self.view(), before);
        found.map_err(|error| self.failed(error))
    }

    /// Makes what stands before an offset durable, whoever wrote it: before anybody notes that he
    /// has read so far. Only who may write can.
    ///
    /// # Errors
    /// As the file system says.
    pub fn make_durable(&self, end: Offset, now_ms: i64) -> Result<()> {
        self.log().make_durable(end, now_ms).map_err(|error| self.failed(error))
    }

    /// The same for who may not write: has the disk take what was read.
    ///
    /// # Errors
    /// As the file system says.
    pub fn sync_seen(&self, end: Offset) -> Result<()> {
        self.log().sync_seen(end).map_err(|error| self.failed(error))
    }
}
