//! One partition's log, in Kafka's files.
//!
//! A partition is a directory of segments. A segment is a `.log` file of record batches, named by
//! the offset of its first, beside an `.index` (offset to position) and a `.timeindex` (time to
//! offset). Only the last segment, the active one, is appended to.
//!
//! Several processes append at once, each batch under the partition's lock; what they must agree
//! on is in the partition's [control file](control), as of the last append that was published.
//! Readers hold no lock: they read up to the published end, in whole batches.
//!
//! What a call leaves on disk: [`PartitionLog::append`] has written the batch, and published it
//! to every process of this machine; [`PartitionLog::sync`] has made it durable.

mod aborted;
mod admission;
mod append;
pub mod checkpoint;
mod compaction;
pub mod control;
mod deletion;
mod durable;
pub mod epochs;
mod error;
mod import;
pub mod index;
mod indexing;
mod leftovers;
pub mod names;
mod partition;
mod producer_replay;
mod producers;
mod read;
mod recovery;
mod replay;
mod retention;
pub mod scan;
mod segment;
pub mod snapshot;
mod suspect;
#[cfg(test)]
mod tests;
mod time;
mod transactions;
mod txn_index;
mod undecided;
mod view;
mod waking;
mod walk;
mod writer;

pub use aborted::AbortedTransaction;
pub use append::Appended;
pub use compaction::{Compacted, Compaction, CompactionEnd, Dirtiness};
pub use error::{Corruption, Error, Fault, Result};
pub use import::Import;
pub use leftovers::finish_replacements;
pub use partition::{Notice, Owned, PartitionLog, Place};
pub use producer_replay::{EndedTransaction, ProducerReplay};
pub use producers::ProducerInfo;
pub use read::{Chunk, Cursor};
pub use recovery::TailFault;
pub use retention::{DueSegment, Retained, RetentionRule};
pub use segment::{Segment, list_segments};
pub use time::TimedOffset;
pub use transactions::{EndMarker, TransactionCheck, TransactionVersion};
pub use view::View;
pub use waking::Listener;
pub use walk::index_entries;
