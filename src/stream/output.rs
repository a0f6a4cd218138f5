//! What a task puts out.

use super::error::Result;
use super::record::Record;
use super::state::StoreId;
use super::topology::SinkId;

/// Takes what a task puts out, in order. All that came since the last commit belongs together: whoever runs the task writes
/// it in one transaction with the offsets of what was taken in, and then commits the state.
pub trait Output {
    /// A result.
    ///
    /// # Errors
    /// As whoever takes it says; the task is not used again.
    fn record(&mut self, sink: SinkId, record: &Record<'_>) -> Result<()>;

    /// A row of a store as it is now; `None` removes it. What [`Task::restore`](super::Task::restore) takes.
    ///
    /// # Errors
    /// As whoever takes it says; the task is not used again.
    fn changelog(&mut self, row: ChangelogRow<'_>) -> Result<()>;
}

/// A record of a store's changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangelogRow<'a> {
    /// Which store.
    pub store: StoreId,
    /// The key in the store.
    pub key: &'a [u8],
    /// The bytes there; `None` once they are gone.
    pub value: Option<&'a [u8]>,
}
