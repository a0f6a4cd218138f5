//! Looking into logs, also those of a dead directory: dumping, verifying and repairing them.
//!
//! Nothing in here takes a lock or maps what nobody has validated, and only [`repair`] changes a
//! file. Whatever the bytes are, memory stays bounded: files are walked through buffers, indexes
//! beside the log.
//! Uses `log` and what stands below it, never the broker.

mod batches;
mod beside;
mod decoded;
mod directory;
pub mod dump;
mod entries;
mod finding;
mod indexes;
mod opened;
mod pieces;
mod problem;
mod producers;
pub mod repair;
mod replay;
mod segment;
mod target;
mod transactions;
mod verify;

pub use decoded::Undecodable;
pub use directory::{KnownTopic, verify_directory};
pub use finding::{Finding, Problem, Report, Severity};
pub use target::{ForeignLock, Target, TargetError, TargetKind};
pub use verify::{bytes_to_verify, verify_partition};
