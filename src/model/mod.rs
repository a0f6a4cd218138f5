//! Plain types that every room shares: names, numbers and limits; no I/O, nothing that waits.

mod compression;
pub mod config;
mod isolation;
pub mod limits;
mod names;
mod offset;
mod partitioner;
mod timestamp;
mod unique;
mod uuid;

pub use compression::{Compression, UnknownCompression};
pub use config::{ConfigError, TopicConfig};
pub use isolation::IsolationLevel;
pub use names::{InvalidTopicName, TopicName, TopicPartition};
pub use offset::Offset;
pub use partitioner::{murmur2, partition_for_key};
pub use timestamp::{TimestampType, UnknownTimestampType};
pub use unique::each_once;
pub use uuid::Uuid;
