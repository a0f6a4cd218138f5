//! Plain types that every room shares: names, numbers and limits; no I/O, nothing that waits.

pub mod config;
pub mod limits;
mod names;
mod offset;
mod uuid;

pub use names::{InvalidTopicName, TopicName, TopicPartition};
pub use offset::Offset;
pub use uuid::Uuid;
