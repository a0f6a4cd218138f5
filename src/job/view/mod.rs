//! Tables to look at: one that is kept ([`TableView`]), and the view of a topic, the latest value of each key, over all
//! partitions.
//!
//! Nothing relies on the partition that a key belongs to, since clients differ in that. Within a partition the record with the
//! higher offset is the later one, whatever its timestamp; of one key in several partitions the latest record of each is
//! looked at, and the one with the later timestamp counts, then the one in the higher partition. A null value removes the
//! key; records without a key are no rows. Only committed records are seen.

mod find;
mod runs;
mod table;
#[cfg(test)]
mod tests;
mod topic;

pub use find::find;
pub use table::{Reflected, TableView};
pub use topic::{Reading, TopicView};

use crate::cluster::{self, Cluster, TopicInfo};
pub use crate::stream::{Keys, Window};

/// Why a topic cannot be seen as a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The topic cannot be read.
    #[error(transparent)]
    Read(#[from] cluster::Error),
    /// What is kept of a table is damaged.
    #[error(transparent)]
    State(#[from] crate::stream::Error),
    /// Rows that do not fit into memory cannot be kept elsewhere.
    #[error("cannot keep rows in {directory}: {source}")]
    Scratch {
        /// Where they were to be.
        directory: String,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A row of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When it was written, in milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// The latest record of a key in a partition, as far as it tells which of several partitions counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    timestamp: i64,
    partition: i32,
}

/// What of a topic's past is not there any more, so that a view of the past lacks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gone {
    /// Partitions whose first records were deleted.
    pub deleted: usize,
    /// Partitions that compaction has been over.
    pub compacted: usize,
}

/// What of a topic's past is not there any more.
///
/// # Errors
/// As the file system says.
pub fn gone(cluster: &Cluster, topic: &TopicInfo, now_ms: i64) -> cluster::Result<Gone> {
    let mut gone = Gone::default();
    for partition in 0..topic.partitions {
        let reader = cluster.reader(topic, partition)?;
        let (start, _) = reader.bounds();
        gone.deleted += usize::from(start.0 > 0);
        let dirtiness = reader.log().dirtiness(now_ms).map_err(|error| reader.failed(error))?;
        gone.compacted += usize::from(dirtiness.first_dirty > start);
    }
    Ok(gone)
}
