//! Leader epochs of a partition: which offset each one began at.
//!
//! One node never elects anybody, so the epoch rises for one reason only: records that readers
//! may have seen were cut off by recovery. Whoever remembers an offset with its epoch can tell.
//!
//! The file is a checkpoint of lines `<epoch> <start offset>`, both rising.
//! Source: Kafka's `org.apache.kafka.storage.internals.checkpoint.LeaderEpochCheckpointFile`.

use super::segment::path_in;
use super::{checkpoint, names};
use crate::model::Offset;
use crate::storage::{self, Open, Storage};

/// One leader epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEntry {
    /// The epoch, from 0 up.
    pub epoch: i32,
    /// The first offset appended in it.
    pub start_offset: Offset,
}

/// The epochs of a partition, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaderEpochs(Vec<EpochEntry>);

impl LeaderEpochs {
    /// The epochs of a fresh partition: epoch 0 from offset 0.
    #[must_use]
    pub fn fresh() -> Self {
        Self(vec![EpochEntry { epoch: 0, start_offset: Offset::ZERO }])
    }

    /// Reads a partition directory's file. A missing or malformed one is empty.
    ///
    /// # Errors
    /// As the file system says.
    pub fn read(storage: &dyn Storage, dir: &str) -> storage::Result<Self> {
        let path = path_in(dir, names::LEADER_EPOCHS);
        let text = checkpoint::read_text(storage, &path)?;
        Ok(text.and_then(|text| Self::parse(&text)).unwrap_or_default())
    }

    /// The epochs that the text of such a file holds; `None` where it is malformed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut entries = Vec::new();
        for line in checkpoint::parse_lines(text)? {
            let (epoch, start) = line.split_once(' ')?;
            let entry = EpochEntry {
                epoch: epoch.parse().ok()?,
                start_offset: Offset(start.trim().parse().ok()?),
            };
            let rising = entries.last().is_none_or(|last: &EpochEntry| {
                last.epoch < entry.epoch && last.start_offset <= entry.start_offset
            });
            if !rising || entry.epoch < 0 {
                return None;
            }
            entries.push(entry);
        }
        Some(Self(entries))
    }

    /// Replaces a partition directory's file.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write(&self, storage: &dyn Storage, dir: &str) -> storage::Result<()> {
        let path = path_in(dir, names::LEADER_EPOCHS);
        storage::replace_file(storage, &path, self.text().as_bytes())
    }

    /// Writes the file of a directory that is new, without the name's being durable.
    ///
    /// # Errors
    /// As the file system says.
    pub fn write_new(&self, storage: &dyn Storage, dir: &str) -> storage::Result<()> {
        let file = storage.open(&path_in(dir, names::LEADER_EPOCHS), Open::CreateNew)?;
        file.write_all_at(self.text().as_bytes(), 0)?;
        file.sync_data()
    }

    fn text(&self) -> String {
        let lines: Vec<_> =
            self.0.iter().map(|entry| format!("{} {}", entry.epoch, entry.start_offset)).collect();
        checkpoint::format_lines(&lines)
    }

    /// The epochs, in order.
    #[must_use]
    pub fn entries(&self) -> &[EpochEntry] {
        &self.0
    }

    /// The epoch that appends are made in.
    #[must_use]
    pub fn latest(&self) -> i32 {
        self.0.last().map_or(0, |entry| entry.epoch)
    }

    /// Notes that an epoch began at an offset, unless a later one is known.
    pub fn begin(&mut self, epoch: i32, start_offset: Offset) {
        if self.0.last().is_none_or(|last| last.epoch < epoch) {
            self.0.push(EpochEntry { epoch, start_offset });
        }
    }

    /// Forgets what began at or past the end of the log.
    pub fn truncate_to(&mut self, end: Offset) {
        self.0.retain(|entry| entry.start_offset < end || entry.start_offset == Offset::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_form() {
        let epochs = LeaderEpochs::parse("0\n2\n0 0\n3 1413\n").expect("well-formed");
        assert_eq!(epochs.latest(), 3);
        for text in ["0\n2\n3 0\n0 5\n", "0\n1\nx 0\n", "0\n1\n0\n", "0\n1\n-1 0\n"] {
            assert_eq!(LeaderEpochs::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_cut_forgets_what_began_past_it() {
        let mut epochs = LeaderEpochs::fresh();
        epochs.begin(1, Offset(10));
        epochs.begin(1, Offset(12));
        assert_eq!(epochs.entries().len(), 2);
        epochs.truncate_to(Offset(10));
        assert_eq!(epochs.latest(), 0);
    }
}
